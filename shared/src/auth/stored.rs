//! Self-checking tokens over a store of their hashes. In this order, cheapest first: the token's own form and tag, what
//! this process remembers, the store. A hash is compared at every use, and so are the times; only what the store said is
//! remembered, for a time that bounds how long a revoked token lives.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use self::memory::Memory;
use super::keyring::{KeyId, Keyrings};
use super::token::{Checked, Presented};
use super::{Holder, Tokens};
use crate::audit;
use crate::clock::Clock;
use crate::error::Error;
use crate::limits::{TOKEN_BELIEVED_SECS, TOKEN_REFUSED_SECS, TOKENS_REMEMBERED_MAX};
use crate::model::rule::{RecipientRules, Window};
use crate::model::version::TimestampMs;
use crate::secret::{Secret, TokenHash};

mod memory;

/// What a store keeps of a token, with what matters of its recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredToken {
    /// The token's hash under that key.
    pub hash: TokenHash,
    /// The key that made the hash.
    pub key_id: KeyId,
    /// Before this moment it is not good.
    pub not_before: Option<TimestampMs>,
    /// From this moment on it is not good.
    pub expires_at: Option<TimestampMs>,
    /// Whether it may be used: not revoked.
    pub active: bool,
    /// The recipient's stable id.
    pub recipient_id: String,
    /// The provider's name for the recipient.
    pub recipient_name: String,
    /// Whether the recipient may use any token: not disabled.
    pub recipient_active: bool,
    /// What the provider says of the recipient.
    pub rules: RecipientRules,
}

impl StoredToken {
    fn good_at(&self, now: TimestampMs) -> bool {
        self.active && self.recipient_active && Window { from: self.not_before, until: self.expires_at }.holds(now)
    }

    fn is_of(&self, token: &Checked) -> bool {
        // Both are compared whatever the first says; the hashes take constant time.
        (self.key_id == token.key_id) & (self.hash == token.hash)
    }
}

/// Where hashes of tokens are kept.
#[async_trait]
pub trait TokenStore: Send + Sync {
    /// The token of that id, whatever its state; `None` when there is none, or its recipient is gone. `consistent` asks
    /// for an answer that knows every write that has ended, where the store can give one.
    ///
    /// # Errors
    /// When the store does not answer, or holds something that this server does not know.
    async fn find(&self, token_id: &str, consistent: bool) -> Result<Option<StoredToken>, Error>;
}

/// Checks tokens against a store.
pub struct StoredTokens {
    store: Arc<dyn TokenStore>,
    keyrings: Arc<dyn Keyrings>,
    clock: Arc<dyn Clock>,
    memory: Mutex<Memory>,
}

impl StoredTokens {
    /// Tokens of this store, made with keys of this keyring.
    pub fn new(store: Arc<dyn TokenStore>, keyrings: Arc<dyn Keyrings>, clock: Arc<dyn Clock>) -> Self {
        Self { store, keyrings, clock, memory: Mutex::new(Memory::of(TOKENS_REMEMBERED_MAX)) }
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the store says about a token, or said not long ago.
    async fn stored(&self, token: &Checked) -> Result<Option<Arc<StoredToken>>, Error> {
        let asked = self.clock.now();
        if let Some(known) = self.memory().get(token.id, asked) {
            audit::cache_hit("token");
            return Ok(known);
        }
        let id = token.id.to_string();
        let found = match self.store.find(&id, false).await? {
            Some(found) => Some(found),
            // Perhaps written moments ago: providers try a token as soon as they have made it.
            None => self.store.find(&id, true).await?,
        };
        let found = found.map(Arc::new);
        let good = found.as_ref().is_some_and(|found| found.good_at(self.clock.now()));
        let secs = if good { TOKEN_BELIEVED_SECS } else { TOKEN_REFUSED_SECS };
        // Counted from before the store was asked: what it said is at least that old.
        self.memory().put(token.id, found.clone(), asked, asked.plus_secs(secs));
        Ok(found)
    }
}

impl fmt::Debug for StoredTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredTokens").finish_non_exhaustive()
    }
}

#[async_trait]
impl Tokens for StoredTokens {
    async fn holder_of(&self, token: &Secret) -> Result<Option<Holder>, Error> {
        let Some(presented) = Presented::parse(token) else {
            return Ok(None);
        };
        let Some(key) = self.keyrings.with_key(presented.key_id()).await? else {
            return Ok(None);
        };
        let Some(token) = presented.checked(&key) else {
            return Ok(None);
        };
        let stored = self.stored(&token).await?;
        let now = self.clock.now();
        Ok(stored.filter(|stored| stored.is_of(&token) && stored.good_at(now)).map(|stored| Holder {
            recipient_id: stored.recipient_id.clone(),
            recipient_name: stored.recipient_name.clone(),
            token_id: Some(token.id.to_string()),
            rules: stored.rules.clone(),
        }))
    }
}

#[cfg(test)]
mod tests;
