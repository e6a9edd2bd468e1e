//! `table add | list | show | remove`.

use clap::{Args, Subcommand};
use serde_json::json;
use shared::catalog::register::Look;
use shared::catalog::write::TableRecord;
use shared::model::rule::PartitionRule;
use shared::model::securable::History;
use shared::model::version::Version;
use shared::provider::names::TableRef;
use shared::provider::tables::{self, NewTable};

use super::answer::{self, Answer, columns, facts, full_name, history_words, moment};
use super::target::{Looked, Target, TargetArgs};
use super::{Failed, rules, told};
use crate::locations::Place;

/// What to do with tables.
#[derive(Debug, Clone, Subcommand)]
pub enum TableCommand {
    /// Add a Delta table to a share, after a look at it
    ///
    /// The table is opened first: that it is a Delta table, its version, its files, and what clients must know to read
    /// it. Nothing is copied and nothing is changed in it. On the local state a location may be a folder of this machine;
    /// a deployed catalogue takes s3:// only.
    #[command(after_help = "Examples:\n  \
        spillway table add sales.default.orders --location /data/orders\n  \
        spillway table add sales.eu.orders --location s3://my-bucket/orders --history\n  \
        spillway table add sales.eu.orders --location s3://their-bucket/orders \\\n      \
        --role arn:aws:iam::123456789012:role/delta-sharing/reader --external-id 7f3a\n  \
        spillway table add sales.eu.clone --location s3://my-bucket/clone --auxiliary s3://my-bucket/orders")]
    Add(Box<AddArgs>),
    /// List the tables of one share, or of all
    List(ListArgs),
    /// Show a table's entry
    Show(NameArgs),
    /// Take a table out of its share; its data stays where it is
    Remove(NameArgs),
}

/// Options of `table add`.
#[derive(Debug, Clone, Args)]
pub struct AddArgs {
    /// Under which name recipients see it; the share must exist, the schema need not
    #[arg(value_name = "SHARE.SCHEMA.TABLE")]
    name: String,
    /// Where the table lies: s3://bucket/prefix, file:///folder or a path
    #[arg(long, value_name = "LOCATION")]
    location: String,
    /// Where else the table's log may name files, as that of a shallow clone does; can be given several times
    #[arg(long, value_name = "LOCATION")]
    auxiliary: Vec<String>,
    /// Let recipients read older versions and changes, not only the latest version
    #[arg(long)]
    history: bool,
    /// The oldest version that they may read; means --history
    #[arg(long, value_name = "N")]
    start_version: Option<u64>,
    /// Let recipients read the files of one partition only: COLUMN=VALUE, or COLUMN=@KEY for the value that the
    /// recipient's property of that name has; can be given several times
    #[arg(long, value_name = "COLUMN=VALUE|@KEY", value_parser = rules::partition)]
    partition: Vec<PartitionRule>,
    /// A description, for you: recipients do not see it
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
    /// Add it without a look at it
    #[arg(long)]
    without_validation: bool,
    /// The role that reads the table and signs its URLs [default: the stack's own]
    #[arg(long, value_name = "ARN")]
    role: Option<String>,
    /// What that role's trust policy asks for
    #[arg(long, value_name = "ID", requires = "role")]
    external_id: Option<String>,
    /// The bucket's region [default: found out]
    #[arg(long, value_name = "REGION")]
    bucket_region: Option<String>,
    /// The bucket's endpoint: standard, dualstack, fips, or the URL of an S3-compatible store
    #[arg(long, value_name = "ENDPOINT")]
    bucket_endpoint: Option<String>,
    #[command(flatten)]
    target: TargetArgs,
}

/// Options of `table list`.
#[derive(Debug, Clone, Args)]
pub struct ListArgs {
    /// The share [default: all]
    share: Option<String>,
    #[command(flatten)]
    target: TargetArgs,
}

/// A table's name and where it is.
#[derive(Debug, Clone, Args)]
pub struct NameArgs {
    /// The table's name
    #[arg(value_name = "SHARE.SCHEMA.TABLE")]
    name: String,
    #[command(flatten)]
    target: TargetArgs,
}

