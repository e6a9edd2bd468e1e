//! What a run over the golden tables means: which tables are right, which are refused, and which are neither.
//!
//! The manifest says what each table is, the report which shortfalls were seen in which mode. Three rules:
//! 1. a table that any reader can read (`expect` is `ok`, reader version 1) has no shortfall in any mode;
//! 2. a table marked `error` has none either: the report holds one when it was neither refused properly nor answered in
//!    a way that the manifest accepts instead;
//! 3. any other table is right or refused, with status 400 or at the end of the stream. Anything else is wrong.
//!
//! A table of the manifest that the report does not name was not checked, and is wrong.

use serde_json::Value;

/// The outcome for all tables.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    /// Tables whose every answer is right.
    pub(super) right: u64,
    /// Tables marked `error` that were dealt with as the manifest asks.
    pub(super) errors: u64,
    /// Tables that this server says it cannot serve.
    pub(super) refused: u64,
    /// Tables that break a rule.
    pub(super) wrong: Vec<Wrong>,
}

/// A table that breaks a rule.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    /// Its name.
    pub(super) table: String,
    /// What was seen.
    pub(super) seen: Vec<String>,
}

/// Judges a report.
///
/// # Errors
/// When either document has not the expected form; a report that cannot be read proves nothing.
pub(super) fn judge(manifest: &Value, report: &Value) -> Result<Verdict, String> {
    let tables = manifest.get("tables").and_then(Value::as_array).ok_or("the manifest has no list 'tables'")?;
    if tables.is_empty() {
        return Err("the manifest names no table".to_owned());
    }
    let mut verdict = Verdict::default();
    for table in tables {
        let text = |key: &str| table.get(key).and_then(Value::as_str);
        let name = text("name").ok_or("a table of the manifest has no name")?;
        let expect = text("expect").ok_or_else(|| format!("the manifest does not say what to expect of {name}"))?;
        let Some(modes) = report.get(name) else {
            verdict.wrong.push(Wrong { table: name.to_owned(), seen: vec!["it was not checked".to_owned()] });
            continue;
        };
        let seen = shortfalls(modes).ok_or_else(|| format!("the report on {name} cannot be read"))?;
        let plain = expect == "ok" && table.get("min_reader").and_then(Value::as_u64) == Some(1);
        let offending: Vec<String> = if plain || expect == "error" {
            seen.iter().map(|seen| (*seen).to_owned()).collect()
        } else {
            seen.iter().filter(|seen| !is_refusal(seen)).map(|seen| (*seen).to_owned()).collect()
        };
        match (offending.is_empty(), seen.is_empty(), expect) {
            (false, ..) => verdict.wrong.push(Wrong { table: name.to_owned(), seen: offending }),
            (true, _, "error") => verdict.errors += 1,
            (true, true, _) => verdict.right += 1,
            (true, false, _) => verdict.refused += 1,
        }
    }
    Ok(verdict)
}

/// The shortfalls of all modes.
fn shortfalls(modes: &Value) -> Option<Vec<&str>> {
    let mut seen = Vec::new();
    for shortfalls in modes.as_object()?.values() {
        for shortfall in shortfalls.as_array()? {
            seen.push(shortfall.as_str()?);
        }
    }
    Some(seen)
}

