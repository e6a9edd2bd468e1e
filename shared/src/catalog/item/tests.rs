//! Records survive being written as items, and items that this program does not know are refused.

use super::activation::*;
use super::event::*;
use super::recipient::*;
use super::schema::*;
use super::share::*;
use super::*;
use crate::catalog::event::{AdminEvent, Deed, Named, Recorder};
use crate::catalog::register::Look;
use crate::catalog::write::{
    ActivationRecord, GrantRecord, Origin, RecipientRecord, SchemaRecord, ShareRecord, TableRecord, TokenRecord,
};
use crate::clock::FixedClock;
use crate::model::location::Endpoint;
use crate::model::name::{RecipientName, SchemaName, ShareName, TableName};
use crate::model::rule::{PartitionRule, RecipientRules, RuleValue, Window};
use crate::model::securable::{History, Share};
use crate::model::version::Version;

fn share() -> ShareRecord {
    ShareRecord {
        name: ShareName::parse("Sales.EU").unwrap(),
        id: "s-1".into(),
        comment: Some("c".into()),
        created_at: Some(TimestampMs::new(5)),
    }
}

fn table() -> TableRecord {
    TableRecord {
        share: ShareName::parse("Sales.EU").unwrap(),
        schema: SchemaName::parse("Straße").unwrap(),
        name: TableName::parse("Orders").unwrap(),
        id: "t-1".into(),
        location: "s3://bucket/a/b".into(),
        region: Some("eu-west-1".into()),
        endpoint: Some("dualstack".into()),
        role_arn: Some("arn:aws:iam::1:role/r".into()),
        auxiliary_locations: vec!["s3://b/source".into(), "s3://c/source".into()],
        external_id: Some("x".into()),
        history: History::SharedFrom(Version::new(7)),
        partitions: Vec::new(),
        comment: Some("about orders".into()),
        look: Some(Look::LeftOut),
        origin: Origin::Named,
        created_at: None,
    }
}

fn recipient() -> StoredRecipient {
    StoredRecipient {
        record: RecipientRecord {
            name: RecipientName::parse("Ada").unwrap(),
            id: "r-1".into(),
            comment: None,
            status: Status::Active,
            rules: RecipientRules::default(),
            created_at: Some(TimestampMs::new(6)),
        },
        lifecycle: Lifecycle::Active,
        token_ids: vec!["k-1".into()],
        revision: 3,
    }
}

fn token() -> TokenRecord {
    TokenRecord {
        id: "k-1".into(),
        recipient_id: "r-1".into(),
        hash: "ab".into(),
        key_id: Some(2),
        not_before: Some(TimestampMs::new(1)),
        expires_at: Some(TimestampMs::new(90_000)),
        status: Status::Disabled,
        created_at: Some(TimestampMs::new(9)),
    }
}

fn grant() -> GrantRecord {
    GrantRecord {
        share: ShareName::parse("Sales.EU").unwrap(),
        share_id: "s-1".into(),
        recipient: RecipientName::parse("Ada").unwrap(),
        recipient_id: "r-1".into(),
        window: Window::default(),
        granted_at: Some(TimestampMs::new(8)),
    }
}

#[test]
fn a_link_survives_and_its_use_is_seen() {
    let link = ActivationRecord {
        hash: "ab".repeat(32),
        recipient_id: "r-1".into(),
        token_id: "t-1".into(),
        sealed: Some("sealed".into()),
        expires_at: TimestampMs::new(90_000),
        created_at: Some(TimestampMs::new(9)),
    };
    let mut item = activation_item(&link).unwrap();
    assert_eq!(read_activation(&item).unwrap(), (link.clone(), None));
    item.insert(USED_AT.into(), AttributeValue::N("50".into()));
    item.remove(SEALED);
    let used = ActivationRecord { sealed: None, ..link };
    assert_eq!(read_activation(&item).unwrap(), (used, Some(TimestampMs::new(50))));
}

#[test]
fn records_survive() {
    let stored = read_share(&share_item(&share()).unwrap()).unwrap();
    assert_eq!((&stored.record, stored.lifecycle, stored.grants), (&share(), Lifecycle::Active, 0));
    assert_eq!(stored.record.name.as_str(), "Sales.EU");

    let stored = read_table(&table_item(&table(), "s-1").unwrap()).unwrap();
    assert_eq!((&stored.record, stored.share_id.as_str()), (&table(), "s-1"));
    assert_eq!(stored.record.schema.as_str(), "Straße");

    assert_eq!(read_stored_recipient(&recipient_item(&recipient()).unwrap()).unwrap(), recipient());
    assert_eq!(read_token(&token_item(&token(), &recipient().record.name).unwrap()).unwrap(), token());
    assert_eq!(read_grant(&grant_item(&grant()).unwrap()).unwrap(), grant());
    assert_eq!(read_recipient_name(&recipient_name_item(&recipient().record).unwrap()).unwrap(), "r-1");
}

