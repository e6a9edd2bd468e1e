//! The tokens of a query: for the page after this one, and for the same snapshot with new URLs. Each is sealed for one
//! recipient and names its table, so that it is itself the authority to read the version that it holds.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::scope::fingerprint;
use crate::clock::Clock;
use crate::delta::{Again, Layout};
use crate::error::Error;
use crate::limits::{PAGE_TOKEN_CHARS_MAX, QUERY_PAGE_TOKEN_TTL_SECS, REFRESH_TOKEN_TTL_SECS};
use crate::model::capability::ResponseFormat;
use crate::model::file::Mark;
use crate::model::recipient::Recipient;
use crate::model::securable::Table;
use crate::model::shorten;
use crate::model::table_state::Selected;
use crate::model::version::{TimestampMs, Version};
use crate::seal::Sealing;
use crate::wire::file_line::IdHash;

pub(super) mod range;

const PAGE: &str = "query-table page";
const REFRESH: &str = "query-table refresh";

/// Seals and opens the tokens of queries.
#[derive(Debug, Clone)]
pub struct QueryTokens {
    sealing: Arc<dyn Sealing>,
    clock: Arc<dyn Clock>,
}

/// What has to be the same on every page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Asked {
    /// A digest of the query's parameters.
    pub parameters: [u8; 32],
    /// The dialect of the answer.
    pub format: ResponseFormat,
    /// How file ids are made.
    pub id_hash: IdHash,
}

/// Where a page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// The version.
    pub selected: Selected,
    /// The objects that give its files their order.
    pub layout: Layout,
    /// Its first file.
    pub from: Mark,
    /// Rows that are still wanted of it and the pages after it; nothing when there is no limit.
    pub rows_left: Option<u64>,
}

/// A page token that was opened; its version is known, and what was asked is still to be compared.
#[derive(Debug)]
pub(super) struct Opened {
    pub place: Place,
    asked: AskedText,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct AskedText {
    parameters: String,
    format: String,
    id_hash: String,
}

#[derive(Serialize, Deserialize)]
struct PagePayload {
    version: u64,
    /// Whether the caller named the version.
    named: bool,
    checkpoint: Option<u64>,
    objects: String,
    part: u32,
    row: u64,
    rows_left: Option<u64>,
    asked: AskedText,
}

#[derive(Serialize, Deserialize)]
struct RefreshPayload {
    version: u64,
}

/// What both tokens begin with.
#[derive(Serialize, Deserialize)]
struct Payload<T> {
    share: String,
    table: String,
    /// Milliseconds since the epoch.
    expires: i64,
    /// Which part of the table it is about; nothing for the whole.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    part: String,
    of: T,
}

impl Asked {
    fn text(&self) -> AskedText {
        AskedText {
            parameters: hex::encode(self.parameters),
            format: self.format.to_string(),
            id_hash: self.id_hash.as_str().to_owned(),
        }
    }
}

impl Place {
    /// The version as the log is to be asked for it.
    pub(super) fn again(&self) -> Again {
        Again { selected: self.selected, layout: Some(self.layout) }
    }
}

impl Opened {
    /// # Errors
    /// [`Error::InvalidParameter`] when the page would not be one of the same answer.
    pub(super) fn check(&self, asked: &Asked) -> Result<(), Error> {
        self.asked.check(asked)
    }
}

impl AskedText {
    fn check(&self, asked: &Asked) -> Result<(), Error> {
        if *self == asked.text() {
            return Ok(());
        }
        Err(Error::InvalidParameter(
            "Query parameter mismatch detected for the next page query. The query parameter\ncannot change when querying \
             the next page results."
                .into(),
        ))
    }
}

/// How the refusals of one kind of token are worded.
struct Words {
    kind: &'static str,
    decoding: &'static str,
    ttl_secs: i64,
    named: &'static str,
}

impl Words {
    fn undecodable(&self, token: &str) -> Error {
        Error::InvalidParameter(format!("Error decoding {}: {}.", self.decoding, shorten(token)))
    }
}

const PAGE_WORDS: Words =
    Words { kind: PAGE, decoding: "the page token", ttl_secs: QUERY_PAGE_TOKEN_TTL_SECS, named: "page token" };
const REFRESH_WORDS: Words =
    Words { kind: REFRESH, decoding: "refresh token", ttl_secs: REFRESH_TOKEN_TTL_SECS, named: "refresh token" };

impl QueryTokens {
    /// Tokens sealed in this way.
    pub fn new(sealing: Arc<dyn Sealing>, clock: Arc<dyn Clock>) -> Self {
        Self { sealing, clock }
    }

