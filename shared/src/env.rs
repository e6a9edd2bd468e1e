//! The composition root of a function: what the environment says, and each port built when a handler asks for it, so that
//! a function links what its route needs and nothing else.
//!
//! Connections are opened while the function starts, all at once and bounded in time: Lambda gives more processor then,
//! and the first request finds them. What fails here is told by the first request that needs it.

use std::fmt;
use std::sync::Arc;

use aws_config::environment::{EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider};
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_dynamodb::types::AttributeValue;

use crate::audit::Audit;
use crate::auth::Gate;
use crate::auth::activation::dynamo::DynamoLinks;
use crate::auth::activation::{Activations, Codes};
use crate::auth::dynamo::DynamoTokenStore;
use crate::auth::keyring::Keyrings;
use crate::auth::keyring::secret::KeyringSecret;
use crate::auth::secrets::SecretTokenStore;
use crate::auth::stored::{StoredTokens, TokenStore};
use crate::catalog::dynamo::DynamoCatalog;
use crate::catalog::key::{PK, SK};
use crate::clock::{Clock, SystemClock};
use crate::config::{FunctionConfig, TokenPlace};
use crate::handlers::listing::PageTokens;
use crate::handlers::{Handler, PublicHandler};
use crate::http::pipeline::{Pipeline, Shared};
use crate::lambda::Error;
use crate::limits::{AWS_ATTEMPT_WITHIN, AWS_CONNECT_WITHIN, AWS_OPERATION_WITHIN, CONNECTIONS_WITHIN};
use crate::seal::keyring::KeyringSealing;
use crate::telemetry;

#[cfg(all(feature = "s3", feature = "sts", feature = "parquet"))]
mod tables;
#[cfg(not(all(feature = "s3", feature = "sts", feature = "parquet")))]
#[path = "env/no_tables.rs"]
mod tables;

use tables::Tables;

/// What a function is made from.
pub struct Env {
    config: FunctionConfig,
    clock: Arc<dyn Clock>,
    audit: Arc<dyn Audit>,
    sdk: SdkConfig,
    dynamo: aws_sdk_dynamodb::Client,
    secrets: aws_sdk_secretsmanager::Client,
    keyrings: Arc<dyn Keyrings>,
    #[cfg(all(feature = "s3", feature = "sts", feature = "parquet"))]
    tables: Tables,
}

impl Env {
    /// Reads the environment, starts the log and opens connections.
    ///
    /// # Errors
    /// Names the variable that is missing or wrong.
    pub async fn read() -> Result<Self, Error> {
        // As text, because a main shows its error in the form meant for programmers.
        let config = FunctionConfig::read().map_err(|error| error.to_string())?;
        let audit = telemetry::start(config.log.as_deref());
        let sdk = sdk_config().await;
        if sdk.region().is_none() {
            return Err("environment variable AWS_REGION: is not set".into());
        }
        let clock = SystemClock::shared();
        let dynamo = aws_sdk_dynamodb::Client::new(&sdk);
        let secrets = aws_sdk_secretsmanager::Client::new(&sdk);
        let keyrings: Arc<dyn Keyrings> =
            Arc::new(KeyringSecret::new(secrets.clone(), &config.keyring_secret, Arc::clone(&clock)));
        let tables = Tables::new(&config, &sdk, &clock);

        let touched = async {
            // The keyring that could not be read is read again when it is needed.
            tokio::join!(touch(&dynamo, &config.table_name), tables.connect(), async {
                keyrings.current().await.is_ok()
            });
        };
        if tokio::time::timeout(CONNECTIONS_WITHIN, touched).await.is_err() {
            tracing::warn!(target: "spillway", "not every connection was open when the function started");
        }
        Ok(Self {
            config,
            clock,
            audit,
            sdk,
            dynamo,
            secrets,
            keyrings,
            #[cfg(all(feature = "s3", feature = "sts", feature = "parquet"))]
            tables,
        })
    }

    /// Shares, schemas and tables.
    pub fn catalog(&self) -> Arc<DynamoCatalog> {
        let clock = Arc::clone(&self.clock);
        Arc::new(DynamoCatalog::new(self.dynamo.clone(), &self.config.table_name, clock))
    }

    /// Opens activation links.
    pub fn activations(&self) -> Activations {
        let links = DynamoLinks::new(self.dynamo.clone(), &self.config.table_name);
        Activations::new(Codes::under(Arc::clone(&self.keyrings)), Arc::new(links), Arc::clone(&self.clock))
    }

    /// Whom recipients ask.
    pub fn contact(&self) -> Option<String> {
        self.config.contact.clone()
    }

    /// Page tokens that every function of the stack can open.
    pub fn page_tokens(&self) -> PageTokens {
        let sealing = KeyringSealing::new(Arc::clone(&self.keyrings));
        PageTokens::new(Arc::new(sealing), Arc::clone(&self.clock))
    }

    /// Lets recipients in.
    pub fn gate(&self) -> Gate {
        let store: Arc<dyn TokenStore> = match &self.config.token_store {
            TokenPlace::DynamoDb => Arc::new(DynamoTokenStore::new(self.dynamo.clone(), &self.config.table_name)),
            TokenPlace::SecretsManager { prefix } => Arc::new(SecretTokenStore::new(self.secrets.clone(), prefix)),
        };
        Gate::new(Arc::new(StoredTokens::new(store, Arc::clone(&self.keyrings), Arc::clone(&self.clock))))
    }

    /// The way from request to answer, around a handler.
    pub fn pipeline(&self, handler: impl Handler + 'static) -> Pipeline {
        Pipeline::new(Arc::new(handler), self.shared())
    }

    /// The same, around a handler that everybody may call.
    pub fn public_pipeline(&self, handler: impl PublicHandler + 'static) -> Pipeline {
        Pipeline::public(Arc::new(handler), self.shared())
    }

    fn shared(&self) -> Shared {
        let shared = Shared::new(self.gate(), Arc::clone(&self.clock), Arc::clone(&self.audit), None)
            .answers_at_most(self.config.answer_bytes_max);
        match &self.config.cors_origin {
            Some(origin) => shared.readable_by(origin.clone()),
            None => shared,
        }
    }
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Env").field("config", &self.config).field("region", &self.sdk.region()).finish_non_exhaustive()
    }
}

/// Credentials and region from variables, which Lambda sets, or from a profile, for a function run by hand. Never from the
/// instance metadata service, which a function has not got and would wait for. Every service is asked at the endpoint of
/// the region.
async fn sdk_config() -> SdkConfig {
    let credentials = CredentialsProviderChain::first_try("Environment", EnvironmentVariableCredentialsProvider::new())
        .or_else("Profile", ProfileFileCredentialsProvider::builder().build());
    let region = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
        .or_else(ProfileFileRegionProvider::new());
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(AWS_CONNECT_WITHIN)
        .operation_attempt_timeout(AWS_ATTEMPT_WITHIN)
        .operation_timeout(AWS_OPERATION_WITHIN)
        .build();
    aws_config::defaults(BehaviorVersion::latest())
        .credentials_provider(credentials)
        .region(region)
        .timeout_config(timeouts)
        .load()
        .await
}

/// Asks for an item that is not there, which opens the connection.
async fn touch(dynamo: &aws_sdk_dynamodb::Client, table: &str) {
    let nothing = || AttributeValue::S("-".into());
    let asked = dynamo.get_item().table_name(table).key(PK, nothing()).key(SK, nothing()).projection_expression(PK);
    if asked.send().await.is_err() {
        tracing::warn!(target: "spillway", "the catalogue did not answer at the start");
    }
}
