//! What a target's parser stands in: a log in memory, and handlers that answer one recipient about it. No socket, no file,
//! no clock; the same input comes to the same end.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use shared::audit::Notes;
use shared::auth::Gate;
use shared::catalog::{FindTable, ListShares as ListsShares, foreign_position};
use shared::clock::FixedClock;
use shared::credentials::SigningKeys;
use shared::delta::DeltaLog;
use shared::error::{Error, chain};
use shared::handlers::list_shares::ListShares;
use shared::handlers::listing::PageTokens;
use shared::handlers::query_table::QueryTable;
use shared::handlers::query_table_changes::QueryTableChanges;
use shared::handlers::query_token::QueryTokens;
use shared::handlers::{Call, Handler, Made, PathParams, Reply};
use shared::model::location::{Endpoint, TableLocation};
use shared::model::name::{SchemaName, ShareName, TableName};
use shared::model::page::{Page, Position};
use shared::model::recipient::Recipient;
use shared::model::rule::Terms;
use shared::model::securable::{History, Share, Table};
use shared::model::version::{TimestampMs, Version};
use shared::presign::sigv4::Target;
use shared::presign::{Presigner, UrlSigner};
use shared::seal::Sealer;
use shared::secret::Secret;
use shared::storage::{LogEntry, LogStore};
use shared::wire::ndjson::Collected;
use shared::wire::query_string::QueryString;
use tokio::runtime::{Builder, Runtime};

/// No public text may hold it.
const BUCKET: &str = "bucket-that-nobody-is-told-of";

/// The moment of everything.
pub(crate) const NOW: TimestampMs = TimestampMs::new(1_700_000_000_000);

/// Everything that a client can say it takes.
const CAPABILITIES: &str = "responseformat=delta;includeendstreamaction=true;\
    readerfeatures=deletionvectors,columnmapping,timestampntz,v2checkpoint,vacuumprotocolcheck,typewidening,varianttype";

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_multi_thread().worker_threads(1).max_blocking_threads(4).build().unwrap());

/// The one recipient.
pub(crate) static RECIPIENT: LazyLock<Recipient> =
    LazyLock::new(|| wait(Gate::open("r").admit(&HeaderMap::new(), None)).unwrap());

/// Runs something that waits. What it returns may be waited for on this thread.
pub(crate) fn wait<T>(work: impl Future<Output = T>) -> T {
    RUNTIME.block_on(work)
}

/// The sealer of all tokens.
pub(crate) fn sealer() -> Sealer {
    Sealer::new(&[7; 32])
}

/// Where the one table lies.
pub(crate) fn location() -> TableLocation {
    TableLocation::new(BUCKET, "t")
}

/// Stops when a refusal comes of a defect, or tells what it must not.
pub(crate) fn check_refusal(error: &Error) {
    assert!(!matches!(error, Error::Internal { .. }), "a defect: {}", chain(error));
    assert!(!error.public().contains(BUCKET), "{}", error.public());
}

/// A log in memory.
#[derive(Debug, Clone, Default)]
pub(crate) struct MemoryLog(BTreeMap<String, Bytes>);

impl MemoryLog {
    /// With an object more.
    pub(crate) fn with(mut self, name: impl Into<String>, bytes: impl Into<Bytes>) -> Self {
        self.0.insert(name.into(), bytes.into());
        self
    }

    /// With a commit more.
    pub(crate) fn commit(self, version: usize, text: impl Into<Bytes>) -> Self {
        self.with(format!("{version:020}.json"), text)
    }
}

#[async_trait]
impl LogStore for MemoryLog {
    async fn list(&self, _: &TableLocation, after: Option<&str>) -> Result<Vec<LogEntry>, Error> {
        let entries = self.0.iter().filter(|(name, _)| after.is_none_or(|after| name.as_str() > after));
        let entries = entries.filter(|(name, _)| !name.contains('/'));
        let entry = |(name, bytes): (&String, &Bytes)| LogEntry {
            name: name.clone(),
            size: bytes.len() as u64,
            modified: NOW,
            etag: None,
        };
        Ok(entries.map(entry).collect())
    }

    async fn get_listed(&self, table: &TableLocation, entry: &LogEntry, range: Range<u64>) -> Result<Bytes, Error> {
        self.get_range(table, &entry.name, range).await
    }

    async fn get(&self, _: &TableLocation, name: &str, max_bytes: u64) -> Result<Option<Bytes>, Error> {
        let bytes = self.0.get(name).cloned();
        match bytes.as_ref().is_some_and(|bytes| bytes.len() as u64 > max_bytes) {
            true => Err(Error::Unsupported("too large".into())),
            false => Ok(bytes),
        }
    }

    async fn get_range(&self, _: &TableLocation, name: &str, range: Range<u64>) -> Result<Bytes, Error> {
        let missing = || Error::TableFilesMissing("there are no such bytes".into());
        let bytes = self.0.get(name).ok_or_else(missing)?;
        let (start, end) = (usize::try_from(range.start).unwrap(), usize::try_from(range.end).unwrap());
        if start > end || end > bytes.len() {
            return Err(missing());
        }
        Ok(bytes.slice(start..end))
    }
}

