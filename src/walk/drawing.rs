//! Draws directories as a tree.

use std::borrow::Cow;
use std::io::Write;

use crate::error::Result;
use crate::filesystem::FileSystem;
use crate::filesystem::filter::{self, FilterDir, strings};
use crate::filesystem::info::{Info, Namespaces};
use crate::path;

/// Options of [`FileSystemExt::tree`](crate::FileSystemExt::tree): PyFilesystem's keyword arguments.
///
/// Source: [`fs.tree.render`](https://docs.pyfilesystem.org/en/latest/reference/tree.html).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeOptions {
    path: String,
    max_levels: Option<usize>,
    with_color: bool,
    box_characters: Option<bool>,
    dirs_first: bool,
    exclude: Vec<String>,
    filter: Vec<String>,
}

impl Default for TreeOptions {
    fn default() -> Self {
        Self {
            path: "/".to_owned(),
            max_levels: Some(5),
            with_color: false,
            box_characters: None,
            dirs_first: true,
            exclude: Vec::new(),
            filter: Vec::new(),
        }
    }
}

impl TreeOptions {
    /// PyFilesystem's defaults for a file: from the root, its content and five levels below, without color, directories
    /// first.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Start directory.
    #[must_use]
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// Number of levels to draw below the content of the start directory. `None` draws all.
    #[must_use]
    pub fn max_levels(mut self, levels: impl Into<Option<usize>>) -> Self {
        self.max_levels = levels.into();
        self
    }

    /// Whether lines, directories and hidden files are colored for a terminal.
    #[must_use]
    pub fn with_color(mut self, color: bool) -> Self {
        self.with_color = color;
        self
    }

    /// Whether lines are drawn with `├──` and `└──` instead of `|--` and a backtick. Defaults to the value of
    /// [`with_color`](Self::with_color).
    #[must_use]
    pub fn box_characters(mut self, boxes: bool) -> Self {
        self.box_characters = Some(boxes);
        self
    }

    /// Whether directories come before files. Names are always sorted, ignoring case.
    #[must_use]
    pub fn dirs_first(mut self, first: bool) -> Self {
        self.dirs_first = first;
        self
    }

    /// Excludes directories whose names match one of these [wildcards](crate::wildcard).
    #[must_use]
    pub fn exclude<I>(mut self, patterns: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.exclude = strings(patterns);
        self
    }

    /// Draws only files whose names match one of these wildcards. Directories are not affected.
    #[must_use]
    pub fn filter<I>(mut self, patterns: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.filter = strings(patterns);
        self
    }
}

/// Number of drawn directories and files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TreeCounts {
    /// Number of directories.
    pub dirs: u64,
    /// Number of files.
    pub files: u64,
}

/// Draws a tree, for [`FileSystemExt::tree`](crate::FileSystemExt::tree).
pub(crate) fn render<F: FileSystem + ?Sized>(
    fs: &F,
    out: &mut dyn Write,
    options: &TreeOptions,
) -> Result<TreeCounts> {
    let mut drawing = Drawing {
        fs,
        out,
        options,
        filter: FilterDir::new()
            .files(&options.filter)
            .exclude_dirs(&options.exclude),
        lines: match options.box_characters.unwrap_or(options.with_color) {
            true => BOXES,
            false => ASCII,
        },
        counts: TreeCounts::default(),
    };
    let entries = drawing.entries(&options.path)?;
    let start = fs.validatepath(&options.path)?;
    drawing.draw(&start, &entries, &mut Vec::new())?;
    Ok(drawing.counts)
}

/// Characters of the lines.
struct Lines {
    going_on: &'static str,
    entry: &'static str,
    last: &'static str,
}

const ASCII: Lines = Lines {
    going_on: "|   ",
    entry: "|--",
    last: "`--",
};

const BOXES: Lines = Lines {
    going_on: "│   ",
    entry: "├──",
    last: "└──",
};

const GREEN: &str = "\x1b[32m";
const BOLD_BLUE: &str = "\x1b[1;34m";
const YELLOW: &str = "\x1b[33m";
const RED: &str = "\x1b[31m";

struct Drawing<'a, F: ?Sized> {
    fs: &'a F,
    out: &'a mut dyn Write,
    options: &'a TreeOptions,
    filter: FilterDir,
    lines: Lines,
    counts: TreeCounts,
}

impl<F: FileSystem + ?Sized> Drawing<'_, F> {
    /// Returns the entries of a directory in drawing order.
    fn entries(&self, directory: &str) -> Result<Vec<Info>> {
        let entries = filter::entries(self.fs, directory, &self.filter, Namespaces::BASIC)?;
        let mut entries: Vec<Info> = entries.collect::<Result<_>>()?;
        let dirs_first = self.options.dirs_first;
        entries
            .sort_by_cached_key(|info| (dirs_first && info.is_file(), info.name().to_lowercase()));
        Ok(entries)
    }

    /// Draws the content of a directory. `levels` contains, for each directory on the path, whether it is the last entry of
    /// its parent.
    fn draw(&mut self, directory: &str, entries: &[Info], levels: &mut Vec<bool>) -> Result<()> {
        for (number, info) in entries.iter().enumerate() {
            let is_last = number + 1 == entries.len();
            self.draw_entry(info, levels, is_last)?;
            let within = |limit| levels.len() < limit;
            if info.is_dir() && self.options.max_levels.is_none_or(within) {
                let path = path::combine(directory, info.name());
                levels.push(is_last);
                match self.entries(&path) {
                    Ok(entries) => self.draw(&path, &entries, levels)?,
                    Err(error) => self.line(levels, true, RED, &format!("error ({error})"))?,
                }
                levels.pop();
            }
        }
        Ok(())
    }

    fn draw_entry(&mut self, info: &Info, levels: &[bool], is_last: bool) -> Result<()> {
        let (count, color) = match info.name() {
            _ if info.is_dir() => (&mut self.counts.dirs, BOLD_BLUE),
            name if name.starts_with('.') => (&mut self.counts.files, YELLOW),
            _ => (&mut self.counts.files, ""),
        };
        *count += 1;
        self.line(levels, is_last, color, &printable(info.name()))
    }

    fn line(&mut self, levels: &[bool], is_last: bool, color: &str, text: &str) -> Result<()> {
        let lines = &self.lines;
        let above = levels.iter().map(|is_last| match is_last {
            true => "    ",
            false => lines.going_on,
        });
        let mut prefix: String = above.collect();
        prefix.push_str(if is_last { lines.last } else { lines.entry });
        let prefix = self.colored(GREEN, &prefix);
        let text = self.colored(color, text);
        Ok(writeln!(self.out, "{prefix} {text}")?)
    }

    fn colored<'t>(&self, color: &str, text: &'t str) -> Cow<'t, str> {
        if !self.options.with_color || color.is_empty() {
            return Cow::Borrowed(text);
        }
        Cow::Owned(format!("{color}{text}\x1b[0m"))
    }
}

/// Escapes control characters in a name. They would break lines and control the terminal.
fn printable(name: &str) -> Cow<'_, str> {
    if !name.contains(char::is_control) {
        return Cow::Borrowed(name);
    }
    let mut printable = String::new();
    for c in name.chars() {
        match c.is_control() {
            true => printable.extend(c.escape_default()),
            false => printable.push(c),
        }
    }
    Cow::Owned(printable)
}
