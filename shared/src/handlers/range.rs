//! What the two routes over ranges of versions share: finding the range, settling what stands in its way and the format,
//! and signing every change on its way to its line.

use std::sync::Arc;

use super::snapshot::shared_since;
use super::{Call, Lines, Reply};
use crate::audit::Notes;
use crate::delta::DeltaLog;
use crate::delta::changes::{Bound, ChangeSink, Committed, Inlined, Kind};
use crate::error::Error;
use crate::model::capability::{Capabilities, ResponseFormat};
use crate::model::change::Change;
use crate::model::file::{DeletionVector, VectorStorage};
use crate::model::securable::Table;
use crate::model::table_state::{Metadata, Protocol};
use crate::model::version::Version;
use crate::presign::{Presigner, UrlSigner};
use crate::wire::action::{RangeHead, write_later_metadata, write_later_protocol, write_range_head};
use crate::wire::end_of_stream::EndOfStream;
use crate::wire::file_line::{FileLines, FileUrls, IdHash};
use crate::wire::ndjson::LineOut;
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
        };
        asked.check_since(start)?;
        match end {
            Some(end) if end < start => Err(Error::InvalidParameter(format!(
                "startingVersion({start}) must be smaller than or equal to endingVersion({end})."
            ))),
            _ => Ok(asked),
        }
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

/// Answers with a range.
pub(super) async fn answer(
    delta: &DeltaLog,
    presigner: &Arc<dyn Presigner>,
    call: Call,
    table: &Table,
    asked: Asked,
) -> Result<Reply, Error> {
    if let Bound::Version(start) = asked.start {
        asked.check_since(start)?;
    }
    let range = delta.range(&table.location, asked.kind, asked.start, asked.end).await?;
    asked.check_since(range.start)?;
    let first = if asked.historical_metadata { range.start } else { range.latest };
    let changes = delta.changes(&table.location, &range, first).await?;
    let format = asked.capabilities.choose(&changes.needs)?;
    if format == ResponseFormat::Parquet {
        // Lines of later metadata must not fail once the answer has begun.
        changes.schemas.iter().try_for_each(|schema| schema_string::for_parquet(schema).map(|_| ()))?;
    }
    let mut head = Vec::new();
    let state = &changes.head;
    let range_head = RangeHead {
        protocol: &state.protocol,
        metadata: &state.metadata,
        version: state.version,
        totals: state.totals,
        protocol_version: asked.historical_protocol,
    };
    write_range_head(range_head, format, &mut head)?;

    let signer = presigner.signer(table, &call.recipient).await?;
    call.notes.urls_expire_at(signer.expires_at());
    let id_hash = asked.id_hash;
    let lines = FileLines::of_range(format, id_hash.unwrap_or(IdHash::of_format(format)), signer.expires_at());
    let inlined = Inlined {
        metadata: asked.historical_metadata,
        protocol: asked.historical_protocol && format == ResponseFormat::Delta,
    };
    let (commits, notes) = (changes.commits, call.notes);
    let (end_of_stream, expires_at) = (asked.capabilities.end_of_stream(), signer.expires_at());
    let rest = Box::new(move |out: &mut dyn LineOut| {
        let mut sink = SignedChanges { lines, format, signer, urls: FileUrls::default(), notes, signed: 0, out };
        commits.emit(inlined, &mut sink)?;
        if !end_of_stream {
            return Ok(());
        }
        let SignedChanges { signed, out, .. } = sink;
        let min_url_expiration_timestamp = (signed > 0).then_some(expires_at.millis());
        EndOfStream { min_url_expiration_timestamp, ..EndOfStream::default() }.write(out.buffer())?;
        out.end_line()
    });
    Ok(Reply::Lines(Lines { version: range.start, format, id_hash, end_of_stream, head, rest: Some(rest) }))
}

/// Signs each change and writes its line.
struct SignedChanges<'a> {
    lines: FileLines,
    format: ResponseFormat,
    signer: UrlSigner,
    urls: FileUrls,
    notes: Notes,
    /// Changes so far.
    signed: u64,
    out: &'a mut dyn LineOut,
}

impl ChangeSink for SignedChanges<'_> {
    fn change(&mut self, committed: Committed, change: &Change<'_>) -> Result<(), Error> {
        let (key, vector) = match change {
            Change::Add(file) => (file.key, file.deletion_vector.as_ref()),
            Change::Remove(removed) => (removed.key, removed.deletion_vector.as_ref()),
            Change::Recorded(recorded) => (recorded.key, None),
        };
        self.signer.sign(key, &mut self.urls.data);
        if let Some(DeletionVector { storage: VectorStorage::File { key, .. }, .. }) = vector {
            self.signer.sign(key, &mut self.urls.vector);
        }
        self.lines.of_commit(committed.version, committed.at)?;
        self.lines.write_change(change, &self.urls, self.out.buffer())?;
        self.notes.file();
        self.signed += 1;
        self.out.end_line()
    }

    fn metadata(&mut self, committed: Committed, metadata: &Metadata) -> Result<(), Error> {
        write_later_metadata(metadata, committed.version, self.format, self.out.buffer())?;
        self.out.end_line()
    }

    fn protocol(&mut self, committed: Committed, protocol: &Protocol) -> Result<(), Error> {
        write_later_protocol(protocol, committed.version, self.format, self.out.buffer())?;
        self.out.end_line()
    }
}