#[async_trait]
impl FindTable for MemoryLog {
    async fn find_table(&self, _: &Recipient, _: &str, _: &str, _: &str) -> Result<Table, Error> {
        Ok(Table {
            share: ShareName::parse("s").unwrap(),
            share_id: "share".into(),
            schema: SchemaName::parse("d").unwrap(),
            name: TableName::parse("t").unwrap(),
            id: "table".into(),
            location: location(),
            history: History::SharedFrom(Version::ZERO),
            terms: Terms::default(),
        })
    }
}

#[async_trait]
impl ListsShares for MemoryLog {
    async fn list_shares(&self, _: &Recipient, after: Option<&Position>, limit: usize) -> Result<Page<Share>, Error> {
        let after = match after.map(Vec::as_slice) {
            None => "",
            Some([name]) => name,
            Some(_) => return Err(foreign_position()),
        };
        let names = ["a", "b", "c"].into_iter().filter(|name| *name > after);
        let share = |name: &str| Share {
            name: ShareName::parse(name).unwrap(),
            id: name.to_owned(),
            comment: None,
            until: None,
        };
        let mut items: Vec<Share> = names.map(share).collect();
        let more = items.len() > limit;
        items.truncate(limit);
        Ok(Page { items, more })
    }
}

struct Signs;

#[async_trait]
impl Presigner for Signs {
    async fn signer(&self, table: &Table, _: &Recipient) -> Result<UrlSigner, Error> {
        let target = Target { region: "us-east-1".into(), endpoint: Endpoint::Custom("http://127.0.0.1:9".into()) };
        let keys =
            SigningKeys { access_key_id: "id".into(), secret_access_key: Secret::new("secret"), session_token: None };
        UrlSigner::new(&table.location, &target, &keys, NOW, 3600)
    }
}

/// A request, as far as targets vary it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    pub query: String,
    pub body: String,
    /// Whether the answer is to be in parquet format.
    pub flat: bool,
}

impl Asked {
    /// A request with this body.
    pub(crate) fn body(body: &serde_json::Value) -> Self {
        Self { body: body.to_string(), ..Self::default() }
    }

    /// A request with this query string.
    pub(crate) fn query(query: impl Into<String>) -> Self {
        Self { query: query.into(), ..Self::default() }
    }
}

/// A route.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Route {
    Shares,
    Query,
    Changes,
}

/// What a route answers over a log, all of it. Stops when an answer that began breaks off, and where [`begun`] does.
pub(crate) fn answer(log: &MemoryLog, route: Route, asked: &Asked) -> Result<String, Error> {
    let (text, ended) = begun(log, route, asked)?;
    assert!(ended.is_ok(), "an answer broke off: {ended:?}");
    Ok(text)
}

/// What a route answers over a log, and how that ended. Stops when a line is no JSON object, or an error is a defect.
pub(crate) fn begun(log: &MemoryLog, route: Route, asked: &Asked) -> Result<(String, Result<(), Error>), Error> {
    let (log, sealing, clock) = (Arc::new(log.clone()), Arc::new(sealer()), Arc::new(FixedClock(NOW)));
    let (delta, presigner) = (DeltaLog::new(log.clone()), Arc::new(Signs));
    let tokens = QueryTokens::new(sealing.clone(), clock.clone());
    let handler: Box<dyn Handler> = match route {
        Route::Shares => Box::new(ListShares { catalog: log, tokens: PageTokens::new(sealing, clock) }),
        Route::Query => Box::new(QueryTable { catalog: log, delta, presigner, tokens }),
        Route::Changes => Box::new(QueryTableChanges { catalog: log, delta, presigner, tokens }),
    };
    let mut headers = HeaderMap::new();
    if !asked.flat {
        headers.insert("delta-sharing-capabilities", HeaderValue::from_static(CAPABILITIES));
    }
    let call = Call {
        recipient: RECIPIENT.clone(),
        params: PathParams::new(vec![("share", "s".into()), ("schema", "d".into()), ("table", "t".into())]),
        query: QueryString::parse(Some(&asked.query))?,
        headers,
        body: Bytes::from(asked.body.clone()),
        notes: Notes::default(),
    };
    let reply = wait(handler.handle(call)).inspect_err(check_refusal)?;
    let mut ended = Ok(());
    let text = match reply {
        Reply::Json(body) => body,
        Reply::Version(_) => Vec::new(),
        Reply::Page(_) | Reply::Download(_) => panic!("a table's route answered as a page does"),
        Reply::Lines(lines) => {
            let mut out = Collected(lines.head);
            if let Some(mut rest) = lines.rest {
                let made = rest(&mut out).inspect_err(check_refusal);
                ended = made.map(|made| assert_eq!(made, Made::All, "nobody asked it to make way"));
            }
            out.0
        }
    };
    let text = String::from_utf8(text).expect("an answer is text");
    for line in text.lines() {
        let object = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(line);
        assert!(object.is_ok(), "no JSON object: {line}");
    }
    Ok((text, ended))
}
