//! The statements, as they were written: names and texts with their places, nothing looked up yet.

use std::ops::Range;

/// A name or a text, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spot {
    /// What it says.
    pub text: String,
    /// Its bytes in the script.
    pub at: Range<usize>,
}

/// A number, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Number {
    /// The number.
    pub value: u64,
    /// Its bytes in the script.
    pub at: Range<usize>,
}

/// A statement and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// The statement.
    pub statement: Statement,
    /// Its bytes in the script, from its first word to its last.
    pub at: Range<usize>,
}

/// What a provider says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Statement {
    /// `CREATE SHARE`
    CreateShare(CreateShare),
    /// `ALTER SHARE`
    AlterShare {
        /// Which.
        share: Spot,
        /// What about it.
        change: ShareChange,
    },
    /// `DROP SHARE`
    DropShare {
        /// Which.
        share: Spot,
        /// Nothing is said when there is none.
        if_exists: bool,
        /// Its grants are taken back.
        cascade: bool,
    },
    /// `CREATE TABLE`
    CreateTable(CreateTable),
    /// `DROP TABLE`
    DropTable {
        /// Which.
        table: Spot,
        /// Nothing is said when there is none.
        if_exists: bool,
    },
    /// `CREATE RECIPIENT`
    CreateRecipient(CreateRecipient),
    /// `ALTER RECIPIENT`
    AlterRecipient {
        /// Which.
        recipient: Spot,
        /// What about it.
        change: RecipientChange,
    },
    /// `DROP RECIPIENT`
    DropRecipient {
        /// Which.
        recipient: Spot,
        /// Nothing is said when there is none.
        if_exists: bool,
    },
    /// `GRANT`
    Grant(Grant),
    /// `REVOKE`
    Revoke {
        /// The share.
        share: Spot,
        /// The recipient.
        recipient: Spot,
    },
    /// `SHOW`
    Show(Show),
    /// `DESCRIBE`
    Describe(Describe),
}

/// `CREATE SHARE`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateShare {
    /// Its name.
    pub share: Spot,
    /// Nothing is done when it is there.
    pub if_not_exists: bool,
    /// What it is.
    pub comment: Option<Spot>,
}

/// What `ALTER SHARE` does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShareChange {
    /// `SET COMMENT`; none takes it away.
    SetComment(Option<Spot>),
    /// `ADD TABLE`
    AddTable(Box<AddTable>),
    /// `REMOVE TABLE`
    RemoveTable {
        /// Which.
        table: SharedName,
        /// Nothing is said when there is none.
        if_exists: bool,
    },
    /// `ADD SCHEMA … LOCATION`
    AddSchema(Box<AddSchema>),
    /// `REMOVE SCHEMA`
    RemoveSchema {
        /// Which.
        schema: Spot,
        /// Nothing is said when there is none.
        if_exists: bool,
    },
}

/// `ADD SCHEMA`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddSchema {
    /// Under which name.
    pub schema: Spot,
    /// Nothing is done when it has a place.
    pub if_not_exists: bool,
    /// Where its tables lie.
    pub location: Spot,
    /// Their history is shared.
    pub history: bool,
    /// The role that reads them.
    pub role: Option<Spot>,
    /// What the role's trust policy asks for.
    pub external_id: Option<Spot>,
    /// The bucket's region.
    pub region: Option<Spot>,
}

/// `[schema.]table` of a share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedName {
    /// The schema; `default` when none is said.
    pub schema: Option<Spot>,
    /// The table.
    pub table: Spot,
}

impl SharedName {
    /// The bytes of both parts.
    pub fn at(&self) -> Range<usize> {
        self.schema.as_ref().map_or(self.table.at.start, |schema| schema.at.start)..self.table.at.end
    }
}

/// `ADD TABLE`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddTable {
    /// What is added, as it was named: up to three parts.
    pub parts: Vec<Spot>,
    /// Nothing is done when a table of that name is there.
    pub if_not_exists: bool,
    /// Under which name recipients see it.
    pub alias: Option<SharedName>,
    /// Where it lies, when it is not registered.
    pub location: Option<Spot>,
    /// Whether its history is shared.
    pub history: Option<SharedHistory>,
    /// `PARTITION`, and its conditions.
    pub partition: Option<Partition>,
    /// What it is.
    pub comment: Option<Spot>,
    /// It is not looked at.
    pub without_validation: bool,
}

