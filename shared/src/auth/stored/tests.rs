//! What is remembered and for how long, over a store that counts what it is asked.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::auth::keyring::{FixedKeyring, Keyring};
use crate::auth::token::{self, TokenId};
use crate::clock::HandClock;

const START_SECS: i64 = 1_000_000;

/// A store in memory that counts what it is asked, and shows some tokens to consistent readers only.
#[derive(Default)]
struct Store {
    tokens: Mutex<HashMap<String, StoredToken>>,
    late: Mutex<HashMap<String, StoredToken>>,
    failing: std::sync::atomic::AtomicBool,
    asked: AtomicUsize,
}

#[async_trait]
impl TokenStore for Store {
    async fn find(&self, token_id: &str, consistent: bool) -> Result<Option<StoredToken>, Error> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.failing.load(Ordering::SeqCst) {
            return Err(Error::StorageUnavailable("no answer".into()));
        }
        let late = if consistent { self.late.lock().unwrap().get(token_id).cloned() } else { None };
        Ok(self.tokens.lock().unwrap().get(token_id).cloned().or(late))
    }
}

struct Bench {
    store: Arc<Store>,
    clock: Arc<HandClock>,
    tokens: StoredTokens,
    keyring: Keyring,
}

impl Bench {
    fn new() -> Self {
        let text = "a text that nobody guesses, long enough";
        let keyring =
            Keyring::parse(&Secret::new(format!(r#"{{"current":"k1","k1":"{text}","k2":"{text}"}}"#))).unwrap();
        let (store, clock) = (Arc::new(Store::default()), HandClock::at_secs(START_SECS));
        let keyrings = Arc::new(FixedKeyring::new(keyring.clone()));
        let tokens = StoredTokens::new(Arc::clone(&store) as _, keyrings, Arc::clone(&clock) as _);
        Self { store, clock, tokens, keyring }
    }

    /// A token, and what a store keeps of it.
    fn made(&self) -> (Secret, String, StoredToken) {
        let id = TokenId::random().unwrap();
        let (token, hash) = token::make(self.keyring.current(), id).unwrap();
        let stored = StoredToken {
            hash,
            key_id: self.keyring.current().id(),
            not_before: None,
            expires_at: None,
            active: true,
            recipient_id: "r1".into(),
            recipient_name: "One".into(),
            recipient_active: true,
            rules: RecipientRules::default(),
        };
        (token, id.to_string(), stored)
    }

    fn given(&self, change: impl FnOnce(&mut StoredToken)) -> (Secret, String) {
        let (token, id, mut stored) = self.made();
        change(&mut stored);
        self.store.tokens.lock().unwrap().insert(id.clone(), stored);
        (token, id)
    }

    fn change(&self, id: &str, change: impl FnOnce(&mut StoredToken)) {
        change(self.store.tokens.lock().unwrap().get_mut(id).unwrap());
    }

    async fn lets_in(&self, token: &Secret) -> bool {
        self.tokens.holder_of(token).await.unwrap().is_some()
    }

    fn asked(&self) -> usize {
        self.store.asked.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn a_good_token_is_its_recipients() {
    let bench = Bench::new();
    let (token, id) = bench.given(|_| {});
    let holder = bench.tokens.holder_of(&token).await.unwrap().unwrap();
    let rules = RecipientRules::default();
    let wanted = Holder { recipient_id: "r1".into(), recipient_name: "One".into(), token_id: Some(id), rules };
    assert_eq!(holder, wanted);
}

#[tokio::test]
async fn the_store_is_asked_once_a_minute() {
    let bench = Bench::new();
    let (token, _) = bench.given(|_| {});
    for _ in 0..5 {
        assert!(bench.lets_in(&token).await);
    }
    bench.clock.advance_secs(TOKEN_BELIEVED_SECS - 1);
    assert!(bench.lets_in(&token).await);
    assert_eq!(bench.asked(), 1);
    bench.clock.advance_secs(1);
    assert!(bench.lets_in(&token).await);
    assert_eq!(bench.asked(), 2);
}

#[tokio::test]
async fn a_revoked_token_and_a_disabled_recipient_end_within_the_bound() {
    let changes: [fn(&mut StoredToken); 2] = [|stored| stored.active = false, |stored| stored.recipient_active = false];
    for change in changes {
        let bench = Bench::new();
        let (token, id) = bench.given(|_| {});
        assert!(bench.lets_in(&token).await);
        bench.change(&id, change);
        bench.clock.advance_secs(TOKEN_BELIEVED_SECS);
        assert!(!bench.lets_in(&token).await);
    }
}

#[tokio::test]
async fn a_token_made_good_again_works_within_the_shorter_bound() {
    let bench = Bench::new();
    let (token, id) = bench.given(|stored| stored.recipient_active = false);
    assert!(!bench.lets_in(&token).await);
    bench.change(&id, |stored| stored.recipient_active = true);
    assert!(!bench.lets_in(&token).await);
    assert_eq!(bench.asked(), 1);
    bench.clock.advance_secs(TOKEN_REFUSED_SECS);
    assert!(bench.lets_in(&token).await);
}

#[tokio::test]
async fn times_are_looked_at_every_time() {
    let bench = Bench::new();
    let at = |secs: i64| Some(TimestampMs::new((START_SECS + secs) * 1000));
    let (token, _) = bench.given(|stored| (stored.not_before, stored.expires_at) = (at(2), at(8)));
    let mut seen = Vec::new();
    for _ in 0..10 {
        seen.push(bench.lets_in(&token).await);
        bench.clock.advance_secs(1);
    }
    assert_eq!(seen, [false, false, true, true, true, true, true, true, false, false]);
    assert_eq!(bench.asked(), 1);
}

#[tokio::test]
async fn a_remembered_id_does_not_let_another_secret_in() {
    let bench = Bench::new();
    let (token, id) = bench.given(|_| {});
    assert!(bench.lets_in(&token).await);
    let id = TokenId::parse(&id).unwrap();
    let (same_id, _) = token::make(bench.keyring.current(), id).unwrap();
    assert!(!bench.lets_in(&same_id).await);
    let (other_key, _) = token::make(bench.keyring.key(KeyId::new(2).unwrap()).unwrap(), id).unwrap();
    assert!(!bench.lets_in(&other_key).await);
    assert!(bench.lets_in(&token).await);
    assert_eq!(bench.asked(), 1);
}

#[tokio::test]
async fn a_hash_under_another_key_is_not_the_tokens() {
    let bench = Bench::new();
    let (token, _) = bench.given(|stored| stored.key_id = KeyId::new(2).unwrap());
    assert!(!bench.lets_in(&token).await);
}

#[tokio::test]
async fn a_token_made_moments_ago_is_found() {
    let bench = Bench::new();
    let (token, id, stored) = bench.made();
    bench.store.late.lock().unwrap().insert(id, stored);
    assert!(bench.lets_in(&token).await);
    assert_eq!(bench.asked(), 2);
}

#[tokio::test]
async fn an_unknown_token_is_asked_for_seldom_and_found_once_it_is_there() {
    let bench = Bench::new();
    let (token, id, stored) = bench.made();
    for _ in 0..5 {
        assert!(!bench.lets_in(&token).await);
    }
    assert_eq!(bench.asked(), 2);
    bench.store.tokens.lock().unwrap().insert(id, stored);
    bench.clock.advance_secs(TOKEN_REFUSED_SECS);
    assert!(bench.lets_in(&token).await);
}

#[tokio::test]
async fn a_failing_store_lets_nobody_in_and_is_not_remembered() {
    let bench = Bench::new();
    let (token, _) = bench.given(|_| {});
    bench.store.failing.store(true, Ordering::SeqCst);
    assert!(matches!(bench.tokens.holder_of(&token).await, Err(Error::StorageUnavailable(_))));
    bench.store.failing.store(false, Ordering::SeqCst);
    assert!(bench.lets_in(&token).await);
    bench.store.failing.store(true, Ordering::SeqCst);
    assert!(bench.lets_in(&token).await, "known good");
    bench.clock.advance_secs(TOKEN_BELIEVED_SECS);
    assert!(bench.tokens.holder_of(&token).await.is_err());
}

#[tokio::test]
async fn garbage_costs_no_question() {
    let bench = Bench::new();
    let (token, _) = bench.given(|_| {});
    let genuine = token.reveal();
    let mut garbage: Vec<String> = (0..genuine.len()).map(|length| genuine[..length].to_owned()).collect();
    garbage.extend((0..3).map(|extra| format!("{genuine}{}", "A".repeat(4 * extra + 1))));
    garbage.extend((0..200).map(|length| "x".repeat(length)));
    garbage.push(token::generate().unwrap().reveal().to_owned());
    garbage.push(genuine.replacen("dss1_", "dss2_", 1));
    for text in garbage {
        assert!(!bench.lets_in(&Secret::new(text.clone())).await, "{text}");
    }
    assert_eq!(bench.asked(), 0);
}
