//! FS URLs, such as `s3://KEY:SECRET@bucket/dir?region=eu-west-1!a/file.txt`: parses a URL into its parts, and displays a
//! URL without its secrets. Independent of any protocol.

use std::fmt;

use percent_encoding::percent_decode_str;

use crate::error::{Error, ErrorKind, Result};

/// Replacement for a secret.
const HIDDEN: &str = "***";

/// The parts of an FS URL, percent-decoded.
///
/// The format is that of PyFilesystem ([FS URLs](https://docs.pyfilesystem.org/en/latest/openers.html#format)):
///
/// ```text
/// protocol://[user[:password]@]resource[?name=value[&name=value]...][!path]
/// ```
///
/// ```
/// use s3fs::FsUrl;
///
/// let url = FsUrl::parse("s3://KEY:se/cr+et@bucket/dir?region=eu-west-1&strict=0!a/b.txt")?;
/// assert_eq!(url.protocol(), "s3");
/// assert_eq!(url.username(), Some("KEY"));
/// assert_eq!(url.password(), Some("se/cr+et"));
/// assert_eq!(url.resource(), "bucket/dir");
/// assert_eq!(url.param("region"), Some("eu-west-1"));
/// assert_eq!(url.path(), Some("a/b.txt"));
/// # Ok::<(), s3fs::Error>(())
/// ```
///
/// # Characters
///
/// In every part except the protocol, any character can be written as a percent escape of its UTF-8 bytes. The following
/// characters must be escaped, unless they are meant as delimiters:
///
/// - `%` everywhere (`%25`);
/// - `?` (`%3F`) and `!` (`%21`) before the parameters and before the path: the first `!` begins the path, and the first `?`
///   before it begins the parameters;
/// - `&` (`%26`) in parameters, and `=` (`%3D`) in their names. In parameters, `+` means a space, as in web forms, and a
///   plus sign is `%2B`. In the other parts, `+` is a plus sign.
///
/// The characters `/ + = @ :` may appear unescaped in a password:
///
/// - If a `:` comes before the first `/`, the user info ends at the **last** `@` before the parameters and the path:
///   `s3://KEY:a/b@c:d@bucket`. In such a URL, write an `@` in the resource as `%40`.
/// - Otherwise, the user info ends at the last `@` before the first `/`, if there is one. A later `@` belongs to the
///   resource: `s3://bucket/a@b`. Write a `/` or `:` in a user name as `%2F` or `%3A`.
/// - If there is user info, or a `:` that could be part of it, then an `@` after the first `?` or `!` is an error. It would
///   usually be the end of a secret with an unescaped `?` or `!`, and the rest of the secret must not be interpreted as the
///   name of a bucket. Write such an `@` as `%40`.
#[derive(Clone, PartialEq, Eq)]
pub struct FsUrl {
    protocol: String,
    username: Option<String>,
    password: Option<String>,
    resource: String,
    params: Vec<(String, String)>,
    path: Option<String>,
}

impl FsUrl {
    /// Parses an FS URL.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::ParseUrl`] if there is no `protocol://`, a user name is empty, an escape is not `%` and two hex digits,
    /// a decoded part is not UTF-8 or has a control character, a parameter has no name or appears twice, or an `@` is
    /// ambiguous. The error shows the URL as [`redacted`] does.
    ///
    /// ```
    /// use s3fs::{ErrorKind, FsUrl};
    ///
    /// let error = FsUrl::parse("s3://KEY:50%SECRET@bucket/dir").unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::ParseUrl);
    /// assert_eq!(
    ///     error.to_string(),
    ///     "malformed FS URL: \"s3://***@bucket/dir\": the password contains a `%` that is \
    ///      not followed by two hex digits; write a literal `%` as `%25`"
    /// );
    /// ```
    pub fn parse(url: &str) -> Result<Self> {
        Self::read(url).map_err(|fault| {
            Error::new(ErrorKind::ParseUrl)
                .with_path(redacted(url))
                .with_message(fault.to_string())
        })
    }

