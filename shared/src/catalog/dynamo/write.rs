//! The provider's side of the DynamoDB catalogue. Every write is a transaction whose conditions say what it rests on, so
//! that two operators cannot lose each other's change. What is found is read consistently; only lists of everything, and
//! of the grants on a share, come from the index, which is a moment behind.

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;

use super::failure::Failed;
use super::rows::{Reading, RowStore, pause};
use crate::catalog::event::{Deed, Recorder};
use crate::catalog::item::event::event_item;
use crate::catalog::item::recipient::{StoredRecipient, read_recipient_name, read_stored_recipient};
use crate::catalog::item::schema::read_schema;
use crate::catalog::item::share::{StoredShare, read_share, read_table};
use crate::catalog::item::{Item, ItemError, Lifecycle};
use crate::catalog::key::{self, Key, KeyError};
use crate::catalog::write::{
    ActivationRecord, Deletion, GrantRecord, ProviderCatalog, RecipientRecord, SchemaRecord, ShareRecord, Status,
    TableRecord, TokenRecord, WriteError,
};
use crate::limits::CATALOG_ATTEMPTS_MAX;
use crate::model::name::{RecipientName, SchemaName, ShareName, TableName};
use crate::model::rule::{RecipientRules, Window};
use crate::model::version::TimestampMs;

mod events;
mod grants;
mod recipients;
mod registered;
mod schemas;
mod shares;
mod tables;
mod transaction;

/// Nothing is at the key yet.
const FREE: &str = "attribute_not_exists(#PK)";
/// Nothing is at the key, or what another share of the name left there.
const FREE_OR_LEFT: &str = "attribute_not_exists(#PK) OR #shareId <> :share";
/// What is at the key belongs to this very share.
const SAME_SHARE: &str = "#shareId = :share";
/// The share is this very one and not being deleted.
const SAME_LIVE_SHARE: &str = "#shareId = :share AND #status = :active";
/// The recipient is there and not being deleted.
const LIVE_RECIPIENT: &str = "attribute_exists(#PK) AND #status <> :deleting";

/// Reads and changes the catalogue in a DynamoDB table.
#[derive(Debug, Clone)]
pub struct DynamoProviderCatalog {
    rows: RowStore,
    recorder: Option<Recorder>,
}

impl From<Failed> for WriteError {
    fn from(failed: Failed) -> Self {
        Self::Unavailable(Box::new(failed))
    }
}

impl From<ItemError> for WriteError {
    fn from(error: ItemError) -> Self {
        Self::Refused(error.to_string())
    }
}

impl From<KeyError> for WriteError {
    fn from(error: KeyError) -> Self {
        Self::Refused(error.to_string())
    }
}

/// What one attempt at a write came to.
enum Attempt {
    Done,
    /// What it rested on has changed since it was read.
    Again,
}

/// Looks and writes until what was looked at is what was written over.
async fn settle<F>(what: impl Fn() -> String, attempt: impl Fn() -> F) -> Result<(), WriteError>
where
    F: Future<Output = Result<Attempt, WriteError>>,
{
    for tried in 0..CATALOG_ATTEMPTS_MAX {
        match attempt().await? {
            Attempt::Done => return Ok(()),
            Attempt::Again => pause(tried).await,
        }
    }
    Err(WriteError::Conflict { what: what() })
}

fn share_text(name: &ShareName) -> String {
    format!("share '{name}'")
}

fn recipient_text(name: &RecipientName) -> String {
    format!("recipient '{name}'")
}

fn table_text(share: &ShareName, schema: &SchemaName, name: &TableName) -> String {
    format!("table '{share}.{schema}.{name}'")
}

fn live(name: &ShareName, stored: Option<StoredShare>) -> Result<StoredShare, WriteError> {
    match stored {
        None => Err(WriteError::Missing { what: share_text(name) }),
        Some(share) if share.lifecycle == Lifecycle::Active => Ok(share),
        Some(_) => Err(being_deleted(&share_text(name))),
    }
}

fn being_deleted(what: &str) -> WriteError {
    WriteError::BeingDeleted { what: what.to_owned() }
}

impl DynamoProviderCatalog {
    /// The catalogue in this table.
    pub fn new(client: Client, table_name: impl Into<String>) -> Self {
        Self { rows: RowStore { client, table_name: table_name.into() }, recorder: None }
    }

    /// The same, with an event of every change in the transaction that makes it.
    #[must_use]
    pub fn recorded(self, recorder: Recorder) -> Self {
        Self { recorder: Some(recorder), ..self }
    }

    /// The item of a deed's event, where events are kept.
    async fn event_of(&self, deed: Deed) -> Result<Option<Item>, WriteError> {
        match &self.recorder {
            Some(recorder) => Ok(Some(event_item(&recorder.signature().await?.under(deed))?)),
            None => Ok(None),
        }
    }

