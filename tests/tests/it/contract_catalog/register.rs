//! What providers say beside sharing: comments, the end of all tokens, registered tables; and a copy to try changes on.

use shared::catalog::embedded::write::EmbeddedProviderCatalog;
use shared::catalog::register::{Look, RegisteredTable, TableRegister};
use shared::catalog::write::{Deletion, ProviderCatalog, Status, TokenRecord, WriteError};
use shared::model::version::TimestampMs;

use super::backends::*;
use super::write::{exists, missing};

on_every_catalogue!(
    a_shares_comment_is_changed_and_taken_away,
    every_token_of_a_recipient_ends,
    tables_are_registered_once_whatever_their_case,
    a_copy_holds_what_the_catalogue_holds,
);

async fn a_shares_comment_is_changed_and_taken_away(backend: &Backend) {
    let provider = &backend.provider;
    let written = backend.with_share("s").await;
    for comment in [Some("another"), None, None, Some("ünïcode")] {
        provider.set_share_comment(&share_name("S"), comment).await.unwrap();
        let found = provider.share(&share_name("s")).await.unwrap().unwrap();
        assert_eq!((found.comment.as_deref(), &found.id), (comment, &written.id));
    }
    missing(provider.set_share_comment(&share_name("none"), Some("x")).await, "share 'none'");
}

async fn every_token_of_a_recipient_ends(backend: &Backend) {
    let provider = &backend.provider;
    backend.with_recipient("ada").await;
    let second = token("id-of-ada", "second", 2);
    provider.rotate_token(&second, TimestampMs::new(5_000_000)).await.unwrap();
    provider.end_tokens(&recipient_name("ADA"), TimestampMs::new(9_000_000)).await.unwrap();
    let ends = |tokens: Vec<TokenRecord>| {
        tokens.into_iter().map(|token| token.expires_at.unwrap().millis()).collect::<Vec<_>>()
    };
    assert_eq!(ends(provider.tokens(&recipient_name("ada")).await.unwrap()), [5_000_000, 9_000_000]);
    provider.end_tokens(&recipient_name("ada"), TimestampMs::new(1_000_000)).await.unwrap();
    assert_eq!(ends(provider.tokens(&recipient_name("ada")).await.unwrap()), [1_000_000, 1_000_000]);
    missing(provider.end_tokens(&recipient_name("nobody"), TimestampMs::new(1)).await, "recipient 'nobody'");
}

fn registered(name: &str) -> RegisteredTable {
    RegisteredTable {
        name: table_name(name),
        location: format!("s3://bucket/{name}"),
        region: Some("eu-west-1".into()),
        role_arn: Some("arn:aws:iam::000000000000:role/r".into()),
        external_id: Some("x".into()),
        comment: Some("two wheels".into()),
        look: Look::LeftOut,
        created_at: Some(TimestampMs::new(8)),
    }
}

async fn tables_are_registered_once_whatever_their_case(backend: &Backend) {
    let provider = &backend.provider;
    let plain = RegisteredTable {
        region: None,
        role_arn: None,
        external_id: None,
        comment: None,
        look: Look::Taken,
        created_at: None,
        ..registered("a")
    };
    provider.register_table(&registered("Bikes")).await.unwrap();
    provider.register_table(&plain).await.unwrap();
    exists(provider.register_table(&registered("BIKES")).await, "registered table 'BIKES'");
    assert_eq!(provider.registered_tables().await.unwrap(), [plain, registered("Bikes")]);
    assert_eq!(provider.registered_table(&table_name("bikes")).await.unwrap(), Some(registered("Bikes")));
    assert_eq!(provider.registered_table(&table_name("bike")).await.unwrap(), None);
    provider.unregister_table(&table_name("bIKES")).await.unwrap();
    missing(provider.unregister_table(&table_name("Bikes")).await, "registered table 'Bikes'");
    assert_eq!(provider.registered_tables().await.unwrap().len(), 1);
    let nowhere = RegisteredTable { location: "http://a/b".into(), ..registered("c") };
    assert!(matches!(provider.register_table(&nowhere).await, Err(WriteError::Refused(_))));
}

async fn a_copy_holds_what_the_catalogue_holds(backend: &Backend) {
    let provider = &backend.provider;
    backend.with_share("s").await;
    backend.with_share("empty").await;
    backend.with_table("s/a/t").await;
    backend.with_recipient("ada").await;
    backend.grant("s", "ada").await;
    provider.set_recipient_status(&recipient_name("ada"), Status::Disabled).await.unwrap();
    provider.register_table(&registered("bikes")).await.unwrap();
    let copy = EmbeddedProviderCatalog::copy_of(provider.as_ref()).await.unwrap();
    assert_eq!(copy.shares().await.unwrap(), provider.shares().await.unwrap());
    assert_eq!(copy.tables(&share_name("s")).await.unwrap(), provider.tables(&share_name("s")).await.unwrap());
    assert_eq!(copy.recipients().await.unwrap(), provider.recipients().await.unwrap());
    let ada = recipient_name("ada");
    assert_eq!(copy.tokens(&ada).await.unwrap(), provider.tokens(&ada).await.unwrap());
    assert_eq!(copy.grants_to(&ada).await.unwrap(), provider.grants_to(&ada).await.unwrap());
    assert_eq!(copy.registered_tables().await.unwrap(), provider.registered_tables().await.unwrap());
    // What happens to the copy stays there.
    copy.delete_share(&share_name("s"), Deletion::WithDependents).await.unwrap();
    assert!(provider.share(&share_name("s")).await.unwrap().is_some());
}
