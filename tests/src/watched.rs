//! The gateway without a socket, over a log store that remembers what it was asked, fails where a test wants it to, and
//! tells when nobody holds it any more: for what a client cannot see.

use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use local::embedded_s3::{AccessKeys, EmbeddedS3, Roots};
use local::gateway::{Gateway, Ports};
use local::locations::Locator;
use shared::audit::log::LogAudit;
use shared::auth::Gate;
use shared::auth::activation::{Activations, Codes, NoLinks};
use shared::catalog::embedded::EmbeddedCatalog;
use shared::catalog::file::CatalogSource;
use shared::catalog::index::{self, Index};
use shared::clock::{Clock, SystemClock};
use shared::delta::DeltaLog;
use shared::error::Error;
use shared::handlers::listing::PageTokens;
use shared::handlers::query_token::QueryTokens;
use shared::http::body::Body;
use shared::http::pipeline::Shared;
use shared::model::location::TableLocation;
use shared::presign::session::SessionPresigner;
use shared::seal::Sealer;
use shared::storage::s3::{EmbeddedStore, LocalReach, S3LogStore};
use shared::storage::{ListedFirst, LogEntry, LogStore};
use tokio::sync::oneshot;

use crate::server::document;

/// What a test does before a call gets to the storage, whose number counts from 0: harm the log, fail the call, or
/// nothing.
pub type Before = dyn Fn(usize, &str) -> Result<(), Error> + Send + Sync;

/// A gateway whose reading of logs is watched.
pub struct Watched {
    gateway: Gateway,
    calls: Arc<Mutex<Vec<String>>>,
    let_go: oneshot::Receiver<()>,
    _s3: EmbeddedS3,
}

impl Watched {
    /// Serves these tables (`share.schema.table`), each the folder of its own name below `root`.
    pub async fn over(names: &[&str], root: &Path) -> Self {
        Self::sealing(names, root, Sealer::for_this_process().unwrap(), SystemClock::shared()).await
    }

    /// Serves tables whose storage is disturbed.
    pub async fn disturbed(names: &[&str], root: &Path, before: Box<Before>) -> Self {
        Self::start(names, root, Sealer::for_this_process().unwrap(), SystemClock::shared(), before).await
    }

    /// Serves tables with tokens that are sealed in this way and end by this clock.
    pub async fn sealing(names: &[&str], root: &Path, sealer: Sealer, clock: Arc<dyn Clock>) -> Self {
        Self::start(names, root, sealer, clock, Box::new(|_, _| Ok(()))).await
    }

    async fn start(names: &[&str], root: &Path, sealer: Sealer, clock: Arc<dyn Clock>, before: Box<Before>) -> Self {
        let roots = Roots::new();
        let locator = Locator::new(roots.clone(), &root.canonicalize().unwrap());
        let document = document(names);
        let index = Index::new(&document, index::Order::Sorted, &|text: &str| locator.locate(text)).unwrap();
        let catalog: Arc<dyn CatalogSource> = Arc::new(Arc::new(index));

        let keys = AccessKeys::generate().unwrap();
        let (id, secret) = (keys.access_key_id.clone(), keys.secret_access_key.clone());
        let s3 = EmbeddedS3::start(roots, keys).await.unwrap();
        let reach = LocalReach::shared(Some(EmbeddedStore::new(s3.endpoint(), id, &secret)), None);
        let calls = Arc::new(Mutex::new(Vec::new()));
        let (held, let_go) = oneshot::channel();
        let store = WatchedStore {
            inner: S3LogStore::new(Arc::clone(&reach)),
            calls: Arc::clone(&calls),
            count: AtomicUsize::new(0),
            before,
            _held: held,
        };

        let links = Activations::new(Codes::plain(), Arc::new(NoLinks), Arc::clone(&clock));
        let ports = Ports {
            activations: links,
            contact: None,
            catalog: EmbeddedCatalog::new(catalog, Arc::clone(&clock)),
            tokens: PageTokens::new(Arc::new(sealer.clone()), Arc::clone(&clock)),
            query_tokens: QueryTokens::new(Arc::new(sealer), Arc::clone(&clock)),
            delta: DeltaLog::new(Arc::new(store)),
            presigner: Arc::new(SessionPresigner::new(reach, Arc::clone(&clock), 600)),
        };
        let gateway = Gateway::new("", ports, Shared::new(Gate::open("r1"), clock, Arc::new(LogAudit), None));
        Self { gateway, calls, let_go, _s3: s3 }
    }

