//! The one call of Glue that is needed, `GetTable`, signed and sent with what is linked anyway: the SDK of Glue is 27 MB
//! of code for a few hundred operations.

use std::time::{Duration, UNIX_EPOCH};

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use serde::Deserialize;
use shared::model::version::TimestampMs;

use super::{GlueCatalog, GlueName, GlueTable};

/// The operation, as Glue wants it named.
const TARGET: &str = "AWSGlue.GetTable";
/// How requests and answers are written.
const JSON: &str = "application/x-amz-json-1.1";
/// How long Glue may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// Largest answer that is read, in bytes; a table with very many columns is far below.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The Glue Data Catalog of the operator's own account and region.
#[derive(Debug)]
pub struct GlueApi {
    config: SdkConfig,
}

/// The answer to `GetTable`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Found {
    table: GlueTable,
}

/// Why there is no answer.
#[derive(Default, Deserialize)]
struct Refused {
    #[serde(rename = "__type", default)]
    kind: String,
}

impl GlueApi {
    /// The catalogue that these credentials reach.
    pub fn new(config: SdkConfig) -> Self {
        Self { config }
    }

    /// Where Glue is, and in which region.
    fn endpoint(&self) -> Result<(String, String), String> {
        let region = self.config.region().map(|region| region.as_ref().to_owned());
        let region = region.ok_or("no AWS region is set; name it with --region, or set AWS_REGION or AWS_PROFILE")?;
        let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        let url = self.config.endpoint_url().map_or_else(|| format!("https://glue.{region}.{suffix}"), str::to_owned);
        Ok((format!("{}/", url.trim_end_matches('/')), region))
    }

    /// The request, signed.
    async fn request(&self, name: &GlueName, now: TimestampMs) -> Result<reqwest::RequestBuilder, String> {
        let (url, region) = self.endpoint()?;
        let body = serde_json::json!({"DatabaseName": name.database, "Name": name.table}).to_string();
        let provider = self.config.credentials_provider().ok_or("no AWS credentials are configured")?;
        let credentials = provider.provide_credentials().await.map_err(|_| "no AWS credentials were found")?;
        let unsigned = |error: &dyn std::error::Error| format!("the question to Glue cannot be signed: {error}");
        let identity = credentials.into();
        let parameters = SigningParams::builder()
            .identity(&identity)
            .region(&region)
            .name("glue")
            .time(UNIX_EPOCH + Duration::from_millis(u64::try_from(now.millis()).unwrap_or_default()))
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| unsigned(&error))?;
        let address = url::Url::parse(&url).map_err(|error| unsigned(&error))?;
        let host = match (address.host_str().unwrap_or_default(), address.port()) {
            (host, Some(port)) => format!("{host}:{port}"),
            (host, None) => host.to_owned(),
        };
        let headers = [("content-type", JSON), ("x-amz-target", TARGET), ("host", host.as_str())];
        let signable = SignableRequest::new("POST", &url, headers.into_iter(), SignableBody::Bytes(body.as_bytes()))
            .map_err(|error| unsigned(&error))?;
        let (instructions, _) = sign(signable, &parameters.into()).map_err(|error| unsigned(&error))?.into_parts();
        let client = reqwest::Client::builder().timeout(ANSWER_WITHIN).build().map_err(|error| unsigned(&error))?;
        let mut request = client.post(&url).body(body);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let (signed, _) = instructions.into_parts();
        for header in signed {
            request = request.header(header.name(), header.value());
        }
        Ok(request)
    }
}

#[async_trait]
impl GlueCatalog for GlueApi {
    async fn table(&self, name: &GlueName, now: TimestampMs) -> Result<Option<GlueTable>, String> {
        let answer = self.request(name, now).await?.send().await;
        let mut answer = answer.map_err(|error| {
            let why = if error.is_timeout() { "does not answer in time" } else { "cannot be reached" };
            format!("AWS Glue {why}; check the region, and that this network reaches AWS")
        })?;
        let status = answer.status();
        let mut body = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(|_| "AWS Glue's answer broke off; try again")? {
            if body.len() + piece.len() > ANSWER_BYTES_MAX {
                return Err(format!("AWS Glue's answer about '{name}' is too long to be read"));
            }
            body.extend_from_slice(&piece);
        }
        read(name, status.as_u16(), &body)
    }
}

