//! A catalogue whose tokens are checked in Secrets Manager: each recipient's token is in a secret of its own, and the
//! catalogue keeps a note of it for lists. The secret is what lets a recipient in, so it closes first and opens last.
//!
//! Two stores are not written at once, so a program that is killed between them leaves a recipient without a secret: one
//! that is active was being made, and the same command run again gives it its token; one that is disabled was being
//! deleted, and is deleted to the end. Nobody is let in meanwhile.

use std::sync::Arc;

use async_trait::async_trait;
use shared::auth::secrets::SecretTokenStore;
use shared::catalog::register::{RegisteredTable, TableRegister};
use shared::catalog::write::{
    ActivationRecord, Deletion, GrantRecord, ProviderCatalog, RecipientRecord, SchemaRecord, ShareRecord, Status,
    TableRecord, TokenRecord, WriteError,
};
use shared::model::name::{RecipientName, SchemaName, ShareName, TableName};
use shared::model::rule::{RecipientRules, Window};
use shared::model::version::TimestampMs;

/// A catalogue and the secrets beside it.
pub(super) struct TokensInSecrets {
    catalog: Arc<dyn ProviderCatalog>,
    secrets: SecretTokenStore,
}

impl TokensInSecrets {
    /// This catalogue, with its tokens in these secrets.
    pub(super) fn new(catalog: Arc<dyn ProviderCatalog>, secrets: SecretTokenStore) -> Self {
        Self { catalog, secrets }
    }

    /// Whether a recipient has no secret, so that nothing lets it in.
    async fn has_none(&self, recipient: &RecipientRecord) -> Result<bool, WriteError> {
        Ok(!self.secrets.holds(&recipient.id).await?)
    }

    /// Brings a new secret up to what others have changed of its recipient while it was not there to be changed.
    async fn catch_up(&self, made: &RecipientRecord, token: &TokenRecord) -> Result<(), WriteError> {
        let now = self.catalog.recipient(&made.name).await?.filter(|now| now.id == made.id);
        let Some(now) = now else {
            self.secrets.delete(&made.id).await?;
            return Err(WriteError::Conflict { what: format!("recipient '{}'", made.name) });
        };
        if now.rules != made.rules {
            self.secrets.set_rules(&made.id, &now.rules).await?;
        }
        if now.status == Status::Disabled {
            self.secrets.disable(&made.id).await?;
        }
        let tokens = self.catalog.tokens(&made.name).await?;
        match tokens.iter().find(|noted| noted.id == token.id).map(|noted| noted.expires_at) {
            Some(Some(end)) if token.expires_at.is_none_or(|until| end < until) => {
                self.secrets.end_tokens(&made.id, end).await
            }
            _ => Ok(()),
        }
    }

    async fn found(&self, name: &RecipientName) -> Result<RecipientRecord, WriteError> {
        let missing = || WriteError::Missing { what: format!("recipient '{name}'") };
        self.catalog.recipient(name).await?.ok_or_else(missing)
    }
}

#[async_trait]
impl ProviderCatalog for TokensInSecrets {
    async fn create_recipient(&self, recipient: &RecipientRecord, token: &TokenRecord) -> Result<(), WriteError> {
        // The catalogue knows whether the name is free.
        match self.catalog.create_recipient(recipient, token).await {
            Err(WriteError::Exists { what }) if self.is_being_deleted(&recipient.name).await? => {
                return Err(WriteError::BeingDeleted { what });
            }
            other => other?,
        }
        let put = self.secrets.put_token(recipient, token, None).await;
        match put {
            Ok(()) => self.catch_up(recipient, token).await,
            // Another program has finished what this one began.
            Err(conflict @ WriteError::Conflict { .. }) => Err(conflict),
            Err(error) => {
                if let Err(error) = self.catalog.delete_recipient(&recipient.name).await {
                    tracing::warn!("the recipient '{}' was left behind without a token: {error}", recipient.name);
                }
                Err(error)
            }
        }
    }

