//! Laws of the key grammar, for whatever names there may be.

use proptest::prelude::*;

use super::*;

/// Names that like to be mistaken for each other, or for keys.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-cA-C!#%+,-]{1,3}",
        "[STCGRN!]{1,4}",
        "\\PC{1,12}".prop_map(|text| text.replace([' ', '/', '.'], "_")),
        "[ßẞİıΐŉﬃ𝅘𝅥]{1,4}",
    ]
}

fn names() -> impl Strategy<Value = (ShareName, SchemaName, TableName)> {
    (name(), name(), name()).prop_map(|(share, schema, table)| {
        (ShareName::parse(&share).unwrap(), SchemaName::parse(&schema).unwrap(), TableName::parse(&table).unwrap())
    })
}

fn keys_of(share: &ShareName, schema: &SchemaName, table: &TableName, recipient: &str) -> Vec<Key> {
    vec![
        share_key(share).unwrap(),
        schema_key(share, schema).unwrap(),
        table_key(share, schema, table).unwrap(),
        grant_key(recipient, share).unwrap(),
        grant_index_key(recipient, share).unwrap(),
        share_index_key(share).unwrap(),
        table_index_key("s3://b/t", share, schema, table).unwrap(),
    ]
}

fn prefixes_of(share: &ShareName, schema: &SchemaName) -> Vec<Prefix> {
    vec![schemas_of(share), tables_of(share), tables_of_schema(share, schema), grants_on(share)]
}

proptest! {
    #[test]
    fn no_shares_prefix_matches_a_key_of_another((a, schema, _) in names(), (b, other, table) in names(), id in "[a-z0-9-]{1,9}") {
        prop_assume!(a != b);
        let foreign = [
            keys_of(&b, &other, &table, &id),
            keys_of(&b, &schema, &table, a.folded()),
            vec![recipient_key(&id).unwrap(), token_key(&id).unwrap(), recipient_key(a.folded()).unwrap()],
            vec![registered_key(&table).unwrap(), registered_index_key(&table).unwrap()],
            vec![token_key(a.folded()).unwrap(), token_index_key(a.folded(), None).unwrap()],
        ];
        for prefix in prefixes_of(&a, &schema) {
            prop_assert!(prefix.sk().ends_with('/'));
            for key in foreign.iter().flatten() {
                prop_assert!(!prefix.matches(key), "{prefix:?} matches {key:?}");
            }
        }
    }

    #[test]
    fn a_schemas_prefix_matches_its_own_tables_only((share, a, table) in names(), other in name()) {
        let b = SchemaName::parse(&other).unwrap();
        let key = table_key(&share, &a, &table).unwrap();
        prop_assert!(tables_of_schema(&share, &a).matches(&key));
        prop_assert!(tables_of(&share).matches(&key));
        prop_assert_eq!(tables_of_schema(&share, &b).matches(&key), a == b);
        for own in [schema_key(&share, &a).unwrap(), share_key(&share).unwrap()] {
            prop_assert!(!tables_of_schema(&share, &b).matches(&own) && !tables_of(&share).matches(&own));
        }
    }

    #[test]
    fn grants_of_one_recipient_are_no_others(a in "[a-z0-9-]{1,3}", b in "[a-z0-9-]{1,3}", share in name()) {
        let key = grant_key(&b, &ShareName::parse(&share).unwrap()).unwrap();
        prop_assert_eq!(grants_to(&a).unwrap().matches(&key), a == b);
        prop_assert!(!grants_to(&b).unwrap().matches(&recipient_key(&b).unwrap()));
    }

    #[test]
    fn keys_round_trip((share, schema, table) in names(), id in "[a-zA-Z0-9_-]{1,40}") {
        let (share, schema, table) = (share.folded(), schema.folded(), table.folded());
        for entity in [
            Entity::Share { share },
            Entity::Schema { share, schema },
            Entity::Table { share, schema, table },
            Entity::Recipient { id: &id },
            Entity::RecipientName { name: share },
            Entity::Grant { recipient_id: &id, share },
            Entity::Token { id: &id },
            Entity::Event { month: "2026-01", place: &id },
        ] {
            let key = entity.key().unwrap();
            prop_assert_eq!(Entity::of(key.pk(), key.sk()), Some(entity));
        }
    }

    #[test]
    fn different_things_have_different_keys((a, schema, table) in names(), (b, other, second) in names()) {
        let same = (&a, &schema, &table) == (&b, &other, &second);
        prop_assert_eq!(table_key(&a, &schema, &table) == table_key(&b, &other, &second), same);
    }

    #[test]
    fn garbage_is_no_key(pk in "\\PC{0,12}|[STR!/a]{0,8}", sk in "\\PC{0,12}|[CTG!/a]{0,8}") {
        if let Some(entity) = Entity::of(&pk, &sk) {
            let key = entity.key().unwrap();
            prop_assert_eq!((key.pk(), key.sk()), (pk.as_str(), sk.as_str()));
        }
    }
}

#[test]
fn names_that_do_not_fit_are_refused_in_words() {
    let long = "ä".repeat(255);
    let share = ShareName::parse(&long).unwrap();
    let (schema, table) = (SchemaName::parse(&long).unwrap(), TableName::parse(&long).unwrap());
    assert!(share_key(&share).is_ok() && grant_key("r", &share).is_ok() && table_key(&share, &schema, &table).is_ok());
    let error = table_index_key("s3://b", &share, &schema, &table).unwrap_err();
    assert!(error.to_string().contains("at most 1024"), "{error}");

    // U+1D160 is one character of four bytes that composes to three of them.
    let grows = ShareName::parse(&"\u{1d160}".repeat(255)).unwrap();
    assert_eq!(share_key(&grows), Err(KeyError::TooLong { bytes: 3062, max_bytes: 2048 }));
}

#[test]
fn ids_hold_no_delimiter() {
    for id in ["", "a/b", "/"] {
        assert_eq!(recipient_key(id), Err(KeyError::BadId), "{id}");
        assert_eq!(token_key(id), Err(KeyError::BadId), "{id}");
        assert_eq!(grants_to(id).unwrap_err(), KeyError::BadId, "{id}");
    }
}

#[test]
fn tokens_are_in_the_order_they_were_made() {
    let early = token_index_key("r", Some(TimestampMs::new(999))).unwrap();
    let late = token_index_key("r", Some(TimestampMs::new(1_000))).unwrap();
    assert!(early < late && token_index_key("r", None).unwrap() < early);
}

#[test]
fn admin_events_are_in_the_order_of_time_within_their_months() {
    let at = |text: &str| TimestampMs::parse(text).unwrap();
    let early = event_key(at("2026-01-31T23:59:59.999Z"), "b").unwrap();
    let later = event_key(at("2026-02-01T00:00:00Z"), "a").unwrap();
    let last = event_key(at("2026-02-28T00:00:00Z"), "a").unwrap();
    assert_eq!((early.pk(), later.pk()), ("EV/2026-01", "EV/2026-02"));
    assert!(later < last && last.sk() >= event_floor(at("2026-02-28T00:00:00Z")).as_str());
    assert!(later.sk() < event_floor(at("2026-02-01T00:00:00.001Z")).as_str());
    assert_eq!(month_before("2026-02").as_deref(), Some("2026-01"));
    assert_eq!(month_before("2026-01").as_deref(), Some("2025-12"));
    assert_eq!(month_before("0000-01"), None);
    assert_eq!(event_key(at("2026-02-28T00:00:00Z"), "a/b"), Err(KeyError::BadId));
}
