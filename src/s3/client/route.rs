//! [`Route`]: the endpoint of the bucket, and the region for signatures, which the server may correct.

use std::sync::{Arc, PoisonError, RwLock};

use rusty_s3::{Bucket, BucketError, UrlStyle};
use url::Url;

use crate::s3::partition;

/// Maximum length of a region's name, which becomes a label of a host name.
const MAX_REGION: usize = 63;

/// The bucket as configured, and as corrected by the server.
pub(crate) struct Route {
    given: Bucket,
    endpoint: Url,
    style: UrlStyle,
    /// Whether the endpoint is AWS's, whose host name contains the region and changes with it. Other endpoints do
    /// not change.
    is_aws: bool,
    /// The bucket before any correction.
    first: RwLock<Arc<Bucket>>,
    now: RwLock<Arc<Bucket>>,
}

impl Route {
    /// Creates the route to a bucket at an endpoint. Without an endpoint, uses AWS's for that region.
    pub(crate) fn new(
        endpoint: Option<Url>,
        style: UrlStyle,
        name: &str,
        region: &str,
    ) -> Result<Self, BucketError> {
        let is_aws = endpoint.is_none();
        let endpoint = match endpoint {
            Some(endpoint) => endpoint,
            None => aws_endpoint(region).parse()?,
        };
        let given = Bucket::new(endpoint.clone(), style, name.to_owned(), region.to_owned())?;
        let first = Arc::new(given.clone());
        Ok(Self {
            now: RwLock::new(Arc::clone(&first)),
            first: RwLock::new(first),
            given,
            endpoint,
            style,
            is_aws,
        })
    }

    /// Returns true if the endpoint is AWS's own.
    pub(super) fn is_aws(&self) -> bool {
        self.is_aws
    }

    /// Returns the bucket as configured, without corrections.
    pub(crate) fn given(&self) -> &Bucket {
        &self.given
    }

    /// Returns the bucket with the current corrections.
    pub(super) fn bucket(&self) -> Arc<Bucket> {
        Arc::clone(&self.now.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns the bucket in the region that the answer to a request for `asked` named, or `None` if that is the same
    /// region or not a valid one. Later requests use it once it is [kept](Self::keep).
    ///
    /// The server can only change the region, never the host.
    pub(super) fn in_place_of(&self, asked: &Bucket, region: &str) -> Option<Arc<Bucket>> {
        let is_other = is_region(region) && region != asked.region();
        is_other
            .then(|| self.in_region(region))
            .flatten()
            .map(Arc::new)
    }

    /// Uses that region for all later requests.
    pub(super) fn keep(&self, bucket: &Arc<Bucket>) {
        let mut now = self.now.write().unwrap_or_else(PoisonError::into_inner);
        if now.region() != bucket.region() {
            log::warn!(
                "the bucket {:?} is in the region {}, not in {}; requests go to that region from \
                 now on",
                bucket.name(),
                bucket.region(),
                now.region()
            );
            *now = Arc::clone(bucket);
        }
    }

    /// Returns to the first region, if requests still use the region in which `refused` was rejected.
    pub(super) fn drop_correction(&self, refused: &Bucket) {
        let first = self.first.read().unwrap_or_else(PoisonError::into_inner);
        let mut now = self.now.write().unwrap_or_else(PoisonError::into_inner);
        if now.region() == refused.region() {
            *now = Arc::clone(&first);
        }
    }

    /// Sets the first region to the one found for a bucket whose region was not configured. A correction by the server
    /// stays in effect.
    pub(super) fn begin_in(&self, region: &str) {
        let Some(bucket) = self.in_region(region).map(Arc::new) else {
            return;
        };
        let mut first = self.first.write().unwrap_or_else(PoisonError::into_inner);
        let mut now = self.now.write().unwrap_or_else(PoisonError::into_inner);
        if now.region() == self.given.region() {
            *now = Arc::clone(&bucket);
        }
        *first = bucket;
    }

    fn in_region(&self, region: &str) -> Option<Bucket> {
        let endpoint = match self.is_aws {
            true => aws_endpoint(region).parse().ok()?,
            false => self.endpoint.clone(),
        };
        let (name, region) = (self.given.name().to_owned(), region.to_owned());
        Bucket::new(endpoint, self.style, name, region).ok()
    }
}

/// Returns true if an endpoint is AWS's. No endpoint means AWS's for the region.
pub(crate) fn is_aws(endpoint: Option<&Url>) -> bool {
    let host = endpoint.map(|url| url.host_str().unwrap_or_default());
    host.is_none_or(partition::is_aws_host)
}

/// Returns AWS's endpoint for a region.
///
/// Source: [Amazon S3 endpoints](https://docs.aws.amazon.com/general/latest/gr/s3.html).
fn aws_endpoint(region: &str) -> String {
    let domain = partition::domain(region);
    format!("https://s3.{region}.{domain}")
}

/// Returns true if a text from the server can be one label of a host name, so that the host stays AWS's.
fn is_region(text: &str) -> bool {
    (1..=MAX_REGION).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to_aws() -> Route {
        Route::new(None, UrlStyle::VirtualHost, "mybucket", "us-east-1").unwrap()
    }

    #[test]
    fn requests_to_aws_go_to_the_region_of_the_bucket() {
        let route = to_aws();
        let other = route.in_place_of(&route.bucket(), "cn-north-1").unwrap();
        route.keep(&other);
        let now = route.bucket();
        assert_eq!(now.region(), "cn-north-1");
        assert_eq!(
            now.base_url().as_str(),
            "https://mybucket.s3.cn-north-1.amazonaws.com.cn/"
        );
        assert_eq!(route.given().region(), "us-east-1");
    }

    #[test]
    fn a_custom_endpoint_is_not_changed() {
        let endpoint = "http://127.0.0.1:9000/s3".parse().unwrap();
        let route = Route::new(Some(endpoint), UrlStyle::Path, "mybucket", "us-east-1").unwrap();
        let asked = route.bucket();
        let other = route.in_place_of(&asked, "eu-west-1").unwrap();
        assert_eq!(other.region(), "eu-west-1");
        assert_eq!(other.base_url(), asked.base_url());
    }

    #[test]
    fn a_corrected_region_applies_from_its_confirmation_until_it_is_rejected() {
        let route = to_aws();
        route.begin_in("eu-west-1");
        let first = route.bucket();
        let second = route.in_place_of(&first, "eu-west-2").unwrap();
        assert_eq!(route.bucket().region(), "eu-west-1");
        route.keep(&second);
        assert_eq!(route.bucket().region(), "eu-west-2");
        // A late rejection in the first region does not affect the second one.
        route.drop_correction(&first);
        assert_eq!(route.bucket().region(), "eu-west-2");
        route.drop_correction(&second);
        assert_eq!(route.bucket().region(), "eu-west-1");
        route.drop_correction(&first);
        assert_eq!(route.bucket().region(), "eu-west-1");
    }

    #[test]
    fn an_invalid_region_is_not_followed() {
        let route = to_aws();
        let long = "a".repeat(MAX_REGION + 1);
        for region in [
            "",
            "us-east-1",
            "eu.evil.example",
            "evil.example/",
            "evil.example#",
            "a@b",
            "EU-WEST-1",
            "eu west",
            "eu\u{e9}",
            "-eu",
            "eu-",
            &long,
        ] {
            let other = route.in_place_of(&route.bucket(), region);
            assert!(other.is_none(), "{region}");
        }
    }
}
