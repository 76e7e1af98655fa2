//! No test, example or benchmark connects to a server beyond this machine. While this program runs, every connection is
//! checked ([`crate::secrets`]); the sources are checked here.

use std::fs;
use std::path::{Path, PathBuf};

/// Hosts without connections: those of documents in comments and messages, of XML namespaces, and of URLs that are only
/// signed or parsed.
const NEVER_ASKED: [&str; 4] = ["docs.", "www.", "doc.", "s3.amazonaws.com/doc/"];

/// Returns every file below a directory of the crate with that extension.
fn files(directory: &str, extension: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut open = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(directory)];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|is| is == extension) {
                let text = fs::read_to_string(&path).expect("a text");
                found.push((path, text));
            }
        }
    }
    found
}

/// Returns the code of examples in documents that runs as a test: code blocks, except those that are only compiled.
fn running_examples(text: &str) -> Vec<String> {
    let mut examples = Vec::new();
    let mut block: Option<(String, bool)> = None;
    for line in text.lines() {
        let line = line.trim_start();
        let line = line
            .strip_prefix("///")
            .or(line.strip_prefix("//!"))
            .unwrap_or(line);
        let Some(language) = line.trim().strip_prefix("```") else {
            if let Some((code, _)) = &mut block {
                code.push_str(line);
                code.push('\n');
            }
            continue;
        };
        match block.take() {
            Some((code, runs)) => examples.extend(runs.then_some(code)),
            None => {
                let runs = language.is_empty() || language == "rust";
                block = Some((String::new(), runs));
            }
        }
    }
    examples
}

/// True if code opens a filesystem on S3 without an endpoint, so that it may connect to AWS or the metadata service.
fn may_leave(code: &str) -> bool {
    let without_comment = |line: &str| match line.split_once("// ") {
        Some((code, _)) => format!("{code}\n"),
        None => format!("{line}\n"),
    };
    let code: String = code.lines().map(without_comment).collect();
    let opens = ["S3Fs::new(", "open_fs(\"s3:", ".list_buckets()"];
    let opens = opens.iter().any(|call| code.contains(call))
        || (code.contains("S3Fs::builder(") && code.contains(".build()"));
    let names_endpoint = ["127.0.0.1", "localhost", "endpoint_url", ".endpoint()"];
    opens && !names_endpoint.iter().any(|words| code.contains(words))
}

#[test]
fn code_that_may_leave_this_machine_is_detected() {
    assert!(may_leave("let fs = S3Fs::new(\"b\")?;"));
    assert!(may_leave("S3Fs::builder(\"b\").build()?"));
    assert!(!may_leave(
        "S3Fs::builder(\"b\").endpoint_url(url).build()?"
    ));
    assert!(!may_leave("let builder = S3Fs::builder(\"b\");"));
    let text = "/// ```\n/// S3Fs::new(\"a\")?;\n/// ```\n/// ```no_run\n/// S3Fs::new(\"b\")?;\n/// ```\n";
    assert_eq!(running_examples(text), [" S3Fs::new(\"a\")?;\n"]);
}

#[test]
fn examples_in_the_documents_run_against_loopback_or_only_compile() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = root.join("README.md");
    let text = fs::read_to_string(&readme).expect("a text");
    let mut documents = files("src", "rs");
    documents.extend(files("src", "md"));
    documents.push((readme, text));
    let mut count = 0;
    for (path, text) in documents {
        for example in running_examples(&text) {
            count += 1;
            assert!(!may_leave(&example), "{}:\n{example}", path.display());
        }
    }
    assert!(count > 50, "{count} examples");
}

#[test]
fn examples_and_benchmarks_use_their_own_server_or_one_named_by_the_user() {
    for directory in ["examples", "benches"] {
        for (path, text) in files(directory, "rs") {
            let code: String = text
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
                .map(|line| format!("{line}\n"))
                .collect();
            assert!(!may_leave(&code), "{}", path.display());
            let mut rest = &code[..];
            while let Some((_, after)) = rest.split_once("://") {
                rest = after;
                let is_url_of_server = [
                    "127.0.0.1",
                    "localhost",
                    "{",
                    "bucket",
                    "mybucket",
                    "KEY:SECRET@",
                    "\"",
                ];
                let is_harmless = is_url_of_server.iter().chain(&NEVER_ASKED);
                let is_harmless = is_harmless
                    .into_iter()
                    .any(|start| after.starts_with(start));
                let shown: String = after.chars().take(40).collect();
                assert!(is_harmless, "{}: {shown}", path.display());
            }
        }
    }
}
