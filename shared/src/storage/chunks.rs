//! A place that all processes share for what one of them made of a log. Nothing depends on it: what is not there, or cannot
//! be read, is made of the log again.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;

use crate::error::Error;

/// Objects that are written whole and read whole. Whoever can write there may have put anything under any name.
#[async_trait]
pub trait ChunkStore: fmt::Debug + Send + Sync {
    /// The object of this name; nothing when there is none, or one of more than `max_bytes`.
    ///
    /// # Errors
    /// When the storage refuses or does not answer.
    async fn get(&self, name: &str, max_bytes: u64) -> Result<Option<Bytes>, Error>;

    /// Writes the object of this name, whatever stood there before.
    ///
    /// # Errors
    /// When the storage refuses or does not answer.
    async fn put(&self, name: &str, bytes: Bytes) -> Result<(), Error>;
}
