//! Sessions against an STS made here, with a clock moved by hand.

use std::sync::Mutex as StdMutex;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use proptest::prelude::*;
use tokio::sync::Notify;

use super::*;
use crate::credentials::Bounds;
use crate::credentials::SigningKeys;
use crate::model::location::Reach;
use crate::model::version::TimestampMs;
use crate::secret::Secret;

#[derive(Debug, Default)]
struct HandClock(AtomicI64);

impl HandClock {
    fn advance_secs(&self, secs: i64) {
        self.0.fetch_add(secs * 1000, Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> TimestampMs {
        TimestampMs::new(self.0.load(Ordering::SeqCst))
    }

    fn uptime(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::SeqCst).unsigned_abs())
    }
}

/// An STS that numbers its sessions. It answers with `failing` while that is set, and not before `gate` when `held`.
#[derive(Debug, Default)]
struct FakeSts {
    clock: Arc<HandClock>,
    asked: StdMutex<Vec<AssumeRequest>>,
    failing: StdMutex<Option<AssumeFailure>>,
    too_large_chars: Option<usize>,
    held: AtomicBool,
    gate: Notify,
}

#[async_trait]
impl AssumesRoles for FakeSts {
    async fn assume(&self, request: &AssumeRequest) -> Result<Session, AssumeFailure> {
        let number = {
            let mut asked = self.asked.lock().unwrap();
            asked.push(request.clone());
            asked.len()
        };
        if self.held.load(Ordering::SeqCst) {
            self.gate.notified().await;
        }
        if self.too_large_chars.is_some_and(|max| request.policy.len() > max) {
            return Err(AssumeFailure::PolicyTooLarge);
        }
        if let Some(failure) = *self.failing.lock().unwrap() {
            return Err(failure);
        }
        let keys = SigningKeys {
            access_key_id: format!("session-{number}"),
            secret_access_key: Secret::new("s"),
            session_token: Some(Secret::new("t")),
        };
        Ok(Session { keys, ends: self.clock.now().plus_secs(3600) })
    }
}

