//! A table's bucket as the operator's credentials reach it: in the bucket's own region, as the role that the server would
//! assume where there is one. Messages name what to change; they are for the provider, who knows its own buckets.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use aws_config::{Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use deltalake::DeltaTable;
use deltalake::logstore::{StorageConfig, default_logstore};
use object_store::aws::{AmazonS3Builder, AwsCredential};
use object_store::path::Path as KeyPath;
use object_store::prefix::PrefixStore;
use object_store::{CredentialProvider, ObjectStore};
use shared::model::location::{Endpoint, TableLocation};
use shared::model::version::TimestampMs;
use shared::presign::UrlSigner;
use shared::presign::sigv4::{SigningKeys, Target};
use shared::secret::{Secret, SignedUrl};
use url::Url;

use super::{Inspection, one_line, unreadable};

/// Header in which S3 says where a bucket is, also when it refuses the request.
const BUCKET_REGION: &str = "x-amz-bucket-region";
/// Region assumed where nothing names one.
const REGION_DEFAULT: &str = "us-east-1";
/// Life of a URL that is signed to see whether it works, in seconds.
const CHECK_URL_SECS: i64 = 60;
/// The name of the operator's sessions, as AWS's own logs show it.
const SESSION_NAME: &str = "spillway-operator";

/// A role to assume before a bucket is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Its ARN.
    pub arn: String,
    /// What its trust policy asks for.
    pub external_id: Option<String>,
}

/// How a bucket is to be reached.
#[derive(Debug, Clone, Default)]
pub struct Route {
    /// The region that is recorded for the bucket.
    pub region: Option<String>,
    /// The URL of an S3-compatible store.
    pub endpoint: Option<String>,
    /// The role that the server assumes.
    pub role: Option<Role>,
}

/// A bucket within reach.
#[derive(Debug)]
pub struct Bucket {
    location: TableLocation,
    config: SdkConfig,
    region: String,
    endpoint: Option<String>,
}

/// Why a role cannot be assumed.
#[derive(Debug)]
pub struct NotAssumed {
    /// The code that STS gave, or what kept it from answering.
    pub why: String,
    /// Whether it was STS that refused.
    pub denied: bool,
}

impl fmt::Display for NotAssumed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

/// The same configuration with a role's session in place of the operator's own credentials.
///
/// # Errors
/// When STS refuses or does not answer.
pub async fn assume(config: &SdkConfig, role: &Role) -> Result<SdkConfig, NotAssumed> {
    let client = aws_sdk_sts::Client::new(config);
    let answer = client
        .assume_role()
        .role_arn(&role.arn)
        .set_external_id(role.external_id.clone())
        .role_session_name(SESSION_NAME)
        .send()
        .await
        .map_err(|error| NotAssumed { denied: error.as_service_error().is_some(), why: reason(&error) })?;
    let session = answer.credentials().ok_or(NotAssumed { why: "STS gave no credentials".into(), denied: false })?;
    let ends = std::time::SystemTime::try_from(*session.expiration()).ok();
    let keys = Credentials::new(
        session.access_key_id(),
        session.secret_access_key(),
        Some(session.session_token().to_owned()),
        ends,
        SESSION_NAME,
    );
    Ok(config.to_builder().credentials_provider(SharedCredentialsProvider::new(keys)).build())
}

impl Bucket {
    /// Finds out where a table's bucket is. `config` carries the credentials to use; the route's role is not assumed here.
    ///
    /// # Errors
    /// A sentence for the person at the terminal.
    pub async fn find(config: &SdkConfig, location: TableLocation, route: &Route) -> Result<Self, String> {
        let recorded = route.region.clone().or_else(|| config.region().map(|region| region.as_ref().to_owned()));
        let mut bucket = Self {
            region: recorded.unwrap_or_else(|| REGION_DEFAULT.to_owned()),
            endpoint: route.endpoint.clone(),
            config: config.clone(),
            location,
        };
        if bucket.endpoint.is_none() {
            bucket.region = bucket.ask_for_region().await?;
        }
        Ok(bucket)
    }

    /// Fails when an auxiliary location cannot be reached as this bucket is: what signs for one signs for the other.
    ///
    /// # Errors
    /// A sentence for the person at the terminal.
    pub async fn check_beside(&self, config: &SdkConfig, text: &str, route: &Route) -> Result<(), String> {
        let place = TableLocation::parse(text).map_err(|error| format!("the auxiliary location '{text}' {error}"))?;
        if place.bucket() == self.location.bucket() {
            return Ok(());
        }
        let route = Route { region: Some(self.region.clone()), ..route.clone() };
        let beside = Self::find(config, place, &route).await?;
        if beside.region == self.region {
            return Ok(());
        }
        Err(format!(
            "the auxiliary location '{text}' is in {}, the table in {}: both must be in one region; copy the files to it",
            beside.region, self.region
        ))
    }

    /// The region that the bucket is really in.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Where the table lies in it.
    pub fn location(&self) -> &TableLocation {
        &self.location
    }

    /// The endpoint of an S3-compatible store, if it is in one.
    pub fn endpoint(&self) -> Option<&str> {
        self.endpoint.as_deref()
    }

    /// The credentials that it is reached with.
    ///
    /// # Errors
    /// When there are none.
    pub async fn credentials(&self) -> Result<Credentials, String> {
        let provider = self.config.credentials_provider().ok_or("no AWS credentials are configured")?;
        provider.provide_credentials().await.map_err(|_| "no AWS credentials were found".into())
    }

