//! One handler per route, in the order of the API. A handler is a struct of exactly the ports it needs; it takes a
//! [`Recipient`] by value, so one that was not authenticated cannot be called. A [`PublicHandler`] is for people with a
//! browser and no token.

use std::net::IpAddr;

use ::http::{HeaderMap, Method};
use async_trait::async_trait;
use bytes::Bytes;

use crate::audit::Notes;
use crate::error::Error;
use crate::model::capability::ResponseFormat;
use crate::model::recipient::Recipient;
use crate::model::version::Version;
use crate::model::weight::AtLeast;
use crate::wire::file_line::IdHash;
use crate::wire::ndjson::LineOut;
use crate::wire::query_string::QueryString;

#[cfg(feature = "parquet")]
mod at_least;
#[cfg(feature = "parquet")]
mod change_page;
#[cfg(feature = "parquet")]
mod ending;
pub mod listing;
#[cfg(feature = "parquet")]
mod page;
#[cfg(feature = "parquet")]
mod pruned;
#[cfg(feature = "parquet")]
pub mod query_token;
#[cfg(feature = "parquet")]
mod range;
#[cfg(feature = "parquet")]
mod snapshot;

pub mod activation;
pub mod get_share;
pub mod list_all_tables;
pub mod list_schemas;
pub mod list_shares;
pub mod list_tables;
#[cfg(feature = "parquet")]
pub mod query_table;
#[cfg(feature = "parquet")]
pub mod query_table_changes;
#[cfg(feature = "parquet")]
pub mod scope;
#[cfg(feature = "parquet")]
pub mod table_metadata;
#[cfg(feature = "parquet")]
pub mod table_version;

/// An authenticated request.
#[derive(Debug)]
pub struct Call {
    /// Who asks.
    pub recipient: Recipient,
    /// What the path says.
    pub params: PathParams,
    /// The query string.
    pub query: QueryString,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, whole.
    pub body: Bytes,
    /// What the audit event should say beside what the pipeline sees.
    pub notes: Notes,
}

/// The variable parts of a path, decoded once.
#[derive(Debug, Clone, Default)]
pub struct PathParams(Vec<(&'static str, String)>);

impl PathParams {
    /// Parameters by the names that the route table gives them.
    pub fn new(params: Vec<(&'static str, String)>) -> Self {
        Self(params)
    }

    /// A parameter's value; empty when the route has none of that name, which is no share's or table's name.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value)
    }
}

impl Call {
    /// A header's value, when it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// Writes the lines after the head, on a thread that may compute and wait. It is called again, for those that follow, until
/// all are made.
pub type Producer = Box<dyn FnMut(&mut dyn LineOut) -> Result<Made, Error> + Send>;

/// How far a producer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// All lines are written.
    All,
    /// Others want their turn; more lines follow.
    SoFar,
}

/// An answer, free of status codes and headers' spelling.
pub enum Reply {
    /// One JSON object on one line.
    Json(Vec<u8>),
    /// No body, only a table's version.
    Version(Version),
    /// Lines: protocol and metadata, then what the producer adds.
    Lines(Lines),
    /// A page for people.
    Page(Page),
    /// A file to be saved.
    Download(Download),
}

/// A page that needs nothing from elsewhere.
pub struct Page {
    /// All of it.
    pub html: Vec<u8>,
    /// The text of its one style element, which the browser is told to believe.
    pub style: &'static str,
}

/// A file to be saved, which is a secret.
pub struct Download {
    /// The name that it is saved under.
    pub file_name: &'static str,
    /// Its content.
    pub body: Vec<u8>,
}

/// An answer in lines.
pub struct Lines {
    /// The version that the answer is about.
    pub version: Version,
    /// The dialect.
    pub format: ResponseFormat,
    /// The id hash to echo, when the caller asked for one.
    pub id_hash: Option<IdHash>,
    /// Whether the caller reads an `endStreamAction`, so that the answer's last line is one.
    pub end_of_stream: bool,
    /// The first two lines.
    pub head: Vec<u8>,
    /// What the lines after them come to at least, where that is known.
    pub at_least: Option<AtLeast>,
    /// The lines after them.
    pub rest: Option<Producer>,
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Json(body) => write!(f, "Json({} bytes)", body.len()),
            Self::Version(version) => write!(f, "Version({version})"),
            Self::Page(page) => write!(f, "Page({} bytes)", page.html.len()),
            Self::Download(file) => write!(f, "Download({} bytes)", file.body.len()),
            Self::Lines(lines) => write!(f, "Lines({}, {})", lines.version, lines.format),
        }
    }
}

/// Answers one route.
#[async_trait]
pub trait Handler: Send + Sync {
    /// Answers a call. Everything that can be refused is refused here, before the first byte.
    ///
    /// # Errors
    /// Every outcome other than an answer.
    async fn handle(&self, call: Call) -> Result<Reply, Error>;

    /// Whether it reads as much for an answer as a table has files, and so waits for its turn before it begins.
    fn reads_files(&self) -> bool {
        false
    }
}

/// A request by somebody whom no token names.
#[derive(Debug)]
pub struct Visit {
    /// The method.
    pub method: Method,
    /// What the path says.
    pub params: PathParams,
    /// Where the connection came from, when it is known.
    pub address: Option<IpAddr>,
    /// What the audit event should say beside what the pipeline sees.
    pub notes: Notes,
}

/// Answers a route that everybody may call, in pages for people.
#[async_trait]
pub trait PublicHandler: Send + Sync {
    /// Answers a visit.
    ///
    /// # Errors
    /// Every outcome other than an answer.
    async fn handle(&self, visit: Visit) -> Result<Reply, Error>;

    /// The page that says why there is no answer.
    fn refusal(&self, error: &Error) -> Page;
}
