//! What the two routes over ranges of versions share: finding the range, settling what stands in its way and the format,
//! and signing every change on its way to its line.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use tokio::runtime::Handle;

use super::at_least::at_least;
use super::change_page::{ChangeLines, ChangePage, FilledChanges, page_files};
use super::page::page_bytes;
use super::query_token::range::{OpenedRange, RangePlace, Resume};
use super::query_token::{self, QueryTokens};
use super::snapshot::shared_since;
use super::{Call, Lines, Made, Reply};
use crate::audit::Notes;
use crate::delta::changes::{Bound, ChangeCommits, ChangeSink, Committed, HeadState, Inlined, Kind, Rest};
use crate::delta::{DeltaLog, Scope};
use crate::error::Error;
use crate::model::capability::{Capabilities, ResponseFormat};
use crate::model::change::Change;
use crate::model::file::{DeletionVector, VectorStorage};
use crate::model::recipient::Recipient;
use crate::model::securable::Table;
use crate::model::table_state::{Metadata, Protocol};
use crate::model::version::{TimestampMs, Version};
use crate::presign::{Presigner, UrlSigner};
use crate::wire::action::{RangeHead, write_later_metadata, write_later_protocol, write_range_head};
use crate::wire::end_of_stream::EndOfStream;
use crate::wire::file_line::{FileLines, FileUrls, IdHash};
use crate::wire::ndjson::LineOut;
use crate::wire::request::Paging;
use crate::wire::schema_string;

/// What is asked of a range.
pub(super) struct Asked {
    /// Files or the change data feed.
    pub kind: Kind,
    /// Where it begins.
    pub start: Bound,
    /// Where it ends.
    pub end: Option<Bound>,
    /// The first version that may be read.
    pub shared_since: Version,
    /// Whether the answer begins with the state at its start and tells of later metadata.
    pub historical_metadata: bool,
    /// Whether protocols carry their version and later ones are told of.
    pub historical_protocol: bool,
    /// How ids are to be made.
    pub id_hash: Option<IdHash>,
    /// The caller's capabilities.
    pub capabilities: Capabilities,
    /// How much of it, and with what to go on.
    pub paging: Paging,
}

impl Asked {
    /// Files added and removed from one version to another, for those who follow a table.
    pub(super) fn files(
        table: &Table,
        start: Version,
        end: Option<Version>,
        historical_protocol: bool,
        id_hash: Option<IdHash>,
        capabilities: Capabilities,
        paging: Paging,
    ) -> Result<Self, Error> {
        let asked = Self {
            kind: Kind::Files,
            start: Bound::Version(start),
            end: end.map(Bound::Version),
            shared_since: shared_since(table)?,
            historical_metadata: true,
            historical_protocol,
            id_hash,
            capabilities,
            paging,
        };
        asked.check_since(start)?;
        match end {
            Some(end) if end < start => Err(Error::InvalidParameter(format!(
                "startingVersion({start}) must be smaller than or equal to endingVersion({end})."
            ))),
            _ => Ok(asked),
        }
    }

    /// What has to be the same on every page. The format is that of the whole range: a page alone might do with another.
    fn bound(&self, format: ResponseFormat) -> query_token::Asked {
        let digest = Sha256::new().chain_update(self.paging.parameters).chain_update(self.capabilities.canonical());
        let id_hash = self.id_hash.unwrap_or(IdHash::of_format(format));
        query_token::Asked { parameters: digest.finalize().into(), format, id_hash }
    }

    fn check_since(&self, version: Version) -> Result<(), Error> {
        if version >= self.shared_since {
            return Ok(());
        }
        let what = match self.kind {
            Kind::Files => "data",
            Kind::Feed => "changes",
        };
        Err(Error::InvalidParameter(format!("You can only query table {what} since version {}.", self.shared_since)))
    }
}

/// The ports of the routes over ranges.
#[derive(Clone, Copy)]
pub(super) struct RangePorts<'a> {
    /// Reads logs.
    pub delta: &'a DeltaLog,
    /// Signs URLs.
    pub presigner: &'a Arc<dyn Presigner>,
    /// Seals page tokens.
    pub tokens: &'a QueryTokens,
}

/// A page of a range, with nothing left that could be refused.
struct Settled {
    head: HeadState,
    commits: ChangeCommits,
    /// What the next page has to ask, the answer's format among it.
    bound: query_token::Asked,
    place: RangePlace,
    /// The change that this page begins with, unless it is the range's first page.
    resume: Option<Resume>,
}

