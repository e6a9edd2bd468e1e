//! A copy of a whole catalogue in memory, to try changes on that nobody is to see.

use futures::future;
use futures::stream::{self, StreamExt, TryStreamExt};

use super::EmbeddedProviderCatalog;
use super::changes;
use super::records::{iso, recipient_entry, share_entry, token_entry};
use super::registered;
use super::schemas;
use crate::catalog::document::CatalogDocument;
use crate::catalog::write::{ProviderCatalog, WriteError};
use crate::limits::CATALOG_LISTS_AT_ONCE;

impl EmbeddedProviderCatalog {
    /// Everything that a catalogue holds, read once.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn copy_of(catalog: &dyn ProviderCatalog) -> Result<Self, WriteError> {
        let mut document = CatalogDocument::empty();
        let shares = catalog.shares().await?;
        let held = stream::iter(&shares)
            .map(|share| future::try_join(catalog.tables(&share.name), catalog.located_schemas(&share.name)));
        let held: Vec<_> = held.buffered(CATALOG_LISTS_AT_ONCE).try_collect().await?;
        document.shares = shares.iter().map(share_entry).collect();
        for (tables, placed) in &held {
            for table in tables {
                changes::add_table(&mut document, table)?;
            }
            for schema in placed {
                schemas::locate_schema(&mut document, schema)?;
            }
        }
        let recipients = catalog.recipients().await?;
        let given = stream::iter(&recipients)
            .map(|recipient| future::try_join(catalog.tokens(&recipient.name), catalog.grants_to(&recipient.name)));
        let given: Vec<_> = given.buffered(CATALOG_LISTS_AT_ONCE).try_collect().await?;
        for (recipient, (tokens, grants)) in recipients.iter().zip(given) {
            let mut entry = recipient_entry(recipient);
            entry.tokens = tokens.iter().map(token_entry).collect();
            for grant in grants {
                if let Some(at) = iso(grant.granted_at) {
                    entry.granted_at.insert(grant.share_id.clone(), at);
                }
                if !grant.window.is_always() {
                    entry.grant_windows.insert(grant.share_id.clone(), grant.window.into());
                }
                entry.grants.push(grant.share_id);
            }
            document.recipients.push(entry);
        }
        document.registered_tables = catalog.registered_tables().await?.iter().map(registered::entry).collect();
        Ok(Self::in_memory(document))
    }
}
