//! What a provider's operator does, over the port [`ProviderCatalog`]: every command is one of these functions, and so
//! is every statement that says the same thing. Names are checked here, ids and times are made here, and every failure
//! is a sentence that ends in what to do next. Nothing is printed and no option is read.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use uuid::Uuid;

use crate::auth::activation::Codes;
use crate::auth::mint::{MintTokens, MintedToken};
use crate::catalog::write::{ProviderCatalog, WriteError};
use crate::clock::Clock;
use crate::entropy;
use crate::error::{Cause, Error};
use crate::model::version::TimestampMs;

pub mod grants;
pub mod links;
pub mod names;
pub mod recipients;
pub mod registered;
pub mod schemas;
pub mod shares;
pub mod tables;
pub mod tokens;

#[cfg(test)]
mod tests;

/// Gives what makes a recipient's tokens, from the recipient's id: a store that keeps the tokens of a recipient together
/// finds them by what their ids have in common.
pub type MintFor = dyn Fn(&str) -> Arc<dyn MintTokens> + Send + Sync;

/// What the functions of this module work on.
pub struct Provider {
    catalog: Arc<dyn ProviderCatalog>,
    mint_for: Box<MintFor>,
    clock: Arc<dyn Clock>,
    codes: Codes,
}

impl Provider {
    /// A provider of this catalogue, whose tokens are made by what `mint_for` gives.
    pub fn new(catalog: Arc<dyn ProviderCatalog>, mint_for: Box<MintFor>, clock: Arc<dyn Clock>) -> Self {
        Self { catalog, mint_for, clock, codes: Codes::plain() }
    }

    /// The same with links whose codes are of this kind; plain ones otherwise.
    #[must_use]
    pub fn with_codes(self, codes: Codes) -> Self {
        Self { codes, ..self }
    }

    /// The catalogue, for what is done to it as a whole.
    pub fn whole_catalog(&self) -> &dyn ProviderCatalog {
        self.catalog()
    }

    /// The moment it is.
    pub fn now(&self) -> TimestampMs {
        self.clock.now()
    }

    /// Sees whether a token could be made, without giving it to anybody.
    ///
    /// # Errors
    /// When it could not.
    pub async fn can_mint(&self) -> Result<(), ProviderError> {
        self.minted(&new_id()?).await.map(|_| ())
    }

    async fn minted(&self, recipient_id: &str) -> Result<MintedToken, ProviderError> {
        let mint = (self.mint_for)(recipient_id);
        mint.mint().await.map_err(|error| unavailable("no token can be made", error))
    }

    fn catalog(&self) -> &dyn ProviderCatalog {
        self.catalog.as_ref()
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider").finish_non_exhaustive()
    }
}

/// Why something was not done. `Display` is the sentence for the operator.
#[derive(Debug)]
pub enum ProviderError {
    /// What was asked for cannot be: a name that is none, a lifetime out of bounds.
    Invalid(String),
    /// Something of that name is there already.
    Exists {
        /// `share 'x'`.
        what: String,
        /// What to do, as a clause; empty when nothing can be said.
        next: String,
    },
    /// There is nothing of that name.
    Missing {
        /// `share 'x'`.
        what: String,
        /// A name like it that is there.
        near: Option<String>,
        /// What to do, as a clause.
        next: String,
    },
    /// Something hangs on it.
    InUse {
        /// `share 'x'`.
        what: String,
        /// `2 grants`.
        by: String,
        /// What to do, as a clause.
        next: String,
    },
    /// Somebody else was faster, twice.
    Conflict {
        /// What was to be changed.
        what: String,
    },
    /// The catalogue, the keyring or the operating system failed.
    Unavailable {
        /// Which of them, as a clause.
        what: String,
        /// Why.
        cause: Cause,
    },
    /// The catalogue refused in its own words.
    Refused(String),
}

impl fmt::Display for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (fact, next) = match self {
            Self::Invalid(why) | Self::Refused(why) => return f.write_str(why),
            Self::Exists { what, next } => (format!("{what} exists already"), next.as_str()),
            Self::Missing { what, near: Some(near), .. } => {
                return write!(f, "there is no {what}; did you mean '{near}'?");
            }
            Self::Missing { what, near: None, next } => (format!("there is no {what}"), next.as_str()),
            Self::InUse { what, by, next } => (format!("{what} still has {by}"), next.as_str()),
            Self::Conflict { what } => {
                (format!("{what} was changed by somebody else at the same moment"), "nothing was written; try again")
            }
            Self::Unavailable { what, .. } => return f.write_str(what),
        };
        f.write_str(&fact)?;
        if next.is_empty() { Ok(()) } else { write!(f, "; {next}") }
    }
}

impl std::error::Error for ProviderError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unavailable { cause, .. } => Some(cause.as_ref()),
            _ => None,
        }
    }
}

impl From<WriteError> for ProviderError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Exists { what } => Self::Exists { what, next: String::new() },
            WriteError::Missing { what } => Self::Missing { what, near: None, next: "look at the list".into() },
            WriteError::InUse { what, by } => Self::InUse { what, by, next: "remove that first".into() },
            WriteError::Conflict { what } => Self::Conflict { what },
            WriteError::BeingDeleted { .. } => Self::Refused(error.to_string()),
            WriteError::Unavailable(cause) => {
                Self::Unavailable { what: "the catalogue cannot be reached".into(), cause }
            }
            WriteError::Refused(why) => Self::Refused(why),
        }
    }
}

/// Makes a write, and makes it once more when somebody else changed the same thing at the same moment: every write looks
/// at the catalogue anew, so the second one meets what the other left.
async fn written<F>(mut write: impl FnMut() -> F) -> Result<(), WriteError>
where
    F: Future<Output = Result<(), WriteError>>,
{
    match write().await {
        Err(WriteError::Conflict { .. }) => write().await,
        other => other,
    }
}

/// An id that was never given out before: a random UUID.
fn new_id() -> Result<String, ProviderError> {
    let bytes = entropy::bytes::<16>().map_err(|error| unavailable("no id can be made", error))?;
    Ok(uuid::Builder::from_random_bytes(bytes).into_uuid().to_string())
}

/// Whether a text is a UUID, as every id that is made here.
pub fn is_id(text: &str) -> bool {
    Uuid::try_parse(text).is_ok()
}

fn unavailable(what: &str, cause: Error) -> ProviderError {
    ProviderError::Unavailable { what: what.to_owned(), cause: Box::new(cause) }
}

/// `1 table`, `2 tables`.
pub fn counted(count: usize, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}
