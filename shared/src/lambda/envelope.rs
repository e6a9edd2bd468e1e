//! A whole answer as the JSON that API Gateway unpacks, in either payload version.

use std::collections::BTreeMap;

use ::http::{HeaderMap, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::BodyExt;
use serde::Serialize;

use super::event::Payload;
use crate::error::Error;
use crate::http::body::Body;
use crate::http::respond;

/// The answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    status_code: u16,
    /// Version 2: one text a header.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<String, String>,
    /// Version 1: given both, the gateway would send every header twice.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    multi_value_headers: BTreeMap<String, Vec<String>>,
    /// Version 2: none, but `cargo lambda watch` takes no answer without the list.
    #[serde(skip_serializing_if = "Option::is_none")]
    cookies: Option<[String; 0]>,
    body: String,
    is_base64_encoded: bool,
}

impl Envelope {
    /// Takes an answer to its end.
    pub(super) async fn of(response: Response<Body>, payload: Payload) -> Self {
        let (parts, body) = response.into_parts();
        match body.collect().await {
            Ok(body) => Self::new(parts.status.as_u16(), &parts.headers, body.to_bytes().into(), payload),
            // Nothing has left yet, so even an answer that broke off can still become an error.
            Err(broken) => {
                let refusal = respond::refusal(&Error::internal("a whole answer broke off", broken), false);
                let (parts, body) = refusal.into_parts();
                let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
                Self::new(parts.status.as_u16(), &parts.headers, body.into(), payload)
            }
        }
    }

    fn new(status_code: u16, headers: &HeaderMap, body: Vec<u8>, payload: Payload) -> Self {
        let (body, is_base64_encoded) = match String::from_utf8(body) {
            Ok(text) => (text, false),
            Err(bytes) => (STANDARD.encode(bytes.into_bytes()), true),
        };
        let mut lists: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in headers {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            lists.entry(name.as_str().to_owned()).or_default().push(value);
        }
        let mut envelope = Self {
            status_code,
            headers: BTreeMap::new(),
            multi_value_headers: BTreeMap::new(),
            cookies: None,
            body,
            is_base64_encoded,
        };
        match payload {
            Payload::Version1 => envelope.multi_value_headers = lists,
            Payload::Version2 => {
                envelope.headers = lists.into_iter().map(|(name, values)| (name, values.join(", "))).collect();
                envelope.cookies = Some([]);
            }
        }
        envelope
    }
}