/// Whether the shortfall is the server's own "no". Plain HTTP shows it in words; the official client names the status
/// and the URL it asked, which must be the server's: a file that cannot be fetched is no refusal.
fn is_refusal(shortfall: &str) -> bool {
    shortfall.contains(": refused: HTTP 400 ")
        || shortfall.contains(": refused: endStreamAction: ")
        || shortfall
            .split_once(": HTTPError: 400 Client Error: ")
            .and_then(|(_, rest)| rest.split_once(" for url: "))
            .is_some_and(|(_, url)| url.contains("/delta-sharing/shares/"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const RAW_REFUSAL: &str = r#"raw delta: refused: HTTP 400 {"errorCode":"UNSUPPORTED_OPERATION","message":"No."}"#;
    const CLIENT_REFUSAL: &str = "client delta: HTTPError: 400 Client Error: Bad Request for url: \
        http://127.0.0.1:1/delta-sharing/shares/local/schemas/default/tables/t/query";

    /// The verdict on one table: its line in the manifest, its line in the report.
    fn on(expect: &str, reader: u64, modes: Value) -> Verdict {
        let manifest = json!({"tables": [{"name": "t", "expect": expect, "min_reader": reader}]});
        judge(&manifest, &json!({"t": modes})).unwrap()
    }

    fn wrong(seen: &[&str]) -> Verdict {
        let seen = seen.iter().map(|seen| (*seen).to_owned()).collect();
        Verdict { wrong: vec![Wrong { table: "t".to_owned(), seen }], ..Verdict::default() }
    }

    #[test]
    fn no_shortfall_is_right() {
        let right = Verdict { right: 1, ..Verdict::default() };
        assert_eq!(on("ok", 1, json!({})), right);
        assert_eq!(on("ok", 3, json!({})), right);
        assert_eq!(on("ok-delta-only", 2, json!({"raw": []})), right);
        assert_eq!(on("error", 1, json!({})), Verdict { errors: 1, ..Verdict::default() });
    }

    #[test]
    fn a_plain_table_must_not_be_refused() {
        assert_eq!(on("ok", 1, json!({"raw": [RAW_REFUSAL]})), wrong(&[RAW_REFUSAL]));
    }

    #[test]
    fn a_table_with_features_may_be_refused() {
        let refused = Verdict { refused: 1, ..Verdict::default() };
        assert_eq!(on("ok", 3, json!({"raw": [RAW_REFUSAL], "delta": [CLIENT_REFUSAL]})), refused);
        assert_eq!(on("ok-delta-only", 2, json!({"raw": [RAW_REFUSAL]})), refused);
        let streamed = "raw delta: refused: endStreamAction: The table cannot be read.";
        assert_eq!(on("ok-delta-only", 3, json!({"raw": [streamed]})), refused);
    }

    #[test]
    fn a_wrong_answer_beside_a_refusal_is_wrong() {
        let rows = "raw parquet: 3 rows, expected 2";
        assert_eq!(on("ok-delta-only", 3, json!({"raw": [rows, RAW_REFUSAL]})), wrong(&[rows]));
    }

    #[test]
    fn a_failure_of_the_server_or_of_a_file_is_no_refusal() {
        for seen in [
            r#"raw delta: refused: HTTP 500 {"errorCode":"INTERNAL_ERROR","message":""}"#,
            "client delta: HTTPError: 500 Server Error: for url: http://h/delta-sharing/shares/s/schemas/d/tables/t/query",
            "client delta: HTTPError: 400 Client Error: Bad Request for url: http://h/files/part-0.parquet",
            "delta: no end within 300 s",
        ] {
            assert_eq!(on("ok-delta-only", 3, json!({"raw": [seen]})), wrong(&[seen]));
        }
    }

    #[test]
    fn an_error_table_that_was_served_is_wrong() {
        let seen = "raw parquet: must be refused, but 2 files came";
        assert_eq!(on("error", 3, json!({"raw": [seen]})), wrong(&[seen]));
    }

    #[test]
    fn an_unchecked_table_is_wrong() {
        let manifest = json!({"tables": [{"name": "t", "expect": "error", "min_reader": null}]});
        assert_eq!(judge(&manifest, &json!({})), Ok(wrong(&["it was not checked"])));
    }

    #[test]
    fn documents_of_another_form_are_errors() {
        let manifest = json!({"tables": [{"name": "t", "expect": "ok"}]});
        assert!(judge(&manifest, &json!({"t": "fine"})).is_err());
        assert!(judge(&json!({}), &json!({})).is_err());
        assert!(judge(&json!({"tables": []}), &json!({})).is_err());
        assert!(judge(&json!({"tables": [{"name": "t"}]}), &json!({"t": {}})).is_err());
    }
}
