//! The route table with a handler behind every row: what API Gateway and the functions are on AWS, in one process. The
//! one place that names every handler.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use shared::auth::activation::Activations;
use shared::catalog;
use shared::delta::DeltaLog;
use shared::error::Error;
use shared::handlers::activation::Activation;
use shared::handlers::get_share::GetShare;
use shared::handlers::list_all_tables::ListAllTables;
use shared::handlers::list_schemas::ListSchemas;
use shared::handlers::list_shares::ListShares;
use shared::handlers::list_tables::ListTables;
use shared::handlers::listing::PageTokens;
use shared::handlers::query_table::QueryTable;
use shared::handlers::query_table_changes::QueryTableChanges;
use shared::handlers::query_token::QueryTokens;
use shared::handlers::table_metadata::TableMetadata;
use shared::handlers::table_version::TableVersion;
use shared::handlers::{Handler, PublicHandler};
use shared::http::body::Body;
use shared::http::pipeline::{self, Arrival, Pipeline, Request, Shared};
use shared::limits::REQUEST_BODY_BYTES_MAX;
use shared::presign::Presigner;
use shared::route;

/// How long a request's body may take to arrive.
const BODY_WITHIN: Duration = Duration::from_secs(30);

/// All that recipients may ask a catalogue.
pub trait Catalog:
    catalog::ListShares
    + catalog::FindShare
    + catalog::ListSchemas
    + catalog::ListTables
    + catalog::ListAllTables
    + catalog::FindTable
    + 'static
{
}

impl<C> Catalog for C where
    C: catalog::ListShares
        + catalog::FindShare
        + catalog::ListSchemas
        + catalog::ListTables
        + catalog::ListAllTables
        + catalog::FindTable
        + 'static
{
}

/// The ports that the handlers are made of.
pub struct Ports<C> {
    /// Shares, schemas and tables.
    pub catalog: C,
    /// Opens activation links.
    pub activations: Activations,
    /// Whom recipients ask.
    pub contact: Option<String>,
    /// Page tokens of the lists.
    pub tokens: PageTokens,
    /// Tokens of queries.
    pub query_tokens: QueryTokens,
    /// Reads logs.
    pub delta: DeltaLog,
    /// Signs URLs.
    pub presigner: Arc<dyn Presigner>,
}

/// Answers every route below one endpoint.
pub struct Gateway {
    /// The segments that every path begins with.
    prefix: Vec<String>,
    pipelines: HashMap<&'static str, Pipeline>,
    shared: Shared,
}

impl Gateway {
    /// A gateway whose paths begin with `endpoint`.
    pub fn new<C: Catalog>(endpoint: &str, ports: Ports<C>, shared: Shared) -> Self {
        let Ports { catalog, activations, contact, tokens, query_tokens, delta, presigner } = ports;
        let catalog = Arc::new(catalog);
        let query = QueryTable {
            catalog: catalog.clone(),
            delta: delta.clone(),
            presigner: presigner.clone(),
            tokens: query_tokens.clone(),
        };
        let changes =
            QueryTableChanges { catalog: catalog.clone(), delta: delta.clone(), presigner, tokens: query_tokens };
        let activation = Activation { activations, shares: catalog.clone(), tables: catalog.clone(), contact };
        let handlers: [(&str, Arc<dyn Handler>); 9] = [
            ("list-shares", Arc::new(ListShares { catalog: catalog.clone(), tokens: tokens.clone() })),
            ("get-share", Arc::new(GetShare { catalog: catalog.clone() })),
            ("list-schemas", Arc::new(ListSchemas { catalog: catalog.clone(), tokens: tokens.clone() })),
            ("list-tables", Arc::new(ListTables { catalog: catalog.clone(), tokens: tokens.clone() })),
            ("list-all-tables", Arc::new(ListAllTables { catalog: catalog.clone(), tokens })),
            ("table-version", Arc::new(TableVersion { catalog: catalog.clone(), delta: delta.clone() })),
            ("table-metadata", Arc::new(TableMetadata { catalog, delta })),
            ("query-table", Arc::new(query)),
            ("query-table-changes", Arc::new(changes)),
        ];
        let mut pipelines: HashMap<_, _> =
            handlers.into_iter().map(|(id, handler)| (id, Pipeline::new(handler, shared.clone()))).collect();
        let public: [(&str, Arc<dyn PublicHandler>); 1] = [("activation", Arc::new(activation))];
        pipelines.extend(public.map(|(id, handler)| (id, Pipeline::public(handler, shared.clone()))));
        Self { prefix: segments(endpoint).map(str::to_owned).collect(), pipelines, shared }
    }

    /// The ids of the routes that have a handler.
    pub fn route_ids(&self) -> impl Iterator<Item = &'static str> {
        self.pipelines.keys().copied()
    }

    /// Answers a request from an address. Never fails: what goes wrong is an answer too.
    pub async fn answer<B>(&self, request: http::Request<B>, from: Option<IpAddr>) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (parts, body) = request.into_parts();
        let arrival =
            Arrival { source_ip: from.map(|address| address.to_canonical().to_string()), ..Arrival::default() };
        let found = match self.below_endpoint(parts.uri.path()) {
            Some(path) => route::find(&parts.method, &path),
            None => Err(Error::NoSuchRoute),
        };
        let (route, params) = match found {
            Ok(found) => found,
            Err(error) => return self.shared.refuse(&parts, &arrival, &error),
        };
        match self.pipelines.get(route.id) {
            Some(pipeline) => {
                let body = whole(body).await;
                pipeline.serve(Request { route, params, parts, body, arrival }).await
            }
            None => healthy(),
        }
    }

    /// The path below the endpoint. Repeated slashes count as one: clients join URLs carelessly. `/health` is there
    /// without the endpoint too, for whoever watches the process.
    fn below_endpoint(&self, path: &str) -> Option<String> {
        let mut rest = segments(path);
        if segments(path).eq(["health"]) {
            return Some("/health".to_owned());
        }
        for wanted in &self.prefix {
            if rest.next()? != wanted {
                return None;
            }
        }
        Some(rest.flat_map(|segment| ["/", segment]).collect())
    }
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|segment| !segment.is_empty())
}

async fn whole<B>(body: B) -> Result<Bytes, Error>
where
    B: http_body::Body<Data = Bytes> + Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let limited = Box::pin(Limited::new(body, REQUEST_BODY_BYTES_MAX).collect());
    match tokio::time::timeout(BODY_WITHIN, limited).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            Err(Error::BodyTooLarge { max_bytes: REQUEST_BODY_BYTES_MAX })
        }
        Ok(Err(_)) => Err(Error::MalformedRequest("The request body broke off. Send it again.".into())),
        Err(_) => Err(Error::MalformedRequest("The request body did not arrive in time. Send it again.".into())),
    }
}

fn healthy() -> Response<Body> {
    let mut response = Response::new(Body::whole(&b"{\"status\":\"ok\"}"[..]));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    pipeline::identify(&mut response);
    response
}
