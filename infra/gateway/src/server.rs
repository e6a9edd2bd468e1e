//! The front door: requests in, answers out, as API Gateway does it.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, Limited, StreamBody};
use hyper::body::{Frame, Incoming as IncomingBody};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::answer;
use crate::api::{Api, Route, Transfer};
use crate::event::{self, Incoming, REQUEST_BYTES_MAX};
use crate::lambda::{BrokenOff, Failure, Lambda, Piece, Reply};
use crate::logs::{Sink, Stream};
use crate::now;
use crate::prelude::{Prelude, Progress};
use crate::refusal::Refusal;

/// The body of an answer; an error in it breaks the connection, so that no client takes a part for the whole.
pub type Body = UnsyncBoxBody<Bytes, BrokenOff>;

/// The gateway.
#[derive(Debug)]
pub struct Gateway {
    api: Api,
    lambda: Lambda,
    access: Option<(String, Sink, Stream)>,
}

impl Gateway {
    /// A gateway for an API and its functions.
    pub fn new(api: Api, lambda: Lambda, access: Option<Sink>) -> Self {
        let format = api.access_log.as_ref().map(|(format, _)| format.clone());
        let access = format.zip(access).map(|(format, sink)| {
            let stream = sink.platform_stream();
            (format, sink, stream)
        });
        Self { api, lambda, access }
    }

    /// Answers a request.
    pub async fn answer(self: Arc<Self>, request: Request<IncomingBody>, peer: SocketAddr) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let began = Instant::now();
        let mut record = Record {
            gateway: Arc::clone(&self),
            began,
            request_id: now::fresh_id(),
            source_ip: peer.ip().to_string(),
            method: parts.method.to_string(),
            route: String::new(),
            user_agent: parts.headers.get("user-agent").map(|v| String::from_utf8_lossy(v.as_bytes()).into_owned()),
            status: StatusCode::OK,
            bytes: 0,
            function_ms: None,
        };
        let path = parts.uri.path().strip_prefix('/').and_then(|path| path.strip_prefix(self.api.stage.as_str()));
        // Another stage does not exist, and has no answers of its own either.
        let Some(path) = path.filter(|path| path.is_empty() || path.starts_with('/')) else {
            let mut headers = HeaderMap::new();
            headers.insert("content-type", HeaderValue::from_static("application/json"));
            headers.insert("x-amzn-errortype", HeaderValue::from_static("ForbiddenException"));
            return record.whole(StatusCode::FORBIDDEN, headers, Bytes::from_static(br#"{"message":"Forbidden"}"#));
        };
        let Some((route, values)) = self.api.find(parts.method.as_str(), path) else {
            let mut fixed = self.api.mocks.iter().filter_map(|mock| mock.answer(parts.method.as_str(), path));
            return match fixed.next() {
                Some((status, headers, body)) => record.whole(status, headers, body.into()),
                None => record.refused(Refusal::MissingAuthenticationToken),
            };
        };
        record.route.clone_from(&route.path);
        let body = match Limited::new(body, REQUEST_BYTES_MAX).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<http_body_util::LengthLimitError>() => {
                return record.refused(Refusal::RequestTooLarge);
            }
            Err(_) => return record.refused(Refusal::BadRequestBody),
        };
        let trace_id = format!(
            "Root=1-{:08x}-{}",
            now::millis() / 1000,
            now::fresh_id().replace('-', "").get(..24).unwrap_or_default()
        );
        let incoming = Incoming {
            parts: &parts,
            body,
            path,
            values,
            source_ip: record.source_ip.clone(),
            request_id: &record.request_id,
            trace_id: &trace_id,
        };
        let Some(event) = event::event(&self.api, route, incoming) else {
            return record.refused(Refusal::BadRequestBody);
        };
        let event = Bytes::from(event.to_string());
        if event.len() > answer::ANSWER_BYTES_MAX {
            return record.refused(Refusal::RequestTooLarge);
        }
        self.called(route, &parts.headers, event, record).await
    }

    async fn called(&self, route: &Route, request: &HeaderMap, event: Bytes, mut record: Record) -> Response<Body> {
        let end = record.began + route.timeout;
        let called = Instant::now();
        let reply = self.lambda.invoke(&route.function, event, end.saturating_duration_since(called)).await;
        record.function_ms = Some(called.elapsed().as_millis());
        match (reply, route.transfer) {
            (Ok(Reply::Whole(envelope)), Transfer::Buffered) => match answer::whole(&self.api, request, &envelope) {
                Some((status, headers, body)) => record.whole(status, headers, body),
                None => record.refused(Refusal::BadAnswer),
            },
            (Ok(Reply::Streamed(pieces)), Transfer::Streamed) => streamed(pieces, end, record).await,
            // The function answers in the way that its route does not have.
            (Ok(_), _) | (Err(Failure::Function(_) | Failure::TimedOut | Failure::TooLarge), _) => {
                record.refused(Refusal::BadAnswer)
            }
            (Err(Failure::NotWaited), _) => record.refused(Refusal::IntegrationTimeout),
        }
    }
}

