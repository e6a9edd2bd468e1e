//! What a command has to say, twice: as text for people and as JSON for scripts.

use serde_json::{Value, json};
use shared::catalog::register::{Look, RegisteredTable};
use shared::catalog::write::{
    GrantRecord, Origin, RecipientRecord, SchemaRecord, ShareRecord, Status, TableRecord, TokenRecord,
};
use shared::model::securable::History;
use shared::model::version::TimestampMs;

use super::rules;

/// What a command answers.
#[derive(Debug)]
pub struct Answer {
    /// For people; lines, the last one ended.
    pub text: String,
    /// For scripts.
    pub json: Value,
    /// What the program ends with when the command could answer but not be content.
    pub problem: Option<String>,
}

impl Answer {
    /// An answer that all is well.
    pub fn new(text: String, json: Value) -> Self {
        Self { text, json, problem: None }
    }
}

/// Rows under headings, aligned by the widest cell of each column. Control characters are shown as spaces, so that no
/// comment can move the cursor.
pub fn columns(headings: &[&str], rows: &[Vec<String>]) -> String {
    let clean = |cell: &str| cell.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>();
    let lines: Vec<Vec<String>> = std::iter::once(headings.iter().map(|cell| (*cell).to_owned()).collect())
        .chain(rows.iter().map(|row| row.iter().map(|cell| clean(cell)).collect()))
        .collect();
    let width = |at: usize| lines.iter().filter_map(|line| line.get(at)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..headings.len()).map(|at| width(at).unwrap_or_default()).collect();
    let mut out = String::new();
    for line in &lines {
        let padded = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        out.push_str(padded.collect::<Vec<_>>().join("  ").trim_end());
        out.push('\n');
    }
    out
}

/// Labels and values, one a line, aligned; values that are not there are left out.
pub fn facts(facts: &[(&str, Option<String>)]) -> String {
    let there: Vec<(&str, &String)> =
        facts.iter().filter_map(|(label, value)| value.as_ref().map(|value| (*label, value))).collect();
    let width = there.iter().map(|(label, _)| label.chars().count()).max().unwrap_or_default();
    there
        .iter()
        .map(|(label, value)| {
            let value: String = value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            format!("  {label:<width$}  {value}\n")
        })
        .collect()
}

/// A moment as people read it: `2027-01-31 08:00 UTC`.
pub fn moment(at: TimestampMs) -> String {
    let iso = at.to_iso();
    match iso.split_once('T').and_then(|(day, time)| Some((day, time.get(..5)?))) {
        Some((day, time)) => format!("{day} {time} UTC"),
        None => iso,
    }
}

/// A moment that may be unknown.
pub fn moment_or_dash(at: Option<TimestampMs>) -> String {
    at.map_or_else(|| "-".into(), moment)
}

/// `active` or `disabled`.
pub fn status_word(status: Status) -> &'static str {
    match status {
        Status::Active => "active",
        Status::Disabled => "disabled",
    }
}

/// `latest version only`, `all versions`, `from version 3`.
pub fn history_words(history: History) -> String {
    match history {
        History::NotShared => "latest version only".into(),
        History::SharedFrom(version) if version.number() == 0 => "all versions".into(),
        History::SharedFrom(version) => format!("from version {version}"),
    }
}

/// `share.schema.table`.
pub fn full_name(table: &TableRecord) -> String {
    format!("{}.{}.{}", table.share, table.schema, table.name)
}

fn iso(at: Option<TimestampMs>) -> Option<String> {
    at.map(TimestampMs::to_iso)
}

/// A share for scripts.
pub fn share_json(share: &ShareRecord) -> Value {
    json!({
        "name": share.name.as_str(), "id": share.id, "comment": share.comment, "createdAt": iso(share.created_at),
    })
}

/// A table for scripts.
pub fn table_json(table: &TableRecord) -> Value {
    let (shared, start) = match table.history {
        History::NotShared => (false, None),
        History::SharedFrom(version) => (true, Some(version.number())),
    };
    json!({
        "share": table.share.as_str(),
        "schema": table.schema.as_str(),
        "name": table.name.as_str(),
        "id": table.id,
        "location": table.location,
        "auxiliaryLocations": table.auxiliary_locations,
        "region": table.region,
        "endpoint": table.endpoint,
        "roleArn": table.role_arn,
        "externalId": table.external_id,
        "historyShared": shared,
        "startVersion": start,
        "partitions": rules::partitions_json(&table.partitions),
        "comment": table.comment,
        "validated": table.look.map(|look| look == Look::Taken),
        "found": table.origin == Origin::Found,
        "createdAt": iso(table.created_at),
    })
}

/// A schema with a place for scripts.
pub fn schema_json(schema: &SchemaRecord) -> Value {
    json!({
        "share": schema.share.as_str(),
        "name": schema.name.as_str(),
        "location": schema.location,
        "region": schema.region,
        "roleArn": schema.role_arn,
        "externalId": schema.external_id,
        "historyShared": schema.history != History::NotShared,
        "createdAt": iso(schema.created_at),
    })
}

/// A registered table for scripts.
pub fn registered_json(table: &RegisteredTable) -> Value {
    json!({
        "name": table.name.as_str(),
        "location": table.location,
        "region": table.region,
        "roleArn": table.role_arn,
        "externalId": table.external_id,
        "comment": table.comment,
        "validated": table.look == Look::Taken,
        "createdAt": iso(table.created_at),
    })
}

/// A recipient for scripts.
pub fn recipient_json(recipient: &RecipientRecord) -> Value {
    json!({
        "name": recipient.name.as_str(),
        "id": recipient.id,
        "comment": recipient.comment,
        "status": status_word(recipient.status),
        "rules": rules::rules_json(&recipient.rules),
        "createdAt": iso(recipient.created_at),
    })
}

/// A token for scripts: never the token itself, nor its hash.
pub fn token_json(token: &TokenRecord) -> Value {
    json!({
        "id": token.id,
        "status": status_word(token.status),
        "notBefore": iso(token.not_before),
        "expiresAt": iso(token.expires_at),
        "createdAt": iso(token.created_at),
    })
}

/// A grant for scripts.
pub fn grant_json(grant: &GrantRecord) -> Value {
    json!({
        "share": grant.share.as_str(), "recipient": grant.recipient.as_str(), "grantedAt": iso(grant.granted_at),
        "from": iso(grant.window.from), "until": iso(grant.window.until),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_keep_the_cursor_where_it_is() {
        let rows = [vec!["a".into(), "one\u{1b}[2Jtwo".into()], vec!["äöüß".into(), "x".into()]];
        assert_eq!(columns(&["NAME", "COMMENT"], &rows), "NAME  COMMENT\na     one [2Jtwo\näöüß  x\n");
    }

    #[test]
    fn facts_that_are_not_there_are_left_out() {
        let shown = facts(&[("id", Some("1".into())), ("comment", None), ("created", Some("now".into()))]);
        assert_eq!(shown, "  id       1\n  created  now\n");
    }

    #[test]
    fn moments_for_people() {
        assert_eq!(moment(TimestampMs::new(1_767_225_600_123)), "2026-01-01 00:00 UTC");
        assert_eq!(moment_or_dash(None), "-");
    }
}
