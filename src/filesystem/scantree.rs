//! Trees, entry by entry: what a walk does about each directory, and the way of every filesystem
//! that lists one directory at a time.

use super::info::Info;
use crate::cancel;
use crate::error::Result;

/// The entries of a directory, one after the other.
pub type Entries<'a> = Box<dyn Iterator<Item = Result<Info>> + Send + 'a>;

/// An entry of a tree: the path of the directory that it is in, absolute, and what is known of it.
pub type TreeEntries<'a> = Box<dyn Iterator<Item = Result<(String, Info)>> + Send + 'a>;

/// What [`scantree_pruned`](crate::FileSystem::scantree_pruned) does about a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Descent {
    /// It gives all that is in the directory, and then the directory.
    Enter,
    /// It gives the directory, and nothing that is in it.
    Name,
    /// It leaves the directory out, and all that is in it.
    Skip,
}

/// Says of a directory, by its absolute path, what is done about it.
pub type Descend<'a> = Box<dyn FnMut(&str) -> Descent + Send + 'a>;

/// The entries below a directory, of which `scan` lists one at a time.
pub(crate) fn by_listing<'a>(
    path: &str,
    validated: String,
    scan: impl Fn(&str) -> Result<Entries<'a>> + Send + 'a,
    descend: Descend<'a>,
) -> Result<TreeEntries<'a>> {
    let root = scan(path)?;
    Ok(Box::new(DepthFirst {
        scan,
        descend,
        open: vec![(validated, root, None)],
    }))
}

/// A directory that is being listed: its path, what is left of it, and its own entry in the
/// directory above.
type OpenDirectory<'a> = (String, Entries<'a>, Option<(String, Info)>);

struct DepthFirst<'a, S> {
    scan: S,
    descend: Descend<'a>,
    open: Vec<OpenDirectory<'a>>,
}

impl<'a, S> DepthFirst<'a, S>
where
    S: Fn(&str) -> Result<Entries<'a>>,
{
    fn step(&mut self) -> Result<Option<(String, Info)>> {
        cancel::check()?;
        while let Some((directory, entries, _)) = self.open.last_mut() {
            let Some(info) = entries.next().transpose()? else {
                if let Some((_, _, Some(entry))) = self.open.pop() {
                    return Ok(Some(entry));
                }
                continue;
            };
            if info.is_file() {
                return Ok(Some((directory.clone(), info)));
            }
            let path = info.make_path(directory)?;
            match (self.descend)(&path) {
                Descent::Skip => {}
                Descent::Name => return Ok(Some((directory.clone(), info))),
                Descent::Enter => {
                    let parent = directory.clone();
                    let entries = (self.scan)(&path)?;
                    self.open.push((path, entries, Some((parent, info))));
                }
            }
        }
        Ok(None)
    }
}

impl<'a, S> Iterator for DepthFirst<'a, S>
where
    S: Fn(&str) -> Result<Entries<'a>>,
{
    type Item = Result<(String, Info)>;

    fn next(&mut self) -> Option<Self::Item> {
        let step = self.step();
        if step.is_err() {
            self.open.clear();
        }
        step.transpose()
    }
}
