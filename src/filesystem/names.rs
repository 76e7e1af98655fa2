//! Checks of names: a listed name must be valid, and the target must support it.

use crate::filesystem::Meta;

/// Names that Windows interprets as a device in any directory, whatever the extension.
///
/// Source: [Naming files](https://learn.microsoft.com/en-us/windows/win32/fileio/naming-a-file).
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];

/// Returns the reason why a listed string is not a name. Joined to a directory, it would lead to another directory.
pub(crate) fn not_a_name(name: &str) -> Option<&'static str> {
    match name {
        "" => Some("the name is empty"),
        "." | ".." => Some("the name refers to another directory"),
        _ if name.contains('/') => Some("the name contains a separator"),
        _ if name.contains('\0') => Some("the name contains a NUL character"),
        _ => None,
    }
}

/// Returns the reason why a filesystem with these properties cannot have the name.
///
/// A filesystem whose paths cannot contain `\` follows the rules of Windows, where `\` is a separator.
pub(crate) fn unfit(name: &str, meta: &Meta) -> Option<&'static str> {
    if let Some(why) = not_a_name(name) {
        return Some(why);
    }
    let is_windows = meta.invalid_path_chars.contains('\\');
    if is_windows && name.contains(['\\', ':']) {
        return Some("the name contains a separator or a drive");
    }
    if name.contains(|c| meta.invalid_path_chars.contains(c)) {
        return Some("the name contains a character that the target does not allow");
    }
    if is_windows && name.ends_with(['.', ' ']) {
        return Some("the name ends with a dot or space, which the target removes");
    }
    if is_windows && is_device(name) {
        return Some("the name is reserved for a device");
    }
    let length = match is_windows {
        true => name.encode_utf16().count(),
        false => name.len(),
    };
    if meta.max_name_length.is_some_and(|max| length > max) {
        return Some("the name is longer than the target allows");
    }
    None
}

fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default();
    let stem = stem.trim_end_matches(' ').to_lowercase();
    let port = stem
        .strip_prefix("com")
        .or_else(|| stem.strip_prefix("lpt"));
    let mut number = port.unwrap_or_default().chars();
    let is_port =
        matches!(number.next(), Some('1'..='9' | '¹' | '²' | '³')) && number.next().is_none();
    is_port || DEVICES.contains(&stem.as_str())
}

/// Returns a key that is equal for paths of the same file: the path in lower case if the filesystem is case-insensitive.
pub(crate) fn folded(path: &str, meta: &Meta) -> String {
    if meta.case_insensitive {
        path.to_lowercase()
    } else {
        path.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows() -> Meta {
        Meta {
            case_insensitive: true,
            invalid_path_chars: "\0\\:*?\"<>|".to_owned(),
            ..Meta::default()
        }
    }

    #[test]
    fn a_name_stays_in_its_directory() {
        // A name, and whether it fits a target with POSIX rules and one with Windows rules.
        let table = [
            ("a.txt", true, true),
            ("...", true, false),
            ("..a", true, true),
            ("é 🐚", true, true),
            ("console", true, true),
            ("com", true, true),
            ("com10", true, true),
            ("lpt0", true, true),
            ("a.con", true, true),
            ("", false, false),
            (".", false, false),
            ("..", false, false),
            ("a/b", false, false),
            ("../../etc/passwd", false, false),
            ("a\0", false, false),
            ("..\\..\\x", true, false),
            ("C:\\x", true, false),
            ("C:", true, false),
            ("a:stream", true, false),
            ("what?", true, false),
            ("a.", true, false),
            ("a ", true, false),
            ("CON", true, false),
            ("nul.txt", true, false),
            ("Aux .tar.gz", true, false),
            ("COM1", true, false),
            ("lpt³.log", true, false),
            ("CONIN$", true, false),
        ];
        for (name, posix, on_windows) in table {
            assert_eq!(unfit(name, &Meta::default()).is_none(), posix, "{name:?}");
            assert_eq!(unfit(name, &windows()).is_none(), on_windows, "{name:?}");
        }
    }

    #[test]
    fn a_long_name_is_measured_as_the_target_does() {
        let fits = |name: &str, meta: Meta| {
            let max_name_length = Some(255);
            let meta = Meta {
                max_name_length,
                ..meta
            };
            unfit(name, &meta).is_none()
        };
        for (name, posix, on_windows) in [
            ("n".repeat(255), true, true),
            ("n".repeat(256), false, false),
            ("é".repeat(127), true, true),
            ("é".repeat(128), false, true),
            ("🐚".repeat(127), false, true),
            ("🐚".repeat(128), false, false),
        ] {
            assert_eq!(fits(&name, Meta::default()), posix, "{name}");
            assert_eq!(fits(&name, windows()), on_windows, "{name}");
        }
        assert_eq!(unfit(&"n".repeat(1000), &Meta::default()), None);
    }

    #[test]
    fn names_that_differ_only_in_case_collide_where_case_is_ignored() {
        assert_eq!(folded("A/É", &windows()), folded("a/é", &windows()));
        let meta = Meta::default();
        assert_ne!(folded("A", &meta), folded("a", &meta));
    }
}
