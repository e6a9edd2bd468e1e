//! Where signing credentials come from: the connection of the table's bucket. A URL's life is the configured one, or
//! what is left of the credentials when that is less.

use std::sync::Arc;

use async_trait::async_trait;
use aws_credential_types::provider::ProvideCredentials;

use super::sigv4::{SigningKeys, Target};
use super::{Presigner, UrlSigner};
use crate::clock::Clock;
use crate::error::Error;
use crate::limits::{CREDENTIAL_MARGIN_SECS, URL_TTL_SECS_MAX, URL_TTL_SECS_MIN};
use crate::model::location::TableLocation;
use crate::model::version::TimestampMs;
use crate::secret::Secret;
use crate::storage::s3::S3Connections;

/// Signs with the credentials of the S3 connections.
#[derive(Debug)]
pub struct SessionPresigner {
    connections: Arc<S3Connections>,
    clock: Arc<dyn Clock>,
    lifetime_secs: i64,
}

impl SessionPresigner {
    /// A presigner whose URLs live `lifetime_secs`, or less where the credentials end sooner.
    pub fn new(connections: Arc<S3Connections>, clock: Arc<dyn Clock>, lifetime_secs: i64) -> Self {
        Self { connections, clock, lifetime_secs: lifetime_secs.clamp(URL_TTL_SECS_MIN, URL_TTL_SECS_MAX) }
    }
}

#[async_trait]
impl Presigner for SessionPresigner {
    async fn signer(&self, table: &TableLocation) -> Result<UrlSigner, Error> {
        let connection = self.connections.of(table).await;
        let provider =
            connection.credentials().ok_or(Error::StorageDenied("there are no AWS credentials to sign with".into()))?;
        let credentials = provider
            .provide_credentials()
            .await
            .map_err(|_| Error::StorageDenied("no AWS credentials were found to sign with".into()))?;
        let now = self.clock.now();
        let ends = credentials
            .expiry()
            .and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok())
            .and_then(|since| i64::try_from(since.as_millis()).ok())
            .map(TimestampMs::new);
        let lifetime_secs = lifetime(self.lifetime_secs, now, ends)
            .ok_or(Error::StorageUnavailable("the AWS credentials have run out".into()))?;
        let keys = SigningKeys {
            access_key_id: credentials.access_key_id().to_owned(),
            secret_access_key: Secret::new(credentials.secret_access_key()),
            session_token: credentials.session_token().map(Secret::new),
        };
        let target =
            Target { region: connection.region().to_owned(), endpoint: connection.endpoint().map(str::to_owned) };
        UrlSigner::new(table, &target, &keys, now, lifetime_secs)
    }
}

/// Seconds a URL signed now may promise, or nothing when the credentials are as good as over.
fn lifetime(wanted_secs: i64, now: TimestampMs, ends: Option<TimestampMs>) -> Option<i64> {
    let Some(ends) = ends else { return Some(wanted_secs) };
    let left = (ends.millis() - now.millis()).div_euclid(1000) - CREDENTIAL_MARGIN_SECS;
    (left >= URL_TTL_SECS_MIN).then(|| wanted_secs.min(left))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_never_outlives_its_credentials() {
        let now = TimestampMs::new(0);
        assert_eq!(lifetime(3600, now, None), Some(3600));
        assert_eq!(lifetime(3600, now, Some(now.plus_secs(7200))), Some(3600));
        assert_eq!(lifetime(3600, now, Some(now.plus_secs(1000))), Some(970));
        assert_eq!(lifetime(3600, now, Some(now.plus_secs(30))), None);
        assert_eq!(lifetime(3600, now, Some(now.plus_secs(-5))), None);
    }
}