    /// A client for it.
    pub fn client(&self) -> aws_sdk_s3::Client {
        let mut settings = aws_sdk_s3::config::Builder::from(&self.config)
            .region(Region::new(self.region.clone()))
            .force_path_style(self.endpoint.is_some());
        if let Some(endpoint) = &self.endpoint {
            settings = settings.endpoint_url(endpoint);
        }
        aws_sdk_s3::Client::from_conf(settings.build())
    }

    async fn ask_for_region(&self) -> Result<String, String> {
        let bucket = self.location.bucket();
        match self.client().head_bucket().bucket(bucket).send().await {
            Ok(answer) => Ok(answer.bucket_region().unwrap_or(&self.region).to_owned()),
            Err(error) => {
                let header = error.raw_response().and_then(|answer| answer.headers().get(BUCKET_REGION));
                let missing = error.raw_response().is_some_and(|answer| answer.status().as_u16() == 404);
                match header {
                    // Whoever may not look at the bucket itself may still read the table in it.
                    Some(region) => Ok(region.to_owned()),
                    None if missing => Err(format!("there is no bucket '{bucket}'; check its name")),
                    None if error.as_service_error().is_some() => Ok(self.region.clone()),
                    None => Err(format!("the bucket '{bucket}' cannot be reached: {}", reason(&error))),
                }
            }
        }
    }

    /// Opens the table that lies there.
    ///
    /// # Errors
    /// A sentence for the person at the terminal.
    pub async fn inspect(&self) -> Result<Inspection, String> {
        let shown = format!("s3://{}/{}", self.location.bucket(), self.location.prefix());
        let told = |error: object_store::Error| format!("{shown} cannot be reached: {}", one_line(&error.to_string()));
        let root: Arc<dyn ObjectStore> = Arc::new(self.store().map_err(told)?);
        let key = KeyPath::parse(self.location.prefix()).map_err(|error| told(error.into()))?;
        let mut url = Url::parse(&format!("s3://{}/", self.location.bucket())).map_err(|error| error.to_string())?;
        url.path_segments_mut()
            .map_err(|()| format!("{shown} is no location"))?
            .clear()
            .extend(self.location.prefix().split('/').filter(|segment| !segment.is_empty()))
            .push("");
        let within: Arc<dyn ObjectStore> = Arc::new(PrefixStore::new(Arc::clone(&root), key));
        let mut table = DeltaTable::new(default_logstore(within, root, &url, &StorageConfig::default()));
        table.load().await.map_err(|error| unreadable(&shown, &error))?;
        Inspection::of(&table)
    }

    /// A URL of one file of the table, signed as the server signs: for `GET`, with these credentials, good for a minute.
    ///
    /// # Errors
    /// A sentence for the person at the terminal.
    pub async fn signed(&self, key: &str, now: TimestampMs) -> Result<SignedUrl, String> {
        let session = self.credentials().await?;
        let keys = SigningKeys {
            access_key_id: session.access_key_id().to_owned(),
            secret_access_key: Secret::new(session.secret_access_key()),
            session_token: session.session_token().map(Secret::new),
        };
        let endpoint = self.endpoint.clone().map_or_else(|| self.location.reach().endpoint.clone(), Endpoint::Custom);
        let target = Target { region: self.region.clone(), endpoint };
        let signer = UrlSigner::new(&self.location, &target, &keys, now, CHECK_URL_SECS);
        let mut url = SignedUrl::new();
        signer.map_err(|error| error.to_string())?.sign(key, &mut url);
        Ok(url)
    }

    fn store(&self) -> Result<object_store::aws::AmazonS3, object_store::Error> {
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(self.location.bucket())
            .with_region(&self.region)
            .with_credentials(Arc::new(Keys(self.config.credentials_provider())));
        if let Some(endpoint) = &self.endpoint {
            builder = builder.with_endpoint(endpoint).with_allow_http(endpoint.starts_with("http://"));
        }
        builder.build()
    }
}

/// The SDK's credentials, for the store that `deltalake` reads through.
#[derive(Debug)]
struct Keys(Option<SharedCredentialsProvider>);

#[async_trait]
impl CredentialProvider for Keys {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let told = |source| object_store::Error::Generic { store: "S3", source };
        let provider = self.0.as_ref().ok_or_else(|| told("no AWS credentials are configured".into()))?;
        let keys = provider.provide_credentials().await.map_err(|_| told("no AWS credentials were found".into()))?;
        Ok(Arc::new(AwsCredential {
            key_id: keys.access_key_id().to_owned(),
            secret_key: keys.secret_access_key().to_owned(),
            token: keys.session_token().map(str::to_owned),
        }))
    }
}

/// The code in the XML that S3 refuses a request with.
pub fn code_in(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("<Code>")?;
    rest.split_once("</Code>").map(|(code, _)| code)
}

/// Why an AWS request failed, in a few words: the service's code where there is one.
pub fn reason<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> String {
    match error {
        SdkError::ServiceError(_) => error.code().unwrap_or("refused without a reason").to_owned(),
        SdkError::TimeoutError(_) => "no answer in time".to_owned(),
        SdkError::DispatchFailure(cause) if cause.is_io() => "no connection".to_owned(),
        SdkError::DispatchFailure(cause) if cause.is_timeout() => "connecting took too long".to_owned(),
        SdkError::DispatchFailure(_) => {
            "the request could not be sent; are there AWS credentials and a region?".to_owned()
        }
        SdkError::ConstructionFailure(_) => "the request could not be built; is a region set?".to_owned(),
        _ => "an answer that is not AWS's".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_of_a_refusal() {
        assert_eq!(code_in("403: <?xml?><Error><Code>AccessDenied</Code></Error>"), Some("AccessDenied"));
        assert_eq!(code_in("no XML"), None);
        assert_eq!(code_in("<Code>broken off"), None);
    }
}
