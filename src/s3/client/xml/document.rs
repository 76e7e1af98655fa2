//! The pull reader for the parsers: returns elements by their local names, and text by field. It allocates
//! nothing but the returned values.
//!
//! Nearly all elements of S3's documents are plain: `<Name>text</Name>`. These are read at once; `quick_xml` reads all
//! others, and reports all faults.

use std::borrow::Cow;
use std::io::BufRead as _;

use quick_xml::Reader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};

use crate::s3::client::xml::{Result, XmlError};

/// Maximum depth of elements. S3's documents are at most six elements deep.
const MAX_DEPTH: usize = 32;

/// Maximum length of a field's text. A key has at most 1,024 bytes, 3,072 when percent-encoded.
const MAX_TEXT: usize = 8 * 1024;

/// An XML document, read from its first byte to its last.
pub(super) struct Document<'a> {
    text: &'a str,
    reader: Reader<&'a [u8]>,
    depth: usize,
    /// Whether the last event was a tag, so that the reader is at the start of a text or of the next tag.
    is_after_tag: bool,
    /// The text of the element that was just entered, if all of the element has been read.
    plain: Option<&'a str>,
    /// The text of a field that arrived in several pieces.
    joined: String,
}

/// Handling of a text that is too long, or contains elements.
#[derive(Clone, Copy, PartialEq)]
enum Rule {
    Refuse,
    Cut,
}

impl<'a> Document<'a> {
    /// Opens the document and returns it with the start tag of its root.
    pub(super) fn open(text: &'a str) -> Result<(Self, BytesStart<'a>)> {
        let mut document = Self {
            text,
            reader: Reader::from_str(text),
            depth: 0,
            is_after_tag: false,
            plain: None,
            joined: String::new(),
        };
        match document.past_the_margin()? {
            Event::Start(root) => Ok((document, root)),
            Event::Empty(root) => {
                document.plain = Some("");
                Ok((document, root))
            }
            Event::Eof => Err(XmlError::malformed("the response is empty")),
            _ => Err(XmlError::malformed("the response is not XML")),
        }
    }

    /// Calls `each` for each child of the element that was just entered, up to its end tag.
    ///
    /// Any rest of a child that `each` does not read is skipped, at any depth.
    pub(super) fn children(
        &mut self,
        mut each: impl FnMut(&mut Self, &str) -> Result<()>,
    ) -> Result<()> {
        if self.plain.take().is_some() {
            return Ok(());
        }
        let depth = self.depth;
        loop {
            if let Some(name) = self.plain_child() {
                each(self, name).map_err(|error| error.within(name))?;
                self.plain = None;
                continue;
            }
            match self.event()? {
                Event::Start(child) => {
                    let name = child.local_name().into_inner();
                    each(self, name).map_err(|error| error.within(name))?;
                    self.skip_to(depth)?;
                }
                Event::Empty(child) => {
                    let name = child.local_name().into_inner();
                    self.joined.clear();
                    self.plain = Some("");
                    each(self, name).map_err(|error| error.within(name))?;
                    self.plain = None;
                }
                Event::End(_) => return Ok(()),
                _ => {}
            }
        }
    }

