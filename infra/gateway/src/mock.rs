//! Methods that the gateway answers without a function: what SAM's `Cors` makes for browsers that ask before they call.

use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, StatusCode};
use serde_json::Value;

use crate::api::{ANY, captured};
use crate::intrinsic::Resolver;

/// A method and its fixed answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mock {
    method: String,
    path: String,
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Mock {
    /// Reads one, if the operation is one.
    ///
    /// # Errors
    /// A sentence when its answer cannot be given.
    pub fn read(resolver: &Resolver<'_>, method: &str, path: &str, operation: &Value) -> Result<Option<Self>, String> {
        let Some(integration) = operation.get("x-amazon-apigateway-integration") else { return Ok(None) };
        let kind = integration.get("type").and_then(Value::as_str).unwrap_or_default();
        if !kind.eq_ignore_ascii_case("mock") {
            return Ok(None);
        }
        let answer = integration.pointer("/responses/default").ok_or("a mock without a default answer")?;
        let status = answer.get("statusCode").and_then(Value::as_str).and_then(|status| status.parse().ok());
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in answer.get("responseParameters").and_then(Value::as_object).into_iter().flatten() {
            let value = resolver.text(value)?;
            let header = name.strip_prefix("method.response.header.").and_then(|name| name.parse::<HeaderName>().ok());
            // A value in quotes is meant as it stands.
            let value = value.strip_prefix('\'').and_then(|value| value.strip_suffix('\''));
            let value = value.and_then(|value| value.parse::<HeaderValue>().ok());
            headers.insert(header.ok_or("a mock's header has no name")?, value.ok_or("a mock's header is not fixed")?);
        }
        let body = answer.pointer("/responseTemplates/application~1json").and_then(Value::as_str);
        Ok(Some(Self {
            method: method.to_owned(),
            path: path.to_owned(),
            status: status.ok_or("a mock's answer has no status")?,
            headers,
            body: body.unwrap_or_default().to_owned(),
        }))
    }

    /// The answer, when the request is for this method.
    pub fn answer(&self, method: &str, path: &str) -> Option<(StatusCode, HeaderMap, String)> {
        let asked = self.method == method || self.method == ANY;
        (asked && captured(&self.path, path).is_some()).then(|| (self.status, self.headers.clone(), self.body.clone()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::deployed::Deployed;

    #[test]
    fn what_sam_makes_for_browsers_is_answered() {
        let template = json!({"Parameters": {"Origin": {"Default": "https://pages.example"}}});
        let deployed = Deployed::default();
        let operation = json!({"x-amazon-apigateway-integration": {"type": "mock", "responses": {"default": {
            "statusCode": "200", "responseTemplates": {"application/json": "{}\n"}, "responseParameters": {
                "method.response.header.Access-Control-Allow-Origin": {"Fn::Sub": "'${Origin}'"},
                "method.response.header.Access-Control-Max-Age": "'3600'"}}}}});
        let mock =
            Mock::read(&Resolver::new(&template, &deployed), "OPTIONS", "/items/{item}", &operation).unwrap().unwrap();
        let (status, headers, body) = mock.answer("OPTIONS", "/items/a").unwrap();
        assert_eq!((status.as_u16(), body.as_str()), (200, "{}\n"));
        assert_eq!(headers["access-control-allow-origin"], "https://pages.example");
        assert_eq!(headers["access-control-max-age"], "3600");
        assert!(mock.answer("GET", "/items/a").is_none() && mock.answer("OPTIONS", "/items").is_none());
    }
}
