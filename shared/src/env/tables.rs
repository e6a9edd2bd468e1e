//! The ports of the routes that read tables: logs and signed URLs, under sessions of the roles that tables name.

use std::sync::Arc;

use aws_config::SdkConfig;

use super::Env;
use crate::catalog::FindTable;
use crate::catalog::dynamo::DynamoCatalog;
use crate::clock::Clock;
use crate::config::FunctionConfig;
use crate::credentials::assumed::{AssumedSessions, AssumesRoles};
use crate::credentials::sts::StsRoles;
use crate::delta::{ChunkCache, DeltaLog};
use crate::discovery::Probing;
use crate::handlers::query_token::QueryTokens;
use crate::model::location::DataRole;
use crate::presign::Presigner;
use crate::presign::session::SessionPresigner;
use crate::seal::keyring::KeyringSealing;
use crate::storage::s3::{AssumedReach, Reaches, S3Chunks, S3LogStore};

/// How tables are reached. All requests of a function share sessions and connections.
pub(super) struct Tables {
    roles: Arc<StsRoles>,
    reach: Arc<dyn Reaches>,
}

impl Tables {
    pub(super) fn new(config: &FunctionConfig, sdk: &SdkConfig, clock: &Arc<dyn Clock>) -> Self {
        let roles = Arc::new(StsRoles::new(sdk));
        let default_role = config.data_role.clone().map(|arn| DataRole { arn, external_id: None });
        let region = sdk.region().map(ToString::to_string).unwrap_or_default();
        let assumes: Arc<dyn AssumesRoles> = Arc::clone(&roles) as Arc<dyn AssumesRoles>;
        let sessions = AssumedSessions::new(assumes, default_role, region, Arc::clone(clock));
        Self { roles, reach: AssumedReach::shared(sdk, config.s3_endpoint.clone(), sessions) }
    }

    /// Opens the connection to STS. Those to buckets wait for a request, which says which.
    pub(super) async fn connect(&self) {
        self.roles.connect().await;
    }
}

impl Env {
    /// Tables of the catalogue, and those in the places of its schemas.
    pub fn tables(&self) -> Arc<dyn FindTable> {
        let logs = Arc::new(S3LogStore::new(Arc::clone(&self.tables.reach)));
        Arc::new(Probing::new(DynamoCatalog::clone(&self.catalog()), logs))
    }

    /// Reads logs.
    pub fn delta(&self) -> DeltaLog {
        let log = DeltaLog::new(Arc::new(S3LogStore::new(Arc::clone(&self.tables.reach))));
        match &self.config.chunk_bucket {
            Some(bucket) => {
                let store = S3Chunks::new(&self.sdk, self.config.s3_endpoint.as_deref(), bucket);
                let sealing = KeyringSealing::new(Arc::clone(&self.keyrings));
                log.with_chunks(ChunkCache::new(Arc::new(store), Arc::new(sealing)))
            }
            None => log,
        }
    }

    /// Tokens of queries that every function of the stack can open.
    pub fn query_tokens(&self) -> QueryTokens {
        let sealing = KeyringSealing::new(Arc::clone(&self.keyrings));
        QueryTokens::new(Arc::new(sealing), Arc::clone(&self.clock))
    }

    /// Signs URLs.
    pub fn presigner(&self) -> Arc<dyn Presigner> {
        let (reach, clock) = (Arc::clone(&self.tables.reach), Arc::clone(&self.clock));
        Arc::new(SessionPresigner::new(reach, clock, self.config.url_ttl_secs))
    }
}
