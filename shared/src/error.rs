//! What can go wrong, as outcomes with data, free of HTTP. `http/respond.rs` alone knows the status of each.
//!
//! Two audiences: [`Error::public`] is what the recipient reads, the `source` chain is what the provider's log keeps.
//! Public texts never hold a bucket, a key, a local path, a token or a signed URL.

use std::error::Error as StdError;
use std::fmt;
use std::net::IpAddr;

/// A boxed cause, kept for the log.
pub type Cause = Box<dyn StdError + Send + Sync>;

/// Why an activation link hands nothing over any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkEnd {
    /// It was used.
    Used,
    /// Its time is over.
    Expired,
    /// Its token has ended, or its recipient is gone or may not read.
    Withdrawn,
}

/// An outcome other than success.
#[derive(Debug)]
pub enum Error {
    /// No bearer token, or one that nobody was given, or one that has ended.
    Unauthenticated,
    /// The caller may use this server, but not from where it is.
    AddressRefused {
        /// Where it is, as far as that is known.
        address: Option<IpAddr>,
    },
    /// A rule of the provider's cannot be applied to the table, so nothing of it is shown.
    RuleUnmet(Cause),
    /// The path is none of this server's.
    NoSuchRoute,
    /// The path exists for other methods.
    MethodNotAllowed {
        /// The methods that exist, as an `Allow` header value.
        allow: String,
    },
    /// An activation code that nobody was sent.
    LinkUnknown,
    /// An activation link that hands nothing over any more.
    LinkEnded(LinkEnd),
    /// A share that does not exist, or that the caller may not see.
    ShareNotFound {
        /// As the caller spelt it.
        share: String,
    },
    /// A schema that does not exist in a share the caller sees.
    SchemaNotFound {
        /// As the caller spelt it.
        schema: String,
    },
    /// A table that does not exist, or that the caller may not see.
    TableNotFound {
        /// Share, schema and table as the caller spelt them, joined by `/`.
        name: String,
    },
    /// A parameter with a value that cannot be used; the text says what to send instead.
    InvalidParameter(String),
    /// A body or header that cannot be read; the text says where.
    MalformedRequest(String),
    /// A request or table that needs something this server refuses; the text names it.
    Unsupported(String),
    /// The request body is above the bound.
    BodyTooLarge {
        /// The bound, in bytes.
        max_bytes: usize,
    },
    /// The answer is whole and larger than its way to the client takes.
    AnswerTooLarge,
    /// The answer would be larger than this deployment sends at once.
    AnswerOverLimit {
        /// Files that it would tell of.
        files: u64,
        /// What it would come to at least, in bytes.
        at_least: u64,
        /// The bound, in bytes.
        max_bytes: u64,
        /// Whether that is so though it would be compressed.
        compressed: bool,
    },
    /// The answer became larger than this deployment sends at once.
    AnswerOutgrew {
        /// The bound, in bytes.
        max_bytes: u64,
    },
    /// The table's log cannot be read as a Delta log; the text names the version or action, never a path.
    BadTable(String),
    /// The log ended at another version than the caller asked for.
    VersionNotFound(String),
    /// A file that the log names is not there.
    TableFilesMissing(Cause),
    /// The server itself may not read the table.
    StorageDenied(Cause),
    /// The table's bucket lies in another region than the catalogue says.
    WrongRegion(Cause),
    /// The storage did not answer; trying again may help.
    StorageUnavailable(Cause),
    /// The answer did not begin in time.
    TimedOut,
    /// As many answers as allowed are under way.
    Busy,
    /// A defect or a failing machine. The text is for the log.
    Internal {
        /// What was being done.
        context: &'static str,
        /// Why it failed.
        cause: Option<Cause>,
    },
}

/// How to ask for less at once.
const LESS_AT_ONCE: &str = "Ask for it in pages: with Spark, set spark.delta.sharing.queryPagination.enabled to true; other \
    clients send maxFiles and then pageToken. Or ask for less: with a predicate on partition columns (jsonPredicateHints or \
    predicateHints) or a limit (limitHint); of changes, for fewer versions at once.";

fn megabytes(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / 1e6)
}

impl Error {
    /// A failure that only the log explains.
    pub fn internal(context: &'static str, cause: impl Into<Cause>) -> Self {
        Self::Internal { context, cause: Some(cause.into()) }
    }

