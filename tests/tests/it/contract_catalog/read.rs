//! What recipients read: only what was granted, in an order that is total, page after page.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use shared::error::Error;
use shared::model::location::Endpoint;
use shared::model::page::Position;
use shared::model::rule::{PartitionRule, RuleValue, Window};
use shared::model::securable::{History, Table};
use shared::model::version::{TimestampMs, Version};
use tests::server::HandClock;

use super::backends::*;

on_every_catalogue!(
    what_was_not_granted_does_not_exist,
    names_are_compared_without_case_and_shown_as_written,
    one_prefix_never_shows_rows_of_another,
    lists_are_sorted_and_pages_meet_without_gap_or_overlap,
    a_limit_of_zero_says_whether_there_is_anything,
    a_page_goes_on_after_a_row_that_is_gone,
    a_position_of_another_list_is_refused,
    many_shares_are_listed_page_by_page,
    a_table_carries_everything_that_its_provider_said,
    names_that_no_key_can_hold_are_not_there,
    a_grant_is_one_from_its_beginning_to_its_end,
    a_table_carries_its_rules,
);

async fn sales(backend: &Backend) -> shared::model::recipient::Recipient {
    let reader = backend.with_recipient("reader").await;
    for name in ["sales", "sales_eu", "sale", "other"] {
        backend.with_share(name).await;
    }
    for name in ["sales/a/t", "sales/b/t", "sales_eu/a/x", "sale/a/y", "other/a/z"] {
        backend.with_table(name).await;
    }
    for share in ["sales", "sales_eu", "sale"] {
        backend.grant(share, "reader").await;
    }
    reader
}

fn full_names(tables: &[Table]) -> Vec<String> {
    tables.iter().map(Table::full_name).collect()
}

async fn what_was_not_granted_does_not_exist(backend: &Backend) {
    let reader = sales(backend).await;
    let stranger = admitted("nobody").await;
    let reads = backend.reads();
    for share in ["other", "missing", "", "a/b", "a b"] {
        assert!(matches!(reads.find_share(&reader, share).await, Err(Error::ShareNotFound { .. })), "{share}");
        let schemas = reads.list_schemas(&reader, share, None, 10).await;
        assert!(matches!(schemas, Err(Error::ShareNotFound { .. })), "{share}");
        let tables = reads.list_tables(&reader, share, "a", None, 10).await;
        assert!(matches!(tables, Err(Error::ShareNotFound { .. })), "{share}");
        let all = reads.list_all_tables(&reader, share, None, 10).await;
        assert!(matches!(all, Err(Error::ShareNotFound { .. })), "{share}");
        let table = reads.find_table(&reader, share, "a", "z").await;
        assert!(matches!(table, Err(Error::TableNotFound { .. })), "{share}");
    }
    for schema in ["missing", "", "a/", "T"] {
        let tables = reads.list_tables(&reader, "sales", schema, None, 10).await;
        assert!(matches!(tables, Err(Error::SchemaNotFound { .. })), "{schema}");
    }
    let table = reads.find_table(&reader, "sales", "a", "missing").await;
    assert!(matches!(table, Err(Error::TableNotFound { name }) if name == "sales/a/missing"));
    assert!(matches!(reads.find_table(&stranger, "sales", "a", "t").await, Err(Error::TableNotFound { .. })));
    assert!(reads.list_shares(&stranger, None, 10).await.unwrap().items.is_empty());
}

async fn names_are_compared_without_case_and_shown_as_written(backend: &Backend) {
    let reader = backend.with_recipient("reader").await;
    backend.with_share("Sales.EU").await;
    backend.with_table("SALES.eu/Straße/Orders").await;
    backend.with_table("sales.eu/STRASSE/Other").await;
    backend.grant("sALES.EU", "READER").await;
    let reads = backend.reads();
    assert_eq!(reads.find_share(&reader, "SALES.EU").await.unwrap().name.as_str(), "Sales.EU");
    let schemas = reads.list_schemas(&reader, "sales.eu", None, 10).await.unwrap().items;
    assert_eq!(schemas.iter().map(|schema| schema.name.as_str()).collect::<Vec<_>>(), ["Straße"]);
    let found = reads.find_table(&reader, "sales.eu", "strasse", "ORDERS").await.unwrap();
    assert_eq!(found.full_name(), "Sales.EU.Straße.Orders");
    let all = reads.list_all_tables(&reader, "sales.eu", None, 10).await.unwrap().items;
    assert_eq!(full_names(&all), ["Sales.EU.Straße.Orders", "Sales.EU.Straße.Other"]);
}

