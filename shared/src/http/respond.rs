//! From outcomes to HTTP: the one place that knows status codes, error codes, header names and compression.

use ::http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ALLOW, CACHE_CONTROL, CONTENT_DISPOSITION,
    CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, VARY, WWW_AUTHENTICATE,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use ::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::body::Body;
use super::coding::Coding;
use super::stream::{Form, Terms};
use super::{gzip, stream};
use crate::error::Error;
use crate::handlers::{Download, Lines, Page, Reply};
use crate::limits::{COMPRESS_BYTES_MIN, ENVELOPED_BYTES_MAX};
use crate::model::capability::ResponseFormat;
use crate::model::weight::AtLeast;
use crate::route::Transfer;
use crate::wire::error_body::ErrorBody;

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
const NDJSON: HeaderValue = HeaderValue::from_static("application/x-ndjson; charset=utf-8");
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const ROBOTS: HeaderName = HeaderName::from_static("x-robots-tag");
const TABLE_VERSION: HeaderName = HeaderName::from_static("delta-table-version");
const CAPABILITIES: HeaderName = HeaderName::from_static("delta-sharing-capabilities");
const FILE_ID_HASH: HeaderName = HeaderName::from_static("fileidhash");
/// The headers of answers that a page may read beside the few it always may.
const EXPOSED: HeaderValue =
    HeaderValue::from_static("delta-table-version, delta-sharing-capabilities, fileidhash, retry-after, x-request-id");

/// Status and error code of every outcome (protocol, "errorCode"; deterministic failures are never 5xx or 429, which
/// clients repeat for minutes).
pub fn status(error: &Error) -> (StatusCode, &'static str) {
    match error {
        Error::Unauthenticated => (StatusCode::UNAUTHORIZED, "UNAUTHENTICATED"),
        Error::AddressRefused { .. } | Error::RuleUnmet(_) => (StatusCode::FORBIDDEN, "PERMISSION_DENIED"),
        Error::NoSuchRoute
        | Error::LinkUnknown
        | Error::ShareNotFound { .. }
        | Error::SchemaNotFound { .. }
        | Error::TableNotFound { .. } => (StatusCode::NOT_FOUND, "RESOURCE_DOES_NOT_EXIST"),
        Error::LinkEnded(_) => (StatusCode::GONE, "GONE"),
        Error::MethodNotAllowed { .. } => (StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED"),
        Error::InvalidParameter(_) => (StatusCode::BAD_REQUEST, "INVALID_PARAMETER_VALUE"),
        Error::MalformedRequest(_) | Error::BadTable(_) | Error::VersionNotFound(_) => {
            (StatusCode::BAD_REQUEST, "MALFORMED_REQUEST")
        }
        Error::Unsupported(_) => (StatusCode::BAD_REQUEST, "UNSUPPORTED_OPERATION"),
        Error::BodyTooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "REQUEST_TOO_LARGE"),
        Error::AnswerTooLarge | Error::AnswerOverLimit { .. } | Error::AnswerOutgrew { .. } => {
            (StatusCode::BAD_REQUEST, "ANSWER_TOO_LARGE")
        }
        Error::TableFilesMissing(_) | Error::StorageDenied(_) | Error::WrongRegion(_) => {
            (StatusCode::BAD_REQUEST, "RESOURCE_DOES_NOT_EXIST")
        }
        Error::StorageUnavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "TEMPORARILY_UNAVAILABLE"),
        Error::TimedOut | Error::Busy => (StatusCode::SERVICE_UNAVAILABLE, "TEMPORARILY_UNAVAILABLE"),
        Error::Internal { .. } => (StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR"),
    }
}

