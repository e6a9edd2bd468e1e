//! How a server on somebody's own machine reaches tables: folders through the S3 server embedded in the process, all else
//! with the credentials that every AWS tool on the machine would find.

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use async_trait::async_trait;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::ProvideCredentials;
use aws_sdk_s3::Client;
use tokio::sync::OnceCell;

use super::reach::{Clients, Place, REGION_DEFAULT, Reaches, Signing};
use crate::bounded::Bounded;
use crate::credentials::SigningKeys;
use crate::error::Error;
use crate::limits::{S3_CLIENTS_KEPT_MAX, URL_TTL_SECS_MIN};
use crate::model::location::{Endpoint, TableLocation};
use crate::model::recipient::Recipient;
use crate::model::securable::Table;
use crate::model::version::TimestampMs;
use crate::secret::Secret;

/// Buckets with this prefix are folders of this machine, served by the embedded S3 server. S3 reserves `sthree-`, so no
/// real bucket is ever mistaken for one.
pub const EMBEDDED_BUCKET_PREFIX: &str = "sthree-local-";

/// The S3 server embedded in the process, and the one key pair that it knows.
#[derive(Debug, Clone)]
pub struct EmbeddedStore {
    endpoint: String,
    keys: SigningKeys,
}

impl EmbeddedStore {
    /// The store at this endpoint.
    pub fn new(endpoint: impl Into<String>, access_key_id: impl Into<String>, secret_access_key: &Secret) -> Self {
        let keys = SigningKeys {
            access_key_id: access_key_id.into(),
            secret_access_key: secret_access_key.clone(),
            session_token: None,
        };
        Self { endpoint: endpoint.into(), keys }
    }
}

/// Reaches local folders and, with the machine's own credentials, S3.
#[derive(Debug)]
pub struct LocalReach {
    embedded: Option<(EmbeddedStore, Client)>,
    remote_endpoint: Option<String>,
    /// Made when a table in S3 is first read, so that a server of local folders never looks for credentials.
    remote: OnceCell<Clients>,
    kept: Bounded<Place, Client>,
}

impl LocalReach {
    /// Reaches the embedded server, if there is one, and S3 or the store at `remote_endpoint`, addressed in path style.
    pub fn shared(embedded: Option<EmbeddedStore>, remote_endpoint: Option<String>) -> Arc<dyn Reaches> {
        let embedded = embedded.map(|store| {
            let config = SdkConfig::builder()
                .behavior_version(BehaviorVersion::latest())
                .region(Region::from_static(REGION_DEFAULT))
                .build();
            let clients = Clients::new(config, Some(store.endpoint.clone()));
            let place = clients.place(&TableLocation::new(EMBEDDED_BUCKET_PREFIX, ""));
            let client = clients.client_with(&place, &store.keys);
            (store, client)
        });
        Arc::new(Self { embedded, remote_endpoint, remote: OnceCell::new(), kept: Bounded::new(S3_CLIENTS_KEPT_MAX) })
    }

    fn embedded(&self, table: &TableLocation) -> Option<&(EmbeddedStore, Client)> {
        self.embedded.as_ref().filter(|_| table.bucket().starts_with(EMBEDDED_BUCKET_PREFIX))
    }

    /// A table's role is a promise to the bucket's owner, so it is not stepped over.
    async fn remote(&self, table: &TableLocation) -> Result<&Clients, Error> {
        if table.reach().role.is_some() {
            let cause = "the table names a role, and a local server assumes none: remove the role, or use a profile that has it";
            return Err(Error::StorageDenied(cause.into()));
        }
        Ok(self
            .remote
            .get_or_init(|| async {
                let mut loader = aws_config::defaults(BehaviorVersion::latest());
                if let Some(endpoint) = &self.remote_endpoint {
                    loader = loader.endpoint_url(endpoint);
                }
                Clients::new(loader.load().await, self.remote_endpoint.clone())
            })
            .await)
    }
}

#[async_trait]
impl Reaches for LocalReach {
    async fn client(&self, table: &TableLocation) -> Result<Client, Error> {
        if let Some((_, client)) = self.embedded(table) {
            return Ok(client.clone());
        }
        let remote = self.remote(table).await?;
        let place = remote.place(table);
        Ok(self.kept.get_or_insert(&place, || remote.client(&place)))
    }

    async fn signing(&self, table: &Table, _to: &Recipient) -> Result<Signing, Error> {
        if let Some((store, _)) = self.embedded(&table.location) {
            return Ok(Signing {
                region: REGION_DEFAULT.to_owned(),
                endpoint: Endpoint::Custom(store.endpoint.clone()),
                keys: store.keys.clone(),
                ends: None,
                least_secs: URL_TTL_SECS_MIN,
            });
        }
        let remote = self.remote(&table.location).await?;
        let provider =
            remote.own_credentials().ok_or(Error::StorageDenied("there are no AWS credentials to sign with".into()))?;
        let credentials = provider
            .provide_credentials()
            .await
            .map_err(|_| Error::StorageDenied("no AWS credentials were found to sign with".into()))?;
        let Place { region, endpoint, .. } = remote.place(&table.location);
        Ok(Signing {
            region,
            endpoint,
            keys: SigningKeys {
                access_key_id: credentials.access_key_id().to_owned(),
                secret_access_key: Secret::new(credentials.secret_access_key()),
                session_token: credentials.session_token().map(Secret::new),
            },
            ends: credentials
                .expiry()
                .and_then(|at| at.duration_since(UNIX_EPOCH).ok())
                .and_then(|since| i64::try_from(since.as_millis()).ok())
                .map(TimestampMs::new),
            least_secs: URL_TTL_SECS_MIN,
        })
    }
}
