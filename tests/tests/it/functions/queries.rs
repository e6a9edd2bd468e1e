//! Queries of the log that operators are given, in the template and in the documents: they ask for what is in it.

use std::collections::BTreeSet;
use std::fs;

use shared::audit::log::TARGET;
use shared::audit::record::Record;

use super::manifests::root;

/// Words of the language of CloudWatch Logs Insights.
const WORDS: [&str; 14] = [
    "and",
    "as",
    "by",
    "count",
    "desc",
    "filter",
    "ispresent",
    "latest",
    "limit",
    "max",
    "not",
    "sort",
    "stats",
    "sum",
];

/// What an event of the log may have.
fn fields() -> BTreeSet<String> {
    let text = |text: &str| Some(text.to_owned());
    let record = Record {
        timestamp: "2026-01-01T00:00:00Z".into(),
        request_id: "x".into(),
        route: "query-table".into(),
        share: text("s"),
        schema: text("d"),
        table: text("t"),
        table_id: text("i"),
        recipient_id: text("r"),
        token_id: text("k"),
        source_ip: text("a"),
        user_agent: text("u"),
        version: Some(1),
        response_format: text("delta"),
        status: 200,
        error_code: text("X"),
        outcome: "completed".into(),
        files_returned: 1,
        bytes_sent: 1,
        url_expires_at: Some(1),
        latency_ms: 1,
    };
    let record = serde_json::to_value(record).unwrap();
    let own = record.as_object().unwrap().keys().cloned();
    own.chain(["target".to_owned(), "@timestamp".to_owned()]).collect()
}

/// The queries of a text: from `filter target` to the end of the line, and the lines after it that go on.
fn queries(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut goes_on = false;
    for line in text.lines() {
        if let Some(at) = line.find("filter target") {
            found.push(line[at..].split("\"}}").next().unwrap().to_owned());
            goes_on = true;
        } else if goes_on && line.trim_start().starts_with('|') {
            let query = found.last_mut().unwrap();
            query.push_str(line);
        } else {
            goes_on = false;
        }
    }
    found
}

#[test]
fn queries_that_are_given_to_operators_ask_for_what_the_log_has() {
    let (fields, mut seen) = (fields(), 0);
    for file in ["template.yaml", "infra/README.md"] {
        let text = fs::read_to_string(root().join(file)).unwrap();
        for query in queries(&text) {
            seen += 1;
            let asks = [format!("target = \"{TARGET}\""), format!("target = '{TARGET}'")];
            assert!(asks.iter().any(|ask| query.contains(ask)), "{file}: {query}");
            let plain: Vec<&str> = query.split(['"', '\'']).step_by(2).collect();
            let words = plain.join(" ");
            let words = words.split(|c: char| !c.is_ascii_alphanumeric() && c != '@').filter(|word| !word.is_empty());
            let (mut named, mut before) = (BTreeSet::new(), "");
            for word in words {
                let known = WORDS.contains(&word) || fields.contains(word) || named.contains(word);
                let number = word.chars().all(|c| c.is_ascii_digit());
                assert!(known || number || before == "as", "{file}: '{word}' is nowhere in the log: {query}");
                if before == "as" {
                    named.insert(word);
                }
                before = word;
            }
        }
    }
    assert_eq!(seen, 5, "three saved queries, one of the dashboard, one to look for what went wrong");
}
