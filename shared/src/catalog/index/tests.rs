//! What a document says of recipients, tokens and tables is what an index does.

use serde_json::{Value, json};

use super::*;

fn index(recipient: Value, table: Value) -> Result<Index, String> {
    let document = serde_json::from_value(json!({
        "formatVersion": 1,
        "shares": [{"name": "s", "id": "s-1", "schemas": [{"name": "a", "tables": [table]}]}],
        "recipients": [recipient],
    }));
    let locate = |text: &str| TableLocation::parse(text).map_err(|error| error.to_string());
    Index::new(&document.unwrap(), Order::Sorted, &locate)
}

fn table() -> Value {
    json!({"name": "t", "id": "t-1", "location": "s3://b/t"})
}

/// Whether a token with these settings is good at a moment.
fn is_good(settings: Value, at: &str) -> bool {
    let mut token = json!({"sha256": TokenHash::of(&Secret::new("token")).to_hex()});
    let Value::Object(settings) = settings else { panic!("no object") };
    token.as_object_mut().unwrap().extend(settings);
    let index = index(json!({"name": "ada", "id": "r-1", "tokens": [token]}), table()).unwrap();
    index.holder_of(&Secret::new("token"), TimestampMs::parse(at).unwrap()).is_some()
}

#[test]
fn a_token_is_good_from_its_beginning_to_its_end() {
    let span = json!({"notBefore": "2026-01-01T00:00:00Z", "expires": "2026-01-02T00:00:00Z"});
    for (at, good) in [
        ("2025-12-31T23:59:59.999Z", false),
        ("2026-01-01T00:00:00Z", true),
        ("2026-01-01T23:59:59.999Z", true),
        ("2026-01-02T00:00:00Z", false),
    ] {
        assert_eq!(is_good(span.clone(), at), good, "{at}");
    }
    assert!(is_good(json!({}), "2026-01-01T00:00:00Z"));
}

#[test]
fn a_token_that_is_disabled_or_hashed_with_a_key_is_nobodys() {
    for settings in [json!({"status": "disabled"}), json!({"keyId": 1})] {
        assert!(!is_good(settings.clone(), "2026-01-01T00:00:00Z"), "{settings}");
    }
    assert!(is_good(json!({"status": "active"}), "2026-01-01T00:00:00Z"));
}

#[test]
fn a_disabled_recipient_has_neither_tokens_nor_grants() {
    let hash = TokenHash::of(&Secret::new("token")).to_hex();
    for (status, there) in [("active", true), ("disabled", false)] {
        let recipient =
            json!({"name": "ada", "id": "r-1", "status": status, "tokens": [{"sha256": hash}], "grants": ["s-1"]});
        let index = index(recipient, table()).unwrap();
        assert_eq!(index.holder_of(&Secret::new("token"), TimestampMs::new(0)).is_some(), there, "{status}");
        let recipient = Recipient::admitted("r-1".into(), "ada".into(), None);
        assert_eq!(index.share(&recipient, "s").is_ok(), there, "{status}");
    }
}

#[test]
fn what_cannot_be_read_is_named() {
    let nobody = json!({"name": "ada", "id": "r-1"});
    let with_token = |token: Value| index(json!({"name": "ada", "id": "r-1", "tokens": [token]}), table()).unwrap_err();
    assert_eq!(with_token(json!({"sha256": "zz"})), "a token of recipient 'ada' is not 64 hex digits");
    let hash = TokenHash::of(&Secret::new("token")).to_hex();
    let error = with_token(json!({"sha256": hash, "notBefore": "2026-01-01"}));
    assert_eq!(error, "a token of recipient 'ada' begins at '2026-01-01', which is not ISO 8601 with an offset");
    // Also of a token that is not in use: it may be made active again.
    let error = with_token(json!({"sha256": hash, "expires": "soon", "status": "disabled"}));
    assert!(error.contains("expires at 'soon'"), "{error}");
    let mut bad = table();
    bad["endpoint"] = "ftp://h".into();
    assert!(index(nobody, bad).unwrap_err().starts_with("table 's.a.t': the endpoint"));
}

#[test]
fn auxiliary_locations_are_a_part_of_the_tables() {
    let with = |auxiliary: Value| {
        let mut table = table();
        table["auxiliaryLocations"] = auxiliary;
        index(json!({"name": "ada", "id": "r-1", "tokens": [], "grants": ["s-1"]}), table)
    };
    let index = with(json!(["s3a://other/x/"])).unwrap();
    let recipient = Recipient::admitted("r-1".into(), "ada".into(), None);
    let table = index.table(&recipient, "s", "a", "t").unwrap();
    let expected = TableLocation::new("b", "t").with_auxiliary([TableLocation::new("other", "x")]);
    assert_eq!(table.location, expected);
    for bad in [json!(["gs://other/x"]), json!(["s3://other/../x"]), json!(["/folder"])] {
        assert!(with(bad.clone()).unwrap_err().starts_with("table 's.a.t': auxiliary location 1 "), "{bad}");
    }
}