/// `WITH HISTORY`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedHistory {
    /// The oldest version that is shared.
    pub from: Option<Number>,
}

/// `PARTITION (…)`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// The word itself.
    pub at: Range<usize>,
    /// All of them must hold.
    pub conditions: Vec<PartitionCondition>,
}

/// `column = value`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionCondition {
    /// The partition column.
    pub column: Spot,
    /// What it must be.
    pub value: PartitionValue,
}

/// What a partition column must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PartitionValue {
    /// This text, or this number as it was written.
    Literal(Spot),
    /// The recipient's property of this name.
    CurrentRecipient(Spot),
}

/// Where a table lies, as it was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TablePlace {
    /// `LOCATION`
    Location(Spot),
    /// `FROM`, with a name of up to three parts: `glue.database.table`.
    From(Vec<Spot>),
}

/// `CREATE TABLE … USING DELTA`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateTable {
    /// Its name.
    pub table: Spot,
    /// Nothing is done when it is there.
    pub if_not_exists: bool,
    /// Where it lies.
    pub place: TablePlace,
    /// The role that reads it.
    pub role: Option<Spot>,
    /// What the role's trust policy asks for.
    pub external_id: Option<Spot>,
    /// The bucket's region.
    pub region: Option<Spot>,
    /// What it is.
    pub comment: Option<Spot>,
    /// It is not looked at.
    pub without_validation: bool,
}

/// `CREATE RECIPIENT`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateRecipient {
    /// Its name.
    pub recipient: Spot,
    /// Nothing is done when it is there.
    pub if_not_exists: bool,
    /// What it is.
    pub comment: Option<Spot>,
    /// What else is said of it.
    pub rules: RecipientRules,
}

/// A list in parentheses after words that say of what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<T> {
    /// The words' bytes in the script.
    pub at: Range<usize>,
    /// What is listed.
    pub items: Vec<T>,
}

/// `'key' = 'value'`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Property {
    /// The key.
    pub key: Spot,
    /// The value.
    pub value: Spot,
}

/// What may be said of a recipient.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecipientRules {
    /// `PROPERTIES`
    pub properties: Option<Listed<Property>>,
    /// `IP ACCESS LIST`
    pub ip_access_list: Option<Listed<Spot>>,
    /// `API ONLY`: URLs of files are not bound to the list.
    pub api_only: bool,
    /// `TOKEN LIFETIME`
    pub token_lifetime: Option<Spot>,
}

/// What `ALTER RECIPIENT` does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecipientChange {
    /// Other rules.
    Rules(RecipientRules),
    /// `ROTATE TOKEN`
    RotateToken {
        /// How long the others stay good.
        grace: Option<Spot>,
        /// How long the new one is good.
        lifetime: Option<Spot>,
    },
    /// `REVOKE ALL TOKENS`
    RevokeAllTokens,
    /// `DISABLE`
    Disable,
    /// `ENABLE`
    Enable,
}

/// `GRANT SELECT ON SHARE`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The share.
    pub share: Spot,
    /// The recipient.
    pub recipient: Spot,
    /// Not before.
    pub valid_from: Option<Spot>,
    /// Not after.
    pub valid_until: Option<Spot>,
    /// At any time, said in so many words.
    pub always: bool,
}

/// `SHOW`
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Show {
    /// `SHARES`
    Shares,
    /// `ALL IN SHARE`
    AllInShare(Spot),
    /// `RECIPIENTS`
    Recipients,
    /// `GRANTS ON SHARE`
    GrantsOn(Spot),
    /// `GRANTS TO`
    GrantsTo(Spot),
    /// `TABLES`
    Tables,
}

/// `DESCRIBE`
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Describe {
    /// `SHARE`
    Share(Spot),
    /// `RECIPIENT`
    Recipient(Spot),
    /// `TABLE`: registered, or `share.schema.table`.
    Table(Vec<Spot>),
}

impl Statement {
    /// Whether it may be the first thing in a catalogue.
    pub fn begins(&self) -> bool {
        matches!(self, Self::CreateShare(_) | Self::CreateTable(_) | Self::CreateRecipient(_))
    }
}
