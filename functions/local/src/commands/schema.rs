//! `schema add | list | refresh | remove`.

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use shared::catalog::write::SchemaRecord;
use shared::model::name::TableName;
use shared::model::securable::History;
use shared::model::version::Version;
use shared::provider::names::SchemaRef;
use shared::provider::schemas::{self, NewSchema, Noted, Removed};
use shared::provider::{ProviderError, counted};

use super::answer::{Answer, columns, history_words, schema_json};
use super::target::{Below, Reading, Target, TargetArgs};
use super::{Failed, told};
use crate::inspect::bucket::Role;
use crate::locations::Place;

/// Tables named one by one; of more, the rest is counted.
const TABLES_SHOWN_MAX: usize = 10;

/// What to do with schemas.
#[derive(Debug, Clone, Subcommand)]
pub enum SchemaCommand {
    /// Share every Delta table that lies directly below a place, those added later too
    ///
    /// Each folder with a _delta_log is a table of the schema, under the folder's name. A table that was added to the
    /// schema by name wins over a folder of that name. A server on this machine lists what lies there; functions on AWS
    /// find a new table at once when it is asked for by name, and list it after `schema refresh`.
    #[command(after_help = "Examples:\n  \
        spillway schema add sales.eu --location /data/eu\n  \
        spillway schema add sales.eu --location s3://my-bucket/eu --history --stack prod")]
    Add(Box<AddArgs>),
    /// List the schemas that share a place
    List(ListArgs),
    /// Note which tables lie in a schema's place now, so that functions on AWS list them
    #[command(after_help = "Examples:\n  spillway schema refresh --stack prod\n  \
        spillway schema refresh sales.eu --stack prod")]
    Refresh(RefreshArgs),
    /// Take a schema's place away; the data stays where it is, and so do tables that were added by name
    Remove(NameArgs),
}

/// Options of `schema add`.
#[derive(Debug, Clone, Args)]
pub struct AddArgs {
    /// The share, which must exist, and the schema, which need not
    #[arg(value_name = "SHARE.SCHEMA")]
    name: String,
    /// Where the tables lie: s3://bucket/prefix, file:///folder or a path
    #[arg(long, value_name = "LOCATION")]
    location: String,
    /// Let recipients read older versions and changes, not only the latest version
    #[arg(long)]
    history: bool,
    /// The role that reads the tables and signs their URLs [default: the stack's own]
    #[arg(long, value_name = "ARN")]
    role: Option<String>,
    /// What that role's trust policy asks for
    #[arg(long, value_name = "ID", requires = "role")]
    external_id: Option<String>,
    /// The bucket's region [default: found out]
    #[arg(long, value_name = "REGION")]
    bucket_region: Option<String>,
    #[command(flatten)]
    target: TargetArgs,
}

/// Options of `schema list`.
#[derive(Debug, Clone, Args)]
pub struct ListArgs {
    /// The share [default: all]
    share: Option<String>,
    #[command(flatten)]
    target: TargetArgs,
}

/// Options of `schema refresh`.
#[derive(Debug, Clone, Args)]
pub struct RefreshArgs {
    /// The schema [default: all]
    #[arg(value_name = "SHARE.SCHEMA")]
    name: Option<String>,
    #[command(flatten)]
    target: TargetArgs,
}

/// A schema's name and where it is.
#[derive(Debug, Clone, Args)]
pub struct NameArgs {
    /// The schema's name
    #[arg(value_name = "SHARE.SCHEMA")]
    name: String,
    #[command(flatten)]
    target: TargetArgs,
}

impl SchemaCommand {
    /// Where to work.
    pub fn target(&self) -> &TargetArgs {
        match self {
            Self::Add(args) => &args.target,
            Self::List(args) => &args.target,
            Self::Refresh(args) => &args.target,
            Self::Remove(args) => &args.target,
        }
    }