    async fn set_recipient_status(&self, name: &RecipientName, status: Status) -> Result<(), WriteError> {
        let id = self.found(name).await?.id;
        match status {
            Status::Disabled => {
                let was_there = if_there(self.secrets.disable(&id).await)?;
                self.catalog.set_recipient_status(name, status).await?;
                if was_there { Ok(()) } else { if_there(self.secrets.disable(&id).await).map(drop) }
            }
            Status::Active => {
                self.catalog.set_recipient_status(name, status).await?;
                if_there(self.secrets.enable(&id).await).map(drop)
            }
        }
    }

    async fn set_recipient_rules(&self, name: &RecipientName, rules: &RecipientRules) -> Result<(), WriteError> {
        let id = self.found(name).await?.id;
        let was_there = if_there(self.secrets.set_rules(&id, rules).await)?;
        self.catalog.set_recipient_rules(name, rules).await?;
        // One that was made in between was made by what the catalogue said before.
        if was_there { Ok(()) } else { if_there(self.secrets.set_rules(&id, rules).await).map(drop) }
    }

    async fn delete_recipient(&self, name: &RecipientName) -> Result<(), WriteError> {
        let recipient = self.found(name).await?;
        if recipient.status == Status::Active {
            // A deletion that is broken off is not to be taken for a creation that was.
            match self.catalog.set_recipient_status(name, Status::Disabled).await {
                Ok(()) | Err(WriteError::BeingDeleted { .. }) => {}
                Err(other) => return Err(other),
            }
        }
        self.secrets.delete(&recipient.id).await?;
        self.catalog.delete_recipient(name).await
    }

    async fn rotate_token(&self, token: &TokenRecord, others_end_at: TimestampMs) -> Result<(), WriteError> {
        let recipients = self.catalog.recipients().await?;
        let recipient = recipients
            .iter()
            .find(|recipient| recipient.id == token.recipient_id)
            .ok_or_else(|| WriteError::Missing { what: "recipient of this token".into() })?;
        // The list may be a moment behind, and show a recipient that was just disabled as it was before.
        let recipient = self.found(&recipient.name).await?;
        self.secrets.put_token(&recipient, token, Some(others_end_at)).await?;
        self.catalog.rotate_token(token, others_end_at).await
    }

    async fn add_activation(&self, link: &ActivationRecord) -> Result<(), WriteError> {
        self.catalog.add_activation(link).await
    }

    async fn end_tokens(&self, recipient: &RecipientName, at: TimestampMs) -> Result<(), WriteError> {
        let id = self.found(recipient).await?.id;
        let was_there = if_there(self.secrets.end_tokens(&id, at).await)?;
        self.catalog.end_tokens(recipient, at).await?;
        if was_there { Ok(()) } else { if_there(self.secrets.end_tokens(&id, at).await).map(drop) }
    }

    async fn shares(&self) -> Result<Vec<ShareRecord>, WriteError> {
        self.catalog.shares().await
    }

    async fn share(&self, name: &ShareName) -> Result<Option<ShareRecord>, WriteError> {
        self.catalog.share(name).await
    }

    async fn create_share(&self, share: &ShareRecord) -> Result<(), WriteError> {
        self.catalog.create_share(share).await
    }

    async fn set_share_comment(&self, name: &ShareName, comment: Option<&str>) -> Result<(), WriteError> {
        self.catalog.set_share_comment(name, comment).await
    }

    async fn delete_share(&self, name: &ShareName, deletion: Deletion) -> Result<(), WriteError> {
        self.catalog.delete_share(name, deletion).await
    }

    async fn tables(&self, share: &ShareName) -> Result<Vec<TableRecord>, WriteError> {
        self.catalog.tables(share).await
    }

    async fn table_count(&self, share: &ShareRecord) -> Result<usize, WriteError> {
        self.catalog.table_count(share).await
    }