/// Answers with a range, or a page of it.
pub(super) async fn answer(
    ports: RangePorts<'_>,
    call: Call,
    (table, scope): (&Table, &Scope),
    asked: Asked,
) -> Result<Reply, Error> {
    let settle = async {
        match &asked.paging.page_token {
            Some(token) => {
                let opened = ports.tokens.open_range_page(asked.kind, &call.recipient, table, token).await?;
                go_on(ports.delta, (table, scope), &asked, opened).await
            }
            None => begin(ports.delta, (table, scope), &asked).await,
        }
    };
    // Both may have to ask for a session of a role first; neither waits for the other's.
    let (settled, signer) = tokio::join!(settle, ports.presigner.signer(table, &call.recipient));
    let Settled { head: state, commits, bound, place, resume } = settled?;
    let format = bound.format;
    let mut head = Vec::new();
    let range_head = RangeHead {
        protocol: &state.protocol,
        metadata: &state.metadata,
        version: state.version,
        totals: state.totals,
        protocol_version: asked.historical_protocol,
    };
    write_range_head(range_head, format, &mut head)?;

    let signer = signer?;
    let expires_at = signer.expires_at();
    call.notes.urls_expire_at(expires_at);
    let lines = FileLines::of_range(format, bound.id_hash, expires_at);
    let at_least = match (&resume, asked.paging.max_files) {
        (None, None) => Some(at_least(commits.weight, (&lines, format, bound.id_hash), &signer)?),
        _ => None,
    };
    let inlined = Inlined {
        metadata: asked.historical_metadata,
        protocol: asked.historical_protocol && format == ResponseFormat::Delta,
    };
    let (end_of_stream, max_files) = (asked.capabilities.end_of_stream(), asked.paging.max_files);
    let ending = (end_of_stream || max_files.is_some()).then(|| RangeEnding {
        kind: asked.kind,
        tokens: ports.tokens.clone(),
        recipient: call.recipient,
        table: table.clone(),
        bound,
        place,
        expires_at,
        runtime: Handle::current(),
    });
    let notes = call.notes;
    let made = SignedFiles { lines, format, signer, urls: FileUrls::default(), notes, written: 0 };
    let mut listing = Listing { commits, inlined, made, max_files, resume, filled: 0, ending };
    let rest = Box::new(move |out: &mut dyn LineOut| listing.go_on(out));
    let (version, id_hash) = (place.start, asked.id_hash);
    Ok(Reply::Lines(Lines { version, format, id_hash, end_of_stream, head, at_least, rest: Some(rest) }))
}

/// The changes of an answer, as far as they are not sent yet.
struct Listing {
    commits: ChangeCommits,
    inlined: Inlined,
    made: SignedFiles,
    max_files: Option<u32>,
    /// The change that comes next; nothing at the range's start.
    resume: Option<Resume>,
    /// Changes so far.
    filled: u64,
    /// How it ends, until it has.
    ending: Option<RangeEnding>,
}

impl Listing {
    fn go_on(&mut self, out: &mut dyn LineOut) -> Result<Made, Error> {
        let Self { commits, inlined, made, .. } = self;
        let page_bytes = page_bytes(out);
        let mut lines = SignedChanges { made, out: &mut *out };
        let page = ChangePage::new(self.resume, (self.max_files, page_bytes), &mut lines).after(self.filled);
        let from = self.resume.map(|resume| resume.version);
        let filled = page.fill(|page| commits.emit_from(from, *inlined, page))?;
        if filled.paused {
            (self.resume, self.filled) = (filled.next, filled.files);
            return Ok(Made::SoFar);
        }
        match self.ending.take() {
            Some(ending) => ending.write(filled, out).map(|()| Made::All),
            None => Ok(Made::All),
        }
    }
}

/// Settles a range from its start.
async fn begin(delta: &DeltaLog, (table, scope): (&Table, &Scope), asked: &Asked) -> Result<Settled, Error> {
    if let Bound::Version(start) = asked.start {
        asked.check_since(start)?;
    }
    let range = delta.range(&table.location, asked.kind, asked.start, asked.end).await?;
    asked.check_since(range.start)?;
    let first = if asked.historical_metadata { range.start } else { range.latest };
    let changes = delta.changes(&table.location, &range, first, scope).await?;
    let format = asked.capabilities.choose(&changes.needs)?;
    if format == ResponseFormat::Parquet {
        // Lines of later metadata must not fail once the answer has begun.
        changes.schemas.iter().try_for_each(|schema| schema_string::for_parquet(schema).map(|_| ()))?;
    }
    let next = Resume { version: range.start, index: 0 };
    let in_commit_since = changes.commits.in_commit_since;
    let place = RangePlace { start: range.start, end: range.end, head: first, in_commit_since, next };
    let bound = asked.bound(format);
    Ok(Settled { head: changes.head, commits: changes.commits, bound, place, resume: None })
}

