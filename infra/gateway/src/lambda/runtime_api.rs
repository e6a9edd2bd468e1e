//! The Runtime API of one execution environment: its process asks here for the next event and posts the answer.

use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};

use crate::answer::ANSWER_BYTES_MAX;

/// Pieces of a streamed answer that wait for the client.
const PIECES_MAX: usize = 16;

/// A piece of a streamed answer.
pub type Piece = Result<Bytes, BrokenOff>;

/// An answer that stopped in the middle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BrokenOff;

impl fmt::Display for BrokenOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the answer broke off")
    }
}

impl std::error::Error for BrokenOff {}

/// What a process posts.
#[derive(Debug)]
pub(super) enum Posted {
    /// A whole answer.
    Whole(Bytes),
    /// More than Lambda takes.
    TooLarge,
    /// The pieces of a streamed answer.
    Streamed(mpsc::Receiver<Piece>),
    /// That it failed, in its own words.
    Error(String),
}

/// One call.
#[derive(Debug)]
pub(super) struct Invocation {
    /// Its id.
    pub(super) id: String,
    /// When its time is over, in milliseconds since the epoch.
    pub(super) deadline_ms: u64,
    /// The function's ARN.
    pub(super) arn: String,
    /// What tracing calls it.
    pub(super) trace_id: String,
    /// The event.
    pub(super) event: Bytes,
    /// Where the answer goes.
    pub(super) posted: oneshot::Sender<Posted>,
    /// Told when the whole answer has come; dropped when the process's connection broke before.
    pub(super) done: oneshot::Sender<()>,
}

#[derive(Debug)]
struct Pending {
    id: String,
    posted: oneshot::Sender<Posted>,
    done: oneshot::Sender<()>,
}

/// What happened before the first event was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Init {
    /// Nothing yet.
    Running,
    /// The process asked for its first event.
    Ready,
    /// The process said that it cannot begin.
    Failed(String),
}

/// One environment's interface.
#[derive(Debug)]
pub(super) struct RuntimeApi {
    next: tokio::sync::Mutex<mpsc::Receiver<Invocation>>,
    pending: Mutex<Option<Pending>>,
    init: watch::Sender<Init>,
}

impl RuntimeApi {
    pub(super) fn new(next: mpsc::Receiver<Invocation>, init: watch::Sender<Init>) -> Self {
        Self { next: tokio::sync::Mutex::new(next), pending: Mutex::new(None), init }
    }

