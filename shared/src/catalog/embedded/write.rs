//! The provider's side of a catalogue document. Of a file, each write changes what the file holds and puts the new one in
//! its place, while no other program may do the same; a server that reads the file sees the change within about a second.
//! Of a document in memory, nobody else sees anything.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use self::changes::{is_recipient, is_share, recipient_of, share_of, share_text, tables_of};
use self::records::{entry_status, grant_record, recipient_record, share_entry, share_record, tokens_of};
use crate::catalog::document::CatalogDocument;
use crate::catalog::event::{ChangeLog, Changes, Deed, Recorder};
use crate::catalog::file::{self, DocumentFile};
use crate::catalog::write::{
    ActivationRecord, Deletion, GrantRecord, ProviderCatalog, RecipientRecord, SchemaRecord, ShareRecord, Status,
    TableRecord, TokenRecord, WriteError,
};
use crate::model::name::{RecipientName, SchemaName, ShareName, TableName};
use crate::model::rule::{RecipientRules, Window};
use crate::model::version::TimestampMs;

mod changes;
mod copied;
mod records;
mod registered;
mod schemas;

/// Reads and changes a catalogue document.
#[derive(Debug, Clone)]
pub struct EmbeddedProviderCatalog {
    place: Place,
    recorder: Option<Recorder>,
}

/// Where the document is.
#[derive(Debug, Clone)]
enum Place {
    File(Arc<DocumentFile>),
    Memory(Arc<Mutex<CatalogDocument>>),
}

/// Writes a catalogue with nothing in it, where there is none.
///
/// # Errors
/// When there is one already, or the folder cannot be written to.
pub fn create_empty(path: &Path) -> Result<(), String> {
    match file::begin(path, &CatalogDocument::empty())? {
        true => Ok(()),
        false => Err(format!("{} is there already", path.display())),
    }
}

impl EmbeddedProviderCatalog {
    /// The catalogue in this file, which must be there.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the file.
    pub fn open(path: &Path) -> Result<Self, String> {
        let file = DocumentFile::at(path);
        file.read(|_| ())?;
        Ok(Self { place: Place::File(Arc::new(file)), recorder: None })
    }

    /// From now on changes of a file are gathered, as [`DocumentFile::gather`] does. What is done to the catalogue is seen
    /// by this program at once, but kept only by [`EmbeddedProviderCatalog::settle`].
    pub fn gather(&self) {
        if let Place::File(file) = &self.place {
            file.gather();
        }
    }

    /// Keeps what was gathered, all of it or, when that fails, nothing.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn settle(&self) -> Result<(), WriteError> {
        match &self.place {
            Place::File(file) => {
                let file = Arc::clone(file);
                blocking(move || file.settle().map_err(unreadable)).await
            }
            Place::Memory(_) => Ok(()),
        }
    }

    /// A catalogue that is kept nowhere.
    pub fn in_memory(document: CatalogDocument) -> Self {
        Self { place: Place::Memory(Arc::new(Mutex::new(document))), recorder: None }
    }

    /// What the catalogue in this file holds at this moment, kept nowhere else.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the file.
    pub fn copy_of_file(path: &Path) -> Result<Self, String> {
        file::read(path).map(Self::in_memory)
    }

    /// The same, with an event of every change in the document that it makes.
    #[must_use]
    pub fn recorded(self, recorder: Recorder) -> Self {
        Self { recorder: Some(recorder), ..self }
    }

    async fn read<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&CatalogDocument) -> Result<T, WriteError> + Send + 'static,
    ) -> Result<T, WriteError> {
        match &self.place {
            Place::File(file) => {
                let file = Arc::clone(file);
                blocking(move || file.read(ask).map_err(unreadable)?).await
            }
            Place::Memory(document) => ask(&document.lock().unwrap_or_else(PoisonError::into_inner)),
        }
    }

    /// Makes a change, which says what it did. It is made whole or, with an error, not at all.
    async fn change(
        &self,
        apply: impl FnOnce(&mut CatalogDocument) -> Result<Deed, WriteError> + Send + 'static,
    ) -> Result<(), WriteError> {
        let signature = match &self.recorder {
            Some(recorder) => Some(recorder.signature().await?),
            None => None,
        };
        let apply = move |document: &mut CatalogDocument| {
            let deed = apply(document)?;
            if let Some(signature) = signature {
                document.remember(signature.under(deed));
            }
            Ok(())
        };
        match &self.place {
            Place::File(file) => {
                let file = Arc::clone(file);
                blocking(move || file.change(apply).map_err(unreadable)?).await
            }
            Place::Memory(document) => apply(&mut document.lock().unwrap_or_else(PoisonError::into_inner)),
        }
    }
}

/// Waits for the file, and for its lock, where waiting holds nobody up.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, WriteError> + Send + 'static,
) -> Result<T, WriteError> {
    tokio::task::spawn_blocking(work).await.map_err(|stopped| WriteError::Unavailable(Box::new(stopped)))?
}

fn unreadable(sentence: String) -> WriteError {
    WriteError::Unavailable(sentence.into())
}

