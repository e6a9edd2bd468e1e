//! What providers write: names are free or taken, changes are whole or nothing, nobody's change is lost.

use shared::catalog::register::Look;
use shared::catalog::write::{Deletion, Status, WriteError};
use shared::error::Error;
use shared::model::network::Network;
use shared::model::rule::{PartitionRule, RecipientRules, RuleValue, Window};
use shared::model::securable::History;
use shared::model::version::{TimestampMs, Version};

use super::backends::*;

on_every_catalogue!(
    records_come_back_as_they_were_written,
    names_are_taken_once_whatever_their_case,
    what_is_not_there_cannot_be_changed,
    a_schema_is_there_while_it_has_a_table,
    a_share_with_grants_is_deleted_only_when_told_so,
    an_old_grant_does_not_revive_with_a_new_share_of_the_name,
    a_deleted_recipient_leaves_nothing,
    a_new_token_lets_the_others_end,
    a_recipient_has_no_more_tokens_than_the_bound,
    a_token_of_another_recipient_is_refused,
    a_place_that_no_server_can_read_is_refused,
    grants_are_listed_from_both_sides,
    a_grants_window_is_replaced_and_all_else_of_it_stays,
    rules_come_back_as_they_were_written_and_bad_ones_are_not,
    a_recipients_rules_are_replaced_whole_and_outlive_its_tokens,
    operators_at_the_same_moment_lose_nothing,
    one_of_two_operators_gets_the_name,
);

async fn records_come_back_as_they_were_written(backend: &Backend) {
    let provider = &backend.provider;
    let mut written = table("B/Schema/Table");
    written.auxiliary_locations = vec!["s3://bucket/source".into(), "s3://other/x".into()];
    written.region = Some("eu-west-1".into());
    written.endpoint = Some("https://s3.example.com".into());
    written.role_arn = Some("arn:aws:iam::000000000000:role/r".into());
    written.external_id = Some("x".into());
    written.history = History::SharedFrom(Version::new(3));
    written.look = Some(Look::LeftOut);
    let mut unknown = table("B/Schema/Unknown");
    (unknown.comment, unknown.look, unknown.created_at) = (None, None, None);
    for share in [share("B", "b"), share("a", "a")] {
        provider.create_share(&share).await.unwrap();
    }
    provider.add_table(&written).await.unwrap();
    provider.add_table(&unknown).await.unwrap();
    let mut recipient = recipient("Ada", "r-1");
    recipient.comment = Some("the first".into());
    let mut first = token("r-1", "first", 9);
    first.not_before = Some(TimestampMs::new(1_000));
    first.expires_at = Some(TimestampMs::new(2_000_000));
    provider.create_recipient(&recipient, &first).await.unwrap();

    assert_eq!(provider.shares().await.unwrap(), [share("a", "a"), share("B", "b")]);
    let found = provider.share(&share_name("b")).await.unwrap().unwrap();
    assert_eq!((found.name.as_str(), found.created_at), ("B", share("B", "b").created_at));
    assert_eq!(provider.tables(&share_name("b")).await.unwrap(), [written.clone(), unknown]);
    let found = provider.table(&share_name("b"), &schema_name("schema"), &table_name("TABLE")).await.unwrap().unwrap();
    assert_eq!((found.name.as_str(), found.schema.as_str(), &found), ("Table", "Schema", &written));
    assert_eq!(provider.recipients().await.unwrap(), [recipient.clone()]);
    assert_eq!(provider.recipient(&recipient_name("ADA")).await.unwrap(), Some(recipient));
    assert_eq!(provider.tokens(&recipient_name("ada")).await.unwrap(), [first]);
}

pub(super) fn exists<T: std::fmt::Debug>(outcome: Result<T, WriteError>, what: &str) {
    assert!(matches!(&outcome, Err(WriteError::Exists { what: found }) if found == what), "{outcome:?}");
}

pub(super) fn missing<T: std::fmt::Debug>(outcome: Result<T, WriteError>, what: &str) {
    assert!(matches!(&outcome, Err(WriteError::Missing { what: found }) if found == what), "{outcome:?}");
}

