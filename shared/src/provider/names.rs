//! Names as an operator types them: checked when something is created, looked up when it is there, with the nearest name
//! when it is not. What is created may be stricter than what is found: a name from elsewhere must still be removable.

use std::fmt;

use super::ProviderError;
use crate::model::name::{NameError, RecipientName, SchemaName, ShareName, TableName};

/// Characters that the protocol allows in names and that end the path of a URL: the Python client sends names as they
/// are, so that a share with one of them could not be reached.
const UNREACHABLE: [char; 2] = ['?', '#'];

/// Names at most this far apart, as a share of the longer one's length, are taken for a slip.
const NEAR_ENOUGH: f64 = 0.6;

/// `share.schema.table`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableRef {
    /// The share.
    pub share: ShareName,
    /// The schema.
    pub schema: SchemaName,
    /// The table.
    pub table: TableName,
}

impl TableRef {
    /// Reads `share.schema.table`. A share's name may hold full stops, the others not.
    ///
    /// # Errors
    /// A sentence that shows the form.
    pub fn parse(text: &str) -> Result<Self, ProviderError> {
        let mut parts = text.rsplitn(3, '.');
        let (Some(table), Some(schema), Some(share)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(ProviderError::Invalid(format!(
                "'{text}' names no table; write SHARE.SCHEMA.TABLE, such as sales.default.orders"
            )));
        };
        Self::of(share, schema, table)
    }

    /// The parts as they are.
    ///
    /// # Errors
    /// When one of them is no name.
    pub fn of(share: &str, schema: &str, table: &str) -> Result<Self, ProviderError> {
        Ok(Self {
            share: parsed("share", share, ShareName::parse)?,
            schema: parsed("schema", schema, SchemaName::parse)?,
            table: parsed("table", table, TableName::parse)?,
        })
    }

    /// As [`TableRef::of`], for a table that is to be added.
    ///
    /// # Errors
    /// Also when clients could not reach it.
    pub fn new_of(share: &str, schema: &str, table: &str) -> Result<Self, ProviderError> {
        Self::of(share, schema, table)?.reachable()
    }

    /// As [`TableRef::parse`], for a table that is to be added.
    ///
    /// # Errors
    /// Also when clients could not reach it.
    pub fn parse_new(text: &str) -> Result<Self, ProviderError> {
        Self::parse(text)?.reachable()
    }

    fn reachable(self) -> Result<Self, ProviderError> {
        reachable("schema", self.schema.as_str())?;
        reachable("table", self.table.as_str())?;
        Ok(self)
    }
}

/// `share.schema`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaRef {
    /// The share.
    pub share: ShareName,
    /// The schema.
    pub schema: SchemaName,
}

impl SchemaRef {
    /// Reads `share.schema`. A share's name may hold full stops, a schema's not.
    ///
    /// # Errors
    /// A sentence that shows the form.
    pub fn parse(text: &str) -> Result<Self, ProviderError> {
        let Some((share, schema)) = text.rsplit_once('.') else {
            return Err(ProviderError::Invalid(format!(
                "'{text}' names no schema; write SHARE.SCHEMA, such as sales.eu"
            )));
        };
        Self::of(share, schema)
    }

    /// The parts as they are.
    ///
    /// # Errors
    /// When one of them is no name.
    pub fn of(share: &str, schema: &str) -> Result<Self, ProviderError> {
        Ok(Self {
            share: parsed("share", share, ShareName::parse)?,
            schema: parsed("schema", schema, SchemaName::parse)?,
        })
    }

    /// The same, for a schema that is to be added.
    ///
    /// # Errors
    /// Also when clients could not reach it.
    pub fn reachable(self) -> Result<Self, ProviderError> {
        reachable("schema", self.schema.as_str())?;
        Ok(self)
    }
}

impl fmt::Display for SchemaRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.share, self.schema)
    }
}

impl fmt::Display for TableRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.share, self.schema, self.table)
    }
}

/// The name of a share that is there.
pub(super) fn share(text: &str) -> Result<ShareName, ProviderError> {
    parsed("share", text, ShareName::parse)
}

/// The name of a share that is to be created.
///
/// # Errors
/// When it is none, or clients could not reach it.
pub fn new_share(text: &str) -> Result<ShareName, ProviderError> {
    reachable("share", text)?;
    share(text)
}

/// The name of a recipient; it is in no URL, so any is as good as another.
pub(super) fn recipient(text: &str) -> Result<RecipientName, ProviderError> {
    parsed("recipient", text, RecipientName::parse)
}

/// The name of a registered table that is there.
pub(super) fn table(text: &str) -> Result<TableName, ProviderError> {
    parsed("table", text, TableName::parse)
}

/// The name of a table that is to be registered. It becomes that of a shared table, so clients must be able to send it.
pub(super) fn new_table(text: &str) -> Result<TableName, ProviderError> {
    reachable("table", text)?;
    table(text)
}

fn parsed<T>(kind: &str, text: &str, parse: impl Fn(&str) -> Result<T, NameError>) -> Result<T, ProviderError> {
    parse(text)
        .map_err(|why| ProviderError::Invalid(format!("the {kind} name '{}' {why}; choose another", shown(text))))
}

fn shown(text: &str) -> String {
    crate::model::shorten(text)
}

fn reachable(kind: &str, text: &str) -> Result<(), ProviderError> {
    match text.chars().find(|c| UNREACHABLE.contains(c)) {
        None => Ok(()),
        Some(c) => Err(ProviderError::Invalid(format!(
            "the {kind} name '{}' contains '{c}', which the Python client cannot send; choose another",
            shown(text)
        ))),
    }
}

/// The name most like `wanted`, if one is like it at all.
pub fn nearest<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let folded = wanted.to_lowercase();
    let alike = |name: &str| strsim::normalized_damerau_levenshtein(&folded, &name.to_lowercase());
    names
        .into_iter()
        .map(|name| (alike(name), name))
        .filter(|(alike, _)| *alike >= NEAR_ENOUGH)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name.to_owned())
}
