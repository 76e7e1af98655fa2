//! Required parts of the documentation: defaults of settings, environment variables, examples of methods.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const CREDENTIALS: &str = include_str!("../src/guide/credentials.md");

/// Variables that are read for other reasons than AWS's or a proxy's.
const OTHER_VARIABLES: [&str; 3] = ["HOME", "USERPROFILE", "REQUEST_METHOD"];

/// Methods for implementers of `FileSystem`, or about the filesystem itself, that are not in daily use.
const NOT_DAILY: [&str; 10] = [
    "capabilities",
    "check_directory",
    "isclosed",
    "islink",
    "label",
    "scandir_prefix",
    "scantree",
    "scantree_whole",
    "scantree_whole_pruned",
    "upload_sized",
];

/// Returns the first line of each public setter in that `impl` block, and its doc comment.
fn setters(file: &str, block: &str) -> Vec<(String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(file);
    let text = fs::read_to_string(path).unwrap();
    let (_, block) = text.split_once(&format!("\n{block} {{\n")).unwrap();
    let (block, _) = block.split_once("\n}\n").unwrap();
    let mut found = Vec::new();
    let mut comment = String::new();
    for line in block.lines().map(str::trim) {
        if let Some(words) = line.strip_prefix("///") {
            comment += words;
        } else if !line.starts_with("#[") {
            let comment = std::mem::take(&mut comment);
            // A long list of arguments is on the following lines.
            let takes_self = line.contains("(mut self") || line.ends_with('(');
            if line.starts_with("pub fn ") && takes_self {
                found.push((line.to_owned(), comment));
            }
        }
    }
    found
}

fn names_its_default(comment: &str) -> bool {
    comment.contains("Defaults to")
}

#[test]
fn every_setting_of_the_builder_names_its_default() {
    let setters = setters("s3/builder.rs", "impl S3FsBuilder");
    assert!(setters.len() >= 40, "{}", setters.len());
    for (name, comment) in setters {
        assert!(names_its_default(&comment), "{name}: {comment}");
    }
}

#[test]
fn every_option_of_a_transfer_names_its_default() {
    let setters = setters("transfer/options.rs", "impl<'a> TransferOptions<'a>");
    assert!(setters.len() >= 10, "{}", setters.len());
    for (name, comment) in setters {
        assert!(names_its_default(&comment), "{name}: {comment}");
    }
}

fn source(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let text = fs::read_to_string(&path).expect("that file");
    match text.find("#[cfg(test)]\nmod ") {
        Some(tests) => text[..tests].to_owned(),
        None => text,
    }
}

/// Returns the Rust files below a directory of the package, by their paths in it.
fn files_below(directory: &str) -> Vec<String> {
    let mut files = Vec::new();
    let mut directories = vec![PathBuf::from(directory)];
    while let Some(directory) = directories.pop() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(&directory);
        for entry in fs::read_dir(path).expect("that directory") {
            let entry = entry.expect("an entry");
            let path = directory.join(entry.file_name());
            match entry.file_type().expect("its type").is_dir() {
                true => directories.push(path),
                false => files.push(path.to_str().expect("UTF-8").to_owned()),
            }
        }
    }
    files.retain(|file| file.ends_with(".rs"));
    files
}

/// Returns the string literals that are names of variables.
fn variables(code: &str) -> BTreeSet<&str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let is_name = |word: &str| {
        let is_aws = word.starts_with("AWS_") && !word.ends_with('_');
        let is_proxy = word.to_ascii_lowercase().ends_with("_proxy");
        is_aws || is_proxy || OTHER_VARIABLES.contains(&word)
    };
    let quoted = code.split('"').filter(|word| word.chars().all(is_part));
    quoted.filter(|word| is_name(word)).collect()
}

#[test]
fn the_guide_lists_every_environment_variable_that_is_read() {
    let (_, list) = CREDENTIALS
        .split_once("## Environment variables\n")
        .expect("the section");
    let list = list.split("\n## ").next().expect("its text");
    let mut count = 0;
    for file in files_below("src/s3") {
        for name in variables(&source(&file)) {
            assert!(list.contains(&format!("`{name}`")), "{name} in {file}");
            count += 1;
        }
    }
    assert!(count > 40, "only {count} are found in the source");
}

/// Returns the public methods of the traits and types whose blocks begin with that line, with their documentation.
fn methods(code: &str, block: &str) -> Vec<(String, String)> {
    let mut methods = Vec::new();
    let (mut is_inside, mut documentation) = (false, String::new());
    for line in code.lines() {
        if line.starts_with(block) || line == "}" {
            is_inside = line != "}";
        }
        let item = line.trim_start();
        if let Some(text) = item.strip_prefix("///") {
            documentation.push_str(text);
            documentation.push('\n');
            continue;
        }
        if item.starts_with("#[") {
            continue;
        }
        let is_trait = block.starts_with("pub trait");
        let method = match is_trait {
            true => line.strip_prefix("    fn "),
            false => line.strip_prefix("    pub fn "),
        };
        if let Some(method) = method.filter(|_| is_inside) {
            let name = method.split(['(', '<']).next().expect("a name");
            methods.push((name.to_owned(), documentation.clone()));
        }
        documentation.clear();
    }
    methods
}

#[test]
fn every_common_method_of_a_filesystem_has_an_example_that_runs() {
    for (file, block, least) in [
        ("src/filesystem/mod.rs", "pub trait FileSystem:", 40),
        ("src/ext.rs", "pub trait FileSystemExt:", 40),
    ] {
        let methods = methods(&source(file), block);
        assert!(methods.len() >= least, "{file}: {}", methods.len());
        for (name, documentation) in methods {
            let is_run = documentation.contains(" ```\n") && !documentation.contains("no_run");
            assert!(is_run || NOT_DAILY.contains(&&*name), "{file}: {name}");
        }
    }
}

/// Methods that need no example, mostly getters of a property of the filesystem.
const GETTERS: [&str; 7] = [
    "bucket_name",
    "create_root",
    "endpoint_url",
    "is_strict",
    "region",
    "server_time",
    "abort_upload",
];

#[test]
fn every_method_of_s3fs_has_an_example() {
    let mut count = 0;
    for file in files_below("src/s3") {
        for (name, documentation) in methods(&source(&file), "impl S3Fs {") {
            let has_example = documentation.contains("```");
            assert!(has_example || GETTERS.contains(&&*name), "{file}: {name}");
            count += 1;
        }
    }
    assert!(count > 20, "only {count} are found");
}
