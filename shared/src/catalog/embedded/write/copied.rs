//! A copy of a whole catalogue in memory, to try changes on that nobody is to see.

use super::EmbeddedProviderCatalog;
use super::changes;
use super::records::{iso, recipient_entry, share_entry, token_entry};
use super::registered;
use super::schemas;
use crate::catalog::document::CatalogDocument;
use crate::catalog::write::{ProviderCatalog, WriteError};

impl EmbeddedProviderCatalog {
    /// Everything that a catalogue holds, read once.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn copy_of(catalog: &dyn ProviderCatalog) -> Result<Self, WriteError> {
        let mut document = CatalogDocument::empty();
        for share in catalog.shares().await? {
            document.shares.push(share_entry(&share));
            for table in catalog.tables(&share.name).await? {
                changes::add_table(&mut document, &table)?;
            }
            for schema in catalog.located_schemas(&share.name).await? {
                schemas::locate_schema(&mut document, &schema)?;
            }
        }
        for recipient in catalog.recipients().await? {
            let mut entry = recipient_entry(&recipient);
            entry.tokens = catalog.tokens(&recipient.name).await?.iter().map(token_entry).collect();
            for grant in catalog.grants_to(&recipient.name).await? {
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
