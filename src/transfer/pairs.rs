//! [`Pairs`]: two listings that are read together, so that trees of any size can be compared.

use std::cmp::Ordering;

use crate::error::Result;
use crate::filesystem::endpoints::Endpoints;
use crate::filesystem::{FileSystem, Meta};
use crate::transfer::snapshot::{Entry, Listing, Snapshot, position};

/// The listings of source and target, in windows. Both windows of a pair contain the same range of paths, and a file is in
/// the same window as the content of a directory with its path.
///
/// This requires that both listings have the order of keys: that of the bytes, if the path of a directory, which comes after
/// its content, ends with a slash and the last of all characters. S3, the local disk and a [`MemoryFs`](crate::MemoryFs)
/// list in this order.
pub(crate) struct Pairs<'a> {
    source: Ordered<'a>,
    target: Ordered<'a>,
    /// Whether the content of target directories that the source does not have is left out.
    leaves_out_stale: bool,
}

/// A listing that is read in windows if it has the order of keys.
pub(crate) struct Ordered<'a> {
    pub(crate) listing: Listing<'a>,
    /// The last entry that a window contains, and whether it is a directory.
    last: Option<(String, bool)>,
}

impl<'a> Pairs<'a> {
    /// Reads two listings. With `leaves_out_stale`, entries of the target in a directory that the source does not have are left
    /// out if the listings are read in windows: the directory comes last, and can be removed as a whole.
    pub(crate) fn new(source: Listing<'a>, target: Listing<'a>, leaves_out_stale: bool) -> Self {
        Self {
            source: Ordered::new(source),
            target: Ordered::new(target),
            leaves_out_stale,
        }
    }

    /// Returns true if two trees can be read in windows, provided that their listings have the order that they claim. Names
    /// that differ only in case are at different positions, but can be the same file.
    pub(crate) fn can_be_windows(endpoints: Endpoints<'_>, dst_meta: &Meta) -> bool {
        let is_ordered = |fs: &dyn FileSystem| {
            let capabilities = fs.capabilities();
            capabilities.is_some_and(|capabilities| capabilities.lists_in_key_order())
        };
        is_ordered(endpoints.src) && is_ordered(endpoints.dst) && !dst_meta.case_insensitive
    }

    /// Returns true if there are entries that no window contains yet.
    pub(crate) fn has_more(&self) -> bool {
        self.source
            .listing
            .peek()
            .or(self.target.listing.peek())
            .is_some()
    }

    /// Returns the next two windows, together with about as many entries as wanted, or everything without a number. `None` if
    /// a number is given and one of the listings does not have the order of keys.
    pub(crate) fn next(&mut self, wanted: Option<usize>) -> Result<Option<(Snapshot, Snapshot)>> {
        let Some(wanted) = wanted else {
            let source = self.source.listing.window(usize::MAX)?;
            return Ok(Some((source, self.target.listing.window(usize::MAX)?)));
        };
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
                (Some(source), Some(target)) => source.position().cmp(target.position()),
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
        let source = self.source.finish(source)?;
        let target = self.target.finish(target)?;
        Ok(Some((source, target)))
    }

    /// Moves the next entry of the target into a window, or leaves out the directory that it is in.
    fn take_target(&mut self, window: &mut Snapshot) -> Result<()> {
        let stale = match self.leaves_out_stale {
            true => self.missing_in_source(),
            false => None,
        };
        let Some(stale) = stale else {
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
}

impl<'a> Ordered<'a> {
    pub(crate) fn new(listing: Listing<'a>) -> Self {
        Self {
            listing,
            last: None,
        }
    }

    /// Returns true if the next entry, if there is one, comes after the last one in the order of keys.
    pub(crate) fn is_in_order(&self) -> bool {
        let (Some(next), Some((path, is_dir))) = (self.listing.peek(), &self.last) else {
            return true;
        };
        position(path, *is_dir).lt(next.position())
    }

    /// Moves the next entry into a window.
    pub(crate) fn take_into(&mut self, window: &mut Snapshot) -> Result<()> {
        self.note_last();
        self.listing.take_into(window)
    }

    /// Leaves out the next entry.
    fn skip(&mut self) -> Result<()> {
        self.note_last();
        self.listing.skip()
    }

    /// Ends a window. What is known about the directories before the next entry is not needed after it.
    pub(crate) fn finish(&mut self, window: Snapshot) -> Result<Snapshot> {
        let window = self.listing.finish(window)?;
        self.listing.forget_earlier_rest();
        Ok(window)
    }

    fn note_last(&mut self) {
        let next = self.listing.peek();
        self.last = next.map(|next| (next.path().to_owned(), is_dir(next)));
    }
}

fn is_dir(entry: &Entry) -> bool {
    matches!(entry, Entry::Directory { .. })
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
