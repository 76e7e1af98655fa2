//! Iterates over trees: the handling of each directory in a walk, and the default implementation, which lists one directory
//! at a time.

use super::info::Info;
use crate::cancel;
use crate::error::Result;

/// Iterator over the entries of a directory.
pub type Entries<'a> = Box<dyn Iterator<Item = Result<Info>> + Send + 'a>;

/// Iterator over the entries of a tree: the absolute path of the parent directory, and the information about the entry.
pub type TreeEntries<'a> = Box<dyn Iterator<Item = Result<(String, Info)>> + Send + 'a>;

/// Handling of a directory by [`scantree_pruned`](crate::FileSystem::scantree_pruned).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Descent {
    /// Returns the content of the directory, and then the directory.
    Enter,
    /// Returns the directory without its content.
    Name,
    /// Leaves out the directory and its content.
    Skip,
}

/// Decides how to handle a directory, given its absolute path.
pub type Descend<'a> = Box<dyn FnMut(&str) -> Descent + Send + 'a>;

/// Returns the entries below a directory. `scan` lists one directory.
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

/// A directory that is being listed: its path, its remaining entries, and its own entry in the parent directory.
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