#[async_trait]
impl ChangeLog for EmbeddedProviderCatalog {
    async fn changes(&self, since: TimestampMs, until: TimestampMs) -> Result<Changes, WriteError> {
        self.read(move |document| {
            let within = document.admin_events.iter().filter(|event| event.at >= since && event.at <= until);
            Ok(Changes { events: within.cloned().collect(), cut_off: false })
        })
        .await
    }
}

#[async_trait]
impl ProviderCatalog for EmbeddedProviderCatalog {
    async fn shares(&self) -> Result<Vec<ShareRecord>, WriteError> {
        self.read(|document| {
            let mut shares = document.shares.iter().map(share_record).collect::<Result<Vec<_>, _>>()?;
            shares.sort_by(|a, b| a.name.cmp(&b.name));
            Ok(shares)
        })
        .await
    }

    async fn share(&self, name: &ShareName) -> Result<Option<ShareRecord>, WriteError> {
        let name = name.clone();
        self.read(move |document| {
            document.shares.iter().find(|entry| is_share(entry, &name)).map(share_record).transpose()
        })
        .await
    }

    async fn create_share(&self, share: &ShareRecord) -> Result<(), WriteError> {
        let share = share.clone();
        self.change(move |document| {
            if document.shares.iter().any(|entry| is_share(entry, &share.name) || entry.id == share.id) {
                return Err(WriteError::Exists { what: share_text(&share.name) });
            }
            document.shares.push(share_entry(&share));
            Ok(Deed::create_share(&share))
        })
        .await
    }

    async fn set_share_comment(&self, name: &ShareName, comment: Option<&str>) -> Result<(), WriteError> {
        let (name, comment) = (name.clone(), comment.map(str::to_owned));
        self.change(move |document| {
            let entry = share_of(document, &name)?;
            let deed = Deed::comment_share(&share_record(entry)?, comment.as_deref());
            entry.comment = comment;
            Ok(deed)
        })
        .await
    }

    async fn delete_share(&self, name: &ShareName, deletion: Deletion) -> Result<(), WriteError> {
        let name = name.clone();
        self.change(move |document| changes::delete_share(document, &name, deletion)).await
    }

    async fn tables(&self, share: &ShareName) -> Result<Vec<TableRecord>, WriteError> {
        let share = share.clone();
        self.read(move |document| {
            let found = document.shares.iter().find(|entry| is_share(entry, &share));
            found.map_or_else(|| Ok(Vec::new()), tables_of)
        })
        .await
    }

    async fn table_count(&self, share: &ShareRecord) -> Result<usize, WriteError> {
        let id = share.id.clone();
        self.read(move |document| {
            let own = document.shares.iter().filter(|entry| entry.id == id);
            Ok(own.flat_map(|share| &share.schemas).map(|schema| schema.tables.len()).sum())
        })
        .await
    }

    async fn table(
        &self,
        share: &ShareName,
        schema: &SchemaName,
        name: &TableName,
    ) -> Result<Option<TableRecord>, WriteError> {
        let (share, schema, name) = (share.clone(), schema.clone(), name.clone());
        self.read(move |document| {
            let Some(share) = document.shares.iter().find(|entry| is_share(entry, &share)) else { return Ok(None) };
            changes::table_of(share, &schema, &name)
        })
        .await
    }

    async fn add_table(&self, table: &TableRecord) -> Result<(), WriteError> {
        let table = table.clone();
        self.change(move |document| changes::add_table(document, &table)).await
    }

    async fn remove_table(&self, share: &ShareName, schema: &SchemaName, name: &TableName) -> Result<(), WriteError> {
        let (share, schema, name) = (share.clone(), schema.clone(), name.clone());
        self.change(move |document| changes::remove_table(document, &share, &schema, &name)).await
    }

    async fn located_schemas(&self, share: &ShareName) -> Result<Vec<SchemaRecord>, WriteError> {
        let share = share.clone();
        self.read(move |document| {
            let found = document.shares.iter().find(|entry| is_share(entry, &share));
            found.map_or_else(|| Ok(Vec::new()), schemas::schemas_of)
        })
        .await
    }

    async fn locate_schema(&self, schema: &SchemaRecord) -> Result<(), WriteError> {
        let schema = schema.clone();
        self.change(move |document| schemas::locate_schema(document, &schema)).await
    }

    async fn unlocate_schema(&self, share: &ShareName, schema: &SchemaName) -> Result<(), WriteError> {
        let (share, schema) = (share.clone(), schema.clone());
        self.change(move |document| schemas::unlocate_schema(document, &share, &schema)).await
    }

    async fn recipients(&self) -> Result<Vec<RecipientRecord>, WriteError> {
        self.read(|document| {
            let mut recipients = document.recipients.iter().map(recipient_record).collect::<Result<Vec<_>, _>>()?;
            recipients.sort_by(|a, b| a.name.cmp(&b.name));
            Ok(recipients)
        })
        .await
    }