async fn names_are_taken_once_whatever_their_case(backend: &Backend) {
    let provider = &backend.provider;
    backend.with_share("s").await;
    backend.with_table("s/a/t").await;
    backend.with_recipient("ada").await;
    backend.grant("s", "ada").await;
    exists(provider.create_share(&share("S", "another")).await, "share 'S'");
    let mut again = table("S/A/T");
    again.id = "another".into();
    let refused = provider.add_table(&again).await;
    assert!(
        matches!(&refused, Err(WriteError::Exists { what }) if what.eq_ignore_ascii_case("table 's.a.t'")),
        "{refused:?}"
    );
    exists(provider.create_recipient(&recipient("ADA", "r-2"), &token("r-2", "t", 1)).await, "recipient 'ADA'");
    let granted =
        provider.grant(&share_name("s"), &recipient_name("ada"), Window::default(), TimestampMs::new(1)).await;
    exists(granted, "grant of share 's' to recipient 'ada'");
    // What was refused left nothing behind.
    assert_eq!(provider.recipients().await.unwrap().len(), 1);
    assert!(
        provider.tokens(&recipient_name("ada")).await.unwrap().iter().all(|token| token.recipient_id == "id-of-ada")
    );
    assert_eq!(provider.tables(&share_name("s")).await.unwrap(), [table("s/a/t")]);
}

async fn what_is_not_there_cannot_be_changed(backend: &Backend) {
    let provider = &backend.provider;
    backend.with_share("s").await;
    backend.with_recipient("ada").await;
    let (s, no_share) = (share_name("s"), share_name("none"));
    let (ada, nobody) = (recipient_name("ada"), recipient_name("nobody"));
    let at = TimestampMs::new(1);
    missing(provider.add_table(&table("none/a/t")).await, "share 'none'");
    missing(provider.remove_table(&no_share, &schema_name("a"), &table_name("t")).await, "share 'none'");
    missing(provider.remove_table(&s, &schema_name("a"), &table_name("t")).await, "table 's.a.t'");
    missing(provider.delete_share(&no_share, Deletion::WithDependents).await, "share 'none'");
    missing(provider.grant(&no_share, &ada, Window::default(), at).await, "share 'none'");
    missing(provider.grant(&s, &nobody, Window::default(), at).await, "recipient 'nobody'");
    missing(provider.revoke(&s, &nobody).await, "recipient 'nobody'");
    missing(provider.revoke(&s, &ada).await, "grant of share 's' to recipient 'ada'");
    missing(provider.set_recipient_status(&nobody, Status::Disabled).await, "recipient 'nobody'");
    missing(provider.delete_recipient(&nobody).await, "recipient 'nobody'");
    missing(provider.rotate_token(&token("no-id", "t", 1), at).await, "recipient of that id");
    assert_eq!(provider.share(&no_share).await.unwrap(), None);
    assert_eq!(provider.recipient(&nobody).await.unwrap(), None);
    assert!(provider.tables(&no_share).await.unwrap().is_empty());
    assert!(provider.tokens(&nobody).await.unwrap().is_empty());
    assert!(provider.grants_on(&no_share).await.unwrap().is_empty());
    assert!(provider.grants_to(&nobody).await.unwrap().is_empty());
}

async fn a_schema_is_there_while_it_has_a_table(backend: &Backend) {
    let reader = backend.with_recipient("ada").await;
    backend.with_share("s").await;
    backend.grant("s", "ada").await;
    backend.with_table("s/a/t").await;
    backend.with_table("s/A/u").await;
    for (name, left) in [("t", 1), ("u", 0)] {
        backend.provider.remove_table(&share_name("s"), &schema_name("a"), &table_name(name)).await.unwrap();
        let schemas = backend.reads().list_schemas(&reader, "s", None, 10).await.unwrap();
        assert_eq!(schemas.items.len(), left, "after {name}");
    }
    backend.with_table("s/A/t").await;
    let schemas = backend.reads().list_schemas(&reader, "s", None, 10).await.unwrap();
    assert_eq!(schemas.items.iter().map(|schema| schema.name.as_str()).collect::<Vec<_>>(), ["A"]);
}

