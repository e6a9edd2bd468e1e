//! The gate: from an `Authorization` header to a recipient. The only way to a [`Recipient`], on AWS and locally.

use std::net::IpAddr;
use std::sync::Arc;

use ::http::HeaderMap;
use ::http::header::AUTHORIZATION;
use async_trait::async_trait;

use crate::error::Error;
use crate::model::recipient::Recipient;
use crate::model::rule::RecipientRules;
use crate::secret::Secret;

pub mod activation;
#[cfg(feature = "dynamo")]
pub mod dynamo;
#[cfg(feature = "local")]
pub mod embedded;
pub mod keyring;
pub mod mint;
#[cfg(feature = "secrets")]
pub mod secrets;
pub mod stored;
pub mod token;

/// Whose a good token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The recipient's stable id.
    pub recipient_id: String,
    /// The provider's name for the recipient.
    pub recipient_name: String,
    /// The token's public part, where it has one.
    pub token_id: Option<String>,
    /// What the provider says of the recipient.
    pub rules: RecipientRules,
}

/// Knows whose a token is.
#[async_trait]
pub trait Tokens: Send + Sync {
    /// Whom a token belongs to, if it is good now. A token that is unknown, not yet or no longer good, or whose recipient
    /// is disabled belongs to nobody.
    ///
    /// # Errors
    /// When the store does not answer.
    async fn holder_of(&self, token: &Secret) -> Result<Option<Holder>, Error>;
}

/// Lets recipients in.
#[derive(Clone)]
pub struct Gate(Kind);

#[derive(Clone)]
enum Kind {
    Tokens(Arc<dyn Tokens>),
    Open(Holder),
}

impl Gate {
    /// A gate that asks for a bearer token.
    pub fn new(tokens: Arc<dyn Tokens>) -> Self {
        Self(Kind::Tokens(tokens))
    }

    /// A gate that takes everybody for one recipient, whose id is its name. For a server that only this machine can reach.
    pub fn open(recipient: impl Into<String>) -> Self {
        let id: String = recipient.into();
        let rules = RecipientRules::default();
        Self(Kind::Open(Holder { recipient_name: id.clone(), recipient_id: id, token_id: None, rules }))
    }

    /// Identifies the caller and sees that it may come from where it is.
    ///
    /// # Errors
    /// As [`Gate::identify`] and [`Identified::from_address`].
    pub async fn admit(&self, headers: &HeaderMap, address: Option<IpAddr>) -> Result<Recipient, Error> {
        self.identify(headers).await?.from_address(address)
    }

    /// Identifies the caller.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] without a good token; otherwise when the store does not answer.
    pub async fn identify(&self, headers: &HeaderMap) -> Result<Identified, Error> {
        let tokens = match &self.0 {
            Kind::Tokens(tokens) => tokens,
            Kind::Open(holder) => return Ok(Identified(holder.clone())),
        };
        let token = headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(bearer)
            .ok_or(Error::Unauthenticated)?;
        tokens.holder_of(&token).await?.map(Identified).ok_or(Error::Unauthenticated)
    }
}

/// Who presented a good token, and is no recipient before it is known to come from an address that it may come from.
#[derive(Debug)]
pub struct Identified(Holder);

impl Identified {
    /// Whose the token is.
    pub fn holder(&self) -> &Holder {
        &self.0
    }

    /// The recipient. The address is the one that the connection came from, never what a header says.
    ///
    /// # Errors
    /// [`Error::AddressRefused`] when its provider allows other addresses only.
    pub fn from_address(self, address: Option<IpAddr>) -> Result<Recipient, Error> {
        let Holder { recipient_id, recipient_name, token_id, rules } = self.0;
        if !rules.access.admits(address) {
            return Err(Error::AddressRefused { address });
        }
        Ok(Recipient::admitted(recipient_id, recipient_name, token_id, rules))
    }
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0 {
            Kind::Tokens(_) => "Gate(tokens)",
            Kind::Open(_) => "Gate(open)",
        })
    }
}

/// The token of a `Bearer` header; the scheme is compared without case (RFC 9110, 11.1).
fn bearer(value: &str) -> Option<Secret> {
    let (scheme, token) = value.trim().split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then(|| Secret::new(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bearer_headers() {
        assert_eq!(bearer("Bearer abc").unwrap().reveal(), "abc");
        assert_eq!(bearer("bearer  abc ").unwrap().reveal(), "abc");
        for bad in ["Basic abc", "Bearer", "Bearer ", "abc", ""] {
            assert!(bearer(bad).is_none(), "{bad}");
        }
    }
}
