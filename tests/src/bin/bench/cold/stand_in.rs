//! The Runtime API for one process, which gets one event, and the answers of DynamoDB and Secrets Manager that a function
//! waits for while it starts.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::json;
use shared::clock::Clock;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How long a call may take, as the process is told.
const TIME_LIMIT_SECS: i64 = 30;

/// What stands in for AWS.
pub(super) struct StandIn {
    /// `host:port`.
    pub(super) address: String,
    seen: watch::Receiver<Seen>,
    serving: JoinHandle<()>,
}

/// By the clock's uptime, what has happened.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    first_next: Option<Duration>,
    answer: Option<Duration>,
}

impl StandIn {
    /// Waits for a process and has this event for it.
    ///
    /// # Errors
    /// When no port can be had.
    pub(super) async fn start(event: String, clock: Arc<dyn Clock>) -> Result<Self, String> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(|error| format!("no port: {error}"))?;
        let address = listener.local_addr().map_err(|error| format!("no port: {error}"))?.to_string();
        let (sender, seen) = watch::channel(Seen::default());
        let side = Arc::new(Side { event, clock, seen: sender });
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let side = Arc::clone(&side);
                let service = service_fn(move |request| {
                    let side = Arc::clone(&side);
                    async move { Ok::<_, Infallible>(side.answer(request).await) }
                });
                let connection =
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                // A process that has ended breaks its connection.
                tokio::spawn(async move { drop(connection.await) });
            }
        });
        Ok(Self { address, seen, serving })
    }

    /// When the process asked for an event first, and when its answer was whole.
    pub(super) async fn answered(&self) -> (Duration, Duration) {
        let mut seen = self.seen.clone();
        let seen = seen.wait_for(|seen| seen.answer.is_some()).await.map(|seen| *seen).unwrap_or_default();
        (seen.first_next.unwrap_or_default(), seen.answer.unwrap_or_default())
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

struct Side {
    event: String,
    clock: Arc<dyn Clock>,
    seen: watch::Sender<Seen>,
}

impl Side {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        match request.uri().path() {
            path if path.ends_with("/invocation/next") => self.next().await,
            path if path.starts_with("/2018-06-01/runtime/") => {
                // Streamed or not: the answer is there when all of it is.
                let whole = request.into_body().collect().await.is_ok();
                let at = self.clock.uptime();
                self.seen.send_modify(|seen| seen.answer = seen.answer.or(whole.then_some(at)));
                said(StatusCode::ACCEPTED, r#"{"status":"OK"}"#)
            }
            _ => service(&request),
        }
    }

    async fn next(&self) -> Response<Full<Bytes>> {
        let at = self.clock.uptime();
        let first = self.seen.borrow().first_next.is_none();
        if !first {
            return std::future::pending().await;
        }
        self.seen.send_modify(|seen| seen.first_next = Some(at));
        let deadline = self.clock.now().plus_secs(TIME_LIMIT_SECS).millis();
        let response = Response::builder()
            .header("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd")
            .header("lambda-runtime-deadline-ms", deadline)
            .header("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:000000000000:function:bench")
            .body(Full::new(Bytes::from(self.event.clone())));
        response.unwrap_or_else(|_| said(StatusCode::INTERNAL_SERVER_ERROR, ""))
    }
}

/// What a service says: a catalogue with nothing in it, and a keyring.
fn service(request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    if target.ends_with(".GetItem") {
        return said(StatusCode::OK, "{}");
    }
    if target == "secretsmanager.GetSecretValue" {
        let keys = json!({"current": "k1", "k1": "b".repeat(64)}).to_string();
        return said(StatusCode::OK, json!({"Name": "keyring", "SecretString": keys}).to_string());
    }
    said(StatusCode::BAD_REQUEST, r#"{"__type":"UnknownOperationException"}"#)
}

fn said(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response
}