    async fn table(
        &self,
        share: &ShareName,
        schema: &SchemaName,
        name: &TableName,
    ) -> Result<Option<TableRecord>, WriteError> {
        self.catalog.table(share, schema, name).await
    }

    async fn add_table(&self, table: &TableRecord) -> Result<(), WriteError> {
        self.catalog.add_table(table).await
    }

    async fn remove_table(&self, share: &ShareName, schema: &SchemaName, name: &TableName) -> Result<(), WriteError> {
        self.catalog.remove_table(share, schema, name).await
    }

    async fn located_schemas(&self, share: &ShareName) -> Result<Vec<SchemaRecord>, WriteError> {
        self.catalog.located_schemas(share).await
    }

    async fn locate_schema(&self, schema: &SchemaRecord) -> Result<(), WriteError> {
        self.catalog.locate_schema(schema).await
    }

    async fn unlocate_schema(&self, share: &ShareName, schema: &SchemaName) -> Result<(), WriteError> {
        self.catalog.unlocate_schema(share, schema).await
    }

    async fn recipients(&self) -> Result<Vec<RecipientRecord>, WriteError> {
        self.catalog.recipients().await
    }

    async fn recipient(&self, name: &RecipientName) -> Result<Option<RecipientRecord>, WriteError> {
        self.catalog.recipient(name).await
    }

    async fn is_being_deleted(&self, name: &RecipientName) -> Result<bool, WriteError> {
        if self.catalog.is_being_deleted(name).await? {
            return Ok(true);
        }
        match self.catalog.recipient(name).await? {
            Some(recipient) if recipient.status == Status::Disabled => self.has_none(&recipient).await,
            _ => Ok(false),
        }
    }

    async fn is_being_made(&self, recipient: &RecipientRecord) -> Result<bool, WriteError> {
        Ok(recipient.status == Status::Active && self.has_none(recipient).await?)
    }

    async fn tokens(&self, recipient: &RecipientName) -> Result<Vec<TokenRecord>, WriteError> {
        self.catalog.tokens(recipient).await
    }

    async fn grants_on(&self, share: &ShareName) -> Result<Vec<GrantRecord>, WriteError> {
        self.catalog.grants_on(share).await
    }

    async fn grants_to(&self, recipient: &RecipientName) -> Result<Vec<GrantRecord>, WriteError> {
        self.catalog.grants_to(recipient).await
    }

    async fn grant(
        &self,
        share: &ShareName,
        recipient: &RecipientName,
        window: Window,
        at: TimestampMs,
    ) -> Result<(), WriteError> {
        self.catalog.grant(share, recipient, window, at).await
    }

    async fn set_grant_window(
        &self,
        share: &ShareName,
        recipient: &RecipientName,
        window: Window,
    ) -> Result<(), WriteError> {
        self.catalog.set_grant_window(share, recipient, window).await
    }

    async fn revoke(&self, share: &ShareName, recipient: &RecipientName) -> Result<(), WriteError> {
        self.catalog.revoke(share, recipient).await
    }
}

/// Whether there was a secret to change. Where there is none nobody is let in, and one that comes later is made by what the
/// catalogue says.
fn if_there(changed: Result<(), WriteError>) -> Result<bool, WriteError> {
    match changed {
        Ok(()) => Ok(true),
        Err(WriteError::Missing { .. }) => Ok(false),
        Err(other) => Err(other),
    }
}

#[async_trait]
impl TableRegister for TokensInSecrets {
    async fn registered_tables(&self) -> Result<Vec<RegisteredTable>, WriteError> {
        self.catalog.registered_tables().await
    }

    async fn registered_table(&self, name: &TableName) -> Result<Option<RegisteredTable>, WriteError> {
        self.catalog.registered_table(name).await
    }

    async fn register_table(&self, table: &RegisteredTable) -> Result<(), WriteError> {
        self.catalog.register_table(table).await
    }

    async fn unregister_table(&self, name: &TableName) -> Result<(), WriteError> {
        self.catalog.unregister_table(name).await
    }
}
