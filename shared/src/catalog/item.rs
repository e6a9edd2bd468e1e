//! Items of the catalogue's DynamoDB table: what they are made of and how one is read. `item/` holds each kind.
//!
//! Every item carries a format version; one that this program does not know is refused, since an attribute that it has
//! never heard of may be one that takes rights away. Error texts name attributes and never their values.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use aws_sdk_dynamodb::types::AttributeValue;

use super::key::{GSI1PK, GSI1SK, Key, PK, SK};
use super::write::Status;
use crate::model::version::TimestampMs;

pub mod activation;
pub mod event;
pub mod recipient;
pub mod registered;
pub mod schema;
pub mod share;

/// An item as the SDK has it.
pub type Item = HashMap<String, AttributeValue>;

/// The format version of items without rules.
pub const FORMAT_VERSION: u32 = 1;

/// The format version of items with rules, which programs that know none must not read as if there were none.
pub const RULED_VERSION: u32 = 2;

/// Attribute: the format version.
pub const VERSION: &str = "v";
/// Attribute: a name as its provider spelt it.
pub const DISPLAY: &str = "display";
/// Attribute: the provider's description.
pub const COMMENT: &str = "comment";
/// Attribute: [`ACTIVE`], [`DISABLED`] or [`DELETING`].
pub const STATUS: &str = "status";
/// Attribute: when it was made, in milliseconds since the epoch.
pub const CREATED: &str = "created";
/// Attribute of share, schema, table and grant: the share's id.
pub const SHARE_ID: &str = "shareId";
/// Attribute of grant, token and name: the recipient's id.
pub const RECIPIENT_ID: &str = "recipientId";
/// Attribute of grant and token: the recipient's name as it was spelt.
pub const RECIPIENT_NAME: &str = "recipientName";
/// Attribute of a token: its hash, in lower-case hex.
pub const HASH: &str = "hash";
/// Attribute of a token: which key of the keyring made the hash.
pub const KEY_ID: &str = "kid";
/// Attribute of a token: before this moment it is not good, in milliseconds since the epoch.
pub const NOT_BEFORE: &str = "nbf";
/// Attribute of a token: from this moment on it is not good, in milliseconds since the epoch.
pub const EXPIRES: &str = "exp";
/// Attribute that DynamoDB removes an item by, in seconds since the epoch; days late, so never what decides.
pub const TTL: &str = "ttl";

/// Status of what may be used.
pub const ACTIVE: &str = "ACTIVE";
/// Status of what may not be used until it is active again.
pub const DISABLED: &str = "DISABLED";
/// Status of what is being deleted and may not be used.
pub const DELETING: &str = "DELETING";

/// Where in its life something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifecycle {
    /// [`ACTIVE`].
    Active,
    /// [`DISABLED`].
    Disabled,
    /// [`DELETING`].
    Deleting,
}

impl Lifecycle {
    /// The attribute's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => ACTIVE,
            Self::Disabled => DISABLED,
            Self::Deleting => DELETING,
        }
    }

    /// Whether it may be used; what is being deleted may not.
    pub fn status(self) -> Status {
        match self {
            Self::Active => Status::Active,
            Self::Disabled | Self::Deleting => Status::Disabled,
        }
    }
}

impl From<Status> for Lifecycle {
    fn from(status: Status) -> Self {
        match status {
            Status::Active => Self::Active,
            Status::Disabled => Self::Disabled,
        }
    }
}

/// Why an item cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ItemError {
    /// Written by another program.
    Version {
        /// `share`, `table`, …
        kind: &'static str,
        /// The version it has; none when it has no number there.
        found: Option<u64>,
    },
    /// An attribute is missing or no value of its kind.
    Attribute {
        /// `share`, `table`, …
        kind: &'static str,
        /// The attribute's name.
        name: &'static str,
    },
}

impl fmt::Display for ItemError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version { kind, found: Some(found) } => write!(
                f,
                "a {kind} of the catalogue has format version {found}, this program knows {RULED_VERSION}; \
                 use the program that wrote it"
            ),
            Self::Version { kind, found: None } => write!(f, "a {kind} of the catalogue has no format version"),
            Self::Attribute { kind, name } => {
                write!(f, "the attribute '{name}' of a {kind} of the catalogue is missing or cannot be read")
            }
        }
    }
}

impl std::error::Error for ItemError {}

/// Makes an item.
#[derive(Debug)]
pub(super) struct Builder(Item);

impl Builder {
    pub(super) fn new(key: &Key) -> Self {
        Self(HashMap::new()).text(PK, key.pk()).text(SK, key.sk()).number(VERSION, FORMAT_VERSION)
    }

    pub(super) fn indexed(self, key: &Key) -> Self {
        self.text(GSI1PK, key.pk()).text(GSI1SK, key.sk())
    }

    pub(super) fn text(mut self, name: &str, value: &str) -> Self {
        self.0.insert(name.to_owned(), AttributeValue::S(value.to_owned()));
        self
    }

