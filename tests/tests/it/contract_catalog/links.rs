//! Activation links: found as they were made, used up once, and gone with their time, token and recipient.

use std::sync::Arc;

use shared::auth::activation::{Links, TokenTimes};
use shared::catalog::write::{ActivationRecord, Status, WriteError};
use shared::model::version::TimestampMs;

use super::backends::{Backend, on_every_catalogue, recipient, recipient_name, token};

const ENDS: TimestampMs = TimestampMs::new(1_900_000_000_000);

fn hash(number: u8) -> String {
    format!("{number:064x}")
}

fn link(number: u8) -> ActivationRecord {
    ActivationRecord {
        hash: hash(number),
        recipient_id: "id-of-ada".into(),
        token_id: "id-of-ada-first".into(),
        sealed: Some("sealed".into()),
        expires_at: ENDS,
        created_at: Some(TimestampMs::new(1_800_000_000_000)),
    }
}

async fn add(backend: &Backend, number: u8) {
    backend.provider.add_activation(&link(number)).await.unwrap();
}

async fn a_link_is_found_as_it_was_made_and_hands_nothing_over_before_its_token_is_there(backend: &Backend) {
    let links = backend.links();
    assert_eq!(links.find(&hash(1)).await.unwrap(), None);
    add(backend, 1).await;
    assert_eq!(links.find(&hash(1)).await.unwrap().unwrap().token, None);
    backend.with_recipient("ada").await;
    let found = links.find(&hash(1)).await.unwrap().unwrap();
    assert_eq!((found.recipient_id.as_str(), found.recipient_name.as_str()), ("id-of-ada", "ada"));
    assert_eq!((found.token_id.as_str(), found.sealed.as_deref()), ("id-of-ada-first", Some("sealed")));
    assert_eq!((found.expires_at, found.used_at), (ENDS, None));
    assert_eq!(found.token, Some(TokenTimes { expires_at: None }));
    assert!(matches!(backend.provider.add_activation(&link(1)).await, Err(WriteError::Exists { .. })));
}

async fn of_many_at_once_one_uses_it_up(backend: &Backend) {
    backend.with_recipient("ada").await;
    for number in 1..4 {
        add(backend, number).await;
        let now = TimestampMs::new(1_850_000_000_000);
        let tried = (0..12).map(|_| {
            let links: Arc<dyn Links> = backend.links();
            tokio::spawn(async move { links.use_up(&hash(number), now).await.unwrap() })
        });
        let mut won = 0;
        for tried in tried.collect::<Vec<_>>() {
            won += usize::from(tried.await.unwrap());
        }
        assert_eq!(won, 1);
        let found = backend.links().find(&hash(number)).await.unwrap().unwrap();
        assert_eq!((found.used_at, found.sealed), (Some(now), None), "what was handed over is still there");
    }
}

async fn time_is_looked_at_when_it_is_used_up(backend: &Backend) {
    backend.with_recipient("ada").await;
    add(backend, 1).await;
    let links = backend.links();
    assert!(!links.use_up(&hash(1), ENDS).await.unwrap());
    assert!(!links.use_up(&hash(2), TimestampMs::new(1)).await.unwrap(), "there is no such link");
    assert_eq!(links.find(&hash(2)).await.unwrap(), None, "a link was made by using it up");
    assert!(links.use_up(&hash(1), TimestampMs::new(ENDS.millis() - 1)).await.unwrap());
    assert!(!links.use_up(&hash(1), TimestampMs::new(ENDS.millis() - 1)).await.unwrap());
}

async fn a_link_says_what_became_of_its_token_and_recipient(backend: &Backend) {
    backend.with_recipient("ada").await;
    add(backend, 1).await;
    let (provider, ada, links) = (&backend.provider, recipient_name("ada"), backend.links());
    let token_now = || async { links.find(&hash(1)).await.unwrap().unwrap().token };
    provider.set_recipient_status(&ada, Status::Disabled).await.unwrap();
    assert_eq!(token_now().await, None);
    provider.set_recipient_status(&ada, Status::Active).await.unwrap();
    provider.rotate_token(&token("id-of-ada", "second", 2), TimestampMs::new(7_000)).await.unwrap();
    assert_eq!(token_now().await, Some(TokenTimes { expires_at: Some(TimestampMs::new(7_000)) }));
    provider.delete_recipient(&ada).await.unwrap();
    assert_eq!(token_now().await, None);
    // A new recipient of the name has nothing to do with the old one's link.
    provider.create_recipient(&recipient("ada", "r-2"), &token("r-2", "first", 3)).await.unwrap();
    assert_eq!(token_now().await, None);
}

on_every_catalogue! {
    a_link_is_found_as_it_was_made_and_hands_nothing_over_before_its_token_is_there,
    of_many_at_once_one_uses_it_up,
    time_is_looked_at_when_it_is_used_up,
    a_link_says_what_became_of_its_token_and_recipient,
}