/// Goes on with a range that an earlier page settled.
async fn go_on(
    delta: &DeltaLog,
    (table, scope): (&Table, &Scope),
    asked: &Asked,
    opened: OpenedRange,
) -> Result<Settled, Error> {
    let bound = asked.bound(opened.format);
    opened.check(&bound)?;
    let place = opened.place;
    asked.check_since(place.start)?;
    let (start, end) = (Bound::Version(place.start), Bound::Version(place.end));
    let range = delta.range(&table.location, asked.kind, start, Some(end)).await?;
    // One more than there is room for: then it is known that a further page exists.
    let enough = asked.paging.max_files.map(|files| place.next.index + page_files(files) + 1);
    let rest = Rest { from: place.next.version, enough, in_commit_since: place.in_commit_since };
    let (head, commits) = delta.changes_after(&table.location, &range, place.head, rest, scope).await?;
    Ok(Settled { head, commits, bound, place, resume: Some(place.next) })
}

/// What the last line is made of.
struct RangeEnding {
    kind: Kind,
    tokens: QueryTokens,
    recipient: Recipient,
    table: Table,
    bound: query_token::Asked,
    place: RangePlace,
    expires_at: TimestampMs,
    /// Where the sealing runs.
    runtime: Handle,
}

impl RangeEnding {
    /// Writes the line. Waits: not for threads that drive the async runtime.
    fn write(self, filled: FilledChanges, out: &mut dyn LineOut) -> Result<(), Error> {
        let Self { kind, tokens, recipient, table, bound, place, expires_at, runtime } = self;
        let next_page_token = match filled.next {
            Some(next) => {
                let place = RangePlace { next, ..place };
                Some(runtime.block_on(tokens.range_page(kind, &recipient, &table, &place, &bound))?)
            }
            None => None,
        };
        let min_url_expiration_timestamp = (filled.files > 0).then_some(expires_at.millis());
        EndOfStream { next_page_token, min_url_expiration_timestamp, ..EndOfStream::default() }.write(out.buffer())?;
        out.end_line()
    }
}

/// What makes a change's line.
struct SignedFiles {
    lines: FileLines,
    format: ResponseFormat,
    signer: UrlSigner,
    urls: FileUrls,
    notes: Notes,
    /// Bytes of the lines so far.
    written: u64,
}

/// Signs each change and writes its line.
struct SignedChanges<'a> {
    made: &'a mut SignedFiles,
    out: &'a mut dyn LineOut,
}

impl ChangeSink for SignedChanges<'_> {
    fn change(&mut self, committed: Committed, change: &Change<'_>) -> Result<(), Error> {
        let SignedFiles { lines, signer, urls, notes, written, .. } = &mut *self.made;
        let (object, vector) = match change {
            Change::Add(file) => (file.object, file.deletion_vector.as_ref()),
            Change::Remove(removed) => (removed.object, removed.deletion_vector.as_ref()),
            Change::Recorded(recorded) => (recorded.object, None),
        };
        signer.sign_object(object, &mut urls.data)?;
        if let Some(DeletionVector { storage: VectorStorage::File { object, .. }, .. }) = vector {
            signer.sign_object(*object, &mut urls.vector)?;
        }
        lines.of_commit(committed.version, committed.at)?;
        let buffer = self.out.buffer();
        let before = buffer.len();
        lines.write_change(change, urls, buffer)?;
        *written += (buffer.len() - before) as u64;
        notes.file();
        self.out.end_line()
    }

    fn metadata(&mut self, committed: Committed, metadata: &Metadata) -> Result<(), Error> {
        write_later_metadata(metadata, committed.version, self.made.format, self.out.buffer())?;
        self.out.end_line()
    }

    fn protocol(&mut self, committed: Committed, protocol: &Protocol) -> Result<(), Error> {
        write_later_protocol(protocol, committed.version, self.made.format, self.out.buffer())?;
        self.out.end_line()
    }
}

impl ChangeLines for SignedChanges<'_> {
    fn written(&self) -> u64 {
        self.made.written
    }

    fn pauses(&self) -> bool {
        self.out.pauses()
    }
}