async fn a_share_with_grants_is_deleted_only_when_told_so(backend: &Backend) {
    let provider = &backend.provider;
    let reader = backend.with_recipient("ada").await;
    for name in ["free", "granted"] {
        backend.with_share(name).await;
        backend.with_table(&format!("{name}/a/t")).await;
    }
    backend.grant("granted", "ada").await;
    provider.delete_share(&share_name("FREE"), Deletion::OnlyIfUnused).await.unwrap();
    let refused = provider.delete_share(&share_name("granted"), Deletion::OnlyIfUnused).await;
    assert!(matches!(&refused, Err(WriteError::InUse { what, by }) if what == "share 'granted'" && by == "1 grant"));
    assert!(backend.reads().find_table(&reader, "granted", "a", "t").await.is_ok());
    provider.delete_share(&share_name("granted"), Deletion::WithDependents).await.unwrap();
    assert!(provider.shares().await.unwrap().is_empty());
    assert!(provider.grants_to(&recipient_name("ada")).await.unwrap().is_empty());
    assert!(backend.reads().list_shares(&reader, None, 10).await.unwrap().items.is_empty());
    let revoked = provider.delete_share(&share_name("granted"), Deletion::WithDependents).await;
    missing(revoked, "share 'granted'");

    // Taken back is not there any more.
    backend.with_share("again").await;
    backend.grant("again", "ada").await;
    provider.revoke(&share_name("again"), &recipient_name("ada")).await.unwrap();
    provider.delete_share(&share_name("again"), Deletion::OnlyIfUnused).await.unwrap();
}

async fn an_old_grant_does_not_revive_with_a_new_share_of_the_name(backend: &Backend) {
    let provider = &backend.provider;
    let reader = backend.with_recipient("ada").await;
    backend.with_share("s").await;
    backend.with_table("s/a/old").await;
    backend.grant("s", "ada").await;
    provider.delete_share(&share_name("s"), Deletion::WithDependents).await.unwrap();
    provider.create_share(&share("s", "new id")).await.unwrap();
    backend.with_table("s/a/new").await;
    assert!(matches!(backend.reads().find_share(&reader, "s").await, Err(Error::ShareNotFound { .. })));
    assert!(matches!(backend.reads().find_table(&reader, "s", "a", "new").await, Err(Error::TableNotFound { .. })));
    assert!(backend.reads().list_shares(&reader, None, 5).await.unwrap().items.is_empty());
    backend.grant("s", "ada").await;
    let reads = backend.reads();
    assert!(reads.find_table(&reader, "s", "a", "new").await.is_ok());
    assert!(matches!(reads.find_table(&reader, "s", "a", "old").await, Err(Error::TableNotFound { .. })));
}

async fn a_deleted_recipient_leaves_nothing(backend: &Backend) {
    let provider = &backend.provider;
    let reader = backend.with_recipient("ada").await;
    for name in ["s1", "s2"] {
        backend.with_share(name).await;
        backend.grant(name, "ada").await;
    }
    provider.set_recipient_status(&recipient_name("ADA"), Status::Disabled).await.unwrap();
    assert_eq!(provider.recipient(&recipient_name("ada")).await.unwrap().unwrap().status, Status::Disabled);
    provider.set_recipient_status(&recipient_name("ada"), Status::Active).await.unwrap();
    assert_eq!(provider.recipient(&recipient_name("ada")).await.unwrap().unwrap().status, Status::Active);

    provider.delete_recipient(&recipient_name("Ada")).await.unwrap();
    assert!(provider.recipients().await.unwrap().is_empty());
    assert!(backend.reads().list_shares(&reader, None, 5).await.unwrap().items.is_empty());
    assert!(provider.grants_on(&share_name("s1")).await.unwrap().is_empty());
    // The shares count as unused again, and the name is free.
    provider.delete_share(&share_name("s1"), Deletion::OnlyIfUnused).await.unwrap();
    provider.create_recipient(&recipient("ada", "r-2"), &token("r-2", "t", 1)).await.unwrap();
    assert!(provider.grants_to(&recipient_name("ada")).await.unwrap().is_empty());
    assert_eq!(provider.tokens(&recipient_name("ada")).await.unwrap(), [token("r-2", "t", 1)]);
}