    /// Sends a request.
    pub async fn answer(&self, method: &str, path: &str, body: &str) -> Response<Body> {
        self.send(Request::builder().method(method).uri(path).body(body.to_owned()).unwrap()).await
    }

    /// Sends a request that has headers.
    pub async fn send(&self, request: Request<String>) -> Response<Body> {
        self.gateway.answer(request, None).await
    }

    /// What the store was asked since the last time, sorted: `list`, `get <name>`, `range <name> <bytes>`.
    pub fn take_calls(&self) -> Vec<String> {
        let mut calls = std::mem::take(&mut *self.calls.lock().unwrap());
        calls.sort();
        calls
    }

    /// Drops the gateway and waits until nothing reads logs any more. Returns what was asked since [`take_calls`](Self::take_calls).
    pub async fn until_idle(self) -> Vec<String> {
        let Self { gateway, calls, let_go, _s3 } = self;
        drop(gateway);
        // The other end is dropped with the store.
        let _ = let_go.await;
        std::mem::take(&mut *calls.lock().unwrap())
    }
}

struct WatchedStore {
    inner: S3LogStore,
    calls: Arc<Mutex<Vec<String>>>,
    count: AtomicUsize,
    before: Box<Before>,
    _held: oneshot::Sender<()>,
}

impl WatchedStore {
    fn note(&self, call: String) -> Result<(), Error> {
        let number = self.count.fetch_add(1, Ordering::SeqCst);
        let disturbed = (self.before)(number, &call);
        self.calls.lock().unwrap().push(call);
        disturbed
    }
}

#[async_trait]
impl LogStore for WatchedStore {
    async fn list(&self, table: &TableLocation, after: Option<&str>) -> Result<Vec<LogEntry>, Error> {
        self.note("list".into())?;
        self.inner.list(table, after).await
    }

    async fn list_first(&self, table: &TableLocation) -> Result<ListedFirst, Error> {
        self.note("list".into())?;
        self.inner.list_first(table).await
    }

    async fn get_listed(&self, table: &TableLocation, entry: &LogEntry, range: Range<u64>) -> Result<Bytes, Error> {
        self.note(match entry.name.ends_with(".json") {
            true => format!("get {}", entry.name),
            false => format!("range {} {}-{}", entry.name, range.start, range.end),
        })?;
        self.inner.get_listed(table, entry, range).await
    }

    async fn find_range(
        &self,
        table: &TableLocation,
        name: &str,
        range: Range<u64>,
    ) -> Result<(Bytes, Option<Arc<str>>), Error> {
        self.note(format!("range {name} {}-{}", range.start, range.end))?;
        self.inner.find_range(table, name, range).await
    }

    async fn find_end(
        &self,
        table: &TableLocation,
        name: &str,
        max_bytes: u64,
    ) -> Result<Option<(LogEntry, Bytes)>, Error> {
        self.note(format!("range {name} -{max_bytes}"))?;
        self.inner.find_end(table, name, max_bytes).await
    }

    async fn get(&self, table: &TableLocation, name: &str, max_bytes: u64) -> Result<Option<Bytes>, Error> {
        self.note(format!("get {name}"))?;
        self.inner.get(table, name, max_bytes).await
    }

    async fn get_range(&self, table: &TableLocation, name: &str, range: Range<u64>) -> Result<Bytes, Error> {
        self.note(format!("range {name} {}-{}", range.start, range.end))?;
        self.inner.get_range(table, name, range).await
    }
}