    /// A state that the code rules out elsewhere; reported instead of panicking.
    pub fn defect(context: &'static str) -> Self {
        Self::Internal { context, cause: None }
    }

    /// The text for the recipient.
    pub fn public(&self) -> String {
        match self {
            Self::Unauthenticated => {
                "The bearer token is missing, unknown or no longer valid. Ask your share provider for a new profile file.".into()
            }
            Self::AddressRefused { address: Some(address) } => format!(
                "permission denied: this recipient may not read from {address}. Ask the share provider to add that address to the IP \
                 access list."
            ),
            Self::AddressRefused { address: None } => {
                "permission denied: this recipient may read from certain addresses only, and yours is not known.".into()
            }
            Self::RuleUnmet(_) => "permission denied: this table is shared in parts, and which part is yours cannot be told. Ask the \
                share provider to look at the table's partition rule and your recipient's properties."
                .into(),
            Self::NoSuchRoute => "There is no such route. Check the endpoint in the profile file.".into(),
            Self::MethodNotAllowed { allow } => format!("This path answers to {allow} only."),
            Self::LinkUnknown => "There is no such link. Check that all of it was copied.".into(),
            Self::LinkEnded(LinkEnd::Used) => "The link was used: it gives the profile once. Ask the share provider for a new one.".into(),
            Self::LinkEnded(LinkEnd::Expired) => "The link has expired. Ask the share provider for a new one.".into(),
            Self::LinkEnded(LinkEnd::Withdrawn) => "The link was withdrawn. Ask the share provider for a new one.".into(),
            Self::ShareNotFound { share } => format!("share '{share}' not found"),
            Self::SchemaNotFound { schema } => format!("schema '{schema}' not found"),
            Self::TableNotFound { name } => format!(
                "[Share/Schema/Table] '{name}' does not exist, please contact your share provider for further information."
            ),
            Self::InvalidParameter(text)
            | Self::MalformedRequest(text)
            | Self::Unsupported(text)
            | Self::BadTable(text)
            | Self::VersionNotFound(text) => text.clone(),
            Self::BodyTooLarge { max_bytes } => {
                format!("The request body is larger than {max_bytes} bytes. Send fewer or shorter predicates.")
            }
            Self::AnswerTooLarge => "The table's schema and properties are larger than this route can send. A query of the table has \
                no such bound and begins with the same two lines; or ask the share provider for fewer column comments and table \
                properties."
                .into(),
            Self::AnswerOverLimit { files, at_least, max_bytes, compressed } => format!(
                "The answer tells of {files} files and comes to at least {} MB; this server sends {} MB at once. {LESS_AT_ONCE}{}",
                megabytes(*at_least),
                megabytes(*max_bytes),
                if *compressed { "" } else { " Compressed (Accept-Encoding: gzip) it is much smaller." }
            ),
            Self::AnswerOutgrew { max_bytes } => format!(
                "The answer is larger than the {} MB that this server sends at once. {LESS_AT_ONCE}",
                megabytes(*max_bytes)
            ),
            Self::TableFilesMissing(_) => {
                "table files missing: the log names a file that is not there. Ask the share provider to repair the table.".into()
            }
            Self::StorageDenied(_) => {
                "permission denied: this server may not read the table. Ask the share provider to grant it access.".into()
            }
            Self::WrongRegion(_) => {
                "The table is not in the region where this server looks for it. Ask the share provider to set the table's region.".into()
            }
            Self::StorageUnavailable(_) => "The storage did not answer. Try again in a moment.".into(),
            Self::TimedOut => "The answer could not begin in time. Try again, or ask for less with a predicate.".into(),
            Self::Busy => "Too many large answers are under way. Try again in a moment.".into(),
            Self::Internal { .. } => "The server failed. Give the request id to the share provider.".into(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Internal { context, .. } => f.write_str(context),
            other => f.write_str(&other.public()),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::TableFilesMissing(cause)
            | Self::RuleUnmet(cause)
            | Self::StorageDenied(cause)
            | Self::WrongRegion(cause)
            | Self::StorageUnavailable(cause) => Some(cause.as_ref()),
            Self::Internal { cause: Some(cause), .. } => Some(cause.as_ref()),
            _ => None,
        }
    }
}

/// The messages of an error and all its causes, for the log.
pub fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut out = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        out.push_str(": ");
        out.push_str(&cause.to_string());
        next = cause.source();
    }
    out
}
