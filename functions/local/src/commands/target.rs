//! Which catalogue a command works on: the state folder of the local server, or a deployed DynamoDB table. Both are a
//! [`Provider`]; what differs besides is where profiles lead, which locations tables may have, and how soon a change is
//! seen.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_config::SdkConfig;
use clap::Args;
use shared::auth::mint::PlainMint;
use shared::catalog::embedded::write::EmbeddedProviderCatalog;
use shared::catalog::event::ChangeLog;
use shared::clock::Clock;
use shared::config::Environment;
use shared::provider::Provider;

use crate::cli::STATE_DEFAULT;
use crate::conf_yaml::ENDPOINT_DEFAULT;
use crate::glue::{GlueApi, GlueCatalog};
use crate::inspect::bucket::{Role, Route};
use crate::locations::{Place, place};
use crate::state::StateFolder;

mod aws;
mod below;
mod local;
mod look;
mod operator;
mod secrets;
mod stack;

pub use below::Below;
pub use look::{Looked, Reading, named};
pub use operator::principal;

/// Where the local server listens when nothing else was said to it.
const LOCAL_SERVER: &str = "http://127.0.0.1:8080";

/// Options that say which catalogue is meant.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Which catalogue")]
pub struct TargetArgs {
    /// The local server's state folder
    #[arg(long, value_name = "DIR", default_value = STATE_DEFAULT)]
    pub state: PathBuf,
    /// The deployed stack of this name instead of a state folder
    #[arg(long, value_name = "NAME", conflicts_with = "table_name")]
    pub stack: Option<String>,
    /// This DynamoDB table instead of a state folder
    #[arg(long, value_name = "NAME")]
    pub table_name: Option<String>,
    /// The Secrets Manager secret that tokens are made with, beside --table-name
    #[arg(long, value_name = "ARN", requires = "table_name")]
    pub keyring_secret: Option<String>,
    /// The URL that profiles lead to; known for a stack and for a local server that has run
    #[arg(long, value_name = "URL")]
    pub endpoint: Option<String>,
    /// The AWS region of the stack or table [default: as for every AWS tool]
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,
    /// Answer in JSON, for scripts
    #[arg(long)]
    pub json: bool,
}

impl TargetArgs {
    /// Whether a state folder is meant.
    pub fn is_local(&self) -> bool {
        self.stack.is_none() && self.table_name.is_none()
    }
}

/// The catalogue that a command works on.
#[derive(Debug)]
pub struct Target {
    /// Every act on it.
    pub provider: Provider,
    /// What operators changed.
    pub changes: Arc<dyn ChangeLog>,
    kind: Kind,
    state: PathBuf,
    /// The options that lead here, for lines to paste.
    options: String,
    endpoint: Option<String>,
    s3_endpoint: Option<String>,
    /// What stands in for AWS Glue.
    glue: Option<Arc<dyn GlueCatalog>>,
    /// The same catalogue, where it can gather what a script does.
    gathering: Option<EmbeddedProviderCatalog>,
}

/// Whether a command may begin a catalogue where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beginning {
    /// It may.
    Here,
    /// It may not.
    NotHere,
    /// Nothing is begun or changed: the command works on a copy that is kept nowhere.
    OnACopy,
}

/// What kind of catalogue it is.
#[derive(Debug)]
pub enum Kind {
    /// A state folder.
    Local {
        /// The region option, for tables on S3.
        region: Option<String>,
    },
    /// A DynamoDB table.
    Aws(Box<Deployment>),
}

/// What is known of a deployment.
#[derive(Debug)]
pub struct Deployment {
    /// The operator's own credentials and region.
    pub config: SdkConfig,
    /// The role by which tables are read that name none.
    pub data_role: Option<String>,
    /// The log group of its functions, when the stack says it.
    pub log_group: Option<String>,
}

