//! The two routes that tell of files, without a socket, with answers that may come to so many bytes as those of a function
//! may; and URLs signed as on AWS, with a session's token. For what depends on how large an answer is.

use std::path::Path;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, Request, Response};
use local::embedded_s3::{AccessKeys, EmbeddedS3, Roots};
use local::locations::Locator;
use shared::audit::log::LogAudit;
use shared::auth::Gate;
use shared::catalog::document::CatalogDocument;
use shared::catalog::embedded::EmbeddedCatalog;
use shared::catalog::file::CatalogSource;
use shared::catalog::index::{self, Index};
use shared::clock::{Clock, SystemClock};
use shared::delta::DeltaLog;
use shared::error::Error;
use shared::handlers::query_table::QueryTable;
use shared::handlers::query_table_changes::QueryTableChanges;
use shared::handlers::query_token::QueryTokens;
use shared::handlers::{Call, Handler, Reply};
use shared::http::body::Body;
use shared::http::pipeline::{self, Arrival, Pipeline, Shared};
use shared::model::location::Endpoint;
use shared::model::recipient::Recipient;
use shared::model::securable::Table;
use shared::model::version::TimestampMs;
use shared::model::weight::AtLeast;
use shared::presign::sigv4::{SigningKeys, Target};
use shared::presign::{Presigner, UrlSigner};
use shared::route;
use shared::seal::Sealer;
use shared::secret::Secret;
use shared::storage::s3::{EmbeddedStore, LocalReach, S3LogStore};

use crate::server::document;

/// Both routes.
pub struct Bounded {
    query: Arc<Overheard>,
    changes: Arc<Overheard>,
    shared: Shared,
    _s3: EmbeddedS3,
}

impl Bounded {
    /// Serves these tables (`share.schema.table`), each the folder of its own name below `root`. URLs are signed with a
    /// session's token of so many characters.
    pub async fn over(names: &[&str], root: &Path, token_chars: usize) -> Self {
        Self::serving(&document(names), root, token_chars).await
    }

    /// Serves a document's tables in the same way.
    pub async fn serving(document: &CatalogDocument, root: &Path, token_chars: usize) -> Self {
        let (clock, roots) = (SystemClock::shared(), Roots::new());
        let locator = Locator::new(roots.clone(), &root.canonicalize().unwrap());
        let index = Index::new(document, index::Order::Sorted, &|text: &str| locator.locate(text)).unwrap();
        let source: Arc<dyn CatalogSource> = Arc::new(Arc::new(index));
        let catalog = Arc::new(EmbeddedCatalog::new(source, Arc::clone(&clock)));

        let keys = AccessKeys::generate().unwrap();
        let (id, secret) = (keys.access_key_id.clone(), keys.secret_access_key.clone());
        let s3 = EmbeddedS3::start(roots, keys).await.unwrap();
        let reach = LocalReach::shared(Some(EmbeddedStore::new(s3.endpoint(), id, &secret)), None);
        let delta = DeltaLog::new(Arc::new(S3LogStore::new(reach)));

        let presigner: Arc<dyn Presigner> = Arc::new(Session { token_chars, clock: Arc::clone(&clock) });
        let tokens = QueryTokens::new(Arc::new(Sealer::for_this_process().unwrap()), Arc::clone(&clock));
        let query = QueryTable {
            catalog: catalog.clone(),
            delta: delta.clone(),
            presigner: Arc::clone(&presigner),
            tokens: tokens.clone(),
        };
        let changes = QueryTableChanges { catalog, delta, presigner, tokens };
        let shared = Shared::new(Gate::open("r1"), clock, Arc::new(LogAudit), None);
        Self { query: Overheard::over(query), changes: Overheard::over(changes), shared, _s3: s3 }
    }

    /// Answers a request with no more than so many bytes.
    pub async fn answer(&self, bytes_max: Option<u64>, request: Request<String>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let (route, params) = route::find(&parts.method, parts.uri.path()).unwrap();
        let shared = match bytes_max {
            Some(bytes) => self.shared.clone().answers_at_most(bytes),
            None => self.shared.clone(),
        };
        let handler = if parts.method == Method::GET { &self.changes } else { &self.query };
        let pipeline = Pipeline::new(Arc::<Overheard>::clone(handler), shared);
        let body = Ok(Bytes::from(body));
        pipeline.serve(pipeline::Request { route, params, parts, body, arrival: Arrival::default() }).await
    }

    /// What the newest answers of both routes were known to come to.
    pub fn told(&self) -> [Option<AtLeast>; 2] {
        [&self.query, &self.changes].map(|handler| *handler.told.lock().unwrap())
    }
}

/// A handler, and what it told of its newest answer beforehand.
struct Overheard {
    inner: Box<dyn Handler>,
    told: Mutex<Option<AtLeast>>,
}

impl Overheard {
    fn over(inner: impl Handler + 'static) -> Arc<Self> {
        Arc::new(Self { inner: Box::new(inner), told: Mutex::default() })
    }
}

#[async_trait]
impl Handler for Overheard {
    async fn handle(&self, call: Call) -> Result<Reply, Error> {
        let reply = self.inner.handle(call).await?;
        if let Reply::Lines(lines) = &reply {
            *self.told.lock().unwrap() = lines.at_least;
        }
        Ok(reply)
    }
}

/// Signs as on AWS.
struct Session {
    token_chars: usize,
    clock: Arc<dyn Clock>,
}

#[async_trait]
impl Presigner for Session {
    async fn signer(&self, table: &Table, _: &Recipient) -> Result<UrlSigner, Error> {
        let target = Target { region: "eu-central-1".into(), endpoint: Endpoint::Standard };
        let token = "IQoJb3JpZ2luX2VjEJr+/=".chars().cycle().take(self.token_chars).collect::<String>();
        let keys = SigningKeys {
            access_key_id: "ASIAIOSFODNN7EXAMPLE".into(),
            secret_access_key: Secret::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
            session_token: (self.token_chars > 0).then(|| Secret::new(token)),
        };
        let now: TimestampMs = self.clock.now();
        UrlSigner::new(&table.location, &target, &keys, now, 3600)
    }
}
