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

fn ada() -> Recipient {
    Recipient::admitted("r-1".into(), "ada".into(), None, RecipientRules::default())
}

fn at(to: &Recipient, now: i64) -> Asking<'_> {
    Asking { to, now: TimestampMs::new(now) }
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
        let recipient = ada();
        assert_eq!(index.share(at(&recipient, 0), "s").is_ok(), there, "{status}");
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
    let recipient = ada();
    let table = index.table(at(&recipient, 0), "s", "a", "t").unwrap();
    let expected = TableLocation::new("b", "t").with_auxiliary([TableLocation::new("other", "x")]);
    assert_eq!(table.location, expected);
    for bad in [json!(["gs://other/x"]), json!(["s3://other/../x"]), json!(["/folder"])] {
        assert!(with(bad.clone()).unwrap_err().starts_with("table 's.a.t': auxiliary location 1 "), "{bad}");
    }
}

#[test]
fn a_grant_is_good_from_its_beginning_to_its_end() {
    let windows = json!({"s-1": {"from": "1970-01-01T00:00:05Z", "until": "1970-01-01T00:00:09Z"}});
    let recipient = json!({"name": "ada", "id": "r-1", "grants": ["s-1"], "grantWindows": windows});
    let index = index(recipient, table()).unwrap();
    let ada = ada();
    for (now, there) in [(4_999, false), (5_000, true), (8_999, true), (9_000, false)] {
        let asking = at(&ada, now);
        assert_eq!(index.shares(asking, None, 9).unwrap().items.len(), usize::from(there), "{now}");
        let found = [
            index.share(asking, "s").is_ok(),
            index.schemas(asking, "s", None, 9).is_ok(),
            index.tables(asking, "s", "a", None, 9).is_ok(),
            index.all_tables(asking, "s", None, 9).is_ok(),
            index.table(asking, "s", "a", "t").is_ok(),
        ];
        assert_eq!(found, [there; 5], "{now}");
    }
    let table = index.table(at(&ada, 6_000), "s", "a", "t").unwrap();
    assert_eq!(table.terms.window.until, Some(TimestampMs::new(9_000)));
}

#[test]
fn rules_come_with_what_they_are_of_and_bad_ones_are_named() {
    let hash = TokenHash::of(&Secret::new("token")).to_hex();
    let with = |rules: Value, partitions: Value| {
        let mut table = table();
        table["partitions"] = partitions;
        let tokens = json!([{"sha256": hash}]);
        let recipient = json!({"name": "ada", "id": "r-1", "tokens": tokens, "grants": ["s-1"], "rules": rules});
        index(recipient, table)
    };
    let rules = json!({"properties": {"region": "EU"}, "ipAccessList": ["10.0.0.0/8"]});
    let index = with(rules, json!([{"column": "c", "property": "region"}])).unwrap();
    let holder = index.holder_of(&Secret::new("token"), TimestampMs::new(0)).unwrap();
    assert_eq!(holder.rules.properties["region"], "EU");
    assert!(!holder.rules.access.admits("11.0.0.1".parse().ok()));
    let table = index.table(at(&ada(), 0), "s", "a", "t").unwrap();
    assert_eq!(table.terms.partitions[0].to_string(), "c = CURRENT_RECIPIENT('region')");
    let bad = with(json!({"ipAccessList": ["10.0.0.1/8"]}), json!([])).unwrap_err();
    assert!(bad.starts_with("recipient 'ada': '10.0.0.1/8' has bits"), "{bad}");
    let bad = with(json!({}), json!([{"column": "c"}])).unwrap_err();
    assert!(bad.starts_with("table 's.a.t': the partition rule of column 'c'"), "{bad}");
}
