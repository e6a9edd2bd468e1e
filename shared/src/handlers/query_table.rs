//! `POST …/tables/{table}/query`: a snapshot's files as presigned URLs (protocol, "Read Data from a Table"). The head is
//! settled first; then every file goes from the log to its line without waiting for the rest.

use std::sync::Arc;

use async_trait::async_trait;

use super::range::{self, Asked};
use super::snapshot::{capabilities, find_table, settle};
use super::{Call, Handler, Lines, Reply};
use crate::audit::Notes;
use crate::catalog::FindTable;
use crate::delta::{DeltaLog, FileSink};
use crate::error::Error;
use crate::model::file::{DataFile, DeletionVector, VectorStorage};
use crate::presign::{Presigner, UrlSigner};
use crate::wire::file_line::{FileLines, FileUrls, IdHash};
use crate::wire::ndjson::LineOut;
use crate::wire::request::{QueryRequest, Selector};

/// The handler.
pub struct QueryTable {
    /// Where tables are found.
    pub catalog: Arc<dyn FindTable>,
    /// Reads logs.
    pub delta: DeltaLog,
    /// Signs URLs.
    pub presigner: Arc<dyn Presigner>,
}

#[async_trait]
impl Handler for QueryTable {
    async fn handle(&self, call: Call) -> Result<Reply, Error> {
        let request = QueryRequest::parse(&call.body)?;
        let id_hash = IdHash::parse(call.header("fileidhash"))?;
        let capabilities = capabilities(&call)?;
        let table = find_table(self.catalog.as_ref(), &call).await?;
        if let Selector::Range { start, end } = request.selector {
            let protocols = request.include_historical_protocol;
            let asked = Asked::files(&table, start, end, protocols, id_hash, capabilities)?;
            return range::answer(&self.delta, &self.presigner, call, &table, asked).await;
        }
        let settled = settle(&self.delta, &table, &request.selector, &capabilities).await?;
        let signer = self.presigner.signer(&table, &call.recipient).await?;
        call.notes.urls_expire_at(signer.expires_at());

        let (format, head) = (settled.format, settled.head(&table)?);
        let snapshot = settled.snapshot;
        let lines = FileLines::new(
            format,
            id_hash.unwrap_or(IdHash::of_format(format)),
            snapshot.selected,
            snapshot.committed_at,
            signer.expires_at(),
        );
        let version = snapshot.version();
        let files = snapshot.files;
        let notes = call.notes;
        let rest = Box::new(move |out: &mut dyn LineOut| {
            files.emit(&mut SignedLines { lines, signer, urls: FileUrls::default(), notes, out })
        });
        Ok(Reply::Lines(Lines { version, format, id_hash, head, rest: Some(rest) }))
    }
}

/// Signs each file and writes its line.
struct SignedLines<'a> {
    lines: FileLines,
    signer: UrlSigner,
    urls: FileUrls,
    notes: Notes,
    out: &'a mut dyn LineOut,
}

impl FileSink for SignedLines<'_> {
    fn file(&mut self, file: &DataFile<'_>) -> Result<(), Error> {
        self.signer.sign(file.key, &mut self.urls.data);
        if let Some(DeletionVector { storage: VectorStorage::File { key, .. }, .. }) = &file.deletion_vector {
            self.signer.sign(key, &mut self.urls.vector);
        }
        self.lines.write(file, &self.urls, self.out.buffer())?;
        self.notes.file();
        self.out.end_line()
    }
}