    /// Answers the process until the task is ended.
    pub(super) async fn serve(self: Arc<Self>, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            let api = Arc::clone(&self);
            let service = service_fn(move |request| {
                let api = Arc::clone(&api);
                async move { Ok::<_, Infallible>(api.answer(request).await) }
            });
            let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            // A process that was killed breaks its connection.
            tokio::spawn(async move { drop(connection.await) });
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path().to_owned();
        let Some(rest) = path.strip_prefix("/2018-06-01/runtime/") else { return said(StatusCode::NOT_FOUND, "") };
        let segments: Vec<&str> = rest.split('/').collect();
        match (request.method(), segments.as_slice()) {
            (&Method::GET, ["invocation", "next"]) => self.next().await,
            (&Method::POST, ["invocation", id, "response"]) => self.response(id, request).await,
            (&Method::POST, ["invocation", id, "error"]) => self.error(id, request).await,
            (&Method::POST, ["init", "error"]) => {
                let text = text_of(request.into_body()).await;
                self.init.send_replace(Init::Failed(text));
                said(StatusCode::ACCEPTED, r#"{"status":"OK"}"#)
            }
            _ => said(StatusCode::NOT_FOUND, ""),
        }
    }

    async fn next(&self) -> Response<Full<Bytes>> {
        self.init.send_if_modified(|init| {
            let first = *init == Init::Running;
            if first {
                *init = Init::Ready;
            }
            first
        });
        let Some(invocation) = self.next.lock().await.recv().await else { return said(StatusCode::GONE, "") };
        let Invocation { id, deadline_ms, arn, trace_id, event, posted, done } = invocation;
        let response = Response::builder()
            .header("content-type", "application/json")
            .header("lambda-runtime-aws-request-id", &id)
            .header("lambda-runtime-deadline-ms", deadline_ms)
            .header("lambda-runtime-invoked-function-arn", arn)
            .header("lambda-runtime-trace-id", trace_id)
            .body(Full::new(event));
        *self.pending.lock().unwrap_or_else(PoisonError::into_inner) = Some(Pending { id, posted, done });
        response.unwrap_or_else(|_| said(StatusCode::INTERNAL_SERVER_ERROR, ""))
    }

    fn taken(&self, id: &str) -> Option<Pending> {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        pending.take_if(|pending| pending.id == id)
    }

    async fn response(&self, id: &str, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let Some(pending) = self.taken(id) else {
            return said(StatusCode::BAD_REQUEST, r#"{"errorType":"InvalidRequestID"}"#);
        };
        let mode = request.headers().get("lambda-runtime-function-response-mode");
        let (posted, done) = (pending.posted, pending.done);
        if mode.is_some_and(|mode| mode.as_bytes().eq_ignore_ascii_case(b"streaming")) {
            let (sender, receiver) = mpsc::channel(PIECES_MAX);
            drop(posted.send(Posted::Streamed(receiver)));
            if passed_on(request.into_body(), sender).await {
                done.send(()).ok();
            }
            return said(StatusCode::ACCEPTED, r#"{"status":"OK"}"#);
        }
        let answer = match collected(request.into_body()).await {
            // Its connection broke, so it is about to end.
            None => return said(StatusCode::BAD_REQUEST, ""),
            Some(whole) => whole,
        };
        let too_large = matches!(answer, Posted::TooLarge);
        drop(posted.send(answer));
        done.send(()).ok();
        match too_large {
            true => said(StatusCode::PAYLOAD_TOO_LARGE, r#"{"errorType":"Function.ResponseSizeTooLarge"}"#),
            false => said(StatusCode::ACCEPTED, r#"{"status":"OK"}"#),
        }
    }

    async fn error(&self, id: &str, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let Some(pending) = self.taken(id) else {
            return said(StatusCode::BAD_REQUEST, r#"{"errorType":"InvalidRequestID"}"#);
        };
        drop(pending.posted.send(Posted::Error(text_of(request.into_body()).await)));
        said(StatusCode::ACCEPTED, r#"{"status":"OK"}"#)
    }
}

/// Passes the pieces on as they come. A client that went away stops nothing: a function runs to its end. Says whether the
/// process's connection held to the end; where it broke, the process is about to end.
async fn passed_on(mut body: Incoming, sender: mpsc::Sender<Piece>) -> bool {
    let failed = |trailers: &HeaderMap| trailers.contains_key("lambda-runtime-function-error-type");
    loop {
        let held = match body.frame().await {
            None => return true,
            Some(Err(_)) => false,
            Some(Ok(frame)) => match frame.into_data() {
                Ok(bytes) => {
                    drop(sender.send(Ok(bytes)).await);
                    continue;
                }
                Err(frame) if frame.trailers_ref().is_some_and(failed) => true,
                Err(_) => continue,
            },
        };
        drop(sender.send(Err(BrokenOff)).await);
        return held;
    }
}

/// The whole body, read to its end even when it is too large; nothing when it broke off.
async fn collected(mut body: Incoming) -> Option<Posted> {
    let mut whole = Vec::new();
    let mut bytes = 0;
    while let Some(frame) = body.frame().await {
        let Ok(piece) = frame.ok()?.into_data() else { continue };
        bytes += piece.len();
        if bytes <= ANSWER_BYTES_MAX {
            whole.extend_from_slice(&piece);
        }
    }
    Some(if bytes > ANSWER_BYTES_MAX { Posted::TooLarge } else { Posted::Whole(whole.into()) })
}

async fn text_of(body: Incoming) -> String {
    let bytes = http_body_util::Limited::new(body, ANSWER_BYTES_MAX).collect().await.map(|body| body.to_bytes());
    bytes.map_or_else(|error| error.to_string(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
}

fn said(status: StatusCode, body: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(body.as_bytes())));
    *response.status_mut() = status;
    response
}
