//! The entries of one directory, from the pages of its listing.

use std::sync::Arc;

use crate::error::Result;
use crate::s3::key::KeyMap;
use crate::s3::list::pages::{Entry, Pages, entries, warn_unnameable};

/// Iterator over the entries of a directory. Pages are requested when they are needed.
pub(in crate::s3) struct Scan<'a> {
    pages: Pages<'a>,
    prefix: Arc<str>,
    keys: &'a KeyMap,
    ready: std::vec::IntoIter<Entry>,
    unnameable: usize,
}

impl<'a> Scan<'a> {
    /// Returns the entries below a prefix in these pages, which are grouped at the delimiter.
    pub(in crate::s3) fn new(pages: Pages<'a>, prefix: String, keys: &'a KeyMap) -> Self {
        Self {
            pages,
            prefix: prefix.into(),
            keys,
            ready: Vec::new().into_iter(),
            unnameable: 0,
        }
    }

    /// Returns the prefix of the keys in the directory.
    pub(in crate::s3) fn prefix(&self) -> Arc<str> {
        Arc::clone(&self.prefix)
    }

    /// Requests the first page. Returns true if any key exists, including the marker.
    pub(in crate::s3) fn begin(&mut self) -> Result<bool> {
        let Some(page) = self.pages.next().transpose()? else {
            return Ok(false);
        };
        let is_there = !crate::s3::list::pages::is_empty(&page);
        self.ready = entries(page, &self.prefix, self.keys, &mut self.unnameable).into_iter();
        Ok(is_there)
    }

    /// Returns the entries that are available without another request, or else those of the next page. Returns `None`
    /// after the last.
    pub(in crate::s3) fn next_page(&mut self) -> Option<Result<Vec<Entry>>> {
        loop {
            if self.ready.len() > 0 {
                let ready = std::mem::take(&mut self.ready);
                return Some(Ok(ready.collect()));
            }
            match self.pages.next() {
                None => {
                    warn_unnameable(std::mem::take(&mut self.unnameable), &self.prefix);
                    return None;
                }
                Some(Err(error)) => return Some(Err(error)),
                Some(Ok(page)) => {
                    let page = entries(page, &self.prefix, self.keys, &mut self.unnameable);
                    self.ready = page.into_iter();
                }
            }
        }
    }
}

impl Iterator for Scan<'_> {
    type Item = Result<Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ready.len() == 0 {
            match self.next_page()? {
                Ok(page) => self.ready = page.into_iter(),
                Err(error) => return Some(Err(error)),
            }
        }
        self.ready.next().map(Ok)
    }
}
