//! Characters that are percent-encoded in URLs.

use percent_encoding::{AsciiSet, CONTROLS};

/// Characters of a path that an FS URL must encode, so that parsing returns the same path.
pub(crate) const FS_URL: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'!')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'&')
    .add(b'+')
    .add(b':')
    .add(b'<')
    .add(b'=')
    .add(b'>')
    .add(b'?')
    .add(b'@');
