//! Events survive being written down, say who and when, and hold no secret.

use serde_json::json;

use super::*;
use crate::catalog::write::{ActivationRecord, Origin, RecipientRecord, ShareRecord, Status, TableRecord, TokenRecord};
use crate::clock::FixedClock;
use crate::limits::ADMIN_EVENT_TEXT_CHARS_MAX;
use crate::model::name::{RecipientName, SchemaName, ShareName, TableName};
use crate::model::rule::RecipientRules;
use crate::model::securable::History;
use crate::model::version::Version;

const AT: TimestampMs = TimestampMs::new(1_767_225_600_123);

fn recipient() -> RecipientRecord {
    RecipientRecord {
        name: RecipientName::parse("Ada").unwrap(),
        id: "r-1".into(),
        comment: None,
        status: Status::Active,
        rules: RecipientRules::default(),
        created_at: None,
    }
}

fn token(id: &str) -> TokenRecord {
    TokenRecord {
        id: id.into(),
        recipient_id: "r-1".into(),
        hash: "the-hash".into(),
        key_id: Some(1),
        not_before: None,
        expires_at: Some(AT),
        status: Status::Active,
        created_at: None,
    }
}

async fn signed(deed: Deed) -> AdminEvent {
    let recorder = Recorder::new(Arc::new(Named("ada".into())), Arc::new(FixedClock(AT)));
    recorder.signature().await.unwrap().under(deed)
}

#[tokio::test]
async fn an_event_says_who_when_and_what_and_survives_being_written_down() {
    let event = signed(Deed::set_status(&recipient(), Status::Disabled)).await;
    let written = serde_json::to_value(&event).unwrap();
    assert_eq!(
        written,
        json!({
            "id": event.id, "at": "2026-01-01T00:00:00.123Z", "actor": "ada", "act": "disable recipient",
            "recipient": "Ada", "recipientId": "r-1", "before": {"status": "active"}, "after": {"status": "disabled"},
        })
    );
    assert_eq!(serde_json::from_value::<AdminEvent>(written).unwrap(), event);
}

#[tokio::test]
async fn no_two_events_have_the_same_id() {
    let deed = || Deed::end_tokens(&recipient(), &[], AT);
    assert_ne!(signed(deed()).await.id, signed(deed()).await.id);
}

#[tokio::test]
async fn what_nobody_answers_for_is_not_done() {
    #[derive(Debug)]
    struct Nobody;
    #[async_trait]
    impl Operator for Nobody {
        async fn name(&self) -> Result<String, String> {
            Err("AWS does not know who you are".into())
        }
    }
    let refused = Recorder::new(Arc::new(Nobody), Arc::new(FixedClock(AT))).signature().await.unwrap_err();
    assert_eq!(refused.to_string(), "AWS does not know who you are; nothing was changed");
}

#[tokio::test]
async fn no_hash_and_no_secret_is_told() {
    let table = TableRecord {
        share: ShareName::parse("s").unwrap(),
        schema: SchemaName::parse("d").unwrap(),
        name: TableName::parse("t").unwrap(),
        id: "t-1".into(),
        location: "s3://b/t".into(),
        auxiliary_locations: Vec::new(),
        region: None,
        endpoint: None,
        role_arn: Some("arn:aws:iam::1:role/r".into()),
        external_id: Some("the-external-id".into()),
        history: History::SharedFrom(Version::new(3)),
        partitions: Vec::new(),
        comment: None,
        look: None,
        origin: Origin::Named,
        created_at: None,
    };
    let link = ActivationRecord {
        hash: "the-hash".into(),
        recipient_id: "r-1".into(),
        token_id: "k-1".into(),
        sealed: Some("the-sealed".into()),
        expires_at: AT,
        created_at: None,
    };
    let deeds = [
        Deed::add_table(&table),
        Deed::remove_table(&table),
        Deed::make_link(&link),
        Deed::create_recipient(&recipient(), &token("k-1")),
        Deed::rotate_token(&recipient(), &[token("k-1")], &token("k-2"), AT),
        Deed::end_tokens(&recipient(), &[token("k-1")], AT),
    ];
    for deed in deeds {
        let text = serde_json::to_string(&signed(deed).await).unwrap();
        assert!(!text.contains("the-"), "{text}");
        assert!(text.contains("s3://b/t") || text.contains("k-1"), "says nothing of what it was done to: {text}");
    }
}

#[test]
fn long_texts_are_cut() {
    let comment = "c".repeat(ADMIN_EVENT_TEXT_CHARS_MAX + 1);
    let share = ShareRecord {
        name: ShareName::parse("s").unwrap(),
        id: "s-1".into(),
        comment: Some(comment),
        created_at: None,
    };
    let deed = Deed::create_share(&share);
    let told = deed.after["comment"].as_str().unwrap();
    assert!(told.ends_with('…') && told.chars().count() == ADMIN_EVENT_TEXT_CHARS_MAX + 1);
}