#[test]
fn a_table_is_reached_as_its_provider_said() {
    let owner = Share { name: share().name, id: "s-1".into(), comment: None, until: None };
    let stored = read_table(&table_item(&table(), "s-1").unwrap()).unwrap();
    let reached = stored.into_table(&owner).unwrap().unwrap();
    assert_eq!((reached.location.bucket(), reached.location.prefix()), ("bucket", "a/b"));
    assert!(reached.location.reach().endpoint == Endpoint::DualStack);
    assert_eq!(reached.location.reach().role.as_ref().unwrap().external_id.as_deref(), Some("x"));
}

#[test]
fn auxiliary_locations_are_none_unless_they_are_there_and_good() {
    let owner = Share { name: share().name, id: "s-1".into(), comment: None, until: None };
    let auxiliary = |change: &dyn Fn(&mut Item)| {
        let mut item = table_item(&table(), "s-1").unwrap();
        change(&mut item);
        Ok::<_, ItemError>(read_table(&item)?.into_table(&owner)?.unwrap().location.auxiliary().len())
    };
    assert_eq!(auxiliary(&|_| ()), Ok(2));
    assert_eq!(auxiliary(&|item| drop(item.remove(AUXILIARY_LOCATIONS))), Ok(0));
    let bad = Err(ItemError::Attribute { kind: "table", name: AUXILIARY_LOCATIONS });
    let many = (0..100).map(|number| format!("s3://b/{number}")).collect();
    for value in [
        AttributeValue::Ss(vec!["s3://b/../x".into()]),
        AttributeValue::Ss(vec!["/folder".into()]),
        AttributeValue::Ss(many),
        AttributeValue::S("s3://b/x".into()),
    ] {
        assert_eq!(auxiliary(&|item| drop(item.insert(AUXILIARY_LOCATIONS.into(), value.clone()))), bad);
    }
}

#[test]
fn what_another_share_of_the_name_left_is_not_there() {
    let other = Share { name: share().name, id: "s-2".into(), comment: None, until: None };
    assert!(read_table(&table_item(&table(), "s-1").unwrap()).unwrap().into_table(&other).unwrap().is_none());
    assert!(read_schema(&schema_item(&table(), "s-1").unwrap()).unwrap().into_schema(&other).is_none());
}

#[test]
fn an_unknown_format_version_is_refused() {
    for version in [AttributeValue::N("2".into()), AttributeValue::S("1".into())] {
        let mut item = share_item(&share()).unwrap();
        item.insert(VERSION.into(), version);
        let error = read_share(&item).unwrap_err();
        assert!(error.to_string().contains("format version"), "{error}");
    }
    let mut item = token_item(&token(), &recipient().record.name).unwrap();
    item.remove(VERSION);
    assert_eq!(read_token(&item).unwrap_err(), ItemError::Version { kind: "token", found: None });
}

#[test]
fn an_item_under_another_key_is_refused() {
    let mut item = grant_item(&grant()).unwrap();
    item.insert("PK".into(), AttributeValue::S("R/r-2".into()));
    assert!(read_grant(&item).is_err());
    let mut item = table_item(&table(), "s-1").unwrap();
    item.insert("SK".into(), AttributeValue::S("T/a/b".into()));
    assert!(read_table(&item).is_err());
}

#[test]
fn what_is_being_deleted_may_not_be_used() {
    let mut item = recipient_item(&recipient()).unwrap();
    item.insert(STATUS.into(), AttributeValue::S(DELETING.into()));
    assert_eq!(read_recipient(&item).unwrap().status, Status::Disabled);
    item.insert(STATUS.into(), AttributeValue::S("SOMETHING".into()));
    assert!(read_recipient(&item).is_err());
}

#[test]
fn errors_hold_no_values() {
    let mut item = table_item(&table(), "s-1").unwrap();
    item.insert(LOCATION.into(), AttributeValue::N("1".into()));
    let text = read_table(&item).unwrap_err().to_string();
    assert!(text.contains("location") && !text.contains("bucket"), "{text}");
}

#[test]
fn dynamodb_removes_a_token_long_after_its_end() {
    let item = token_item(&token(), &recipient().record.name).unwrap();
    assert_eq!(item[TTL], AttributeValue::N((90 + crate::limits::TOKEN_KEPT_AFTER_END_SECS).to_string()));
}

