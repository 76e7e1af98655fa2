//! The S3 part of [`fuzzing`](crate::fuzzing): responses, keys, the files of the AWS tools.

use crate::path;
use crate::s3::client::xml::{self, XmlError};
use crate::s3::credentials;
use crate::s3::key::{KeyMap, Place};
use crate::s3::read::answer;

pub use crate::s3::client::fuzzing::{redaction, retry_after};
pub(crate) use crate::s3::client::fuzzing::{text, two_texts};

/// Maximum length of an error about an unreadable response, including positions of elements.
const LONGEST_QUOTE: usize = 4096;

/// Parses responses as each of the documents that the library requests.
pub fn xml_answers(data: &[u8]) {
    if let Ok(page) = told(xml::list_page(data, "")) {
        assert!(
            page.next_token.is_none_or(|token| !token.is_empty()),
            "an empty token"
        );
    }
    if let Ok(id) = told(xml::created_upload(data)) {
        assert!(!id.is_empty(), "an empty upload id");
    }
    if let Ok(tags) = told(xml::tagging(data)) {
        assert!(tags.iter().all(|(key, _)| !key.is_empty()), "an empty tag");
    }
    if let Ok(page) = told(xml::uploads_page(data)) {
        let next = page.next;
        assert!(
            next.is_none_or(|(key, _)| !key.is_empty()),
            "an empty marker"
        );
    }
    if let Ok(page) = told(xml::versions_page(data, "")) {
        let mut versions = page.versions.iter();
        assert!(
            versions.all(|version| !version.version_id.is_empty()),
            "a version without an id"
        );
    }
    if let Ok(page) = told(xml::buckets_page(data)) {
        let mut buckets = page.buckets.iter();
        assert!(
            buckets.all(|bucket| !bucket.name.is_empty()),
            "a bucket without a name"
        );
    }
    let _ = told(xml::copy_result(data));
    let _ = told(xml::completed_upload(data));
    let _ = told(xml::delete_failures(data));
}

/// Checks that messages about unreadable responses are bounded, except for errors of the server.
fn told<T>(read: Result<T, XmlError>) -> Result<T, XmlError> {
    if let Err(error) = &read {
        let told = error.to_string();
        let is_refusal = matches!(error, XmlError::Refused(_));
        assert!(
            is_refusal || told.len() <= LONGEST_QUOTE,
            "{} bytes: {told}",
            told.len()
        );
    }
    read
}

/// Checks bodies of error responses: no document is an error and another response at once.
pub fn error_answers(data: &[u8]) {
    let is_error = xml::error_answer(data).is_some();
    assert!(
        !is_error || !xml::is_other_document(data),
        "both an error and an answer"
    );
    assert!(
        !is_error || xml::list_page(data, "").is_err(),
        "an error that is a listing"
    );
}

/// Checks that line endings do not matter in the shared credentials and config files.
pub fn aws_config(data: &[u8]) {
    let text = text(data);
    let read = credentials::is_shared_file(&text);
    let unix = text.replace("\r\n", "\n").replace('\r', "\n");
    let windows = unix.replace('\n', "\r\n");
    assert_eq!(read, credentials::is_shared_file(&windows), "{text:?}");
}

/// Reads the profile that the first line names from files with the remaining lines, and splits its name into words.
pub fn profiles(data: &[u8]) {
    let (name, file) = two_texts(data);
    for (credentials, config) in [(&*file, ""), ("", &file), (&file, &file)] {
        if let Ok(Some(found)) = credentials::read_profile(&name, credentials, config) {
            assert!(
                !found.access_key_id().is_empty() && !found.secret_access_key().is_empty(),
                "half a credential"
            );
        }
    }
    let Some(words) = credentials::words_of(&name) else {
        return;
    };
    let quoted = |word: &String| {
        let word = word.replace('\\', "\\\\").replace('"', "\\\"");
        format!("\"{word}\"")
    };
    let again: Vec<_> = words.iter().map(quoted).collect();
    assert_eq!(
        credentials::words_of(&again.join(" ")),
        Some(words),
        "{name:?}"
    );
}

/// Returns the settings in the shared files that these variables name, and the resulting choices, as lines.
pub fn aws_configuration(variables: Vec<(String, String)>) -> Vec<String> {
    credentials::described(&credentials::Environment::from_pairs(variables))
}

/// Parses the `Content-Range` header.
pub fn content_range(data: &[u8]) {
    let text = text(data);
    for asked in [0, 1, 100, u64::MAX] {
        if let Ok((end, size)) = answer::content_range(&text, asked) {
            let size = size.unwrap_or(u64::MAX);
            assert!(
                asked < end && end <= size,
                "{text:?}: {asked}..{end} of {size}"
            );
        }
    }
}

/// Converts paths to keys and listed keys to names. The conversion is reversible, and no key is outside of `dir_path`.
pub fn keys(data: &[u8]) {
    let (settings, text) = two_texts(data);
    let (dir_path, delimiter) = settings.split_once('\t').unwrap_or((&*settings, "/"));
    let Ok(map) = KeyMap::new(dir_path, delimiter) else {
        return;
    };
    let Ok(root) = map.directory("/") else {
        panic!("{dir_path:?} has no root");
    };
    let listed = format!("{root}{text}");
    if let Place::Child(name) = map.place(&root, &listed) {
        assert!(
            !name.is_empty() && !name.contains('/'),
            "{listed:?} is {name:?}"
        );
        let file = map.file(&format!("/{name}"));
        // The trailing delimiter is not the root's.
        let as_listed = format!("{root}{}", text.strip_suffix(delimiter).unwrap_or(&text));
        let is_same = file.is_ok_and(|key| key.as_str() == as_listed);
        assert!(is_same || listed.len() > 1024, "{listed:?}");
    }
    let Ok(normal) = path::normpath(&text) else {
        return;
    };
    let path = path::abspath(&normal);
    if path == "/" || path.contains('\0') {
        return;
    }
    let (Ok(file), Ok(parent)) = (map.file(&path), map.directory(path::dirname(&path))) else {
        return;
    };
    assert!(
        file.as_str().starts_with(&root) && file.as_str().len() <= 1024,
        "{path:?}"
    );
    assert_eq!(
        map.place(&parent, file.as_str()),
        Place::Child(path::basename(&path)),
        "{path:?}"
    );
}
