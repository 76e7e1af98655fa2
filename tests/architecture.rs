//! The source has layers, and a layer uses only those below it. Files do not use each other in a cycle.
//!
//! The check reads every path that begins with `crate::`, `super::` or `self::`, outside of comments, strings and unit
//! tests. A `mod.rs` may use the bare names of its own files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The layers, from the bottom up. Modules in one line do not use each other.
const FLOORS: [&[&str]; 15] = [
    &["error", "nonce"],
    &["cancel", "dates", "fs_url", "path", "percent", "temporary"],
    &["spill", "threads", "wildcard"],
    &["filesystem"],
    &["walk"],
    &["transfer"],
    &["ext"],
    &["memoryfs", "osfs"],
    &["s3"],
    &["opener"],
    &["serialize", "vfs"],
    &["prelude"],
    &["conformance", "fuzzing"],
    &["guide"],
    &["bin"],
];

/// The files below `src` by their module paths, such as `s3::client::retry`; the path of the root is empty.
type Sources = BTreeMap<String, Source>;

struct Source {
    file: String,
    text: String,
}

/// A path in the code, and the line in which it begins.
struct Use {
    path: Vec<String>,
    line: usize,
}

#[test]
fn no_layer_uses_a_higher_one_and_no_files_form_a_cycle() {
    let sources = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    assert!(sources.len() > 100, "{} files", sources.len());
    let faults = faults(&sources);
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn a_use_of_a_higher_layer_is_found_anywhere() {
    for (text, line) in [
        ("use crate::s3::S3Fs;\n", 1),
        (
            "use crate::{\n    error::Error,\n    s3::{S3Fs, Stats},\n};\n",
            1,
        ),
        ("fn f() {\n    crate::s3::f();\n}\n", 2),
        ("fn f() { g(super::super::s3::f) }\n", 1),
        ("#[cfg(unix)]\nuse super::super::s3;\n", 2),
        ("fn f() { \"//\"; crate::s3::f() }\n", 1),
        ("/* crate::s3 */ use crate::s3::S3Fs;\n", 1),
    ] {
        let sources = with("walk/rules.rs", text);
        let found = faults(&sources);
        let place = format!("src/walk/rules.rs:{line}: ");
        assert!(
            !found.is_empty() && found.iter().all(|fault| fault.starts_with(&place)),
            "{text}: {found:?}"
        );
    }
    for text in [
        "use crate::filesystem::Entries;\n",
        "/// As [`S3Fs`](crate::s3::S3Fs).\nfn f() {}\n",
        "fn f() { \"crate::s3::S3Fs\"; r#\"crate::s3::\"#; '\"'; }\n",
        "/* crate::s3::S3Fs /* */ crate::s3::f() */\n",
        "#[cfg(test)]\nmod tests {\n    use crate::s3::S3Fs;\n}\n",
    ] {
        let found = faults(&with("walk/rules.rs", text));
        assert!(found.is_empty(), "{text}: {found:?}");
    }
}

#[test]
fn a_use_of_a_reexport_of_the_crate_root_is_found() {
    let found = faults(&with("walk/rules.rs", "use crate::Error;\n"));
    assert!(
        found.len() == 1 && found[0].contains("crate root"),
        "{found:?}"
    );
}

#[test]
fn a_cycle_of_files_is_found() {
    let mut sources = with("s3/a.rs", "use super::b::B;\n");
    sources.extend(with("s3/b.rs", "use crate::s3::c::C;\n"));
    sources.extend(with("s3/c.rs", "fn f() { super::a::f() }\n"));
    let found = faults(&sources);
    assert_eq!(found.len(), 1, "{found:?}");
    for file in ["s3/a.rs", "s3/b.rs", "s3/c.rs"] {
        assert!(found[0].contains(file), "{found:?}");
    }
}

#[test]
fn a_file_without_a_layer_is_found() {
    let found = faults(&with("attic.rs", "fn f() {}\n"));
    assert!(found.len() == 1 && found[0].contains("attic"), "{found:?}");
}

/// The layers of the examples with one additional file.
fn with(file: &str, text: &str) -> Sources {
    let mut sources = Sources::new();
    for (file, text) in [
        ("error.rs", ""),
        ("filesystem/mod.rs", ""),
        ("walk/mod.rs", ""),
        ("s3/mod.rs", ""),
        (file, text),
    ] {
        let source = Source {
            file: file.to_owned(),
            text: text.to_owned(),
        };
        sources.insert(module(file), source);
    }
    sources
}

fn read(root: &Path) -> Sources {
    let mut sources = Sources::new();
    let mut open = vec![root.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let below = path.strip_prefix(root).unwrap();
                let file = below.to_str().unwrap().replace('\\', "/");
                let text = fs::read_to_string(&path).unwrap();
                sources.insert(module(&file), Source { file, text });
            }
        }
    }
    sources
}

