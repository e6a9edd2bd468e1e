//! The S3 adapter of [`ChunkStore`]: a bucket of the server's own, reached with its own credentials, never with a session
//! that was made for a table.

use std::fmt;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::Builder;
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;

use super::{code_of, failure, whole};
use crate::error::Error;
use crate::limits::{CHUNK_READ_WITHIN, CHUNK_WRITTEN_WITHIN};
use crate::storage::chunks::ChunkStore;

/// Chunks in a bucket.
pub struct S3Chunks {
    client: Client,
    bucket: String,
}

impl S3Chunks {
    /// Chunks in this bucket, under the credentials of the configuration. `endpoint` stands in for AWS, addressed in path
    /// style.
    pub fn new(config: &SdkConfig, endpoint: Option<&str>, bucket: &str) -> Self {
        // Waiting longer than the log would take is worse than reading the log.
        let once = RetryConfig::disabled();
        let timeouts = TimeoutConfig::builder().operation_timeout(CHUNK_WRITTEN_WITHIN).build();
        let mut settings = Builder::from(config).retry_config(once).timeout_config(timeouts);
        if let Some(endpoint) = endpoint {
            settings = settings.endpoint_url(endpoint).force_path_style(true);
        }
        Self { client: Client::from_conf(settings.build()), bucket: bucket.to_owned() }
    }

    async fn read(&self, name: &str, max_bytes: u64) -> Result<Option<Bytes>, Error> {
        let answer = match self.client.get_object().bucket(&self.bucket).key(name).send().await {
            Ok(answer) => answer,
            // Those who may not list a bucket are told `AccessDenied` of what is not there.
            Err(error) if matches!(code_of(&error).as_str(), "NoSuchKey" | "AccessDenied") => return Ok(None),
            Err(error) => return Err(failure("GetObject", &error)),
        };
        let length = answer.content_length().and_then(|length| u64::try_from(length).ok());
        match length.filter(|length| *length <= max_bytes) {
            Some(length) => whole(answer.body, length).await,
            None => Ok(None),
        }
    }
}

#[async_trait]
impl ChunkStore for S3Chunks {
    async fn get(&self, name: &str, max_bytes: u64) -> Result<Option<Bytes>, Error> {
        // With the body, which the SDK's own limit ends before.
        let read = tokio::time::timeout(CHUNK_READ_WITHIN, self.read(name, max_bytes));
        read.await.unwrap_or_else(|_| Err(Error::StorageUnavailable("a chunk took too long to come".into())))
    }

    async fn put(&self, name: &str, bytes: Bytes) -> Result<(), Error> {
        let put = self.client.put_object().bucket(&self.bucket).key(name).body(ByteStream::from(bytes));
        put.send().await.map(drop).map_err(|error| failure("PutObject", &error))
    }
}

impl fmt::Debug for S3Chunks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Chunks").finish_non_exhaustive()
    }
}
