//! Query bodies, parsed in one step and checked in the order that clients know from the reference server. Unknown fields
//! are ignored, `null` is absence, numbers may come as text, and names may be spelt in camel or snake case.

use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use self::field::{flag, text, whole_number};
use super::query_string::QueryString;
use crate::error::Error;
use crate::model::shorten;
use crate::model::version::Version;

mod field;
#[cfg(test)]
mod tests;

/// Which version a caller asks for. The timestamp stays text until the table is known to share its history: a caller
/// who may not ask by time learns that first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// The newest.
    Latest,
    /// By number.
    Version(Version),
    /// By time, ISO 8601.
    Timestamp(String),
    /// What happened from one version to another, both included; to the newest when no end is named.
    Range {
        /// The first version.
        start: Version,
        /// The last version.
        end: Option<Version>,
    },
}

/// A query for a snapshot or a range of versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryRequest {
    /// Which version.
    pub selector: Selector,
    /// Whether a range tells of every protocol within it.
    pub include_historical_protocol: bool,
    /// How much of it, and with what to go on.
    pub paging: Paging,
    /// What the answer may leave out.
    pub hints: Hints,
}

/// How much of an answer a caller asks for, and with what to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paging {
    /// Files wanted at most; the whole rest when there is no number.
    pub max_files: Option<u32>,
    /// The token of the page.
    pub page_token: Option<String>,
    /// Whether a token for the same snapshot is wanted.
    pub include_refresh_token: bool,
    /// The token of the snapshot that is asked for again.
    pub refresh_token: Option<String>,
    /// A digest of every other parameter.
    pub parameters: [u8; 32],
}

/// What a client says it needs. Each may be ignored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hints {
    /// Predicates in SQL that all rows wanted fulfil.
    pub predicate_hints: Vec<String>,
    /// A predicate as a tree in JSON.
    pub json_predicate_hints: Option<String>,
    /// How many of the rows wanted are enough. Nothing for 0 or less, as some clients send with every query.
    pub row_limit: Option<u64>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Body {
    #[serde(alias = "predicate_hints")]
    predicate_hints: Option<Value>,
    #[serde(alias = "json_predicate_hints")]
    json_predicate_hints: Option<Value>,
    #[serde(alias = "limit_hint")]
    limit_hint: Option<Value>,
    version: Option<Value>,
    timestamp: Option<Value>,
    #[serde(alias = "starting_version")]
    starting_version: Option<Value>,
    #[serde(alias = "ending_version")]
    ending_version: Option<Value>,
    #[serde(alias = "max_files")]
    max_files: Option<Value>,
    #[serde(alias = "page_token")]
    page_token: Option<Value>,
    #[serde(alias = "include_refresh_token")]
    include_refresh_token: Option<Value>,
    #[serde(alias = "refresh_token")]
    refresh_token: Option<Value>,
    #[serde(alias = "include_historical_protocol")]
    include_historical_protocol: Option<Value>,
}

/// Only an object will do; by itself serde would take an array for a struct as well.
struct Object(Body);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = serde_json::Map::deserialize(deserializer)?;
        Body::deserialize(Value::Object(fields)).map(Self).map_err(serde::de::Error::custom)
    }
}

impl QueryRequest {
    /// Reads a body.
    ///
    /// # Errors
    /// [`Error::MalformedRequest`] for what is not JSON or of the wrong type, [`Error::InvalidParameter`] for values
    /// that cannot be.
    pub fn parse(body: &[u8]) -> Result<Self, Error> {
        if body.trim_ascii().is_empty() {
            return Err(Error::MalformedRequest(
                "No content to map due to end-of-input: the body is empty. Send a JSON object; {} asks for everything."
                    .into(),
            ));
        }
        let Object(body) = serde_json::from_slice(body).map_err(|cause| {
            Error::MalformedRequest(format!(
                "The body is not a JSON object that can be read (line {}, column {}).",
                cause.line(),
                cause.column()
            ))
        })?;
        let hints = hints(&body)?;
        let version = whole_number("version", body.version.as_ref())?;
        let timestamp = text("timestamp", body.timestamp.as_ref())?;
        let starting_version = whole_number("startingVersion", body.starting_version.as_ref())?;
        let ending_version = whole_number("endingVersion", body.ending_version.as_ref())?;
        let max_files = whole_number("maxFiles", body.max_files.as_ref())?;
        let page_token = text("pageToken", body.page_token.as_ref())?;
        let include_refresh_token = flag("includeRefreshToken", body.include_refresh_token.as_ref())?;
        let refresh_token = text("refreshToken", body.refresh_token.as_ref())?;
        let include_historical_protocol = flag("includeHistoricalProtocol", body.include_historical_protocol.as_ref())?;

        let named = [version.is_some(), timestamp.is_some(), starting_version.is_some()];
        let named = named.into_iter().filter(|&given| given).count();
        check(named <= 1, "Please only provide one of: version,timestamp,startingVersion")?;
        check(version.is_none_or(|v| v >= 0), "table version cannot be negative.")?;
        check(starting_version.is_none_or(|v| v >= 0), "startingVersion cannot be negative.")?;
        check(max_files.is_none_or(|n| n > 0), "maxFiles must be positive.")?;
        check(
            !(named > 0 && include_refresh_token),
            "includeRefreshToken cannot be used when querying a specific version.",
        )?;
        check(
            !(page_token.is_some() && include_refresh_token),
            "includeRefreshToken must be used in the first page request.",
        )?;
        check(
            !(named > 0 && refresh_token.is_some()),
            "refreshToken cannot be used when querying a specific version.",
        )?;
        check(
            !(page_token.is_some() && refresh_token.is_some()),
            "refreshToken must be used in the first page request.",
        )?;
        let selector = match starting_version {
            Some(start) => range(start, ending_version)?,
            None => selector(version, timestamp)?,
        };
        let max_files = max_files.and_then(|number| u32::try_from(number).ok());
        let parameters = parameters(&body)?;
        let paging = Paging { max_files, page_token, include_refresh_token, refresh_token, parameters };
        Ok(Self { selector, include_historical_protocol, paging, hints })
    }
}

