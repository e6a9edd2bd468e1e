//! A catalogue in memory that keeps the port's promises, and can be told to meet another operator.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;

use crate::catalog::register::{RegisteredTable, TableRegister};
use crate::catalog::write::{
    ActivationRecord, Deletion, GrantRecord, ProviderCatalog, RecipientRecord, SchemaRecord, ShareRecord, Status,
    TableRecord, TokenRecord, WriteError,
};
use crate::model::name::{RecipientName, SchemaName, ShareName, TableName};
use crate::model::rule::{RecipientRules, Window};
use crate::model::version::TimestampMs;
use crate::provider::counted;

#[derive(Default)]
struct Content {
    shares: Vec<ShareRecord>,
    tables: Vec<TableRecord>,
    schemas: Vec<SchemaRecord>,
    recipients: Vec<RecipientRecord>,
    tokens: Vec<TokenRecord>,
    grants: Vec<GrantRecord>,
    activations: Vec<ActivationRecord>,
    registered: Vec<RegisteredTable>,
}

/// The catalogue.
#[derive(Default)]
pub(super) struct MemoryCatalog {
    content: Mutex<Content>,
    /// Writes that are still to find that somebody was faster.
    pub(super) conflicts: AtomicUsize,
    /// Writes that were tried.
    pub(super) tried: AtomicUsize,
}

impl MemoryCatalog {
    fn write<T>(&self, change: impl FnOnce(&mut Content) -> Result<T, WriteError>) -> Result<T, WriteError> {
        self.tried.fetch_add(1, Ordering::SeqCst);
        let left = self.conflicts.load(Ordering::SeqCst);
        if left > 0 {
            self.conflicts.store(left - 1, Ordering::SeqCst);
            return Err(WriteError::Conflict { what: "something".into() });
        }
        change(&mut self.content.lock().unwrap())
    }

    fn read<T>(&self, look: impl FnOnce(&Content) -> T) -> Result<T, WriteError> {
        Ok(look(&self.content.lock().unwrap()))
    }
}

impl MemoryCatalog {
    pub(super) fn activations(&self) -> Vec<ActivationRecord> {
        self.content.lock().unwrap().activations.clone()
    }
}

fn missing(kind: &str, name: impl std::fmt::Display) -> WriteError {
    WriteError::Missing { what: format!("{kind} '{name}'") }
}

fn exists(kind: &str, name: impl std::fmt::Display) -> WriteError {
    WriteError::Exists { what: format!("{kind} '{name}'") }
}

impl Content {
    fn share(&self, name: &ShareName) -> Result<&ShareRecord, WriteError> {
        self.shares.iter().find(|share| share.name == *name).ok_or_else(|| missing("share", name))
    }

    fn recipient(&mut self, name: &RecipientName) -> Result<&mut RecipientRecord, WriteError> {
        self.recipients.iter_mut().find(|recipient| recipient.name == *name).ok_or_else(|| missing("recipient", name))
    }
}

#[async_trait]
impl ProviderCatalog for MemoryCatalog {
    async fn shares(&self) -> Result<Vec<ShareRecord>, WriteError> {
        let mut shares = self.read(|content| content.shares.clone())?;
        shares.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(shares)
    }

    async fn share(&self, name: &ShareName) -> Result<Option<ShareRecord>, WriteError> {
        self.read(|content| content.share(name).ok().cloned())
    }

    async fn create_share(&self, share: &ShareRecord) -> Result<(), WriteError> {
        self.write(|content| {
            if content.share(&share.name).is_ok() {
                return Err(exists("share", &share.name));
            }
            content.shares.push(share.clone());
            Ok(())
        })
    }

    async fn set_share_comment(&self, name: &ShareName, comment: Option<&str>) -> Result<(), WriteError> {
        self.write(|content| {
            let share = content.shares.iter_mut().find(|share| share.name == *name);
            share.ok_or_else(|| missing("share", name))?.comment = comment.map(str::to_owned);
            Ok(())
        })
    }

    async fn delete_share(&self, name: &ShareName, deletion: Deletion) -> Result<(), WriteError> {
        self.write(|content| {
            content.share(name)?;
            let grants = content.grants.iter().filter(|grant| grant.share == *name).count();
            if grants > 0 && deletion == Deletion::OnlyIfUnused {
                return Err(WriteError::InUse { what: format!("share '{name}'"), by: counted(grants, "grant") });
            }
            content.shares.retain(|share| share.name != *name);
            content.tables.retain(|table| table.share != *name);
            content.grants.retain(|grant| grant.share != *name);
            Ok(())
        })
    }