    pub(super) fn number(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.0.insert(name.to_owned(), AttributeValue::N(value.to_string()));
        self
    }

    /// A set of texts; DynamoDB knows no empty one.
    pub(super) fn texts(mut self, name: &str, values: impl IntoIterator<Item = String>) -> Self {
        let values: Vec<String> = values.into_iter().collect();
        if !values.is_empty() {
            self.0.insert(name.to_owned(), AttributeValue::Ss(values));
        }
        self
    }

    pub(super) fn text_if_any(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.text(name, value),
            None => self,
        }
    }

    pub(super) fn moment_if_any(self, name: &str, value: Option<TimestampMs>) -> Self {
        match value {
            Some(value) => self.number(name, value.millis()),
            None => self,
        }
    }

    /// Says that the item has rules.
    pub(super) fn ruled(self) -> Self {
        self.number(VERSION, RULED_VERSION)
    }

    pub(super) fn build(self) -> Item {
        self.0
    }
}

/// Reads an item whose format version is known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a> {
    item: &'a Item,
    kind: &'static str,
}

impl<'a> Fields<'a> {
    /// An item of a kind that has no rules.
    pub(super) fn of(kind: &'static str, item: &'a Item) -> Result<Self, ItemError> {
        match Self::version(item) {
            Some(FORMAT_VERSION) => Ok(Self { item, kind }),
            found => Err(ItemError::Version { kind, found: found.map(u64::from) }),
        }
    }

    /// An item of a kind that may have rules.
    pub(super) fn of_ruled(kind: &'static str, item: &'a Item) -> Result<Self, ItemError> {
        match Self::version(item) {
            Some(FORMAT_VERSION | RULED_VERSION) => Ok(Self { item, kind }),
            found => Err(ItemError::Version { kind, found: found.map(u64::from) }),
        }
    }

    /// Fails where the version says that there are rules and the attributes say that there are none: what became of them?
    pub(super) fn check_ruled(&self, has_rules: bool, name: &'static str) -> Result<(), ItemError> {
        let says_so = Self::version(self.item) == Some(RULED_VERSION);
        if says_so && !has_rules { Err(self.bad(name)) } else { Ok(()) }
    }

    fn version(item: &Item) -> Option<u32> {
        item.get(VERSION).and_then(|value| value.as_n().ok()).and_then(|text| text.parse().ok())
    }

    pub(super) fn bad(&self, name: &'static str) -> ItemError {
        ItemError::Attribute { kind: self.kind, name }
    }

    pub(super) fn text(&self, name: &'static str) -> Result<&'a str, ItemError> {
        self.text_if_any(name)?.ok_or_else(|| self.bad(name))
    }

    pub(super) fn text_if_any(&self, name: &'static str) -> Result<Option<&'a str>, ItemError> {
        match self.item.get(name) {
            None => Ok(None),
            Some(AttributeValue::S(text)) => Ok(Some(text)),
            Some(_) => Err(self.bad(name)),
        }
    }

    pub(super) fn owned_if_any(&self, name: &'static str) -> Result<Option<String>, ItemError> {
        Ok(self.text_if_any(name)?.map(str::to_owned))
    }

    pub(super) fn number<T: FromStr>(&self, name: &'static str) -> Result<T, ItemError> {
        self.number_if_any(name)?.ok_or_else(|| self.bad(name))
    }

    pub(super) fn number_if_any<T: FromStr>(&self, name: &'static str) -> Result<Option<T>, ItemError> {
        match self.item.get(name) {
            None => Ok(None),
            Some(AttributeValue::N(text)) => text.parse().map(Some).map_err(|_| self.bad(name)),
            Some(_) => Err(self.bad(name)),
        }
    }

    pub(super) fn moment_if_any(&self, name: &'static str) -> Result<Option<TimestampMs>, ItemError> {
        Ok(self.number_if_any(name)?.map(TimestampMs::new))
    }

    /// A set of texts; one that is not there is empty.
    pub(super) fn texts(&self, name: &'static str) -> Result<Vec<String>, ItemError> {
        match self.item.get(name) {
            None => Ok(Vec::new()),
            Some(AttributeValue::Ss(texts)) => Ok(texts.clone()),
            Some(_) => Err(self.bad(name)),
        }
    }

    pub(super) fn lifecycle(&self) -> Result<Lifecycle, ItemError> {
        match self.text(STATUS)? {
            ACTIVE => Ok(Lifecycle::Active),
            DISABLED => Ok(Lifecycle::Disabled),
            DELETING => Ok(Lifecycle::Deleting),
            _ => Err(self.bad(STATUS)),
        }
    }
}

/// The primary key that an item has.
///
/// # Errors
/// When it has none, which DynamoDB rules out.
pub fn primary_key(item: &Item) -> Result<(&str, &str), ItemError> {
    let text = |name: &'static str| {
        let value = item.get(name).and_then(|value| value.as_s().ok());
        value.map(String::as_str).ok_or(ItemError::Attribute { kind: "row", name })
    };
    Ok((text(PK)?, text(SK)?))
}

#[cfg(test)]
mod tests;