    /// Runs the command.
    ///
    /// # Errors
    /// A sentence for the person at the terminal.
    pub async fn run(&self, target: &Target) -> Result<Answer, String> {
        match self {
            Self::Add(args) => add(args, target).await,
            Self::List(args) => list(args, target).await,
            Self::Refresh(args) => refresh(args, target).await,
            Self::Remove(args) => remove(args, target).await,
        }
    }
}

/// A schema, what lies in its place, and what was noted of that.
#[derive(Debug)]
pub(crate) struct Looked {
    pub(crate) schema: SchemaRecord,
    pub(crate) below: Below,
    /// Nothing where the server lists the place by itself.
    pub(crate) noted: Option<Noted>,
}

/// Gives a schema a place, after a look at it.
pub(crate) async fn added(target: &Target, place: &Place, mut new: NewSchema) -> Result<Looked, Failed> {
    schemas::check_new(&target.provider, &new).await?;
    let role = new.role_arn.clone().map(|arn| Role { arn, external_id: new.external_id.clone() });
    let reading = Reading { auxiliary_locations: &[], region: new.region.as_deref(), endpoint: None, role };
    let below = target.look_below(place, reading).await.map_err(Failed::Said)?;
    if new.region.is_none() {
        new.region = below.region.clone();
    }
    let schema = schemas::add(&target.provider, new).await?;
    noted(target, schema, below).await.map_err(Failed::Provider)
}

/// Looks again at a schema's place.
async fn refreshed(target: &Target, schema: SchemaRecord) -> Result<Looked, Failed> {
    let place = target.recorded_place(&schema.location).map_err(Failed::Said)?;
    let role = schema.role_arn.clone().map(|arn| Role { arn, external_id: schema.external_id.clone() });
    let reading = Reading { auxiliary_locations: &[], region: schema.region.as_deref(), endpoint: None, role };
    let below = target.look_below(&place, reading).await.map_err(Failed::Said)?;
    noted(target, schema, below).await.map_err(Failed::Provider)
}

async fn noted(target: &Target, schema: SchemaRecord, below: Below) -> Result<Looked, ProviderError> {
    let noted = match target.lists_places() {
        true => None,
        false => Some(schemas::note(&target.provider, &schema, &below.tables).await?),
    };
    Ok(Looked { schema, below, noted })
}

impl Looked {
    /// `3 tables`.
    pub(crate) fn summary(&self) -> String {
        match self.below.tables.len() {
            0 => "no tables yet".into(),
            count => counted(count, "table"),
        }
    }

    /// What else there is to say, in lines.
    pub(crate) fn remarks(&self) -> String {
        let mut text = String::new();
        if let Some(noted) = &self.noted {
            text.push_str(&named("New", &noted.added));
            text.push_str(&named("Gone", &noted.gone));
            text.push_str(&named("Hidden by tables that were added by name", &noted.taken));
        }
        for skipped in &self.below.skipped {
            text.push_str(&format!("Left out: {skipped}.\n"));
        }
        if let Some(note) = &self.below.note {
            text.push_str(&format!("Note: {note}.\n"));
        }
        text
    }

    /// The same for scripts.
    pub(crate) fn to_json(&self) -> Value {
        let texts = |names: &[TableName]| names.iter().map(|name| name.as_str().to_owned()).collect::<Vec<_>>();
        json!({
            "schema": schema_json(&self.schema),
            "tables": texts(&self.below.tables),
            "skipped": self.below.skipped,
            "new": self.noted.as_ref().map(|noted| texts(&noted.added)),
            "gone": self.noted.as_ref().map(|noted| texts(&noted.gone)),
        })
    }
}

