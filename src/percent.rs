//! Characters that URLs have percent-encoded.

use percent_encoding::{AsciiSet, CONTROLS};

/// Characters of a path that an FS URL must have encoded, so that it is read back as it was.
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
