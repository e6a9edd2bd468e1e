//! Tokens in secrets of their recipients, and the keyring in a secret.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

use aws_credential_types::Credentials;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::{BehaviorVersion, Region};
use futures::future::BoxFuture;
use shared::auth::Tokens;
use shared::auth::keyring::secret::KeyringSecret;
use shared::auth::keyring::{KeyId, Keyrings};
use shared::auth::mint::MintTokens;
use shared::auth::secrets::SecretTokenStore;
use shared::auth::stored::TokenStore;
use shared::catalog::write::{RecipientRecord, TokenRecord, WriteError};
use shared::error::chain;
use tests::emulator::Emulator;
use tests::server::HandClock;

use super::{Bench, Given, NOW_SECS, Place, in_secs, keeps_the_contract, new_recipient, record_of, rules};

struct InSecrets {
    client: Client,
    store: SecretTokenStore,
    /// What the names of this test's secrets begin with.
    prefix: String,
    /// Runs as long as a test needs it.
    _emulator: Arc<Emulator>,
}

impl InSecrets {
    /// None when there is no emulator, which it has said.
    fn start() -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let emulator = Emulator::shared()?;
        let config = aws_sdk_secretsmanager::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "tests"))
            .endpoint_url(emulator.endpoint())
            .build();
        let client = Client::from_conf(config);
        let prefix = format!("tokens-{}/", NUMBER.fetch_add(1, Ordering::SeqCst));
        Some(Self { store: SecretTokenStore::new(client.clone(), &prefix), client, prefix, _emulator: emulator })
    }

    /// Gives the recipient another token, with grace for the one before.
    async fn rotated(&self, bench: &Bench<'_>, given: &Given, grace_secs: i64) -> Result<Given, WriteError> {
        let minted = bench.mint.for_recipient(&given.recipient.id).mint().await.unwrap();
        let record = record_of(&minted, &given.recipient);
        self.store.put_token(&given.recipient, &record, in_secs(grace_secs)).await?;
        Ok(Given { token: minted.token, recipient: given.recipient.clone(), record })
    }
}

impl Place for InSecrets {
    fn store(&self) -> Arc<dyn TokenStore> {
        Arc::new(self.store.clone())
    }

    fn write<'a>(&'a self, recipient: &'a RecipientRecord, token: &'a TokenRecord) -> BoxFuture<'a, ()> {
        Box::pin(async { self.store.put_token(recipient, token, None).await.unwrap() })
    }
}

#[tokio::test]
async fn tokens_in_secrets_keep_the_contract() {
    let Some(place) = InSecrets::start() else { return };
    keeps_the_contract(&place).await;
    a_rotated_token_is_good_until_its_grace_ends(&place).await;
    without_grace_a_rotated_token_ends_at_once(&place).await;
    disabling_ends_every_token_and_enabling_brings_the_grace_back(&place).await;
    writing_the_same_again_changes_nothing(&place).await;
    two_operators_do_not_lose_each_others_change(&place).await;
    what_does_not_belong_is_refused(&place).await;
    rules_are_the_secrets_whatever_a_rotation_believes(&place).await;
    a_deleted_recipients_token_is_nobodys(&place).await;
    a_secret_that_is_not_known_lets_nobody_in(&place).await;
}

async fn a_rotated_token_is_good_until_its_grace_ends(place: &InSecrets) {
    let bench = Bench::over(place);
    let first = bench.given(|_, _| {}).await;
    let second = place.rotated(&bench, &first, 3).await.unwrap();
    let mut seen = Vec::new();
    for _ in 0..5 {
        seen.push((bench.lets_in(&first.token).await, bench.lets_in(&second.token).await));
        bench.advance_secs(1);
    }
    assert_eq!(seen, [(true, true), (true, true), (true, true), (false, true), (false, true)]);

    let third = place.rotated(&bench, &second, 1000).await.unwrap();
    bench.advance_secs(60);
    assert!(!bench.lets_in(&first.token).await && bench.lets_in(&second.token).await);
    assert!(bench.lets_in(&third.token).await);
}

