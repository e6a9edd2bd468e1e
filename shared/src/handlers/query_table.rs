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
use super::{Call, Handler, Lines, Made, Reply};
use crate::audit::Notes;
use crate::catalog::FindTable;
use crate::delta::scope::ScopedFiles;
use crate::delta::{At, Choice, DeltaLog, FileSink, Wants};
use crate::error::Error;
use crate::model::file::{DataFile, DeletionVector, Mark, VectorStorage};
use crate::model::recipient::Recipient;
use crate::model::securable::Table;
use crate::predicate::{self, Filter};
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
        let made = SignedFiles { lines, signer, urls: FileUrls::default(), notes, written: 0 };
        let (from, rows_left) = (place.from, place.rows_left);
        let mut listing =
            Listing { files, filter, made, max_files: paging.max_files, from, rows_left, filled: 0, ending };
        let rest = Box::new(move |out: &mut dyn LineOut| listing.go_on(out));
        Ok(Reply::Lines(Lines { version, format, id_hash, end_of_stream, head, at_least, rest: Some(rest) }))
    }

    fn reads_files(&self) -> bool {
        true
    }
}

/// The files of an answer, as far as they are not sent yet.
struct Listing {
    files: ScopedFiles,
    filter: Option<Filter>,
    made: SignedFiles,
    max_files: Option<u32>,
    /// The file that comes next.
    from: Mark,
    rows_left: Option<u64>,
    /// Files so far.
    filled: u64,
    /// How it ends, until it has.
    ending: Option<Ending>,
}

impl Listing {
    fn go_on(&mut self, out: &mut dyn LineOut) -> Result<Made, Error> {
        let Self { files, filter, made, from, rows_left, .. } = self;
        let page_bytes = page_bytes(out);
        let mut lines = SignedLines { made, out: &mut *out };
        let page = Page::new(self.max_files, page_bytes, &mut lines).after(self.filled);
        let wanted = filter.as_ref().map(Wanted);
        let choice = wanted.as_ref().map(|wanted| wanted as &dyn Choice);
        let walk = |pruned: &mut dyn FileSink| files.emit_from(*from, choice, pruned);
        let filled = page.fill(|page| Pruned::new(filter.as_ref(), rows_left, page).of(walk))?;
        if let (Some(next), true) = (filled.next, filled.paused) {
            (self.from, self.filled) = (next, filled.files);
            return Ok(Made::SoFar);
        }
        match self.ending.take() {
            Some(ending) => ending.write(filled, self.rows_left, out).map(|()| Made::All),
            None => Ok(Made::All),
        }
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

/// What makes a file's line.
struct SignedFiles {
    lines: FileLines,
    signer: UrlSigner,
    urls: FileUrls,
    notes: Notes,
    /// Bytes of the lines so far.
    written: u64,
}

/// Signs each file and writes its line.
struct SignedLines<'a> {
    made: &'a mut SignedFiles,
    out: &'a mut dyn LineOut,
}

impl FileSink for SignedLines<'_> {
    fn file(&mut self, file: &DataFile<'_>) -> Result<(), Error> {
        let SignedFiles { lines, signer, urls, notes, written } = &mut *self.made;
        signer.sign_object(file.object, &mut urls.data)?;
        if let Some(DeletionVector { storage: VectorStorage::File { object, .. }, .. }) = &file.deletion_vector {
            signer.sign_object(*object, &mut urls.vector)?;
        }
        let buffer = self.out.buffer();
        let before = buffer.len();
        lines.write(file, urls, buffer)?;
        *written += (buffer.len() - before) as u64;
        notes.file();
        self.out.end_line()
    }
}

impl LineSink for SignedLines<'_> {
    fn written(&self) -> u64 {
        self.made.written
    }

    fn pauses(&self) -> bool {
        self.out.pauses()
    }
}