/// The version a metadata request asks for.
///
/// # Errors
/// [`Error::InvalidParameter`] when both are given, or the version is no number or negative.
pub fn metadata_selector(query: &QueryString) -> Result<Selector, Error> {
    let (version, timestamp) = (query.get("version"), query.get("timestamp"));
    check(version.is_none() || timestamp.is_none(), "Please only provide one of: version,timestamp")?;
    let version = version
        .map(|text| {
            text.trim().parse::<i64>().map_err(|_| {
                Error::InvalidParameter(format!(
                    "version: expected a number but the string didn't have the appropriate format: '{}'",
                    shorten(text)
                ))
            })
        })
        .transpose()?;
    check(version.is_none_or(|v| v >= 0), "version cannot be negative.")?;
    selector(version, timestamp.map(str::to_owned))
}

fn selector(version: Option<i64>, timestamp: Option<String>) -> Result<Selector, Error> {
    Ok(match (version, timestamp) {
        (Some(version), _) => Selector::Version(Version::new(
            u64::try_from(version).map_err(|_| Error::defect("a negative version passed"))?,
        )),
        (None, Some(timestamp)) => Selector::Timestamp(timestamp),
        (None, None) => Selector::Latest,
    })
}

fn range(start: i64, end: Option<i64>) -> Result<Selector, Error> {
    let version = |number: i64| u64::try_from(number).map(Version::new);
    let end = end
        .map(version)
        .transpose()
        .map_err(|_| Error::InvalidParameter("endingVersion cannot be negative.".into()))?;
    let start = version(start).map_err(|_| Error::defect("a negative version passed"))?;
    Ok(Selector::Range { start, end })
}

/// A digest of what must not change from page to page: everything but the paging itself.
fn parameters(body: &Body) -> Result<[u8; 32], Error> {
    let parameters = [
        &body.predicate_hints,
        &body.json_predicate_hints,
        &body.limit_hint,
        &body.version,
        &body.timestamp,
        &body.starting_version,
        &body.ending_version,
        &body.include_historical_protocol,
    ];
    let text = serde_json::to_vec(&parameters)
        .map_err(|cause| Error::internal("parameters could not be written as JSON", cause))?;
    Ok(Sha256::digest(text).into())
}

/// Hints may be ignored, but not be of the wrong type.
fn hints(body: &Body) -> Result<Hints, Error> {
    let predicate_hints = match &body.predicate_hints {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(hints)) => {
            let texts = hints.iter().map(|hint| hint.as_str().map(str::to_owned));
            texts
                .collect::<Option<_>>()
                .ok_or_else(|| Error::MalformedRequest("predicateHints must be an array of strings.".into()))?
        }
        Some(_) => {
            return Err(Error::MalformedRequest(
                "Expected an array for repeated field predicateHints of QueryTableRequest".into(),
            ));
        }
    };
    let json_predicate_hints = text("jsonPredicateHints", body.json_predicate_hints.as_ref())?;
    let limit = whole_number("limitHint", body.limit_hint.as_ref())?;
    let row_limit = limit.and_then(|limit| u64::try_from(limit).ok()).filter(|&limit| limit > 0);
    Ok(Hints { predicate_hints, json_predicate_hints, row_limit })
}

fn check(holds: bool, otherwise: &str) -> Result<(), Error> {
    if holds { Ok(()) } else { Err(Error::InvalidParameter(otherwise.to_owned())) }
}
