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
use crate::wire::end_of_stream::EndOfStream;
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
        let end_of_stream = capabilities.end_of_stream();
        let rest = Box::new(move |out: &mut dyn LineOut| {
            let expires_at = signer.expires_at().millis();
            let mut sink = SignedLines { lines, signer, urls: FileUrls::default(), notes, out, written: 0 };
            files.emit(&mut sink)?;
            let SignedLines { out, written, .. } = sink;
            if end_of_stream {
                let min_url_expiration_timestamp = (written > 0).then_some(expires_at);
                EndOfStream { min_url_expiration_timestamp, ..EndOfStream::default() }.write(out.buffer())?;
                out.end_line()?;
            }
            Ok(())
        });
        Ok(Reply::Lines(Lines { version, format, id_hash, end_of_stream, head, rest: Some(rest) }))
    }
}

/// Signs each file and writes its line.
struct SignedLines<'a> {
    lines: FileLines,
    signer: UrlSigner,
    urls: FileUrls,
    notes: Notes,
    out: &'a mut dyn LineOut,
    /// Bytes of the lines so far.
    written: u64,
}

impl FileSink for SignedLines<'_> {
    fn file(&mut self, file: &DataFile<'_>) -> Result<(), Error> {
        self.signer.sign(file.key, &mut self.urls.data);
        if let Some(DeletionVector { storage: VectorStorage::File { key, .. }, .. }) = &file.deletion_vector {
            self.signer.sign(key, &mut self.urls.vector);
        }
        let buffer = self.out.buffer();
        let before = buffer.len();
        self.lines.write(file, &self.urls, buffer)?;
        self.written += (buffer.len() - before) as u64;
        self.notes.file();
        self.out.end_line()
    }
}
