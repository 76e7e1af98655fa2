//! The partitions of AWS: the domains of the endpoints by region.
//!
//! Source: `partitions.json` of botocore 1.43.

/// Prefixes of regions and the domains of their partitions. All others are in `amazonaws.com`.
const PARTITIONS: [(&str, &str); 6] = [
    ("cn-", "amazonaws.com.cn"),
    ("eusc-", "amazonaws.eu"),
    ("us-iso-", "c2s.ic.gov"),
    ("us-isob-", "sc2s.sgov.gov"),
    ("eu-isoe-", "cloud.adc-e.uk"),
    ("us-isof-", "csp.hci.ic.gov"),
];

const COMMERCIAL: &str = "amazonaws.com";

/// Returns the AWS domain of a region.
pub(crate) fn domain(region: &str) -> &'static str {
    let partition = PARTITIONS
        .iter()
        .find(|(prefix, _)| region.starts_with(prefix));
    partition.map_or(COMMERCIAL, |(_, domain)| domain)
}

/// Returns true if a host belongs to AWS.
pub(crate) fn is_aws_host(host: &str) -> bool {
    let domains = PARTITIONS.iter().map(|(_, domain)| *domain);
    let mut domains = domains.chain([COMMERCIAL]);
    domains.any(|domain| {
        host.strip_suffix(domain)
            .is_some_and(|service| service.ends_with('.'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_region_is_in_the_domain_of_its_partition() {
        for (region, expected) in [
            ("us-east-1", "amazonaws.com"),
            ("us-gov-west-1", "amazonaws.com"),
            ("cn-north-1", "amazonaws.com.cn"),
            ("eusc-de-east-1", "amazonaws.eu"),
            ("us-iso-east-1", "c2s.ic.gov"),
            ("us-isob-east-1", "sc2s.sgov.gov"),
            ("eu-isoe-west-1", "cloud.adc-e.uk"),
            ("us-isof-south-1", "csp.hci.ic.gov"),
        ] {
            assert_eq!(domain(region), expected, "{region}");
            assert!(is_aws_host(&format!("s3.{region}.{expected}")), "{region}");
        }
        for other in [
            "amazonaws.com.example",
            "notamazonaws.com",
            "amazonaws.com",
            "",
        ] {
            assert!(!is_aws_host(other), "{other}");
        }
    }
}