impl TableCommand {
    /// Where to work.
    pub fn target(&self) -> &TargetArgs {
        match self {
            Self::Add(args) => &args.target,
            Self::List(args) => &args.target,
            Self::Show(args) | Self::Remove(args) => &args.target,
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
            Self::Show(args) => show(args, target).await,
            Self::Remove(args) => remove(args, target).await,
        }
    }
}

async fn add(args: &AddArgs, target: &Target) -> Result<Answer, String> {
    let (place, location) = target.place(&args.location)?;
    let auxiliary_locations = target.kept_forms(&args.auxiliary)?;
    let history = match (args.start_version, args.history) {
        (Some(version), _) => History::SharedFrom(Version::new(version)),
        (None, true) => History::SharedFrom(Version::ZERO),
        (None, false) => History::NotShared,
    };
    let new = NewTable {
        name: TableRef::parse_new(&args.name).map_err(told)?,
        id: None,
        location,
        auxiliary_locations,
        region: args.bucket_region.clone(),
        endpoint: args.bucket_endpoint.clone(),
        role_arn: args.role.clone(),
        external_id: args.external_id.clone(),
        history,
        partitions: args.partition.clone(),
        comment: args.comment.clone().filter(|comment| !comment.is_empty()),
        look: if args.without_validation { Look::LeftOut } else { Look::Taken },
    };
    let added = added(target, &place, new, &OPTIONS).await.map_err(Failed::told)?;
    let Added { table, looked, prospects } = added;

    let name = full_name(&table);
    let mut text = match &looked {
        Some(looked) => format!("Added table '{name}': {}.\n", looked.inspection.summary()),
        None => format!("Added table '{name}', without a look at it.\n"),
    };
    text.push_str(&entry_facts(&table));
    if let Some(prospects) = &prospects {
        text.push_str(&format!("For recipients of the share: {prospects}.\n"));
    }
    if let Some(note) = looked.as_ref().and_then(|looked| looked.note.as_ref()) {
        text.push_str(&format!("Note: {note}.\n"));
    }
    let next = match &looked {
        Some(_) => target.line(&format!("grant {} RECIPIENT", table.share)),
        None => target.line(&format!("doctor --table {name}")),
    };
    let purpose = if looked.is_some() { "let a recipient read the share" } else { "see whether it can be read" };
    text.push_str(&format!("\nNext, {purpose}:\n  {next}\n"));
    let json = json!({
        "table": answer::table_json(&table),
        "validation": looked.as_ref().map(|looked| looked.inspection.to_json()),
        "note": looked.as_ref().and_then(|looked| looked.note.clone()),
    });
    Ok(Answer::new(text, json))
}

/// What a provider can do when a table does not fit, in the words of where it was said.
#[derive(Debug)]
pub(crate) struct Advice {
    /// When no version is left to be read.
    pub(crate) lower: &'static str,
    /// When no recipient could read it.
    pub(crate) anyway: &'static str,
}

/// The words of the options.
const OPTIONS: Advice =
    Advice { lower: "choose a lower --start-version", anyway: "--without-validation adds it all the same" };

/// What adding a table came to.
#[derive(Debug)]
pub(crate) struct Added {
    /// Its entry.
    pub(crate) table: TableRecord,
    /// What was found there, if somebody looked.
    pub(crate) looked: Option<Looked>,
    /// What recipients can do with it.
    pub(crate) prospects: Option<String>,
}

/// Adds a table to its share, after a look at it unless that is to be left out.
pub(crate) async fn added(target: &Target, place: &Place, mut new: NewTable, advice: &Advice) -> Result<Added, Failed> {
    let looked = match new.look {
        Look::Taken => {
            tables::check_new(&target.provider, &new).await?;
            Some(target.inspect(place, &new).await.map_err(Failed::Said)?)
        }
        Look::LeftOut => None,
    };
    let prospects = match &looked {
        Some(looked) => {
            looked.inspection.check_partitions(&new.partitions).map_err(Failed::Partitions)?;
            Some(readable(looked, new.history, advice).map_err(Failed::Said)?)
        }
        None => None,
    };
    if new.region.is_none() {
        new.region = looked.as_ref().and_then(|looked| looked.region.clone());
    }
    let table = tables::add(&target.provider, new).await?;
    Ok(Added { table, looked, prospects })
}

