//! The parameters of FS URLs, under the names of the builder's methods.

use std::str::FromStr;
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};
use crate::filesystem::header_args;
use crate::filesystem::options::ChecksumAlgorithm;
use crate::fs_url::FsUrl;
use crate::s3::api::ConditionalWrites;
use crate::s3::builder::{AddressingStyle, Checksum, S3FsBuilder};

impl S3FsBuilder {
    /// Reads an `s3://` FS URL: bucket, `dir_path`, credentials and parameters.
    ///
    /// `allow_profile` allows the parameters `profile`, which may run a command, and `ca_bundle`. Set it only for
    /// URLs that the program itself wrote.
    ///
    /// # Errors
    ///
    /// [`ParseUrl`](ErrorKind::ParseUrl) with the name of the unknown or invalid parameter.
    pub fn from_url(url: &FsUrl, allow_profile: bool) -> Result<Self> {
        let (bucket_name, dir_path) = url
            .resource()
            .split_once('/')
            .unwrap_or((url.resource(), ""));
        let mut builder = Self::new(bucket_name).dir_path(dir_path);
        builder.settings.explicit.access_key_id = url.username().map(str::to_owned);
        builder.settings.explicit.secret_access_key = url.password().map(str::to_owned);
        for (name, value) in url.params() {
            builder = builder.set_parameter(name, value, allow_profile)?;
        }
        Ok(builder)
    }

    /// Sets parameters by their names in FS URLs ([`S3Opener`](crate::S3Opener) lists them), for
    /// configuration files and other languages. `profile` and `ca_bundle` are allowed, because the program chooses them.
    ///
    /// ```
    /// use s3fs::S3Fs;
    ///
    /// let fs = S3Fs::builder("mybucket")
    ///     .parameters([("endpoint_url", "http://127.0.0.1:9000"), ("anonymous", "1"), ("strict", "0")])?
    ///     .build()?;
    /// assert!(!fs.is_strict());
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ParseUrl`](ErrorKind::ParseUrl) with the name of the unknown or invalid parameter.
    pub fn parameters<N: AsRef<str>, V: AsRef<str>>(
        self,
        parameters: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self> {
        let mut parameters = parameters.into_iter();
        parameters.try_fold(self, |builder, (name, value)| {
            builder.set_parameter(name.as_ref(), value.as_ref(), true)
        })
    }

    /// Returns the value of a parameter, as an FS URL writes it. `None` if it is not set and its default is found out later,
    /// if there is no such parameter, and for secrets: `aws_session_token`, and a URL with a password.
    ///
    /// ```
    /// use s3fs::S3Fs;
    ///
    /// let builder = S3Fs::builder("mybucket").parameters([("max_workers", "4"), ("metadata.origin", "gauge")])?;
    /// assert_eq!(builder.get_parameter("max_workers").as_deref(), Some("4"));
    /// assert_eq!(builder.get_parameter("metadata.origin").as_deref(), Some("gauge"));
    /// assert_eq!(builder.get_parameter("strict").as_deref(), Some("1"));
    /// assert_eq!(builder.get_parameter("region"), None);
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    #[must_use]
    pub fn get_parameter(&self, name: &str) -> Option<String> {
        let flag = |is_set: bool| if is_set { "1" } else { "0" }.to_owned();
        let seconds = |time: Duration| time.as_secs_f64().to_string();
        let settings = &self.settings;
        let is_public = |url: &String| !url.contains('@');
        match name {
            "addressing_style" => self.addressing_style.map(|style| style.name().to_owned()),
            "anonymous" => Some(flag(settings.anonymous)),
            "ca_bundle" => {
                let file = settings.ca_bundle.as_ref();
                file.map(|file| file.to_string_lossy().into_owned())
            }
            "checksum" => match self.checksum {
                Checksum::OfEndpoint => None,
                Checksum::Set(algorithm) => {
                    Some(algorithm.map_or("off", ChecksumAlgorithm::name).to_owned())
                }
            },
            "conditions" => self.conditions.map(|conditions| {
                match conditions {
                    ConditionalWrites::Honoured => "honoured",
                    ConditionalWrites::Ignored => "ignored",
                }
                .to_owned()
            }),
            "connect_timeout" => Some(seconds(self.timeouts.connect)),
            "copy_percent_keys" => self.copy_percent_keys.map(flag),
            "delimiter" => Some(self.delimiter.clone()),
            "endpoint_url" => settings.endpoint_url.clone().filter(is_public),
            "equal_parts" => self.equal_parts.map(flag),
            "first_window" => Some(self.reading.first_window.to_string()),
            "keep_encryption" => Some(flag(self.keep_encryption)),
            "list_in_byte_order" => self.list_in_byte_order.map(flag),
            "max_attempts" => self.max_attempts.map(|attempts| attempts.to_string()),
            "max_parts" => Some(self.max_parts.to_string()),
            "max_workers" => Some(self.max_workers.to_string()),
            "min_part_size" => Some(self.min_part_size.to_string()),
            "operation_timeout" => self.timeouts.operation.map(seconds),
            "part_size" => Some(self.part_size.to_string()),
            "profile" => settings.profile.clone(),
            "proxy" => settings.proxy.clone().filter(is_public),
            "read_ahead" => Some(self.reading.read_ahead.to_string()),
            "read_only" => Some(flag(self.read_only)),
            "region" => settings.region.clone(),
            "requester_pays" => Some(flag(self.requester_pays)),
            "response_timeout" => Some(seconds(self.timeouts.response)),
            "retry_base_delay" => Some(seconds(self.retry.base_delay)),
            "retry_max_delay" => Some(seconds(self.retry.max_delay)),
            "retry_timeout" => Some(seconds(self.retry.timeout)),
            "stall_timeout" => Some(seconds(self.timeouts.stall)),
            "strict" => Some(flag(self.strict)),
            "text_charset" => self.text_charset.clone(),
            "user_agent_suffix" => {
                Some(self.user_agent_suffix.clone()).filter(|suffix| !suffix.is_empty())
            }
            "write_buffer" => Some(self.write_buffer.to_string()),
            name => {
                let uploaded = self.upload.value(name);
                uploaded.or_else(|| self.download.get(name).map(str::to_owned))
            }
        }
    }

