//! The S3 adapter of [`LogStore`], and the connections that it and the signer share. Causes kept for the log hold error
//! codes only: S3's own messages name ARNs and keys.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use bytes::Bytes;
use tokio::sync::OnceCell;

use super::{LogEntry, LogStore};
use crate::error::Error;
use crate::limits::LOG_LIST_PAGES_MAX;
use crate::model::location::TableLocation;
use crate::model::version::TimestampMs;
use crate::secret::Secret;

/// Region assumed where nothing names one; S3-compatible stores accept it.
const REGION_DEFAULT: &str = "us-east-1";

/// Buckets with this prefix are folders of this machine, served by the embedded S3 server. S3 reserves `sthree-`, so no
/// real bucket is ever mistaken for one.
pub const EMBEDDED_BUCKET_PREFIX: &str = "sthree-local-";

/// A client and what a signer needs to make URLs that lead to the same place.
#[derive(Clone)]
pub struct S3Connection {
    client: Client,
    credentials: Option<SharedCredentialsProvider>,
    region: String,
    endpoint: Option<String>,
}

impl S3Connection {
    /// Connects the way every AWS tool does: environment, shared configuration files, container or instance role.
    /// `endpoint` replaces AWS by an S3-compatible store, addressed in path style.
    pub async fn from_environment(endpoint: Option<String>) -> Self {
        let mut loader = aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts());
        if let Some(endpoint) = &endpoint {
            loader = loader.endpoint_url(endpoint);
        }
        Self::new(&loader.load().await, endpoint)
    }

    /// Connects to an S3-compatible store with one key pair.
    pub fn with_keys(endpoint: String, access_key_id: &str, secret_access_key: &Secret) -> Self {
        let keys = Credentials::new(access_key_id, secret_access_key.reveal(), None, None, "spillway");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .credentials_provider(SharedCredentialsProvider::new(keys))
            .region(Region::from_static(REGION_DEFAULT))
            .endpoint_url(&endpoint)
            .timeout_config(timeouts())
            .build();
        Self::new(&config, Some(endpoint))
    }

    fn new(config: &SdkConfig, endpoint: Option<String>) -> Self {
        let region = config.region().map_or(REGION_DEFAULT, |region| region.as_ref()).to_owned();
        let settings = aws_sdk_s3::config::Builder::from(config)
            .region(Region::new(region.clone()))
            .force_path_style(endpoint.is_some())
            .build();
        Self { client: Client::from_conf(settings), credentials: config.credentials_provider(), region, endpoint }
    }

    /// Where the signer's credentials come from.
    pub fn credentials(&self) -> Option<&SharedCredentialsProvider> {
        self.credentials.as_ref()
    }

    /// The region that requests are signed for.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The endpoint of an S3-compatible store; `None` for AWS itself.
    pub fn endpoint(&self) -> Option<&str> {
        self.endpoint.as_deref()
    }
}

impl fmt::Debug for S3Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Connection").field("region", &self.region).finish_non_exhaustive()
    }
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(5))
        .read_timeout(Duration::from_secs(30))
        .operation_attempt_timeout(Duration::from_secs(60))
        .build()
}

/// Which connection serves which bucket. The one for AWS is made when a table there is first read, so that a server of
/// local folders never looks for credentials.
#[derive(Debug, Default)]
pub struct S3Connections {
    embedded: Option<S3Connection>,
    remote_endpoint: Option<String>,
    remote: OnceCell<S3Connection>,
}

impl S3Connections {
    /// Connections to the embedded server, if there is one, and to AWS or the store at `remote_endpoint`.
    pub fn new(embedded: Option<S3Connection>, remote_endpoint: Option<String>) -> Arc<Self> {
        Arc::new(Self { embedded, remote_endpoint, remote: OnceCell::new() })
    }

    /// The connection for a table.
    pub async fn of(&self, table: &TableLocation) -> &S3Connection {
        match &self.embedded {
            Some(embedded) if table.bucket().starts_with(EMBEDDED_BUCKET_PREFIX) => embedded,
            _ => self.remote.get_or_init(|| S3Connection::from_environment(self.remote_endpoint.clone())).await,
        }
    }
}

/// Reads logs from S3.
#[derive(Debug)]
pub struct S3LogStore {
    connections: Arc<S3Connections>,
}

impl S3LogStore {
    /// A reader over these connections.
    pub fn new(connections: Arc<S3Connections>) -> Self {
        Self { connections }
    }
}

