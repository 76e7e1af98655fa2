//! A filesystem outside of the crate: a tree of directories in a `BTreeMap`, which implements only the
//! essential methods of `FileSystem`.

use std::collections::BTreeMap;
use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use s3fs::{
    Details, Error, ErrorKind, File, FileSystem, Info, MakedirOptions, Mode, Namespaces,
    OpenOptions, RawInfo, ResourceType, Result, Value, path,
};
use time::OffsetDateTime;

/// Attributes that [`FileSystem::setinfo`] can change.
const WRITEABLE: &[(&str, &[&str])] = &[("details", &["modified"])];

/// The times of the `details` namespace: all are accepted, and `modified` is kept.
const TIMES: &[&str] = &["accessed", "created", "metadata_changed", "modified"];

/// An entry of the tree.
#[derive(Clone)]
enum Node {
    Directory,
    File {
        content: Arc<Vec<u8>>,
        modified: OffsetDateTime,
    },
}

/// Entries by their absolute paths, without the root.
type Nodes = Arc<Mutex<BTreeMap<String, Node>>>;

/// A filesystem in memory.
#[derive(Default)]
pub struct TreeFs {
    nodes: Nodes,
    closed: AtomicBool,
}

impl TreeFs {
    /// Creates an empty filesystem.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the absolute path, and the node there.
    fn find(&self, path: &str) -> Result<(String, Option<Node>)> {
        let path = self.validatepath(path)?;
        let node = match path.as_str() {
            "/" => Some(Node::Directory),
            _ => lock(&self.nodes).get(&path).cloned(),
        };
        Ok((path, node))
    }

    /// Returns an error unless the parent of that absolute path is a directory; the error has that kind if it is a file.
    fn check_parent(&self, absolute: &str, path: &str, if_file: ErrorKind) -> Result<()> {
        match self.find(path::dirname(absolute))?.1 {
            Some(Node::Directory) => Ok(()),
            Some(Node::File { .. }) => Err(error(if_file, path)),
            None => Err(error(ErrorKind::ResourceNotFound, path)),
        }
    }
}

fn lock(nodes: &Nodes) -> MutexGuard<'_, BTreeMap<String, Node>> {
    nodes.lock().unwrap_or_else(PoisonError::into_inner)
}

fn error(kind: ErrorKind, path: &str) -> Error {
    Error::new(kind).with_path(path)
}

fn info(name: &str, node: &Node, namespaces: Namespaces) -> Info {
    let info = Info::new(name, matches!(node, Node::Directory));
    if !namespaces.contains(Namespaces::DETAILS) {
        return info;
    }
    match node {
        Node::Directory => info.with_details(Details::new(ResourceType::Directory, 0, None)),
        Node::File { content, modified } => {
            let size = content.len() as u64;
            let details = Details::new(ResourceType::File, size, Some(*modified));
            info.with_details(details).with_writeable(WRITEABLE)
        }
    }
}

impl FileSystem for TreeFs {
    fn getinfo(&self, path: &str, namespaces: Namespaces) -> Result<Info> {
        let (absolute, node) = self.find(path)?;
        let node = node.ok_or_else(|| error(ErrorKind::ResourceNotFound, path))?;
        Ok(info(path::basename(&absolute), &node, namespaces))
    }

    fn listdir(&self, path: &str) -> Result<Vec<String>> {
        let (absolute, node) = self.find(path)?;
        match node {
            Some(Node::Directory) => {}
            Some(Node::File { .. }) => return Err(error(ErrorKind::DirectoryExpected, path)),
            None => return Err(error(ErrorKind::ResourceNotFound, path)),
        }
        let nodes = lock(&self.nodes);
        let children = nodes.keys().filter(|key| path::dirname(key) == absolute);
        Ok(children.map(|key| path::basename(key).to_owned()).collect())
    }

    fn makedir_with(&self, path: &str, options: &MakedirOptions) -> Result<()> {
        let (absolute, node) = self.find(path)?;
        match node {
            Some(Node::Directory) if options.get_recreate() => return Ok(()),
            Some(Node::File { .. }) if options.get_recreate() => {
                return Err(error(ErrorKind::DirectoryExpected, path));
            }
            Some(_) => return Err(error(ErrorKind::DirectoryExists, path)),
            None => {}
        }
        self.check_parent(&absolute, path, ErrorKind::DirectoryExpected)?;
        lock(&self.nodes).insert(absolute, Node::Directory);
        Ok(())
    }