fn module(file: &str) -> String {
    let path = file.strip_suffix(".rs").unwrap();
    let path = path.strip_suffix("/mod").unwrap_or(path);
    match path {
        "lib" => String::new(),
        path => path.replace('/', "::"),
    }
}

/// Returns each violation, with file and line.
fn faults(sources: &Sources) -> Vec<String> {
    let mut faults = Vec::new();
    let mut graph: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (module, source) in sources.iter().filter(|(module, _)| !module.is_empty()) {
        let Some(floor) = floor(module) else {
            faults.push(format!("src/{}: no floor has {module}", source.file));
            continue;
        };
        // Programs use the crate from outside.
        if top(module) == "bin" {
            continue;
        }
        for used in uses(module, &source.text) {
            let place = format!("src/{}:{}: ", source.file, used.line);
            let path = used.path.join("::");
            let Some(target) = target(sources, &used.path) else {
                if !matches!(top(module), "fuzzing" | "prelude") {
                    faults.push(format!("{place}{path} is used through the crate root"));
                }
                continue;
            };
            if top(target) != top(module) && self::floor(target) >= Some(floor) {
                faults.push(format!(
                    "{place}{module} uses {path}, which is not below it"
                ));
            }
            if target != module {
                graph.entry(module).or_default().insert(target);
            }
        }
    }
    faults.extend(circle(&graph).map(|circle| {
        let files: Vec<&str> = circle
            .iter()
            .map(|module| &*sources[*module].file)
            .collect();
        format!("a circle of files: {}", files.join(" -> "))
    }));
    faults
}

fn top(module: &str) -> &str {
    module.split("::").next().unwrap_or_default()
}

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&top(module)))
}

/// Returns the module of a path; `None` for items that the crate root reexports.
fn target<'s>(sources: &'s Sources, path: &[String]) -> Option<&'s str> {
    (1..=path.len()).rev().find_map(|length| {
        let (module, _) = sources.get_key_value(&path[..length].join("::"))?;
        Some(module.as_str())
    })
}

/// Returns one cycle of modules, if there is any.
fn circle<'m>(graph: &BTreeMap<&'m str, BTreeSet<&'m str>>) -> Option<Vec<&'m str>> {
    let mut done = BTreeSet::new();
    for start in graph.keys() {
        let mut way: Vec<(&str, Vec<&str>)> = Vec::new();
        let next = |module: &str| graph.get(module).into_iter().flatten().copied().collect();
        if !done.contains(start) {
            way.push((start, next(start)));
        }
        while let Some((module, open)) = way.last_mut() {
            let Some(target) = open.pop() else {
                done.insert(*module);
                way.pop();
                continue;
            };
            if let Some(begin) = way.iter().position(|(module, _)| *module == target) {
                return Some(way[begin..].iter().map(|(module, _)| *module).collect());
            }
            if !done.contains(target) {
                way.push((target, next(target)));
            }
        }
    }
    None
}

/// Returns the paths in the code of a module that begin with `crate`, `super` or `self`, as paths from the root.
fn uses(module: &str, text: &str) -> Vec<Use> {
    let code = without_tests(&code(text));
    let mut uses = Vec::new();
    let mut rest = 0;
    while let Some((begin, word)) = next_path(&code, rest) {
        rest = begin + word.len();
        let line = code[..begin].matches('\n').count() + 1;
        let mut paths = Vec::new();
        tree(&code[begin..], &mut Vec::new(), &mut paths);
        for path in paths {
            if let Some(path) = absolute(module, &path) {
                uses.push(Use { path, line });
            }
        }
    }
    uses
}

/// Returns the position of the next path, and its first word.
fn next_path(code: &str, from: usize) -> Option<(usize, &'static str)> {
    let found = ["crate", "super", "self"].into_iter().filter_map(|word| {
        let mut at = from;
        while let Some(found) = code[at..].find(word) {
            let begin = at + found;
            at = begin + word.len();
            let before = code[..begin].trim_end().chars().next_back();
            let is_begin = !code[..begin]
                .ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$')
                && before != Some(':');
            let is_path = code[at..].trim_start().starts_with("::");
            if is_begin && is_path {
                return Some((begin, word));
            }
        }
        None
    });
    found.min()
}