fn named(what: &str, names: &[TableName]) -> String {
    if names.is_empty() {
        return String::new();
    }
    let shown: Vec<&str> = names.iter().take(TABLES_SHOWN_MAX).map(TableName::as_str).collect();
    let more = match names.len().saturating_sub(TABLES_SHOWN_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{what}: {}{more}.\n", shown.join(", "))
}

fn full_name(schema: &SchemaRecord) -> String {
    format!("{}.{}", schema.share, schema.name)
}

async fn add(args: &AddArgs, target: &Target) -> Result<Answer, String> {
    let (place, location) = target.place(&args.location)?;
    let new = NewSchema {
        name: SchemaRef::parse(&args.name).map_err(told)?,
        location,
        region: args.bucket_region.clone(),
        role_arn: args.role.clone(),
        external_id: args.external_id.clone(),
        history: if args.history { History::SharedFrom(Version::ZERO) } else { History::NotShared },
    };
    let looked = added(target, &place, new).await.map_err(Failed::told)?;
    let name = full_name(&looked.schema);
    let mut text = format!("Added schema '{name}': {} at {}.\n", looked.summary(), looked.schema.location);
    text.push_str(&looked.remarks());
    text.push_str(&format!("{}\n", later(target, &looked.schema)));
    text.push_str(&format!(
        "\nNext, let a recipient read the share:\n  {}\n",
        target.line(&format!("grant {} RECIPIENT", looked.schema.share))
    ));
    Ok(Answer::new(text, looked.to_json()))
}

/// What holds of tables that are written later.
pub(crate) fn later(target: &Target, schema: &SchemaRecord) -> String {
    match target.lists_places() {
        true => "Tables that are added there later are shared as well, within two seconds.".into(),
        false => format!(
            "Tables that are added there later are shared as well: found at once by their names, listed after\n  {}",
            target.line(&format!("schema refresh {}", full_name(schema)))
        ),
    }
}

async fn list(args: &ListArgs, target: &Target) -> Result<Answer, String> {
    let found = schemas::list(&target.provider, args.share.as_deref()).await.map_err(told)?;
    let text = if found.is_empty() {
        let next = target.line("schema add SHARE.SCHEMA --location LOCATION");
        format!("No schema shares a place. Add one:\n  {next}\n")
    } else {
        let rows: Vec<Vec<String>> = found
            .iter()
            .map(|schema| vec![full_name(schema), history_words(schema.history), schema.location.clone()])
            .collect();
        columns(&["SCHEMA", "HISTORY", "LOCATION"], &rows)
    };
    Ok(Answer::new(text, json!({"schemas": found.iter().map(schema_json).collect::<Vec<_>>()})))
}

async fn refresh(args: &RefreshArgs, target: &Target) -> Result<Answer, String> {
    let chosen = match &args.name {
        Some(name) => {
            let name = SchemaRef::parse(name).map_err(told)?;
            vec![schemas::show(&target.provider, &name).await.map_err(told)?]
        }
        None => schemas::list(&target.provider, None).await.map_err(told)?,
    };
    let (mut text, mut json) = (String::new(), Vec::new());
    for schema in chosen {
        let name = full_name(&schema);
        let looked = refreshed(target, schema).await;
        let looked = looked.map_err(|failed| format!("schema '{name}': {}", failed.told()))?;
        text.push_str(&format!("Schema '{name}': {} at {}.\n", looked.summary(), looked.schema.location));
        text.push_str(&looked.remarks());
        json.push(looked.to_json());
    }
    if json.is_empty() {
        text.push_str("No schema shares a place; nothing to do.\n");
    } else if target.lists_places() {
        text.push_str("The server of this catalogue looks by itself; nothing was noted.\n");
    }
    Ok(Answer::new(text, json!({"refreshed": json})))
}

async fn remove(args: &NameArgs, target: &Target) -> Result<Answer, String> {
    let name = SchemaRef::parse(&args.name).map_err(told)?;
    let removed = schemas::remove(&target.provider, &name).await.map_err(told)?;
    let text = format!(
        "Removed the place of schema '{name}' ({}); the data stays where it is, and so do tables that were added by \
         name.\nURLs that recipients were given work until they expire, within the hour.\n",
        target.takes_effect()
    );
    Ok(Answer::new(text, removed_json(&removed)))
}

/// What was removed, for scripts.
pub(crate) fn removed_json(removed: &Removed) -> Value {
    json!({"removed": removed.schema.as_ref().map(schema_json), "tables": removed.tables})
}
