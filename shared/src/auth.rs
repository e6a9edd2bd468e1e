//! The gate: from an `Authorization` header to a recipient. The only way to a [`Recipient`], on AWS and locally.

use std::sync::Arc;

use ::http::HeaderMap;
use ::http::header::AUTHORIZATION;
use async_trait::async_trait;

use crate::error::Error;
use crate::model::recipient::Recipient;
use crate::secret::Secret;

#[cfg(feature = "local")]
pub mod embedded;
pub mod token;

/// Knows whose a token is.
#[async_trait]
pub trait Tokens: Send + Sync {
    /// The id of the recipient that a token belongs to, if it is good now.
    ///
    /// # Errors
    /// When the store does not answer.
    async fn recipient_of(&self, token: &Secret) -> Result<Option<String>, Error>;
}

/// Lets recipients in.
#[derive(Clone)]
pub struct Gate(Kind);

#[derive(Clone)]
enum Kind {
    Tokens(Arc<dyn Tokens>),
    Open(String),
}

impl Gate {
    /// A gate that asks for a bearer token.
    pub fn new(tokens: Arc<dyn Tokens>) -> Self {
        Self(Kind::Tokens(tokens))
    }

    /// A gate that takes everybody for one recipient. For a server that only this machine can reach.
    pub fn open(recipient_id: impl Into<String>) -> Self {
        Self(Kind::Open(recipient_id.into()))
    }

    /// Identifies the caller.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] without a good token; otherwise when the store does not answer.
    pub async fn admit(&self, headers: &HeaderMap) -> Result<Recipient, Error> {
        let tokens = match &self.0 {
            Kind::Tokens(tokens) => tokens,
            Kind::Open(id) => return Ok(Recipient::admitted(id.clone())),
        };
        let token = headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(bearer)
            .ok_or(Error::Unauthenticated)?;
        match tokens.recipient_of(&token).await? {
            Some(id) => Ok(Recipient::admitted(id)),
            None => Err(Error::Unauthenticated),
        }
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
