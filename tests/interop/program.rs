//! The program that represents this crate in `interop.py`: one call of a filesystem per command line.
//!
//! ```text
//! usage: interop URL COMMAND [ARGUMENT...]
//!
//!   ls [PATH]       what is in a directory; the names of directories end with /
//!   find [PATH]     every entry below a directory, each directory after what is in it
//!   du [PATH]       how many bytes the files below a directory have together
//!   info PATH       all that is known of a file or directory
//!   type PATH       file or directory
//!   exists PATH     true or false
//!   url PATH        a presigned URL to download a file from
//!   cat PATH        writes a file to the standard output
//!   put PATH        writes the standard input to a file
//!   append PATH     adds the standard input to the end of a file
//!   touch PATH      makes an empty file if nothing is there
//!   mkdir PATH      makes a directory in one that is there
//!   makedirs PATH   makes a directory and those above it
//!   rm PATH         removes a file
//!   rmdir PATH      removes an empty directory
//!   rmtree PATH     removes a directory and all that is below it
//!   cp FROM TO      copies a file; nothing is overwritten
//!   mv FROM TO      moves a file; nothing is overwritten
//!   cpdir FROM TO   copies what is in a directory into another, made if it is not there
//!   mvdir FROM TO   moves what is in a directory into another, made if it is not there
//! ```
//!
//! URL is an FS URL such as `s3://mybucket/reports?region=eu-west-1&strict=0`, and paths are
//! relative to it. Credentials come from the environment (`AWS_ACCESS_KEY_ID` ...) or are part of the
//! URL. The exit status is 1 after an error, and 2 if the command line is invalid.

use std::env;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use s3fs::{CopyOptions, FileSystem, FileSystemExt, Namespaces, ResourceType, Result, open_fs};
use time::format_description::well_known::Rfc3339;

fn main() -> ExitCode {
    let arguments = env::args_os().skip(1).map(OsString::into_string);
    let Ok(arguments) = arguments.collect::<std::result::Result<Vec<_>, _>>() else {
        return usage("an argument is not UTF-8");
    };
    let Some((url, command)) = arguments.split_first() else {
        return usage("the URL is missing");
    };
    let command: Vec<&str> = command.iter().map(String::as_str).collect();
    match open_fs(url).and_then(|fs| run(&*fs, &command, &mut io::stdout().lock())) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => usage("there is no such command, or it takes other arguments"),
        Err(error) => {
            eprintln!("interop: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints an error about the command line, and the usage from the text at the top of this file.
fn usage(what: &str) -> ExitCode {
    eprintln!("interop: {what}\n");
    let lines = include_str!("program.rs").lines();
    let from = lines.skip_while(|line| !line.starts_with("//! usage:"));
    for line in from.take_while(|line| !line.ends_with("```")) {
        eprintln!("{}", line.get(4..).unwrap_or_default());
    }
    ExitCode::from(2)
}

/// Runs a command; returns `false` if the command is unknown.
fn run(fs: &dyn FileSystem, command: &[&str], out: &mut dyn Write) -> Result<bool> {
    let create = CopyOptions::new().create(true);
    match *command {
        ["ls"] => ls(fs, "/", out)?,
        ["ls", path] => ls(fs, path, out)?,
        ["find"] => find(fs, "/", out)?,
        ["find", path] => find(fs, path, out)?,
        ["du"] => writeln!(out, "{}", size_below(fs, "/")?)?,
        ["du", path] => writeln!(out, "{}", size_below(fs, path)?)?,
        ["info", path] => info(fs, path, out)?,
        ["type", path] => writeln!(out, "{}", type_name(fs.gettype(path)?))?,
        ["exists", path] => writeln!(out, "{}", fs.exists(path)?)?,
        ["url", path] => writeln!(out, "{}", fs.geturl(path)?)?,
        ["cat", path] => {
            fs.download(path, out)?;
        }
        ["put", path] => {
            fs.upload(path, &mut io::stdin().lock())?;
        }
        ["append", path] => append(fs, path)?,
        ["touch", path] => fs.touch(path)?,
        ["mkdir", path] => fs.makedir(path)?,
        ["makedirs", path] => fs.makedirs(path)?,
        ["rm", path] => fs.remove(path)?,
        ["rmdir", path] => fs.removedir(path)?,
        ["rmtree", path] => fs.removetree(path)?,
        ["cp", from, to] => fs.copy(from, to)?,
        ["mv", from, to] => fs.movefile(from, to)?,
        ["cpdir", from, to] => fs.copydir_with(from, to, &create)?,
        ["mvdir", from, to] => fs.movedir_with(from, to, &create)?,
        _ => return Ok(false),
    }
    out.flush()?;
    Ok(true)
}

fn ls(fs: &dyn FileSystem, path: &str, out: &mut dyn Write) -> Result<()> {
    for entry in fs.scandir(path, Namespaces::BASIC)? {
        let entry = entry?;
        let slash = if entry.is_dir() { "/" } else { "" };
        writeln!(out, "{}{slash}", entry.name())?;
    }
    Ok(())
}

fn find(fs: &dyn FileSystem, path: &str, out: &mut dyn Write) -> Result<()> {
    for entry in fs.scantree(path, Namespaces::BASIC)? {
        let (directory, entry) = entry?;
        let slash = if entry.is_dir() { "/" } else { "" };
        writeln!(out, "{}{slash}", entry.make_path(&directory)?)?;
    }
    Ok(())
}

fn size_below(fs: &dyn FileSystem, path: &str) -> Result<u64> {
    let sizes = fs.scantree(path, Namespaces::DETAILS)?.map(|entry| {
        let (_, info) = entry?;
        Ok(info.size().unwrap_or_default())
    });
    sizes.sum()
}

fn info(fs: &dyn FileSystem, path: &str, out: &mut dyn Write) -> Result<()> {
    let info = fs.getinfo(path, Namespaces::DETAILS | Namespaces::S3)?;
    writeln!(out, "name: {}", info.name())?;
    if let Some(details) = info.details() {
        writeln!(out, "type: {}", type_name(details.kind))?;
        writeln!(out, "size: {}", details.size)?;
        if let Some(modified) = details.modified {
            let modified = modified.format(&Rfc3339).map_err(io::Error::other)?;
            writeln!(out, "modified: {modified}")?;
        }
    }
    // A directory without a marker is no object, and has no `s3` namespace.
    let Some(s3) = info.s3() else { return Ok(()) };
    let headers = [
        ("content_type", &s3.content_type),
        ("cache_control", &s3.cache_control),
        ("storage_class", &s3.storage_class),
        ("e_tag", &s3.e_tag),
        ("version_id", &s3.version_id),
    ];
    for (name, value) in headers {
        if let Some(value) = value {
            writeln!(out, "{name}: {value}")?;
        }
    }
    for (name, value) in &s3.metadata {
        writeln!(out, "metadata.{name}: {value}")?;
    }
    Ok(())
}

fn type_name(kind: ResourceType) -> &'static str {
    match kind {
        ResourceType::Directory => "directory",
        ResourceType::File => "file",
        _ => "unknown",
    }
}

fn append(fs: &dyn FileSystem, path: &str) -> Result<()> {
    let mut file = fs.openbin(path, "a")?;
    io::copy(&mut io::stdin().lock(), &mut file)?;
    // Without this nothing changes: a dropped file is not published.
    file.close()
}
