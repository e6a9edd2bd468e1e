//! Activation links: what a recipient is sent instead of a token. A link holds a random code; the page behind it hands
//! the profile over once, to whoever asks first, and never again.
//!
//! The token is made with the link and kept nowhere in clear. What is handed over is sealed under a key that is derived
//! from the code, and with a keyring from its current key too, and only the code's hash is kept: who copies the catalogue
//! can open nothing, and neither can the server without the code. The function behind the link can make no token and
//! change none; all it may write is that a link was used, and with that the sealed contents go.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

pub use self::code::{Code, Codes};
use crate::clock::Clock;
use crate::error::{Error, LinkEnd};
use crate::model::recipient::Recipient;
use crate::model::rule::RecipientRules;
use crate::model::version::TimestampMs;
use crate::secret::Secret;

mod code;
#[cfg(feature = "dynamo")]
pub mod dynamo;
#[cfg(feature = "local")]
pub mod embedded;
#[cfg(test)]
mod tests;

/// What a catalogue knows of a link, whatever its state, with what matters of its token and recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredLink {
    /// The recipient's stable id.
    pub recipient_id: String,
    /// The provider's name for the recipient.
    pub recipient_name: String,
    /// The public part of the token that it hands over.
    pub token_id: String,
    /// What it hands over, sealed; gone once it was used.
    pub sealed: Option<String>,
    /// From this moment on it hands nothing over.
    pub expires_at: TimestampMs,
    /// When it was used.
    pub used_at: Option<TimestampMs>,
    /// What narrows the recipient: among other things where it may come from.
    pub rules: RecipientRules,
    /// The token as it is now; none when it or its recipient is gone or may not be used.
    pub token: Option<TokenTimes>,
}

/// When a token may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenTimes {
    /// From this moment on it is not good.
    pub expires_at: Option<TimestampMs>,
}

/// Where links are kept, by the hash of their codes.
#[async_trait]
pub trait Links: Send + Sync {
    /// The link of that hash, as every write that has ended left it.
    ///
    /// # Errors
    /// When the store does not answer, or holds something that this server does not know.
    async fn find(&self, code_hash: &str) -> Result<Option<StoredLink>, Error>;

    /// Marks a link as used and forgets what it hands over. True for exactly one call in the life of a link; false for
    /// every other, and for a link that has expired or is not there.
    ///
    /// # Errors
    /// When the store does not answer; whether the link was used is then unknown.
    async fn use_up(&self, code_hash: &str, now: TimestampMs) -> Result<bool, Error>;
}

/// No links at all: the store of a server whose catalogue has none.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoLinks;

#[async_trait]
impl Links for NoLinks {
    async fn find(&self, _code_hash: &str) -> Result<Option<StoredLink>, Error> {
        Ok(None)
    }

    async fn use_up(&self, _code_hash: &str, _now: TimestampMs) -> Result<bool, Error> {
        Ok(false)
    }
}

/// What a link hands over.
#[derive(Clone, Serialize, Deserialize)]
pub struct Contents {
    /// The token, in clear.
    pub token: String,
    /// The URL that the profile leads to.
    pub endpoint: String,
}

impl fmt::Debug for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contents").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

/// Opens links. Looking changes nothing, however often; taking is for the first alone.
#[derive(Clone)]
pub struct Activations {
    codes: Codes,
    links: Arc<dyn Links>,
    clock: Arc<dyn Clock>,
}

/// A good link, opened by its code. Only [`Activations`] makes one.
#[derive(Debug)]
pub struct Opened {
    code_hash: String,
    token: Secret,
    recipient: Recipient,
    /// The URL that the profile leads to.
    pub endpoint: String,
    /// When the link ends.
    pub expires_at: TimestampMs,
    /// When the token ends, as the catalogue has it now; never when absent.
    pub token_expires_at: Option<TimestampMs>,
}

impl Opened {
    /// Whom the link is for. Whoever has the code could have the token, so what may be seen with the one may be seen with
    /// the other.
    pub fn recipient(&self) -> &Recipient {
        &self.recipient
    }
}

impl Activations {
    /// Links of this store, whose codes are of this kind.
    pub fn new(codes: Codes, links: Arc<dyn Links>, clock: Arc<dyn Clock>) -> Self {
        Self { codes, links, clock }
    }

    /// Looks at a link without using it up, from an address.
    ///
    /// # Errors
    /// [`Error::LinkUnknown`] for a code that nobody was sent, [`Error::AddressRefused`] when its recipient may not come from
    /// there, [`Error::LinkEnded`] for a link that hands nothing over any more; otherwise when the store does not answer.
    pub async fn open(&self, code: &str, address: Option<IpAddr>) -> Result<Opened, Error> {
        // Garbage ends here, before the store is asked.
        let code = self.codes.read(code).await?.ok_or(Error::LinkUnknown)?;
        let link = self.links.find(code.hash()).await?.ok_or(Error::LinkUnknown)?;
        if !link.rules.access.admits(address) {
            return Err(Error::AddressRefused { address });
        }
        let now = self.clock.now();
        let ended = |end| Err(Error::LinkEnded(end));
        if link.used_at.is_some() {
            return ended(LinkEnd::Used);
        }
        if link.expires_at <= now {
            return ended(LinkEnd::Expired);
        }
        let Some(token) = link.token else { return ended(LinkEnd::Withdrawn) };
        if token.expires_at.is_some_and(|end| end <= now) {
            return ended(LinkEnd::Withdrawn);
        }
        let sealed = link.sealed.ok_or_else(|| Error::defect("a link that was not used holds nothing"))?;
        let contents = code
            .open(&link.recipient_id, &link.token_id, &sealed)
            .ok_or_else(|| Error::defect("what a link hands over cannot be opened with its code"))?;
        Ok(Opened {
            code_hash: code.hash().to_owned(),
            token: Secret::new(contents.token),
            recipient: Recipient::admitted(link.recipient_id, link.recipient_name, Some(link.token_id), link.rules),
            endpoint: contents.endpoint,
            expires_at: link.expires_at,
            token_expires_at: token.expires_at,
        })
    }

    /// Uses a link up and gives its token.
    ///
    /// # Errors
    /// [`Error::LinkEnded`] when somebody was faster or time ran out; otherwise when the store does not answer.
    pub async fn take(&self, opened: &Opened) -> Result<Secret, Error> {
        let now = self.clock.now();
        if self.links.use_up(&opened.code_hash, now).await? {
            return Ok(opened.token.clone());
        }
        Err(Error::LinkEnded(if opened.expires_at <= now { LinkEnd::Expired } else { LinkEnd::Used }))
    }
}

impl fmt::Debug for Activations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Activations").field("codes", &self.codes).finish_non_exhaustive()
    }
}
