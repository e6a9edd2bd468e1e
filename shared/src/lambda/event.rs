//! Events of API Gateway, in either payload version, as requests. The path is taken as the client sent it, still
//! percent-encoded; the parameters that the gateway found in it are left alone, because it has decoded them.

use std::collections::BTreeMap;

use ::http::request::Parts;
use ::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use crate::error::Error;
use crate::limits::REQUEST_BODY_BYTES_MAX;

/// The version of an event, which its answer must have too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Payload {
    /// A REST API's.
    Version1,
    /// An HTTP API's, a function URL's, or that of `cargo lambda watch`.
    Version2,
}

type Texts = Option<BTreeMap<String, Option<String>>>;
type Lists = Option<BTreeMap<String, Option<Vec<String>>>>;

/// An event. What is missing or null is empty, so that an event of some other kind becomes a request for no route.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Event {
    version: Option<String>,
    http_method: Option<String>,
    path: Option<String>,
    raw_path: Option<String>,
    headers: Texts,
    multi_value_headers: Lists,
    query_string_parameters: Texts,
    multi_value_query_string_parameters: Lists,
    raw_query_string: Option<String>,
    body: Option<String>,
    is_base64_encoded: Option<bool>,
    request_context: Option<RequestContext>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RequestContext {
    request_id: Option<String>,
    resource_path: Option<String>,
    stage: Option<String>,
    identity: Option<Caller>,
    http: Option<Http>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Caller {
    source_ip: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Http {
    method: Option<String>,
    source_ip: Option<String>,
}

/// A request out of an event.
#[derive(Debug)]
pub(super) struct Incoming {
    /// Below the endpoint, still encoded.
    pub(super) path: String,
    /// Method, query string and headers.
    pub(super) parts: Parts,
    /// The body, or why it could not be read.
    pub(super) body: Result<Bytes, Error>,
    /// The client's address.
    pub(super) source_ip: Option<String>,
    /// The gateway's id of the request.
    pub(super) upstream_id: Option<String>,
}

impl Event {
    /// The request, and the version that the answer must have.
    pub(super) fn into_request(self) -> (Payload, Incoming) {
        let context = self.request_context.unwrap_or_default();
        let http = context.http.unwrap_or_default();
        let second = self.version.as_deref() == Some("2.0");
        let payload = if second { Payload::Version2 } else { Payload::Version1 };
        let (method, path, query) = if second {
            let path = without_stage(&self.raw_path.unwrap_or_default(), context.stage.as_deref());
            (http.method, path, self.raw_query_string.unwrap_or_default())
        } else {
            let path = below_prefix(&self.path.unwrap_or_default(), context.resource_path.as_deref());
            let query = encoded(self.multi_value_query_string_parameters, self.query_string_parameters);
            (self.http_method, path, query)
        };
        let mut body = body(self.body, self.is_base64_encoded == Some(true));
        let mut parts = ::http::Request::new(()).into_parts().0;
        // A method that is none finds no route.
        parts.method = Method::from_bytes(method.unwrap_or_default().as_bytes()).unwrap_or(Method::CONNECT);
        parts.headers = headers(self.multi_value_headers, self.headers);
        match format!("/?{query}").parse::<Uri>() {
            Ok(uri) => parts.uri = uri,
            Err(_) => body = Err(Error::MalformedRequest("The query string cannot be read; encode its values.".into())),
        }
        let source_ip = context.identity.and_then(|caller| caller.source_ip).or(http.source_ip);
        (payload, Incoming { path, parts, body, source_ip, upstream_id: context.request_id })
    }
}

/// Version 1: the path ends in as many segments as the resource that the gateway matched has; before them may come the
/// base path of a domain, or a stage. Nothing here depends on how either is called.
fn below_prefix(path: &str, resource: Option<&str>) -> String {
    let segments = |text: &str| text.split('/').filter(|segment| !segment.is_empty()).count();
    let Some(resource) = resource.filter(|resource| resource.starts_with('/') && !resource.contains("+}")) else {
        return path.to_owned();
    };
    let before = segments(path).saturating_sub(segments(resource));
    joined(path.split('/').filter(|segment| !segment.is_empty()).skip(before))
}

/// Version 2: the path begins with the stage, unless it is the default one.
fn without_stage(path: &str, stage: Option<&str>) -> String {
    let mut segments = path.split('/').filter(|segment| !segment.is_empty()).peekable();
    if stage.is_some_and(|stage| stage != "$default" && segments.peek() == Some(&stage)) {
        segments.next();
    }
    joined(segments)
}

fn joined<'a>(segments: impl Iterator<Item = &'a str>) -> String {
    segments.flat_map(|segment| ["/", segment]).collect()
}

/// Version 1 brings parameters decoded. Encoded again they can be read like any other query string, once.
fn encoded(lists: Lists, singles: Texts) -> String {
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let pairs = merged(lists, singles).into_iter().flat_map(|(name, values)| {
        let name = encode(&name);
        values.into_iter().map(move |value| format!("{name}={}", encode(&value)))
    });
    pairs.collect::<Vec<_>>().join("&")
}

fn headers(lists: Lists, singles: Texts) -> HeaderMap {
    let mut out = HeaderMap::new();
    for (name, values) in merged(lists, singles) {
        let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else { continue };
        // One that cannot be a header is dropped alone; the request may not need it.
        for value in values.iter().filter_map(|value| HeaderValue::from_bytes(value.as_bytes()).ok()) {
            out.append(name.clone(), value);
        }
    }
    out
}

/// The lists, and what only the single values have.
fn merged(lists: Lists, singles: Texts) -> BTreeMap<String, Vec<String>> {
    let mut out: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, values) in lists.unwrap_or_default() {
        out.insert(name, values.unwrap_or_default());
    }
    for (name, value) in singles.unwrap_or_default() {
        out.entry(name).or_insert_with(|| value.into_iter().collect());
    }
    out
}

fn body(text: Option<String>, base64: bool) -> Result<Bytes, Error> {
    let text = text.unwrap_or_default();
    let bytes = if base64 {
        STANDARD
            .decode(text)
            .map_err(|_| Error::MalformedRequest("The request body did not arrive as it was sent.".into()))?
    } else {
        text.into_bytes()
    };
    if bytes.len() > REQUEST_BODY_BYTES_MAX {
        return Err(Error::BodyTooLarge { max_bytes: REQUEST_BODY_BYTES_MAX });
    }
    Ok(bytes.into())
}