async fn one_prefix_never_shows_rows_of_another(backend: &Backend) {
    let reader = sales(backend).await;
    backend.with_table("sales/ab/u").await;
    let reads = backend.reads();
    let all = reads.list_all_tables(&reader, "sale", None, 10).await.unwrap();
    assert_eq!(full_names(&all.items), ["sale.a.y"]);
    let tables = reads.list_tables(&reader, "sales", "a", None, 10).await.unwrap();
    assert_eq!(full_names(&tables.items), ["sales.a.t"]);
    let schemas = reads.list_schemas(&reader, "sales", None, 10).await.unwrap().items;
    assert_eq!(schemas.iter().map(|schema| schema.name.as_str()).collect::<Vec<_>>(), ["a", "ab", "b"]);
}

async fn lists_are_sorted_and_pages_meet_without_gap_or_overlap(backend: &Backend) {
    let reader = backend.with_recipient("reader").await;
    backend.with_share("s").await;
    backend.grant("s", "reader").await;
    // A hyphen sorts before the delimiter, an underscore after it.
    let schemas = ["b", "a", "a-x", "a_x", "B!", "ä"];
    for schema in schemas {
        for name in ["t2", "T1"] {
            backend.with_table(&format!("s/{schema}/{name}")).await;
        }
    }
    let reads = backend.reads();
    let listed = reads.list_schemas(&reader, "s", None, 100).await.unwrap();
    let names: Vec<&str> = listed.items.iter().map(|schema| schema.name.as_str()).collect();
    assert_eq!(names, ["a", "a-x", "a_x", "b", "B!", "ä"]);
    assert!(!listed.more);

    let whole = reads.list_all_tables(&reader, "s", None, 100).await.unwrap();
    assert!(!whole.more);
    let whole = full_names(&whole.items);
    let order: Vec<String> = ["a-x", "a", "a_x", "B!", "b", "ä"]
        .iter()
        .flat_map(|schema| [format!("s.{schema}.T1"), format!("s.{schema}.t2")])
        .collect();
    assert_eq!(whole, order);
    for limit in 1..=13 {
        let (mut pages, mut after): (Vec<String>, Option<Position>) = (Vec::new(), None);
        loop {
            let page = reads.list_all_tables(&reader, "s", after.as_ref(), limit).await.unwrap();
            assert!(page.items.len() <= limit);
            pages.extend(full_names(&page.items));
            let Some(last) = page.items.last().filter(|_| page.more) else { break };
            after = Some(vec![last.schema.folded().to_owned(), last.name.folded().to_owned()]);
        }
        assert_eq!(pages, whole, "in pages of {limit}");
    }
    let first = reads.list_tables(&reader, "s", "A", None, 1).await.unwrap();
    assert!(first.more && full_names(&first.items) == ["s.a.T1"]);
    let position = vec!["a".to_owned(), "t1".to_owned()];
    let second = reads.list_tables(&reader, "s", "A", Some(&position), 1).await.unwrap();
    assert!(!second.more && full_names(&second.items) == ["s.a.t2"]);
}

async fn a_limit_of_zero_says_whether_there_is_anything(backend: &Backend) {
    let reader = sales(backend).await;
    backend.with_share("empty").await;
    backend.grant("empty", "reader").await;
    let reads = backend.reads();
    let shares = reads.list_shares(&reader, None, 0).await.unwrap();
    assert!(shares.items.is_empty() && shares.more);
    let tables = reads.list_all_tables(&reader, "sales", None, 0).await.unwrap();
    assert!(tables.items.is_empty() && tables.more);
    for limit in [0, 5] {
        let schemas = reads.list_schemas(&reader, "empty", None, limit).await.unwrap();
        assert!(schemas.items.is_empty() && !schemas.more);
        let tables = reads.list_all_tables(&reader, "empty", None, limit).await.unwrap();
        assert!(tables.items.is_empty() && !tables.more);
    }
}

