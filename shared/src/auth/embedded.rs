//! Tokens of a catalogue in memory: the adapter of the local server and of tests.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Holder, Tokens};
use crate::catalog::file::CatalogSource;
use crate::catalog::index::TokenHolder;
use crate::clock::Clock;
use crate::error::Error;
use crate::secret::Secret;

/// Checks tokens against the catalogue's hashes.
pub struct EmbeddedTokens {
    source: Arc<dyn CatalogSource>,
    clock: Arc<dyn Clock>,
}

impl EmbeddedTokens {
    /// Tokens of this catalogue.
    pub fn new(source: Arc<dyn CatalogSource>, clock: Arc<dyn Clock>) -> Self {
        Self { source, clock }
    }
}

impl std::fmt::Debug for EmbeddedTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmbeddedTokens").finish_non_exhaustive()
    }
}

#[async_trait]
impl Tokens for EmbeddedTokens {
    async fn holder_of(&self, token: &Secret) -> Result<Option<Holder>, Error> {
        let holder = self.source.current().holder_of(token, self.clock.now());
        Ok(holder.map(|TokenHolder { id, name, rules }| Holder {
            recipient_id: id,
            recipient_name: name,
            token_id: None,
            rules,
        }))
    }
}
