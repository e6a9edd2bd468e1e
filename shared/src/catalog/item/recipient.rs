//! Items of recipients, their names, their tokens and their grants.

use super::{
    ACTIVE, Builder, COMMENT, CREATED, DISPLAY, EXPIRES, Fields, HASH, Item, ItemError, KEY_ID, Lifecycle, NOT_BEFORE,
    RECIPIENT_ID, RECIPIENT_NAME, SHARE_ID, STATUS, TTL, primary_key,
};
use crate::catalog::key::{self, Entity, Key, KeyError};
use crate::catalog::rules::{self, RecipientRulesEntry};
use crate::catalog::write::{GrantRecord, RecipientRecord, TokenRecord};
use crate::limits::TOKEN_KEPT_AFTER_END_SECS;
use crate::model::name::{RecipientName, ShareName};
use crate::model::rule::{RecipientRules, Window};

/// Attribute of a recipient: the ids of its tokens, so that all of them are found without the index.
pub const TOKENS: &str = "tokens";
/// Attribute of a recipient: counts its changes.
pub const REVISION: &str = "rev";
/// Attribute of a recipient: its rules as JSON; not there for none.
pub const RULES: &str = "rules";
/// Attribute of a grant: when it was granted, in milliseconds since the epoch.
pub const GRANTED: &str = "granted";

/// A recipient's item with what only writers need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRecipient {
    /// The recipient.
    pub record: RecipientRecord,
    /// Where in its life it is.
    pub lifecycle: Lifecycle,
    /// The ids of its tokens.
    pub token_ids: Vec<String>,
    /// Counts its changes.
    pub revision: u64,
}

/// A recipient's item.
///
/// # Errors
/// When it has no key.
pub fn recipient_item(recipient: &StoredRecipient) -> Result<Item, KeyError> {
    let record = &recipient.record;
    let item = Builder::new(&key::recipient_key(&record.id)?)
        .indexed(&key::recipient_index_key(&record.name)?)
        .text(DISPLAY, record.name.as_str())
        .text(STATUS, recipient.lifecycle.as_str())
        .text_if_any(COMMENT, record.comment.as_deref())
        .moment_if_any(CREATED, record.created_at)
        .texts(TOKENS, recipient.token_ids.iter().cloned())
        .number(REVISION, recipient.revision);
    Ok(with_rules(item, &record.rules).build())
}

/// Rules that cannot be written as JSON do not exist: they are texts.
fn with_rules(item: Builder, rules: &RecipientRules) -> Builder {
    if rules.is_empty() {
        return item;
    }
    let entry = serde_json::to_string(&RecipientRulesEntry::from(rules)).unwrap_or_default();
    item.text(RULES, &entry).ruled()
}

fn read_rules(fields: &Fields<'_>) -> Result<RecipientRules, ItemError> {
    let Some(text) = fields.text_if_any(RULES)? else {
        fields.check_ruled(false, RULES)?;
        return Ok(RecipientRules::default());
    };
    // By itself serde would take an array for a struct as well, and an empty one for no rules.
    let entry = Some(text).filter(|text| text.starts_with('{')).and_then(|text| serde_json::from_str(text).ok());
    let rules = entry.and_then(|entry: RecipientRulesEntry| entry.rules().ok());
    rules.filter(|rules| !rules.is_empty()).ok_or_else(|| fields.bad(RULES))
}

/// Reads a recipient's item.
///
/// # Errors
/// When it is none that this program knows.
pub fn read_stored_recipient(item: &Item) -> Result<StoredRecipient, ItemError> {
    let fields = Fields::of_ruled("recipient", item)?;
    let (pk, sk) = primary_key(item)?;
    let Some(Entity::Recipient { id }) = Entity::of(pk, sk) else { return Err(fields.bad(key::PK)) };
    let lifecycle = fields.lifecycle()?;
    Ok(StoredRecipient {
        record: RecipientRecord {
            name: RecipientName::parse(fields.text(DISPLAY)?).map_err(|_| fields.bad(DISPLAY))?,
            id: id.to_owned(),
            comment: fields.owned_if_any(COMMENT)?,
            status: lifecycle.status(),
            rules: read_rules(&fields)?,
            created_at: fields.moment_if_any(CREATED)?,
        },
        lifecycle,
        token_ids: fields.texts(TOKENS)?,
        revision: fields.number(REVISION)?,
    })
}

/// Reads a recipient's item. One that is being deleted is disabled.
///
/// # Errors
/// When it is none that this program knows.
pub fn read_recipient(item: &Item) -> Result<RecipientRecord, ItemError> {
    read_stored_recipient(item).map(|stored| stored.record)
}

/// The item that keeps a recipient's name from being given twice.
///
/// # Errors
/// When it has no key.
pub fn recipient_name_item(recipient: &RecipientRecord) -> Result<Item, KeyError> {
    let key = key::recipient_name_key(&recipient.name)?;
    Ok(Builder::new(&key).text(DISPLAY, recipient.name.as_str()).text(RECIPIENT_ID, &recipient.id).build())
}