    /// Converts a path of the local disk to an FS URL, without decoding it.
    pub(crate) fn of_os_path(path: &str) -> Self {
        Self {
            protocol: "osfs".to_owned(),
            username: None,
            password: None,
            resource: path.to_owned(),
            params: Vec::new(),
            path: None,
        }
    }

    /// Protocol as it was written, such as `s3`.
    #[must_use]
    pub fn protocol(&self) -> &str {
        &self.protocol
    }

    /// User name. Never empty.
    #[must_use]
    pub fn username(&self) -> Option<&str> {
        self.username.as_deref()
    }

    /// Password. Empty for `user:@`, and `None` for `user@`.
    #[must_use]
    pub fn password(&self) -> Option<&str> {
        self.password.as_deref()
    }

    /// Resource to open, such as `bucket/dir`. Can be empty.
    #[must_use]
    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// Names and values of the parameters, in their order. All names are different.
    ///
    /// A parameter without `=` has an empty value.
    pub fn params(&self) -> impl Iterator<Item = (&str, &str)> {
        let params = self.params.iter();
        params.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Value of the parameter with this name.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params()
            .find_map(|(other, value)| (other == name).then_some(value))
    }

    /// Path inside the filesystem, after `!`.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    fn read(url: &str) -> Result<Self, Fault> {
        let (protocol, body) = split_protocol(url).ok_or(Fault::NoProtocol)?;
        let (start, path) = cut(body, '!');
        let (start, query) = cut(start, '?');
        let (user_info, resource) = split_user_info(start);

        let rest = body.strip_prefix(start).unwrap_or_default();
        if rest.contains('@') && (user_info.is_some() || before_slash(start).contains(':')) {
            return Err(Fault::AmbiguousAt);
        }
        let (username, password) = match user_info.map(|user_info| cut(user_info, ':')) {
            Some(("", _)) => return Err(Fault::NoUser),
            Some((username, password)) => (Some(username), password),
            None => (None, None),
        };
        let decode_option = |part, raw: Option<&str>| raw.map(|raw| decode(part, raw)).transpose();
        Ok(Self {
            protocol: protocol.to_owned(),
            username: decode_option("user name", username)?,
            password: decode_option("password", password)?,
            resource: decode("resource", resource)?,
            params: read_params(query.unwrap_or_default())?,
            path: decode_option("path", path)?,
        })
    }
}

/// Shows the parts without user name, password and parameter values.
impl fmt::Debug for FsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let params: Vec<&str> = self.params().map(|(name, _)| shown_name(name)).collect();
        f.debug_struct("FsUrl")
            .field("protocol", &self.protocol)
            .field("username", &self.username.as_ref().map(|_| HIDDEN))
            .field("password", &self.password.as_ref().map(|_| HIDDEN))
            .field("resource", &shown_resource(&self.resource))
            .field("params", &params)
            .field("path", &self.path)
            .finish()
    }
}

/// Returns the URL in a form that can be displayed: without the text before its last `@`, and without the values of its
/// parameters.
///
/// Accepts any string, including one that [`FsUrl::parse`] rejects. In doubt it hides too much: a resource with a `:` could
/// be credentials whose `@` was forgotten.
///
/// ```
/// use s3fs::redacted;
///
/// assert_eq!(
///     redacted("s3://KEY:SECRET@bucket/dir?region=eu-west-1!file.txt"),
///     "s3://***@bucket/dir?region=***!file.txt"
/// );
/// assert_eq!(redacted("s3://KEY:SECRET/bucket"), "s3://***");
/// ```
#[must_use]
pub fn redacted(url: &str) -> String {
    let (mut shown, body) = match split_protocol(url) {
        Some((protocol, body)) => (format!("{protocol}://"), body),
        None => (String::new(), url),
    };
    let body = match body.rsplit_once('@') {
        // The text after the `@` could be the rest of a parameter's value.
        Some((before, _)) if before.contains('?') => return shown + HIDDEN,
        Some((_, after)) => {
            shown += HIDDEN;
            shown.push('@');
            after
        }
        None => body,
    };
    let (start, path) = cut(body, '!');
    let (resource, query) = cut(start, '?');
    shown += shown_resource(resource);
    if let Some(query) = query {
        let params: Vec<String> = query.split('&').map(shown_param).collect();
        shown.push('?');
        shown += &params.join("&");
    }
    if let Some(path) = path {
        shown.push('!');
        shown += path;
    }
    shown
}

