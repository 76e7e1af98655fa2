//! [`Pairs`]: two listings that are read together, so that a mirror compares trees of any size.

use std::cmp::Ordering;

use crate::error::Result;
use crate::transfer::snapshot::{Entry, Listing, Snapshot};

/// The listings of source and target, in windows. Both windows of a pair contain the same range of paths, and a file is in
/// the same window as the content of a directory with its path.
///
/// This requires that both listings have the order of keys: that of the bytes, if the path of a directory, which comes after
/// its content, ends with a slash and the last of all characters. S3, the local disk and a [`MemoryFs`](crate::MemoryFs)
/// list in this order.
pub(crate) struct Pairs<'a> {
    source: Side<'a>,
    target: Side<'a>,
}

/// One of the two listings.
struct Side<'a> {
    listing: Listing<'a>,
    /// The last entry that a window contains, and whether it is a directory.
    last: Option<(String, bool)>,
}

impl<'a> Pairs<'a> {
    pub(crate) fn new(source: Listing<'a>, target: Listing<'a>) -> Self {
        let side = |listing| Side {
            listing,
            last: None,
        };
        Self {
            source: side(source),
            target: side(target),
        }
    }

    /// Returns true if there are entries that no window contains yet.
    pub(crate) fn has_more(&self) -> bool {
        self.source
            .listing
            .peek()
            .or(self.target.listing.peek())
            .is_some()
    }

    /// Returns the next two windows, together with about as many entries as wanted. `None` if one of the listings does not
    /// have the order of keys.
    pub(crate) fn next(&mut self, wanted: usize) -> Result<Option<(Snapshot, Snapshot)>> {
        let mut source = self.source.listing.begin();
        let mut target = self.target.listing.begin();
        loop {
            if !self.source.is_in_order() || !self.target.is_in_order() {
                return Ok(None);
            }
            let heads = (self.source.listing.peek(), self.target.listing.peek());
            let order = match heads {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(source), Some(target)) => position(source).cmp(position(target)),
            };
            let head = if order == Ordering::Greater {
                heads.1
            } else {
                heads.0
            };
            let is_full = source.len() + target.len() >= wanted;
            if is_full && head.is_some_and(|head| may_end_before(head, [&source, &target])) {
                break;
            }
            if order != Ordering::Greater {
                self.source.take_into(&mut source)?;
            }
            if order != Ordering::Less {
                self.take_target(&mut target)?;
            }
        }
        let source = self.source.listing.finish(source)?;
        let target = self.target.listing.finish(target)?;
        Ok(Some((source, target)))
    }

    /// Moves the next entry of the target into a window. If it is in a directory that the source does not have, all entries
    /// below that directory are left out: the directory comes last, and is removed as a whole.
    fn take_target(&mut self, window: &mut Snapshot) -> Result<()> {
        let Some(stale) = self.missing_in_source() else {
            return self.target.take_into(window);
        };
        let is_below = |entry: &Entry| {
            let below = entry.path().strip_prefix(&*stale);
            below.is_some_and(|below| below.starts_with('/'))
        };
        while self.target.listing.peek().is_some_and(is_below) {
            if !self.target.is_in_order() {
                // The next step notices this, too.
                return Ok(());
            }
            self.target.skip()?;
        }
        Ok(())
    }

    /// Returns the outermost directory above the next entry of the target that the source does not have.
    fn missing_in_source(&self) -> Option<String> {
        let path = self.target.listing.peek()?.path();
        let next = self.source.listing.peek();
        let has = |directory: &str| {
            self.source.listing.is_open(directory)
                || next.is_some_and(|next| {
                    let below = next.path().strip_prefix(directory);
                    below.is_some_and(|below| {
                        below.starts_with('/') || below.is_empty() && is_dir(next)
                    })
                })
        };
        let ends = path.match_indices('/').map(|(end, _)| end);
        let mut above = ends.filter_map(|end| path.get(..end));
        above.find(|directory| !has(directory)).map(str::to_owned)
    }

    /// Returns everything that both listings contain, in whatever order.
    pub(crate) fn whole(&mut self) -> Result<(Snapshot, Snapshot)> {
        let source = self.source.listing.window(usize::MAX)?;
        Ok((source, self.target.listing.window(usize::MAX)?))
    }
}

impl Side<'_> {
    /// Returns true if the next entry, if there is one, comes after the last one in the order of keys.
    fn is_in_order(&self) -> bool {
        let (Some(next), Some((path, is_dir))) = (self.listing.peek(), &self.last) else {
            return true;
        };
        position_of(path, *is_dir).lt(position(next))
    }

    /// Moves the next entry into a window.
    fn take_into(&mut self, window: &mut Snapshot) -> Result<()> {
        self.note_last();
        self.listing.take_into(window)
    }

    /// Leaves out the next entry.
    fn skip(&mut self) -> Result<()> {
        self.note_last();
        self.listing.skip()
    }

    fn note_last(&mut self) {
        let next = self.listing.peek();
        self.last = next.map(|next| (next.path().to_owned(), is_dir(next)));
    }
}

fn is_dir(entry: &Entry) -> bool {
    matches!(entry, Entry::Directory { .. })
}

/// Returns the bytes that determine the position of an entry in the order of keys.
fn position(entry: &Entry) -> impl Iterator<Item = u8> {
    position_of(entry.path(), is_dir(entry))
}

fn position_of(path: &str, is_dir: bool) -> impl Iterator<Item = u8> {
    // No character has the byte 0xFF.
    let end: &[u8] = if is_dir { &[b'/', 0xFF] } else { &[] };
    path.bytes().chain(end.iter().copied())
}

/// Returns true if the windows may end before this entry: none of their files has the path of a directory whose content may
/// come next.
///
/// The content of a directory `a` comes directly after the file `a`, except for files and directories such as `a-b`, whose
/// next character sorts before the slash.
fn may_end_before(entry: &Entry, windows: [&Snapshot; 2]) -> bool {
    let path = entry.path();
    let ends = path.bytes().enumerate().filter(|(_, byte)| *byte <= b'/');
    let whole = is_dir(entry).then_some(path.len());
    let mut ends = ends.map(|(end, _)| end).chain(whole);
    !ends.any(|end| {
        let name = path.get(..end).unwrap_or_default();
        windows.iter().any(|window| window.has_file(name))
    })
}