    async fn stored_share(&self, name: &ShareName) -> Result<Option<StoredShare>, WriteError> {
        let row = self.rows.get(&key::share_key(name)?, Reading::Consistent).await?;
        Ok(row.as_ref().map(read_share).transpose()?)
    }

    /// A share that may be changed.
    async fn live_share(&self, name: &ShareName) -> Result<StoredShare, WriteError> {
        live(name, self.stored_share(name).await?)
    }

    /// A share that may be changed, and one more row, read together.
    async fn live_share_and(&self, name: &ShareName, key: &Key) -> Result<(StoredShare, Option<Item>), WriteError> {
        let share_key = key::share_key(name)?;
        let found = self.rows.batch(&[share_key.clone(), key.clone()], Reading::Consistent).await?;
        let share = live(name, found.get(&share_key).map(read_share).transpose()?)?;
        Ok((share, found.get(key).cloned()))
    }

    async fn stored_recipient_of(&self, id: &str) -> Result<Option<StoredRecipient>, WriteError> {
        let row = self.rows.get(&key::recipient_key(id)?, Reading::Consistent).await?;
        Ok(row.as_ref().map(read_stored_recipient).transpose()?)
    }

    async fn stored_recipient(&self, name: &RecipientName) -> Result<Option<StoredRecipient>, WriteError> {
        let Some(row) = self.rows.get(&key::recipient_name_key(name)?, Reading::Consistent).await? else {
            return Ok(None);
        };
        self.stored_recipient_of(&read_recipient_name(&row)?).await
    }

    /// A recipient that may be changed.
    async fn live_recipient(&self, name: &RecipientName) -> Result<StoredRecipient, WriteError> {
        let row = self.rows.get(&key::recipient_name_key(name)?, Reading::Consistent).await?;
        self.live_recipient_named(name, row.as_ref()).await
    }

    /// A recipient that may be changed, by the row of its name.
    async fn live_recipient_named(
        &self,
        name: &RecipientName,
        row: Option<&Item>,
    ) -> Result<StoredRecipient, WriteError> {
        let stored = match row {
            Some(row) => self.stored_recipient_of(&read_recipient_name(row)?).await?,
            None => None,
        };
        match stored {
            None => Err(WriteError::Missing { what: recipient_text(name) }),
            Some(recipient) if recipient.lifecycle == Lifecycle::Deleting => Err(being_deleted(&recipient_text(name))),
            Some(recipient) => Ok(recipient),
        }
    }
}

#[async_trait]
impl ProviderCatalog for DynamoProviderCatalog {
    async fn shares(&self) -> Result<Vec<ShareRecord>, WriteError> {
        let rows = self.rows.indexed(key::SHARES, "").await?;
        let shares = rows.iter().map(read_share).collect::<Result<Vec<_>, _>>()?;
        let live = shares.into_iter().filter(|share| share.lifecycle == Lifecycle::Active);
        Ok(live.map(|share| share.record).collect())
    }

    async fn share(&self, name: &ShareName) -> Result<Option<ShareRecord>, WriteError> {
        let stored = self.stored_share(name).await?;
        Ok(stored.filter(|share| share.lifecycle == Lifecycle::Active).map(|share| share.record))
    }

    async fn create_share(&self, share: &ShareRecord) -> Result<(), WriteError> {
        self.write_share(share).await
    }

    async fn set_share_comment(&self, name: &ShareName, comment: Option<&str>) -> Result<(), WriteError> {
        self.write_share_comment(name, comment).await
    }

    async fn delete_share(&self, name: &ShareName, deletion: Deletion) -> Result<(), WriteError> {
        self.drop_share(name, deletion).await
    }

    async fn tables(&self, share: &ShareName) -> Result<Vec<TableRecord>, WriteError> {
        let Some(stored) = self.stored_share(share).await? else { return Ok(Vec::new()) };
        let rows = self.rows.all(&key::tables_of(share)).await?;
        let tables = rows.iter().map(read_table).collect::<Result<Vec<_>, _>>()?;
        let own = tables.into_iter().filter(|table| table.share_id == stored.record.id);
        Ok(own.map(|table| table.record).collect())
    }

    async fn table_count(&self, share: &ShareRecord) -> Result<usize, WriteError> {
        let rows = self.rows.all(&key::schemas_of(&share.name)).await?;
        let schemas = rows.iter().map(read_schema).collect::<Result<Vec<_>, _>>()?;
        let own = schemas.iter().filter(|schema| schema.share_id == share.id);
        Ok(own.map(|schema| usize::try_from(schema.tables).unwrap_or_default()).sum())
    }

