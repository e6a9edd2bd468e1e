//! Links of a catalogue file: looked up in what it holds at this moment, for a provider opens a link as soon as it is made,
//! and used up under the file's lock, where only one can be first.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;

use super::{Links, StoredLink, TokenTimes};
use crate::catalog::document::{ActivationEntry, CatalogDocument};
use crate::catalog::file::DocumentFile;
use crate::error::Error;
use crate::model::version::TimestampMs;

/// Links in a file.
#[derive(Debug, Clone)]
pub struct EmbeddedLinks {
    file: Arc<DocumentFile>,
}

impl EmbeddedLinks {
    /// Links of the catalogue in this file.
    pub fn new(path: &Path) -> Self {
        Self { file: Arc::new(DocumentFile::at(path)) }
    }

    async fn with_file<T: Send + 'static>(
        &self,
        work: impl FnOnce(&DocumentFile) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let file = Arc::clone(&self.file);
        let worked = tokio::task::spawn_blocking(move || work(&file)).await;
        worked.map_err(|stopped| Error::internal("the catalogue's file could not be waited for", stopped))?
    }
}

#[async_trait]
impl Links for EmbeddedLinks {
    async fn find(&self, code_hash: &str) -> Result<Option<StoredLink>, Error> {
        let hash = code_hash.to_owned();
        self.with_file(move |file| {
            let found = file.read(|document| {
                let entry = document.activations.iter().find(|entry| entry.sha256 == hash);
                entry.map(|entry| stored(document, entry)).transpose()
            });
            found.map_err(unreadable)?
        })
        .await
    }

    async fn use_up(&self, code_hash: &str, now: TimestampMs) -> Result<bool, Error> {
        let hash = code_hash.to_owned();
        self.with_file(move |file| {
            let used = file.change(|document| {
                let entry = document.activations.iter_mut().find(|entry| entry.sha256 == hash)?;
                let expires = TimestampMs::parse(&entry.expires)?;
                if entry.used_at.is_some() || expires <= now {
                    return None;
                }
                entry.used_at = Some(now.to_iso());
                entry.sealed = None;
                Some(())
            });
            Ok(used.map_err(unreadable)?.is_some())
        })
        .await
    }
}

fn stored(document: &CatalogDocument, entry: &ActivationEntry) -> Result<StoredLink, Error> {
    let moment = |text: &str| {
        TimestampMs::parse(text).ok_or_else(|| Error::defect("a link of the catalogue has a moment that is none"))
    };
    let recipient = document.recipients.iter().find(|recipient| recipient.id == entry.recipient_id);
    let usable = recipient.filter(|recipient| recipient.status.is_active());
    let token =
        usable.and_then(|recipient| recipient.tokens.iter().find(|token| token.id.as_ref() == Some(&entry.token_id)));
    let times = match token.filter(|token| token.status.is_active()) {
        Some(token) => Some(TokenTimes { expires_at: token.expires.as_deref().map(moment).transpose()? }),
        None => None,
    };
    Ok(StoredLink {
        recipient_id: entry.recipient_id.clone(),
        rules: recipient.map(|recipient| recipient.rules.rules()).transpose().map_err(unreadable)?.unwrap_or_default(),
        recipient_name: recipient.map(|recipient| recipient.name.clone()).unwrap_or_default(),
        token_id: entry.token_id.clone(),
        sealed: entry.sealed.clone(),
        expires_at: moment(&entry.expires)?,
        used_at: entry.used_at.as_deref().map(moment).transpose()?,
        token: times,
    })
}

fn unreadable(sentence: String) -> Error {
    Error::internal("the catalogue's file cannot be used", sentence)
}
