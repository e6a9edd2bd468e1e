//! A plan as text for people and as JSON for scripts.

use serde_json::{Value, json};
use shared::limits::URL_TTL_SECS_DEFAULT;
use shared::model::network::Network;
use shared::model::securable::History;
use shared::model::version::TimestampMs;
use shared::presign::session::within;
use shared::provider::counted;

use super::super::answer::{columns, facts, full_name, grant_json, history_words, moment, recipient_json};
use super::super::rules;
use super::super::target::{Kind, Target};
use super::{Entry, Plan, Read, Seen};

impl Plan {
    pub(super) fn text(&self, now: TimestampMs, target: &Target) -> String {
        let mut text = format!("Recipient '{}' {}\n", self.recipient.name, self.headline());
        let mut bullet = |line: String| text.push_str(&format!("  - {line}\n"));
        self.refused.iter().for_each(|why| bullet(why.clone()));
        for (grant, why) in &self.grants {
            why.iter().for_each(|why| bullet(format!("share '{}': {why}", grant.share)));
        }
        if self.grants.is_empty() && self.notes.is_empty() {
            let next = target.line(&format!("grant SHARE {}", self.recipient.name));
            bullet(format!("no share is granted to it; grant one with: {next}"));
        }
        for table in &self.tables {
            if let Seen::Refused(unread) = &table.seen {
                bullet(format!("{}: {}", full_name(&table.record), unread.why));
            }
        }
        let urls = [("file URLs", self.urls_words(target))];
        let told = facts(&[&rules::facts_of(&self.recipient.rules)[..], &urls].concat());
        if !told.is_empty() {
            text.push_str(&format!("\n{told}"));
        }
        let rows: Vec<Vec<String>> = self.tables.iter().filter_map(|table| self.row(table, now)).collect();
        if !rows.is_empty() {
            let headings = ["TABLE", "VERSION", "FILES", "BYTES", "FORMATS", "PARTITION", "HISTORY", "URLS LIVE"];
            text.push_str(&format!("\n{}", columns(&headings, &rows)));
        }
        text.push_str(&format!("\nLast request: {}\n", self.last_words()));
        if !self.notes.is_empty() {
            text.push('\n');
            self.notes.iter().for_each(|note| text.push_str(&format!("Note: {note}.\n")));
        }
        text
    }

    pub(super) fn json(&self, now: TimestampMs) -> Value {
        let grants = self.grants.iter().map(|(grant, why)| with(grant_json(grant), json!({"refused": why})));
        let networks = self.recipient.rules.access.of_urls().iter().map(Network::to_string);
        json!({
            "recipient": recipient_json(&self.recipient),
            "refused": self.refused,
            "urlNetworks": networks.collect::<Vec<_>>(),
            "grants": grants.collect::<Vec<_>>(),
            "lastRequest": self.last,
            "tables": self.tables.iter().map(|table| self.table_json(table, now)).collect::<Vec<_>>(),
            "notes": self.notes,
        })
    }

    fn headline(&self) -> String {
        let refused = self.tables.iter().filter(|table| matches!(table.seen, Seen::Refused(_))).count();
        let (all, left) = (self.tables.len(), self.tables.len() - refused);
        match (self.refused.is_empty(), left) {
            (_, 0) => "reads nothing now:".to_owned(),
            (false, _) => format!("reads nothing now; otherwise it would read {}:", counted(left, "table")),
            (true, _) if left == all => format!("reads {} now.", counted(left, "table")),
            (true, _) => format!("reads {left} of {} now.", counted(all, "table")),
        }
    }

    /// What the recipient asked for last, and how that ended.
    fn last_words(&self) -> String {
        let Some(last) = &self.last else { return "none in the last 30 days.".to_owned() };
        let when = last.at().map_or_else(|| last.timestamp.clone(), moment);
        let names = [&last.share, &last.schema, &last.table];
        let of = names.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(".");
        let of = if of.is_empty() { of } else { format!(" of {of}") };
        let code = last.error_code.as_ref().map_or_else(String::new, |code| format!(" {code}"));
        let clean = |c: char| if c.is_control() { ' ' } else { c };
        format!("{when}, {}{of}, {}{code} ({}).", last.route, last.status, last.outcome).chars().map(clean).collect()
    }