    /// Sets the parameter with this name in FS URLs.
    fn set_parameter(mut self, name: &str, value: &str, allow_profile: bool) -> Result<Self> {
        let wrong = |message: String| Error::new(ErrorKind::ParseUrl).with_message(message);
        let seconds = |value: &str| {
            let seconds = value.parse().ok().filter(|seconds: &f64| *seconds > 0.0);
            seconds
                .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
                .ok_or_else(|| wrong(format!("the parameter {name:?} is not a number of seconds")))
        };
        let flag = |value: &str| match value {
            "1" | "true" | "True" | "yes" | "on" => Ok(true),
            "0" | "false" | "False" | "no" | "off" => Ok(false),
            _ => Err(wrong(format!("the parameter {name:?} is neither 1 nor 0"))),
        };
        match name {
            "aws_session_token" => self = self.aws_session_token(value),
            "endpoint_url" => self = self.endpoint_url(value),
            "region" => self = self.region(value),
            "ca_bundle" if allow_profile => self = self.ca_bundle(value),
            "ca_bundle" => {
                return Err(
                    wrong("the parameter \"ca_bundle\" is not allowed here".to_owned()).with_hint(
                        "it names a file on this machine; a program that trusts its URLs can allow \
                         it with allow_profile",
                    ),
                );
            }
            "proxy" => self = self.proxy(value),
            "requester_pays" => self = self.requester_pays(flag(value)?),
            "delimiter" => self = self.delimiter(value),
            "strict" => self = self.strict(flag(value)?),
            "read_only" => self = self.read_only(flag(value)?),
            "anonymous" => self = self.anonymous(flag(value)?),
            "connect_timeout" => self = self.connect_timeout(seconds(value)?),
            "response_timeout" => self = self.response_timeout(seconds(value)?),
            "stall_timeout" => self = self.stall_timeout(seconds(value)?),
            "operation_timeout" => self = self.operation_timeout(seconds(value)?),
            "retry_timeout" => self = self.retry_timeout(seconds(value)?),
            "retry_base_delay" => self = self.retry_base_delay(seconds(value)?),
            "retry_max_delay" => self = self.retry_max_delay(seconds(value)?),
            "user_agent_suffix" => self = self.user_agent_suffix(value),
            "text_charset" => self = self.text_charset(value),
            "max_workers" => self = self.max_workers(whole_number(name, value)?),
            "part_size" => self = self.part_size(whole_number(name, value)?),
            "keep_encryption" => self = self.keep_encryption(flag(value)?),
            "max_parts" => self = self.max_parts(whole_number(name, value)?),
            "equal_parts" => self = self.equal_parts(flag(value)?),
            "min_part_size" => self = self.min_part_size(whole_number(name, value)?),
            "write_buffer" => self = self.write_buffer(whole_number(name, value)?),
            "first_window" => self = self.first_window(whole_number(name, value)?),
            "read_ahead" => self = self.read_ahead(whole_number(name, value)?),
            "conditions" => {
                self = self.conditions(match value {
                    "honoured" => ConditionalWrites::Honoured,
                    "ignored" => ConditionalWrites::Ignored,
                    _ => {
                        let message =
                            "the parameter \"conditions\" is neither honoured nor ignored";
                        return Err(wrong(message.to_owned()));
                    }
                });
            }
            "copy_percent_keys" => self = self.copy_percent_keys(flag(value)?),
            "list_in_byte_order" => self = self.list_in_byte_order(flag(value)?),
            "max_attempts" => self = self.max_attempts(whole_number(name, value)?),
            "checksum" => {
                let algorithm = match value {
                    "off" => None,
                    name => Some(ChecksumAlgorithm::from_name(name).ok_or_else(|| {
                        let message = "the parameter \"checksum\" is neither off nor an algorithm";
                        wrong(message.to_owned())
                    })?),
                };
                self = self.checksum(algorithm);
            }
            "addressing_style" => {
                let style = AddressingStyle::from_name(value).ok_or_else(|| {
                    let message = "the parameter \"addressing_style\" is not auto, path or virtual";
                    wrong(message.to_owned())
                })?;
                self = self.addressing_style(style);
            }
            "profile" if allow_profile => self = self.profile(value),
            "profile" => {
                return Err(
                    wrong("the parameter \"profile\" is not allowed here".to_owned()).with_hint(
                        "a profile may run a command; a program that trusts its URLs can allow it \
                         with allow_profile",
                    ),
                );
            }
            _ => {
                let sent = self.download.set(name, value);
                if !self.upload.set(name, value)? && !sent {
                    let error = wrong(format!("unknown parameter {name:?}"));
                    return Err(match nearest(name) {
                        Some(nearest) => error.with_hint(format!("did you mean {nearest:?}?")),
                        None => error,
                    });
                }
            }
        }
        Ok(self)
    }
}

