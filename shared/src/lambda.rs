//! One route as a Lambda function behind API Gateway.
//!
//! Deployed is a REST API, whose events are of payload version 1; `cargo lambda watch` sends version 2. Both are read
//! here, without the conversions of `lambda_http`: those lose repeated headers, write a blank in a query as a plus, refuse
//! a whole event for one header that is not ASCII, and panic at a strange `Host`.
//!
//! A route's answers travel in one of two ways, which the route table names and the template must agree with:
//!
//! * **Buffered**: the whole answer as text in an envelope, never compressed here. API Gateway compresses it
//!   (`MinimumCompressionSize`); compressed here it would have to be base64, a third larger again under the same bound of
//!   6 MB, and every route would depend on `BinaryMediaTypes`. Lists are cut so that they fit; what cannot fit is refused.
//! * **Streamed**: status and headers, then the body as it is made, compressed here because the gateway does not. Errors
//!   take the same way as answers. The runtime would write an error item of a body as text and end the body properly, so
//!   the body given to it has no error items: one that broke off ends in bytes that no client can read
//!   ([`BROKEN_OFF`](crate::http::body::BROKEN_OFF); in gzip also a block of no kind, and no trailer).
//!
//! A function runs on a runtime of several threads: while one opens connections or fetches the log, another may be busy
//! compressing, and a decoder that takes long on one must not hold up the bytes on another. One thread would do, since
//! lines are made on a thread of their own, but it would put the TLS handshakes of a cold start one after another.

use std::sync::Arc;
use std::time::Duration;

use ::http::{Method, Response};
use lambda_http::{LambdaEvent, service_fn};
use lambda_runtime::{FunctionResponse, MetadataPrelude, Runtime, StreamResponse};

use crate::clock::{Clock, SystemClock};
use crate::error::Error as Outcome;
use crate::http::body::Body;
use crate::http::pipeline::{Arrival, Pipeline, Request};
use crate::route::{self, ROUTES, Transfer};

mod envelope;
mod event;
mod pieces;

pub use envelope::Envelope;
pub use event::Event;
pub use pieces::Pieces;

use event::Incoming;

/// Why a function could not start.
pub type Error = lambda_http::Error;

/// What goes back to Lambda.
pub type Answer = FunctionResponse<Envelope, Pieces>;

/// The earliest deadline that is a moment, in milliseconds since the epoch: a year. `cargo lambda watch` sends the length of
/// a time limit, 600000, where Lambda sends the moment.
const MOMENT_MS_MIN: u64 = 365 * 24 * 60 * 60 * 1000;

/// Answers one route until Lambda ends the process.
///
/// # Errors
/// When the route table has no such route, or the runtime's interface is not there.
pub async fn serve(route_id: &str, pipeline: Pipeline) -> Result<(), Error> {
    let function = Arc::new(Function::new(route_id, pipeline, SystemClock::shared())?);
    let handler = service_fn(move |event: LambdaEvent<Event>| {
        let function = Arc::clone(&function);
        async move { Ok::<Answer, Error>(function.answer(event.payload, event.context.deadline).await) }
    });
    Runtime::new(handler).run().await
}

/// A route with its handler, as Lambda calls it.
#[derive(Debug)]
pub struct Function {
    route_id: &'static str,
    transfer: Transfer,
    pipeline: Pipeline,
    clock: Arc<dyn Clock>,
}

impl Function {
    /// The function of one route.
    ///
    /// # Errors
    /// When the route table has no such route.
    pub fn new(route_id: &str, pipeline: Pipeline, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let route = ROUTES.iter().find(|route| route.id == route_id);
        let route = route.ok_or_else(|| format!("the route table has no route '{route_id}'"))?;
        Ok(Self { route_id: route.id, transfer: route.transfer, pipeline, clock })
    }

    /// Answers an event. `deadline` is when Lambda ends the invocation, in milliseconds since the epoch; 0 is
    /// unknown, and so is what can be no moment.
    pub async fn answer(&self, event: Event, deadline: u64) -> Answer {
        let (payload, incoming) = event.into_request();
        let Incoming { path, parts, body, source_ip, upstream_id } = incoming;
        let time_left = self.time_left(deadline);
        let arrival = Arrival { source_ip, upstream_id, time_left, transfer: self.transfer };
        let response = match self.found(&parts.method, &path) {
            Ok((route, params)) => self.pipeline.serve(Request { route, params, parts, body, arrival }).await,
            Err(error) => self.pipeline.shared().refuse(&parts, &arrival, &error),
        };
        match self.transfer {
            Transfer::Buffered => FunctionResponse::BufferedResponse(Envelope::of(response, payload).await),
            Transfer::Streamed => FunctionResponse::StreamingResponse(streamed(response)),
        }
    }

    /// A function answers its own route and no other, whatever the gateway in front was told.
    fn found(
        &self,
        method: &Method,
        path: &str,
    ) -> Result<(&'static route::Route, crate::handlers::PathParams), Outcome> {
        let (route, params) = route::find(method, path)?;
        if route.id == self.route_id { Ok((route, params)) } else { Err(Outcome::NoSuchRoute) }
    }

    fn time_left(&self, deadline: u64) -> Option<Duration> {
        let now = u64::try_from(self.clock.now().millis()).unwrap_or(0);
        (deadline >= MOMENT_MS_MIN).then(|| Duration::from_millis(deadline.saturating_sub(now)))
    }
}

fn streamed(response: Response<Body>) -> StreamResponse<Pieces> {
    let (parts, body) = response.into_parts();
    let metadata_prelude = MetadataPrelude { status_code: parts.status, headers: parts.headers, cookies: Vec::new() };
    StreamResponse { metadata_prelude, stream: Pieces::of(body) }
}

#[cfg(test)]
mod tests;
