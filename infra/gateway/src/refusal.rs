//! What the gateway answers by itself, in the words of the template's `GatewayResponses` where it has some.

use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, StatusCode};
use serde_json::Value;

/// Why the gateway answers by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// No method has this path; API Gateway takes the request for one that lacks a signature.
    MissingAuthenticationToken,
    /// The request is larger than API Gateway or Lambda takes.
    RequestTooLarge,
    /// The request cannot be read.
    BadRequestBody,
    /// The function did not answer in the time that the method allows.
    IntegrationTimeout,
    /// The function failed, ended, ran out of its own time, or answered something that is no answer.
    BadAnswer,
}

impl Refusal {
    fn kind(self) -> &'static str {
        match self {
            Self::MissingAuthenticationToken => "MISSING_AUTHENTICATION_TOKEN",
            Self::RequestTooLarge => "REQUEST_TOO_LARGE",
            Self::BadRequestBody => "BAD_REQUEST_BODY",
            Self::IntegrationTimeout => "INTEGRATION_TIMEOUT",
            // It has no kind of its own.
            Self::BadAnswer => "DEFAULT_5XX",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::MissingAuthenticationToken => StatusCode::FORBIDDEN,
            Self::RequestTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BadRequestBody => StatusCode::BAD_REQUEST,
            Self::IntegrationTimeout => StatusCode::GATEWAY_TIMEOUT,
            Self::BadAnswer => StatusCode::BAD_GATEWAY,
        }
    }

    fn message(self) -> &'static str {
        match self {
            Self::MissingAuthenticationToken => "Missing Authentication Token",
            Self::RequestTooLarge => "Request Too Long",
            Self::BadRequestBody => "Invalid request body",
            Self::IntegrationTimeout => "Endpoint request timed out",
            Self::BadAnswer => "Internal server error",
        }
    }

    fn exception(self) -> &'static str {
        match self {
            Self::MissingAuthenticationToken => "MissingAuthenticationTokenException",
            Self::RequestTooLarge => "RequestTooLongException",
            Self::BadRequestBody => "BadRequestException",
            Self::IntegrationTimeout | Self::BadAnswer => "InternalServerErrorException",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Configured {
    kind: String,
    status: Option<StatusCode>,
    template: Option<String>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// The template's own answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GatewayResponses(Vec<Configured>);

impl GatewayResponses {
    /// Reads them.
    ///
    /// # Errors
    /// A sentence when one of them cannot be an answer.
    pub fn read(value: Option<&Value>) -> Result<Self, String> {
        let all = value.and_then(Value::as_object).into_iter().flatten();
        all.map(|(kind, response)| {
            configured(kind, response).ok_or_else(|| format!("the gateway response {kind} is none"))
        })
        .collect::<Result<_, _>>()
        .map(Self)
    }

    /// The answer to a request that the gateway refuses.
    pub fn answer(&self, refusal: Refusal, request_id: &str) -> (StatusCode, HeaderMap, String) {
        let general = if refusal.status().is_server_error() { "DEFAULT_5XX" } else { "DEFAULT_4XX" };
        let find = |kind: &str| self.0.iter().find(|configured| configured.kind == kind);
        let configured = find(refusal.kind()).or_else(|| find(general));
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert("x-amzn-errortype", HeaderValue::from_static(refusal.exception()));
        headers.extend(configured.into_iter().flat_map(|configured| configured.headers.clone()));
        let template = configured.and_then(|configured| configured.template.as_deref());
        let body = template
            .unwrap_or(r#"{"message":$context.error.messageString}"#)
            .replace("$context.error.messageString", &Value::from(refusal.message()).to_string())
            .replace("$context.error.message", refusal.message())
            .replace("$context.error.responseType", refusal.kind())
            .replace("$context.requestId", request_id);
        (configured.and_then(|configured| configured.status).unwrap_or_else(|| refusal.status()), headers, body)
    }
}

fn configured(kind: &str, response: &Value) -> Option<Configured> {
    let status = match response.get("statusCode") {
        None => None,
        Some(Value::String(text)) => Some(StatusCode::from_bytes(text.as_bytes()).ok()?),
        Some(number) => Some(StatusCode::from_u16(u16::try_from(number.as_u64()?).ok()?).ok()?),
    };
    let template = response.get("responseTemplates").and_then(|templates| templates.get("application/json"));
    let parameters = response.get("responseParameters").and_then(Value::as_object).into_iter().flatten();
    let headers = parameters.map(|(name, value)| {
        let name = name.strip_prefix("gatewayresponse.header.")?;
        // A value in quotes is meant as it stands; others would be taken from the request.
        let value = value.as_str()?.strip_prefix('\'')?.strip_suffix('\'')?;
        Some((name.parse().ok()?, value.parse().ok()?))
    });
    Some(Configured {
        kind: kind.to_owned(),
        status,
        template: template.and_then(Value::as_str).map(str::to_owned),
        headers: headers.collect::<Option<_>>()?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn without_words_of_its_own_the_gateway_says_what_aws_says() {
        let none = GatewayResponses::default();
        for (refusal, status, body) in [
            (Refusal::MissingAuthenticationToken, 403, r#"{"message":"Missing Authentication Token"}"#),
            (Refusal::BadAnswer, 502, r#"{"message":"Internal server error"}"#),
            (Refusal::IntegrationTimeout, 504, r#"{"message":"Endpoint request timed out"}"#),
        ] {
            let (found, _, text) = none.answer(refusal, "id");
            assert_eq!((found.as_u16(), text.as_str()), (status, body));
        }
    }

    #[test]
    fn the_templates_words_come_first_and_the_general_ones_keep_the_status() {
        let responses = GatewayResponses::read(Some(&json!({
            "DEFAULT_5XX": {"responseTemplates": {"application/json": "{\"c\":\"$context.error.responseType\",\"m\":$context.error.messageString,\"i\":\"$context.requestId\"}"}},
            "INTEGRATION_TIMEOUT": {"statusCode": 503, "responseParameters": {"gatewayresponse.header.Retry-After": "'1'"}},
        })))
        .unwrap();
        let (status, _, body) = responses.answer(Refusal::BadAnswer, "id");
        assert_eq!(
            (status.as_u16(), body.as_str()),
            (502, r#"{"c":"DEFAULT_5XX","m":"Internal server error","i":"id"}"#)
        );
        let (status, headers, _) = responses.answer(Refusal::IntegrationTimeout, "id");
        assert_eq!((status.as_u16(), headers["retry-after"].to_str().unwrap()), (503, "1"));
        assert!(GatewayResponses::read(Some(&json!({"DEFAULT_4XX": {"statusCode": "many"}}))).is_err());
    }
}