/// The names of all parameters except the arguments of uploads.
pub(super) const NAMES: [&str; 35] = [
    "addressing_style",
    "anonymous",
    "aws_session_token",
    "ca_bundle",
    "checksum",
    "conditions",
    "connect_timeout",
    "copy_percent_keys",
    "list_in_byte_order",
    "delimiter",
    "endpoint_url",
    "equal_parts",
    "first_window",
    "keep_encryption",
    "max_attempts",
    "max_parts",
    "max_workers",
    "min_part_size",
    "operation_timeout",
    "part_size",
    "profile",
    "proxy",
    "read_ahead",
    "read_only",
    "region",
    "requester_pays",
    "response_timeout",
    "retry_base_delay",
    "retry_max_delay",
    "retry_timeout",
    "stall_timeout",
    "strict",
    "text_charset",
    "user_agent_suffix",
    "write_buffer",
];

/// Returns the parameter that is most similar to a mistyped name.
fn nearest(name: &str) -> Option<&'static str> {
    let alias = match name {
        "endpoint" | "url" => Some("endpoint_url"),
        "token" | "session_token" => Some("aws_session_token"),
        "readonly" => Some("read_only"),
        _ => None,
    };
    let all = NAMES
        .into_iter()
        .chain(header_args::TABLE.map(|arg| arg.name));
    let near = all.map(|known| (distance(name, known), known));
    let nearest = near
        .min()
        .filter(|(distance, known)| *distance * 3 <= known.len());
    alias.or(nearest.map(|(_, known)| known))
}

/// Returns the number of letters to change, add, remove or swap with the next one.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(64).collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = match (i, j) {
                (0, _) => j,
                (_, 0) => i,
                _ => {
                    let change = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                    let mut least = change.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                    if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                        least = least.min(rows[i - 2][j - 2] + 1);
                    }
                    least
                }
            };
        }
    }
    rows[a.len()][b.len()]
}

