//! A request as API Gateway hands it to a function: an event of payload version 1. The path stays as the client sent it,
//! the values in it are decoded once, the stage is in the context.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use flate2::bufread::{GzDecoder, ZlibDecoder};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderMap, HeaderValue, request::Parts};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};
use std::io::Read as _;

use crate::api::{Api, Route};
use crate::now;

/// The largest request that API Gateway takes.
pub const REQUEST_BYTES_MAX: usize = 10 * 1024 * 1024;

/// Headers of the connection, which no function sees.
const DROPPED: [&str; 8] =
    ["connection", "expect", "keep-alive", "proxy-authenticate", "te", "trailer", "transfer-encoding", "upgrade"];

/// A request that has come in.
#[derive(Debug)]
pub struct Incoming<'a> {
    /// Its head.
    pub parts: &'a Parts,
    /// Its body.
    pub body: Bytes,
    /// The path below the stage, as it was sent.
    pub path: &'a str,
    /// The values in the path.
    pub values: Vec<(String, String)>,
    /// Where it comes from.
    pub source_ip: String,
    /// What the gateway calls it.
    pub request_id: &'a str,
    /// What tracing calls it.
    pub trace_id: &'a str,
}

/// The event; `None` when a compressed body cannot be read, or is too large.
pub fn event(api: &Api, route: &Route, incoming: Incoming<'_>) -> Option<Value> {
    let Incoming { parts, body, path, values, source_ip, request_id, trace_id } = incoming;
    let mut headers = parts.headers.clone();
    DROPPED.iter().for_each(|name| drop(headers.remove(*name)));
    let body = if api.compression_bytes_min.is_some() { decompressed(&mut headers, body)? } else { body };
    let forwarded = match headers.get("x-forwarded-for").and_then(|value| value.to_str().ok()) {
        Some(before) => format!("{before}, {source_ip}"),
        None => source_ip.clone(),
    };
    for (name, value) in [
        ("x-forwarded-for", forwarded.as_str()),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-port", "443"),
        ("x-amzn-trace-id", trace_id),
    ] {
        headers.insert(name, HeaderValue::from_str(value).ok()?);
    }
    let (single, multiple) = header_maps(&headers);
    let (query, queries) = query_maps(parts.uri.query().unwrap_or_default());
    let text = |name| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let binary = text(CONTENT_TYPE).is_some_and(|kind| is_binary(api, &kind));
    let values: Map<String, Value> = values.into_iter().map(|(name, value)| (name, value.into())).collect();
    let date = now::date();
    Some(json!({
        "resource": route.path,
        "path": path,
        "httpMethod": parts.method.as_str(),
        "headers": single,
        "multiValueHeaders": multiple,
        "queryStringParameters": query,
        "multiValueQueryStringParameters": queries,
        "pathParameters": if values.is_empty() { Value::Null } else { Value::Object(values) },
        "stageVariables": null,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": api.id,
            "domainName": text(HOST),
            "domainPrefix": api.id,
            "extendedRequestId": request_id,
            "httpMethod": parts.method.as_str(),
            "identity": {"sourceIp": source_ip, "userAgent": text(USER_AGENT)},
            "path": format!("/{}{path}", api.stage),
            "protocol": format!("{:?}", parts.version),
            "requestId": request_id,
            "requestTime": date.format("%d/%b/%Y:%H:%M:%S +0000").to_string(),
            "requestTimeEpoch": date.timestamp_millis(),
            "resourceId": route.target,
            "resourcePath": route.path,
            "stage": api.stage,
        },
        "body": match (body.is_empty(), binary) {
            (true, _) => Value::Null,
            (false, true) => STANDARD.encode(&body).into(),
            // What is no text is damaged on its way, as on AWS.
            (false, false) => String::from_utf8_lossy(&body).into_owned().into(),
        },
        "isBase64Encoded": binary && !body.is_empty(),
    }))
}

/// Whether a media type travels as bytes.
pub fn is_binary(api: &Api, kind: &str) -> bool {
    let kind = kind.split([';', ',']).next().unwrap_or_default().trim().to_ascii_lowercase();
    api.binary_media_types.iter().any(|binary| binary == "*/*" || binary.eq_ignore_ascii_case(&kind))
}

/// API Gateway undoes compression where it does compression.
fn decompressed(headers: &mut HeaderMap, body: Bytes) -> Option<Bytes> {
    let coding = headers.get(CONTENT_ENCODING).and_then(|value| value.to_str().ok()).map(str::to_ascii_lowercase);
    let mut whole = Vec::new();
    let limit = u64::try_from(REQUEST_BYTES_MAX).ok()? + 1;
    match coding.as_deref() {
        Some("gzip") => GzDecoder::new(&*body).take(limit).read_to_end(&mut whole).ok()?,
        Some("deflate") => ZlibDecoder::new(&*body).take(limit).read_to_end(&mut whole).ok()?,
        _ => return Some(body),
    };
    headers.remove(CONTENT_ENCODING);
    headers.insert(http::header::CONTENT_LENGTH, whole.len().into());
    (whole.len() <= REQUEST_BYTES_MAX).then(|| whole.into())
}

