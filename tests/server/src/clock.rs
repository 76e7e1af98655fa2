//! A server with a wrong clock: it checks signatures and sends dates by its own time.
//!
//! `s3s` reads the machine's clock. This module checks requests that are signed for the server's time, and signs them
//! again for the machine's time before `s3s` gets them.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use http::Uri;
use http::request::Parts;
use rusty_s3::{Map, Method, signing::sign};
use s3s::dto::{Timestamp, TimestampFormat};
use url::Url;

use super::attributes::text;
use super::auth::Keys;
use super::request::Target;

/// The server's clock, as the number of seconds that it is ahead.
#[derive(Clone, Debug, Default)]
pub struct Clock(Arc<AtomicI64>);

impl Clock {
    pub fn set_ahead(&self, seconds: i64) {
        self.0.store(seconds, Ordering::Release);
    }

    pub fn now(&self) -> SystemTime {
        let ahead = self.0.load(Ordering::Acquire);
        let by = Duration::from_secs(ahead.unsigned_abs());
        if ahead < 0 {
            SystemTime::now() - by
        } else {
            SystemTime::now() + by
        }
    }

    pub fn is_right(&self) -> bool {
        self.0.load(Ordering::Acquire) == 0
    }
}

/// Signs the request again for the machine's clock, if it is correctly signed for the server's.
pub fn signed_now(parts: &Parts, target: &Target, keys: &Keys, region: &str) -> Option<Uri> {
    let date = parse_date(target.query("X-Amz-Date")?)?;
    let asked = target.query("X-Amz-Signature")?;
    let signed_at = |time| signed(parts, target, keys, region, time);
    let url = signed_at(time::OffsetDateTime::from(date).into())?;
    let (_, computed) = url
        .query_pairs()
        .find(|(name, _)| name == "X-Amz-Signature")?;
    if computed != asked {
        return None;
    }
    let url = signed_at(SystemTime::now())?;
    url[url::Position::BeforePath..].parse().ok()
}

fn signed(
    parts: &Parts,
    target: &Target,
    keys: &Keys,
    region: &str,
    time: SystemTime,
) -> Option<Url> {
    let method = match parts.method.as_str() {
        "HEAD" => Method::Head,
        "GET" => Method::Get,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        _ => return None,
    };
    let host = text(&parts.headers, "host")?;
    let url = Url::parse(&format!("http://{host}{}", parts.uri.path())).ok()?;
    let (mut query, mut headers) = (Map::new(), Map::new());
    let signs = |name: &str| name.to_ascii_lowercase().starts_with("x-amz-");
    for (name, value) in target.query.iter().filter(|(name, _)| !signs(name)) {
        query.insert(name.clone(), value.clone());
    }
    let signed = target.query("X-Amz-SignedHeaders")?;
    for name in signed.split(';').filter(|name| *name != "host") {
        headers.insert(name.to_owned(), text(&parts.headers, name)?.to_owned());
    }
    Some(sign(
        &time.try_into().ok()?,
        method,
        url,
        &keys.access_key,
        &keys.secret_key,
        keys.token.as_deref(),
        region,
        target.query("X-Amz-Expires")?.parse().ok()?,
        query.iter(),
        headers.iter(),
    ))
}

/// `20150830T123600Z`
pub fn parse_date(text: &str) -> Option<Timestamp> {
    let part = |range| text.get(range);
    let (year, month, day) = (part(0..4)?, part(4..6)?, part(6..8)?);
    let (hour, minute, second) = (part(9..11)?, part(11..13)?, part(13..15)?);
    let text = format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z");
    Timestamp::parse(TimestampFormat::DateTime, &text).ok()
}
