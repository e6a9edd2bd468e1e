//! The AWS Glue Data Catalog itself, of the operator's own account and region.

use std::time::Duration;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_glue::Client;
use aws_sdk_glue::config::timeout::TimeoutConfig;
use aws_sdk_glue::error::ProvideErrorMetadata;
use aws_sdk_glue::types::Table;

use super::{GlueCatalog, GlueName, GlueTable};
use crate::inspect::bucket::reason;

/// How long Glue may take, with all attempts.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// The Glue Data Catalog that some credentials reach.
#[derive(Debug)]
pub struct GlueApi {
    client: Client,
}

impl GlueApi {
    /// The catalogue that these credentials reach.
    pub fn new(config: &SdkConfig) -> Self {
        Self::answering_within(config, ANSWER_WITHIN)
    }

    fn answering_within(config: &SdkConfig, bound: Duration) -> Self {
        let timeouts = TimeoutConfig::builder().operation_timeout(bound).build();
        let config = aws_sdk_glue::config::Builder::from(config).timeout_config(timeouts).build();
        Self { client: Client::from_conf(config) }
    }
}

#[async_trait]
impl GlueCatalog for GlueApi {
    async fn table(&self, name: &GlueName) -> Result<Option<GlueTable>, String> {
        let asked = self.client.get_table().database_name(&name.database).name(&name.table).send().await;
        let error = match asked {
            Ok(found) => return Ok(found.table.map(GlueTable::from)),
            Err(error) => error,
        };
        if error.as_service_error().is_some_and(|refused| refused.is_entity_not_found_exception()) {
            return Ok(None);
        }
        Err(match error.code() {
            Some("AccessDeniedException") => format!(
                "you may not look at '{name}' in AWS Glue; that needs glue:GetTable on it, and what Lake Formation asks for \
                 where it governs the table. Or say where it lies, with LOCATION 's3://…'"
            ),
            _ => format!("AWS Glue does not describe '{name}': {}", reason(&error)),
        })
    }
}

impl From<Table> for GlueTable {
    fn from(table: Table) -> Self {
        let stored = table.storage_descriptor;
        let rows = stored.as_ref().and_then(|stored| stored.serde_info()?.parameters());
        Self {
            path: rows.and_then(|parameters| parameters.get("path").cloned()),
            location: stored.as_ref().and_then(|stored| stored.location().map(str::to_owned)),
            input_format: stored.as_ref().and_then(|stored| stored.input_format().map(str::to_owned)),
            parameters: table.parameters.unwrap_or_default(),
            target_table: table
                .target_table
                .map(|link| GlueName::new(link.database_name().unwrap_or_default(), link.name().unwrap_or_default())),
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_config::{BehaviorVersion, Region};
    use aws_sdk_glue::config::Credentials;
    use serde_json::{Value, json};

    use super::*;
    use crate::aws_stub::stub;

    async fn config(endpoint: String) -> SdkConfig {
        let keys = Credentials::new("AK", "secret", None, None, "test");
        let loader = aws_config::defaults(BehaviorVersion::latest()).region(Region::from_static("eu-west-1"));
        loader.endpoint_url(endpoint).credentials_provider(keys).load().await
    }

    /// What is made of an answer, and what was asked for it.
    async fn asked(status: u16, answer: Value) -> (Result<Option<GlueTable>, String>, Value) {
        let (endpoint, asked) = stub(move |_| (status, answer.clone())).await;
        let found = GlueApi::new(&config(endpoint).await).table(&GlueName::new("Sales", "Orders")).await;
        let first = asked.lock().unwrap()[0].clone();
        (found, first)
    }

    #[tokio::test]
    async fn a_catalogue_that_does_not_answer_is_not_waited_for_for_ever() {
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let config = config(format!("http://{}", silent.local_addr().unwrap())).await;
        let api = GlueApi::answering_within(&config, Duration::from_millis(200));
        let why = api.table(&GlueName::new("d", "t")).await.unwrap_err();
        assert!(why.contains("no answer in time"), "{why}");
    }

    #[tokio::test]
    async fn a_table_is_what_glue_says_of_it() {
        let answer = json!({"Table": {
            "Name": "orders",
            "Parameters": {"table_type": "DELTA"},
            "StorageDescriptor": {
                "Location": "s3://b/t",
                "InputFormat": "x",
                "SerdeInfo": {"Parameters": {"path": "s3://b/own"}},
            },
            "TargetTable": {"DatabaseName": "Far", "Name": "T"},
            "New": 1,
        }});
        let (found, question) = asked(200, answer).await;
        assert_eq!(question, json!({"DatabaseName": "sales", "Name": "orders"}));
        let table = found.unwrap().unwrap();
        let texts = [&table.location, &table.input_format, &table.path].map(|text| text.as_deref().unwrap());
        assert_eq!(texts, ["s3://b/t", "x", "s3://b/own"]);
        assert_eq!(table.parameters["table_type"], "DELTA");
        assert_eq!(table.target_table.unwrap().to_string(), "glue.far.t");
        let bare = asked(200, json!({"Table": {"Name": "orders"}})).await.0.unwrap().unwrap();
        assert!(bare.location.is_none() && bare.parameters.is_empty() && bare.target_table.is_none());
    }

    #[tokio::test]
    async fn no_table_and_a_refusal_are_told_apart() {
        let refused = |kind: &str| json!({"__type": kind, "Message": "arn:aws:iam::1:user/x"});
        assert!(asked(400, refused("com.amazonaws.glue#EntityNotFoundException")).await.0.unwrap().is_none());
        assert!(asked(200, json!({})).await.0.unwrap().is_none());
        for (kind, part) in
            [("AccessDeniedException", "glue:GetTable"), ("InvalidInputException", "InvalidInputException")]
        {
            let why = asked(400, refused(kind)).await.0.unwrap_err();
            assert!(why.contains(part) && why.contains("glue.sales.orders") && !why.contains("arn:"), "{why}");
        }
    }
}
