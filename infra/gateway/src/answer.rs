//! A function's whole answer: the envelope that it returns becomes a response. What is no envelope is an error of the
//! function, as on AWS.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, StatusCode};
use serde_json::Value;

use crate::api::Api;
use crate::event::is_binary;

/// The largest answer that Lambda takes from a function that does not stream: 6 MB and a little for the envelope.
pub const ANSWER_BYTES_MAX: usize = 6_291_556;

/// Headers that API Gateway keeps for itself; a function's own come out under another name.
const REMAPPED: [&str; 10] = [
    "connection",
    "content-length",
    "content-md5",
    "date",
    "server",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "www-authenticate",
];

/// The head and the body of a whole answer; `None` when the envelope is none.
pub fn whole(api: &Api, request: &HeaderMap, envelope: &[u8]) -> Option<(StatusCode, HeaderMap, Bytes)> {
    let envelope: Value = serde_json::from_slice(envelope).ok()?;
    let (status, mut headers) = head(&envelope)?;
    let text = match envelope.get("body") {
        None | Some(Value::Null) => "",
        Some(body) => body.as_str()?,
    };
    let encoded = envelope.get("isBase64Encoded").is_some_and(|value| value == true);
    let accept = request.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let body = match encoded && is_binary(api, accept) {
        true => STANDARD.decode(text).ok()?.into(),
        // Bytes that the API was not told of go out in base64.
        false => Bytes::copy_from_slice(text.as_bytes()),
    };
    headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
    let body = match api.compression_bytes_min {
        Some(min) if body.len() >= min && !headers.contains_key(CONTENT_ENCODING) && takes_gzip(request) => {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            gzipped(&body)?
        }
        _ => body,
    };
    headers.insert(CONTENT_LENGTH, body.len().into());
    Some((status, headers, body))
}

/// The status and headers of an envelope or a stream's prelude.
pub fn head(envelope: &Value) -> Option<(StatusCode, HeaderMap)> {
    let status = match envelope.as_object()?.get("statusCode")? {
        Value::String(text) => StatusCode::from_bytes(text.as_bytes()).ok()?,
        number => StatusCode::from_u16(u16::try_from(number.as_u64()?).ok()?).ok()?,
    };
    let mut headers = HeaderMap::new();
    for (name, value) in envelope.get("headers").and_then(Value::as_object).into_iter().flatten() {
        headers.insert(header_name(name)?, header_value(value)?);
    }
    for (name, values) in envelope.get("multiValueHeaders").and_then(Value::as_object).into_iter().flatten() {
        let name = header_name(name)?;
        headers.remove(&name);
        for value in values.as_array()? {
            headers.append(name.clone(), header_value(value)?);
        }
    }
    for cookie in envelope.get("cookies").and_then(Value::as_array).into_iter().flatten() {
        headers.append(http::header::SET_COOKIE, header_value(cookie)?);
    }
    Some((status, headers))
}

fn header_name(name: &str) -> Option<HeaderName> {
    let lower = name.to_ascii_lowercase();
    if REMAPPED.contains(&lower.as_str()) {
        format!("x-amzn-remapped-{lower}").parse().ok()
    } else {
        lower.parse().ok()
    }
}

fn header_value(value: &Value) -> Option<HeaderValue> {
    match value {
        Value::String(text) => HeaderValue::from_bytes(text.as_bytes()).ok(),
        Value::Number(_) | Value::Bool(_) => value.to_string().parse().ok(),
        _ => None,
    }
}

fn takes_gzip(request: &HeaderMap) -> bool {
    let codings = request.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    codings.flat_map(|value| value.split(',')).any(|coding| {
        let mut parts = coding.split(';').map(|part| part.trim().to_ascii_lowercase());
        let named = parts.next().is_some_and(|name| name == "gzip" || name == "*");
        named && !parts.any(|part| matches!(part.as_str(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}

fn gzipped(body: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).ok()?;
    Some(encoder.finish().ok()?.into())
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use serde_json::json;

    use super::*;
    use crate::api::tests::{deployed, template};

    fn answered(request: &[(&'static str, &'static str)], envelope: Value) -> Option<(StatusCode, HeaderMap, Bytes)> {
        let mut api = Api::read(&template(), &deployed()).unwrap();
        api.binary_media_types = vec!["image/png".into()];
        let request = request.iter().map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_static(v))).collect();
        whole(&api, &request, envelope.to_string().as_bytes())
    }

    #[test]
    fn an_envelope_is_a_response() {
        let (status, headers, body) = answered(
            &[],
            json!({"statusCode": 401, "headers": {"X-A": "1", "WWW-Authenticate": "Bearer"}, "multiValueHeaders": {"x-b": ["2", 3]}, "body": "{}"}),
        )
        .unwrap();
        assert_eq!((status.as_u16(), &*body), (401, b"{}".as_slice()));
        assert_eq!(headers["x-a"], "1");
        assert_eq!(headers["x-amzn-remapped-www-authenticate"], "Bearer");
        assert_eq!(headers.get_all("x-b").iter().collect::<Vec<_>>(), ["2", "3"]);
        assert_eq!(headers[CONTENT_TYPE], "application/json");
    }

    #[test]
    fn what_is_no_envelope_is_no_answer() {
        for envelope in [
            json!([]),
            json!({}),
            json!({"statusCode": 1}),
            json!({"statusCode": 200, "body": {"a": 1}}),
            json!({"statusCode": 200, "headers": {"a": ["b"]}}),
        ] {
            assert!(answered(&[], envelope.clone()).is_none(), "{envelope}");
        }
    }

    #[test]
    fn bytes_go_out_as_bytes_only_where_the_api_was_told() {
        let envelope = json!({"statusCode": 200, "body": "/wA=", "isBase64Encoded": true});
        assert_eq!(&*answered(&[("accept", "image/png, */*")], envelope.clone()).unwrap().2, [0xff, 0]);
        assert_eq!(&*answered(&[("accept", "*/*")], envelope).unwrap().2, b"/wA=");
    }

    #[test]
    fn large_answers_are_compressed_for_whom_takes_it() {
        let envelope = |bytes| json!({"statusCode": 200, "body": "a".repeat(bytes)});
        let (_, headers, body) = answered(&[("accept-encoding", "br, gzip;q=0.5")], envelope(1024)).unwrap();
        assert_eq!(headers[CONTENT_ENCODING], "gzip");
        let mut text = String::new();
        flate2::read::GzDecoder::new(&*body).read_to_string(&mut text).unwrap();
        assert_eq!(text, "a".repeat(1024));
        for (accepts, bytes) in [("gzip", 1023), ("gzip;q=0", 1024), ("br", 1024)] {
            let (_, headers, body) = answered(&[("accept-encoding", accepts)], envelope(bytes)).unwrap();
            assert_eq!((headers.get(CONTENT_ENCODING), body.len()), (None, bytes), "{accepts}");
        }
    }
}