async fn streamed(mut pieces: mpsc::Receiver<Piece>, end: Instant, mut record: Record) -> Response<Body> {
    let mut prelude = Prelude::default();
    loop {
        let piece = match tokio::time::timeout_at(end, pieces.recv()).await {
            Ok(Some(Ok(piece))) => piece,
            Ok(Some(Err(BrokenOff)) | None) => return record.refused(Refusal::BadAnswer),
            Err(_) => return record.refused(Refusal::IntegrationTimeout),
        };
        match prelude.push(&piece) {
            Progress::More => {}
            Progress::Malformed => return record.refused(Refusal::BadAnswer),
            Progress::Begins(status, headers, first) => {
                record.status = status;
                let mut head = headers;
                record.mark(&mut head);
                let mut response = Response::new(body(first, pieces, end, record));
                *response.status_mut() = status;
                *response.headers_mut() = head;
                return response;
            }
        }
    }
}

/// The body, as its pieces come. What is not whole ends in an error.
fn body(first: Bytes, pieces: mpsc::Receiver<Piece>, end: Instant, record: Record) -> Body {
    let state = (Some(first).filter(|first| !first.is_empty()), pieces, record, false);
    let frames = stream::unfold(state, move |(first, mut pieces, mut record, over)| async move {
        if over {
            return None;
        }
        let piece = match first {
            Some(first) => Ok(first),
            None => match tokio::time::timeout_at(end, pieces.recv()).await {
                Ok(piece) => piece?,
                Err(_) => Err(BrokenOff),
            },
        };
        record.bytes += piece.as_ref().map_or(0, Bytes::len);
        let over = piece.is_err();
        Some((piece.map(Frame::data), (None, pieces, record, over)))
    });
    StreamBody::new(frames).boxed_unsync()
}

/// What the access log says of a request. It is written when the answer has ended.
struct Record {
    gateway: Arc<Gateway>,
    began: Instant,
    request_id: String,
    source_ip: String,
    method: String,
    route: String,
    user_agent: Option<String>,
    status: StatusCode,
    bytes: usize,
    function_ms: Option<u128>,
}

impl Record {
    fn refused(self, refusal: Refusal) -> Response<Body> {
        let (status, headers, body) = self.gateway.api.responses.answer(refusal, &self.request_id);
        self.whole(status, headers, body.into())
    }

    fn whole(mut self, status: StatusCode, mut headers: HeaderMap, body: Bytes) -> Response<Body> {
        self.status = status;
        self.bytes = body.len();
        self.mark(&mut headers);
        let mut response = Response::new(Full::new(body).map_err(|never| match never {}).boxed_unsync());
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }

    /// The headers that API Gateway puts on every answer.
    fn mark(&self, headers: &mut HeaderMap) {
        if let Ok(id) = HeaderValue::from_str(&self.request_id) {
            headers.insert("x-amz-apigw-id", id.clone());
            headers.insert("x-amzn-requestid", id);
        }
    }

    fn line(&self, format: &str) -> String {
        let quoted = |text: &str| {
            let json = serde_json::Value::from(text).to_string();
            json.trim_matches('"').to_owned()
        };
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        format
            .replace("$context.requestId", &self.request_id)
            .replace("$context.identity.sourceIp", &self.source_ip)
            .replace("$context.identity.userAgent", &quoted(self.user_agent.as_deref().unwrap_or("-")))
            .replace("$context.httpMethod", &quoted(&self.method))
            .replace("$context.resourcePath", &quoted(if self.route.is_empty() { "-" } else { &self.route }))
            .replace("$context.status", self.status.as_str())
            .replace("$context.responseLength", &self.bytes.to_string())
            .replace("$context.responseLatency", &self.began.elapsed().as_millis().to_string())
            .replace("$context.integrationLatency", &or_dash(self.function_ms.map(|ms| ms.to_string())))
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        if let Some((format, sink, stream)) = &self.gateway.access {
            sink.write(stream, now::millis(), self.line(format));
        }
    }
}
