//! One route's way from request to answer: gate, handler, time limit, errors, audit. Generic over nothing but the
//! handler, so that a function holds its own route and the local gateway holds them all.

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ::http::header::USER_AGENT;
use ::http::request::Parts;
use ::http::{HeaderValue, Method, Response};
use bytes::Bytes;
use futures::FutureExt;
use tracing::Instrument;

use super::body::Body;
use super::places::{Place, StreamPlaces};
use super::respond;
use super::stream::Terms;
use super::watch::Watch;
use crate::audit::{Audit, Chunks, Event, Notes, Outcome};
use crate::auth::Gate;
use crate::clock::Clock;
use crate::entropy;
use crate::error::{Error, chain};
use crate::handlers::{Call, Handler, PathParams, PublicHandler, Reply, Visit as Caller};
use crate::limits::INVOCATION_MARGIN;
use crate::model::shorten;
use crate::route::{Route, Transfer};
use crate::wire::query_string::QueryString;

const REQUEST_ID: &str = "x-request-id";

/// What all routes of a process share.
#[derive(Clone)]
pub struct Shared {
    /// Lets recipients in.
    gate: Gate,
    /// Tells the time.
    clock: Arc<dyn Clock>,
    /// Keeps what became of every request.
    audit: Arc<dyn Audit>,
    /// How long an answer may take to begin; none for ever.
    first_byte_within: Option<Duration>,
    /// Where listings take turns.
    places: StreamPlaces,
    /// Whether a request has come yet.
    warm: Arc<AtomicBool>,
    /// Pages of which origin may read answers.
    origin: Option<HeaderValue>,
    /// How many bytes an answer in lines may come to, as sent; none for any number.
    answer_bytes_max: Option<u64>,
}

impl Shared {
    /// Parts for a process.
    pub fn new(gate: Gate, clock: Arc<dyn Clock>, audit: Arc<dyn Audit>, first_byte_within: Option<Duration>) -> Self {
        let places = StreamPlaces::default();
        Self {
            gate,
            clock,
            audit,
            first_byte_within,
            places,
            warm: Arc::default(),
            origin: None,
            answer_bytes_max: None,
        }
    }

    /// Lets pages of this origin (`*` for all) read answers in a browser.
    #[must_use]
    pub fn readable_by(self, origin: HeaderValue) -> Self {
        Self { origin: Some(origin), ..self }
    }

    /// Bounds answers in lines to so many bytes, as sent: whatever carries them on takes no more.
    #[must_use]
    pub fn answers_at_most(self, bytes: u64) -> Self {
        Self { answer_bytes_max: Some(bytes), ..self }
    }

    /// Refuses a request that no pipeline takes. It is recorded like any other.
    pub fn refuse(&self, parts: &Parts, arrival: &Arrival, error: &Error) -> Response<Body> {
        let visit = self.visit("none", parts, &PathParams::default(), arrival);
        visit.refused(error, parts.method == Method::HEAD)
    }

    fn visit(&self, route: &'static str, parts: &Parts, params: &PathParams, arrival: &Arrival) -> Visit {
        let name = |key: &str| Some(shorten(params.get(key))).filter(|name| !name.is_empty());
        let agent = parts.headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
        let event = Event {
            at: self.clock.now(),
            request_id: request_id(),
            upstream_id: arrival.upstream_id.clone(),
            route,
            share: name("share"),
            schema: name("schema"),
            table: name("table"),
            table_id: None,
            recipient_id: None,
            token_id: None,
            source_ip: arrival.source_ip.clone(),
            user_agent: agent.map(shorten),
            version: None,
            format: None,
            status: 0,
            error_code: None,
            problem: None,
            outcome: Outcome::ClientGone,
            files: 0,
            bytes: 0,
            urls_expire_at: None,
            cache_hits: Vec::new(),
            chunks: Chunks::default(),
            latency: Duration::ZERO,
            cold: !self.warm.swap(true, Ordering::Relaxed),
        };
        let started = self.clock.uptime();
        Visit { event, notes: Notes::default(), started, shared: self.clone() }
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
    handler: Answering,
    shared: Shared,
}

/// Who answers, and whom.
#[derive(Clone)]
enum Answering {
    /// Whoever the gate lets in.
    Admitted(Arc<dyn Handler>),
    /// Everybody.
    Public(Arc<dyn PublicHandler>),
}

/// How a request came, and how its answer will travel.
#[derive(Debug, Clone, Default)]
pub struct Arrival {
    /// The client's address, where it is known: the other end of the connection, never what a header says.
    pub source_ip: Option<String>,
    /// The id that the gateway in front gave the request.
    pub upstream_id: Option<String>,
    /// How long this process may work on it; none for ever.
    pub time_left: Option<Duration>,
    /// How the answer travels.
    pub transfer: Transfer,
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
    /// How it came.
    pub arrival: Arrival,
}

impl Pipeline {
    /// A pipeline for one route.
    pub fn new(handler: Arc<dyn Handler>, shared: Shared) -> Self {
        Self { handler: Answering::Admitted(handler), shared }
    }

    /// A pipeline for one route that everybody may call. Its answers are for people: pages of other origins cannot read
    /// them, whatever they may read of other routes.
    pub fn public(handler: Arc<dyn PublicHandler>, shared: Shared) -> Self {
        Self { handler: Answering::Public(handler), shared: Shared { origin: None, ..shared } }
    }