impl Target {
    /// Opens the catalogue that the options name.
    ///
    /// # Errors
    /// A sentence for the person at the terminal.
    pub async fn open(
        args: &TargetArgs,
        beginning: Beginning,
        environment: &Environment,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, String> {
        let mut options = String::new();
        let mut option = |name: &str, value: &str| {
            options.push_str(&format!(" --{name} {}", crate::output::quoted_text(value)));
        };
        let default_state = args.state == Path::new(STATE_DEFAULT);
        let (kind, provider, changes, known, gathering) = if !args.is_local() {
            if let Some(stack) = &args.stack {
                option("stack", stack);
            }
            if let Some(table) = &args.table_name {
                option("table-name", table);
                args.keyring_secret.iter().for_each(|secret| option("keyring-secret", secret));
                args.endpoint.iter().for_each(|endpoint| option("endpoint", endpoint));
            }
            args.region.iter().for_each(|region| option("region", region));
            let (deployment, provider, changes, endpoint) = aws::open(args, Arc::clone(&clock)).await?;
            let provider = if beginning == Beginning::OnACopy { copy(&provider, clock).await? } else { provider };
            (Kind::Aws(Box::new(deployment)), provider, changes, endpoint, None)
        } else {
            if !default_state {
                option("state", &args.state.display().to_string());
            }
            let opened = local::open(&args.state, beginning, clock)?;
            let endpoint = opened
                .state
                .and_then(|state| state.noted_endpoint())
                .unwrap_or_else(|| format!("{LOCAL_SERVER}{ENDPOINT_DEFAULT}"));
            let (kind, changes) = (Kind::Local { region: args.region.clone() }, Arc::new(opened.catalog.clone()));
            (kind, opened.provider, changes as Arc<dyn ChangeLog>, Some(endpoint), Some(opened.catalog))
        };
        let endpoint = args.endpoint.as_deref().map(checked_endpoint).transpose()?.or(known);
        let (state, s3_endpoint) = (args.state.clone(), environment.s3_endpoint.clone());
        Ok(Self { provider, changes, kind, state, options, endpoint, s3_endpoint, glue: None, gathering })
    }

    /// What a program that has its catalogue already works on, as if it were in this state folder.
    pub fn over(provider: Provider, changes: Arc<dyn ChangeLog>, state: PathBuf, endpoint: String) -> Self {
        let (kind, options) = (Kind::Local { region: None }, String::new());
        let endpoint = Some(endpoint);
        Self { provider, changes, kind, state, options, endpoint, s3_endpoint: None, glue: None, gathering: None }
    }

    /// What kind of catalogue it is.
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// The catalogue, where it can gather what a script does.
    pub(crate) fn gathering(&self) -> Option<&EmbeddedProviderCatalog> {
        self.gathering.as_ref()
    }

    /// The URL that profiles lead to.
    ///
    /// # Errors
    /// When it is not known.
    pub fn endpoint(&self) -> Result<String, String> {
        self.endpoint.clone().ok_or_else(|| {
            "the URL that the profile should lead to is not known; name it with --endpoint, or the stack with --stack".into()
        })
    }

    /// The state folder, where what this person typed is kept as well.
    ///
    /// # Errors
    /// A sentence for the person at the terminal.
    pub fn state_folder(&self) -> Result<PathBuf, String> {
        StateFolder::open(&self.state).map(|state| state.path().to_owned())
    }

    /// The state folder that was named, whether it is there or not.
    pub fn named_state(&self) -> &Path {
        &self.state
    }

    /// A command to paste that works on this same catalogue.
    pub fn line(&self, command: &str) -> String {
        format!("spillway {command}{}", self.options)
    }

    /// A location of the kind that tables may have here.
    pub fn location_example(&self) -> &'static str {
        match self.kind {
            Kind::Local { .. } => "/path/to/table",
            Kind::Aws(_) => "s3://bucket/path/to/table",
        }
    }

