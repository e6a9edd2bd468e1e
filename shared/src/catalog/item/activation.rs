//! Items of activation links.

use super::recipient::ttl_secs;
use super::{Builder, CREATED, Fields, Item, ItemError, RECIPIENT_ID, TTL, primary_key};
use crate::catalog::key::{self, Entity, KeyError};
use crate::catalog::write::ActivationRecord;
use crate::model::version::TimestampMs;

pub use super::EXPIRES;

/// Attribute of a link: the public part of the token that it hands over.
pub const TOKEN_ID: &str = "tokenId";
/// Attribute of a link: what it hands over, sealed; removed by its use.
pub const SEALED: &str = "sealed";
/// Attribute of a link: when it was used, in milliseconds since the epoch.
pub const USED_AT: &str = "usedAt";
/// Attribute of a link: the mark of the attempt that used it.
pub const USED_BY: &str = "usedBy";

/// A link's item.
///
/// # Errors
/// When it has no key.
pub fn activation_item(link: &ActivationRecord) -> Result<Item, KeyError> {
    Ok(Builder::new(&key::activation_key(&link.hash)?)
        .text(RECIPIENT_ID, &link.recipient_id)
        .text(TOKEN_ID, &link.token_id)
        .text_if_any(SEALED, link.sealed.as_deref())
        .number(EXPIRES, link.expires_at.millis())
        .number(TTL, ttl_secs(link.expires_at.millis()))
        .moment_if_any(CREATED, link.created_at)
        .build())
}

/// Reads a link's item, and when it was used.
///
/// # Errors
/// When it is none that this program knows.
pub fn read_activation(item: &Item) -> Result<(ActivationRecord, Option<TimestampMs>), ItemError> {
    let fields = Fields::of("link", item)?;
    let (pk, sk) = primary_key(item)?;
    let Some(Entity::Activation { hash }) = Entity::of(pk, sk) else { return Err(fields.bad(key::PK)) };
    let link = ActivationRecord {
        hash: hash.to_owned(),
        recipient_id: fields.text(RECIPIENT_ID)?.to_owned(),
        token_id: fields.text(TOKEN_ID)?.to_owned(),
        sealed: fields.owned_if_any(SEALED)?,
        expires_at: TimestampMs::new(fields.number(EXPIRES)?),
        created_at: fields.moment_if_any(CREATED)?,
    };
    Ok((link, fields.moment_if_any(USED_AT)?))
}