#[test]
fn rules_survive_and_programs_that_know_none_are_warned() {
    let with_rules = |properties: &[(&str, &str)]| {
        let mut stored = recipient();
        stored.record.rules.properties =
            properties.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        stored
    };
    let version = |item: &Item| item[VERSION].as_n().unwrap().clone();
    let plain = [recipient_item(&recipient()), table_item(&table(), "s-1"), grant_item(&grant())];
    assert_eq!(plain.map(|item| version(&item.unwrap())), ["1", "1", "1"]);

    let mut ruled = with_rules(&[("region", "EU")]);
    ruled.record.rules.access.networks = vec![crate::model::network::Network::parse("10.0.0.0/8").unwrap()];
    let item = recipient_item(&ruled).unwrap();
    assert_eq!((read_stored_recipient(&item).unwrap(), version(&item).as_str()), (ruled, "2"));

    let rule = PartitionRule { column: "region".into(), value: RuleValue::Property("region".into()) };
    let bound = TableRecord { partitions: vec![rule], ..table() };
    let item = table_item(&bound, "s-1").unwrap();
    assert_eq!((read_table(&item).unwrap().record, version(&item).as_str()), (bound, "2"));

    let window = Window { from: Some(TimestampMs::new(5)), until: Some(TimestampMs::new(9)) };
    let limited = GrantRecord { window, ..grant() };
    let item = grant_item(&limited).unwrap();
    assert_eq!((read_grant(&item).unwrap(), version(&item).as_str()), (limited, "2"));
}

#[test]
fn rules_that_cannot_be_read_are_no_absence_of_rules() {
    let put = |mut item: Item, name: &str, value: AttributeValue| {
        item.insert(name.into(), value);
        item
    };
    for bad in ["", "{}x", "{}", "[]", r#"{"new":1}"#, r#"{"ipAccessList":["x"]}"#] {
        let item = put(recipient_item(&recipient()).unwrap(), RULES, AttributeValue::S(bad.into()));
        assert!(read_recipient(&item).is_err(), "{bad}");
    }
    for bad in ["", "[]", "{}", r#"[{"column":"c"}]"#, r#"[{"column":"c","value":"x","new":1}]"#] {
        let item = put(table_item(&table(), "s-1").unwrap(), PARTITIONS, AttributeValue::S(bad.into()));
        assert!(read_table(&item).is_err(), "{bad}");
    }
    for bad in [AttributeValue::S("soon".into()), AttributeValue::N("soon".into())] {
        assert!(read_grant(&put(grant_item(&grant()).unwrap(), EXPIRES, bad)).is_err());
    }
}

#[test]
fn rules_that_were_taken_off_an_item_are_missed() {
    let ruled = |mut item: Item| {
        item.insert(VERSION.into(), AttributeValue::N(RULED_VERSION.to_string()));
        item
    };
    assert!(read_recipient(&ruled(recipient_item(&recipient()).unwrap())).is_err());
    assert!(read_table(&ruled(table_item(&table(), "s-1").unwrap())).is_err());
    assert!(read_grant(&ruled(grant_item(&grant()).unwrap())).is_err());
}

#[test]
fn a_schemas_place_survives_and_counts_for_its_own_share_only() {
    let schema = SchemaRecord {
        share: ShareName::parse("Sales.EU").unwrap(),
        name: SchemaName::parse("Straße").unwrap(),
        location: "s3://bucket/a".into(),
        region: Some("eu-west-1".into()),
        role_arn: Some("arn:aws:iam::1:role/r".into()),
        external_id: Some("x".into()),
        history: History::SharedFrom(Version::ZERO),
        created_at: Some(TimestampMs::new(5)),
    };
    let item = located_item(&schema, "s-1", 3).unwrap();
    let stored = read_schema(&item).unwrap();
    assert_eq!((stored.tables, stored.clone().into_record(&schema.share)), (3, Some(schema.clone())));
    let share = |id: &str| Share { name: schema.share.clone(), id: id.into(), comment: None, until: None };
    let located = stored.clone().into_located(&share("s-1"), Window::default()).unwrap().unwrap();
    assert_eq!((located.location.bucket(), located.location.prefix()), ("bucket", "a"));
    assert!(stored.into_located(&share("s-2"), Window::default()).unwrap().is_none());
    let plain = read_schema(&unlocated_item(&schema.share, &schema.name, "s-1", 3).unwrap()).unwrap();
    assert!(plain.into_located(&share("s-1"), Window::default()).unwrap().is_none());

    let mut lost = item;
    lost.remove(HISTORY);
    assert!(read_schema(&lost).is_err());
    let found = TableRecord { origin: Origin::Found, ..table() };
    assert_eq!(read_table(&table_item(&found, "s-1").unwrap()).unwrap().record, found);
}

#[tokio::test]
async fn an_event_survives_and_is_removed_in_time() {
    let at = TimestampMs::new(1_767_225_600_123);
    let recorder = Recorder::new(std::sync::Arc::new(Named("ada".into())), std::sync::Arc::new(FixedClock(at)));
    let event: AdminEvent = recorder.signature().await.unwrap().under(Deed::create_share(&share()));
    let mut item = event_item(&event).unwrap();
    assert_eq!(read_event(&item).unwrap(), event);
    assert_eq!(item[TTL], AttributeValue::N((1_767_225_600 + 400 * 24 * 60 * 60).to_string()));
    item.insert(EVENT.into(), AttributeValue::S("{}".into()));
    assert_eq!(read_event(&item), Err(ItemError::Attribute { kind: "admin event", name: EVENT }));
}
