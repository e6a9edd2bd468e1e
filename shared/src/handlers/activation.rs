//! `GET` and `POST /activate/{code}`: how a recipient gets its profile. Opening the page changes nothing, for mail
//! scanners and previews open every link; the page's button posts, and the first post is answered with the profile.
//! Everybody else is told what became of the link, and whom to ask.

use std::sync::Arc;

use ::http::Method;
use async_trait::async_trait;

use super::{Download, Page, PublicHandler, Reply, Visit};
use crate::auth::activation::{Activations, Opened};
use crate::catalog::{ListAllTables, ListShares};
use crate::error::Error;
use crate::limits::SHARES_SHOWN_MAX;
use crate::model::version::TimestampMs;
use crate::wire::profile::{FILE_NAME, Profile};

mod page;

use page::{Invitation, Sample};

/// The handler. Of the catalogue it lists what the link's recipient may read.
pub struct Activation {
    /// Opens links.
    pub activations: Activations,
    /// The shares that the page names.
    pub shares: Arc<dyn ListShares>,
    /// Finds a table for the lines to paste.
    pub tables: Arc<dyn ListAllTables>,
    /// Whom a recipient asks, in the provider's words.
    pub contact: Option<String>,
}

impl Activation {
    async fn invitation(&self, opened: &Opened) -> Result<Page, Error> {
        let found = self.shares.list_shares(opened.recipient(), None, SHARES_SHOWN_MAX).await?;
        let mut sample = None;
        if let Some(share) = found.items.first() {
            let tables = self.tables.list_all_tables(opened.recipient(), share.name.as_str(), None, 1).await?;
            sample = tables.items.first().map(|table| Sample {
                share: table.share.as_str().to_owned(),
                schema: table.schema.as_str().to_owned(),
                table: table.name.as_str().to_owned(),
            });
        }
        Ok(page::invitation(&Invitation {
            shares: &found.items,
            more_shares: found.more,
            sample: sample.as_ref(),
            endpoint: &opened.endpoint,
            link_ends: opened.expires_at,
            token_ends: opened.token_expires_at,
            contact: self.contact.as_deref(),
        }))
    }

    async fn profile(&self, opened: &Opened) -> Result<Download, Error> {
        let token = self.activations.take(opened).await?;
        let profile = Profile {
            share_credentials_version: 1,
            endpoint: opened.endpoint.clone(),
            bearer_token: token.reveal().to_owned(),
            expiration_time: opened.token_expires_at.map(TimestampMs::to_iso),
        };
        Ok(Download { file_name: FILE_NAME, body: profile.to_text()?.into_bytes() })
    }
}

#[async_trait]
impl PublicHandler for Activation {
    async fn handle(&self, visit: Visit) -> Result<Reply, Error> {
        let opened = self.activations.open(visit.params.get("code"), visit.address).await?;
        visit.notes.recipient(opened.recipient());
        if visit.method == Method::POST {
            self.profile(&opened).await.map(Reply::Download)
        } else {
            self.invitation(&opened).await.map(Reply::Page)
        }
    }

    fn refusal(&self, error: &Error) -> Page {
        page::refusal(error, self.contact.as_deref())
    }
}