/// An answer, fit for the way it will travel. The terms hold for one that is streamed.
///
/// # Errors
/// [`Error::AnswerTooLarge`] when it must travel whole and cannot, [`Error::AnswerOverLimit`] when it is known to be larger
/// than may be sent.
pub fn answer(reply: Reply, request: &HeaderMap, transfer: Transfer, terms: Terms) -> Result<Response<Body>, Error> {
    match reply {
        Reply::Json(body) => packed(JSON, body, request, transfer),
        Reply::Page(page) => Ok(self::page(page)),
        Reply::Download(file) => download(file),
        Reply::Version(version) => {
            let mut response = Response::new(Body::whole(Vec::new()));
            response.headers_mut().insert(TABLE_VERSION, HeaderValue::from(version.number()));
            Ok(response)
        }
        Reply::Lines(Lines { version, format, id_hash, end_of_stream, head, at_least, rest }) => {
            let mut response = match rest {
                None => packed(NDJSON, head, request, transfer)?,
                Some(_) if transfer == Transfer::Buffered => {
                    return Err(Error::defect("a listing has no end that an envelope could be closed at"));
                }
                Some(producer) => {
                    let coding = Coding::accepted(request);
                    if let (Some(max_bytes), Some(at_least)) = (terms.bytes_max, at_least) {
                        fits(at_least, head.len() as u64, coding.is_some(), max_bytes)?;
                    }
                    let form = Form { coding, end_of_stream };
                    let mut response = Response::new(stream::start(head, producer, form, terms));
                    response.headers_mut().insert(CONTENT_TYPE, NDJSON);
                    if let Some(coding) = coding {
                        mark_compressed(coding, &mut response);
                    }
                    response
                }
            };
            let headers = response.headers_mut();
            headers.insert(TABLE_VERSION, HeaderValue::from(version.number()));
            let capabilities = match (format, end_of_stream) {
                (ResponseFormat::Parquet, false) => "responseformat=parquet",
                (ResponseFormat::Delta, false) => "responseformat=delta",
                (ResponseFormat::Parquet, true) => "responseformat=parquet;includeendstreamaction=true",
                (ResponseFormat::Delta, true) => "responseformat=delta;includeendstreamaction=true",
            };
            headers.insert(CAPABILITIES, HeaderValue::from_static(capabilities));
            if let Some(hash) = id_hash {
                headers.insert(FILE_ID_HASH, HeaderValue::from_static(hash.as_str()));
            }
            Ok(response)
        }
    }
}

/// Whether an answer may be begun, as far as is known of it.
fn fits(at_least: AtLeast, head_bytes: u64, compressed: bool, max_bytes: u64) -> Result<(), Error> {
    let AtLeast { files, plain, packed } = at_least;
    let at_least = if compressed { packed } else { plain.saturating_add(head_bytes) };
    if at_least <= max_bytes { Ok(()) } else { Err(Error::AnswerOverLimit { files, at_least, max_bytes, compressed }) }
}

/// A page. A browser may run nothing in it, load nothing for it, show it in no other page, keep no copy of it and tell
/// nobody where it was: its address is a secret.
fn page(page: Page) -> Response<Body> {
    let style = STANDARD.encode(Sha256::digest(page.style));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    let mut response = Response::new(Body::whole(page.html));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HTML);
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    keep_private(headers);
    response
}

/// A file, under a type that no browser shows or gives another ending.
fn download(file: Download) -> Result<Response<Body>, Error> {
    let mut response = Response::new(Body::whole(file.body));
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{}\"", file.file_name));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    let disposition = disposition.map_err(|error| Error::internal("a file's name fits no header", error))?;
    headers.insert(CONTENT_DISPOSITION, disposition);
    keep_private(headers);
    Ok(response)
}

fn keep_private(headers: &mut HeaderMap) {
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(ROBOTS, HeaderValue::from_static("noindex, nofollow"));
}

/// The page for an error.
pub fn refusal_page(error: &Error, page: Page) -> Response<Body> {
    let mut response = self::page(page);
    *response.status_mut() = status(error).0;
    response
}