/// Reads a path or a tree of paths, and returns the rest of the code.
fn tree<'c>(code: &'c str, prefix: &mut Vec<String>, paths: &mut Vec<Vec<String>>) -> &'c str {
    let mut code = code.trim_start();
    let depth = prefix.len();
    loop {
        if let Some(mut inner) = code.strip_prefix('{') {
            loop {
                inner = inner.trim_start();
                if let Some(rest) = inner.strip_prefix('}') {
                    prefix.truncate(depth);
                    return rest;
                }
                let rest = tree(inner, prefix, paths).trim_start();
                let rest = rest.strip_prefix(',').unwrap_or(rest);
                // Anything that is not a tree of paths ends it.
                if rest.len() == inner.len() {
                    prefix.truncate(depth);
                    return rest;
                }
                inner = rest;
            }
        }
        let length = code
            .find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(code.len());
        if length == 0 {
            break;
        }
        prefix.push(code[..length].to_owned());
        code = code[length..].trim_start();
        match code.strip_prefix("::") {
            Some(rest) => code = rest.trim_start(),
            None => break,
        }
    }
    if let Some(renamed) = code.strip_prefix("as ") {
        let renamed = renamed.trim_start();
        let end = renamed.find(|c: char| !c.is_alphanumeric() && c != '_');
        code = &renamed[end.unwrap_or(renamed.len())..];
    }
    paths.push(prefix.clone());
    prefix.truncate(depth);
    code
}

/// Converts a path to one from the root.
fn absolute(module: &str, path: &[String]) -> Option<Vec<String>> {
    let mut words = path.iter().map(String::as_str).peekable();
    let mut absolute: Vec<String> = match words.next()? {
        "crate" => Vec::new(),
        first => {
            let mut own: Vec<String> = module.split("::").map(str::to_owned).collect();
            if first == "super" {
                own.pop();
            }
            own
        }
    };
    while words.next_if(|word| *word == "super").is_some() {
        absolute.pop();
    }
    absolute.extend(words.filter(|word| *word != "self").map(str::to_owned));
    (!absolute.is_empty()).then_some(absolute)
}

/// Returns the code without comments and the content of strings; the lines stay.
fn code(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let taken = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if let Some(hashes) = raw_string(rest) {
            let end = format!("\"{}", "#".repeat(hashes));
            let begin = hashes + 2;
            rest[begin..]
                .find(&end)
                .map_or(rest.len(), |at| begin + at + end.len())
        } else if next == '"' {
            string(rest)
        } else if rest.starts_with("'\"'") {
            3
        } else if let Some(escape) = rest.strip_prefix("'\\") {
            let end = escape.get(1..).and_then(|escape| escape.find('\''));
            end.map_or(rest.len(), |at| at + 4)
        } else {
            code.push(next);
            rest = &rest[next.len_utf8()..];
            continue;
        };
        let lines = rest[..taken].matches('\n').count();
        code.push_str(&"\n".repeat(lines));
        rest = &rest[taken..];
    }
    code
}

fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        if text[at..].starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if text[at..].starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                break;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    at
}

/// Returns the number of `#` with which a raw string begins.
fn raw_string(text: &str) -> Option<usize> {
    let after = text.strip_prefix('r')?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    after[hashes..].starts_with('"').then_some(hashes)
}

fn string(text: &str) -> usize {
    let mut escaped = true;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Returns the code without its unit tests.
fn without_tests(code: &str) -> String {
    let mut kept = String::new();
    let mut rest = code;
    while let Some(at) = rest.find("#[cfg(test)]") {
        kept.push_str(&rest[..at]);
        rest = &rest[at..];
        let item = rest.find(['{', ';']).unwrap_or(rest.len() - 1);
        let mut end = item + 1;
        if rest[item..].starts_with('{') {
            let mut depth = 0;
            for (at, c) in rest[item..].char_indices() {
                depth += match c {
                    '{' => 1,
                    '}' => -1,
                    _ => 0,
                };
                if depth == 0 {
                    end = item + at + 1;
                    break;
                }
            }
        }
        kept.push_str(&"\n".repeat(rest[..end].matches('\n').count()));
        rest = &rest[end..];
    }
    kept + rest
}
