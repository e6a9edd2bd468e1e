//! Changes that are recorded: one event for each, kept with the change or not at all, told for the time that is asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use serde_json::json;
use shared::catalog::event::{AdminEvent, ChangeLog};
use shared::catalog::register::{Look, RegisteredTable};
use shared::catalog::write::{ActivationRecord, Deletion, Status};
use shared::clock::SystemClock;
use shared::limits::TOKENS_PER_RECIPIENT_MAX;
use shared::model::rule::{RecipientRules, Window};
use shared::model::version::TimestampMs;
use tests::server::HandClock;

use super::backends::*;

on_every_catalogue!(
    every_change_leaves_one_event,
    what_is_refused_leaves_none,
    operators_at_the_same_moment_leave_an_event_each,
    events_are_told_for_the_time_that_is_asked_for,
    a_recipient_with_every_token_it_may_have_is_changed_with_its_event,
);

/// Everything that was recorded.
async fn told(log: &dyn ChangeLog) -> Vec<AdminEvent> {
    let now = shared::clock::Clock::now(&*SystemClock::shared());
    let changes = log.changes(now.plus_secs(-24 * 60 * 60), now.plus_secs(60)).await.unwrap();
    assert!(!changes.cut_off);
    changes.events
}

async fn every_change_leaves_one_event(backend: &Backend) {
    let (provider, log) = backend.recorded("ada", SystemClock::shared());
    let (s, r, at) = (share_name("s"), recipient_name("r"), TimestampMs::new(4_000_000_000_000));
    let registered = RegisteredTable {
        name: table_name("t"),
        location: "s3://bucket/t".into(),
        region: None,
        role_arn: None,
        external_id: None,
        comment: None,
        look: Look::Taken,
        created_at: None,
    };
    let link = ActivationRecord {
        hash: "ab".into(),
        recipient_id: "r-1".into(),
        token_id: "r-1-first".into(),
        sealed: Some("the-sealed".into()),
        expires_at: at,
        created_at: None,
    };
    let mut rules = RecipientRules::default();
    rules.properties.insert("region".into(), "eu".into());
    provider.register_table(&registered).await.unwrap();
    provider.unregister_table(&registered.name).await.unwrap();
    provider.create_share(&share("s", "s-1")).await.unwrap();
    provider.set_share_comment(&s, Some("another")).await.unwrap();
    provider.set_share_comment(&s, None).await.unwrap();
    provider.add_table(&table("s/a/t")).await.unwrap();
    provider.add_activation(&link).await.unwrap();
    provider.create_recipient(&recipient("r", "r-1"), &token("r-1", "first", 1)).await.unwrap();
    provider.set_recipient_status(&r, Status::Disabled).await.unwrap();
    provider.set_recipient_status(&r, Status::Active).await.unwrap();
    provider.set_recipient_rules(&r, &rules).await.unwrap();
    provider.rotate_token(&token("r-1", "second", 2), at).await.unwrap();
    provider.end_tokens(&r, at).await.unwrap();
    provider.grant(&s, &r, Window { from: None, until: Some(at) }, at).await.unwrap();
    provider.set_grant_window(&s, &r, Window::default()).await.unwrap();
    provider.revoke(&s, &r).await.unwrap();
    provider.locate_schema(&schema("s", "b")).await.unwrap();
    provider.unlocate_schema(&s, &schema_name("b")).await.unwrap();
    provider.remove_table(&s, &schema_name("a"), &table_name("t")).await.unwrap();
    provider.grant(&s, &r, Window::default(), at).await.unwrap();
    provider.delete_share(&s, Deletion::WithDependents).await.unwrap();
    provider.delete_recipient(&r).await.unwrap();

    let events = told(log.as_ref()).await;
    let acts: Vec<&str> = events.iter().map(|event| event.act.as_str()).collect();
    assert_eq!(
        acts,
        [
            "register table",
            "unregister table",
            "create share",
            "comment share",
            "comment share",
            "add table",
            "make link",
            "create recipient",
            "disable recipient",
            "enable recipient",
            "set rules",
            "rotate token",
            "end tokens",
            "grant",
            "set window",
            "revoke",
            "locate schema",
            "unlocate schema",
            "remove table",
            "grant",
            "delete share",
            "delete recipient"
        ]
    );
    assert!(events.iter().all(|event| event.actor == "ada"));
    let values = |at: usize| (json!(events[at].before), json!(events[at].after));
    assert_eq!(values(3), (json!({"comment": "about s"}), json!({"comment": "another"})));
    assert_eq!(values(4), (json!({"comment": "another"}), json!({})));
    assert_eq!(values(8), (json!({"status": "active"}), json!({"status": "disabled"})));
    assert_eq!(values(10), (json!({}), json!({"rules": {"properties": {"region": "eu"}}})));
    let end = "2096-10-02T07:06:40.000Z";
    assert_eq!(
        values(11),
        (json!({"tokens": [{"id": "r-1-first"}]}), json!({"tokens": [{"id": "r-1-second"}], "othersEndAt": end}))
    );
    assert_eq!(values(13), (json!({}), json!({"window": {"until": end}})));
    assert_eq!(values(14), (json!({"window": {"until": end}}), json!({})));
    assert_eq!(values(15).0["window"], json!(null));
    assert_eq!(values(16).1, values(17).0);
    assert_eq!(values(17).0["location"], "s3://places/b");
    assert_eq!(values(18).0["location"], "s3://bucket/s/a/t");
    assert_eq!(values(20), (json!({"id": "s-1", "grants": 1}), json!({})));
    let names = json!(events[15].names);
    assert_eq!(names, json!({"share": "s", "recipient": "r", "recipientId": "r-1"}));
    let text = json!(events).to_string();
    let hash = token("r-1", "first", 1).hash;
    assert!(!text.contains(&hash) && !text.contains("the-sealed"), "{text}");
}

