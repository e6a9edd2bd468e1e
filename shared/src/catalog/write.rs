//! What a provider does to the catalogue: the port behind every command. Only the provider's own program reaches it; no
//! function does. Every write is conditional, so that two operators cannot lose each other's change: a write that finds
//! the catalogue other than it expected is refused and changes nothing.

use std::fmt;

use async_trait::async_trait;

use super::register::{Look, TableRegister};
use crate::error::Cause;
use crate::model::name::{RecipientName, SchemaName, ShareName, TableName};
use crate::model::rule::{PartitionRule, RecipientRules, Window};
use crate::model::securable::History;
use crate::model::version::TimestampMs;

/// A share as the provider sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShareRecord {
    /// Its name.
    pub name: ShareName,
    /// A UUID; unique, never reused.
    pub id: String,
    /// The provider's description.
    pub comment: Option<String>,
    /// When it was created; unknown where the catalogue does not keep it.
    pub created_at: Option<TimestampMs>,
}

/// A table as the provider sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableRecord {
    /// The share it belongs to.
    pub share: ShareName,
    /// The schema it belongs to. A schema exists while it has a table or a place.
    pub schema: SchemaName,
    /// Its name.
    pub name: TableName,
    /// A UUID; unique within the share, never reused.
    pub id: String,
    /// `s3://bucket/prefix`; on the local state also `file:///folder` or a path.
    pub location: String,
    /// Where else the table's log may name files by absolute paths: places of the same kind as the location.
    pub auxiliary_locations: Vec<String>,
    /// The bucket's region, when it is not the server's own.
    pub region: Option<String>,
    /// `standard`, `dualstack`, `fips`, or the URL of an S3-compatible store.
    pub endpoint: Option<String>,
    /// The role that reads the log and signs URLs.
    pub role_arn: Option<String>,
    /// What that role's trust policy asks for.
    pub external_id: Option<String>,
    /// What of its history recipients may read.
    pub history: History,
    /// Which of its partitions recipients may read; all without a rule.
    pub partitions: Vec<PartitionRule>,
    /// The provider's description. Recipients do not see it: the protocol has no place for it.
    pub comment: Option<String>,
    /// Whether the table was looked at before it was added; unknown where the catalogue does not keep it.
    pub look: Option<Look>,
    /// How it came here.
    pub origin: Origin,
    /// When it was added; unknown where the catalogue does not keep it.
    pub created_at: Option<TimestampMs>,
}

/// A schema that shares a place, as the provider sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaRecord {
    /// The share it belongs to.
    pub share: ShareName,
    /// Its name.
    pub name: SchemaName,
    /// `s3://bucket/prefix`; on the local state also `file:///folder` or a path.
    pub location: String,
    /// The bucket's region, when it is not the server's own.
    pub region: Option<String>,
    /// The role that reads the logs and signs URLs.
    pub role_arn: Option<String>,
    /// What that role's trust policy asks for.
    pub external_id: Option<String>,
    /// What of its tables' histories recipients may read.
    pub history: History,
    /// When it was added; unknown where the catalogue does not keep it.
    pub created_at: Option<TimestampMs>,
}

/// How a table came into its share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The provider named it.
    Named,
    /// It was seen in the place of its schema, and noted so that it is listed.
    Found,
}

/// Whether a recipient or a token may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It may.
    Active,
    /// It may not, until it is made active again.
    Disabled,
}

/// A recipient as the provider sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecipientRecord {
    /// The provider's name for it.
    pub name: RecipientName,
    /// A UUID; unique, never reused.
    pub id: String,
    /// The provider's description.
    pub comment: Option<String>,
    /// Whether it may read at all.
    pub status: Status,
    /// Its properties, and where it may come from.
    pub rules: RecipientRules,
    /// When it was created; unknown where the catalogue does not keep it.
    pub created_at: Option<TimestampMs>,
}

/// A token, of which only the hash is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRecord {
    /// The public part of the token; unique.
    pub id: String,
    /// The id of the recipient it belongs to.
    pub recipient_id: String,
    /// The hash, in lower-case hex.
    pub hash: String,
    /// Which key of the keyring made the hash; none for a plain SHA-256.
    pub key_id: Option<u8>,
    /// Before this moment it is not good.
    pub not_before: Option<TimestampMs>,
    /// From this moment on it is not good.
    pub expires_at: Option<TimestampMs>,
    /// Whether it may be used.
    pub status: Status,
    /// When it was made; unknown where the catalogue does not keep it.
    pub created_at: Option<TimestampMs>,
}