/// What recipients will be able to do with a table, if anything.
pub(super) fn accepted(looked: &Looked, history: History) -> Result<String, String> {
    readable(looked, history, &OPTIONS)
}

/// The same, with other advice.
pub(crate) fn readable(looked: &Looked, history: History, advice: &Advice) -> Result<String, String> {
    let version = looked.inspection.version;
    if let History::SharedFrom(start) = history
        && start.number() > version
    {
        return Err(format!(
            "the table's latest version is {version}, so nothing could be read from version {start} on; {}",
            advice.lower
        ));
    }
    looked.inspection.prospects().map_err(|why| {
        format!(
            "no recipient could read the table, so it was not added: {} ({})",
            crate::inspect::one_line(&why),
            advice.anyway
        )
    })
}

fn entry_facts(table: &TableRecord) -> String {
    let mut shown = vec![("location", Some(table.location.clone()))];
    shown.extend(table.auxiliary_locations.iter().map(|place| ("auxiliary", Some(place.clone()))));
    shown.extend([
        ("history", Some(history_words(table.history))),
        ("partitions", rules::partition_words(&table.partitions)),
        ("region", table.region.clone()),
        ("endpoint", table.endpoint.clone()),
        ("role", table.role_arn.clone()),
        ("external id", table.external_id.clone()),
        ("comment", table.comment.clone()),
    ]);
    if table.look == Some(Look::LeftOut) {
        shown.push(("validated", Some("no, it was added without a look at it".into())));
    }
    facts(&shown)
}

async fn list(args: &ListArgs, target: &Target) -> Result<Answer, String> {
    let tables = tables::list(&target.provider, args.share.as_deref()).await.map_err(told)?;
    let text = if tables.is_empty() {
        let share = args.share.as_deref().unwrap_or("SHARE");
        let next = target.line(&format!("table add {share}.default.TABLE --location {}", target.location_example()));
        format!("There are no tables yet. Add one:\n  {next}\n")
    } else {
        let rows: Vec<Vec<String>> = tables
            .iter()
            .map(|table| vec![full_name(table), history_words(table.history), table.location.clone()])
            .collect();
        columns(&["TABLE", "HISTORY", "LOCATION"], &rows)
    };
    Ok(Answer::new(text, json!({"tables": tables.iter().map(answer::table_json).collect::<Vec<_>>()})))
}

async fn show(args: &NameArgs, target: &Target) -> Result<Answer, String> {
    let name = TableRef::parse(&args.name).map_err(told)?;
    let table = tables::show(&target.provider, &name).await.map_err(told)?;
    let mut text = format!("Table '{}'\n", full_name(&table));
    text.push_str(&facts(&[("id", Some(table.id.clone())), ("added", table.created_at.map(moment))]));
    text.push_str(&entry_facts(&table));
    text.push_str(&format!(
        "\nTo see whether it can be read:\n  {}\n",
        target.line(&format!("doctor --table {}", full_name(&table)))
    ));
    Ok(Answer::new(text, json!({"table": answer::table_json(&table)})))
}

async fn remove(args: &NameArgs, target: &Target) -> Result<Answer, String> {
    let name = TableRef::parse(&args.name).map_err(told)?;
    let table = tables::remove(&target.provider, &name).await.map_err(told)?;
    let text = format!(
        "Removed table '{}' from its share ({}); the data at {} stays.\nURLs that recipients were given work until they \
         expire, within the hour.\n",
        full_name(&table),
        target.takes_effect(),
        table.location
    );
    Ok(Answer::new(text, json!({"removed": answer::table_json(&table)})))
}