    /// From where URLs of files work, when the recipient may not come from everywhere.
    fn urls_words(&self, target: &Target) -> Option<String> {
        let access = &self.recipient.rules.access;
        if access.networks.is_empty() {
            return None;
        }
        let words = match (access.of_urls(), target.kind()) {
            ([], _) => "API only: they work from anywhere",
            (_, Kind::Local { .. }) => "work from anywhere: a local server checks its own requests only",
            (_, Kind::Aws(_)) => "work from the same networks only",
        };
        Some(words.to_owned())
    }

    /// The part of a table that is the recipient's: columns and values.
    fn partitions(&self, table: &Entry) -> Vec<(String, String)> {
        let values = self.recipient.rules.partition_values(&table.record.partitions).unwrap_or_default();
        values.iter().map(|of| (of.column.to_owned(), of.value.to_owned())).collect()
    }

    fn row(&self, table: &Entry, now: TimestampMs) -> Option<Vec<String>> {
        let dash = || "-".to_owned();
        let [version, files, bytes, formats] = match &table.seen {
            Seen::Refused(_) => return None,
            Seen::NotRead => [dash(), dash(), dash(), dash()],
            Seen::Read(read) => [
                read.version.to_string(),
                read.totals.files.to_string(),
                read.totals.bytes.to_string(),
                formats_words(read),
            ],
        };
        let part = self.partitions(table);
        let part = part.iter().map(|(column, value)| format!("{column} = '{}'", value.replace('\'', "''")));
        let part = part.collect::<Vec<_>>().join(", ");
        let lives = url_secs(table, now).map_or_else(dash, |secs| format!("at most {}", span(secs)));
        let history = history_words(table.record.history);
        let part = if part.is_empty() { "all".to_owned() } else { part };
        Some(vec![full_name(&table.record), version, files, bytes, formats, part, history, lives])
    }

    fn table_json(&self, table: &Entry, now: TimestampMs) -> Value {
        let record = &table.record;
        let part = self.partitions(table);
        let part: Vec<_> = part.iter().map(|(column, value)| json!({"column": column, "value": value})).collect();
        let start = match record.history {
            History::NotShared => None,
            History::SharedFrom(version) => Some(version.number()),
        };
        let shown = json!({
            "share": record.share.as_str(), "schema": record.schema.as_str(), "name": record.name.as_str(),
            "id": record.id, "rules": rules::partitions_json(&record.partitions), "partitions": part,
            "historyShared": start.is_some(), "startVersion": start, "urlSecsMax": url_secs(table, now),
            "read": matches!(table.seen, Seen::Read(_)), "refused": Value::Null,
        });
        let seen = match &table.seen {
            Seen::Read(read) => json!({
                "version": read.version.number(), "files": read.totals.files, "bytes": read.totals.bytes,
                "formats": formats(read), "features": read.features,
            }),
            Seen::Refused(unread) => json!({"refused": {"answer": unread.answer, "why": unread.why}}),
            Seen::NotRead => json!({}),
        };
        with(shown, seen)
    }
}

/// An object with the members of another, which win.
fn with(mut object: Value, more: Value) -> Value {
    if let (Value::Object(object), Value::Object(more)) = (&mut object, more) {
        object.extend(more);
    }
    object
}

/// The longest that a URL signed now may live, the configuration saying no less.
fn url_secs(table: &Entry, now: TimestampMs) -> Option<i64> {
    within(table.window, now, URL_TTL_SECS_DEFAULT)
}

fn formats(read: &Read) -> &'static [&'static str] {
    if read.parquet { &["parquet", "delta"] } else { &["delta"] }
}

fn formats_words(read: &Read) -> String {
    let words = formats(read).join(", ");
    if read.features.is_empty() { words } else { format!("{words} ({})", read.features.join(", ")) }
}

/// `60 minutes`, `59 seconds`.
fn span(secs: i64) -> String {
    let secs = usize::try_from(secs).unwrap_or_default();
    if secs >= 60 { counted(secs / 60, "minute") } else { counted(secs, "second") }
}
