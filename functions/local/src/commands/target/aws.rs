//! The catalogue of a deployment: its DynamoDB table and its keyring, reached with the operator's own credentials.

use std::sync::Arc;

use async_trait::async_trait;
use aws_config::meta::region::RegionProviderChain;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use shared::auth::activation::Codes;
use shared::auth::keyring::Keyrings;
use shared::auth::keyring::secret::KeyringSecret;
use shared::auth::mint::{KeyringMint, MintTokens, MintedToken};
use shared::auth::secrets::SecretTokenStore;
use shared::catalog::dynamo::write::DynamoProviderCatalog;
use shared::catalog::event::{ChangeLog, Recorder};
use shared::catalog::write::ProviderCatalog;
use shared::clock::Clock;
use shared::error::Error;
use shared::provider::{MintFor, Provider};

use super::operator::AwsOperator;
use super::secrets::TokensInSecrets;
use super::stack::{self, Outputs};
use super::{Deployment, TargetArgs};

/// What the stack's output says when tokens are kept in the catalogue.
const TOKENS_IN_THE_CATALOGUE: &str = "dynamodb";
/// What it says when each recipient has a secret.
const TOKENS_IN_SECRETS: &str = "secretsmanager";

/// Connects the way every AWS tool does; `region` comes before what the environment says.
pub(super) async fn config(region: Option<String>) -> SdkConfig {
    let region = RegionProviderChain::first_try(region.map(Region::new)).or_default_provider();
    aws_config::defaults(BehaviorVersion::latest()).region(region).load().await
}

/// Opens what the options name. The last is where profiles lead, when the stack says it.
pub(super) async fn open(
    args: &TargetArgs,
    clock: Arc<dyn Clock>,
) -> Result<(Deployment, Provider, Arc<dyn ChangeLog>, Option<String>), String> {
    let config = config(args.region.clone()).await;
    if config.region().is_none() {
        return Err("no AWS region is set; name it with --region, or set AWS_REGION or AWS_PROFILE".into());
    }
    let outputs = match &args.stack {
        Some(stack) => Some(stack::outputs(&config, stack).await?),
        None => None,
    };
    let table = outputs.as_ref().map(|outputs| outputs.table_name.clone()).or_else(|| args.table_name.clone());
    let table = table.ok_or("name the stack with --stack, or the table with --table-name")?;
    let keyring =
        outputs.as_ref().map(|outputs| outputs.keyring_secret.clone()).or_else(|| args.keyring_secret.clone());
    let secrets = aws_sdk_secretsmanager::Client::new(&config);
    let recorder = Recorder::new(Arc::new(AwsOperator::of(&config)), Arc::clone(&clock));
    let catalog = DynamoProviderCatalog::new(aws_sdk_dynamodb::Client::new(&config), table).recorded(recorder);
    let (catalog, changes) = (Arc::new(catalog.clone()), Arc::new(catalog));
    let catalog = with_token_store(catalog, secrets.clone(), outputs.as_ref())?;
    let provider = match keyring {
        // Links are made for tokens only, of which there are none.
        None => Provider::new(catalog, Box::new(|_| Arc::new(NoKeyring)), clock),
        Some(secret) => {
            let keyrings: Arc<dyn Keyrings> = Arc::new(KeyringSecret::new(secrets, secret, Arc::clone(&clock)));
            let (mint, codes) = (KeyringMint::new(Arc::clone(&keyrings)), Codes::under(keyrings));
            let mint_for: Box<MintFor> = Box::new(move |recipient| Arc::new(mint.for_recipient(recipient)));
            Provider::new(catalog, mint_for, clock).with_codes(codes)
        }
    };
    let (data_role, log_group, endpoint) = match outputs {
        Some(outputs) => (outputs.data_role, outputs.log_group, Some(outputs.endpoint)),
        None => (None, None, None),
    };
    Ok((Deployment { config, data_role, log_group }, provider, changes, endpoint))
}

/// The catalogue with its tokens where the deployment's functions look for them. Anything else is refused: a recipient
/// that is created would not be let in, and one that is disabled would go on reading.
fn with_token_store(
    catalog: Arc<dyn ProviderCatalog>,
    secrets: aws_sdk_secretsmanager::Client,
    outputs: Option<&Outputs>,
) -> Result<Arc<dyn ProviderCatalog>, String> {
    let Some(outputs) = outputs else { return Ok(catalog) };
    match (outputs.token_store.as_deref(), &outputs.token_secret_prefix) {
        (None | Some(TOKENS_IN_THE_CATALOGUE), _) => Ok(catalog),
        (Some(TOKENS_IN_SECRETS), Some(prefix)) => {
            Ok(Arc::new(TokensInSecrets::new(catalog, SecretTokenStore::new(secrets, prefix))))
        }
        (Some(TOKENS_IN_SECRETS), None) => {
            Err("the stack keeps its tokens in secrets, but has no output TokenSecretPrefix; deploy it again".into())
        }
        (Some(store), _) => Err(format!(
            "the stack keeps its tokens in '{store}', which this program does not know; use the program it was deployed with"
        )),
    }
}

/// A table without its keyring: everything can be done that makes no token.
struct NoKeyring;

#[async_trait]
impl MintTokens for NoKeyring {
    async fn mint(&self) -> Result<MintedToken, Error> {
        Err(Error::defect("name the keyring's secret with --keyring-secret, or the stack with --stack"))
    }
}
