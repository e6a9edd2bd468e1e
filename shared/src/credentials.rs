//! Temporary credentials, each confined to one table and one purpose. The contract: the keys reach no object outside the
//! table's prefix, whatever its name; they come with the moment at which they end; and where there is no role to assume
//! there are no credentials, never the process's own.

use std::fmt;

use async_trait::async_trait;

use crate::error::Error;
use crate::model::location::TableLocation;
use crate::model::network::Network;
use crate::model::version::TimestampMs;
use crate::secret::Secret;

pub mod assumed;
pub mod policy;

#[cfg(feature = "sts")]
pub mod sts;

/// Keys to sign with.
#[derive(Debug, Clone)]
pub struct SigningKeys {
    /// The access key id; public.
    pub access_key_id: String,
    /// The secret access key.
    pub secret_access_key: Secret,
    /// The session token of temporary credentials.
    pub session_token: Option<Secret>,
}

/// Keys that end.
#[derive(Debug, Clone)]
pub struct Session {
    /// The keys, with a session token.
    pub keys: SigningKeys,
    /// When they end, as their issuer says.
    pub ends: TimestampMs,
}

/// What confines URLs beside their table: S3 looks at both whenever a URL is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bounds<'a> {
    /// From this moment on they work no more.
    pub until: Option<TimestampMs>,
    /// The networks that they work from; all the world without one.
    pub networks: &'a [Network],
}

/// What a session is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose<'a> {
    /// Reading and listing the table's log. Its keys never leave the server.
    Reader,
    /// Signing URLs of the table's files for one recipient. Everybody who holds a URL holds its session token.
    Signer {
        /// The recipient's id.
        recipient: &'a str,
        /// The table's id.
        table: &'a str,
        /// What else confines the URLs.
        bounds: Bounds<'a>,
    },
}

/// Gives sessions.
#[async_trait]
pub trait Sessions: fmt::Debug + Send + Sync {
    /// A session for one table and purpose that lives for at least
    /// [`SESSION_LEFT_SECS_MIN`](crate::limits::SESSION_LEFT_SECS_MIN).
    ///
    /// # Errors
    /// When there is no role for the table, the role cannot be assumed, or no policy would confine the session.
    async fn session(&self, table: &TableLocation, purpose: Purpose<'_>) -> Result<Session, Error>;
}