async fn a_new_token_lets_the_others_end(backend: &Backend) {
    let provider = &backend.provider;
    let name = recipient_name("ada");
    let mut first = token("r-1", "first", 1);
    first.expires_at = Some(TimestampMs::new(50_000));
    provider.create_recipient(&recipient("ada", "r-1"), &first).await.unwrap();
    provider.rotate_token(&token("r-1", "second", 2), TimestampMs::new(100_000)).await.unwrap();
    provider.rotate_token(&token("r-1", "third", 3), TimestampMs::new(70_000)).await.unwrap();
    let ends: Vec<_> =
        provider.tokens(&name).await.unwrap().into_iter().map(|token| (token.id, token.expires_at)).collect();
    let ended = |id: &str, at: i64| (id.to_owned(), Some(TimestampMs::new(at)));
    assert_eq!(ends, [ended("r-1-first", 50_000), ended("r-1-second", 70_000), ("r-1-third".to_owned(), None)]);
    exists(provider.rotate_token(&token("r-1", "third", 4), TimestampMs::new(1)).await, "a token of that id");
    assert_eq!(provider.tokens(&name).await.unwrap()[2].expires_at, None, "what was refused changed nothing");
}

async fn a_recipient_has_no_more_tokens_than_the_bound(backend: &Backend) {
    let provider = &backend.provider;
    backend.with_recipient("ada").await;
    for number in 1..shared::limits::TOKENS_PER_RECIPIENT_MAX {
        let next = token("id-of-ada", &number.to_string(), 10 + number as i64);
        provider.rotate_token(&next, TimestampMs::new(1_000)).await.unwrap();
    }
    let refused = provider.rotate_token(&token("id-of-ada", "one more", 99), TimestampMs::new(0)).await;
    assert!(matches!(&refused, Err(WriteError::Refused(text)) if text.contains("50 tokens")), "{refused:?}");
    provider.delete_recipient(&recipient_name("ada")).await.unwrap();
    assert!(provider.recipients().await.unwrap().is_empty());
}

async fn a_token_of_another_recipient_is_refused(backend: &Backend) {
    let refused = backend.provider.create_recipient(&recipient("ada", "r-1"), &token("r-2", "t", 1)).await;
    assert!(matches!(refused, Err(WriteError::Refused(_))), "{refused:?}");
    assert!(backend.provider.recipients().await.unwrap().is_empty());
}

async fn a_place_that_no_server_can_read_is_refused(backend: &Backend) {
    backend.with_share("s").await;
    let change = |change: &dyn Fn(&mut shared::catalog::write::TableRecord)| {
        let mut table = table("s/a/t");
        change(&mut table);
        table
    };
    for bad in [
        change(&|table| table.location = "gs://bucket/t".into()),
        change(&|table| table.location = String::new()),
        change(&|table| table.endpoint = Some("ftp://host".into())),
        change(&|table| table.external_id = Some("without a role".into())),
        change(&|table| table.auxiliary_locations = vec!["s3://bucket/../x".into()]),
        change(&|table| table.auxiliary_locations = vec!["/a/folder".into()]),
    ] {
        let refused = backend.provider.add_table(&bad).await;
        assert!(matches!(refused, Err(WriteError::Refused(_))), "{refused:?}");
    }
    assert!(backend.provider.tables(&share_name("s")).await.unwrap().is_empty());
}

