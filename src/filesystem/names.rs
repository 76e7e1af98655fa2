//! Names that a target can take: what a listing gives must be a name, and the target must have room
//! for it.

use crate::filesystem::Meta;

/// What Windows takes for a device in any directory, whatever the extension.
///
/// Source: [Naming files](https://learn.microsoft.com/en-us/windows/win32/fileio/naming-a-file).
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];

/// Why what was listed is no name: joined to a directory, it would lead elsewhere.
pub(crate) fn not_a_name(name: &str) -> Option<&'static str> {
    match name {
        "" => Some("the name is empty"),
        "." | ".." => Some("the name stands for another directory"),
        _ if name.contains('/') => Some("the name has a separator"),
        _ if name.contains('\0') => Some("the name has a NUL character"),
        _ => None,
    }
}

/// Why a filesystem like that cannot have the name.
///
/// One whose paths have no `\` is taken for one with the rules of Windows, where `\` separates.
pub(crate) fn unfit(name: &str, meta: &Meta) -> Option<&'static str> {
    if let Some(why) = not_a_name(name) {
        return Some(why);
    }
    let is_windows = meta.invalid_path_chars.contains('\\');
    if is_windows && name.contains(['\\', ':']) {
        return Some("the name has a separator or a drive");
    }
    if name.contains(|c| meta.invalid_path_chars.contains(c)) {
        return Some("the name has a character that the target cannot take");
    }
    if is_windows && name.ends_with(['.', ' ']) {
        return Some("the target cuts the dot or space off that the name ends with");
    }
    if is_windows && is_device(name) {
        return Some("the name is reserved for a device");
    }
    let length = match is_windows {
        true => name.encode_utf16().count(),
        false => name.len(),
    };
    if meta.max_name_length.is_some_and(|max| length > max) {
        return Some("the name is longer than the target can take");
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

/// What two paths have in common that are one on a filesystem that does not tell case.
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
        // A name; whether it fits a target with the rules of POSIX, and of Windows.
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
    fn names_that_differ_in_case_are_one_where_case_is_not_told() {
        assert_eq!(folded("A/É", &windows()), folded("a/é", &windows()));
        let meta = Meta::default();
        assert_ne!(folded("A", &meta), folded("a", &meta));
    }
}
