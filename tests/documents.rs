//! What the documentation of settings must contain.

use std::fs;
use std::path::Path;

/// The first line of each public setter in that `impl` block, and its doc comment.
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
            // A long list of arguments stands on the next lines.
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
    let setters = setters("transfer/bulk.rs", "impl<'a> TransferOptions<'a>");
    assert!(setters.len() >= 10, "{}", setters.len());
    for (name, comment) in setters {
        assert!(names_its_default(&comment), "{name}: {comment}");
    }
}
