//! What every store of tokens must do behind `StoredTokens`, and the keyring beside them: in memory, in DynamoDB and in
//! Secrets Manager. The latter two need the emulator.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures::future::BoxFuture;
use shared::auth::Tokens;
use shared::auth::keyring::{FixedKeyring, Key, KeyId, Keyring, Keyrings};
use shared::auth::mint::{KeyringMint, MintTokens, MintedToken};
use shared::auth::stored::{StoredToken, StoredTokens, TokenStore};
use shared::auth::token::{self, TokenId};
use shared::catalog::write::{RecipientRecord, Status, TokenRecord};
use shared::error::Error;
use shared::model::name::RecipientName;
use shared::model::network::Network;
use shared::model::rule::RecipientRules;
use shared::model::version::TimestampMs;
use shared::secret::{Secret, TokenHash};
use tests::server::HandClock;

mod dynamo;
mod secrets;

const NOW_SECS: i64 = 1_770_000_000;

/// A store and the pen of its provider.
trait Place: Send + Sync {
    fn store(&self) -> Arc<dyn TokenStore>;
    /// Writes a recipient and its token as they are now, whether or not they were there.
    fn write<'a>(&'a self, recipient: &'a RecipientRecord, token: &'a TokenRecord) -> BoxFuture<'a, ()>;
}

#[derive(Default)]
struct InMemory(Arc<Held>);

#[derive(Default)]
struct Held(Mutex<HashMap<String, StoredToken>>);

impl Place for InMemory {
    fn store(&self) -> Arc<dyn TokenStore> {
        Arc::clone(&self.0) as _
    }

    fn write<'a>(&'a self, recipient: &'a RecipientRecord, token: &'a TokenRecord) -> BoxFuture<'a, ()> {
        let stored = StoredToken {
            hash: TokenHash::from_hex(&token.hash).unwrap(),
            key_id: KeyId::new(token.key_id.unwrap()).unwrap(),
            not_before: token.not_before,
            expires_at: token.expires_at,
            active: token.status == Status::Active,
            recipient_id: recipient.id.clone(),
            recipient_name: recipient.name.as_str().to_owned(),
            recipient_active: recipient.status == Status::Active,
            rules: recipient.rules.clone(),
        };
        self.0.0.lock().unwrap().insert(token.id.clone(), stored);
        Box::pin(async {})
    }
}

#[async_trait::async_trait]
impl TokenStore for Held {
    async fn find(&self, token_id: &str, _consistent: bool) -> Result<Option<StoredToken>, Error> {
        Ok(self.0.lock().unwrap().get(token_id).cloned())
    }
}

/// Counts what a store is asked.
struct Counted {
    store: Arc<dyn TokenStore>,
    asked: AtomicUsize,
}

#[async_trait::async_trait]
impl TokenStore for Counted {
    async fn find(&self, token_id: &str, consistent: bool) -> Result<Option<StoredToken>, Error> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.store.find(token_id, consistent).await
    }
}

/// A server's tokens over a place, at a time that the test sets.
struct Bench<'a> {
    place: &'a dyn Place,
    counted: Arc<Counted>,
    clock: Arc<HandClock>,
    tokens: StoredTokens,
    mint: KeyringMint,
}

impl<'a> Bench<'a> {
    fn over(place: &'a dyn Place) -> Self {
        let keyrings: Arc<dyn Keyrings> = Arc::new(FixedKeyring::new(keyring()));
        let counted = Arc::new(Counted { store: place.store(), asked: AtomicUsize::new(0) });
        let clock = Arc::new(HandClock(AtomicI64::new(NOW_SECS * 1000)));
        let tokens = StoredTokens::new(Arc::clone(&counted) as _, Arc::clone(&keyrings), Arc::clone(&clock) as _);
        Self { place, counted, clock, tokens, mint: KeyringMint::new(keyrings) }
    }

    fn advance_secs(&self, secs: i64) {
        self.clock.0.fetch_add(secs * 1000, Ordering::SeqCst);
    }

