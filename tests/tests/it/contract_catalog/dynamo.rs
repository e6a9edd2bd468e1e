//! What only a table of DynamoDB can get into: rows left half done, rows of another program, a reader that remembers.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use aws_sdk_dynamodb::types::AttributeValue;
use shared::catalog::dynamo::DynamoCatalog;
use shared::catalog::item::{DELETING, Item};
use shared::catalog::key;
use shared::catalog::write::{Deletion, ProviderCatalog, Status, WriteError};
use shared::catalog::{FindShare, FindTable, ListShares};
use shared::clock::SystemClock;
use shared::error::{Error, chain};
use shared::model::recipient::Recipient;
use shared::model::rule::Window;
use tests::emulator::DynamoTable;
use tests::server::HandClock;

use super::backends::*;

async fn filled(backend: &Backend) -> Recipient {
    let reader = backend.with_recipient("ada").await;
    backend.with_share("s").await;
    backend.with_table("s/a/t").await;
    backend.grant("s", "ada").await;
    reader
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn row_key(key: &key::Key) -> Item {
    HashMap::from([(key::PK.to_owned(), text(key.pk())), (key::SK.to_owned(), text(key.sk()))])
}

async fn set(table: &DynamoTable, key: &key::Key, name: &str, value: AttributeValue) {
    let request = table.client.update_item().table_name(&table.name).set_key(Some(row_key(key)));
    let request = request.update_expression("SET #name = :value").expression_attribute_names("#name", name);
    request.expression_attribute_values(":value", value).send().await.unwrap();
}

async fn rows(table: &DynamoTable) -> Vec<Item> {
    table.client.scan().table_name(&table.name).send().await.unwrap().items.unwrap_or_default()
}

#[tokio::test]
async fn a_grant_that_was_taken_back_is_seen_after_a_minute_at_the_latest() {
    for backend in Backend::dynamo().await {
        let reader = filled(&backend).await;
        let clock = Arc::new(HandClock(AtomicI64::new(1_000_000)));
        let reads = backend.reads_by(clock.clone());
        reads.find_table(&reader, "s", "a", "t").await.unwrap();
        backend.provider.revoke(&share_name("s"), &recipient_name("ada")).await.unwrap();
        // A list does not rest on what was found before.
        assert!(reads.find_share(&reader, "s").await.is_err());
        clock.0.store(1_059_999, Ordering::SeqCst);
        assert!(reads.find_table(&reader, "s", "A", "T").await.is_ok());
        clock.0.store(1_060_000, Ordering::SeqCst);
        let gone = reads.find_table(&reader, "s", "a", "t").await;
        assert!(matches!(gone, Err(Error::TableNotFound { .. })), "{gone:?}");
    }
}

#[tokio::test]
async fn what_one_recipient_found_is_hidden_from_another() {
    for backend in Backend::dynamo().await {
        let reader = filled(&backend).await;
        let other = backend.with_recipient("eve").await;
        let reads = backend.reads();
        reads.find_table(&reader, "s", "a", "t").await.unwrap();
        assert!(matches!(reads.find_table(&other, "s", "a", "t").await, Err(Error::TableNotFound { .. })));
    }
}

#[tokio::test]
async fn a_miss_is_not_remembered() {
    for backend in Backend::dynamo().await {
        let reader = filled(&backend).await;
        let reads = backend.reads();
        assert!(reads.find_table(&reader, "s", "a", "later").await.is_err());
        backend.with_table("s/a/later").await;
        assert!(reads.find_table(&reader, "s", "a", "later").await.is_ok());
    }
}

#[tokio::test]
async fn a_share_that_is_being_deleted_is_gone_and_its_deletion_is_finished_by_repeating_it() {
    for backend in Backend::dynamo().await {
        let reader = filled(&backend).await;
        set(backend.table(), &key::share_key(&share_name("s")).unwrap(), "status", text(DELETING)).await;
        let reads = backend.reads();
        assert!(matches!(reads.find_share(&reader, "s").await, Err(Error::ShareNotFound { .. })));
        assert!(matches!(reads.find_table(&reader, "s", "a", "t").await, Err(Error::TableNotFound { .. })));
        assert!(reads.list_shares(&reader, None, 5).await.unwrap().items.is_empty());
        assert!(reads.list_all_tables(&reader, "s", None, 5).await.is_err());
        let provider = &backend.provider;
        assert_eq!(provider.share(&share_name("s")).await.unwrap(), None);
        assert!(provider.shares().await.unwrap().is_empty());
        for refused in [
            provider.create_share(&share("s", "new")).await,
            provider.add_table(&table("s/a/u")).await,
            provider
                .grant(
                    &share_name("s"),
                    &recipient_name("ada"),
                    Window::default(),
                    shared::model::version::TimestampMs::new(1),
                )
                .await,
        ] {
            assert!(
                matches!(&refused, Err(left @ WriteError::BeingDeleted { .. }) if left.to_string().contains("repeat"))
            );
        }
        // Told so once is told so: the grant no longer stands in the way.
        provider.delete_share(&share_name("s"), Deletion::OnlyIfUnused).await.unwrap();
        let left = rows(backend.table()).await;
        assert_eq!(left.len(), 3, "the recipient, its name and its token: {left:?}");
        provider.create_share(&share("s", "new")).await.unwrap();
    }
}

#[tokio::test]
async fn a_share_of_many_tables_and_grants_leaves_no_row() {
    for backend in Backend::dynamo().await {
        backend.with_share("s").await;
        for number in 0..110 {
            backend.with_table(&format!("s/a{}/t{number}", number % 3)).await;
        }
        for number in 0..5 {
            backend.with_recipient(&format!("r{number}")).await;
            backend.grant("s", &format!("r{number}")).await;
            backend.provider.delete_share(&share_name("s"), Deletion::OnlyIfUnused).await.unwrap_err();
        }
        backend.provider.delete_share(&share_name("s"), Deletion::WithDependents).await.unwrap();
        assert_eq!(rows(backend.table()).await.len(), 15);
    }
}

#[tokio::test]
async fn a_recipient_that_is_being_deleted_is_disabled_and_its_deletion_is_finished_by_repeating_it() {
    for backend in Backend::dynamo().await {
        filled(&backend).await;
        set(backend.table(), &key::recipient_key("id-of-ada").unwrap(), "status", text(DELETING)).await;
        let (provider, ada) = (&backend.provider, recipient_name("ada"));
        assert_eq!(provider.recipient(&ada).await.unwrap().unwrap().status, Status::Disabled);
        for refused in [
            provider.set_recipient_status(&ada, Status::Active).await,
            provider.create_recipient(&recipient("ada", "r-2"), &token("r-2", "t", 1)).await,
            provider.rotate_token(&token("id-of-ada", "t", 1), shared::model::version::TimestampMs::new(1)).await,
        ] {
            assert!(
                matches!(&refused, Err(left @ WriteError::BeingDeleted { .. }) if left.to_string().contains("repeat"))
            );
        }
        provider.delete_recipient(&ada).await.unwrap();
        let left = rows(backend.table()).await;
        assert_eq!(left.len(), 3, "share, schema and table: {left:?}");
    }
}

#[tokio::test]
async fn a_deletion_that_is_finished_by_repeating_it_was_recorded_when_it_began() {
    for backend in Backend::dynamo().await {
        filled(&backend).await;
        set(backend.table(), &key::recipient_key("id-of-ada").unwrap(), "status", text(DELETING)).await;
        set(backend.table(), &key::share_key(&share_name("s")).unwrap(), "status", text(DELETING)).await;
        let clock = Arc::new(HandClock(AtomicI64::new(1_000_000)));
        let (provider, log) = backend.recorded("ada", clock);
        provider.delete_recipient(&recipient_name("ada")).await.unwrap();
        provider.delete_share(&share_name("s"), Deletion::OnlyIfUnused).await.unwrap();
        let moment = shared::model::version::TimestampMs::new;
        assert_eq!(log.changes(moment(0), moment(2_000_000)).await.unwrap().events, []);
        assert!(rows(backend.table()).await.is_empty());
    }
}

#[tokio::test]
async fn rows_that_another_share_of_the_name_left_are_passed_over() {
    for backend in Backend::dynamo().await {
        let reader = filled(&backend).await;
        for number in 0..4 {
            backend.with_table(&format!("s/a{number}/t")).await;
        }
        // As if a new share had taken the name while rows of the old one were still there.
        let at = key::share_key(&share_name("s")).unwrap();
        set(backend.table(), &at, "shareId", text("new")).await;
        set(backend.table(), &key::grant_key(reader.id(), &share_name("s")).unwrap(), "shareId", text("new")).await;
        for table_text in ["zz/t"] {
            backend.with_table(&format!("s/{table_text}")).await;
        }
        let reads = backend.reads();
        let page = reads.list_all_tables(&reader, "s", None, 1).await.unwrap();
        assert!(page.items.len() == 1 && !page.more, "{page:?}");
        assert_eq!(page.items[0].full_name(), "s.zz.t");
        let schemas = reads.list_schemas(&reader, "s", None, 1).await.unwrap();
        assert!(schemas.items.len() == 1 && !schemas.more, "{schemas:?}");
        assert!(matches!(reads.find_table(&reader, "s", "a", "t").await, Err(Error::TableNotFound { .. })));
        assert!(matches!(reads.list_tables(&reader, "s", "a", None, 5).await, Err(Error::SchemaNotFound { .. })));
        assert_eq!(backend.provider.tables(&share_name("s")).await.unwrap().len(), 1);
        // What was left does not stand in the way of what is new.
        backend.with_table("s/a/t").await;
        assert!(backend.reads().find_table(&reader, "s", "a", "t").await.is_ok());
    }
}

#[tokio::test]
async fn a_grant_without_its_share_is_passed_over_in_every_page() {
    for backend in Backend::dynamo().await {
        let reader = backend.with_recipient("ada").await;
        for name in ["a", "b", "c", "d"] {
            backend.with_share(name).await;
            backend.grant(name, "ada").await;
        }
        for name in ["a", "b", "d"] {
            let at = row_key(&key::share_key(&share_name(name)).unwrap());
            let table = backend.table();
            table.client.delete_item().table_name(&table.name).set_key(Some(at)).send().await.unwrap();
        }
        for limit in [1, 2, 3, 4] {
            let page = backend.reads().list_shares(&reader, None, limit).await.unwrap();
            let names: Vec<&str> = page.items.iter().map(|share| share.name.as_str()).collect();
            assert!(names == ["c"] && !page.more, "{limit}: {names:?} {}", page.more);
        }
        assert_eq!(backend.provider.grants_to(&recipient_name("ada")).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn rows_of_another_program_are_refused_and_named() {
    for backend in Backend::dynamo().await {
        let reader = filled(&backend).await;
        let at = key::table_key(&share_name("s"), &schema_name("a"), &table_name("t")).unwrap();
        set(backend.table(), &at, "v", AttributeValue::N("3".into())).await;
        let reads = backend.reads();
        for error in [
            reads.find_table(&reader, "s", "a", "t").await.map(|_| ()).unwrap_err(),
            reads.list_all_tables(&reader, "s", None, 5).await.map(|_| ()).unwrap_err(),
        ] {
            assert!(matches!(error, Error::Internal { .. }));
            assert!(chain(&error).contains("a table of the catalogue has format version 3"), "{}", chain(&error));
        }
        let refused = backend.provider.tables(&share_name("s")).await;
        assert!(matches!(&refused, Err(WriteError::Refused(text)) if text.contains("format version 3")), "{refused:?}");
    }
}

#[tokio::test]
async fn names_whose_keys_do_not_fit_are_refused_in_words() {
    for backend in Backend::dynamo().await {
        backend.with_share("s").await;
        let grows = "\u{1d160}".repeat(255);
        let outcomes = [
            backend.provider.create_share(&share(&grows, "x")).await,
            backend.provider.add_table(&table(&format!("s/a/{grows}"))).await,
            backend.provider.create_recipient(&recipient(&grows, "r"), &token("r", "t", 1)).await,
        ];
        for refused in outcomes {
            assert!(matches!(&refused, Err(WriteError::Refused(text)) if text.contains("too long")), "{refused:?}");
        }
    }
}

#[tokio::test]
async fn what_goes_wrong_is_told_in_codes() {
    for backend in Backend::dynamo().await {
        let (table, reader) = (backend.table(), admitted("r").await);
        let elsewhere = DynamoCatalog::new(table.client.clone(), "no-such-table", SystemClock::shared());
        let error = elsewhere.find_share(&reader, "s").await.unwrap_err();
        assert!(matches!(error, Error::Internal { .. }));
        assert!(
            chain(&error).ends_with("DynamoDB BatchGetItem failed: ResourceNotFoundException"),
            "{}",
            chain(&error)
        );
        if table.checks_keys() {
            let stranger = DynamoCatalog::new(table.stranger(), &table.name, SystemClock::shared());
            let error = stranger.list_shares(&reader, None, 5).await.unwrap_err();
            let text = chain(&error);
            assert!(matches!(error, Error::Internal { .. }), "{text}");
            assert!(text.starts_with("this server may not read the catalogue: DynamoDB Query failed: "), "{text}");
            assert!(!text.contains("arn:") && !text.contains(&table.name), "{text}");
            assert!(stranger.find_table(&reader, "s", "a", "t").await.is_err());
        }
    }
}

#[test]
fn the_catalogue_is_never_read_whole() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/src");
    let mut folders = vec![root];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            files += usize::from(text.contains("aws_sdk_dynamodb"));
            for scan in [".scan()", "execute_statement", "parallel_scan"] {
                assert!(!text.contains(scan), "{} asks with {scan}", path.display());
            }
        }
    }
    assert!(files >= 5, "the adapter is not where this test looks");
}

/// Two provider programs and a reader, as they are really built.
#[test]
fn the_adapters_can_be_shared_between_tasks() {
    fn is_shared<T: Send + Sync + Clone + 'static>() {}
    is_shared::<DynamoCatalog>();
    is_shared::<shared::catalog::dynamo::write::DynamoProviderCatalog>();
    fn is_port<T: ProviderCatalog>() {}
    is_port::<shared::catalog::dynamo::write::DynamoProviderCatalog>();
}