async fn without_grace_a_rotated_token_ends_at_once(place: &InSecrets) {
    let bench = Bench::over(place);
    let first = bench.given(|_, _| {}).await;
    let minted = bench.mint.for_recipient(&first.recipient.id).mint().await.unwrap();
    place.write(&first.recipient, &record_of(&minted, &first.recipient)).await;
    assert!(!bench.lets_in(&first.token).await && bench.lets_in(&minted.token).await);
}

async fn disabling_ends_every_token_and_enabling_brings_the_grace_back(place: &InSecrets) {
    let bench = Bench::over(place);
    let first = bench.given(|_, _| {}).await;
    let second = place.rotated(&bench, &first, 1000).await.unwrap();
    for _ in 0..2 {
        place.store.disable(&first.recipient.id).await.unwrap();
    }
    assert!(!bench.lets_in(&first.token).await && !bench.lets_in(&second.token).await);
    for _ in 0..2 {
        place.store.enable(&first.recipient.id).await.unwrap();
    }
    bench.advance_secs(10);
    assert!(bench.lets_in(&first.token).await && bench.lets_in(&second.token).await);
}

async fn writing_the_same_again_changes_nothing(place: &InSecrets) {
    let bench = Bench::over(place);
    let first = bench.given(|_, _| {}).await;
    let second = place.rotated(&bench, &first, 1000).await.unwrap();
    for _ in 0..3 {
        place.store.put_token(&second.recipient, &second.record, in_secs(1000)).await.unwrap();
    }
    assert!(bench.lets_in(&first.token).await && bench.lets_in(&second.token).await);

    let other_hash = TokenRecord { hash: "0".repeat(64), ..second.record };
    let refused = place.store.put_token(&second.recipient, &other_hash, None).await;
    assert!(matches!(refused, Err(WriteError::Exists { .. })), "{refused:?}");
}

async fn two_operators_do_not_lose_each_others_change(place: &InSecrets) {
    let bench = Bench::over(place);
    for _ in 0..5 {
        let first = bench.given(|_, _| {}).await;
        let (one, other) = futures::join!(place.rotated(&bench, &first, 1000), place.rotated(&bench, &first, 1000));
        let written: Vec<Given> = [one, other]
            .into_iter()
            .filter_map(|outcome| match outcome {
                Ok(given) => Some(given),
                Err(WriteError::Conflict { .. }) => None,
                Err(other) => panic!("{other:?}"),
            })
            .collect();
        assert!(!written.is_empty());
        for given in written {
            assert!(bench.lets_in(&given.token).await, "a token that was said to be written is lost");
        }
    }
}

async fn what_does_not_belong_is_refused(place: &InSecrets) {
    let bench = Bench::over(place);
    let recipient = new_recipient();
    let for_another = bench.mint.mint().await.unwrap();
    let plain = TokenRecord { key_id: None, ..record_of(&for_another, &recipient) };
    for record in [record_of(&for_another, &recipient), plain] {
        let refused = place.store.put_token(&recipient, &record, None).await;
        assert!(matches!(refused, Err(WriteError::Refused(_))), "{refused:?}");
    }
    assert!(matches!(place.store.disable(&recipient.id).await, Err(WriteError::Missing { .. })));
}

async fn a_deleted_recipients_token_is_nobodys(place: &InSecrets) {
    let bench = Bench::over(place);
    let given = bench.given(|_, _| {}).await;
    for _ in 0..2 {
        place.store.delete(&given.recipient.id).await.unwrap();
    }
    assert!(!bench.lets_in(&given.token).await);
    let refused = place.store.put_token(&given.recipient, &given.record, None).await;
    assert!(matches!(refused, Err(WriteError::Refused(_) | WriteError::Conflict { .. })), "{refused:?}");
}