async fn grants_are_listed_from_both_sides(backend: &Backend) {
    let provider = &backend.provider;
    for name in ["b", "a"] {
        backend.with_share(name).await;
        backend.with_recipient(name).await;
    }
    for (share, recipient) in [("b", "b"), ("a", "b"), ("b", "a")] {
        backend.grant(share, recipient).await;
    }
    let on: Vec<_> = provider.grants_on(&share_name("B")).await.unwrap();
    let names: Vec<&str> = on.iter().map(|grant| grant.recipient.as_str()).collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!((on[0].share_id.as_str(), on[0].granted_at), ("id of b", Some(TimestampMs::new(77))));
    let to = provider.grants_to(&recipient_name("B")).await.unwrap();
    assert_eq!(to.iter().map(|grant| grant.share.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert!(to.iter().all(|grant| grant.recipient_id == "id-of-b"));
}

async fn operators_at_the_same_moment_lose_nothing(backend: &Backend) {
    let reader = backend.with_recipient("ada").await;
    backend.with_share("s").await;
    backend.grant("s", "ada").await;
    let writers: Vec<_> = (0..8)
        .map(|number| {
            let provider = backend.provider.clone();
            tokio::spawn(async move {
                // One that finds the catalogue in motion says so, and repeating is safe.
                for _ in 0..50 {
                    match provider.add_table(&table(&format!("s/a/t{number}"))).await {
                        Err(WriteError::Conflict { .. }) => {}
                        outcome => return outcome,
                    }
                }
                panic!("never written")
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap().unwrap();
    }
    assert_eq!(backend.provider.tables(&share_name("s")).await.unwrap().len(), 8);
    let listed = backend.reads().list_tables(&reader, "s", "a", None, 100).await.unwrap();
    assert_eq!(listed.items.len(), 8);
    for number in 0..8 {
        let name = table_name(&format!("t{number}"));
        backend.provider.remove_table(&share_name("s"), &schema_name("a"), &name).await.unwrap();
    }
    let schemas = backend.reads().list_schemas(&reader, "s", None, 10).await.unwrap();
    assert!(schemas.items.is_empty(), "the schema counted its tables right");
}

async fn one_of_two_operators_gets_the_name(backend: &Backend) {
    let create = |id: &'static str| {
        let provider = backend.provider.clone();
        tokio::spawn(async move { provider.create_share(&share("s", id)).await.is_ok() })
    };
    let (one, other) = (create("one"), create("other"));
    let (one, other) = (one.await.unwrap(), other.await.unwrap());
    assert!(one != other, "{one} {other}");
    let winner = if one { "one" } else { "other" };
    assert_eq!(backend.provider.share(&share_name("s")).await.unwrap().unwrap().id, winner);
}

fn rules(region: &str, network: &str) -> RecipientRules {
    let mut rules = RecipientRules::default();
    rules.properties.insert("region".into(), region.into());
    rules.access.networks = vec![Network::parse(network).unwrap()];
    rules
}

async fn a_grants_window_is_replaced_and_all_else_of_it_stays(backend: &Backend) {
    let provider = &backend.provider;
    let reader = backend.with_recipient("ada").await;
    backend.with_share("s").await;
    let (s, ada) = (share_name("s"), recipient_name("ada"));
    let long_ago = Window { from: None, until: Some(TimestampMs::new(1_000)) };
    missing(provider.set_grant_window(&s, &ada, long_ago).await, "grant of share 's' to recipient 'ada'");
    missing(provider.set_grant_window(&share_name("none"), &ada, long_ago).await, "share 'none'");
    missing(provider.set_grant_window(&s, &recipient_name("nobody"), long_ago).await, "recipient 'nobody'");
    backend.grant("s", "ada").await;
    let far = Window { from: Some(TimestampMs::new(5)), until: Some(TimestampMs::new(9_000_000_000_000)) };
    for window in [long_ago, long_ago, far, Window { until: None, ..far }, Window::default(), long_ago] {
        provider.set_grant_window(&share_name("S"), &recipient_name("ADA"), window).await.unwrap();
        let [grant] = provider.grants_to(&ada).await.unwrap().try_into().unwrap();
        assert_eq!((grant.window, grant.granted_at), (window, Some(TimestampMs::new(77))));
        let found = backend.reads().find_share(&reader, "s").await;
        assert_eq!(found.is_ok(), window != long_ago, "{window:?}");
    }
    let backwards = Window { from: far.until, until: far.from };
    assert!(matches!(provider.set_grant_window(&s, &ada, backwards).await, Err(WriteError::Refused(_))));
    // It still counts as one grant, and is taken back as one.
    provider.revoke(&s, &ada).await.unwrap();
    missing(provider.set_grant_window(&s, &ada, far).await, "grant of share 's' to recipient 'ada'");
    provider.delete_share(&s, Deletion::OnlyIfUnused).await.unwrap();
}

async fn rules_come_back_as_they_were_written_and_bad_ones_are_not(backend: &Backend) {
    let provider = &backend.provider;
    backend.with_share("s").await;
    let rule = |column: &str, value| PartitionRule { column: column.into(), value };
    let mut bound = table("s/a/t");
    bound.partitions =
        vec![rule("Region", RuleValue::Property("region".into())), rule("day", RuleValue::Fixed("@1=2'".into()))];
    provider.add_table(&bound).await.unwrap();
    assert_eq!(provider.tables(&share_name("s")).await.unwrap(), [bound]);
    let mut twice = table("s/a/other");
    twice.partitions = vec![rule("c", RuleValue::Fixed("x".into())), rule("C", RuleValue::Fixed("y".into()))];
    assert!(matches!(provider.add_table(&twice).await, Err(WriteError::Refused(_))));

    let mut ada = recipient("Ada", "r-1");
    ada.rules = rules("EU", "10.0.0.0/8");
    provider.create_recipient(&ada, &token("r-1", "first", 9)).await.unwrap();
    assert_eq!(provider.recipient(&recipient_name("ada")).await.unwrap(), Some(ada));
    let mut bob = recipient("Bob", "r-2");
    bob.rules = rules("", "10.0.0.0/8");
    assert!(matches!(provider.create_recipient(&bob, &token("r-2", "first", 9)).await, Err(WriteError::Refused(_))));

    let (ada, at) = (recipient_name("ada"), TimestampMs::new);
    let over = Window { from: Some(at(9_000)), until: Some(at(9_000)) };
    let refused = provider.grant(&share_name("s"), &ada, over, at(1)).await;
    assert!(matches!(refused, Err(WriteError::Refused(_))), "{refused:?}");
    let window = Window { from: Some(at(5_000)), until: Some(at(9_000)) };
    provider.grant(&share_name("s"), &ada, window, at(1)).await.unwrap();
    assert_eq!(provider.grants_to(&ada).await.unwrap()[0].window, window);
    assert_eq!(provider.grants_on(&share_name("s")).await.unwrap()[0].window, window);
    provider.revoke(&share_name("s"), &ada).await.unwrap();
    provider.grant(&share_name("s"), &ada, Window::default(), at(2)).await.unwrap();
    assert!(provider.grants_to(&ada).await.unwrap()[0].window.is_always(), "a window outlived its grant");
}

async fn a_recipients_rules_are_replaced_whole_and_outlive_its_tokens(backend: &Backend) {
    let provider = &backend.provider;
    backend.with_recipient("ada").await;
    let ada = recipient_name("ada");
    let now = || async { provider.recipient(&ada).await.unwrap().unwrap() };
    for rules in [rules("EU", "10.0.0.0/8"), rules("US", "::/0"), RecipientRules::default(), rules("EU", "1.2.3.4")] {
        provider.set_recipient_rules(&ada, &rules).await.unwrap();
        assert_eq!(now().await.rules, rules);
    }
    let id = now().await.id;
    provider.rotate_token(&token(&id, "second", 2), TimestampMs::new(9)).await.unwrap();
    provider.set_recipient_status(&ada, Status::Disabled).await.unwrap();
    provider.set_recipient_status(&ada, Status::Active).await.unwrap();
    assert_eq!(now().await.rules, rules("EU", "1.2.3.4"));
    assert_eq!(provider.tokens(&ada).await.unwrap().len(), 2);
    let bad = provider.set_recipient_rules(&ada, &rules("", "1.2.3.4")).await;
    assert!(matches!(bad, Err(WriteError::Refused(_))), "{bad:?}");
    missing(provider.set_recipient_rules(&recipient_name("nobody"), &rules("EU", "::/0")).await, "recipient 'nobody'");
}