async fn what_is_refused_leaves_none(backend: &Backend) {
    let (provider, log) = backend.recorded("ada", SystemClock::shared());
    let (s, r, at) = (share_name("s"), recipient_name("r"), TimestampMs::new(1));
    provider.create_share(&share("s", "s-1")).await.unwrap();
    provider.create_recipient(&recipient("r", "r-1"), &token("r-1", "first", 1)).await.unwrap();
    provider.grant(&s, &r, Window::default(), at).await.unwrap();
    let before = told(log.as_ref()).await;
    provider.create_share(&share("S", "s-2")).await.unwrap_err();
    provider.create_recipient(&recipient("R", "r-2"), &token("r-2", "first", 1)).await.unwrap_err();
    provider.grant(&s, &r, Window::default(), at).await.unwrap_err();
    provider.delete_share(&s, Deletion::OnlyIfUnused).await.unwrap_err();
    provider.rotate_token(&token("r-1", "first", 1), at).await.unwrap_err();
    provider.add_table(&table("none/a/t")).await.unwrap_err();
    provider.remove_table(&s, &schema_name("a"), &table_name("t")).await.unwrap_err();
    provider.revoke(&share_name("none"), &r).await.unwrap_err();
    provider.unregister_table(&table_name("t")).await.unwrap_err();
    assert_eq!(told(log.as_ref()).await, before);
}