    /// How soon recipients notice a change.
    pub fn takes_effect(&self) -> &'static str {
        match self.kind {
            Kind::Local { .. } => "a running server notices within two seconds",
            Kind::Aws(_) => "the functions notice within a minute",
        }
    }

    /// The place that a location names, and the form in which the catalogue keeps it.
    ///
    /// # Errors
    /// A sentence for the person at the terminal.
    pub fn place(&self, text: &str) -> Result<(Place, String), String> {
        let here = std::path::absolute(".").map_err(|error| format!("cannot use the current folder: {error}"))?;
        match place(text, &here).map_err(|why| format!("the location '{text}' {why}"))? {
            Place::Folder(_) if matches!(self.kind, Kind::Aws(_)) => Err(format!(
                "the location '{text}' is a folder of this machine, which functions on AWS cannot read; copy the table \
                 to S3 and name s3://bucket/prefix"
            )),
            Place::Folder(folder) => {
                let folder = std::path::absolute(&folder).map_err(|error| format!("cannot use '{text}': {error}"))?;
                let kept = folder.to_str().ok_or_else(|| format!("the location '{text}' is not UTF-8"))?.to_owned();
                Ok((Place::Folder(folder), kept))
            }
            Place::Bucket(location) => {
                let kept = format!("s3://{}/{}", location.bucket(), location.prefix());
                Ok((Place::Bucket(location), kept.trim_end_matches('/').to_owned()))
            }
        }
    }

    /// The forms in which the catalogue keeps locations.
    ///
    /// # Errors
    /// A sentence for the person at the terminal.
    pub fn kept_forms(&self, texts: &[String]) -> Result<Vec<String>, String> {
        texts.iter().map(|text| self.place(text).map(|(_, kept)| kept)).collect()
    }

    /// The place that a location in the catalogue names; in a state folder a path may begin there.
    ///
    /// # Errors
    /// A sentence for the person at the terminal.
    pub fn recorded_place(&self, text: &str) -> Result<Place, String> {
        let base = std::path::absolute(&self.state).map_err(|error| format!("cannot use the state folder: {error}"))?;
        place(text, &base).map_err(|why| format!("the location {why}"))
    }

    /// The operator's own credentials and region.
    pub async fn aws_config(&self) -> SdkConfig {
        match &self.kind {
            Kind::Aws(deployment) => deployment.config.clone(),
            Kind::Local { region } => aws::config(region.clone()).await,
        }
    }

    /// What stands in for S3, if anything does.
    pub fn s3_endpoint(&self) -> Option<String> {
        self.s3_endpoint.clone()
    }

    /// The same with something in the place of AWS Glue.
    #[must_use]
    pub fn with_glue(self, glue: Arc<dyn GlueCatalog>) -> Self {
        Self { glue: Some(glue), ..self }
    }

    /// The AWS Glue Data Catalog of the operator's account and region.
    pub async fn glue(&self) -> Arc<dyn GlueCatalog> {
        match &self.glue {
            Some(glue) => Arc::clone(glue),
            None => Arc::new(GlueApi::new(&self.aws_config().await)),
        }
    }

    /// How the server would reach a table.
    pub fn route(&self, region: Option<&str>, endpoint: Option<&str>, role: Option<Role>) -> Route {
        let stores = |endpoint: &&str| endpoint.contains("://");
        let role = role.or_else(|| match &self.kind {
            Kind::Aws(deployment) => deployment.data_role.clone().map(|arn| Role { arn, external_id: None }),
            Kind::Local { .. } => None,
        });
        Route {
            region: region.map(str::to_owned),
            endpoint: endpoint.filter(stores).map(str::to_owned).or_else(|| self.s3_endpoint.clone()),
            role,
        }
    }
}

/// The same catalogue in memory.
async fn copy(provider: &Provider, clock: Arc<dyn Clock>) -> Result<Provider, String> {
    let copied = EmbeddedProviderCatalog::copy_of(provider.whole_catalog()).await;
    let copied = copied.map_err(|error| super::told(error.into()))?;
    Ok(Provider::new(Arc::new(copied), Box::new(|_| Arc::new(PlainMint)), clock))
}

/// An endpoint as a profile has it: a URL that does not end in a slash.
fn checked_endpoint(text: &str) -> Result<String, String> {
    let text = text.trim_end_matches('/');
    match url::Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.host().is_some() && url.query().is_none() => {
            Ok(text.to_owned())
        }
        _ => Err(format!("the endpoint '{text}' is not a URL such as https://share.example.org/delta-sharing")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_urls_without_a_slash_at_the_end() {
        assert_eq!(checked_endpoint("https://e.org/delta-sharing/").unwrap(), "https://e.org/delta-sharing");
        for text in ["e.org", "ftp://e.org", "https://", "https://e.org/?a=b"] {
            assert!(checked_endpoint(text).is_err(), "{text}");
        }
    }
}
