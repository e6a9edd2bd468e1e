//! The whole key grammar of the catalogue's DynamoDB table, both directions. Nothing else writes or reads a key.
//!
//! | item | `PK` | `SK` | `GSI1PK` | `GSI1SK` |
//! |---|---|---|---|---|
//! | share | `S/<share>` | `!` | `SHARES` | `<share>` |
//! | schema | `S/<share>` | `C/<schema>` | | |
//! | table | `S/<share>` | `T/<schema>/<table>` | `L/<sha256 of the location>` | `S/<share>/T/<schema>/<table>` |
//! | recipient | `R/<recipient id>` | `!` | `RECIPIENTS` | `<name>` |
//! | recipient's name | `N/<name>` | `!` | | |
//! | grant | `R/<recipient id>` | `G/<share>` | `S/<share>` | `R/<recipient id>` |
//! | registered table | `REG/<table>` | `!` | `REGISTERED` | `<table>` |
//! | token | `TOK/<token id>` | `!` | `R/<recipient id>` | `TOK/<created, 20 digits>` |
//! | activation link | `ACT/<sha256 of the code>` | `!` | | |
//! | admin event | `EV/<year>-<month>` | `<moment, 20 digits>-<event id>` | | |
//!
//! Names are folded; the spelling is an attribute. The delimiter is `/`, which no name may hold, and every prefix that a
//! list asks for ends with it, so that `a` never lists what belongs to `ab`.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::model::name::{RecipientName, SchemaName, ShareName, TableName};
use crate::model::version::TimestampMs;

/// The partition key's attribute.
pub const PK: &str = "PK";
/// The sort key's attribute.
pub const SK: &str = "SK";
/// The one secondary index, which only the provider's lists use: it is never consistent.
pub const GSI1: &str = "GSI1";
/// The index's partition key.
pub const GSI1PK: &str = "GSI1PK";
/// The index's sort key.
pub const GSI1SK: &str = "GSI1SK";

/// The index partition of all shares.
pub const SHARES: &str = "SHARES";
/// The index partition of all recipients.
pub const RECIPIENTS: &str = "RECIPIENTS";
/// The index partition of all registered tables.
pub const REGISTERED: &str = "REGISTERED";

/// Sort key of an item that is alone, or the head, in its partition.
const HEAD: &str = "!";
const DELIMITER: char = '/';

/// Longest partition key, in bytes; a limit of DynamoDB.
const PK_BYTES_MAX: usize = 2048;
/// Longest sort key, in bytes; a limit of DynamoDB.
const SK_BYTES_MAX: usize = 1024;

/// Why there is no key for something. `Display` is a sentence for the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyError {
    /// The key would be longer than DynamoDB allows.
    TooLong {
        /// What it would have, in bytes.
        bytes: usize,
        /// What it may have, in bytes.
        max_bytes: usize,
    },
    /// An id that is empty or holds the delimiter.
    BadId,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { bytes, max_bytes } => write!(
                f,
                "the names together are too long for the catalogue: their key has {bytes} bytes, at most {max_bytes} fit. \
                 Choose a shorter name, or one with fewer letters beyond ASCII."
            ),
            Self::BadId => f.write_str("an id of the catalogue is not empty and holds no slash"),
        }
    }
}

impl std::error::Error for KeyError {}

/// An item's primary key, or its key in the index.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    pk: String,
    sk: String,
}

impl Key {
    fn checked(pk: String, sk: String) -> Result<Self, KeyError> {
        for (text, max_bytes) in [(&pk, PK_BYTES_MAX), (&sk, SK_BYTES_MAX)] {
            if text.len() > max_bytes {
                return Err(KeyError::TooLong { bytes: text.len(), max_bytes });
            }
        }
        Ok(Self { pk, sk })
    }

    /// The partition key.
    pub fn pk(&self) -> &str {
        &self.pk
    }

    /// The sort key.
    pub fn sk(&self) -> &str {
        &self.sk
    }
}

/// What a list asks for: a partition, and how the sort keys in it begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefix {
    pk: String,
    sk: String,
}

impl Prefix {
    /// The partition.
    pub fn pk(&self) -> &str {
        &self.pk
    }

    /// What the sort keys begin with; it ends with the delimiter.
    pub fn sk(&self) -> &str {
        &self.sk
    }

    /// Whether a list of this prefix holds an item.
    pub fn matches(&self, key: &Key) -> bool {
        self.pk == key.pk && key.sk.starts_with(&self.sk)
    }
}

