//! What is to be served, gathered from one of three sources: the state folder's catalogue, a folder of tables, or a
//! configuration file of the reference server.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use shared::auth::Gate;
use shared::auth::activation::embedded::EmbeddedLinks;
use shared::auth::activation::{Links, NoLinks};
use shared::auth::embedded::EmbeddedTokens;
use shared::catalog::document::{CatalogDocument, RecipientEntry, TokenEntry};
use shared::catalog::file::{self, CatalogFile, CatalogSource};
use shared::catalog::index::{Index, Order};
use shared::clock::Clock;
use shared::limits::URL_TTL_SECS_DEFAULT;
use shared::secret::{Secret, TokenHash};

use crate::conf_yaml::{ENDPOINT_DEFAULT, ServerConfig};
use crate::embedded_s3::Roots;
use crate::folders;
use crate::locations::Locator;
use crate::profiles;
use crate::state::{DEMO_RECIPIENT, StateFolder, is_demo};

/// Time within which an answer begins when no configuration file says another.
const FIRST_BYTE_WITHIN_DEFAULT: Duration = Duration::from_secs(60);

/// Id of the one recipient of a folder or a configuration file.
const SOLE_RECIPIENT: &str = "token holder";

/// What is to be served.
pub struct Content {
    /// Shares, schemas and tables.
    pub catalog: Arc<dyn CatalogSource>,
    /// Lets recipients in.
    pub gate: Gate,
    /// Activation links.
    pub links: Arc<dyn Links>,
    /// The profile to write; none when nobody on this machine is a recipient.
    pub profile: Option<ProfileOf>,
    /// `share.schema.table` of every table, in the order of lists.
    pub tables: Vec<String>,
    /// Whether the tables are the invented ones.
    pub sample_data: bool,
    /// Whether any table is a folder of this machine.
    pub has_folders: bool,
    /// What the person at the terminal should know.
    pub notes: Vec<String>,
    /// What every path begins with.
    pub endpoint: String,
    /// Life of presigned URLs, in seconds.
    pub url_ttl_secs: i64,
    /// Time within which an answer begins; none for ever.
    pub first_byte_within: Option<Duration>,
}

/// Whose profile is written.
pub struct ProfileOf {
    /// The profile's name, without its ending.
    pub name: String,
    /// The token; none when the server asks for none.
    pub token: Option<Secret>,
}

impl Content {
    /// The state folder's catalogue, with sample tables in a new one.
    ///
    /// # Errors
    /// A sentence for the person at the terminal.
    pub async fn of_state(state: &StateFolder, roots: &Roots, clock: &Arc<dyn Clock>) -> Result<Self, String> {
        state.fill_if_new().await?;
        let token = profiles::catalogued_token(state, DEMO_RECIPIENT)?;
        let document = file::read(&state.catalogue())?;
        let locator = Locator::new(roots.clone(), state.path());
        let locate = Box::new(move |text: &str| locator.locate(text));
        let source = Arc::new(CatalogFile::open(&state.catalogue(), Arc::clone(clock), locate)?);
        let gate = Gate::new(Arc::new(EmbeddedTokens::new(source.clone(), Arc::clone(clock))));
        let mut content = Self::new(source, gate, &document);
        content.profile = token.map(|token| ProfileOf { name: DEMO_RECIPIENT.into(), token: Some(token) });
        content.links = Arc::new(EmbeddedLinks::new(&state.catalogue()));
        content.sample_data = is_demo(&document);
        Ok(content)
    }

    /// Every Delta table under a folder.
    ///
    /// # Errors
    /// A sentence for the person at the terminal.
    pub fn of_folder(path: &Path, state: &StateFolder, roots: &Roots, clock: &Arc<dyn Clock>) -> Result<Self, String> {
        let found = folders::find(path)?;
        let token = profiles::token_for(&profiles::profile_path(state, folders::SHARE))?;
        let mut content =
            Self::granted_to_all(found.document, Order::Sorted, Some(&token), roots, state.path(), clock)?;
        content.profile = Some(ProfileOf { name: folders::SHARE.into(), token: Some(token) });
        content.notes = found.skipped.into_iter().map(|what| format!("skipped {what}")).collect();
        Ok(content)
    }

    /// What a configuration file says. `name` is the profile's name; `base` is where its relative paths begin.
    ///
    /// # Errors
    /// A sentence for the person at the terminal.
    pub fn of_config(
        config: ServerConfig,
        name: &str,
        base: &Path,
        roots: &Roots,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, String> {
        let token = config.bearer_token;
        let mut content = Self::granted_to_all(config.document, Order::AsWritten, token.as_ref(), roots, base, clock)?;
        content.notes = config.warnings;
        if token.is_none() {
            content.notes.push("NO AUTHORIZATION: whoever reaches this port on this machine reads every table".into());
        }
        content.profile = Some(ProfileOf { name: name.to_owned(), token });
        content.endpoint = config.endpoint;
        content.url_ttl_secs = config.url_ttl_secs;
        content.first_byte_within = config.first_byte_within;
        Ok(content)
    }

    fn granted_to_all(
        mut document: CatalogDocument,
        order: Order,
        token: Option<&Secret>,
        roots: &Roots,
        base: &Path,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, String> {
        let tokens = token.map(|token| TokenEntry { sha256: TokenHash::of(token).to_hex(), ..Default::default() });
        document.recipients.push(RecipientEntry {
            name: SOLE_RECIPIENT.into(),
            id: SOLE_RECIPIENT.into(),
            tokens: tokens.into_iter().collect(),
            grants: document.shares.iter().map(|share| share.id.clone()).collect(),
            ..Default::default()
        });
        let locator = Locator::new(roots.clone(), base);
        let index = Arc::new(Index::new(&document, order, &|text: &str| locator.locate(text))?);
        let source: Arc<dyn CatalogSource> = Arc::new(index);
        let gate = match token {
            Some(_) => Gate::new(Arc::new(EmbeddedTokens::new(Arc::clone(&source), Arc::clone(clock)))),
            None => Gate::open(SOLE_RECIPIENT),
        };
        Ok(Self::new(source, gate, &document))
    }

    fn new(catalog: Arc<dyn CatalogSource>, gate: Gate, document: &CatalogDocument) -> Self {
        let mut tables = Vec::new();
        let mut has_folders = false;
        for share in &document.shares {
            for schema in &share.schemas {
                for table in &schema.tables {
                    tables.push(format!("{}.{}.{}", share.name, schema.name, table.name));
                    has_folders |= !table.location.starts_with("s3");
                }
            }
        }
        Self {
            catalog,
            gate,
            links: Arc::new(NoLinks),
            profile: None,
            tables,
            sample_data: false,
            has_folders,
            notes: Vec::new(),
            endpoint: ENDPOINT_DEFAULT.into(),
            url_ttl_secs: URL_TTL_SECS_DEFAULT,
            first_byte_within: Some(FIRST_BYTE_WITHIN_DEFAULT),
        }
    }
}