    /// What it shares with the other routes of its process.
    pub fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Answers a request. Never fails: what goes wrong is an answer too.
    pub async fn serve(&self, request: Request) -> Response<Body> {
        let Request { route, params, parts, body, arrival } = request;
        let mut visit = self.shared.visit(route.id, &parts, &params, &arrival);
        let span = tracing::error_span!(target: "spillway", "request", id = %visit.event.request_id);
        let head_request = parts.method == Method::HEAD;
        let time_left = arrival.time_left.map(|left| left.saturating_sub(INVOCATION_MARGIN));
        let notes = visit.notes.clone();
        let terms = Terms {
            places: self.shared.places.clone(),
            place: None,
            notes: visit.notes.clone(),
            clock: Arc::clone(&self.shared.clock),
            until: time_left.map(|left| visit.started + left),
            bytes_max: self.shared.answer_bytes_max,
        };
        // What stands there comes from the connection; anything else is no address.
        let address = arrival.source_ip.as_deref().and_then(|text| text.parse().ok());
        let asked = Asked { params, parts, body, transfer: arrival.transfer, address };
        let work = self.run(asked, terms, &mut visit.event);
        let work = notes.during(in_time(self.shared.first_byte_within.into_iter().chain(time_left).min(), work));
        // A defect in a handler costs this answer only.
        let outcome = AssertUnwindSafe(work).catch_unwind().instrument(span).await;
        match outcome.unwrap_or_else(|_| Err(Error::defect("a handler panicked"))) {
            Ok(response) => visit.answered(response),
            Err(error) => match &self.handler {
                Answering::Admitted(_) => visit.refused(&error, head_request),
                Answering::Public(handler) => {
                    let page = respond::refusal_page(&error, handler.refusal(&error));
                    visit.refused_in(page, &error)
                }
            },
        }
    }

    async fn run(&self, asked: Asked, terms: Terms, event: &mut Event) -> Result<Response<Body>, Error> {
        let Asked { params, parts, body, transfer, address } = asked;
        let handler = match &self.handler {
            Answering::Admitted(handler) => handler,
            Answering::Public(handler) => {
                let caller = Caller { method: parts.method, params, address, notes: terms.notes.clone() };
                return respond::answer(handler.handle(caller).await?, &parts.headers, transfer, terms);
            }
        };
        let identified = self.shared.gate.identify(&parts.headers).await?;
        event.recipient_id = Some(identified.holder().recipient_id.clone());
        event.token_id = identified.holder().token_id.clone();
        let recipient = identified.from_address(address)?;
        let query = QueryString::parse(parts.uri.query())?;
        let (headers, notes) = (parts.headers.clone(), terms.notes.clone());
        let call = Call { recipient, params, query, headers, body: body?, notes };
        let (reply, place) = self.reply(handler, call).await?;
        match &reply {
            Reply::Json(_) | Reply::Page(_) | Reply::Download(_) => {}
            Reply::Version(version) => event.version = Some(*version),
            Reply::Lines(lines) => (event.version, event.format) = (Some(lines.version), Some(lines.format)),
        }
        respond::answer(reply, &parts.headers, transfer, Terms { place, ..terms })
    }

    /// The handler's reply, with the place among the others that it goes on with. What waits for one has read nothing yet.
    async fn reply(&self, handler: &Arc<dyn Handler>, call: Call) -> Result<(Reply, Option<Place>), Error> {
        let place = match handler.reads_files() {
            true => Some(self.shared.places.making.take().await?),
            false => None,
        };
        Ok((handler.handle(call).await?, place))
    }
}

impl std::fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pipeline").field("shared", &self.shared).finish_non_exhaustive()
    }
}

/// What the work on a request begins with.
struct Asked {
    params: PathParams,
    parts: Parts,
    body: Result<Bytes, Error>,
    transfer: Transfer,
    /// Where it came from.
    address: Option<IpAddr>,
}

/// A request under way: what its event says so far.
struct Visit {
    event: Event,
    notes: Notes,
    started: Duration,
    shared: Shared,
}

impl Visit {
    fn refused(self, error: &Error, head_request: bool) -> Response<Body> {
        self.refused_in(respond::refusal(error, head_request), error)
    }

    fn refused_in(mut self, response: Response<Body>, error: &Error) -> Response<Body> {
        self.event.error_code = Some(respond::status(error).1);
        self.notes.problem(chain(error));
        self.answered(response)
    }

    fn answered(self, mut response: Response<Body>) -> Response<Body> {
        let Self { mut event, notes, started, shared } = self;
        name(&event.request_id, &mut response);
        if let Some(origin) = shared.origin {
            respond::let_read(&origin, response.headers_mut());
        }
        event.status = response.status().as_u16();
        let watch = Watch::new(event, notes, shared.audit, shared.clock, started);
        response.body_mut().watched(watch);
        response
    }
}

async fn in_time<T>(limit: Option<Duration>, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    match limit {
        Some(limit) => tokio::time::timeout(limit, work).await.unwrap_or(Err(Error::TimedOut)),
        None => work.await,
    }
}

/// Gives an id to an answer that no pipeline made.
pub fn identify(response: &mut Response<Body>) {
    name(&request_id(), response);
}

fn name(id: &str, response: &mut Response<Body>) {
    if let Ok(value) = HeaderValue::from_str(id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
}

/// Sixteen hex digits that a recipient can quote and the provider finds in the log.
fn request_id() -> String {
    entropy::bytes::<8>().map(hex::encode).unwrap_or_default()
}