async fn a_secret_that_is_not_known_lets_nobody_in(place: &InSecrets) {
    let bench = Bench::over(place);
    let given = bench.given(|_, _| {}).await;
    let name = format!("{}{}", place.prefix, &given.record.id[..14]);
    place.client.put_secret_value().secret_id(name).secret_string(r#"{"formatVersion":2}"#).send().await.unwrap();
    let error = bench.tokens.holder_of(&given.token).await.unwrap_err();
    assert!(!chain(&error).contains("formatVersion"), "{}", chain(&error));
}

fn document(current: u8, keys: &[u8]) -> String {
    let keys: String = keys.iter().map(|key| format!(r#","k{key}":"{}""#, format!("{key}").repeat(40))).collect();
    format!(r#"{{"current":"k{current}"{keys}}}"#)
}

#[tokio::test]
async fn the_keyring_in_a_secret_is_read_seldom_and_follows_its_rotation() {
    let Some(place) = InSecrets::start() else { return };
    let (secrets, name) = (&place.client, format!("{}keyring", place.prefix));
    let key = |number| KeyId::new(number).unwrap();
    let clock = Arc::new(HandClock(AtomicI64::new(NOW_SECS * 1000)));
    let keyring = KeyringSecret::new(secrets.clone(), &name, Arc::clone(&clock) as _);
    let error = keyring.current().await.unwrap_err();
    assert!(chain(&error).contains("ResourceNotFoundException"), "{}", chain(&error));

    secrets.create_secret().name(&name).secret_string(document(1, &[1])).send().await.unwrap();
    assert_eq!(keyring.current().await.unwrap().id(), key(1));

    // An unfinished rotation is no one's keyring yet.
    let pending = secrets.put_secret_value().secret_id(&name).secret_string(document(2, &[1, 2]));
    let pending = pending.version_stages("AWSPENDING").send().await.unwrap();
    clock.0.fetch_add(10_000, Ordering::SeqCst);
    assert!(keyring.with_key(key(2)).await.unwrap().is_none());

    let current = secrets.get_secret_value().secret_id(&name).version_stage("AWSCURRENT").send().await.unwrap();
    secrets
        .update_secret_version_stage()
        .secret_id(&name)
        .version_stage("AWSCURRENT")
        .remove_from_version_id(current.version_id().unwrap())
        .move_to_version_id(pending.version_id().unwrap())
        .send()
        .await
        .unwrap();
    assert!(keyring.with_key(key(2)).await.unwrap().is_none(), "read moments ago");
    clock.0.fetch_add(10_000, Ordering::SeqCst);
    assert!(keyring.with_key(key(2)).await.unwrap().is_some());
    assert!(keyring.with_key(key(1)).await.unwrap().is_some());
    assert_eq!(keyring.current().await.unwrap().id(), key(2));

    // A keyring that someone spoilt: the last good one serves on, for its time.
    secrets.put_secret_value().secret_id(&name).secret_string("{}").send().await.unwrap();
    clock.0.fetch_add(300_000, Ordering::SeqCst);
    assert_eq!(keyring.current().await.unwrap().id(), key(2));
    clock.0.fetch_add(3_600_000, Ordering::SeqCst);
    assert!(keyring.current().await.is_err());
}

async fn rules_are_the_secrets_whatever_a_rotation_believes(place: &InSecrets) {
    let bench = Bench::over(place);
    let given = bench.given(|_, _| {}).await;
    place.store.set_rules(&given.recipient.id, &rules()).await.unwrap();
    // The record that a rotation is made with may be from before.
    assert!(given.recipient.rules.is_empty());
    let rotated = place.rotated(&bench, &given, 60).await.unwrap();
    for token in [&given.token, &rotated.token] {
        assert_eq!(bench.tokens.holder_of(token).await.unwrap().unwrap().rules, rules());
    }
}
