//! Schemas with a place: they are there with tables or without, their place is seen by who was granted the share, and what
//! was noted of it is listed like any other table.

use shared::catalog::embedded::write::EmbeddedProviderCatalog;
use shared::catalog::write::{Deletion, Origin, ProviderCatalog, SchemaRecord, TableRecord, WriteError};
use shared::model::location::DataRole;
use shared::model::recipient::Recipient;
use shared::model::rule::Window;
use shared::model::securable::History;
use shared::model::version::TimestampMs;

use super::backends::*;
use super::write::{exists, missing};

on_every_catalogue!(
    places_come_back_as_they_were_written,
    a_schema_is_there_while_it_has_a_place_or_a_table,
    a_place_is_seen_by_whom_the_share_was_granted,
    what_was_noted_is_listed_and_told_from_what_was_named,
    a_place_goes_with_its_share,
);

async fn places_come_back_as_they_were_written(backend: &Backend) {
    let provider = &backend.provider;
    backend.with_share("S").await;
    backend.with_table("S/Both/t").await;
    let plain = SchemaRecord {
        region: None,
        role_arn: None,
        external_id: None,
        history: History::NotShared,
        created_at: None,
        ..schema("S", "alone")
    };
    provider.locate_schema(&schema("s", "BOTH")).await.unwrap();
    provider.locate_schema(&plain).await.unwrap();
    exists(provider.locate_schema(&schema("s", "Alone")).await.map_err(spelt_low), "place of schema 's.alone'");
    // The schema's first spelling stays, and so does its table.
    let both = SchemaRecord { location: "s3://places/BOTH".into(), ..schema("S", "Both") };
    assert_eq!(provider.located_schemas(&share_name("s")).await.unwrap(), [plain, both.clone()]);
    assert_eq!(provider.tables(&share_name("s")).await.unwrap(), [table("S/Both/t")]);
    assert_eq!(provider.located_schemas(&share_name("none")).await.unwrap(), []);
    missing(provider.locate_schema(&schema("none", "a")).await, "share 'none'");
    missing(provider.unlocate_schema(&share_name("none"), &schema_name("a")).await, "share 'none'");
    missing(provider.unlocate_schema(&share_name("s"), &schema_name("a")).await, "place of schema 's.a'");
    let nowhere = SchemaRecord { location: "http://a/b".into(), ..schema("s", "x") };
    assert!(matches!(provider.locate_schema(&nowhere).await, Err(WriteError::Refused(_))));
    let roleless = SchemaRecord { role_arn: None, ..schema("s", "x") };
    assert!(matches!(provider.locate_schema(&roleless).await, Err(WriteError::Refused(_))));

    let copy = EmbeddedProviderCatalog::copy_of(provider.as_ref()).await.unwrap();
    assert_eq!(copy.located_schemas(&share_name("S")).await.unwrap().len(), 2);
    provider.unlocate_schema(&share_name("s"), &schema_name("alone")).await.unwrap();
    assert_eq!(provider.located_schemas(&share_name("S")).await.unwrap(), [both]);
}

/// One catalogue keeps the spelling of the first, another that of the last.
fn spelt_low(error: WriteError) -> WriteError {
    match error {
        WriteError::Exists { what } => WriteError::Exists { what: what.to_lowercase() },
        other => other,
    }
}

async fn schemas_of(backend: &Backend, to: &Recipient) -> Vec<String> {
    let page = backend.reads().list_schemas(to, "s", None, 10).await.unwrap();
    page.items.iter().map(|schema| schema.name.as_str().to_owned()).collect()
}

async fn a_schema_is_there_while_it_has_a_place_or_a_table(backend: &Backend) {
    let provider = &backend.provider;
    let ada = backend.with_recipient("ada").await;
    backend.with_share("s").await;
    backend.grant("s", "ada").await;
    let (s, eu) = (share_name("s"), schema_name("eu"));
    provider.locate_schema(&schema("s", "eu")).await.unwrap();
    assert_eq!(schemas_of(backend, &ada).await, ["eu"]);
    assert!(backend.reads().list_tables(&ada, "s", "eu", None, 10).await.unwrap().items.is_empty());
    for name in ["s/eu/t", "s/eu/u"] {
        backend.with_table(name).await;
    }
    for name in ["t", "u"] {
        provider.remove_table(&s, &eu, &table_name(name)).await.unwrap();
    }
    assert_eq!(schemas_of(backend, &ada).await, ["eu"], "the last table took the place with it");
    backend.with_table("s/eu/t").await;
    provider.unlocate_schema(&s, &eu).await.unwrap();
    assert_eq!(schemas_of(backend, &ada).await, ["eu"], "the place took a table with it");
    assert!(backend.reads().located_schema(&ada, "s", "eu").await.unwrap().is_none());
    provider.remove_table(&s, &eu, &table_name("t")).await.unwrap();
    assert!(schemas_of(backend, &ada).await.is_empty());
    provider.locate_schema(&schema("s", "eu")).await.unwrap();
    provider.unlocate_schema(&s, &eu).await.unwrap();
    assert!(schemas_of(backend, &ada).await.is_empty());
}

