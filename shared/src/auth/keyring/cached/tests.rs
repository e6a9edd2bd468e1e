//! When a keyring is read, and what serves when it cannot be.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;

use super::*;
use crate::clock::HandClock;
use crate::secret::Secret;

const START_SECS: i64 = 1_000_000;

/// Answers what a test put in, the last answer for ever; counts readings; waits for a permit when there is a gate.
#[derive(Debug, Clone, Default)]
struct Script(Arc<ScriptState>);

#[derive(Debug, Default)]
struct ScriptState {
    answers: Mutex<VecDeque<Option<&'static [u8]>>>,
    readings: AtomicUsize,
    gate: Option<Semaphore>,
}

impl Script {
    /// Each answer is the numbers of the keyring's keys, the first of them current, or a failure.
    fn of(answers: &[Option<&'static [u8]>]) -> Self {
        Self(Arc::new(ScriptState { answers: Mutex::new(answers.iter().copied().collect()), ..Default::default() }))
    }

    fn readings(&self) -> usize {
        self.0.readings.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl ReadKeyring for Script {
    async fn read(&self) -> Result<Keyring, Error> {
        self.0.readings.fetch_add(1, Ordering::SeqCst);
        if let Some(gate) = &self.0.gate {
            gate.acquire().await.unwrap().forget();
        }
        let numbers = {
            let mut answers = self.0.answers.lock().unwrap();
            if answers.len() > 1 { answers.pop_front().unwrap() } else { answers[0] }
        };
        let numbers = numbers.ok_or_else(|| Error::StorageUnavailable("no answer".into()))?;
        let keys: String = numbers.iter().map(|n| format!(r#","k{n}":"{}""#, "x".repeat(40))).collect();
        Keyring::parse(&Secret::new(format!(r#"{{"current":"k{}"{keys}}}"#, numbers[0])))
    }
}

fn cached(script: &Script) -> (CachedKeyring, Arc<HandClock>) {
    let clock = HandClock::at_secs(START_SECS);
    (CachedKeyring::new(script.clone(), Arc::clone(&clock) as Arc<dyn Clock>), clock)
}

fn key(number: u8) -> KeyId {
    KeyId::new(number).unwrap()
}

async fn has(keyring: &CachedKeyring, number: u8) -> Result<bool, Error> {
    Ok(keyring.with_key(key(number)).await?.is_some())
}

#[tokio::test]
async fn read_once_and_again_when_old() {
    let script = Script::of(&[Some(&[1]), Some(&[2, 1])]);
    let (keyring, clock) = cached(&script);
    for _ in 0..3 {
        assert_eq!(keyring.current().await.unwrap().id(), key(1));
    }
    clock.advance_secs(KEYRING_SECS - 1);
    assert_eq!((keyring.current().await.unwrap().id(), script.readings()), (key(1), 1));
    clock.advance_secs(1);
    assert_eq!((keyring.current().await.unwrap().id(), script.readings()), (key(2), 2));
}

#[tokio::test]
async fn an_unknown_key_is_looked_for_but_not_more_often_than_allowed() {
    let script = Script::of(&[Some(&[1]), Some(&[1]), Some(&[2, 1])]);
    let (keyring, clock) = cached(&script);
    assert!(has(&keyring, 1).await.unwrap());
    assert!(!has(&keyring, 2).await.unwrap(), "read moments ago");
    assert_eq!(script.readings(), 1);
    clock.advance_secs(KEYRING_REFRESH_SECS);
    for _ in 0..20 {
        assert!(!has(&keyring, 2).await.unwrap());
    }
    assert_eq!(script.readings(), 2);
    clock.advance_secs(KEYRING_REFRESH_SECS);
    assert!(has(&keyring, 2).await.unwrap());
    assert!(has(&keyring, 1).await.unwrap());
    assert_eq!(script.readings(), 3);
}

#[tokio::test]
async fn a_removed_key_ends_when_the_keyring_is_read_again() {
    let script = Script::of(&[Some(&[2, 1]), Some(&[2])]);
    let (keyring, clock) = cached(&script);
    assert!(has(&keyring, 1).await.unwrap());
    clock.advance_secs(KEYRING_SECS);
    assert!(!has(&keyring, 1).await.unwrap());
}

#[tokio::test]
async fn the_last_good_keyring_serves_for_a_bounded_time() {
    let script = Script::of(&[Some(&[1]), None]);
    let (keyring, clock) = cached(&script);
    assert!(has(&keyring, 1).await.unwrap());
    clock.advance_secs(KEYRING_SECS);
    for _ in 0..5 {
        assert!(has(&keyring, 1).await.unwrap());
    }
    assert_eq!(script.readings(), 2, "a failing store is left alone for a while");
    clock.advance_secs(KEYRING_REFRESH_SECS);
    assert!(has(&keyring, 1).await.unwrap());
    assert_eq!(script.readings(), 3);
    assert!(matches!(has(&keyring, 2).await, Err(Error::StorageUnavailable(_))), "whether there is one is not known");
    clock.advance_secs(KEYRING_STALE_SECS_MAX);
    assert!(matches!(has(&keyring, 1).await, Err(Error::StorageUnavailable(_))));
}

#[tokio::test]
async fn a_store_that_comes_back_is_used_again() {
    let script = Script::of(&[None, Some(&[1]), None, Some(&[2])]);
    let (keyring, clock) = cached(&script);
    assert!(keyring.current().await.is_err());
    assert_eq!(keyring.current().await.unwrap().id(), key(1), "with nothing at hand there is nothing to wait for");
    clock.advance_secs(KEYRING_SECS);
    assert_eq!(keyring.current().await.unwrap().id(), key(1));
    clock.advance_secs(KEYRING_REFRESH_SECS);
    assert_eq!(keyring.current().await.unwrap().id(), key(2));
}

#[tokio::test]
async fn a_clock_set_back_does_not_keep_a_keyring_alive() {
    let script = Script::of(&[Some(&[2, 1]), Some(&[2])]);
    let (keyring, clock) = cached(&script);
    assert!(has(&keyring, 1).await.unwrap());
    clock.advance_secs(-3600);
    assert!(!has(&keyring, 1).await.unwrap());
}

#[tokio::test]
async fn one_reading_serves_all_who_wait() {
    for answer in [Some(&[1][..]), None] {
        let state = ScriptState { gate: Some(Semaphore::new(0)), ..Default::default() };
        state.answers.lock().unwrap().push_back(answer);
        let script = Script(Arc::new(state));
        let (keyring, _) = cached(&script);
        let waiters = futures::future::join_all((0..20).map(|_| keyring.current()));
        let open = async {
            tokio::task::yield_now().await;
            script.0.gate.as_ref().unwrap().add_permits(20);
        };
        let (answers, ()) = futures::join!(waiters, open);
        assert!(answers.iter().all(|got| got.is_ok() == answer.is_some()));
        assert_eq!(script.readings(), 1);
    }
}

#[tokio::test]
async fn a_reader_that_gives_up_leaves_the_turn_to_the_next() {
    let state = ScriptState { gate: Some(Semaphore::new(0)), ..Default::default() };
    state.answers.lock().unwrap().push_back(Some(&[1]));
    let script = Script(Arc::new(state));
    let (keyring, _) = cached(&script);
    assert!(tokio::time::timeout(Duration::from_millis(1), keyring.current()).await.is_err());
    script.0.gate.as_ref().unwrap().add_permits(1);
    assert!(keyring.current().await.is_ok());
    assert_eq!(script.readings(), 2);
}
