//! Codes of both forms, and what becomes of a link, over links in memory that count what they are asked.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;

use super::*;
use crate::auth::keyring::{FixedKeyring, Keyring};
use crate::clock::HandClock;
use crate::model::network::Network;
use crate::model::rule::AccessList;

const START_SECS: i64 = 1_000_000;
const SECRET: &str = "a token that nobody may see";

#[derive(Default)]
struct Memory {
    links: Mutex<HashMap<String, StoredLink>>,
    asked: AtomicUsize,
}

#[async_trait]
impl Links for Memory {
    async fn find(&self, code_hash: &str) -> Result<Option<StoredLink>, Error> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        Ok(self.links.lock().unwrap().get(code_hash).cloned())
    }

    async fn use_up(&self, code_hash: &str, now: TimestampMs) -> Result<bool, Error> {
        let mut links = self.links.lock().unwrap();
        let Some(link) = links.get_mut(code_hash) else { return Ok(false) };
        if link.used_at.is_some() || link.expires_at <= now {
            return Ok(false);
        }
        (link.used_at, link.sealed) = (Some(now), None);
        Ok(true)
    }
}

fn keyring(keys: &[(u8, char)]) -> Codes {
    let texts: String = keys.iter().map(|(id, c)| format!(r#","k{id}":"{}""#, c.to_string().repeat(40))).collect();
    let document = Secret::new(format!(r#"{{"current":"k{}"{texts}}}"#, keys[0].0));
    Codes::under(Arc::new(FixedKeyring::new(Keyring::parse(&document).unwrap())))
}

struct Bench {
    codes: Codes,
    links: Arc<Memory>,
    clock: Arc<HandClock>,
    activations: Activations,
}

impl Bench {
    fn with(codes: Codes) -> Self {
        let (links, clock) = (Arc::new(Memory::default()), HandClock::at_secs(START_SECS));
        let activations = Activations::new(codes.clone(), links.clone(), clock.clone());
        Self { codes, links, clock, activations }
    }

    /// A link that ends after 100 seconds, changed; its code.
    async fn given(&self, change: impl FnOnce(&mut StoredLink)) -> String {
        let code = self.codes.make().await.unwrap();
        let contents = Contents { token: SECRET.into(), endpoint: "https://e".into() };
        let mut link = StoredLink {
            recipient_id: "r1".into(),
            recipient_name: "One".into(),
            token_id: "t1".into(),
            sealed: Some(code.seal("r1", "t1", &contents).unwrap()),
            expires_at: TimestampMs::new((START_SECS + 100) * 1000),
            used_at: None,
            rules: RecipientRules::default(),
            token: Some(TokenTimes { expires_at: None }),
        };
        change(&mut link);
        self.links.links.lock().unwrap().insert(code.hash().to_owned(), link);
        code.text().reveal().to_owned()
    }

    async fn end_of(&self, code: &str) -> Option<LinkEnd> {
        match self.activations.open(code, None).await {
            Ok(_) => None,
            Err(Error::LinkEnded(end)) => Some(end),
            Err(other) => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn a_link_hands_its_token_over_once() {
    for codes in [Codes::plain(), keyring(&[(1, 'a')])] {
        let bench = Bench::with(codes);
        let code = bench.given(|_| {}).await;
        for _ in 0..3 {
            let opened = bench.activations.open(&code, None).await.unwrap();
            assert_eq!((opened.recipient().id(), opened.recipient().token_id()), ("r1", Some("t1")));
            assert_eq!(opened.endpoint, "https://e");
        }
        let (first, second) =
            (bench.activations.open(&code, None).await.unwrap(), bench.activations.open(&code, None).await.unwrap());
        assert_eq!(bench.activations.take(&first).await.unwrap().reveal(), SECRET);
        assert!(matches!(bench.activations.take(&second).await, Err(Error::LinkEnded(LinkEnd::Used))));
        assert_eq!(bench.end_of(&code).await, Some(LinkEnd::Used));
    }
}

#[tokio::test]
async fn a_link_ends_with_its_time_and_with_its_token() {
    let bench = Bench::with(Codes::plain());
    let code = bench.given(|_| {}).await;
    let gone = bench.given(|link| link.token = None).await;
    let short = TimestampMs::new((START_SECS + 50) * 1000);
    let shorter = bench.given(|link| link.token = Some(TokenTimes { expires_at: Some(short) })).await;
    assert_eq!(bench.end_of(&gone).await, Some(LinkEnd::Withdrawn));
    assert_eq!(bench.activations.open(&shorter, None).await.unwrap().token_expires_at, Some(short));
    bench.clock.advance_secs(50);
    assert_eq!(bench.end_of(&shorter).await, Some(LinkEnd::Withdrawn));
    bench.clock.advance_secs(49);
    let opened = bench.activations.open(&code, None).await.unwrap();
    bench.clock.advance_secs(1);
    assert_eq!(bench.end_of(&code).await, Some(LinkEnd::Expired));
    assert!(matches!(bench.activations.take(&opened).await, Err(Error::LinkEnded(LinkEnd::Expired))));
}

#[tokio::test]
async fn what_was_sealed_for_another_is_not_handed_over() {
    let bench = Bench::with(Codes::plain());
    for change in [
        (|link: &mut StoredLink| link.recipient_id = "r2".into()) as fn(&mut StoredLink),
        |link| link.token_id = "t2".into(),
        |link| link.sealed = Some("AAAA".into()),
        |link| link.sealed = None,
    ] {
        let code = bench.given(change).await;
        assert!(matches!(bench.activations.open(&code, None).await, Err(Error::Internal { .. })));
    }
}

#[tokio::test]
async fn only_its_own_code_and_key_open_what_a_link_hands_over() {
    let contents = Contents { token: SECRET.into(), endpoint: "https://e".into() };
    for codes in [Codes::plain(), keyring(&[(1, 'a')])] {
        let (one, other) = (codes.make().await.unwrap(), codes.make().await.unwrap());
        let sealed = one.seal("r", "t", &contents).unwrap();
        assert_eq!(one.open("r", "t", &sealed).unwrap().token, SECRET);
        assert!(other.open("r", "t", &sealed).is_none());
        assert!(!sealed.contains(SECRET) && one.hash() != other.hash() && one.hash().len() == 64);
        let read = codes.read(one.text().reveal()).await.unwrap().unwrap();
        assert_eq!((read.hash(), read.open("r", "t", &sealed).unwrap().token.as_str()), (one.hash(), SECRET));
    }
}

#[tokio::test]
async fn a_code_outlives_a_new_key_and_ends_with_its_own() {
    let before = keyring(&[(1, 'a')]);
    let code = before.make().await.unwrap();
    let text = code.text().reveal();
    assert!(keyring(&[(2, 'b'), (1, 'a')]).read(text).await.unwrap().is_some());
    assert!(keyring(&[(2, 'b')]).read(text).await.unwrap().is_none());
    assert!(keyring(&[(1, 'c')]).read(text).await.unwrap().is_none());
    assert!(Codes::plain().read(text).await.unwrap().is_none());
}

#[tokio::test]
async fn garbage_costs_no_question() {
    let bench = Bench::with(keyring(&[(1, 'a')]));
    let code = bench.given(|_| {}).await;
    let mut garbage: Vec<String> = (0..code.len()).map(|length| code[..length].to_owned()).collect();
    garbage.extend([format!("{code}0"), format!("{code}00"), code.replace('0', "g"), "..%2F".into()]);
    garbage.extend((0..100).map(|length| "0".repeat(length)));
    for text in garbage {
        assert!(matches!(bench.activations.open(&text, None).await, Err(Error::LinkUnknown)), "{text}");
    }
    assert_eq!(bench.links.asked.load(Ordering::SeqCst), 0);
    assert!(bench.activations.open(&code.to_uppercase(), None).await.is_ok(), "a mail program's capitals");
}

#[tokio::test]
async fn nothing_shows_through() {
    let bench = Bench::with(Codes::plain());
    let code = bench.given(|_| {}).await;
    let opened = bench.activations.open(&code, None).await.unwrap();
    let contents = Contents { token: SECRET.into(), endpoint: "https://e".into() };
    let made = bench.codes.make().await.unwrap();
    let shown = format!("{opened:?} {contents:?} {made:?} {:?} {:?}", bench.activations, bench.codes);
    assert!(!shown.contains(SECRET) && !shown.contains(&code) && !shown.contains(made.text().reveal()), "{shown}");
}

proptest! {
    #[test]
    fn every_changed_bit_of_a_code_is_noticed(bit in 0..33_usize * 8) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let codes = keyring(&[(1, 'a')]);
            let code = codes.make().await.unwrap();
            let mut bytes = hex::decode(code.text().reveal()).unwrap();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(codes.read(&hex::encode(bytes)).await.unwrap().is_none());
        });
    }
}

#[tokio::test]
async fn a_link_opens_from_its_recipients_networks_alone() {
    let bench = Bench::with(Codes::plain());
    let networks = vec![Network::parse("192.0.2.0/24").unwrap()];
    let access = AccessList { networks, api_only: true };
    let code = bench.given(|link| link.rules.access = access).await;
    let from = |text: &str| Some(text.parse().unwrap());
    for elsewhere in [None, from("198.51.100.7"), from("2001:db8::1")] {
        let refused = bench.activations.open(&code, elsewhere).await;
        assert!(matches!(refused, Err(Error::AddressRefused { address }) if address == elsewhere), "{refused:?}");
    }
    let opened = bench.activations.open(&code, from("192.0.2.9")).await.unwrap();
    assert!(bench.activations.take(&opened).await.is_ok());
}