    async fn table(
        &self,
        share: &ShareName,
        schema: &SchemaName,
        name: &TableName,
    ) -> Result<Option<TableRecord>, WriteError> {
        let (share_key, table_key) = (key::share_key(share)?, key::table_key(share, schema, name)?);
        let found = self.rows.batch(&[share_key.clone(), table_key.clone()], Reading::Consistent).await?;
        let (Some(share), Some(table)) = (found.get(&share_key), found.get(&table_key)) else { return Ok(None) };
        let (share, table) = (read_share(share)?, read_table(table)?);
        Ok((table.share_id == share.record.id).then_some(table.record))
    }

    async fn add_table(&self, table: &TableRecord) -> Result<(), WriteError> {
        self.write_table(table).await
    }

    async fn remove_table(&self, share: &ShareName, schema: &SchemaName, name: &TableName) -> Result<(), WriteError> {
        self.drop_table(share, schema, name).await
    }

    async fn located_schemas(&self, share: &ShareName) -> Result<Vec<SchemaRecord>, WriteError> {
        let Some(stored) = self.stored_share(share).await? else { return Ok(Vec::new()) };
        let rows = self.rows.all(&key::schemas_of(share)).await?;
        let schemas = rows.iter().map(read_schema).collect::<Result<Vec<_>, _>>()?;
        let own = schemas.into_iter().filter(|schema| schema.share_id == stored.record.id);
        Ok(own.filter_map(|schema| schema.into_record(&stored.record.name)).collect())
    }

    async fn locate_schema(&self, schema: &SchemaRecord) -> Result<(), WriteError> {
        self.write_place(schema).await
    }

    async fn unlocate_schema(&self, share: &ShareName, schema: &SchemaName) -> Result<(), WriteError> {
        self.drop_place(share, schema).await
    }

    async fn recipients(&self) -> Result<Vec<RecipientRecord>, WriteError> {
        let rows = self.rows.indexed(key::RECIPIENTS, "").await?;
        Ok(rows.iter().map(|row| read_stored_recipient(row).map(|stored| stored.record)).collect::<Result<_, _>>()?)
    }

    async fn recipient(&self, name: &RecipientName) -> Result<Option<RecipientRecord>, WriteError> {
        Ok(self.stored_recipient(name).await?.map(|stored| stored.record))
    }

    async fn is_being_deleted(&self, name: &RecipientName) -> Result<bool, WriteError> {
        let stored = self.stored_recipient(name).await?;
        Ok(stored.is_some_and(|recipient| recipient.lifecycle == Lifecycle::Deleting))
    }

    async fn create_recipient(&self, recipient: &RecipientRecord, token: &TokenRecord) -> Result<(), WriteError> {
        self.write_recipient(recipient, token).await
    }

    async fn set_recipient_status(&self, name: &RecipientName, status: Status) -> Result<(), WriteError> {
        self.write_recipient_status(name, status).await
    }

    async fn set_recipient_rules(&self, name: &RecipientName, rules: &RecipientRules) -> Result<(), WriteError> {
        self.write_recipient_rules(name, rules).await
    }

    async fn delete_recipient(&self, name: &RecipientName) -> Result<(), WriteError> {
        self.drop_recipient(name).await
    }

    async fn tokens(&self, recipient: &RecipientName) -> Result<Vec<TokenRecord>, WriteError> {
        match self.stored_recipient(recipient).await? {
            Some(stored) => self.tokens_of(&stored).await,
            None => Ok(Vec::new()),
        }
    }

    async fn rotate_token(&self, token: &TokenRecord, others_end_at: TimestampMs) -> Result<(), WriteError> {
        self.write_token(token, others_end_at).await
    }

    async fn add_activation(&self, link: &ActivationRecord) -> Result<(), WriteError> {
        self.write_activation(link).await
    }

    async fn end_tokens(&self, recipient: &RecipientName, at: TimestampMs) -> Result<(), WriteError> {
        self.write_token_ends(recipient, at).await
    }

    async fn grants_on(&self, share: &ShareName) -> Result<Vec<GrantRecord>, WriteError> {
        self.grants_on_share(share).await
    }

    async fn grants_to(&self, recipient: &RecipientName) -> Result<Vec<GrantRecord>, WriteError> {
        self.grants_to_recipient(recipient).await
    }

    async fn grant(
        &self,
        share: &ShareName,
        recipient: &RecipientName,
        window: Window,
        at: TimestampMs,
    ) -> Result<(), WriteError> {
        self.write_grant(share, recipient, window, at).await
    }

    async fn set_grant_window(
        &self,
        share: &ShareName,
        recipient: &RecipientName,
        window: Window,
    ) -> Result<(), WriteError> {
        self.write_grant_window(share, recipient, window).await
    }

    async fn revoke(&self, share: &ShareName, recipient: &RecipientName) -> Result<(), WriteError> {
        self.drop_grant(share, recipient).await
    }
}
