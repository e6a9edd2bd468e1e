//! Presigned URLs. The contract: a signed URL or an error, never the raw path; and a URL never promises to live longer
//! than the credentials it was signed with.

use async_trait::async_trait;

use crate::error::Error;
use crate::model::recipient::Recipient;
use crate::model::securable::Table;

pub mod sigv4;

#[cfg(feature = "s3")]
pub mod session;

pub use sigv4::UrlSigner;

/// Prepares signers for tables.
#[async_trait]
pub trait Presigner: Send + Sync {
    /// A signer for the files of one table, for one recipient, good for the answer under way. Everything that is the same
    /// for all files is done here, once.
    ///
    /// # Errors
    /// When there are no credentials, or they end too soon to be signed with.
    async fn signer(&self, table: &Table, to: &Recipient) -> Result<UrlSigner, Error>;
}