impl TokenRecord {
    /// When it is good, as long as it may be used.
    pub fn window(&self) -> Window {
        Window { from: self.not_before, until: self.expires_at }
    }
}

/// An activation link, which hands a token over once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivationRecord {
    /// The SHA-256 of its code, in lower-case hex.
    pub hash: String,
    /// The id of the recipient that it is for.
    pub recipient_id: String,
    /// The public part of the token that it hands over.
    pub token_id: String,
    /// What it hands over, sealed under its code; none once it was used.
    pub sealed: Option<String>,
    /// From this moment on it hands nothing over.
    pub expires_at: TimestampMs,
    /// When it was made; unknown where the catalogue does not keep it.
    pub created_at: Option<TimestampMs>,
}

/// A grant: a recipient may read a share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantRecord {
    /// The share's name.
    pub share: ShareName,
    /// The share's id. A grant whose id is not the share's own grants nothing.
    pub share_id: String,
    /// The recipient's name.
    pub recipient: RecipientName,
    /// The recipient's id.
    pub recipient_id: String,
    /// When it is good.
    pub window: Window,
    /// When it was granted; unknown where the catalogue does not keep it.
    pub granted_at: Option<TimestampMs>,
}

/// Whether deleting a share takes grants with it. Its tables always go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletion {
    /// Refused while a grant is on it.
    OnlyIfUnused,
    /// With every grant that is on it.
    WithDependents,
}

/// Why nothing was written.
#[derive(Debug)]
pub enum WriteError {
    /// A share, table, recipient or grant of that name is there already.
    Exists {
        /// `share 'x'`, `table 'a.b.c'`, …
        what: String,
    },
    /// There is none of that name.
    Missing {
        /// `share 'x'`, `table 'a.b.c'`, …
        what: String,
    },
    /// Something hangs on it.
    InUse {
        /// `share 'x'`.
        what: String,
        /// What hangs on it, in words: `2 grants`.
        by: String,
    },
    /// Somebody else changed it at the same moment; looking again and repeating is safe.
    Conflict {
        /// What was to be changed.
        what: String,
    },
    /// Its deletion was broken off, and is finished by repeating it.
    BeingDeleted {
        /// `share 'x'`, `recipient 'x'`.
        what: String,
    },
    /// The catalogue cannot be read or written.
    Unavailable(Cause),
    /// It holds something that this program does not know, or a rule that it cannot keep; the sentence says what.
    Refused(String),
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exists { what } => write!(f, "{what} exists already"),
            Self::Missing { what } => write!(f, "there is no {what}"),
            Self::InUse { what, by } => write!(f, "{what} still has {by}"),
            Self::Conflict { what } => write!(f, "{what} was changed by somebody else at the same moment; try again"),
            Self::BeingDeleted { what } => {
                write!(f, "{what} is still being deleted; repeat its deletion to finish it")
            }
            Self::Unavailable(_) => f.write_str("the catalogue cannot be reached"),
            Self::Refused(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for WriteError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unavailable(cause) => Some(cause.as_ref()),
            _ => None,
        }
    }
}

/// The catalogue, as its provider reads and changes it. Names are compared without case. Lists are in the order of
/// folded names. Each write is one transaction: it happens whole or not at all.
#[async_trait]
pub trait ProviderCatalog: TableRegister {
    /// Every share.
    async fn shares(&self) -> Result<Vec<ShareRecord>, WriteError>;
    /// The share of that name.
    async fn share(&self, name: &ShareName) -> Result<Option<ShareRecord>, WriteError>;
    /// Adds a share whose name is free.
    async fn create_share(&self, share: &ShareRecord) -> Result<(), WriteError>;
    /// Gives a share another comment, or none.
    async fn set_share_comment(&self, name: &ShareName, comment: Option<&str>) -> Result<(), WriteError>;
    /// Removes a share with its tables and, if asked, its grants. From the first step on no recipient sees it, and neither
    /// do [`ProviderCatalog::share`] and [`ProviderCatalog::shares`]; a deletion that was interrupted is finished by
    /// repeating it.
    async fn delete_share(&self, name: &ShareName, deletion: Deletion) -> Result<(), WriteError>;

