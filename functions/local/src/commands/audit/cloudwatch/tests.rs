//! Pages without events are not the end, pages without end are, and other lines of the log are nobody's.

use std::sync::{Arc, Mutex};

use aws_sdk_cloudwatchlogs::config::{BehaviorVersion, Credentials, Region};
use serde_json::{Value, json};
use shared::model::version::TimestampMs;

use super::*;
use crate::aws_stub;

const SPAN: Span = Span { since: TimestampMs::new(1_000), until: TimestampMs::new(9_000) };

/// CloudWatch Logs as a test tells it: what it was asked, in order.
async fn stub(answer: impl Fn(usize) -> Value + Send + 'static) -> (Client, Arc<Mutex<Vec<Value>>>) {
    let (endpoint, asked) = aws_stub::stub(move |before| (200, answer(before))).await;
    let config = aws_sdk_cloudwatchlogs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(endpoint)
        .credentials_provider(Credentials::new("test", "test", None, None, "tests"))
        .build();
    (Client::from_conf(config), asked)
}

fn line(recipient: &str, second: u32) -> Value {
    let message = json!({
        "timestamp": format!("1970-01-01T00:00:0{second}.000Z"), "level": "INFO", "target": TARGET, "message": "answered",
        "requestId": "x", "route": "query-table", "recipientId": recipient, "status": 200, "outcome": "completed",
        "filesReturned": 1, "bytesSent": 2, "latencyMs": 3, "cold": false,
    });
    json!({"message": message.to_string(), "timestamp": 1})
}

#[tokio::test]
async fn pages_are_read_to_the_end_and_put_in_order() {
    let (client, asked) = stub(|before| match before {
        0 => json!({"events": [line("r", 5)], "nextToken": "n1"}),
        1 => json!({"events": [], "nextToken": "n2"}),
        _ => json!({"events": [line("r", 4), {"message": "INIT_START"}, {"message": "{\"Route\":\"x\"}"}]}),
    })
    .await;
    let found = events(&client, "logs", SPAN, None, 10).await.unwrap();
    let moments: Vec<&str> = found.records.iter().map(|record| record.timestamp.as_str()).collect();
    assert_eq!(moments, ["1970-01-01T00:00:04.000Z", "1970-01-01T00:00:05.000Z"]);
    assert!(found.notes.is_empty(), "{:?}", found.notes);
    let asked = asked.lock().unwrap();
    assert_eq!((&asked[0]["startTime"], &asked[0]["endTime"]), (&1_000.into(), &9_000.into()));
    assert_eq!(asked[0]["filterPattern"], "{ $.target = \"spillway::audit\" }");
    assert_eq!((asked.len(), &asked[2]["nextToken"]), (3, &"n2".into()));
}

#[tokio::test]
async fn what_is_left_out_at_the_bound_is_said() {
    let (client, asked) = stub(|_| json!({"events": [line("r", 5)], "nextToken": "more"})).await;
    let found = events(&client, "logs", SPAN, None, 3).await.unwrap();
    assert_eq!((found.records.len(), asked.lock().unwrap().len()), (3, 3));
    assert!(found.notes[0].contains("those after 1970-01-01T00:00:05.000Z are missing"), "{:?}", found.notes);
}

#[tokio::test]
async fn a_recipient_is_asked_for_and_an_odd_id_cannot_change_the_question() {
    let (client, asked) = stub(|_| json!({"events": [line("r-1", 5), line("r\" || \"", 6), line("other", 7)]})).await;
    for id in ["r-1", "r\" || \""] {
        let found = events(&client, "logs", SPAN, Some(id), 3).await.unwrap();
        assert_eq!(found.records.len(), 1, "{id}");
        assert_eq!(found.records[0].recipient_id.as_deref(), Some(id));
    }
    let asked = asked.lock().unwrap();
    assert_eq!(asked[0]["filterPattern"], "{ $.target = \"spillway::audit\" && $.recipientId = \"r-1\" }");
    assert_eq!(asked[1]["filterPattern"], "{ $.target = \"spillway::audit\" }");
}