    async fn tables(&self, share: &ShareName) -> Result<Vec<TableRecord>, WriteError> {
        self.read(|content| content.tables.iter().filter(|table| table.share == *share).cloned().collect())
    }

    async fn table_count(&self, share: &ShareRecord) -> Result<usize, WriteError> {
        Ok(self.tables(&share.name).await?.len())
    }

    async fn table(
        &self,
        share: &ShareName,
        schema: &SchemaName,
        name: &TableName,
    ) -> Result<Option<TableRecord>, WriteError> {
        let tables = self.tables(share).await?;
        Ok(tables.into_iter().find(|table| table.schema == *schema && table.name == *name))
    }

    async fn add_table(&self, table: &TableRecord) -> Result<(), WriteError> {
        let taken = self.table(&table.share, &table.schema, &table.name).await?.is_some();
        self.write(|content| {
            content.share(&table.share)?;
            if taken {
                return Err(exists("table", format!("{}.{}.{}", table.share, table.schema, table.name)));
            }
            content.tables.push(table.clone());
            Ok(())
        })
    }

    async fn remove_table(&self, share: &ShareName, schema: &SchemaName, name: &TableName) -> Result<(), WriteError> {
        self.write(|content| {
            content.tables.retain(|table| table.share != *share || table.schema != *schema || table.name != *name);
            Ok(())
        })
    }

    async fn located_schemas(&self, share: &ShareName) -> Result<Vec<SchemaRecord>, WriteError> {
        self.read(|content| content.schemas.iter().filter(|schema| schema.share == *share).cloned().collect())
    }

    async fn locate_schema(&self, schema: &SchemaRecord) -> Result<(), WriteError> {
        self.write(|content| {
            content.share(&schema.share)?;
            if content.schemas.iter().any(|other| other.share == schema.share && other.name == schema.name) {
                return Err(exists("place of schema", format!("{}.{}", schema.share, schema.name)));
            }
            content.schemas.push(schema.clone());
            Ok(())
        })
    }

    async fn unlocate_schema(&self, share: &ShareName, schema: &SchemaName) -> Result<(), WriteError> {
        self.write(|content| {
            let before = content.schemas.len();
            content.schemas.retain(|other| other.share != *share || other.name != *schema);
            let gone = content.schemas.len() < before;
            if gone { Ok(()) } else { Err(missing("place of schema", format!("{share}.{schema}"))) }
        })
    }

    async fn recipients(&self) -> Result<Vec<RecipientRecord>, WriteError> {
        self.read(|content| content.recipients.clone())
    }

    async fn recipient(&self, name: &RecipientName) -> Result<Option<RecipientRecord>, WriteError> {
        self.read(|content| content.recipients.iter().find(|recipient| recipient.name == *name).cloned())
    }

    async fn is_being_deleted(&self, _: &RecipientName) -> Result<bool, WriteError> {
        Ok(false)
    }

    async fn create_recipient(&self, recipient: &RecipientRecord, token: &TokenRecord) -> Result<(), WriteError> {
        self.write(|content| {
            if content.recipient(&recipient.name).is_ok() {
                return Err(exists("recipient", &recipient.name));
            }
            content.recipients.push(recipient.clone());
            content.tokens.push(token.clone());
            Ok(())
        })
    }

    async fn set_recipient_status(&self, name: &RecipientName, status: Status) -> Result<(), WriteError> {
        self.write(|content| {
            content.recipient(name)?.status = status;
            Ok(())
        })
    }

    async fn set_recipient_rules(&self, name: &RecipientName, rules: &RecipientRules) -> Result<(), WriteError> {
        self.write(|content| {
            content.recipient(name)?.rules = rules.clone();
            Ok(())
        })
    }

    async fn delete_recipient(&self, name: &RecipientName) -> Result<(), WriteError> {
        self.write(|content| {
            let id = content.recipient(name)?.id.clone();
            content.recipients.retain(|recipient| recipient.id != id);
            content.tokens.retain(|token| token.recipient_id != id);
            content.grants.retain(|grant| grant.recipient_id != id);
            Ok(())
        })
    }