fn whole_number<T: FromStr>(name: &str, value: &str) -> Result<T> {
    value.parse().map_err(|_| {
        Error::new(ErrorKind::ParseUrl)
            .with_message(format!("the parameter {name:?} is not a whole number"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::s3::builder::Environment;
    use crate::s3::client::RetryPolicy;

    fn nowhere() -> Environment {
        Environment::from_pairs::<&str, &str>([])
    }

    #[test]
    fn every_parameter_of_a_url_reaches_the_builder() {
        let url = FsUrl::parse(
            "s3://k:s%2F@mybucket/a%20b/c?endpoint_url=http://127.0.0.1:9&region=eu-west-1\
             &strict=0&acl=private&cache_control=max-age%3D1&delimiter=%7C&read_only=1\
             &addressing_style=path&connect_timeout=1.5&response_timeout=2&stall_timeout=3\
             &max_attempts=7&retry_timeout=8&retry_base_delay=0.25&retry_max_delay=9\
             &conditions=ignored&copy_percent_keys=1&list_in_byte_order=1&operation_timeout=10&max_workers=4&max_parts=1000&equal_parts=1&keep_encryption=1&user_agent_suffix=me&storage_class=STANDARD_IA&metadata.origin=x\
             &tag.team=y&checksum_algorithm=CRC32&request_payer=requester&aws_session_token=t\
             &requester_pays=1&expected_bucket_owner=1&proxy=http://127.0.0.1:8",
        )
        .unwrap();
        let builder = S3FsBuilder::from_url(&url, false).unwrap();
        assert_eq!(builder.bucket_name, "mybucket");
        assert_eq!(builder.dir_path, "a b/c");
        let explicit = &builder.settings.explicit;
        assert_eq!(explicit.secret_access_key.as_deref(), Some("s/"));
        assert_eq!(explicit.session_token.as_deref(), Some("t"));
        assert_eq!(builder.delimiter, "|");
        assert!(!builder.strict && builder.read_only);
        assert_eq!(builder.max_workers, 4);
        assert_eq!(builder.copy_percent_keys, Some(true));
        assert_eq!(builder.list_in_byte_order, Some(true));
        assert_eq!(builder.conditions, Some(ConditionalWrites::Ignored));
        assert_eq!((builder.max_parts, builder.equal_parts), (1000, Some(true)));
        assert!(builder.keep_encryption);
        assert_eq!(builder.timeouts.connect, Duration::from_millis(1500));
        assert_eq!(builder.timeouts.operation, Some(Duration::from_secs(10)));
        assert_eq!(builder.max_attempts, Some(7));
        let expected = RetryPolicy {
            timeout: Duration::from_secs(8),
            base_delay: Duration::from_millis(250),
            max_delay: Duration::from_secs(9),
            ..RetryPolicy::default()
        };
        assert_eq!(builder.retry, expected);
        let upload = builder.upload.to_headers().unwrap();
        for (name, value) in [
            ("x-amz-acl", "private"),
            ("cache-control", "max-age=1"),
            ("x-amz-request-payer", "requester"),
            ("x-amz-storage-class", "STANDARD_IA"),
            ("x-amz-meta-origin", "x"),
            ("x-amz-tagging", "team=y"),
        ] {
            let pair = (name.to_owned(), value.to_owned());
            assert!(upload.contains(&pair), "{name} is missing");
        }
        assert!(builder.requester_pays);
        assert_eq!(
            builder.settings.proxy.as_deref(),
            Some("http://127.0.0.1:8")
        );
        assert_eq!(builder.download.request_headers().unwrap().len(), 2);
        let debug = format!("{builder:?}");
        assert!(!debug.contains("s/") && !debug.contains("\"k\""), "{debug}");
        builder.build_in(nowhere()).unwrap();
    }

    #[test]
    fn an_error_about_a_url_names_the_wrong_parameter() {
        for (parameter, named) in [
            ("colour=red", "colour"),
            ("strict=maybe", "strict"),
            ("requester_pays=maybe", "requester_pays"),
            ("max_workers=-1", "max_workers"),
            ("conditions=maybe", "conditions"),
            ("copy_percent_keys=x", "copy_percent_keys"),
            ("list_in_byte_order=x", "list_in_byte_order"),
            ("max_parts=-1", "max_parts"),
            ("equal_parts=often", "equal_parts"),
            ("max_attempts=many", "max_attempts"),
            ("retry_timeout=-1", "retry_timeout"),
            ("checksum=MD5", "checksum"),
            ("connect_timeout=0", "connect_timeout"),
            ("addressing_style=ip", "addressing_style"),
            ("profile=x", "profile"),
            ("ca_bundle=/x.pem", "ca_bundle"),
            ("sse_customer_key=x", "sse_customer_key"),
        ] {
            let url = FsUrl::parse(&format!("s3://mybucket?{parameter}")).unwrap();
            let error = S3FsBuilder::from_url(&url, false).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ParseUrl, "{parameter}");
            assert!(error.to_string().contains(named), "{error}");
        }
        let url = FsUrl::parse("s3://mybucket?profile=x&ca_bundle=/x.pem").unwrap();
        assert!(S3FsBuilder::from_url(&url, true).is_ok());
    }

    #[test]
    fn a_mistyped_parameter_gets_a_suggestion() {
        for (typed, meant) in [
            ("regoin", Some("region")),
            ("strickt", Some("strict")),
            ("endpoint", Some("endpoint_url")),
            ("endpoint-url", Some("endpoint_url")),
            ("cachecontrol", Some("cache_control")),
            ("token", Some("aws_session_token")),
            ("colour", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(typed), meant, "{typed}");
        }
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("ab", "ba"), 1);
    }

    #[test]
    fn every_parameter_can_be_read_back_except_secrets() {
        for name in NAMES
            .into_iter()
            .chain(["metadata.origin", "tag.year", "checksum_algorithm"])
        {
            let values = [
                "1",
                "0",
                "7",
                "777",
                "path",
                "virtual",
                "honoured",
                "CRC32C",
                "off",
                "ignored",
                "http://127.0.0.1:9000",
                "utf-8",
                "/etc",
            ];
            let mut read = Vec::new();
            for value in values {
                let set = S3FsBuilder::new("b").set_parameter(name, value, true);
                if let Ok(builder) = set {
                    read.push((value, builder.get_parameter(name)));
                }
            }
            assert!(read.len() >= 2 || name.starts_with("checksum"), "{name}");
            for (value, read) in read {
                let Some(read) = read else {
                    assert_eq!(name, "aws_session_token");
                    continue;
                };
                assert!(
                    read == value || (&*read, value) == ("0", "off"),
                    "{name}: {read}"
                );
                let again = S3FsBuilder::new("b").set_parameter(name, &read, true);
                assert_eq!(again.unwrap().get_parameter(name), Some(read), "{name}");
            }
        }
        for arg in header_args::TABLE {
            let builder = S3FsBuilder::new("b").set_parameter(arg.name, "x", true);
            assert_eq!(
                builder.unwrap().get_parameter(arg.name).as_deref(),
                Some("x")
            );
        }
        let builder = S3FsBuilder::new("b").proxy("http://user:secret@127.0.0.1:1");
        assert_eq!(builder.get_parameter("proxy"), None);
        assert_eq!(builder.get_parameter("nothing"), None);
    }

    #[test]
    fn every_parameter_is_documented_and_known() {
        let opener = include_str!("../../opener/mod.rs");
        let guide = include_str!("../../guide.rs");
        assert!(opener.contains("guide/parameters.md") && guide.contains("guide/parameters.md"));
        let table = include_str!("../../guide/parameters.md");
        let code = include_str!("parameters.rs");
        let is_arm = |line: &&str| {
            line.contains(" => {")
                || line.contains(" => self")
                || line.contains(" if allow_profile")
        };
        let arms = code.lines().map(str::trim).filter(is_arm);
        let arms = arms.filter_map(|line| line.strip_prefix('"')?.split('"').next());
        let own = ["metadata.NAME", "tag.NAME", "checksum_algorithm"];
        for name in arms
            .chain(header_args::TABLE.map(|arg| arg.name))
            .chain(own)
        {
            assert!(table.contains(&format!("`{name}`")), "{name}");
        }
        for line in table.lines().filter(|line| line.starts_with("| `")) {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            assert!(
                cells.len() == 5 && !cells[3].is_empty(),
                "no default: {line}"
            );
        }
        for name in NAMES {
            assert!(table.contains(&format!("`{name}`")), "{name}");
            let set = S3FsBuilder::new("b").set_parameter(name, "", true);
            let is_unknown =
                set.is_err_and(|error| error.to_string().contains("unknown parameter"));
            assert!(!is_unknown, "{name}");
        }
    }
}
