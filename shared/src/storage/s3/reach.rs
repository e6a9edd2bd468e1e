//! The one question of reading and of signing: how is this table reached? The answer is a client for the log, or keys and
//! a target for URLs; both lead to the bucket's own region and endpoint.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use aws_config::timeout::TimeoutConfig;
use aws_config::{Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{Builder, IdentityCache, SharedHttpClient};
use aws_smithy_http_client::Builder as HttpBuilder;
use aws_smithy_http_client::tls::Provider as TlsProvider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;

use crate::credentials::SigningKeys;
use crate::error::Error;
use crate::model::location::{Endpoint, Reach, TableLocation};
use crate::model::recipient::Recipient;
use crate::model::securable::Table;
use crate::model::version::TimestampMs;

/// Region assumed where nothing names one; S3-compatible stores accept it.
pub(super) const REGION_DEFAULT: &str = "us-east-1";

/// Knows how tables are reached.
#[async_trait]
pub trait Reaches: fmt::Debug + Send + Sync {
    /// A client that reads the table's log.
    ///
    /// # Errors
    /// When there are no credentials for it.
    async fn client(&self, table: &TableLocation) -> Result<Client, Error>;

    /// What URLs of the table's files are signed with, for one recipient.
    ///
    /// # Errors
    /// When there are no credentials for it.
    async fn signing(&self, table: &Table, to: &Recipient) -> Result<Signing, Error>;
}

/// What URLs are signed with.
#[derive(Debug, Clone)]
pub struct Signing {
    /// The region in the credential scope.
    pub region: String,
    /// The endpoint that URLs lead to.
    pub endpoint: Endpoint,
    /// The keys.
    pub keys: SigningKeys,
    /// When the keys end, where that is known.
    pub ends: Option<TimestampMs>,
    /// The shortest life that a URL may have, in seconds.
    pub least_secs: i64,
}

/// Where a table's requests go.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) region: String,
    pub(super) endpoint: Endpoint,
    /// Whether the bucket is a part of the path: in stores that are not AWS, and where its dots would leave the
    /// certificate's one level of names.
    path_style: bool,
}

/// Makes clients that share connections and settings.
pub(super) struct Clients {
    config: SdkConfig,
    http: SharedHttpClient,
    region: String,
    endpoint: Option<String>,
}

impl Clients {
    /// Clients under this configuration. `endpoint` stands in for AWS.
    pub(super) fn new(config: SdkConfig, endpoint: Option<String>) -> Self {
        let http = config
            .http_client()
            .unwrap_or_else(|| HttpBuilder::new().tls_provider(TlsProvider::Rustls(CryptoMode::AwsLc)).build_https());
        let region = config.region().map_or(REGION_DEFAULT, |region| region.as_ref()).to_owned();
        Self { config, http, region, endpoint }
    }

    /// The credentials of the configuration.
    pub(super) fn own_credentials(&self) -> Option<SharedCredentialsProvider> {
        self.config.credentials_provider()
    }

    /// Where a table's requests go. What stands in for AWS does so for every endpoint of AWS.
    pub(super) fn place(&self, table: &TableLocation) -> Place {
        let Reach { region, endpoint, .. } = table.reach();
        let endpoint = match (endpoint, &self.endpoint) {
            (Endpoint::Custom(own), _) => Endpoint::Custom(own.clone()),
            (_, Some(instead)) => Endpoint::Custom(instead.clone()),
            (style, None) => style.clone(),
        };
        let path_style = matches!(endpoint, Endpoint::Custom(_)) || table.bucket().contains('.');
        Place { region: region.clone().unwrap_or_else(|| self.region.clone()), endpoint, path_style }
    }

    /// A client for that place, under the credentials of the configuration.
    pub(super) fn client(&self, place: &Place) -> Client {
        Client::from_conf(self.settings(place).build())
    }

    /// A client for that place with these keys. They are not looked up, so nothing of them is cached either: the
    /// configuration's cache would keep those of every session there ever was.
    pub(super) fn client_with(&self, place: &Place, keys: &SigningKeys) -> Client {
        let token = keys.session_token.as_ref().map(|token| token.reveal().to_owned());
        let secret = keys.secret_access_key.reveal();
        let keys = Credentials::new(&keys.access_key_id, secret, token, None, "spillway");
        let settings = self.settings(place).credentials_provider(keys).identity_cache(IdentityCache::no_cache());
        Client::from_conf(settings.build())
    }

    fn settings(&self, place: &Place) -> Builder {
        let settings = Builder::from(&self.config)
            .http_client(self.http.clone())
            .timeout_config(timeouts())
            .region(Region::new(place.region.clone()))
            .force_path_style(place.path_style);
        match &place.endpoint {
            Endpoint::Standard => settings,
            Endpoint::DualStack => settings.use_dual_stack(true),
            Endpoint::Fips => settings.use_fips(true),
            Endpoint::Custom(url) => settings.endpoint_url(url),
        }
    }
}

impl fmt::Debug for Clients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clients").field("region", &self.region).finish_non_exhaustive()
    }
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(5))
        .read_timeout(Duration::from_secs(30))
        .operation_attempt_timeout(Duration::from_secs(60))
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clients(endpoint: Option<&str>) -> Clients {
        let config = SdkConfig::builder().region(Region::from_static("eu-west-1")).build();
        Clients::new(config, endpoint.map(str::to_owned))
    }

    fn place(clients: &Clients, bucket: &str, region: Option<&str>, endpoint: Endpoint) -> Place {
        let reach = Reach { region: region.map(str::to_owned), endpoint, role: None };
        clients.place(&TableLocation::new(bucket, "t").reached_by(reach))
    }

    #[test]
    fn a_table_lies_where_it_says_or_where_the_server_is() {
        let aws = clients(None);
        assert_eq!(place(&aws, "b", None, Endpoint::Standard).region, "eu-west-1");
        let far = place(&aws, "b", Some("ap-south-1"), Endpoint::Fips);
        assert_eq!((far.region.as_str(), far.endpoint, far.path_style), ("ap-south-1", Endpoint::Fips, false));
    }

    #[test]
    fn dots_and_other_stores_are_addressed_by_path() {
        let aws = clients(None);
        assert!(place(&aws, "my.bucket", None, Endpoint::Standard).path_style);
        assert!(place(&aws, "b", None, Endpoint::Custom("https://store".into())).path_style);
        assert!(!place(&aws, "sales-m-s3alias", None, Endpoint::Standard).path_style);
    }

    #[test]
    fn what_stands_in_for_aws_does_so_for_all_its_endpoints() {
        let instead = clients(Some("http://127.0.0.1:4566"));
        for style in [Endpoint::Standard, Endpoint::DualStack, Endpoint::Fips] {
            let expected = Endpoint::Custom("http://127.0.0.1:4566".into());
            assert_eq!(place(&instead, "b", None, style).endpoint, expected);
        }
        let own = Endpoint::Custom("https://store".into());
        assert_eq!(place(&instead, "b", None, own.clone()).endpoint, own);
    }
}