async fn operators_at_the_same_moment_leave_an_event_each(backend: &Backend) {
    backend.with_share("s").await;
    let (_, log) = backend.recorded("nobody", SystemClock::shared());
    let comments = (0..4).map(|number| {
        let (provider, _) = backend.recorded(&format!("operator {number}"), SystemClock::shared());
        tokio::spawn(async move {
            let comment = format!("comment {number}");
            // Whoever is too often too late says so, and leaves nothing.
            provider.set_share_comment(&share_name("s"), Some(&comment)).await.is_ok()
        })
    });
    let done = futures::future::join_all(comments).await;
    let done = done.into_iter().filter(|done| *done.as_ref().unwrap()).count();
    let events = told(log.as_ref()).await;
    assert_eq!(events.len(), done);
    // Each was made over what the one before it had left.
    let mut left: Vec<_> = events.iter().map(|event| event.after["comment"].clone()).collect();
    let mut found: Vec<_> = events.iter().map(|event| event.before["comment"].clone()).collect();
    let now = backend.provider.share(&share_name("s")).await.unwrap().unwrap().comment.unwrap();
    left.retain(|comment| *comment != now.as_str());
    found.retain(|comment| comment != "about s");
    left.sort_by_key(ToString::to_string);
    found.sort_by_key(ToString::to_string);
    assert_eq!(left, found);
}

async fn events_are_told_for_the_time_that_is_asked_for(backend: &Backend) {
    let moment = |text: &str| TimestampMs::parse(text).unwrap();
    let clock = Arc::new(HandClock(AtomicI64::new(0)));
    let (provider, log) = backend.recorded("ada", clock.clone());
    let moments =
        ["2025-10-31T23:59:59.999Z", "2025-12-31T23:59:59.999Z", "2026-01-01T00:00:00Z", "2026-01-31T00:00:00Z"];
    for (number, text) in moments.iter().enumerate() {
        clock.0.store(moment(text).millis(), Ordering::SeqCst);
        provider.create_share(&share(&format!("s{number}"), &format!("s-{number}"))).await.unwrap();
    }
    for (since, until, wanted) in [
        ("2025-01-01T00:00:00Z", "2026-02-01T00:00:00Z", 0..4),
        ("2025-11-01T00:00:00Z", "2026-01-31T00:00:00Z", 1..4),
        ("2026-01-01T00:00:00Z", "2026-01-31T00:00:00Z", 2..4),
        ("2026-01-31T00:00:00.001Z", "2026-02-01T00:00:00Z", 4..4),
    ] {
        let told = log.changes(moment(since), moment(until)).await.unwrap();
        let at: Vec<TimestampMs> = told.events.iter().map(|event| event.at).collect();
        assert_eq!(at, moments[wanted].iter().map(|text| moment(text)).collect::<Vec<_>>(), "{since}");
    }
}

async fn a_recipient_with_every_token_it_may_have_is_changed_with_its_event(backend: &Backend) {
    let (provider, log) = backend.recorded("ada", SystemClock::shared());
    let end = TimestampMs::new(4_000_000_000_000);
    provider.create_recipient(&recipient("r", "r-1"), &token("r-1", "0", 0)).await.unwrap();
    for number in 1..TOKENS_PER_RECIPIENT_MAX {
        let token = token("r-1", &number.to_string(), number as i64);
        provider.rotate_token(&token, end.plus_secs(-(number as i64))).await.unwrap();
    }
    provider.end_tokens(&recipient_name("r"), TimestampMs::new(5)).await.unwrap();
    let events = told(log.as_ref()).await;
    assert_eq!(events.len(), TOKENS_PER_RECIPIENT_MAX + 1);
    assert_eq!(events.last().unwrap().before["tokens"].as_array().unwrap().len(), TOKENS_PER_RECIPIENT_MAX);
}

#[test]
fn a_document_remembers_as_many_events_as_it_may() {
    let mut document = shared::catalog::document::CatalogDocument::empty();
    let event = |number: usize| AdminEvent {
        id: number.to_string(),
        at: TimestampMs::new(0),
        actor: "ada".into(),
        act: "grant".into(),
        names: Default::default(),
        before: Default::default(),
        after: Default::default(),
    };
    for number in 0..=shared::limits::ADMIN_EVENTS_KEPT_MAX {
        document.remember(event(number));
    }
    let kept = &document.admin_events;
    assert_eq!((kept.len(), kept[0].id.as_str()), (shared::limits::ADMIN_EVENTS_KEPT_MAX, "1"));
}