/// What a primary key names. Names are folded.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields say what they are")]
pub enum Entity<'a> {
    Share { share: &'a str },
    Schema { share: &'a str, schema: &'a str },
    Table { share: &'a str, schema: &'a str, table: &'a str },
    Recipient { id: &'a str },
    RecipientName { name: &'a str },
    Grant { recipient_id: &'a str, share: &'a str },
    Registered { table: &'a str },
    Token { id: &'a str },
    Activation { hash: &'a str },
    Event { month: &'a str, place: &'a str },
}

impl<'a> Entity<'a> {
    /// The primary key.
    ///
    /// # Errors
    /// When it would be too long, or an id is none.
    pub fn key(&self) -> Result<Key, KeyError> {
        let head = || HEAD.to_owned();
        let (pk, sk) = match self {
            Self::Share { share } => (format!("S/{share}"), head()),
            Self::Schema { share, schema } => (format!("S/{share}"), format!("C/{schema}")),
            Self::Table { share, schema, table } => (format!("S/{share}"), format!("T/{schema}/{table}")),
            Self::Recipient { id } => (format!("R/{}", checked_id(id)?), head()),
            Self::RecipientName { name } => (format!("N/{name}"), head()),
            Self::Grant { recipient_id, share } => (format!("R/{}", checked_id(recipient_id)?), format!("G/{share}")),
            Self::Registered { table } => (format!("REG/{table}"), head()),
            Self::Token { id } => (format!("TOK/{}", checked_id(id)?), head()),
            Self::Activation { hash } => (format!("ACT/{}", checked_id(hash)?), head()),
            Self::Event { month, place } => (format!("EV/{month}"), (*place).to_owned()),
        };
        Key::checked(pk, sk)
    }

    /// What a primary key names; nothing when it is none of this grammar.
    pub fn of(pk: &'a str, sk: &'a str) -> Option<Self> {
        let (kind, owner) = pk.split_once(DELIMITER)?;
        let rest = |prefix: &str| sk.strip_prefix(prefix)?.strip_prefix(DELIMITER).filter(|rest| !rest.is_empty());
        let entity = match kind {
            "S" if sk == HEAD => Self::Share { share: owner },
            "S" => match (rest("C"), rest("T").and_then(|rest| rest.split_once(DELIMITER))) {
                (Some(schema), _) => Self::Schema { share: owner, schema },
                (_, Some((schema, table))) => Self::Table { share: owner, schema, table },
                _ => return None,
            },
            "R" if sk == HEAD => Self::Recipient { id: owner },
            "R" => Self::Grant { recipient_id: owner, share: rest("G")? },
            "N" if sk == HEAD => Self::RecipientName { name: owner },
            "REG" if sk == HEAD => Self::Registered { table: owner },
            "TOK" if sk == HEAD => Self::Token { id: owner },
            "ACT" if sk == HEAD => Self::Activation { hash: owner },
            "EV" => Self::Event { month: owner, place: sk },
            _ => return None,
        };
        entity.parts().iter().all(|part| is_part(part)).then_some(entity)
    }

    fn parts(&self) -> Vec<&'a str> {
        match *self {
            Self::Share { share: part } | Self::RecipientName { name: part } | Self::Registered { table: part } => {
                vec![part]
            }
            Self::Recipient { id: part } | Self::Token { id: part } | Self::Activation { hash: part } => vec![part],
            Self::Schema { share, schema } => vec![share, schema],
            Self::Table { share, schema, table } => vec![share, schema, table],
            Self::Grant { recipient_id, share } => vec![recipient_id, share],
            Self::Event { month, place } => vec![month, place],
        }
    }
}

fn is_part(text: &str) -> bool {
    !text.is_empty() && !text.contains(DELIMITER)
}

fn checked_id(id: &str) -> Result<&str, KeyError> {
    if is_part(id) { Ok(id) } else { Err(KeyError::BadId) }
}

/// The key of a share.
///
/// # Errors
/// When it would be too long.
pub fn share_key(share: &ShareName) -> Result<Key, KeyError> {
    Entity::Share { share: share.folded() }.key()
}

/// The key of a schema.
///
/// # Errors
/// When it would be too long.
pub fn schema_key(share: &ShareName, schema: &SchemaName) -> Result<Key, KeyError> {
    Entity::Schema { share: share.folded(), schema: schema.folded() }.key()
}

/// The key of a table.
///
/// # Errors
/// When it would be too long.
pub fn table_key(share: &ShareName, schema: &SchemaName, table: &TableName) -> Result<Key, KeyError> {
    Entity::Table { share: share.folded(), schema: schema.folded(), table: table.folded() }.key()
}

/// The key of a recipient.
///
/// # Errors
/// When the id is none.
pub fn recipient_key(id: &str) -> Result<Key, KeyError> {
    Entity::Recipient { id }.key()
}

/// The key of the item that holds a recipient's name, so that no two recipients have the same.
///
/// # Errors
/// When it would be too long.
pub fn recipient_name_key(name: &RecipientName) -> Result<Key, KeyError> {
    Entity::RecipientName { name: name.folded() }.key()
}

/// The key of a grant.
///
/// # Errors
/// When it would be too long, or the id is none.
pub fn grant_key(recipient_id: &str, share: &ShareName) -> Result<Key, KeyError> {
    Entity::Grant { recipient_id, share: share.folded() }.key()
}

/// The key of a registered table.
///
/// # Errors
/// When it would be too long.
pub fn registered_key(table: &TableName) -> Result<Key, KeyError> {
    Entity::Registered { table: table.folded() }.key()
}

/// The key of a token, by its public part.
///
/// # Errors
/// When the id is none.
pub fn token_key(id: &str) -> Result<Key, KeyError> {
    Entity::Token { id }.key()
}

/// The key of an activation link, by the hash of its code.
///
/// # Errors
/// When the hash is none.
pub fn activation_key(hash: &str) -> Result<Key, KeyError> {
    Entity::Activation { hash }.key()
}

/// The key of an admin event. Months part them, so that no partition grows for ever.
///
/// # Errors
/// When the id is none.
pub fn event_key(at: TimestampMs, id: &str) -> Result<Key, KeyError> {
    Entity::Event { month: &month_of(at), place: &format!("{}-{}", event_floor(at), checked_id(id)?) }.key()
}

/// The partition of a month's admin events.
pub fn events_of(month: &str) -> String {
    format!("EV/{month}")
}

/// What no sort key of an admin event from this moment on is below.
pub fn event_floor(at: TimestampMs) -> String {
    format!("{:020}", at.millis().max(0))
}

/// `2026-01`, in the order of time.
pub fn month_of(at: TimestampMs) -> String {
    at.to_iso().chars().take(7).collect()
}

/// The month before one; none before the first.
pub fn month_before(month: &str) -> Option<String> {
    let (year, number) = month.split_once('-')?;
    match (year.parse::<u32>().ok()?, number.parse::<u32>().ok()?) {
        (year, 1) => Some(format!("{:04}-12", year.checked_sub(1)?)),
        (year, number) => Some(format!("{year:04}-{:02}", number.checked_sub(1)?)),
    }
}

/// The schemas of a share.
pub fn schemas_of(share: &ShareName) -> Prefix {
    Prefix { pk: format!("S/{}", share.folded()), sk: "C/".into() }
}

/// The tables of a share.
pub fn tables_of(share: &ShareName) -> Prefix {
    Prefix { pk: format!("S/{}", share.folded()), sk: "T/".into() }
}

/// The tables of a schema.
pub fn tables_of_schema(share: &ShareName, schema: &SchemaName) -> Prefix {
    Prefix { pk: format!("S/{}", share.folded()), sk: format!("T/{}/", schema.folded()) }
}

/// The grants to a recipient.
///
/// # Errors
/// When the id is none.
pub fn grants_to(recipient_id: &str) -> Result<Prefix, KeyError> {
    Ok(Prefix { pk: format!("R/{}", checked_id(recipient_id)?), sk: "G/".into() })
}

/// The grants on a share, in the index.
pub fn grants_on(share: &ShareName) -> Prefix {
    Prefix { pk: format!("S/{}", share.folded()), sk: "R/".into() }
}

/// A share's key in the index.
///
/// # Errors
/// When it would be too long.
pub fn share_index_key(share: &ShareName) -> Result<Key, KeyError> {
    Key::checked(SHARES.into(), share.folded().into())
}

/// A table's key in the index, by the place that it shares.
///
/// # Errors
/// When it would be too long.
pub fn table_index_key(
    location: &str,
    share: &ShareName,
    schema: &SchemaName,
    table: &TableName,
) -> Result<Key, KeyError> {
    let place = hex::encode(Sha256::digest(location.as_bytes()));
    let (share, schema, table) = (share.folded(), schema.folded(), table.folded());
    Key::checked(format!("L/{place}"), format!("S/{share}/T/{schema}/{table}"))
}

/// A recipient's key in the index.
///
/// # Errors
/// When it would be too long.
pub fn recipient_index_key(name: &RecipientName) -> Result<Key, KeyError> {
    Key::checked(RECIPIENTS.into(), name.folded().into())
}

/// A registered table's key in the index.
///
/// # Errors
/// When it would be too long.
pub fn registered_index_key(table: &TableName) -> Result<Key, KeyError> {
    Key::checked(REGISTERED.into(), table.folded().into())
}

/// A grant's key in the index.
///
/// # Errors
/// When it would be too long, or the id is none.
pub fn grant_index_key(recipient_id: &str, share: &ShareName) -> Result<Key, KeyError> {
    Key::checked(format!("S/{}", share.folded()), format!("R/{}", checked_id(recipient_id)?))
}

/// A token's key in the index.
///
/// # Errors
/// When the id is none.
pub fn token_index_key(recipient_id: &str, created_at: Option<TimestampMs>) -> Result<Key, KeyError> {
    let created = created_at.map_or(0, TimestampMs::millis).max(0);
    Key::checked(format!("R/{}", checked_id(recipient_id)?), format!("TOK/{created:020}"))
}

#[cfg(test)]
mod tests;