    /// A token for the page that begins at a place.
    pub(super) async fn page(
        &self,
        recipient: &Recipient,
        table: &Table,
        place: &Place,
        asked: &Asked,
    ) -> Result<String, Error> {
        let Place { selected, layout, from, rows_left } = *place;
        let payload = PagePayload {
            version: selected.version().number(),
            named: matches!(selected, Selected::Named(_)),
            checkpoint: layout.checkpoint.map(Version::number),
            objects: hex::encode(layout.objects),
            part: from.part,
            row: from.row,
            rows_left,
            asked: asked.text(),
        };
        self.seal(&PAGE_WORDS, recipient, table, payload).await
    }

    /// Opens a page token.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] when it is no page token of this recipient and table, or has expired.
    pub(super) async fn open_page(&self, recipient: &Recipient, table: &Table, token: &str) -> Result<Opened, Error> {
        let payload: PagePayload = self.open(&PAGE_WORDS, recipient, table, token).await?;
        let mut objects = [0; 32];
        hex::decode_to_slice(&payload.objects, &mut objects).map_err(|_| PAGE_WORDS.undecodable(token))?;
        let version = Version::new(payload.version);
        let selected = if payload.named { Selected::Named(version) } else { Selected::Latest(version) };
        let layout = Layout { checkpoint: payload.checkpoint.map(Version::new), objects };
        let from = Mark { part: payload.part, row: payload.row };
        Ok(Opened { place: Place { selected, layout, from, rows_left: payload.rows_left }, asked: payload.asked })
    }

    /// A token for the same version, once its URLs have ended.
    pub(super) async fn refresh(
        &self,
        recipient: &Recipient,
        table: &Table,
        version: Version,
    ) -> Result<String, Error> {
        self.seal(&REFRESH_WORDS, recipient, table, RefreshPayload { version: version.number() }).await
    }

    /// Opens a refresh token. A version can be refreshed only if it was the newest.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] when it is no refresh token of this recipient and table, or has expired.
    pub(super) async fn open_refresh(&self, recipient: &Recipient, table: &Table, token: &str) -> Result<Again, Error> {
        let payload: RefreshPayload = self.open(&REFRESH_WORDS, recipient, table, token).await?;
        Ok(Again { selected: Selected::Latest(Version::new(payload.version)), layout: None })
    }

    async fn seal<T: Serialize>(
        &self,
        words: &Words,
        recipient: &Recipient,
        table: &Table,
        of: T,
    ) -> Result<String, Error> {
        let expires = self.clock.now().plus_secs(words.ttl_secs).millis();
        let part = fingerprint(table, recipient)?;
        let payload = Payload { share: digest(&table.share_id), table: digest(&table.id), expires, part, of };
        let payload = serde_json::to_vec(&payload)
            .map_err(|cause| Error::internal("a token could not be written as JSON", cause))?;
        self.sealing.seal(&[words.kind, recipient.id()], &payload).await
    }

    async fn open<T: DeserializeOwned>(
        &self,
        words: &Words,
        recipient: &Recipient,
        table: &Table,
        token: &str,
    ) -> Result<T, Error> {
        let Words { kind, named, .. } = words;
        let undecodable = || words.undecodable(token);
        if token.len() > PAGE_TOKEN_CHARS_MAX {
            return Err(undecodable());
        }
        let payload = self.sealing.open(&[kind, recipient.id()], token).await?.ok_or_else(undecodable)?;
        let payload: Payload<T> = serde_json::from_slice(&payload).map_err(|_| undecodable())?;
        if self.clock.now() > TimestampMs::new(payload.expires) {
            return Err(Error::InvalidParameter(format!("The {named} has expired. Please restart the query.")));
        }
        if payload.share != digest(&table.share_id) || payload.table != digest(&table.id) {
            return Err(Error::InvalidParameter(format!(
                "The table specified in the {named} does not match the table being queried."
            )));
        }
        if payload.part != fingerprint(table, recipient)? {
            return Err(Error::InvalidParameter(format!(
                "What you may read of the table has changed since the {named} was issued. Please restart the query."
            )));
        }
        Ok(payload.of)
    }
}

/// Ids may be of any length, and a token has to be short.
fn digest(id: &str) -> String {
    hex::encode(Sha256::digest(id.as_bytes()))
}