async fn a_page_goes_on_after_a_row_that_is_gone(backend: &Backend) {
    let reader = sales(backend).await;
    for table in ["sales/a/u", "sales/a/v"] {
        backend.with_table(table).await;
    }
    let position = vec!["a".to_owned(), "u".to_owned()];
    backend.provider.remove_table(&share_name("sales"), &schema_name("a"), &table_name("u")).await.unwrap();
    let reads = backend.reads();
    let rest = reads.list_all_tables(&reader, "sales", Some(&position), 10).await.unwrap();
    assert_eq!(full_names(&rest.items), ["sales.a.v", "sales.b.t"]);
    // A whole schema that is gone.
    let position = vec!["aa".to_owned(), "x".to_owned()];
    let rest = reads.list_all_tables(&reader, "sales", Some(&position), 10).await.unwrap();
    assert_eq!(full_names(&rest.items), ["sales.b.t"]);
    backend.provider.revoke(&share_name("sales"), &recipient_name("reader")).await.unwrap();
    let rest = backend.reads().list_shares(&reader, Some(&vec!["sales".to_owned()]), 10).await.unwrap();
    assert_eq!(rest.items.iter().map(|share| share.name.as_str()).collect::<Vec<_>>(), ["sales_eu"]);
}

async fn a_position_of_another_list_is_refused(backend: &Backend) {
    let reader = sales(backend).await;
    let reads = backend.reads();
    let one = vec!["a".to_owned()];
    let two = vec!["a".to_owned(), "t".to_owned()];
    let refused = |error: Option<Error>| assert!(matches!(error, Some(Error::InvalidParameter(_))), "{error:?}");
    refused(reads.list_shares(&reader, Some(&two), 5).await.err());
    refused(reads.list_schemas(&reader, "sales", Some(&two), 5).await.err());
    refused(reads.list_tables(&reader, "sales", "a", Some(&one), 5).await.err());
    refused(reads.list_all_tables(&reader, "sales", Some(&one), 5).await.err());
}

async fn many_shares_are_listed_page_by_page(backend: &Backend) {
    let reader = backend.with_recipient("reader").await;
    let names: Vec<String> = (0..130).map(|number| format!("share{number:03}")).collect();
    for name in &names {
        backend.with_share(name).await;
        backend.grant(name, "reader").await;
    }
    let reads = backend.reads();
    let shown = |page: &[shared::model::securable::Share]| -> Vec<String> {
        page.iter().map(|share| share.name.as_str().to_owned()).collect()
    };
    let whole = reads.list_shares(&reader, None, 500).await.unwrap();
    assert!(!whole.more && shown(&whole.items) == names);
    let exact = reads.list_shares(&reader, None, 130).await.unwrap();
    assert!(!exact.more && exact.items.len() == 130);
    let first = reads.list_shares(&reader, None, 101).await.unwrap();
    assert!(first.more && first.items.len() == 101);
    let rest = reads.list_shares(&reader, Some(&vec![names[100].clone()]), 101).await.unwrap();
    assert!(!rest.more && shown(&rest.items) == names[101..]);
}

