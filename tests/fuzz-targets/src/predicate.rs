//! Any text as a predicate, over any text as a file's statistics and partition values, one a line. What is known of a file
//! may rule it out; what is not known never does.

use serde_json::value::RawValue;
use shared::model::area::ObjectKey;
use shared::model::file::{DataFile, Mark, Text};
use shared::model::table_state::Metadata;
use shared::predicate::{Verdict, filter};

/// Columns of every type, the last three of which the table is partitioned by.
const SCHEMA: &str = r#"{"type":"struct","fields":[
    {"name":"id","type":"long","nullable":true,"metadata":{}},
    {"name":"Flag","type":"boolean","nullable":true,"metadata":{}},
    {"name":"f","type":"float","nullable":true,"metadata":{}},
    {"name":"d","type":"double","nullable":true,"metadata":{}},
    {"name":"s","type":"string","nullable":true,"metadata":{}},
    {"name":"day","type":"date","nullable":true,"metadata":{}},
    {"name":"at","type":"timestamp","nullable":true,"metadata":{}},
    {"name":"x","type":{"type":"array","elementType":"long","containsNull":true},"nullable":true,"metadata":{}},
    {"name":"p","type":"string","nullable":true,"metadata":{}},
    {"name":"rank","type":"integer","nullable":true,"metadata":{}},
    {"name":"pt","type":"timestamp","nullable":true,"metadata":{}}]}"#;

/// Any text as a predicate in JSON.
pub fn predicate_json(data: &[u8]) {
    let Some([predicate, stats, values]) = lines(data) else { return };
    check(&[], Some(predicate), stats, values);
    // Beside a condition that any row may fulfil, of which nothing is known.
    if serde_json::from_str::<&RawValue>(predicate).is_ok() {
        let either = format!(
            r#"{{"op":"or","children":[{predicate},{{"op":"equal","children":[{{"op":"column","name":"id","valueType":"long"}},
            {{"op":"literal","value":"1","valueType":"long"}}]}}]}}"#
        );
        assert_ne!(judge(&[], Some(&either), None, "{}"), Some(Verdict::None), "{either}");
    }
}

/// Any text as predicates in SQL, separated by semicolons.
pub fn predicate_sql(data: &[u8]) {
    let Some([predicate, stats, values]) = lines(data) else { return };
    let hints: Vec<String> = predicate.split(';').map(str::to_owned).collect();
    check(&hints, None, stats, values);
    for hint in &hints {
        let either = format!("({hint}) OR id = 1");
        assert_ne!(judge(std::slice::from_ref(&either), None, None, "{}"), Some(Verdict::None), "{either}");
    }
    // One more that is not understood, and may still rule rows out.
    let more = [hints.as_slice(), &["?".to_owned()]].concat();
    let (now, then) = (judge(&hints, None, Some(stats), values), judge(&more, None, Some(stats), values));
    assert_ne!(then, Some(Verdict::All), "{predicate}");
    assert_eq!(now == Some(Verdict::None), then == Some(Verdict::None), "{predicate}");
}

fn check(sql: &[String], json: Option<&str>, stats: &str, values: &str) {
    let unknown = judge(sql, json, None, "{}");
    for (stats, values) in [(Some(stats), values), (Some(stats), "{}"), (None, values)] {
        let known = judge(sql, json, stats, values);
        match unknown {
            // Not for what is not known of it, but whatever it holds.
            Some(Verdict::None) => assert_eq!(known, unknown, "{sql:?} {json:?} {stats:?} {values}"),
            Some(Verdict::All) => assert_ne!(known, Some(Verdict::Some), "{sql:?} {json:?} {stats:?} {values}"),
            Some(Verdict::Some) | None => assert_eq!(known.is_some(), unknown.is_some()),
        }
    }
}

/// A file held against a predicate; nothing when there is none. Statistics are the same as plain text and as a literal.
fn judge(sql: &[String], json: Option<&str>, stats: Option<&str>, values: &str) -> Option<Verdict> {
    let filter = filter(sql, json, &metadata())?;
    let literal = stats.map(|stats| serde_json::Value::from(stats).to_string());
    let verdict = filter.judge(&file(stats.map(Text::Plain), values));
    assert_eq!(verdict, filter.judge(&file(literal.as_deref().map(Text::JsonLiteral), values)));
    Some(verdict)
}

/// The first three lines of a text; what is missing is empty.
fn lines(data: &[u8]) -> Option<[&str; 3]> {
    let mut lines = std::str::from_utf8(data).ok()?.splitn(3, '\n');
    let mut next = || lines.next().unwrap_or_default();
    Some([next(), next(), next()])
}

fn file<'a>(stats: Option<Text<'a>>, partition_values: &'a str) -> DataFile<'a> {
    DataFile {
        mark: Mark::default(),
        path: "f",
        object: ObjectKey::in_table("f"),
        partition_values,
        size: 1,
        modification_time: 1,
        data_change: true,
        stats,
        tags: None,
        base_row_id: None,
        default_row_commit_version: None,
        clustering_provider: None,
        deletion_vector: None,
    }
}

fn metadata() -> Metadata {
    Metadata {
        id: "i".into(),
        name: None,
        description: None,
        format_provider: "parquet".into(),
        format_options: Vec::new(),
        schema_string: SCHEMA.into(),
        partition_columns: vec!["p".into(), "rank".into(), "pt".into()],
        configuration: Vec::new(),
        created_time: None,
    }
}
