//! Requests for the change data feed: two ends in a query string, each by version or by time. Read in two steps, for a
//! table that does not share its history answers that first.

use sha2::{Digest, Sha256};

use super::query_string::QueryString;
use super::request::Paging;
use crate::error::Error;
use crate::model::version::Version;

/// One end of a range as it was written. A timestamp stays text until it is known that the caller may ask at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BoundText {
    /// By number.
    Version(Version),
    /// By time, ISO 8601.
    Timestamp(String),
}

/// A request for changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangesRequest {
    /// Where the range begins.
    pub start: BoundText,
    /// Where it ends; with the newest version when nothing is said.
    pub end: Option<BoundText>,
    /// Whether to tell of every metadata within the range, and to begin with that of its start.
    pub include_historical_metadata: bool,
    /// The same for protocols.
    pub include_historical_protocol: bool,
    /// How much of it, and with what to go on.
    pub paging: Paging,
}

/// What has to be the same on every page.
const PARAMETERS: [&str; 6] = [
    "startingVersion",
    "startingTimestamp",
    "endingVersion",
    "endingTimestamp",
    "includeHistoricalMetadata",
    "includeHistoricalProtocol",
];

impl ChangesRequest {
    /// The changes wanted at most; checked before the table is looked up.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] when `maxFiles` is no positive number.
    pub fn page_size(query: &QueryString) -> Result<Option<u32>, Error> {
        match query.get("maxFiles").map(|text| text.trim().parse::<i32>()) {
            None => Ok(None),
            Some(Ok(number)) => match u32::try_from(number) {
                Ok(files @ 1..) => Ok(Some(files)),
                Ok(0) | Err(_) => Err(invalid("maxFiles must be positive.")),
            },
            Some(Err(_)) => Err(invalid("maxFiles is not a valid number.")),
        }
    }

    /// Reads the query string.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for a start or an end that is missing, given twice or no number.
    pub fn parse(query: &QueryString, max_files: Option<u32>) -> Result<Self, Error> {
        let start = bound(query, "startingVersion", "startingTimestamp", "starting")?;
        let end = bound(query, "endingVersion", "endingTimestamp", "ending")?;
        let start = start.ok_or_else(|| invalid("No startingVersion or startingTimestamp provided for CDF read."))?;
        let flag = |name: &str| query.get(name).is_some_and(|text| text.trim().eq_ignore_ascii_case("true"));
        Ok(Self {
            start,
            end,
            include_historical_metadata: flag("includeHistoricalMetadata"),
            include_historical_protocol: flag("includeHistoricalProtocol"),
            paging: Paging {
                max_files,
                page_token: query.get("pageToken").filter(|token| !token.is_empty()).map(str::to_owned),
                include_refresh_token: false,
                refresh_token: None,
                parameters: parameters(query),
            },
        })
    }
}

fn bound(query: &QueryString, version: &str, timestamp: &str, which: &str) -> Result<Option<BoundText>, Error> {
    match (query.get(version), query.get(timestamp)) {
        (Some(_), Some(_)) => Err(invalid(&format!(
            "Multiple {which} arguments provided for CDF read. Please provide one of either {which}Timestamp or \
             {which}Version."
        ))),
        (Some(text), None) => match text.trim().parse::<i64>() {
            Err(_) => Err(invalid(&format!("{version} is not a valid number."))),
            Ok(number) => match u64::try_from(number) {
                Ok(number) => Ok(Some(BoundText::Version(Version::new(number)))),
                Err(_) => Err(invalid(&format!("{version} cannot be negative."))),
            },
        },
        (None, Some(text)) => Ok(Some(BoundText::Timestamp(text.to_owned()))),
        (None, None) => Ok(None),
    }
}

fn parameters(query: &QueryString) -> [u8; 32] {
    let mut digest = Sha256::new();
    for name in PARAMETERS {
        // What is not there must not look like what is there and empty.
        let value = query.get(name);
        digest.update([u8::from(value.is_some())]);
        digest.update(value.unwrap_or_default().len().to_be_bytes());
        digest.update(value.unwrap_or_default());
    }
    digest.finalize().into()
}

fn invalid(text: &str) -> Error {
    Error::InvalidParameter(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(query: &str) -> Result<ChangesRequest, Error> {
        ChangesRequest::parse(&QueryString::parse(Some(query)).unwrap(), None)
    }

    #[test]
    fn both_ends_in_either_way() {
        let request = parse("startingVersion=1&endingTimestamp=x&includeHistoricalMetadata=True").unwrap();
        assert_eq!(request.start, BoundText::Version(Version::new(1)));
        assert_eq!(request.end, Some(BoundText::Timestamp("x".into())));
        assert!(request.include_historical_metadata && !request.include_historical_protocol);
        let request = parse("startingTimestamp=x&includeHistoricalProtocol=1").unwrap();
        assert_eq!((request.start, request.end), (BoundText::Timestamp("x".into()), None));
        assert!(!request.include_historical_protocol);
    }

    #[test]
    fn what_cannot_be_is_refused_in_the_known_words() {
        for (query, text) in [
            ("", "No startingVersion or startingTimestamp provided for CDF read."),
            ("endingVersion=1", "No startingVersion or startingTimestamp provided for CDF read."),
            (
                "startingVersion=1&startingTimestamp=x",
                "Multiple starting arguments provided for CDF read. Please provide one of either startingTimestamp or \
                 startingVersion.",
            ),
            (
                "startingVersion=1&endingVersion=1&endingTimestamp=x",
                "Multiple ending arguments provided for CDF read. Please provide one of either endingTimestamp or \
                 endingVersion.",
            ),
            ("startingVersion=x", "startingVersion is not a valid number."),
            ("startingVersion=", "startingVersion is not a valid number."),
            ("startingVersion=0&endingVersion=1.5", "endingVersion is not a valid number."),
            ("startingVersion=-1", "startingVersion cannot be negative."),
        ] {
            assert!(matches!(parse(query), Err(Error::InvalidParameter(said)) if said == text), "{query}");
        }
    }

    #[test]
    fn every_parameter_but_the_paging_counts() {
        let parameters = |query| parse(query).unwrap().paging.parameters;
        let one = parameters("startingVersion=1");
        assert_eq!(one, parameters("maxFiles=5&pageToken=t&startingVersion=1&unknown=1"));
        let others = [
            "startingVersion=2",
            "startingTimestamp=1",
            "startingVersion=1&endingVersion=1",
            "startingVersion=1&endingTimestamp=",
            "startingVersion=1&includeHistoricalMetadata=true",
            "startingVersion=1&includeHistoricalProtocol=true",
        ];
        let digests: std::collections::BTreeSet<_> = others.into_iter().map(parameters).chain([one]).collect();
        assert_eq!(digests.len(), others.len() + 1);
    }

    #[test]
    fn a_page_size_is_a_positive_number() {
        let check = |query| ChangesRequest::page_size(&QueryString::parse(Some(query)).unwrap());
        assert!(check("").unwrap().is_none() && check("maxFiles=1").unwrap() == Some(1));
        for bad in ["maxFiles=0", "maxFiles=-1", "maxFiles=x", "maxFiles=3000000000"] {
            assert!(matches!(check(bad), Err(Error::InvalidParameter(_))), "{bad}");
        }
    }
}
