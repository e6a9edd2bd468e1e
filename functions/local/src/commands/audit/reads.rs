//! What recipients were answered and what they were refused, one by one and in sums.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use shared::audit::record::Record;
use shared::catalog::write::RecipientRecord;
use shared::provider::counted;

use super::{Span, Who, name_of, section, source, span_json};
use crate::commands::answer::{Answer, moment, moment_or_dash};
use crate::commands::target::Target;
use crate::inspect::size;

/// What one recipient was answered about one table.
#[derive(Debug, Default)]
struct Total<'a> {
    answers: u64,
    files: u64,
    bytes: u64,
    last: Option<&'a Record>,
}

/// How often something was refused.
#[derive(Debug, Default)]
struct Refusals<'a> {
    count: u64,
    last: Option<&'a Record>,
}

/// Whether a request was refused, or failed before anything was sent.
fn is_refused(record: &Record) -> bool {
    record.error_code.is_some()
}

fn or_dash(text: Option<&str>) -> String {
    text.unwrap_or("-").to_owned()
}

/// Reads events and sums them up.
pub(super) async fn answer(
    target: &Target,
    span: Span,
    known: &[RecipientRecord],
    who: Option<Who>,
) -> Result<Answer, String> {
    let id = who.and_then(|who| who.id);
    let events = source::events(target, span, id.as_deref()).await?;
    let (text, mut json) = told(&events.records, known, span);
    let notes: String = events.notes.iter().map(|note| format!("\n{note}\n")).collect();
    json.insert("notes".into(), json!(events.notes));
    Ok(Answer::new(format!("{text}{notes}"), Value::Object(json)))
}

fn told(records: &[Record], known: &[RecipientRecord], span: Span) -> (String, Map<String, Value>) {
    let name = |record: &Record| name_of(record, known).map(str::to_owned);
    let (refused, answered): (Vec<&Record>, Vec<&Record>) = records.iter().partition(|record| is_refused(record));
    let mut totals: BTreeMap<(Option<String>, Option<String>), Total<'_>> = BTreeMap::new();
    for record in &answered {
        let total = totals.entry((name(record), record.asked_for())).or_default();
        total.answers += 1;
        total.files = total.files.saturating_add(record.files_returned);
        total.bytes = total.bytes.saturating_add(record.bytes_sent);
        total.last = Some(record);
    }
    let mut refusals: BTreeMap<(Option<String>, &str, u16, &str), Refusals<'_>> = BTreeMap::new();
    for record in &refused {
        let code = record.error_code.as_deref().unwrap_or_default();
        let refusal = refusals.entry((name(record), record.route.as_str(), record.status, code)).or_default();
        refusal.count += 1;
        refusal.last = Some(record);
    }

    let mut text = format!(
        "{} since {}: {} answered, {} refused.\n",
        counted(records.len(), "request"),
        moment(span.since),
        answered.len(),
        refused.len()
    );
    if !answered.is_empty() {
        let rows: Vec<_> = answered.iter().map(|record| answered_row(record, name(record))).collect();
        let headings = ["WHEN", "RECIPIENT", "WHAT", "ROUTE", "VERSION", "FILES", "BYTES", "OUTCOME"];
        text.push_str(&section("Answered", &headings, &rows));
        let rows: Vec<_> = totals.iter().map(|((recipient, what), total)| total_row(recipient, what, total)).collect();
        text.push_str(&section("In sum", &["RECIPIENT", "WHAT", "ANSWERS", "FILES", "BYTES", "LAST"], &rows));
    }
    if !refused.is_empty() {
        let rows: Vec<_> = refused.iter().map(|record| refused_row(record, name(record))).collect();
        text.push_str(&section("Refused", &["WHEN", "RECIPIENT", "WHAT", "ROUTE", "STATUS", "CODE"], &rows));
    }

    let mut json: Map<String, Value> =
        span_json(span).into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    let totals = totals.iter().map(|((recipient, what), total)| {
        let last = total.last;
        json!({
            "recipient": recipient, "what": what,
            "share": last.and_then(|last| last.share.as_deref()),
            "schema": last.and_then(|last| last.schema.as_deref()),
            "table": last.and_then(|last| last.table.as_deref()),
            "answers": total.answers, "files": total.files, "bytes": total.bytes,
            "lastAt": last.map(|last| &last.timestamp),
            "lastVersion": last.and_then(|last| last.version),
        })
    });
    json.insert("totals".into(), totals.collect());
    let refusals = refusals.iter().map(|((recipient, route, status, code), refusal)| {
        json!({
            "recipient": recipient, "route": route, "status": status, "errorCode": code, "count": refusal.count,
            "lastAt": refusal.last.map(|last| &last.timestamp),
        })
    });
    json.insert("refused".into(), refusals.collect());
    let events = records.iter().map(|record| {
        let mut event = serde_json::to_value(record).unwrap_or_default();
        if let Some(event) = event.as_object_mut() {
            event.insert("recipient".into(), json!(name(record)));
        }
        event
    });
    json.insert("events".into(), events.collect());
    (text, json)
}

fn answered_row(record: &Record, recipient: Option<String>) -> Vec<String> {
    vec![
        moment_or_dash(record.at()),
        or_dash(recipient.as_deref()),
        or_dash(record.asked_for().as_deref()),
        record.route.clone(),
        record.version.map_or_else(|| "-".into(), |version| version.to_string()),
        record.files_returned.to_string(),
        size(record.bytes_sent),
        record.outcome.replace('_', " "),
    ]
}

fn total_row(recipient: &Option<String>, what: &Option<String>, total: &Total<'_>) -> Vec<String> {
    vec![
        or_dash(recipient.as_deref()),
        or_dash(what.as_deref()),
        total.answers.to_string(),
        total.files.to_string(),
        size(total.bytes),
        moment_or_dash(total.last.and_then(Record::at)),
    ]
}

fn refused_row(record: &Record, recipient: Option<String>) -> Vec<String> {
    vec![
        moment_or_dash(record.at()),
        or_dash(recipient.as_deref()),
        or_dash(record.asked_for().as_deref()),
        record.route.clone(),
        record.status.to_string(),
        or_dash(record.error_code.as_deref()),
    ]
}

#[cfg(test)]
mod tests;
