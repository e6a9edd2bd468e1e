//! Sums are of what they say, and what was refused is never among what was answered.

use shared::catalog::write::Status;
use shared::model::name::RecipientName;
use shared::model::rule::RecipientRules;
use shared::model::version::TimestampMs;

use super::*;

fn record(recipient: Option<&str>, table: &str, code: Option<&str>) -> Record {
    Record {
        timestamp: "2026-01-01T00:00:00.000Z".into(),
        request_id: "x".into(),
        route: "query-table".into(),
        share: Some("s".into()),
        schema: Some("d".into()),
        table: Some(table.into()),
        table_id: None,
        recipient_id: recipient.map(str::to_owned),
        token_id: None,
        source_ip: None,
        user_agent: None,
        version: code.is_none().then_some(4),
        response_format: None,
        status: if code.is_some() { 404 } else { 200 },
        error_code: code.map(str::to_owned),
        outcome: "completed".into(),
        files_returned: if code.is_some() { 0 } else { 3 },
        bytes_sent: 1_500,
        url_expires_at: None,
        latency_ms: 3,
    }
}

fn acme() -> RecipientRecord {
    RecipientRecord {
        name: RecipientName::parse("acme").unwrap(),
        id: "r-1".into(),
        comment: None,
        status: Status::Active,
        rules: RecipientRules::default(),
        created_at: None,
    }
}

fn told_of(records: &[Record]) -> (String, Value) {
    let span = Span { since: TimestampMs::new(0), until: TimestampMs::new(1_767_225_600_000) };
    let (text, json) = told(records, &[acme()], span);
    (text, Value::Object(json))
}

#[test]
fn answers_are_summed_by_recipient_and_table_and_refusals_by_code() {
    let records = [
        record(Some("r-1"), "t", None),
        record(Some("r-1"), "t", None),
        record(Some("r-1"), "u", None),
        record(Some("gone"), "t", None),
        record(Some("r-1"), "none", Some("TABLE_NOT_FOUND")),
        record(None, "t", Some("UNAUTHENTICATED")),
    ];
    let (text, json) = told_of(&records);
    assert!(text.starts_with("6 requests since 1970-01-01 00:00 UTC: 4 answered, 2 refused.\n"), "{text}");
    let sums: Vec<_> = json["totals"]
        .as_array()
        .unwrap()
        .iter()
        .map(|total| (total["recipient"].as_str(), total["table"].as_str(), &total["answers"], &total["bytes"]))
        .collect();
    let number = |number: u64| Value::from(number);
    let [one, two, small, large] = [number(1), number(2), number(1_500), number(3_000)];
    assert_eq!(
        sums,
        [
            (Some("acme"), Some("t"), &two, &large),
            (Some("acme"), Some("u"), &one, &small),
            (Some("gone"), Some("t"), &one, &small),
        ]
    );
    assert_eq!(json["totals"][0]["files"], 6);
    let refused: Vec<_> =
        json["refused"].as_array().unwrap().iter().map(|one| (one["recipient"].as_str(), &one["errorCode"])).collect();
    assert_eq!(refused, [(None, &"UNAUTHENTICATED".into()), (Some("acme"), &"TABLE_NOT_FOUND".into())]);
    assert_eq!((json["events"].as_array().unwrap().len(), &json["events"][0]["recipient"]), (6, &"acme".into()));
    for line in ["acme       s.d.t  2        6      3.0 kB", "404     TABLE_NOT_FOUND"] {
        assert!(text.contains(line), "{line}: {text}");
    }
}

#[test]
fn nothing_is_said_as_nothing() {
    let (text, json) = told_of(&[]);
    assert_eq!(text, "0 requests since 1970-01-01 00:00 UTC: 0 answered, 0 refused.\n");
    assert_eq!((&json["events"], &json["totals"]), (&json!([]), &json!([])));
}

#[test]
fn what_a_caller_wrote_cannot_move_the_cursor() {
    let mut odd = record(None, "t\u{1b}[2J", Some("X"));
    odd.share = Some("s\nfake".into());
    let (text, _) = told_of(&[odd]);
    assert!(!text.contains('\u{1b}') && text.contains("s fake.d.t [2J"), "{text}");
}
