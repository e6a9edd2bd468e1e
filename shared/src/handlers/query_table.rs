//! `POST …/tables/{table}/query`: a snapshot's files as presigned URLs (protocol, "Read Data from a Table"). The head is
//! settled first; then every file goes from the log to its line without waiting for the rest.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::runtime::Handle;

use super::at_least::at_least;
use super::ending::Ending;
use super::page::{LineSink, Page, page_bytes};
use super::pruned::{Pruned, Wanted};
use super::query_token::{Asked, Opened, Place, QueryTokens};
use super::range::{self, RangePorts};
use super::snapshot::{asked_version, capabilities, find_table, settle_at};
use super::{Call, Handler, Lines, Reply};
use crate::audit::Notes;
use crate::catalog::FindTable;
use crate::delta::{At, Choice, DeltaLog, FileSink, Wants};
use crate::error::Error;
use crate::model::file::{DataFile, DeletionVector, Mark, VectorStorage};
use crate::model::recipient::Recipient;
use crate::model::securable::Table;
use crate::predicate;
use crate::presign::{Presigner, UrlSigner};
use crate::wire::file_line::{FileLines, FileUrls, IdHash};
use crate::wire::ndjson::LineOut;
use crate::wire::request::{Paging, QueryRequest, Selector};

/// The handler.
pub struct QueryTable {
    /// Where tables are found.
    pub catalog: Arc<dyn FindTable>,
    /// Reads logs.
    pub delta: DeltaLog,
    /// Signs URLs.
    pub presigner: Arc<dyn Presigner>,
    /// Seals tokens to go on with.
    pub tokens: QueryTokens,
}

#[async_trait]
impl Handler for QueryTable {
    async fn handle(&self, call: Call) -> Result<Reply, Error> {
        let request = QueryRequest::parse(&call.body)?;
        let id_hash = IdHash::parse(call.header("fileidhash"))?;
        let capabilities = capabilities(&call)?;
        let (table, scope) = find_table(self.catalog.as_ref(), &call).await?;
        let QueryRequest { selector, include_historical_protocol: protocols, paging, hints } = request;
        if let Selector::Range { start, end } = selector {
            let asked = range::Asked::files(&table, start, end, protocols, id_hash, capabilities, paging)?;
            let ports = RangePorts { delta: &self.delta, presigner: &self.presigner, tokens: &self.tokens };
            return range::answer(ports, call, (&table, &scope), asked).await;
        }
        let (at, opened) = self.begin(&call.recipient, &table, &selector, &paging).await?;
        // Both may have to ask for a session of a role first; neither waits for the other's.
        let signer = self.presigner.signer(&table, &call.recipient);
        let settled = settle_at(&self.delta, (&table, &scope), (at, Wants::Files), &capabilities);
        let (settled, signer) = tokio::join!(settled, signer);
        let settled = settled?;
        let (format, head) = (settled.format, settled.head(&table)?);
        let snapshot = settled.snapshot;
        let file_ids = id_hash.unwrap_or(IdHash::of_format(format));
        let asked = Asked { parameters: paging.parameters, format, id_hash: file_ids };
        let place = match opened {
            Some(opened) => {
                opened.check(&asked)?;
                opened.place
            }
            None => {
                // The files may come in another order than they did: those of the first answer must be among them.
                let rows_left = hints.row_limit.filter(|_| paging.refresh_token.is_none());
                Place { selected: snapshot.selected, layout: snapshot.layout, from: Mark::default(), rows_left }
            }
        };
        let version = snapshot.version();
        let refresh_token = match paging.include_refresh_token {
            true => Some(self.tokens.refresh(&call.recipient, &table, version).await?),
            false => None,
        };
        let signer = signer?;
        let expires_at = signer.expires_at();
        call.notes.urls_expire_at(expires_at);

        let lines = FileLines::new(format, file_ids, snapshot.selected, snapshot.committed_at, expires_at);
        let end_of_stream = capabilities.end_of_stream();
        let asked_for_an_end = end_of_stream || paging.include_refresh_token || paging.max_files.is_some();
        let filter =
            predicate::filter(&hints.predicate_hints, hints.json_predicate_hints.as_deref(), &snapshot.metadata);
        // Otherwise the files in the answer are fewer than the table's, and nobody knows how many.
        let all = filter.is_none()
            && place.rows_left.is_none()
            && place.from == Mark::default()
            && paging.max_files.is_none();
        let at_least = match all {
            true => Some(at_least(snapshot.files.weight(), (&lines, format, file_ids), &signer)?),
            false => None,
        };
        let (files, notes, recipient) = (snapshot.files, call.notes, call.recipient);
        let (tokens, runtime) = (self.tokens.clone(), Handle::current());
        let ending = asked_for_an_end.then_some(Ending {
            tokens,
            recipient,
            table,
            asked,
            place,
            refresh_token,
            expires_at,
            runtime,
        });
        let rest = Box::new(move |out: &mut dyn LineOut| {
            let page_bytes = page_bytes(out);
            let mut lines = SignedLines { lines, signer, urls: FileUrls::default(), notes, out, written: 0 };
            let (page, mut left) = (Page::new(paging.max_files, page_bytes, &mut lines), place.rows_left);
            let wanted = filter.as_ref().map(Wanted);
            let choice = wanted.as_ref().map(|wanted| wanted as &dyn Choice);
            let walk = |pruned: &mut dyn FileSink| files.emit_from(place.from, choice, pruned);
            let filled = page.fill(|page| Pruned::new(filter.as_ref(), &mut left, page).of(walk))?;
            match ending {
                Some(ending) => ending.write(filled, left, lines.out),
                None => Ok(()),
            }
        });
        Ok(Reply::Lines(Lines { version, format, id_hash, end_of_stream, head, at_least, rest: Some(rest) }))
    }
}

impl QueryTable {
    /// The version to read, and the page token that says so if there is one.
    async fn begin(
        &self,
        recipient: &Recipient,
        table: &Table,
        selector: &Selector,
        paging: &Paging,
    ) -> Result<(At, Option<Opened>), Error> {
        if let Some(token) = &paging.page_token {
            let opened = self.tokens.open_page(recipient, table, token).await?;
            return Ok((At::Again(opened.place.again()), Some(opened)));
        }
        let at = match &paging.refresh_token {
            Some(token) => At::Again(self.tokens.open_refresh(recipient, table, token).await?),
            None => asked_version(table, selector)?,
        };
        Ok((at, None))
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
        self.signer.sign_object(file.object, &mut self.urls.data)?;
        if let Some(DeletionVector { storage: VectorStorage::File { object, .. }, .. }) = &file.deletion_vector {
            self.signer.sign_object(*object, &mut self.urls.vector)?;
        }
        let buffer = self.out.buffer();
        let before = buffer.len();
        self.lines.write(file, &self.urls, buffer)?;
        self.written += (buffer.len() - before) as u64;
        self.notes.file();
        self.out.end_line()
    }
}

impl LineSink for SignedLines<'_> {
    fn written(&self) -> u64 {
        self.written
    }
}