    /// Enters and reads the next child, and returns its name. `None` if the child is not plain: if it has a prefix,
    /// attributes, other markup or an unknown reference.
    fn plain_child(&mut self) -> Option<&'a str> {
        if !self.is_after_tag || self.depth == MAX_DEPTH {
            return None;
        }
        let start = self.text.len() - self.reader.get_ref().len();
        let rest = self.text.get(start..)?;
        let tag = rest.trim_ascii_start().strip_prefix('<')?;
        let (name, content) = split_before(tag, |byte| !byte.is_ascii_alphanumeric())?;
        let (text, end) = split_before(content.strip_prefix('>')?, |byte| byte == b'<')?;
        let end = end.strip_prefix("</")?.strip_prefix(name)?;
        let after = end.strip_prefix('>')?;
        self.joined.clear();
        if text.as_bytes().contains(&b'&') {
            resolve_all(text, &mut self.joined)?;
        }
        self.reader.stream().consume(rest.len() - after.len());
        self.plain = Some(text);
        Some(name)
    }

    /// Returns the whole text of the element that was just entered, not trimmed.
    pub(super) fn text(&mut self) -> Result<&str> {
        self.collect(Rule::Refuse)
    }

    /// Returns the text of an element for display: trimmed, cut if it is too long, without nested elements.
    pub(super) fn words(&mut self) -> Result<&str> {
        let text = self.collect(Rule::Cut)?;
        let mut end = text.len().min(MAX_TEXT);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        Ok(text[..end].trim_ascii())
    }

    /// Checks that nothing follows the root.
    pub(super) fn finish(mut self) -> Result<()> {
        match self.past_the_margin()? {
            Event::Eof => Ok(()),
            _ => Err(XmlError::malformed("data follows the root element")),
        }
    }

    fn collect(&mut self, rule: Rule) -> Result<&str> {
        let only = match self.plain.take() {
            Some(text) => text,
            None => self.collect_events(rule)?,
        };
        let text = if self.joined.is_empty() {
            only
        } else {
            &self.joined
        };
        if rule == Rule::Refuse && text.len() > MAX_TEXT {
            let what = format!("a text of {} bytes, which exceeds {MAX_TEXT}", text.len());
            return Err(XmlError::malformed(what));
        }
        Ok(text)
    }

    /// Returns the text if it is one piece. Otherwise, joins its pieces.
    fn collect_events(&mut self, rule: Rule) -> Result<&'a str> {
        let inside = self.depth;
        // Nearly every text is one piece, which is not copied.
        let mut only: &'a str = "";
        self.joined.clear();
        loop {
            match self.event()? {
                // Line ends are not normalized: no store breaks a line within a key, so a carriage return
                // belongs to the key.
                Event::Text(piece) => match piece.into_inner() {
                    Cow::Borrowed(piece) if only.is_empty() && self.joined.is_empty() => {
                        only = piece;
                    }
                    piece => self.join(&mut only, &piece),
                },
                Event::CData(piece) => self.join(&mut only, &piece),
                Event::GeneralRef(reference) => {
                    let character = resolve(&reference)?;
                    self.join(&mut only, character.encode_utf8(&mut [0; 4]));
                }
                Event::Start(_) if rule == Rule::Cut => self.skip_to(inside)?,
                Event::Empty(_) if rule == Rule::Cut => {}
                Event::Start(child) | Event::Empty(child) => {
                    let what = format!(
                        "unexpected element <{}> in a text",
                        clip(child.name().into_inner())
                    );
                    return Err(XmlError::malformed(what));
                }
                Event::End(_) => return Ok(only),
                _ => {}
            }
        }
    }

    fn join(&mut self, only: &mut &'a str, piece: &str) {
        self.joined.push_str(std::mem::take(only));
        self.joined.push_str(piece);
    }

    fn skip_to(&mut self, depth: usize) -> Result<()> {
        while self.depth > depth {
            self.event()?;
        }
        Ok(())
    }

    /// Returns the first event outside the root that is neither white space nor a comment.
    ///
    /// S3 sends white space while a long copy or complete runs, before the document or after its
    /// declaration.
    fn past_the_margin(&mut self) -> Result<Event<'a>> {
        loop {
            match self.event()? {
                Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
                Event::Text(text) if text.trim_ascii().is_empty() => {}
                event => return Ok(event),
            }
        }
    }

    fn event(&mut self) -> Result<Event<'a>> {
        let event = match self.reader.read_event() {
            Ok(event) => event,
            Err(error) => return Err(self.broken(&error)),
        };
        match event {
            Event::Start(_) | Event::Empty(_) if self.depth == MAX_DEPTH => {
                let what = format!("elements nested more than {MAX_DEPTH} deep");
                return Err(XmlError::malformed(what));
            }
            Event::Start(_) => self.depth += 1,
            Event::End(_) => self.depth = self.depth.saturating_sub(1),
            Event::DocType(_) => {
                return Err(XmlError::malformed("unexpected document type declaration"));
            }
            Event::Eof if self.depth > 0 => {
                return Err(XmlError::malformed("the response ends within an element"));
            }
            _ => {}
        }
        self.is_after_tag = matches!(event, Event::Start(_) | Event::Empty(_) | Event::End(_));
        Ok(event)
    }

    #[cold]
    fn broken(&self, error: &quick_xml::Error) -> XmlError {
        let position = self.reader.error_position();
        let error = error.to_string();
        XmlError::malformed(format!("broken XML at byte {position}: {}", clip(&error)))
    }
}

/// Shortens and escapes the text for an error message.
pub(super) fn clip(text: &str) -> String {
    const MOST: usize = 80;
    let mut clipped: String = text
        .chars()
        .take(MOST)
        .flat_map(char::escape_debug)
        .collect();
    if text.chars().nth(MOST).is_some() {
        clipped.push_str("...");
    }
    clipped
}

/// Splits the text before the first ASCII character for which `is_end` is true.
fn split_before(text: &str, is_end: impl Fn(u8) -> bool) -> Option<(&str, &str)> {
    text.split_at_checked(text.bytes().position(is_end)?)
}

/// Appends the text with all references resolved. `None` if this is not possible.
fn resolve_all(text: &str, resolved: &mut String) -> Option<()> {
    let mut rest = text;
    while let Some((before, reference)) = split_before(rest, |byte| byte == b'&') {
        let (name, after) = split_before(reference.strip_prefix('&')?, |byte| byte == b';')?;
        resolved.push_str(before);
        resolved.push(resolve(&BytesRef::new(name)).ok()?);
        rest = after.strip_prefix(';')?;
    }
    resolved.push_str(rest);
    Some(())
}

/// Resolves a character reference, or one of XML's own five entities. S3 declares no others, and a document that
/// declares some is rejected.
///
/// References to characters that XML 1.0 does not allow (`&#x7;`) are accepted, because S3 writes them
/// (boto/botocore#3496).
fn resolve(reference: &BytesRef<'_>) -> Result<char> {
    let unknown = || XmlError::malformed(format!("unknown reference &{};", clip(reference)));
    match reference.resolve_char_ref() {
        Ok(Some(character)) => Ok(character),
        Ok(None) => resolve_xml_entity(reference)
            .and_then(|text| text.chars().next())
            .ok_or_else(unknown),
        Err(_) => Err(unknown()),
    }
}