async fn a_place_is_seen_by_whom_the_share_was_granted(backend: &Backend) {
    let provider = &backend.provider;
    let (ada, bob) = (backend.with_recipient("ada").await, backend.with_recipient("bob").await);
    let made = backend.with_share("s").await;
    backend.with_table("s/plain/t").await;
    provider.locate_schema(&schema("s", "EU")).await.unwrap();
    let window = Window { from: None, until: Some(TimestampMs::new(9_000_000_000_000)) };
    provider.grant(&share_name("s"), &recipient_name("ada"), window, TimestampMs::new(1)).await.unwrap();
    let found = backend.reads().located_schema(&ada, "S", "eu").await.unwrap().unwrap();
    assert_eq!((found.name.as_str(), &found.share_id, found.window), ("EU", &made.id, window));
    assert_eq!((found.location.bucket(), found.location.prefix()), ("places", "EU"));
    assert_eq!(found.history, schema("s", "EU").history);
    let role = DataRole { arn: "arn:aws:iam::000000000000:role/r".into(), external_id: Some("x".into()) };
    assert!(found.location.reach().role == Some(role));
    assert_eq!(found.location.reach().region.as_deref(), Some("eu-west-1"));
    for (to, share, schema) in
        [(&bob, "s", "eu"), (&ada, "none", "eu"), (&ada, "s", "none"), (&ada, "s", "plain"), (&ada, "s", "a/b")]
    {
        assert!(backend.reads().located_schema(to, share, schema).await.unwrap().is_none(), "{share}.{schema}");
    }
    // Neither after the grant has ended, nor once it is taken back.
    let ended = Window { from: None, until: Some(TimestampMs::new(1_000)) };
    provider.set_grant_window(&share_name("s"), &recipient_name("ada"), ended).await.unwrap();
    assert!(backend.reads().located_schema(&ada, "s", "eu").await.unwrap().is_none());
    provider.revoke(&share_name("s"), &recipient_name("ada")).await.unwrap();
    assert!(backend.reads().located_schema(&ada, "s", "eu").await.unwrap().is_none());
}

async fn what_was_noted_is_listed_and_told_from_what_was_named(backend: &Backend) {
    let provider = &backend.provider;
    let ada = backend.with_recipient("ada").await;
    backend.with_share("s").await;
    backend.grant("s", "ada").await;
    provider.locate_schema(&schema("s", "eu")).await.unwrap();
    let noted = TableRecord { origin: Origin::Found, look: None, comment: None, ..table("s/eu/noted") };
    provider.add_table(&noted).await.unwrap();
    backend.with_table("s/eu/named").await;
    assert_eq!(provider.tables(&share_name("s")).await.unwrap(), [table("s/eu/named"), noted]);
    let listed = backend.reads().list_tables(&ada, "s", "eu", None, 10).await.unwrap();
    assert_eq!(listed.items.iter().map(|table| table.name.as_str()).collect::<Vec<_>>(), ["named", "noted"]);
    assert!(backend.reads().find_table(&ada, "s", "eu", "NOTED").await.is_ok());
}

async fn a_place_goes_with_its_share(backend: &Backend) {
    let provider = &backend.provider;
    let ada = backend.with_recipient("ada").await;
    backend.with_share("s").await;
    provider.locate_schema(&schema("s", "eu")).await.unwrap();
    provider.delete_share(&share_name("s"), Deletion::OnlyIfUnused).await.unwrap();
    assert_eq!(provider.located_schemas(&share_name("s")).await.unwrap(), []);
    provider.create_share(&share("s", "another")).await.unwrap();
    backend.grant("s", "ada").await;
    assert!(schemas_of(backend, &ada).await.is_empty());
    assert!(backend.reads().located_schema(&ada, "s", "eu").await.unwrap().is_none());
}
