//! Changes of the catalogue as they are remembered: who made which, when, and what was there before and after. A catalogue
//! keeps an event in the very write that changes it, so that there is never one without the other. `event/deed.rs` says
//! what is told of each change.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::write::WriteError;
use crate::clock::Clock;
use crate::entropy;
use crate::model::version::TimestampMs;

pub mod deed;

pub use deed::{Deed, Names, Values};

/// A change that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AdminEvent {
    /// Tells it from every other one.
    pub id: String,
    /// When it was made.
    #[serde(with = "iso")]
    pub at: TimestampMs,
    /// Who made it: a principal of AWS, or a user of this machine.
    pub actor: String,
    /// What was done, in words: `add table`.
    pub act: String,
    /// What it was done to.
    #[serde(flatten)]
    pub names: Names,
    /// What was there before, as far as it is another now.
    #[serde(default, skip_serializing_if = "Values::is_empty")]
    pub before: Values,
    /// What is there now, as far as it was another before.
    #[serde(default, skip_serializing_if = "Values::is_empty")]
    pub after: Values,
}

/// Changes of some time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// The changes, oldest first.
    pub events: Vec<AdminEvent>,
    /// Whether there were more than are read at once, so that older ones are missing.
    pub cut_off: bool,
}

/// Reads what was changed. Only the provider's own program does.
#[async_trait]
pub trait ChangeLog: fmt::Debug + Send + Sync {
    /// The changes from one moment to another, at most
    /// [`ADMIN_EVENTS_READ_MAX`](crate::limits::ADMIN_EVENTS_READ_MAX), the newest of them.
    async fn changes(&self, since: TimestampMs, until: TimestampMs) -> Result<Changes, WriteError>;
}

/// Says who is at work.
#[async_trait]
pub trait Operator: fmt::Debug + Send + Sync {
    /// A name to remember them by.
    ///
    /// # Errors
    /// A sentence that says why it cannot be told.
    async fn name(&self) -> Result<String, String>;
}

/// An operator whose name is known.
#[derive(Debug, Clone)]
pub struct Named(pub String);

#[async_trait]
impl Operator for Named {
    async fn name(&self) -> Result<String, String> {
        Ok(self.0.clone())
    }
}

/// Signs the changes of an operator.
#[derive(Debug, Clone)]
pub struct Recorder {
    operator: Arc<dyn Operator>,
    clock: Arc<dyn Clock>,
}

/// Who makes a change, and when; good for one.
#[derive(Debug)]
pub struct Signature {
    id: String,
    at: TimestampMs,
    actor: String,
}

impl Recorder {
    /// Signs for this operator.
    pub fn new(operator: Arc<dyn Operator>, clock: Arc<dyn Clock>) -> Self {
        Self { operator, clock }
    }

    /// A signature for the change that is about to be made.
    ///
    /// # Errors
    /// When it cannot be told who makes it: nothing is changed then that nobody would answer for.
    pub async fn signature(&self) -> Result<Signature, WriteError> {
        let actor = self.operator.name().await;
        let actor = actor.map_err(|why| WriteError::Refused(format!("{why}; nothing was changed")))?;
        let id = entropy::bytes::<8>().map_err(|error| WriteError::Unavailable(Box::new(error)))?;
        Ok(Signature { id: hex::encode(id), at: self.clock.now(), actor })
    }
}

impl Signature {
    /// The event of what was done.
    pub fn under(self, deed: Deed) -> AdminEvent {
        let Self { id, at, actor } = self;
        let Deed { act, names, before, after } = deed;
        AdminEvent { id, at, actor, act: act.to_owned(), names, before, after }
    }
}

/// Moments as texts.
mod iso {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::model::version::TimestampMs;

    pub(super) fn serialize<S: Serializer>(at: &TimestampMs, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(at)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<TimestampMs, D::Error> {
        let text = String::deserialize(from)?;
        TimestampMs::parse(&text).ok_or_else(|| D::Error::custom("an event's moment is not ISO 8601 with an offset"))
    }
}

#[cfg(test)]
mod tests;