async fn a_table_carries_everything_that_its_provider_said(backend: &Backend) {
    let reader = backend.with_recipient("reader").await;
    let share = backend.with_share("s").await;
    backend.grant("s", "reader").await;
    let mut record = table("s/a/t");
    record.auxiliary_locations = vec!["s3://bucket/source".into(), "s3://other/x".into()];
    record.region = Some("eu-west-1".into());
    record.endpoint = Some("dualstack".into());
    record.role_arn = Some("arn:aws:iam::000000000000:role/reader".into());
    record.external_id = Some("secret handshake".into());
    record.history = History::SharedFrom(Version::new(7));
    backend.provider.add_table(&record).await.unwrap();
    let found = backend.reads().find_table(&reader, "s", "a", "t").await.unwrap();
    assert_eq!((found.id.as_str(), found.share_id.as_str()), (record.id.as_str(), share.id.as_str()));
    assert_eq!((found.location.bucket(), found.location.prefix()), ("bucket", "s/a/t"));
    let auxiliary = found.location.auxiliary().iter().map(|area| (area.bucket(), area.prefix()));
    assert_eq!(auxiliary.collect::<Vec<_>>(), [("bucket", "source"), ("other", "x")]);
    assert_eq!(found.history, record.history);
    let reach = found.location.reach();
    assert!(reach.region.as_deref() == Some("eu-west-1") && reach.endpoint == Endpoint::DualStack);
    let role = reach.role.as_ref().unwrap();
    assert_eq!(Some(&role.arn), record.role_arn.as_ref());
    assert_eq!(role.external_id, record.external_id);
    assert_eq!(backend.reads().find_share(&reader, "s").await.unwrap().comment.as_deref(), Some("about s"));
}

async fn names_that_no_key_can_hold_are_not_there(backend: &Backend) {
    let reader = sales(backend).await;
    let reads = backend.reads();
    let grows = "\u{1d160}".repeat(255);
    assert!(matches!(reads.find_share(&reader, &grows).await, Err(Error::ShareNotFound { .. })));
    assert!(matches!(reads.list_schemas(&reader, &grows, None, 5).await, Err(Error::ShareNotFound { .. })));
    assert!(matches!(reads.list_tables(&reader, "sales", &grows, None, 5).await, Err(Error::SchemaNotFound { .. })));
    assert!(matches!(reads.find_table(&reader, "sales", &grows, &grows).await, Err(Error::TableNotFound { .. })));
}

async fn a_grant_is_one_from_its_beginning_to_its_end(backend: &Backend) {
    let reader = backend.with_recipient("reader").await;
    for name in ["s", "always"] {
        backend.with_share(name).await;
        backend.with_table(&format!("{name}/a/t")).await;
    }
    backend.grant("always", "reader").await;
    let window = Window { from: Some(TimestampMs::new(5_000)), until: Some(TimestampMs::new(9_000)) };
    let (share, to) = (share_name("s"), recipient_name("reader"));
    backend.provider.grant(&share, &to, window, TimestampMs::new(1)).await.unwrap();
    let clock = Arc::new(HandClock(AtomicI64::new(0)));
    // The same reader all along: what it remembers must not outlive the grant.
    let reads = backend.reads_by(clock.clone());
    for (now, there) in [(4_999, false), (5_000, true), (8_999, true), (9_000, false), (8_000, true)] {
        clock.0.store(now, Ordering::SeqCst);
        let shares = reads.list_shares(&reader, None, 9).await.unwrap().items;
        let names: Vec<&str> = shares.iter().map(|share| share.name.as_str()).collect();
        assert_eq!(names, if there { vec!["always", "s"] } else { vec!["always"] }, "{now}");
        let found = [
            reads.find_share(&reader, "s").await.map(|_| ()),
            reads.list_schemas(&reader, "s", None, 9).await.map(|_| ()),
            reads.list_tables(&reader, "s", "a", None, 9).await.map(|_| ()),
            reads.list_all_tables(&reader, "s", None, 9).await.map(|_| ()),
            reads.find_table(&reader, "s", "a", "t").await.map(|table| assert_eq!(table.terms.window, window)),
        ];
        for (at, found) in found.into_iter().enumerate() {
            assert_eq!(found.is_ok(), there, "{now} {at} {found:?}");
        }
        assert!(reads.find_table(&reader, "always", "a", "t").await.unwrap().terms.window.is_always());
    }
}

async fn a_table_carries_its_rules(backend: &Backend) {
    let reader = backend.with_recipient("reader").await;
    backend.with_share("s").await;
    backend.grant("s", "reader").await;
    let mut record = table("s/a/t");
    record.partitions = vec![PartitionRule { column: "c".into(), value: RuleValue::Property("p".into()) }];
    backend.provider.add_table(&record).await.unwrap();
    let found = backend.reads().find_table(&reader, "s", "a", "t").await.unwrap();
    assert_eq!(found.terms.partitions, record.partitions);
}