#[async_trait]
impl LogStore for S3LogStore {
    async fn list(&self, table: &TableLocation, after: Option<&str>) -> Result<Vec<LogEntry>, Error> {
        let client = &self.connections.of(table).await.client;
        let folder = table.log_key("");
        let mut entries = Vec::new();
        let mut continuation = None;
        for _ in 0..LOG_LIST_PAGES_MAX {
            let answer = client
                .list_objects_v2()
                .bucket(table.bucket())
                .prefix(&folder)
                .delimiter("/")
                .set_start_after(after.map(|name| format!("{folder}{name}")))
                .set_continuation_token(continuation)
                .send()
                .await;
            let page = match answer {
                Ok(page) => page,
                Err(error) if code_of(&error) == "NoSuchBucket" => return Ok(Vec::new()),
                Err(error) => return Err(failure("ListObjectsV2", &error)),
            };
            entries.extend(page.contents().iter().filter_map(|object| {
                Some(LogEntry {
                    name: object.key()?.strip_prefix(&folder)?.to_owned(),
                    size: u64::try_from(object.size()?).ok()?,
                    modified: TimestampMs::new(object.last_modified()?.to_millis().ok()?),
                })
            }));
            continuation = page.next_continuation_token().map(str::to_owned);
            if continuation.is_none() {
                return Ok(entries);
            }
        }
        Err(Error::Unsupported(
            "The table's log holds too many files to list. Ask the share provider to clean it up.".into(),
        ))
    }

    async fn get(&self, table: &TableLocation, name: &str, max_bytes: u64) -> Result<Option<Bytes>, Error> {
        let client = &self.connections.of(table).await.client;
        let answer = match client.get_object().bucket(table.bucket()).key(table.log_key(name)).send().await {
            Ok(answer) => answer,
            Err(error) if matches!(code_of(&error).as_str(), "NoSuchKey" | "NoSuchBucket") => return Ok(None),
            Err(error) => return Err(failure("GetObject", &error)),
        };
        let length = answer.content_length().and_then(|length| u64::try_from(length).ok());
        if length.is_none_or(|length| length > max_bytes) {
            return Err(Error::Unsupported(format!(
                "The log file {name} is larger than this server reads ({max_bytes} bytes)."
            )));
        }
        let body = answer.body.collect().await.map_err(|error| Error::StorageUnavailable(Box::new(error)))?;
        Ok(Some(body.into_bytes()))
    }

    async fn get_range(&self, table: &TableLocation, name: &str, range: Range<u64>) -> Result<Bytes, Error> {
        let client = &self.connections.of(table).await.client;
        let answer = client
            .get_object()
            .bucket(table.bucket())
            .key(table.log_key(name))
            .range(format!("bytes={}-{}", range.start, range.end.saturating_sub(1)))
            .send()
            .await
            .map_err(|error| match code_of(&error).as_str() {
                "NoSuchKey" | "NoSuchBucket" | "InvalidRange" => {
                    Error::TableFilesMissing(Box::new(Failed { operation: "GetObject", code: code_of(&error) }))
                }
                _ => failure("GetObject", &error),
            })?;
        let body =
            answer.body.collect().await.map_err(|error| Error::StorageUnavailable(Box::new(error)))?.into_bytes();
        if body.len() as u64 != range.end.saturating_sub(range.start) {
            return Err(Error::TableFilesMissing("the object is shorter than the log says".into()));
        }
        Ok(body)
    }
}

/// A storage failure, as the log may know it.
#[derive(Debug)]
struct Failed {
    operation: &'static str,
    code: String,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S3 {} failed: {}", self.operation, self.code)
    }
}

impl std::error::Error for Failed {}

fn code_of<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> String {
    error.code().unwrap_or_default().to_owned()
}

fn failure<E: ProvideErrorMetadata, R>(operation: &'static str, error: &SdkError<E, R>) -> Error {
    let code = match error {
        SdkError::ServiceError(_) => code_of(error),
        SdkError::TimeoutError(_) => "timed out".to_owned(),
        SdkError::DispatchFailure(cause) if cause.is_io() => "no connection".to_owned(),
        SdkError::DispatchFailure(cause) if cause.is_timeout() => "connecting timed out".to_owned(),
        SdkError::DispatchFailure(cause) if cause.is_user() => "bad endpoint or credentials".to_owned(),
        SdkError::DispatchFailure(_) => "the request could not be sent (are there AWS credentials?)".to_owned(),
        SdkError::ConstructionFailure(_) => "the request could not be built".to_owned(),
        _ => "an answer that is not S3's".to_owned(),
    };
    let denied = matches!(
        code.as_str(),
        "AccessDenied"
            | "AllAccessDisabled"
            | "ExpiredToken"
            | "InvalidAccessKeyId"
            | "InvalidToken"
            | "NotSignedUp"
            | "SignatureDoesNotMatch"
    );
    let cause = Box::new(Failed { operation, code });
    if denied { Error::StorageDenied(cause) } else { Error::StorageUnavailable(cause) }
}