/// What an answer says.
fn read(name: &GlueName, status: u16, body: &[u8]) -> Result<Option<GlueTable>, String> {
    if (200..300).contains(&status) {
        let found: Found =
            serde_json::from_slice(body).map_err(|_| format!("AWS Glue's answer about '{name}' is not understood"))?;
        return Ok(Some(found.table));
    }
    let refused: Refused = serde_json::from_slice(body).unwrap_or_default();
    // `com.amazonaws.glue#EntityNotFoundException`, or the name alone.
    let kind = refused.kind.rsplit('#').next().unwrap_or_default();
    match kind {
        "EntityNotFoundException" => Ok(None),
        "AccessDeniedException" => Err(format!(
            "you may not look at '{name}' in AWS Glue; that needs glue:GetTable on it, and what Lake Formation asks for where \
             it governs the table. Or say where it lies, with LOCATION 's3://…'"
        )),
        "" => Err(format!("AWS Glue refused to describe '{name}' ({status})")),
        kind => Err(format!("AWS Glue refused to describe '{name}' ({status} {kind})")),
    }
}

#[cfg(test)]
mod tests {
    use aws_config::{BehaviorVersion, Region};
    use aws_credential_types::Credentials;
    use aws_credential_types::provider::SharedCredentialsProvider;

    use super::*;

    fn api(endpoint: Option<&str>, region: &'static str) -> GlueApi {
        let keys = Credentials::new("AK", "secret", Some("session".into()), None, "test");
        let mut config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static(region))
            .credentials_provider(SharedCredentialsProvider::new(keys));
        config.set_endpoint_url(endpoint.map(str::to_owned));
        GlueApi::new(config.build())
    }

    #[tokio::test]
    async fn the_question_is_signed_for_glue_in_its_region() {
        let name = GlueName::new("Sales", "Orders");
        for (endpoint, region, url) in [
            (None, "eu-west-1", "https://glue.eu-west-1.amazonaws.com/"),
            (None, "cn-north-1", "https://glue.cn-north-1.amazonaws.com.cn/"),
            (Some("http://127.0.0.1:4566/"), "eu-west-1", "http://127.0.0.1:4566/"),
        ] {
            let request = api(endpoint, region).request(&name, TimestampMs::new(1_800_000_000_000)).await.unwrap();
            let request = request.build().unwrap();
            assert_eq!(request.url().as_str(), url);
            let header = |name: &str| request.headers()[name].to_str().unwrap().to_owned();
            assert_eq!(header("x-amz-target"), "AWSGlue.GetTable");
            assert_eq!(header("x-amz-date"), "20270115T080000Z");
            let authorization = header("authorization");
            assert!(authorization.contains(&format!("/{region}/glue/aws4_request")), "{authorization}");
            let body = request.body().and_then(reqwest::Body::as_bytes).unwrap();
            assert_eq!(body, br#"{"DatabaseName":"sales","Name":"orders"}"#);
        }
    }

    #[test]
    fn answers_are_a_table_none_or_a_reason() {
        let name = GlueName::new("d", "t");
        let table = read(&name, 200, br#"{"Table":{"Name":"t","StorageDescriptor":{"Location":"s3://b/t"},"New":1}}"#);
        assert_eq!(table.unwrap().unwrap().storage_descriptor.location.as_deref(), Some("s3://b/t"));
        let missing = br#"{"__type":"com.amazonaws.glue#EntityNotFoundException","Message":"x"}"#;
        assert!(read(&name, 400, missing).unwrap().is_none());
        for (status, body, part) in [
            (400, r#"{"__type":"AccessDeniedException","Message":"arn:aws:iam::1:user/x"}"#, "glue:GetTable"),
            (400, r#"{"__type":"ExpiredTokenException"}"#, "400 ExpiredTokenException"),
            (503, "<html>", "(503)"),
            (200, "{}", "not understood"),
        ] {
            let why = read(&name, status, body.as_bytes()).unwrap_err();
            assert!(why.contains(part) && !why.contains("arn:"), "{why}");
        }
    }
}