    async fn recipient(&self, name: &RecipientName) -> Result<Option<RecipientRecord>, WriteError> {
        let name = name.clone();
        self.read(move |document| {
            document.recipients.iter().find(|entry| is_recipient(entry, &name)).map(recipient_record).transpose()
        })
        .await
    }

    async fn is_being_deleted(&self, _: &RecipientName) -> Result<bool, WriteError> {
        // One write deletes all of it.
        Ok(false)
    }

    async fn create_recipient(&self, recipient: &RecipientRecord, token: &TokenRecord) -> Result<(), WriteError> {
        let (recipient, token) = (recipient.clone(), token.clone());
        self.change(move |document| changes::create_recipient(document, &recipient, &token)).await
    }

    async fn set_recipient_status(&self, name: &RecipientName, status: Status) -> Result<(), WriteError> {
        let name = name.clone();
        self.change(move |document| {
            let entry = recipient_of(document, &name)?;
            let deed = Deed::set_status(&recipient_record(entry)?, status);
            entry.status = entry_status(status);
            Ok(deed)
        })
        .await
    }

    async fn set_recipient_rules(&self, name: &RecipientName, rules: &RecipientRules) -> Result<(), WriteError> {
        let (name, rules) = (name.clone(), rules.clone());
        self.change(move |document| changes::set_rules(document, &name, &rules)).await
    }

    async fn delete_recipient(&self, name: &RecipientName) -> Result<(), WriteError> {
        let name = name.clone();
        self.change(move |document| {
            let deed = Deed::delete_recipient(&recipient_record(recipient_of(document, &name)?)?);
            document.recipients.retain(|entry| !is_recipient(entry, &name));
            Ok(deed)
        })
        .await
    }

    async fn tokens(&self, recipient: &RecipientName) -> Result<Vec<TokenRecord>, WriteError> {
        let recipient = recipient.clone();
        self.read(move |document| {
            let Some(entry) = document.recipients.iter().find(|entry| is_recipient(entry, &recipient)) else {
                return Ok(Vec::new());
            };
            tokens_of(entry)
        })
        .await
    }

    async fn rotate_token(&self, token: &TokenRecord, others_end_at: TimestampMs) -> Result<(), WriteError> {
        let token = token.clone();
        self.change(move |document| changes::rotate_token(document, &token, others_end_at)).await
    }

    async fn add_activation(&self, link: &ActivationRecord) -> Result<(), WriteError> {
        let link = link.clone();
        self.change(move |document| changes::add_activation(document, &link)).await
    }

    async fn end_tokens(&self, recipient: &RecipientName, at: TimestampMs) -> Result<(), WriteError> {
        let recipient = recipient.clone();
        self.change(move |document| {
            let entry = recipient_of(document, &recipient)?;
            let deed = Deed::end_tokens(&recipient_record(entry)?, &tokens_of(entry)?, at);
            changes::end_tokens(entry, at);
            Ok(deed)
        })
        .await
    }

    async fn grants_on(&self, share: &ShareName) -> Result<Vec<GrantRecord>, WriteError> {
        let share = share.clone();
        self.read(move |document| {
            let Some(entry) = document.shares.iter().find(|entry| is_share(entry, &share)) else {
                return Ok(Vec::new());
            };
            let holders = document.recipients.iter().filter(|recipient| recipient.grants.contains(&entry.id));
            let mut grants = holders.map(|holder| grant_record(holder, entry)).collect::<Result<Vec<_>, _>>()?;
            grants.sort_by(|a, b| a.recipient.cmp(&b.recipient));
            Ok(grants)
        })
        .await
    }

    async fn grants_to(&self, recipient: &RecipientName) -> Result<Vec<GrantRecord>, WriteError> {
        let recipient = recipient.clone();
        self.read(move |document| {
            let Some(entry) = document.recipients.iter().find(|entry| is_recipient(entry, &recipient)) else {
                return Ok(Vec::new());
            };
            let granted = document.shares.iter().filter(|share| entry.grants.contains(&share.id));
            let mut grants = granted.map(|share| grant_record(entry, share)).collect::<Result<Vec<_>, _>>()?;
            grants.sort_by(|a, b| a.share.cmp(&b.share));
            Ok(grants)
        })
        .await
    }

    async fn grant(
        &self,
        share: &ShareName,
        recipient: &RecipientName,
        window: Window,
        at: TimestampMs,
    ) -> Result<(), WriteError> {
        let (share, recipient) = (share.clone(), recipient.clone());
        self.change(move |document| changes::grant(document, &share, &recipient, window, at)).await
    }

    async fn set_grant_window(
        &self,
        share: &ShareName,
        recipient: &RecipientName,
        window: Window,
    ) -> Result<(), WriteError> {
        let (share, recipient) = (share.clone(), recipient.clone());
        self.change(move |document| changes::set_grant_window(document, &share, &recipient, window)).await
    }

    async fn revoke(&self, share: &ShareName, recipient: &RecipientName) -> Result<(), WriteError> {
        let (share, recipient) = (share.clone(), recipient.clone());
        self.change(move |document| changes::revoke(document, &share, &recipient)).await
    }
}
