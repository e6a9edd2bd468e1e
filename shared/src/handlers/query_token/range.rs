//! The token of a range's next page. It names both ends and the version that the answer begins with, so that commits which
//! arrive between pages change nothing.

use serde::{Deserialize, Serialize};

use super::{Asked, AskedText, QueryTokens, Words};
use crate::delta::changes::Kind;
use crate::error::Error;
use crate::limits::QUERY_PAGE_TOKEN_TTL_SECS;
use crate::model::capability::ResponseFormat;
use crate::model::recipient::Recipient;
use crate::model::securable::Table;
use crate::model::version::Version;

/// The change that a page begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::handlers) struct Resume {
    /// Its commit.
    pub version: Version,
    /// Its number among the commit's changes, from 0 on.
    pub index: u64,
}

/// Where a page of a range begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::handlers) struct RangePlace {
    /// The range's first version.
    pub start: Version,
    /// Its last.
    pub end: Version,
    /// The version whose state the answer begins with.
    pub head: Version,
    /// From where on commits carry their own time.
    pub in_commit_since: Option<Version>,
    /// The first change of the page.
    pub next: Resume,
}

/// A token that was opened; what was asked is still to be compared.
#[derive(Debug)]
pub(in crate::handlers) struct OpenedRange {
    pub place: RangePlace,
    /// The format of the answer's first page: it was chosen for the whole range.
    pub format: ResponseFormat,
    asked: AskedText,
}

#[derive(Serialize, Deserialize)]
struct RangePayload {
    start: u64,
    end: u64,
    head: u64,
    in_commit_since: Option<u64>,
    version: u64,
    index: u64,
    asked: AskedText,
}

impl OpenedRange {
    /// # Errors
    /// [`Error::InvalidParameter`] when the page would not be one of the same answer.
    pub(in crate::handlers) fn check(&self, asked: &Asked) -> Result<(), Error> {
        self.asked.check(asked)
    }
}

/// Tokens of one route are nothing to the other.
const fn words(kind: Kind) -> Words {
    Words {
        kind: match kind {
            Kind::Files => "query-table range page",
            Kind::Feed => "query-table-changes page",
        },
        decoding: "the page token",
        ttl_secs: QUERY_PAGE_TOKEN_TTL_SECS,
        named: "page token",
    }
}

impl QueryTokens {
    /// A token for the page of a range that begins at a place.
    pub(in crate::handlers) async fn range_page(
        &self,
        kind: Kind,
        recipient: &Recipient,
        table: &Table,
        place: &RangePlace,
        asked: &Asked,
    ) -> Result<String, Error> {
        let payload = RangePayload {
            start: place.start.number(),
            end: place.end.number(),
            head: place.head.number(),
            in_commit_since: place.in_commit_since.map(Version::number),
            version: place.next.version.number(),
            index: place.next.index,
            asked: asked.text(),
        };
        self.seal(&words(kind), recipient, table, payload).await
    }

    /// Opens such a token.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] when it is none of this route, recipient and table, or has expired.
    pub(in crate::handlers) async fn open_range_page(
        &self,
        kind: Kind,
        recipient: &Recipient,
        table: &Table,
        token: &str,
    ) -> Result<OpenedRange, Error> {
        let words = words(kind);
        let payload: RangePayload = self.open(&words, recipient, table, token).await?;
        let RangePayload { start, end, head, in_commit_since, version, index, asked } = payload;
        let place = RangePlace {
            start: Version::new(start),
            end: Version::new(end),
            head: Version::new(head),
            in_commit_since: in_commit_since.map(Version::new),
            next: Resume { version: Version::new(version), index },
        };
        let format = [ResponseFormat::Parquet, ResponseFormat::Delta]
            .into_iter()
            .find(|format| format.to_string() == asked.format)
            .ok_or_else(|| words.undecodable(token))?;
        Ok(OpenedRange { place, format, asked })
    }
}