    /// Every table of a share, in the order of `schema/table`; none of a share that is not there.
    async fn tables(&self, share: &ShareName) -> Result<Vec<TableRecord>, WriteError>;
    /// How many tables a share has.
    async fn table_count(&self, share: &ShareRecord) -> Result<usize, WriteError>;
    /// The table of that name.
    async fn table(
        &self,
        share: &ShareName,
        schema: &SchemaName,
        name: &TableName,
    ) -> Result<Option<TableRecord>, WriteError>;
    /// Adds a table whose name is free to a share that exists.
    async fn add_table(&self, table: &TableRecord) -> Result<(), WriteError>;
    /// Removes a table.
    async fn remove_table(&self, share: &ShareName, schema: &SchemaName, name: &TableName) -> Result<(), WriteError>;

    /// Every schema of a share that has a place, in the order of names; none of a share that is not there.
    async fn located_schemas(&self, share: &ShareName) -> Result<Vec<SchemaRecord>, WriteError>;
    /// Gives a schema a place, and makes the schema where there is none. One that has a place is there already.
    async fn locate_schema(&self, schema: &SchemaRecord) -> Result<(), WriteError>;
    /// Takes a schema's place away. Tables that were noted stay until they are removed.
    async fn unlocate_schema(&self, share: &ShareName, schema: &SchemaName) -> Result<(), WriteError>;

    /// Every recipient.
    async fn recipients(&self) -> Result<Vec<RecipientRecord>, WriteError>;
    /// The recipient of that name.
    async fn recipient(&self, name: &RecipientName) -> Result<Option<RecipientRecord>, WriteError>;
    /// Whether there is a recipient of that name whose deletion was broken off.
    async fn is_being_deleted(&self, name: &RecipientName) -> Result<bool, WriteError>;
    /// Whether the creation of this recipient was broken off: it is there, and its token is nowhere where it would be checked.
    async fn is_being_made(&self, _recipient: &RecipientRecord) -> Result<bool, WriteError> {
        Ok(false)
    }
    /// Adds a recipient whose name is free, with its first token.
    async fn create_recipient(&self, recipient: &RecipientRecord, token: &TokenRecord) -> Result<(), WriteError>;
    /// Makes a recipient active or disabled.
    async fn set_recipient_status(&self, name: &RecipientName, status: Status) -> Result<(), WriteError>;
    /// Puts these rules in the place of a recipient's.
    async fn set_recipient_rules(&self, name: &RecipientName, rules: &RecipientRules) -> Result<(), WriteError>;
    /// Removes a recipient with its tokens and grants. From the first step on no token of it is good and it is shown as
    /// disabled; a deletion that was interrupted is finished by repeating it.
    async fn delete_recipient(&self, name: &RecipientName) -> Result<(), WriteError>;

    /// Every token of a recipient, oldest first; none of a recipient that is not there.
    async fn tokens(&self, recipient: &RecipientName) -> Result<Vec<TokenRecord>, WriteError>;
    /// Adds a token and lets every other token of the recipient end at `others_end_at`, those that end sooner excepted. A
    /// recipient has at most [`TOKENS_PER_RECIPIENT_MAX`](crate::limits::TOKENS_PER_RECIPIENT_MAX) tokens.
    async fn rotate_token(&self, token: &TokenRecord, others_end_at: TimestampMs) -> Result<(), WriteError>;

    /// Adds a link for a token that is about to be added: until it is there, the link hands nothing over.
    async fn add_activation(&self, link: &ActivationRecord) -> Result<(), WriteError>;
    /// Lets every token of a recipient end at `at`, those that end sooner excepted.
    async fn end_tokens(&self, recipient: &RecipientName, at: TimestampMs) -> Result<(), WriteError>;

    /// Every grant of a share; none of a share that is not there.
    async fn grants_on(&self, share: &ShareName) -> Result<Vec<GrantRecord>, WriteError>;
    /// Every grant to a recipient; none to a recipient that is not there.
    async fn grants_to(&self, recipient: &RecipientName) -> Result<Vec<GrantRecord>, WriteError>;
    /// Grants a share that exists to a recipient that exists, at a moment. Granting twice is [`WriteError::Exists`].
    async fn grant(
        &self,
        share: &ShareName,
        recipient: &RecipientName,
        window: Window,
        at: TimestampMs,
    ) -> Result<(), WriteError>;
    /// Puts a window in the place of a grant's.
    async fn set_grant_window(
        &self,
        share: &ShareName,
        recipient: &RecipientName,
        window: Window,
    ) -> Result<(), WriteError>;
    /// Takes a grant back.
    async fn revoke(&self, share: &ShareName, recipient: &RecipientName) -> Result<(), WriteError>;
}