/// Whose a name is: the recipient's id.
///
/// # Errors
/// When the item is none that this program knows.
pub fn read_recipient_name(item: &Item) -> Result<String, ItemError> {
    Ok(Fields::of("recipient's name", item)?.text(RECIPIENT_ID)?.to_owned())
}

/// A token's item.
///
/// # Errors
/// When it has no key.
pub fn token_item(token: &TokenRecord, recipient: &RecipientName) -> Result<Item, KeyError> {
    let mut item = Builder::new(&key::token_key(&token.id)?)
        .indexed(&key::token_index_key(&token.recipient_id, token.created_at)?)
        .text(RECIPIENT_ID, &token.recipient_id)
        .text(RECIPIENT_NAME, recipient.as_str())
        .text(HASH, &token.hash)
        .text(STATUS, Lifecycle::from(token.status).as_str())
        .moment_if_any(NOT_BEFORE, token.not_before)
        .moment_if_any(EXPIRES, token.expires_at)
        .moment_if_any(CREATED, token.created_at);
    if let Some(key_id) = token.key_id {
        item = item.number(KEY_ID, key_id);
    }
    if let Some(expires) = token.expires_at {
        item = item.number(TTL, ttl_secs(expires.millis()));
    }
    Ok(item.build())
}

/// When DynamoDB may remove a token that ends at a moment: its provider still sees it for a while.
pub(in crate::catalog) fn ttl_secs(expires_ms: i64) -> i64 {
    (expires_ms / 1000).saturating_add(TOKEN_KEPT_AFTER_END_SECS)
}

/// Reads a token's item.
///
/// # Errors
/// When it is none that this program knows.
pub fn read_token(item: &Item) -> Result<TokenRecord, ItemError> {
    let fields = Fields::of("token", item)?;
    let (pk, sk) = primary_key(item)?;
    let Some(Entity::Token { id }) = Entity::of(pk, sk) else { return Err(fields.bad(key::PK)) };
    Ok(TokenRecord {
        id: id.to_owned(),
        recipient_id: fields.text(RECIPIENT_ID)?.to_owned(),
        hash: fields.text(HASH)?.to_owned(),
        key_id: fields.number_if_any(KEY_ID)?,
        not_before: fields.moment_if_any(NOT_BEFORE)?,
        expires_at: fields.moment_if_any(EXPIRES)?,
        status: fields.lifecycle()?.status(),
        created_at: fields.moment_if_any(CREATED)?,
    })
}

/// A grant's item.
///
/// # Errors
/// When it has no key.
pub fn grant_item(grant: &GrantRecord) -> Result<Item, KeyError> {
    let item = Builder::new(&key::grant_key(&grant.recipient_id, &grant.share)?)
        .indexed(&key::grant_index_key(&grant.recipient_id, &grant.share)?)
        .text(DISPLAY, grant.share.as_str())
        .text(SHARE_ID, &grant.share_id)
        .text(RECIPIENT_ID, &grant.recipient_id)
        .text(RECIPIENT_NAME, grant.recipient.as_str())
        .text(STATUS, ACTIVE)
        .moment_if_any(NOT_BEFORE, grant.window.from)
        .moment_if_any(EXPIRES, grant.window.until)
        .moment_if_any(GRANTED, grant.granted_at);
    Ok(if grant.window.is_always() { item } else { item.ruled() }.build())
}

/// Reads a grant's item.
///
/// # Errors
/// When it is none that this program knows, or has a status other than [`ACTIVE`].
pub fn read_grant(item: &Item) -> Result<GrantRecord, ItemError> {
    let fields = Fields::of_ruled("grant", item)?;
    if fields.lifecycle()? != Lifecycle::Active {
        return Err(fields.bad(STATUS));
    }
    let (pk, sk) = primary_key(item)?;
    let name = ShareName::parse(fields.text(DISPLAY)?).map_err(|_| fields.bad(DISPLAY))?;
    let recipient_id = fields.text(RECIPIENT_ID)?;
    // What a grant says must be what its key says: a row copied from another recipient grants nothing.
    if Entity::of(pk, sk) != Some(Entity::Grant { recipient_id, share: name.folded() }) {
        return Err(fields.bad(key::SK));
    }
    let window = Window { from: fields.moment_if_any(NOT_BEFORE)?, until: fields.moment_if_any(EXPIRES)? };
    rules::check_window(window).map_err(|_| fields.bad(EXPIRES))?;
    fields.check_ruled(!window.is_always(), EXPIRES)?;
    Ok(GrantRecord {
        share: name,
        share_id: fields.text(SHARE_ID)?.to_owned(),
        recipient: RecipientName::parse(fields.text(RECIPIENT_NAME)?).map_err(|_| fields.bad(RECIPIENT_NAME))?,
        recipient_id: recipient_id.to_owned(),
        window,
        granted_at: fields.moment_if_any(GRANTED)?,
    })
}

/// The key of the token that a recipient's item names.
///
/// # Errors
/// When the id is none.
pub(in crate::catalog) fn keys_of_tokens(recipient: &StoredRecipient) -> Result<Vec<Key>, KeyError> {
    recipient.token_ids.iter().map(|id| key::token_key(id)).collect()
}
