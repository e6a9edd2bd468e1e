//! What bodies mean, and which are refused in which words.

use super::*;

fn parse(body: &str) -> Result<QueryRequest, Error> {
    QueryRequest::parse(body.as_bytes())
}

fn refusal(body: &str) -> (&'static str, String) {
    match parse(body).unwrap_err() {
        Error::MalformedRequest(text) => ("malformed", text),
        Error::InvalidParameter(text) => ("invalid", text),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_clients_send() {
    for body in [
        "{}",
        r#"{"predicateHints":[""],"limitHint":0}"#,
        r#"{"limitHint":"10","params":{"x":1}}"#,
        r#"{"predicateHints":[],"jsonPredicateHints":"bad","includeRefreshToken":true}"#,
        r#"{"version":null,"timestamp":null,"includeRefreshToken":false}"#,
        r#"{"idempotency_key":"k","endingVersion":2}"#,
    ] {
        assert_eq!(parse(body).unwrap().selector, Selector::Latest, "{body}");
    }
    for body in [r#"{"version":3}"#, r#"{"version":"3"}"#, r#"{"version":3.0,"includeRefreshToken":false}"#] {
        assert_eq!(parse(body).unwrap().selector, Selector::Version(Version::new(3)), "{body}");
    }
    assert_eq!(parse(r#"{"timestamp":"abc","endingVersion":2}"#).unwrap().selector, Selector::Timestamp("abc".into()));
}

#[test]
fn a_range_has_a_start_and_perhaps_an_end() {
    let range = |start, end: Option<u64>| Selector::Range { start: Version::new(start), end: end.map(Version::new) };
    let parsed = parse(r#"{"startingVersion":1,"ending_version":"2","includeHistoricalProtocol":true}"#).unwrap();
    assert_eq!((parsed.selector, parsed.include_historical_protocol), (range(1, Some(2)), true));
    let parsed = parse(r#"{"starting_version":"0"}"#).unwrap();
    assert_eq!((parsed.selector, parsed.include_historical_protocol), (range(0, None), false));
    assert_eq!(refusal(r#"{"startingVersion":0,"endingVersion":-1}"#).1, "endingVersion cannot be negative.");
    assert_eq!(parse(r#"{"startingVersion":0,"maxFiles":1}"#).unwrap().paging.max_files, Some(1));
}

#[test]
fn hints_are_kept_as_sent() {
    let hints = |body: &str| parse(body).unwrap().hints;
    let body = r#"{"predicateHints":["a = 1",""],"json_predicate_hints":"{}","limitHint":"3"}"#;
    let predicate_hints = vec!["a = 1".to_owned(), String::new()];
    let wanted = Hints { predicate_hints, json_predicate_hints: Some("{}".into()), row_limit: Some(3) };
    assert_eq!(hints(body), wanted);
    for none in [r#"{"limitHint":0}"#, r#"{"limit_hint":-1,"jsonPredicateHints":"","predicateHints":[]}"#] {
        assert_eq!(hints(none), Hints::default(), "{none}");
    }
}

#[test]
fn wrong_types_are_malformed() {
    for (body, text) in [
        ("", "end-of-input"),
        ("[1]", "not a JSON object"),
        ("{", "not a JSON object"),
        (r#"{"predicateHints":{}}"#, "Expected an array"),
        (r#"{"version":"x3"}"#, "Not a numeric value"),
        (r#"{"version":1.5}"#, "Not a numeric value"),
        (r#"{"maxFiles":3000000000}"#, "Not an int32 value"),
        (r#"{"jsonPredicateHints":{}}"#, "must be a string"),
        (r#"{"limitHint":[]}"#, "Not a numeric value"),
    ] {
        let (kind, message) = refusal(body);
        assert_eq!(kind, "malformed", "{body}");
        assert!(message.contains(text), "{body}: {message}");
    }
}

#[test]
fn combinations_are_refused_in_order() {
    for (body, text) in [
        (r#"{"version":-1,"startingVersion":-1}"#, "Please only provide one of: version,timestamp,startingVersion"),
        (r#"{"version":-1}"#, "table version cannot be negative."),
        (r#"{"startingVersion":-1}"#, "startingVersion cannot be negative."),
        (r#"{"maxFiles":0}"#, "maxFiles must be positive."),
        (r#"{"version":1,"includeRefreshToken":true}"#, "includeRefreshToken cannot be used when querying"),
        (r#"{"pageToken":"t","includeRefreshToken":true}"#, "includeRefreshToken must be used in the first page"),
        (r#"{"version":1,"refreshToken":"t"}"#, "refreshToken cannot be used when querying"),
        (r#"{"pageToken":"t","refreshToken":"t"}"#, "refreshToken must be used in the first page"),
    ] {
        let (kind, message) = refusal(body);
        assert_eq!(kind, "invalid", "{body}");
        assert!(message.contains(text), "{body}: {message}");
    }
}

#[test]
fn pages_are_asked_for_by_number_and_token() {
    let paging = |body: &str| parse(body).unwrap().paging;
    let all = paging("{}");
    assert_eq!((all.max_files, all.page_token.as_deref(), all.refresh_token.as_deref()), (None, None, None));
    let page = paging(r#"{"max_files":"5","page_token":"t","refreshToken":""}"#);
    assert_eq!((page.max_files, page.page_token.as_deref(), page.refresh_token), (Some(5), Some("t"), None));
    let again = paging(r#"{"refresh_token":"r","includeRefreshToken":true}"#);
    assert_eq!((again.refresh_token.as_deref(), again.include_refresh_token), (Some("r"), true));
    for same in [page.parameters, again.parameters] {
        assert_eq!(same, all.parameters);
    }
}

#[test]
fn every_other_parameter_counts() {
    let bodies = [
        "{}",
        r#"{"version":1}"#,
        r#"{"version":2}"#,
        r#"{"timestamp":"1"}"#,
        r#"{"endingVersion":1}"#,
        r#"{"limitHint":1}"#,
        r#"{"predicateHints":["a = 1"]}"#,
        r#"{"jsonPredicateHints":"a = 1"}"#,
    ];
    let digests: std::collections::BTreeSet<_> =
        bodies.iter().map(|body| parse(body).unwrap().paging.parameters).collect();
    assert_eq!(digests.len(), bodies.len());
}
