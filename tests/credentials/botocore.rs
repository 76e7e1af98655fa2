//! Files and variables that both botocore and this crate read.
//!
//! `.ci/botocore.sh` creates the cases with `tests/credentials/cases.py` and sets `S3FS_TEST_BOTOCORE` to their
//! directory. Each case is a home directory with `env`, the variables, and `expected`, the result of botocore.
//! A case in which this crate differs on purpose has the reason in `differs`.

use std::fs;
use std::path::Path;

use s3fs::fuzzing::aws_configuration;

#[test]
fn files_are_read_and_sources_chosen_as_in_botocore() {
    let Some(directory) = std::env::var_os("S3FS_TEST_BOTOCORE") else {
        println!("not tested: S3FS_TEST_BOTOCORE names no cases");
        return;
    };
    let mut cases: Vec<_> = fs::read_dir(directory)
        .expect("the cases")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    cases.sort();
    assert!(cases.len() >= 100, "{} cases", cases.len());
    let wrong: Vec<String> = cases.iter().filter_map(|case| difference(case)).collect();
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}

/// Returns a difference between the two in a case, except for an intended one.
fn difference(case: &Path) -> Option<String> {
    let text = |name: &str| fs::read_to_string(case.join(name)).ok();
    let pairs = text("env").expect("the variables");
    let mut variables: Vec<(String, String)> = pairs
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    variables.push(("HOME".to_owned(), case.display().to_string()));
    let ours = aws_configuration(variables);
    let expected = text("expected").expect("what botocore says");
    let theirs: Vec<&str> = expected.lines().collect();
    let only = |of: &[&str], other: &[&str], mark: &str| -> String {
        of.iter()
            .filter(|line| !other.contains(line))
            .map(|line| format!("  {mark} {line}\n"))
            .collect()
    };
    let ours: Vec<&str> = ours.iter().map(String::as_str).collect();
    let differences = only(&theirs, &ours, "botocore:") + &only(&ours, &theirs, "s3fs:");
    let name = case.file_name()?.to_string_lossy();
    match (text("differs"), differences.is_empty()) {
        (None, true) | (Some(_), false) => None,
        (None, false) => Some(format!("{name}\n{differences}")),
        (Some(reason), true) => Some(format!("{name} does not differ: {reason}")),
    }
}