    fn asked(&self) -> usize {
        self.counted.asked.load(Ordering::SeqCst)
    }

    async fn lets_in(&self, token: &Secret) -> bool {
        self.tokens.holder_of(token).await.unwrap().is_some()
    }

    /// Gives a new recipient a token, after a change to what is written.
    async fn given(&self, change: impl FnOnce(&mut RecipientRecord, &mut TokenRecord)) -> Given {
        let mut recipient = new_recipient();
        let minted = self.mint.for_recipient(&recipient.id).mint().await.unwrap();
        let mut record = record_of(&minted, &recipient);
        change(&mut recipient, &mut record);
        self.place.write(&recipient, &record).await;
        Given { token: minted.token, recipient, record }
    }
}

/// What makes a token other than good.
type Change = fn(&mut RecipientRecord, &mut TokenRecord);

struct Given {
    token: Secret,
    recipient: RecipientRecord,
    record: TokenRecord,
}

fn keyring() -> Keyring {
    let text = "a text that nobody guesses, long enough";
    Keyring::parse(&Secret::new(format!(r#"{{"current":"k2","k1":"{text}","k2":"{text}"}}"#))).unwrap()
}

/// A recipient that no other test has.
fn new_recipient() -> RecipientRecord {
    let id = TokenId::random().unwrap().to_string();
    RecipientRecord {
        name: RecipientName::parse(&format!("Étude-{id}")).unwrap(),
        id,
        comment: None,
        status: Status::Active,
        rules: RecipientRules::default(),
        created_at: None,
    }
}

fn record_of(minted: &MintedToken, recipient: &RecipientRecord) -> TokenRecord {
    TokenRecord {
        id: minted.id.clone(),
        recipient_id: recipient.id.clone(),
        hash: minted.hash.clone(),
        key_id: minted.key_id,
        not_before: None,
        expires_at: None,
        status: Status::Active,
        created_at: Some(TimestampMs::new(NOW_SECS * 1000)),
    }
}

fn in_secs(secs: i64) -> Option<TimestampMs> {
    Some(TimestampMs::new((NOW_SECS + secs) * 1000))
}

/// Every clause of the contract, over one place.
async fn keeps_the_contract(place: &dyn Place) {
    a_good_token_is_its_recipients(place).await;
    every_other_token_is_nobodys(place).await;
    times_are_kept_to_the_second(place).await;
    a_change_shows_within_the_bound(place).await;
    garbage_costs_no_question(place).await;
}

async fn a_good_token_is_its_recipients(place: &dyn Place) {
    let bench = Bench::over(place);
    let given = bench.given(|_, _| {}).await;
    for _ in 0..3 {
        let holder = bench.tokens.holder_of(&given.token).await.unwrap().unwrap();
        assert_eq!(holder.recipient_id, given.recipient.id);
        assert_eq!(holder.recipient_name, given.recipient.name.as_str());
        assert_eq!(holder.token_id.as_deref(), Some(given.record.id.as_str()));
        assert!(holder.rules.is_empty());
    }
    assert_eq!(bench.asked(), 1);
    let given = bench.given(|recipient, _| recipient.rules = rules()).await;
    assert_eq!(bench.tokens.holder_of(&given.token).await.unwrap().unwrap().rules, rules());
}

fn rules() -> RecipientRules {
    let mut rules = RecipientRules::default();
    rules.properties.insert("region".into(), "EU".into());
    rules.access.networks = vec![Network::parse("203.0.113.0/24").unwrap()];
    rules
}

async fn every_other_token_is_nobodys(place: &dyn Place) {
    let bench = Bench::over(place);
    let changes: [(&str, Change); 7] = [
        ("expired", |_, token| token.expires_at = in_secs(0)),
        ("not yet valid", |_, token| token.not_before = in_secs(1)),
        ("revoked", |_, token| token.status = Status::Disabled),
        ("of a disabled recipient", |recipient, _| recipient.status = Status::Disabled),
        ("with another hash", |_, token| token.hash = "0".repeat(64)),
        ("hashed under another key", |_, token| token.key_id = Some(1)),
        ("expired long ago", |_, token| token.expires_at = Some(TimestampMs::new(0))),
    ];
    for (what, change) in changes {
        let given = bench.given(change).await;
        assert!(!bench.lets_in(&given.token).await, "a token that is {what} lets in");
    }

    let given = bench.given(|_, _| {}).await;
    assert!(bench.lets_in(&given.token).await);
    let id = TokenId::parse(&given.record.id).unwrap();
    let key = |number| keyring().key(KeyId::new(number).unwrap()).unwrap().clone();
    let stranger = Key::derived(KeyId::new(9).unwrap(), &Secret::new("x"), &Secret::new("x")).unwrap();
    let never_written = TokenId::of_recipient(&given.recipient.id).unwrap();
    let others = [
        ("a wrong secret", token::make(&key(2), id)),
        ("another key", token::make(&key(1), id)),
        ("an unknown key", token::make(&stranger, id)),
        ("an unknown id", token::make(&key(2), TokenId::random().unwrap())),
        ("an unknown id of a known recipient", token::make(&key(2), never_written)),
    ];
    for (what, made) in others {
        assert!(!bench.lets_in(&made.unwrap().0).await, "a token with {what} lets in");
    }
    assert!(bench.lets_in(&given.token).await);
}

async fn times_are_kept_to_the_second(place: &dyn Place) {
    let bench = Bench::over(place);
    let given = bench.given(|_, token| (token.not_before, token.expires_at) = (in_secs(2), in_secs(5))).await;
    let mut seen = Vec::new();
    for _ in 0..7 {
        seen.push(bench.lets_in(&given.token).await);
        bench.advance_secs(1);
    }
    assert_eq!(seen, [false, false, true, true, true, false, false]);
}

async fn a_change_shows_within_the_bound(place: &dyn Place) {
    let bench = Bench::over(place);
    let mut given = bench.given(|_, _| {}).await;
    assert!(bench.lets_in(&given.token).await);
    for (recipient, token) in [(Status::Disabled, Status::Active), (Status::Active, Status::Disabled)] {
        (given.recipient.status, given.record.status) = (recipient, token);
        place.write(&given.recipient, &given.record).await;
        bench.advance_secs(60);
        assert!(!bench.lets_in(&given.token).await, "recipient {recipient:?}, token {token:?}");
        (given.recipient.status, given.record.status) = (Status::Active, Status::Active);
        place.write(&given.recipient, &given.record).await;
        bench.advance_secs(10);
        assert!(bench.lets_in(&given.token).await, "active again");
    }
}

async fn garbage_costs_no_question(place: &dyn Place) {
    let bench = Bench::over(place);
    let given = bench.given(|_, _| {}).await;
    let genuine = given.token.reveal();
    let mut garbage: Vec<String> = (0..genuine.len()).map(|length| genuine[..length].to_owned()).collect();
    garbage.extend((0..300).map(|length| "x".repeat(length)));
    garbage.extend((0..300).map(|length| format!("{}{}", token::PREFIX, "A".repeat(length))));
    garbage.extend((1..9).map(|more| format!("{genuine}{}", "A".repeat(more))));
    garbage.push(format!("{genuine}="));
    garbage.push(token::generate().unwrap().reveal().to_owned());
    garbage.push("é".repeat(73));
    for at in token::PREFIX.len()..genuine.len() {
        let other = if &genuine[at..=at] == "A" { "B" } else { "A" };
        garbage.push(format!("{}{other}{}", &genuine[..at], &genuine[at + 1..]));
    }
    for text in garbage {
        assert!(!bench.lets_in(&Secret::new(text.clone())).await, "{text}");
    }
    assert_eq!(bench.asked(), 0);
}

#[tokio::test]
async fn tokens_in_memory_keep_the_contract() {
    keeps_the_contract(&InMemory::default()).await;
}
