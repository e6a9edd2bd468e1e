//! Sessions of assumed roles, kept until they are too old to sign with. One call to STS serves everybody who waits for the
//! same session; what it refuses is not asked again at once; and while STS does not answer, a session that still has
//! enough left is used on.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;

use super::policy::{RoleArn, confining, too_large};
use super::{Purpose, Session, Sessions};
use crate::audit;
use crate::bounded::Bounded;
use crate::clock::Clock;
use crate::error::Error;
use crate::limits::{
    SESSION_LEFT_SECS_MIN, SESSION_NAME_CHARS_MAX, SESSION_REFRESH_SECS, SESSION_RETRY_AFTER, SESSIONS_KEPT_MAX,
};
use crate::model::location::{DataRole, TableLocation};

/// Everything that tells one session from another: what STS is asked for.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct AssumeRequest {
    /// The role and its external id.
    pub role: DataRole,
    /// The session's name, which CloudTrail shows with every use of its keys.
    pub name: String,
    /// The session policy.
    pub policy: String,
}

/// Why there is no session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AssumeFailure {
    /// The policy does not fit once STS has packed it.
    PolicyTooLarge,
    /// STS refused; asking again will not help. The text is the error's code.
    Refused(&'static str),
    /// No answer, or one that says to ask again.
    Unavailable(&'static str),
}

/// Asks for sessions. The adapter for STS is the only one besides those of tests.
#[async_trait]
pub trait AssumesRoles: fmt::Debug + Send + Sync {
    /// A new session.
    ///
    /// # Errors
    /// When there is none.
    async fn assume(&self, request: &AssumeRequest) -> Result<Session, AssumeFailure>;
}

/// The sessions of one process.
#[derive(Debug)]
pub struct AssumedSessions {
    roles: Arc<dyn AssumesRoles>,
    default_role: Option<DataRole>,
    region: String,
    clock: Arc<dyn Clock>,
    kept: Bounded<AssumeRequest, Arc<Mutex<Slot>>>,
}

/// One session; locked while it is asked for, so that the others wait.
#[derive(Debug, Default)]
struct Slot {
    session: Option<Session>,
    failed: Option<(Duration, AssumeFailure)>,
}

impl AssumedSessions {
    /// Sessions of the roles that tables name, or of `default_role` for tables that name none. `region` is where tables
    /// lie that do not say.
    pub fn new(
        roles: Arc<dyn AssumesRoles>,
        default_role: Option<DataRole>,
        region: impl Into<String>,
        clock: Arc<dyn Clock>,
    ) -> Arc<Self> {
        let kept = Bounded::new(SESSIONS_KEPT_MAX);
        Arc::new(Self { roles, default_role, region: region.into(), clock, kept })
    }

    async fn kept_or_new(&self, request: &AssumeRequest) -> Result<Session, AssumeFailure> {
        let slot = self.kept.get_or_insert(request, Arc::default);
        let mut slot = slot.lock().await;
        if let Some(session) = &slot.session
            && self.left_secs(session) >= SESSION_REFRESH_SECS
        {
            audit::cache_hit("session");
            return Ok(session.clone());
        }
        let failure = match slot.failed {
            // The same text will be too large the next time too.
            Some((_, AssumeFailure::PolicyTooLarge)) => AssumeFailure::PolicyTooLarge,
            Some((at, failure)) if self.clock.uptime().saturating_sub(at) < SESSION_RETRY_AFTER => failure,
            _ => match self.assume(request).await {
                Ok(session) => {
                    *slot = Slot { session: Some(session.clone()), failed: None };
                    return Ok(session);
                }
                Err(failure) => {
                    slot.failed = Some((self.clock.uptime(), failure));
                    failure
                }
            },
        };
        match (&slot.session, failure) {
            (Some(session), AssumeFailure::Unavailable(code)) if self.left_secs(session) >= SESSION_LEFT_SECS_MIN => {
                tracing::warn!("a session could not be renewed ({code}); the old one is used on");
                Ok(session.clone())
            }
            _ => {
                slot.session = None;
                Err(failure)
            }
        }
    }

    async fn assume(&self, request: &AssumeRequest) -> Result<Session, AssumeFailure> {
        let session = self.roles.assume(request).await?;
        // Nothing shorter than asked for is ever given, unless a clock is wrong by minutes.
        if self.left_secs(&session) < SESSION_LEFT_SECS_MIN {
            return Err(AssumeFailure::Unavailable("the session ends too soon: is this machine's clock right?"));
        }
        Ok(session)
    }

    fn left_secs(&self, session: &Session) -> i64 {
        session.ends.millis().saturating_sub(self.clock.now().millis()).div_euclid(1000)
    }
}

#[async_trait]
impl Sessions for AssumedSessions {
    async fn session(&self, table: &TableLocation, purpose: Purpose<'_>) -> Result<Session, Error> {
        let role = table.reach().role.as_ref().or(self.default_role.as_ref());
        let role =
            role.ok_or(Error::StorageDenied("neither the table nor the server names a role to assume".into()))?;
        let arn = RoleArn::parse(&role.arn)
            .ok_or(Error::StorageDenied("what the table names as its role is not the ARN of a role".into()))?;
        let region = table.reach().region.as_deref().unwrap_or(&self.region);
        let name = session_name(table, purpose);
        let mut last = AssumeFailure::PolicyTooLarge;
        for policy in confining(table, purpose, arn, region)? {
            match self.kept_or_new(&AssumeRequest { role: role.clone(), name: name.clone(), policy }).await {
                Ok(session) => return Ok(session),
                Err(failure) => last = failure,
            }
            if last != AssumeFailure::PolicyTooLarge {
                break;
            }
        }
        Err(last.of(table, purpose))
    }
}

impl AssumeFailure {
    /// What it means for a table.
    fn of(self, table: &TableLocation, purpose: Purpose<'_>) -> Error {
        match self {
            Self::PolicyTooLarge => too_large(table, purpose),
            Self::Refused(code) => Error::StorageDenied(format!("STS AssumeRole failed: {code}").into()),
            Self::Unavailable(code) => Error::StorageUnavailable(format!("STS AssumeRole failed: {code}").into()),
        }
    }
}

impl fmt::Debug for AssumeRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AssumeRequest").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What CloudTrail shows: `ds-RECIPIENT@TABLE` for each GET of a signed URL, `ds-log@…` for the server's own reading.
fn session_name(table: &TableLocation, purpose: Purpose<'_>) -> String {
    match purpose {
        Purpose::Reader => format!("ds-log@{}", digest(&format!("{}/{}", table.bucket(), table.prefix()))),
        Purpose::Signer { recipient, table, .. } => format!("ds-{}@{}", name_part(recipient), name_part(table)),
    }
}

/// An id as part of a session's name. One that is too long, or has characters that STS refuses, is cut and ends in a
/// digest of the whole, so that two ids do not become one.
fn name_part(id: &str) -> String {
    const CHARS_MAX: usize = (SESSION_NAME_CHARS_MAX - "ds-@".len()) / 2;
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if !id.is_empty() && id.len() <= CHARS_MAX && id.chars().all(allowed) {
        return id.to_owned();
    }
    let digest = digest(id);
    let head = id.chars().map(|c| if allowed(c) { c } else { '-' }).take(CHARS_MAX - digest.len() - 1);
    head.chain(['.']).chain(digest.chars()).collect()
}

fn digest(text: &str) -> String {
    let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    hex::encode(digest.first_chunk::<6>().unwrap_or(&[0; 6]))
}

#[cfg(test)]
mod tests;