    async fn tokens(&self, recipient: &RecipientName) -> Result<Vec<TokenRecord>, WriteError> {
        let recipient = self.recipient(recipient).await?;
        self.read(|content| {
            let of = |token: &&TokenRecord| recipient.as_ref().is_some_and(|of| of.id == token.recipient_id);
            content.tokens.iter().filter(of).cloned().collect()
        })
    }

    async fn rotate_token(&self, token: &TokenRecord, others_end_at: TimestampMs) -> Result<(), WriteError> {
        self.write(|content| {
            for other in content.tokens.iter_mut().filter(|other| other.recipient_id == token.recipient_id) {
                other.expires_at = Some(other.expires_at.map_or(others_end_at, |end| end.min(others_end_at)));
            }
            content.tokens.push(token.clone());
            Ok(())
        })
    }

    async fn add_activation(&self, link: &ActivationRecord) -> Result<(), WriteError> {
        self.write(|content| {
            content.activations.push(link.clone());
            Ok(())
        })
    }

    async fn end_tokens(&self, recipient: &RecipientName, at: TimestampMs) -> Result<(), WriteError> {
        self.write(|content| {
            let id = content.recipient(recipient)?.id.clone();
            for token in content.tokens.iter_mut().filter(|token| token.recipient_id == id) {
                token.expires_at = Some(token.expires_at.map_or(at, |end| end.min(at)));
            }
            Ok(())
        })
    }

    async fn grants_on(&self, share: &ShareName) -> Result<Vec<GrantRecord>, WriteError> {
        self.read(|content| content.grants.iter().filter(|grant| grant.share == *share).cloned().collect())
    }

    async fn grants_to(&self, recipient: &RecipientName) -> Result<Vec<GrantRecord>, WriteError> {
        self.read(|content| content.grants.iter().filter(|grant| grant.recipient == *recipient).cloned().collect())
    }

    async fn grant(
        &self,
        share: &ShareName,
        recipient: &RecipientName,
        window: Window,
        at: TimestampMs,
    ) -> Result<(), WriteError> {
        self.write(|content| {
            let share = content.share(share)?.clone();
            let recipient = content.recipient(recipient)?.clone();
            let same = |grant: &GrantRecord| grant.share_id == share.id && grant.recipient_id == recipient.id;
            if content.grants.iter().any(same) {
                return Err(exists("grant", &share.name));
            }
            content.grants.push(GrantRecord {
                share: share.name,
                share_id: share.id,
                recipient: recipient.name,
                recipient_id: recipient.id,
                window,
                granted_at: Some(at),
            });
            Ok(())
        })
    }

    async fn set_grant_window(
        &self,
        share: &ShareName,
        recipient: &RecipientName,
        window: Window,
    ) -> Result<(), WriteError> {
        self.write(|content| {
            let same = |grant: &&mut GrantRecord| grant.share == *share && grant.recipient == *recipient;
            content.grants.iter_mut().find(same).ok_or_else(|| missing("grant", share))?.window = window;
            Ok(())
        })
    }

    async fn revoke(&self, share: &ShareName, recipient: &RecipientName) -> Result<(), WriteError> {
        self.write(|content| {
            let before = content.grants.len();
            content.grants.retain(|grant| grant.share != *share || grant.recipient != *recipient);
            if content.grants.len() == before { Err(missing("grant", share)) } else { Ok(()) }
        })
    }
}

#[async_trait]
impl TableRegister for MemoryCatalog {
    async fn registered_tables(&self) -> Result<Vec<RegisteredTable>, WriteError> {
        self.read(|content| content.registered.clone())
    }

    async fn registered_table(&self, name: &TableName) -> Result<Option<RegisteredTable>, WriteError> {
        self.read(|content| content.registered.iter().find(|table| table.name == *name).cloned())
    }

    async fn register_table(&self, table: &RegisteredTable) -> Result<(), WriteError> {
        self.write(|content| {
            if content.registered.iter().any(|other| other.name == table.name) {
                return Err(exists("registered table", &table.name));
            }
            content.registered.push(table.clone());
            Ok(())
        })
    }

    async fn unregister_table(&self, name: &TableName) -> Result<(), WriteError> {
        self.write(|content| {
            let before = content.registered.len();
            content.registered.retain(|table| table.name != *name);
            if content.registered.len() == before { Err(missing("registered table", name)) } else { Ok(()) }
        })
    }
}