/// The last value of each header, and all of them. Names are as the client's library writes them in HTTP/2: small.
fn header_maps(headers: &HeaderMap) -> (Value, Value) {
    let mut single = Map::new();
    let mut multiple = Map::new();
    for name in headers.keys() {
        let values: Vec<Value> = headers
            .get_all(name)
            .iter()
            .map(|value| Value::from(String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        single.insert(name.as_str().to_owned(), values.last().cloned().unwrap_or_default());
        multiple.insert(name.as_str().to_owned(), Value::Array(values));
    }
    (Value::Object(single), Value::Object(multiple))
}

fn query_maps(query: &str) -> (Value, Value) {
    let decoded = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    let mut single = Map::new();
    let mut multiple: Map<String, Value> = Map::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decoded(name), Value::from(decoded(value)));
        single.insert(name.clone(), value.clone());
        if let Value::Array(values) = multiple.entry(name).or_insert_with(|| Value::Array(Vec::new())) {
            values.push(value);
        }
    }
    if single.is_empty() { (Value::Null, Value::Null) } else { (Value::Object(single), Value::Object(multiple)) }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::api::tests::{deployed, template};

    fn made(uri: &str, headers: &[(&str, &str)], body: &[u8]) -> Option<Value> {
        let mut api = Api::read(&template(), &deployed()).unwrap();
        api.binary_media_types = vec!["application/octet-stream".into()];
        let mut request = http::Request::post(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let path = parts.uri.path().strip_prefix("/v1").unwrap();
        let (route, values) = api.find("POST", path).unwrap();
        let incoming = Incoming {
            parts: &parts,
            body: Bytes::copy_from_slice(body),
            path,
            values,
            source_ip: "127.0.0.1".into(),
            request_id: "id",
            trace_id: "Root=1",
        };
        event(&api, route, incoming)
    }

    #[test]
    fn the_path_is_raw_its_values_are_decoded_and_nothing_repeated_is_lost() {
        let event = made(
            "/v1/items/a%2Fb%25/read?x=1&y&x=2%20+3",
            &[("host", "h"), ("x-one", "a"), ("x-one", "b"), ("te", "trailers")],
            br#"{"a":1}"#,
        )
        .unwrap();
        assert_eq!(event["path"], "/items/a%2Fb%25/read");
        assert_eq!(event["requestContext"]["path"], "/v1/items/a%2Fb%25/read");
        assert_eq!(event["requestContext"]["stage"], "v1");
        assert_eq!(event["resource"], "/items/{item}/read");
        assert_eq!(event["pathParameters"], json!({"item": "a/b%"}));
        assert_eq!(event["multiValueQueryStringParameters"], json!({"x": ["1", "2  3"], "y": [""]}));
        assert_eq!(event["queryStringParameters"], json!({"x": "2  3", "y": ""}));
        assert_eq!(event["multiValueHeaders"]["x-one"], json!(["a", "b"]));
        assert_eq!(event["headers"]["x-one"], "b");
        assert_eq!(event["headers"].get("te"), None);
        assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!(r#"{"a":1}"#), &json!(false)));
    }

    #[test]
    fn bodies_are_text_unless_their_type_is_listed_as_binary() {
        let binary =
            made("/v1/items/a/read", &[("content-type", "application/octet-stream; x=y")], &[0xff, 0]).unwrap();
        assert_eq!((&binary["body"], &binary["isBase64Encoded"]), (&json!("/wA="), &json!(true)));
        let damaged = made("/v1/items/a/read", &[("content-type", "text/plain")], &[0xff, b'a']).unwrap();
        assert_eq!((&damaged["body"], &damaged["isBase64Encoded"]), (&json!("\u{fffd}a"), &json!(false)));
        assert_eq!(made("/v1/items/a/read", &[], b"").unwrap()["body"], Value::Null);
    }

    #[test]
    fn a_compressed_body_is_undone_within_the_bound() {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(b"{}").unwrap();
        let event = made("/v1/items/a/read", &[("content-encoding", "gzip")], &encoder.finish().unwrap()).unwrap();
        assert_eq!((&event["body"], event["headers"].get("content-encoding")), (&json!("{}"), None));
        assert!(made("/v1/items/a/read", &[("content-encoding", "gzip")], b"no gzip").is_none());
        let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        bomb.write_all(&vec![0; REQUEST_BYTES_MAX + 1]).unwrap();
        assert!(made("/v1/items/a/read", &[("content-encoding", "gzip")], &bomb.finish().unwrap()).is_none());
    }
}