    fn openbin_with(&self, path: &str, mode: &str, options: &OpenOptions) -> Result<Box<dyn File>> {
        let mode = Mode::binary(mode).map_err(|error| error.with_path(path))?;
        let (absolute, node) = self.find(path)?;
        if options.get_version_id().is_some() || options.get_if_match().is_some() {
            let unsupported = error(ErrorKind::Unsupported, path);
            return Err(unsupported.with_message("there are no versions and no ETags here"));
        }
        let content = match node {
            Some(Node::Directory) => return Err(error(ErrorKind::FileExpected, path)),
            Some(_) if mode.exclusive() => return Err(error(ErrorKind::FileExists, path)),
            Some(Node::File { content, .. }) if !mode.truncate() => content,
            None if !mode.create() => return Err(error(ErrorKind::ResourceNotFound, path)),
            _ => Arc::default(),
        };
        if mode.create() {
            self.check_parent(&absolute, path, ErrorKind::ResourceNotFound)?;
        }
        let mut cursor = Cursor::new(content.to_vec());
        if mode.appending() {
            cursor.set_position(content.len() as u64);
        }
        Ok(Box::new(TreeFile {
            nodes: Arc::clone(&self.nodes),
            absolute,
            path: path.to_owned(),
            mode,
            cursor,
            closed: false,
            stored: false,
        }))
    }

    fn remove(&self, path: &str) -> Result<()> {
        let (absolute, node) = self.find(path)?;
        match node {
            Some(Node::File { .. }) => {
                lock(&self.nodes).remove(&absolute);
                Ok(())
            }
            Some(Node::Directory) => Err(error(ErrorKind::FileExpected, path)),
            None => Err(error(ErrorKind::ResourceNotFound, path)),
        }
    }

    fn removedir(&self, path: &str) -> Result<()> {
        let (absolute, _) = self.find(path)?;
        if absolute == "/" {
            return Err(error(ErrorKind::RemoveRoot, path));
        }
        if !self.listdir(path)?.is_empty() {
            return Err(error(ErrorKind::DirectoryNotEmpty, path));
        }
        lock(&self.nodes).remove(&absolute);
        Ok(())
    }

    fn setinfo(&self, path: &str, info: &RawInfo) -> Result<()> {
        let (absolute, node) = self.find(path)?;
        if node.is_none() {
            return Err(error(ErrorKind::ResourceNotFound, path));
        }
        let current = self.getinfo(path, Namespaces::DETAILS)?.raw();
        for namespace in info.namespaces() {
            for (key, value) in info.values(namespace) {
                let is_time = namespace == "details" && TIMES.contains(&key);
                let is_same = current.get(namespace, key) == Some(value);
                if !is_time && !is_same {
                    return Err(error(ErrorKind::Unsupported, path));
                }
            }
        }
        let time = match info.get("details", "modified") {
            Some(Value::Null) | None => return Ok(()),
            Some(value) => value.time(),
        };
        let time = time.ok_or_else(|| error(ErrorKind::InvalidArgument, path))?;
        if let Some(Node::File { modified, .. }) = lock(&self.nodes).get_mut(&absolute) {
            *modified = time;
        }
        Ok(())
    }

    fn close(&self) -> Result<()> {
        self.closed.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn isclosed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }
}

/// An open file, stored when it is closed.
struct TreeFile {
    nodes: Nodes,
    absolute: String,
    path: String,
    mode: Mode,
    cursor: Cursor<Vec<u8>>,
    closed: bool,
    /// Whether its content is in the tree.
    stored: bool,
}

impl TreeFile {
    fn check(&self, is_allowed: bool) -> io::Result<()> {
        let kind = match (self.closed, is_allowed) {
            (true, _) => ErrorKind::InvalidArgument,
            (false, false) => ErrorKind::Unsupported,
            (false, true) => return Ok(()),
        };
        Err(error(kind, &self.path).into())
    }
}

impl Read for TreeFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.check(self.mode.reading())?;
        self.cursor.read(buffer)
    }
}

impl Write for TreeFile {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.check(self.mode.writing())?;
        if self.mode.appending() {
            self.cursor.seek(SeekFrom::End(0))?;
        }
        self.cursor.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for TreeFile {
    fn seek(&mut self, from: SeekFrom) -> io::Result<u64> {
        self.check(true)?;
        self.cursor.seek(from)
    }
}

impl File for TreeFile {
    fn set_len(&mut self, size: u64) -> io::Result<()> {
        self.check(self.mode.writing())?;
        self.cursor.get_mut().resize(size as usize, 0);
        Ok(())
    }

    fn close(&mut self) -> Result<()> {
        if !self.mode.writing() || self.stored {
            self.closed = true;
            return Ok(());
        }
        self.closed = true;
        let mut nodes = lock(&self.nodes);
        if self.mode.exclusive() && nodes.contains_key(&self.absolute) {
            return Err(error(ErrorKind::FileExists, &self.path));
        }
        self.stored = true;
        let content = Arc::new(std::mem::take(self.cursor.get_mut()));
        let modified = OffsetDateTime::now_utc();
        nodes.insert(self.absolute.clone(), Node::File { content, modified });
        Ok(())
    }
}