/// Reason why a URL is rejected. Contains nothing of the URL except the name of a parameter.
enum Fault {
    NoProtocol,
    NoUser,
    AmbiguousAt,
    BadEscape(&'static str),
    NotUtf8(&'static str),
    ControlCharacter(&'static str),
    NamelessParameter,
    RepeatedParameter(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoProtocol => f.write_str("it does not begin with `protocol://`"),
            Self::NoUser => f.write_str("the user name before `@` or `:` is empty"),
            Self::AmbiguousAt => f.write_str(
                "an `@` follows `?` or `!`; write it as `%40`, or, if it ends the user name and \
                 password, write `?` in them as `%3F` and `!` as `%21`",
            ),
            Self::BadEscape(part) => write!(
                f,
                "the {part} contains a `%` that is not followed by two hex digits; write a literal \
                 `%` as `%25`"
            ),
            Self::NotUtf8(part) => write!(f, "the {part} is not UTF-8 after percent-decoding"),
            Self::ControlCharacter(part) => write!(f, "the {part} contains a control character"),
            Self::NamelessParameter => f.write_str("a parameter has no name"),
            Self::RepeatedParameter(name) => {
                write!(f, "the parameter {} appears twice", shown_name(name))
            }
        }
    }
}

/// Splits a URL into its protocol and the rest. `None` if the protocol is missing or has invalid characters.
fn split_protocol(url: &str) -> Option<(&str, &str)> {
    let (protocol, body) = url.split_once("://")?;
    let known = |c: char| c.is_ascii_alphanumeric() || "+-._".contains(c);
    (!protocol.is_empty() && protocol.chars().all(known)).then_some((protocol, body))
}

/// Splits off the user info from the resource, by the rule in the documentation of [`FsUrl`].
fn split_user_info(start: &str) -> (Option<&str>, &str) {
    let before_slash = before_slash(start);
    let holds_user_info = if before_slash.contains(':') {
        start
    } else {
        before_slash
    };
    let at = holds_user_info.rfind('@');
    match at.and_then(|at| start.split_at_checked(at)) {
        Some((user_info, rest)) => (Some(user_info), rest.strip_prefix('@').unwrap_or(rest)),
        None => (None, start),
    }
}

fn before_slash(start: &str) -> &str {
    cut(start, '/').0
}

/// Splits a text at the first `mark`. The second part is `None` if there is no `mark`.
fn cut(text: &str, mark: char) -> (&str, Option<&str>) {
    match text.split_once(mark) {
        Some((before, after)) => (before, Some(after)),
        None => (text, None),
    }
}

fn read_params(query: &str) -> Result<Vec<(String, String)>, Fault> {
    let mut params: Vec<(String, String)> = Vec::new();
    for param in query.split('&').filter(|param| !param.is_empty()) {
        // As in web forms, and as in PyFilesystem.
        let param = param.replace('+', " ");
        let (name, value) = cut(&param, '=');
        let name = decode("name of a parameter", name)?;
        let value = decode("value of a parameter", value.unwrap_or_default())?;
        if name.is_empty() {
            return Err(Fault::NamelessParameter);
        }
        if params.iter().any(|(other, _)| *other == name) {
            return Err(Fault::RepeatedParameter(name));
        }
        params.push((name, value));
    }
    Ok(params)
}

fn decode(part: &'static str, raw: &str) -> Result<String, Fault> {
    // `percent_decode_str` leaves an invalid escape unchanged.
    if !raw.split('%').skip(1).all(begins_with_hex_digits) {
        return Err(Fault::BadEscape(part));
    }
    let decoded = percent_decode_str(raw)
        .decode_utf8()
        .map_err(|_| Fault::NotUtf8(part))?;
    if decoded.contains(char::is_control) {
        return Err(Fault::ControlCharacter(part));
    }
    Ok(decoded.into_owned())
}

fn begins_with_hex_digits(text: &str) -> bool {
    matches!(text.as_bytes(), [a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit())
}

fn shown_resource(resource: &str) -> &str {
    if resource.contains(':') {
        HIDDEN
    } else {
        resource
    }
}

fn shown_param(param: &str) -> String {
    match param.split_once('=') {
        Some((name, _)) => format!("{}={HIDDEN}", shown_name(name)),
        // Without `=` it could be the rest of a value with an unescaped `&`.
        None => HIDDEN.to_owned(),
    }
}

/// Returns the name of a parameter if it consists of the usual characters.
fn shown_name(name: &str) -> &str {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    if name.chars().all(plain) {
        name
    } else {
        HIDDEN
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

    fn parsed(url: &str) -> FsUrl {
        FsUrl::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"))
    }

    fn refusal(url: &str) -> String {
        let error = FsUrl::parse(url).expect_err(url);
        assert_eq!(error.kind(), ErrorKind::ParseUrl, "{url}");
        error.message().unwrap_or_default().to_owned()
    }

    #[test]
    fn every_part_is_found_and_decoded() {
        let url = parsed("s3://K%2FEY:a%40b%3A@bucket/a%20%C3%A9?x=%26+%2B&flag&&y=!%21+a?b!c");
        assert_eq!(url.protocol(), "s3");
        assert_eq!(url.username(), Some("K/EY"));
        assert_eq!(url.password(), Some("a@b:"));
        assert_eq!(url.resource(), "bucket/a \u{e9}");
        let params: Vec<_> = url.params().collect();
        assert_eq!(params, [("x", "& +"), ("flag", ""), ("y", "")]);
        assert_eq!(url.param("flag"), Some(""));
        assert_eq!(url.param("absent"), None);
        assert_eq!(url.path(), Some("!+a?b!c"));
    }

    #[test]
    fn parts_that_are_absent_are_none() {
        let url = parsed("mem://");
        assert_eq!(url.protocol(), "mem");
        assert_eq!((url.username(), url.password()), (None, None));
        assert_eq!(url.resource(), "");
        assert_eq!(url.params().count(), 0);
        assert_eq!(url.path(), None);
        assert_eq!(parsed("mem://!").path(), Some(""));
    }

    #[test]
    fn user_info_ends_as_documented() {
        for (url, username, password, resource) in [
            ("s3://bucket/dir", None, None, "bucket/dir"),
            ("s3://K:S@b", Some("K"), Some("S"), "b"),
            ("s3://K:@b", Some("K"), Some(""), "b"),
            ("s3://K@b", Some("K"), None, "b"),
            (
                "s3://KEY:se/cr@t+x==@bucket/dir",
                Some("KEY"),
                Some("se/cr@t+x=="),
                "bucket/dir",
            ),
            ("s3://K:S://:@b", Some("K"), Some("S://:"), "b"),
            ("s3://K:@@b", Some("K"), Some("@"), "b"),
            ("s3://me@x.org:S@b", Some("me@x.org"), Some("S"), "b"),
            ("s3://bucket/a@b", None, None, "bucket/a@b"),
            ("s3://bucket/12:30/a@b", None, None, "bucket/12:30/a@b"),
            ("s3://K@bucket/a@b", Some("K"), None, "bucket/a@b"),
            ("s3://K:S@bucket/a%40b", Some("K"), Some("S"), "bucket/a@b"),
            ("ftp://host:21/dir", None, None, "host:21/dir"),
            ("ftp://me@host:21/dir", Some("me"), None, "host:21/dir"),
            ("s3://bucket?owner=me@x.org!a@b", None, None, "bucket"),
        ] {
            let found = parsed(url);
            assert_eq!(found.username(), username, "{url}");
            assert_eq!(found.password(), password, "{url}");
            assert_eq!(found.resource(), resource, "{url}");
        }
    }

    #[test]
    fn a_malformed_url_is_refused_with_the_reason() {
        for (url, why) in [
            ("", "does not begin with"),
            ("bucket", "does not begin with"),
            ("://bucket", "does not begin with"),
            ("s3:/bucket", "does not begin with"),
            ("s 3://bucket", "does not begin with"),
            (
                "KEY:SECRET@bucket?endpoint_url=http://x",
                "does not begin with",
            ),
            ("s3://@bucket", "user name before `@`"),
            ("s3://:SECRET@bucket", "user name before `@`"),
            ("s3://KEY:SEC?RET@bucket", "write `?` in them as `%3F`"),
            ("s3://KEY:SEC!RET@bucket", "write `?` in them as `%3F`"),
            ("s3://KEY:S@x!RET@bucket", "write `?` in them as `%3F`"),
            ("s3://TOK@x!EN@bucket", "write `?` in them as `%3F`"),
            ("s3://K%:S@b", "the user name contains a `%`"),
            ("s3://K:S%4@b", "the password contains a `%`"),
            ("s3://b%zz", "the resource contains a `%`"),
            ("s3://b?x=%+1", "the value of a parameter contains a `%`"),
            ("s3://b!100%", "the path contains a `%`"),
            ("s3://b%\u{e9}", "the resource contains a `%`"),
            ("s3://%ff", "the resource is not UTF-8"),
            ("s3://b?%c3=1", "the name of a parameter is not UTF-8"),
            ("s3://b\0", "the resource contains a control character"),
            ("s3://b%0a", "the resource contains a control character"),
            ("s3://K:S%7F@b", "the password contains a control character"),
            ("s3://b?=1", "a parameter has no name"),
            ("s3://b?x=1&x=1", "the parameter x appears twice"),
            ("s3://b?x=1&%78=2", "the parameter x appears twice"),
        ] {
            let message = refusal(url);
            assert!(message.contains(why), "{url}: {message}");
        }
    }

    #[test]
    fn redacted_hides_secrets_and_shows_the_rest() {
        for (url, shown) in [
            ("", ""),
            ("bucket/dir", "bucket/dir"),
            ("s3://bucket/dir!a/b", "s3://bucket/dir!a/b"),
            ("s3://bucket/a@b", "s3://***@b"),
            ("s3://K:S@T@bucket/dir", "s3://***@bucket/dir"),
            ("s3://K:S?T@bucket/dir", "s3://***"),
            ("s3://b?x=me@x.org", "s3://***"),
            ("s3://b?x=1&y&z=a=b!p?q=r", "s3://b?x=***&***&z=***!p?q=r"),
            ("s3://b?to%6ben=1&a/b=2", "s3://b?***=***&***=***"),
            ("s3://KEY:SECRET/bucket", "s3://***"),
            ("KEY:SECRET@bucket", "***@bucket"),
            ("KEY:SEC://RET@bucket", "***@bucket"),
        ] {
            assert_eq!(redacted(url), shown, "{url}");
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let url = parsed("s3://KEY:SECRET@bucket?token=VALUE&region=VALUE!path");
        assert_eq!(
            format!("{url:?}"),
            "FsUrl { protocol: \"s3\", username: Some(\"***\"), password: Some(\"***\"), \
             resource: \"bucket\", params: [\"token\", \"region\"], path: Some(\"path\") }"
        );
        let misplaced = format!("{:?}", parsed("s3://KEY:SECRET/bucket"));
        assert!(!misplaced.contains("SECRET"), "{misplaced}");
    }

    /// Random texts, the same ones in every run ([xorshift](https://www.jstatsoft.org/v08/i14/)).
    struct Texts(u64);

    impl Texts {
        fn below(&mut self, end: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            usize::try_from(self.0 >> 33).unwrap() % end
        }

        fn of(&mut self, pieces: &[&str], most: usize) -> String {
            let count = self.below(most + 1);
            (0..count)
                .map(|_| pieces[self.below(pieces.len())])
                .collect()
        }
    }

    const PIECES: &[&str] = &[
        "s3",
        "://",
        ":",
        "/",
        "@",
        "?",
        "!",
        "=",
        "&",
        "+",
        "%",
        "%4",
        "%40",
        "%ff",
        "%00",
        "%21",
        ".",
        "~",
        "#",
        "\0",
        "\n",
        " ",
        "\u{e9}",
        "\u{1f600}",
        "b",
        "x=",
        "&x=",
    ];

    #[test]
    fn no_string_panics_and_no_error_quotes_the_text_before_the_last_at() {
        let mut texts = Texts(0x5333_4653);
        let with_secret = [PIECES, &["SECRET"; 6]].concat();
        let without_at: Vec<&str> = PIECES.iter().copied().filter(|p| *p != "@").collect();
        let mut refused = 0;
        for _ in 0..30_000 {
            let before = texts.of(&with_secret, 8);
            let url = format!("s3://{before}@{}", texts.of(&without_at, 6));
            assert!(!redacted(&url).contains("SECRET"), "{url:?}");
            if let Err(error) = FsUrl::parse(&url) {
                refused += 1;
                assert!(!format!("{error:?}").contains("SECRET"), "{url:?}");
            }
            let _ = FsUrl::parse(&texts.of(PIECES, 10));
        }
        assert!((1..30_000).contains(&refused), "{refused}");
    }

    #[test]
    fn no_error_and_no_debug_quotes_the_value_of_a_parameter() {
        let mut texts = Texts(0x7061_7261);
        let mut in_values = PIECES.to_vec();
        in_values.retain(|piece| !piece.contains(['!', '&']));
        for _ in 0..30_000 {
            let start = texts.of(PIECES, 4).replace('!', "");
            let end = texts.of(&in_values, 4);
            let url = format!("s3://{start}?x=SECRET{end}SECRET&y=1");
            assert!(!redacted(&url).contains("SECRET"), "{url:?}");
            let answer = format!("{:?}", FsUrl::parse(&url));
            assert!(!answer.contains("SECRET"), "{url:?}");
        }
    }

    #[test]
    fn every_percent_encoded_string_is_decoded() {
        let mut texts = Texts(0x726f_756e);
        let printable: Vec<&str> = PIECES
            .iter()
            .copied()
            .filter(|piece| !piece.contains(char::is_control))
            .collect();
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        for _ in 0..10_000 {
            let user = format!("u{}", texts.of(&printable, 4));
            let [password, resource, name, value, path] = [(); 5].map(|()| texts.of(&printable, 5));
            let name = format!("n{name}");
            let [u, w, r, n, v, p] =
                [&user, &password, &resource, &name, &value, &path].map(|part| encoded(part));
            let url = parsed(&format!("s3://{u}:{w}@{r}?{n}={v}!{p}"));
            assert_eq!(url.username(), Some(&*user));
            assert_eq!(url.password(), Some(&*password));
            assert_eq!(url.resource(), resource);
            assert_eq!(url.params().collect::<Vec<_>>(), [(&*name, &*value)]);
            assert_eq!(url.path(), Some(&*path));
        }
    }
}
