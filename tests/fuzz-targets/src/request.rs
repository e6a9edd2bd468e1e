//! Any text where a request has some: its body, its query string, its capabilities header. What was read means the same
//! when it is written down and read again.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};
use shared::model::capability::Capabilities;
use shared::model::page::PageSize;
use shared::model::version::TimestampMs;
use shared::wire::changes_request::{BoundText, ChangesRequest};
use shared::wire::query_string::QueryString;
use shared::wire::request::{QueryRequest, Selector, metadata_selector};

use crate::world::check_refusal;

/// The parameters that some route reads.
const PARAMETERS: [&str; 12] = [
    "startingVersion",
    "startingTimestamp",
    "endingVersion",
    "endingTimestamp",
    "includeHistoricalMetadata",
    "includeHistoricalProtocol",
    "maxFiles",
    "pageToken",
    "version",
    "timestamp",
    "maxResults",
    "unknown",
];

/// Any text as a capabilities header.
pub fn capabilities(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(read) = Capabilities::parse(Some(text)).inspect_err(check_refusal) else { return };
    let canonical = read.canonical();
    let (formats, features) = canonical.split_once(';').expect("formats and features");
    let end = read.end_of_stream();
    let header = format!("responseformat={formats};readerfeatures={features};includeendstreamaction={end}");
    let again = Capabilities::parse(Some(&header)).expect("what was read is read again");
    assert_eq!(again, read, "{header}");
    let _ = read.choose(&[]).inspect_err(check_refusal);
}

/// Any bytes as the body of a query.
pub fn query_body(data: &[u8]) {
    let Ok(read) = QueryRequest::parse(data).inspect_err(check_refusal) else { return };
    let body: Map<String, Value> = serde_json::from_slice(data).expect("a body is a JSON object");
    let body = serde_json::to_vec(&body).unwrap();
    let again = QueryRequest::parse(&body).expect("what was read is read again");
    assert_eq!(again, read);
    assert_ne!(read.paging.max_files, Some(0));
    assert_ne!(read.hints.row_limit, Some(0));
    if let Selector::Timestamp(text) = &read.selector {
        moment(text);
    }
}

/// Any text as a query string.
pub fn changes_query(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(read) = QueryString::parse(Some(text)).inspect_err(check_refusal) else { return };
    let pairs = PARAMETERS.into_iter().filter_map(|name| Some((name, read.get(name)?)));
    let written: Vec<String> =
        pairs.map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC))).collect();
    let again = QueryString::parse(Some(&written.join("&"))).expect("what was read is read again");
    for name in PARAMETERS {
        assert_eq!(again.get(name), read.get(name), "{name}");
    }
    let _ = PageSize::parse(read.get("maxResults")).inspect_err(check_refusal);
    let selectors = [&read, &again].map(|query| metadata_selector(query).inspect_err(check_refusal).ok());
    assert_eq!(selectors[0], selectors[1]);
    let Ok(files) = ChangesRequest::page_size(&read).inspect_err(check_refusal) else { return };
    let requests = [&read, &again].map(|query| ChangesRequest::parse(query, files).inspect_err(check_refusal).ok());
    assert_eq!(requests[0], requests[1]);
    for bound in requests.iter().flatten().flat_map(|request| [Some(&request.start), request.end.as_ref()]).flatten() {
        if let BoundText::Timestamp(text) = bound {
            moment(text);
        }
    }
}

/// A moment is the same moment in its own writing.
fn moment(text: &str) {
    let Some(at) = TimestampMs::parse(text) else { return };
    let iso = at.to_iso();
    // Years of more than four digits have no such writing.
    if iso.len() == "2026-01-31T08:00:00.000Z".len() {
        assert_eq!(TimestampMs::parse(&iso), Some(at), "{text}");
    }
}
