//! One route's way from request to answer: gate, handler, time limit, errors, audit. Generic over nothing but the
//! handler, so that a function holds its own route and the local gateway holds them all.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use ::http::request::Parts;
use ::http::{HeaderValue, Method, Response, StatusCode};
use bytes::Bytes;
use futures::FutureExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::Instrument;

use super::body::Body;
use super::respond;
use crate::auth::Gate;
use crate::clock::Clock;
use crate::entropy;
use crate::error::{Error, chain};
use crate::handlers::{Call, Handler, PathParams, Reply};
use crate::limits::STREAMS_MAX;
use crate::model::shorten;
use crate::route::Route;
use crate::wire::query_string::QueryString;

const REQUEST_ID: &str = "x-request-id";

/// What all routes of a process share.
#[derive(Clone)]
pub struct Shared {
    /// Lets recipients in.
    pub gate: Gate,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// How long an answer may take to begin; none for ever.
    pub first_byte_within: Option<Duration>,
    /// How many listings may be streamed at once.
    streams: Arc<Semaphore>,
}

impl Shared {
    /// Parts for a process.
    pub fn new(gate: Gate, clock: Arc<dyn Clock>, first_byte_within: Option<Duration>) -> Self {
        Self { gate, clock, first_byte_within, streams: Arc::new(Semaphore::new(STREAMS_MAX)) }
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("gate", &self.gate).finish_non_exhaustive()
    }
}

/// A route with its handler.
#[derive(Clone)]
pub struct Pipeline {
    handler: Arc<dyn Handler>,
    shared: Shared,
}

/// A request as the pipeline takes it: the path resolved, the body read.
#[derive(Debug)]
pub struct Request {
    /// The route that the path belongs to.
    pub route: &'static Route,
    /// What the path says.
    pub params: PathParams,
    /// Method, query string and headers.
    pub parts: Parts,
    /// The body, whole, or why it could not be read.
    pub body: Result<Bytes, Error>,
}

impl Pipeline {
    /// A pipeline for one route.
    pub fn new(handler: Arc<dyn Handler>, shared: Shared) -> Self {
        Self { handler, shared }
    }

    /// Answers a request. Never fails: what goes wrong is an answer too.
    pub async fn serve(&self, request: Request) -> Response<Body> {
        let clock = &self.shared.clock;
        let started = clock.uptime();
        let id = request_id();
        let span = tracing::error_span!(target: "spillway", "request", id = %id);
        let mut event = Event::new(&request);
        let head_request = request.parts.method == Method::HEAD;
        // A defect in a handler costs this answer only.
        let outcome = AssertUnwindSafe(self.run(request, &mut event)).catch_unwind().instrument(span.clone()).await;
        let outcome = outcome.unwrap_or_else(|_| Err(Error::defect("a handler panicked")));
        let mut response = match outcome {
            Ok(response) => response,
            Err(error) => {
                event.problem = Some(chain(&error));
                respond::refusal(&error, head_request)
            }
        };
        span.in_scope(|| event.log(response.status(), clock.uptime().saturating_sub(started)));
        if let Ok(value) = HeaderValue::from_str(&id) {
            response.headers_mut().insert(REQUEST_ID, value);
        }
        response
    }

    async fn run(&self, request: Request, event: &mut Event) -> Result<Response<Body>, Error> {
        let Request { params, parts, body, .. } = request;
        let recipient = self.shared.gate.admit(&parts.headers).await?;
        event.recipient = Some(recipient.id().to_owned());
        let query = QueryString::parse(parts.uri.query())?;
        let call = Call { recipient, params, query, headers: parts.headers.clone(), body: body? };
        let (reply, permit) = self.in_time(self.reply(call)).await?;
        respond::answer(reply, &parts.headers, permit)
    }

    /// The handler's reply, with a place among the streams when it is one.
    async fn reply(&self, call: Call) -> Result<(Reply, Option<OwnedSemaphorePermit>), Error> {
        let reply = self.handler.handle(call).await?;
        let streamed = matches!(&reply, Reply::Lines(lines) if lines.rest.is_some());
        if !streamed {
            return Ok((reply, None));
        }
        let permit = Arc::clone(&self.shared.streams).acquire_owned().await.map_err(|_| Error::Busy)?;
        Ok((reply, Some(permit)))
    }

    async fn in_time<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        match self.shared.first_byte_within {
            Some(limit) => tokio::time::timeout(limit, work).await.unwrap_or(Err(Error::TimedOut)),
            None => work.await,
        }
    }
}

impl std::fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pipeline").field("shared", &self.shared).finish_non_exhaustive()
    }
}

/// What is logged of a request: who asked for what and how it went, nothing that is secret.
struct Event {
    route: &'static str,
    object: String,
    recipient: Option<String>,
    problem: Option<String>,
}

impl Event {
    fn new(request: &Request) -> Self {
        let names = ["share", "schema", "table"].map(|name| shorten(request.params.get(name)));
        let object = names.into_iter().filter(|name| !name.is_empty()).collect::<Vec<_>>().join(".");
        Self { route: request.route.id, object, recipient: None, problem: None }
    }

    fn log(&self, status: StatusCode, took: Duration) {
        let Self { route, object, recipient, problem } = self;
        let recipient = recipient.as_deref().unwrap_or("nobody");
        let (status, millis) = (status.as_u16(), took.as_millis());
        match problem {
            None => tracing::info!(target: "spillway", route, object, recipient, status, millis, "answered"),
            Some(why) if status >= 500 => {
                tracing::error!(target: "spillway", route, object, recipient, status, millis, why, "failed");
            }
            Some(why) => tracing::info!(target: "spillway", route, object, recipient, status, millis, why, "refused"),
        }
    }
}

/// Sixteen hex digits that a recipient can quote and the provider finds in the log.
fn request_id() -> String {
    entropy::bytes::<8>().map(hex::encode).unwrap_or_default()
}