/// The answer for an error. A HEAD request gets the status alone.
pub fn refusal(error: &Error, head_request: bool) -> Response<Body> {
    let (status, code) = status(error);
    let body = ErrorBody { error_code: code, message: &error.public() };
    let body = if head_request { Vec::new() } else { serde_json::to_vec(&body).unwrap_or_default() };
    let mut response = Response::new(Body::whole(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, JSON);
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let Error::MethodNotAllowed { allow } = error
        && let Ok(value) = HeaderValue::from_str(allow)
    {
        headers.insert(ALLOW, value);
    }
    response
}

fn packed(
    content_type: HeaderValue,
    body: Vec<u8>,
    request: &HeaderMap,
    transfer: Transfer,
) -> Result<Response<Body>, Error> {
    // What travels in an envelope is compressed outside of it: inside it would be base64, a third larger again.
    let compress = transfer == Transfer::Streamed && body.len() >= COMPRESS_BYTES_MIN && Coding::takes_gzip(request);
    if transfer == Transfer::Buffered && enveloped_bytes(&body) > ENVELOPED_BYTES_MAX {
        return Err(Error::AnswerTooLarge);
    }
    let mut response = Response::new(Body::whole(if compress { gzip::whole(&body)? } else { body }));
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    if compress {
        mark_compressed(Coding::Gzip, &mut response);
    }
    Ok(response)
}

/// The length of a text as a JSON string, without its quotes.
fn enveloped_bytes(text: &[u8]) -> usize {
    text.iter()
        .map(|byte| match byte {
            b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 2,
            0..0x20 => 6,
            _ => 1,
        })
        .sum()
}

fn mark_compressed(coding: Coding, response: &mut Response<Body>) {
    response.headers_mut().insert(CONTENT_ENCODING, coding.name());
    response.headers_mut().append(VARY, HeaderValue::from_static("accept-encoding"));
}

/// Lets pages of an origin read an answer and the protocol's headers (Fetch standard, "CORS protocol").
pub fn let_read(origin: &HeaderValue, headers: &mut HeaderMap) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    if origin != "*" {
        headers.append(VARY, HeaderValue::from_static("origin"));
    }
}

#[cfg(test)]
mod tests {
    use ::http::header::ACCEPT_ENCODING;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_enveloped_length_is_that_of_the_json_string(text in any::<String>()) {
            prop_assert_eq!(enveloped_bytes(text.as_bytes()) + 2, serde_json::to_string(&text).unwrap().len());
        }
    }

    #[test]
    fn a_list_page_always_fits_its_envelope() {
        use crate::limits::{LIST_PAGE_BYTES_MAX, PAGE_TOKEN_CHARS_MAX};
        // Escaping at most doubles what JSON is made of; two kilobytes are more than what stands around the items.
        const { assert!(2 * (LIST_PAGE_BYTES_MAX + PAGE_TOKEN_CHARS_MAX + 2_048) < ENVELOPED_BYTES_MAX) };
    }

    #[test]
    fn what_cannot_travel_whole_is_refused_and_what_can_is_not_compressed() {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        let body = |len: usize| vec![b'"'; len];
        let small = packed(NDJSON, body(ENVELOPED_BYTES_MAX / 2), &headers, Transfer::Buffered).unwrap();
        assert!(!small.headers().contains_key(CONTENT_ENCODING));
        let large = packed(NDJSON, body(ENVELOPED_BYTES_MAX / 2 + 1), &headers, Transfer::Buffered);
        assert!(matches!(large, Err(Error::AnswerTooLarge)));
        let direct = packed(NDJSON, body(ENVELOPED_BYTES_MAX / 2 + 1), &headers, Transfer::Streamed).unwrap();
        assert!(direct.headers().contains_key(CONTENT_ENCODING));
    }

    #[test]
    fn a_page_lets_in_its_own_style_alone() {
        let response = page(Page { html: b"<style>a{}</style>".to_vec(), style: "a{}" });
        let policy = response.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap();
        let digest = STANDARD.encode(Sha256::digest("a{}"));
        assert!(policy.starts_with(&format!("default-src 'none'; style-src 'sha256-{digest}';")), "{policy}");
    }
}