impl FakeSts {
    fn fail(&self, failure: Option<AssumeFailure>) {
        *self.failing.lock().unwrap() = failure;
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    fn last(&self) -> AssumeRequest {
        self.asked.lock().unwrap().last().unwrap().clone()
    }
}

const SIGNER: Purpose<'static> =
    Purpose::Signer { recipient: "r1", table: "t1", bounds: Bounds { until: None, networks: &[] } };

fn role(name: &str) -> DataRole {
    DataRole { arn: format!("arn:aws:iam::123456789012:role/{name}"), external_id: None }
}

fn with_default(sts: &Arc<FakeSts>, default_role: Option<DataRole>) -> Arc<AssumedSessions> {
    AssumedSessions::new(Arc::clone(sts) as _, default_role, "eu-west-1", Arc::clone(&sts.clock) as _)
}

fn sessions() -> (Arc<FakeSts>, Arc<AssumedSessions>) {
    let sts = Arc::new(FakeSts::default());
    (Arc::clone(&sts), with_default(&sts, Some(role("default"))))
}

async fn key_id(sessions: &AssumedSessions, table: &TableLocation, purpose: Purpose<'_>) -> String {
    sessions.session(table, purpose).await.unwrap().keys.access_key_id
}

fn table() -> TableLocation {
    TableLocation::new("data", "t")
}

#[tokio::test]
async fn a_session_is_kept_until_forty_minutes_are_left() {
    let (sts, sessions) = sessions();
    assert_eq!(key_id(&sessions, &table(), SIGNER).await, "session-1");
    sts.clock.advance_secs(20 * 60);
    assert_eq!(key_id(&sessions, &table(), SIGNER).await, "session-1");
    sts.clock.advance_secs(1);
    let renewed = sessions.session(&table(), SIGNER).await.unwrap();
    assert_eq!(renewed.keys.access_key_id, "session-2");
    assert_eq!(renewed.ends, sts.clock.now().plus_secs(3600));
}

#[tokio::test]
async fn whatever_matters_makes_another_session() {
    let (sts, sessions) = sessions();
    let external = DataRole { external_id: Some("x".into()), ..role("theirs") };
    let reached = |role| table().reached_by(Reach { role: Some(role), ..Reach::default() });
    let asks = [
        (table(), SIGNER),
        (table(), Purpose::Reader),
        (table(), Purpose::Signer { recipient: "r2", table: "t1", bounds: Bounds::default() }),
        (table(), Purpose::Signer { recipient: "r1", table: "t2", bounds: Bounds::default() }),
        (TableLocation::new("data", "u"), SIGNER),
        (TableLocation::new("other", "t"), SIGNER),
        (table().with_auxiliary([TableLocation::new("data", "u")]), SIGNER),
        (reached(role("theirs")), SIGNER),
        (reached(external.clone()), SIGNER),
    ];
    for (at, (table, purpose)) in asks.iter().enumerate() {
        assert_eq!(key_id(&sessions, table, *purpose).await, format!("session-{}", at + 1));
    }
    assert_eq!(sts.last().role, external);
    for (at, (table, purpose)) in asks.iter().enumerate() {
        assert_eq!(key_id(&sessions, table, *purpose).await, format!("session-{}", at + 1));
    }
}

#[tokio::test]
async fn many_waiters_make_one_call() {
    let (sts, sessions) = sessions();
    sts.held.store(true, Ordering::SeqCst);
    let waiters: Vec<_> = (0..50)
        .map(|_| {
            let sessions = Arc::clone(&sessions);
            tokio::spawn(async move { key_id(&sessions, &table(), SIGNER).await })
        })
        .collect();
    while sts.asked() == 0 {
        tokio::task::yield_now().await;
    }
    sts.held.store(false, Ordering::SeqCst);
    sts.gate.notify_one();
    for waiter in waiters {
        assert_eq!(waiter.await.unwrap(), "session-1");
    }
    assert_eq!(sts.asked(), 1);
}

#[tokio::test]
async fn a_waiter_that_gives_up_leaves_the_next_one_to_ask() {
    let (sts, sessions) = sessions();
    sts.held.store(true, Ordering::SeqCst);
    let impatient = {
        let sessions = Arc::clone(&sessions);
        tokio::spawn(async move { key_id(&sessions, &table(), SIGNER).await })
    };
    while sts.asked() == 0 {
        tokio::task::yield_now().await;
    }
    impatient.abort();
    assert!(impatient.await.unwrap_err().is_cancelled());
    sts.held.store(false, Ordering::SeqCst);
    assert_eq!(key_id(&sessions, &table(), SIGNER).await, "session-2");
}

#[tokio::test]
async fn an_old_session_bridges_an_outage_while_it_has_enough_left() {
    let (sts, sessions) = sessions();
    assert_eq!(key_id(&sessions, &table(), SIGNER).await, "session-1");
    sts.fail(Some(AssumeFailure::Unavailable("down")));
    sts.clock.advance_secs(3600 - SESSION_LEFT_SECS_MIN);
    assert_eq!(key_id(&sessions, &table(), SIGNER).await, "session-1");
    assert_eq!(key_id(&sessions, &table(), SIGNER).await, "session-1");
    assert_eq!(sts.asked(), 2, "what failed is not asked again at once");
    sts.clock.advance_secs(1);
    assert!(matches!(sessions.session(&table(), SIGNER).await, Err(Error::StorageUnavailable(_))));
    sts.fail(None);
    sts.clock.advance_secs(5);
    assert_eq!(key_id(&sessions, &table(), SIGNER).await, "session-3");
}

#[tokio::test]
async fn a_refusal_ends_the_old_session() {
    let (sts, sessions) = sessions();
    assert_eq!(key_id(&sessions, &table(), SIGNER).await, "session-1");
    sts.fail(Some(AssumeFailure::Refused("AccessDenied")));
    sts.clock.advance_secs(21 * 60);
    for _ in 0..3 {
        let refused = sessions.session(&table(), SIGNER).await.unwrap_err();
        assert!(matches!(refused, Error::StorageDenied(_)));
        assert!(crate::error::chain(&refused).contains("AccessDenied") && !refused.public().contains("AssumeRole"));
    }
    assert_eq!(sts.asked(), 2);
}

#[tokio::test]
async fn without_a_role_there_are_no_credentials() {
    let sts = Arc::new(FakeSts::default());
    let sessions = with_default(&sts, None);
    assert!(matches!(sessions.session(&table(), SIGNER).await, Err(Error::StorageDenied(_))));
    let no_role = DataRole { arn: "arn:aws:iam::123456789012:user/u".into(), external_id: None };
    let sessions = with_default(&sts, Some(no_role));
    let refused = sessions.session(&table(), Purpose::Reader).await.unwrap_err();
    assert!(!refused.public().contains("arn:"));
    assert_eq!(sts.asked(), 0);
}

#[tokio::test]
async fn a_policy_too_large_once_packed_is_tried_smaller() {
    let small = confining(&table(), SIGNER, RoleArn::parse(&role("default").arn).unwrap(), "eu-west-1").unwrap();
    let sts = Arc::new(FakeSts { too_large_chars: Some(small[1].len()), ..FakeSts::default() });
    let sessions = with_default(&sts, Some(role("default")));
    assert_eq!(key_id(&sessions, &table(), SIGNER).await, "session-2");
    assert_eq!(sts.last().policy, small[1]);
    sts.clock.advance_secs(60);
    assert_eq!(key_id(&sessions, &table(), SIGNER).await, "session-2", "the larger one is not tried again");
    let sts = Arc::new(FakeSts { too_large_chars: Some(10), ..FakeSts::default() });
    let sessions = with_default(&sts, Some(role("default")));
    assert!(matches!(sessions.session(&table(), SIGNER).await, Err(Error::Unsupported(_))));
}

#[tokio::test]
async fn a_session_that_ends_at_once_is_not_used() {
    let ahead = Arc::new(HandClock::default());
    let sts = Arc::new(FakeSts::default());
    ahead.advance_secs(3000);
    let sessions = AssumedSessions::new(Arc::clone(&sts) as _, Some(role("default")), "eu-west-1", ahead);
    assert!(matches!(sessions.session(&table(), SIGNER).await, Err(Error::StorageUnavailable(_))));
}

#[test]
fn names_say_who_and_what() {
    assert_eq!(
        session_name(&table(), Purpose::Signer { recipient: "acme", table: "cars", bounds: Bounds::default() }),
        "ds-acme@cars"
    );
    assert_eq!(session_name(&table(), Purpose::Reader), "ds-log@23c0a2718924");
    let uuid = "5c4f2a50-7a33-4f0e-9f7e-0a6d1a3b9c77";
    let name = session_name(&table(), Purpose::Signer { recipient: uuid, table: uuid, bounds: Bounds::default() });
    assert!(name.starts_with("ds-5c4f2a50-7a33-4f0.") && name.len() == 64, "{name}");
}

proptest! {
    #[test]
    fn every_name_is_one_that_sts_takes(recipient in ".{0,80}", table_id in "[a-z@=/ -]{0,80}") {
        let name = session_name(&table(), Purpose::Signer { recipient: &recipient, table: &table_id, bounds: Bounds::default() });
        prop_assert!((2..=64).contains(&name.len()));
        prop_assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c)), "{}", name);
    }

    #[test]
    fn two_ids_keep_two_names(one in ".{0,50}", other in ".{0,50}") {
        prop_assert_eq!(name_part(&one) == name_part(&other), one == other);
    }
}
