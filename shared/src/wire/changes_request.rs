//! Requests for the change data feed: two ends in a query string, each by version or by time. Read in two steps, for a
//! table that does not share its history answers that first.

use super::query_string::QueryString;
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
}

impl ChangesRequest {
    /// Checks what is checked before the table is looked up.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] when `maxFiles` is no positive number.
    pub fn check_page_size(query: &QueryString) -> Result<(), Error> {
        match query.get("maxFiles").map(|text| text.trim().parse::<i32>()) {
            None => Ok(()),
            Some(Ok(1..)) => Ok(()),
            Some(Ok(_)) => Err(invalid("maxFiles must be positive.")),
            Some(Err(_)) => Err(invalid("maxFiles is not a valid number.")),
        }
    }

    /// Reads the query string.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for a start or an end that is missing, given twice or no number,
    /// [`Error::Unsupported`] for what this server does not offer yet.
    pub fn parse(query: &QueryString) -> Result<Self, Error> {
        let start = bound(query, "startingVersion", "startingTimestamp", "starting")?;
        let end = bound(query, "endingVersion", "endingTimestamp", "ending")?;
        let start = start.ok_or_else(|| invalid("No startingVersion or startingTimestamp provided for CDF read."))?;
        for field in ["maxFiles", "pageToken"] {
            if query.get(field).is_some() {
                return Err(Error::Unsupported(format!(
                    "'{field}' is not supported by this server yet. Leave it out to read the whole range."
                )));
            }
        }
        let flag = |name: &str| query.get(name).is_some_and(|text| text.trim().eq_ignore_ascii_case("true"));
        Ok(Self {
            start,
            end,
            include_historical_metadata: flag("includeHistoricalMetadata"),
            include_historical_protocol: flag("includeHistoricalProtocol"),
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

fn invalid(text: &str) -> Error {
    Error::InvalidParameter(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(query: &str) -> Result<ChangesRequest, Error> {
        ChangesRequest::parse(&QueryString::parse(Some(query)).unwrap())
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
        for query in ["startingVersion=0&maxFiles=1", "startingVersion=0&pageToken=t"] {
            assert!(matches!(parse(query), Err(Error::Unsupported(_))), "{query}");
        }
    }

    #[test]
    fn a_page_size_is_a_positive_number() {
        let check = |query| ChangesRequest::check_page_size(&QueryString::parse(Some(query)).unwrap());
        assert!(check("").is_ok() && check("maxFiles=1").is_ok());
        for bad in ["maxFiles=0", "maxFiles=-1", "maxFiles=x", "maxFiles=3000000000"] {
            assert!(matches!(check(bad), Err(Error::InvalidParameter(_))), "{bad}");
        }
    }
}
