//! `import`: what a configuration file of the reference server shares, taken into the catalogue for one recipient. All is
//! checked before anything is written, and what is there already in the same form is kept, so that an import that was
//! broken off is finished by repeating it.

use std::collections::HashMap;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use shared::catalog::document::{CatalogDocument, SchemaEntry, ShareEntry, TableEntry};
use shared::catalog::register::Look;
use shared::catalog::write::TableRecord;
use shared::model::name::{SchemaName, ShareName, TableName};
use shared::model::securable::History;
use shared::model::version::Version;
use shared::provider::names::{self, TableRef};
use shared::provider::recipients::NewRecipient;
use shared::provider::tables::{self, NewTable};
use shared::provider::tokens::IssuedToken;
use shared::provider::{counted, grants, recipients, shares};

use super::answer::{Answer, facts};
use super::handover::{Handed, HandoverArgs};
use super::table::accepted;
use super::target::{Target, TargetArgs};
use super::told;
use crate::conf_yaml::{self, ServerConfig};
use crate::stable_id::stable_id;

/// Problems told one by one; of more, the rest is counted.
const PROBLEMS_SHOWN_MAX: usize = 5;

/// Options of `import`.
#[derive(Debug, Clone, Args)]
pub struct ImportArgs {
    /// The configuration file (.yaml or .yml)
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The name of the recipient that gets all its shares [default: the file's name]
    #[arg(long, value_name = "NAME")]
    recipient: Option<String>,
    /// Take the tables without a look at them
    #[arg(long)]
    without_validation: bool,
    #[command(flatten)]
    handover: HandoverArgs,
    /// Where to work.
    #[command(flatten)]
    pub target: TargetArgs,
}

/// What is to be written.
#[derive(Debug, Default)]
struct Plan {
    shares: Vec<PlannedShare>,
}

#[derive(Debug)]
struct PlannedShare {
    name: String,
    is_there: bool,
    tables: Vec<NewTable>,
    kept: usize,
}

/// Runs the command.
///
/// # Errors
/// A sentence for the person at the terminal.
pub async fn run(args: &ImportArgs, target: &Target) -> Result<Answer, String> {
    let config = conf_yaml::read(&args.file)?;
    let endpoint = target.endpoint()?;
    let stem = args.file.file_stem().and_then(|stem| stem.to_str()).unwrap_or("import");
    let recipient = args.recipient.as_deref().unwrap_or(stem);
    let recipient = recipients::check_new(&target.provider, recipient).await.map_err(told)?;
    let plan = planned(&config.document, target, args.without_validation).await?;
    let way = args.handover.way(&endpoint)?;

    for share in &plan.shares {
        written(share, target).await.map_err(|error| format!("{error}; repeat the import to finish it"))?;
    }
    let (provider, lifetime) = (&target.provider, args.handover.lifetime());
    let created = recipients::create_with(provider, NewRecipient::of(recipient.as_str(), lifetime), way.offer()).await;
    let (recipient, issued, link) =
        created.map_err(|error| format!("{}; repeat the import to finish it", told(error)))?;
    let handed = way.hand_over(&endpoint, &issued, link, recipient.name.as_str())?;
    for share in &plan.shares {
        grants::grant(&target.provider, &share.name, recipient.name.as_str()).await.map_err(|error| {
            let rest = target.line(&format!("grant {} {}", share.name, recipient.name));
            format!("{}; everything else was imported, finish with: {rest}", told(error))
        })?;
    }
    let given = Given { recipient: recipient.name.as_str(), handed: &handed, issued: &issued, endpoint: &endpoint };
    answer(&plan, &config, &given, target)
}

/// What the recipient is given.
struct Given<'a> {
    recipient: &'a str,
    handed: &'a Handed,
    issued: &'a IssuedToken,
    endpoint: &'a str,
}

fn answer(plan: &Plan, config: &ServerConfig, given: &Given<'_>, target: &Target) -> Result<Answer, String> {
    let Given { recipient, handed, issued, endpoint } = given;
    let added: usize = plan.shares.iter().map(|share| share.tables.len()).sum();
    let kept: usize = plan.shares.iter().map(|share| share.kept).sum();
    let names: Vec<&str> = plan.shares.iter().map(|share| share.name.as_str()).collect();
    let (shares, tables) = (counted(names.len(), "share"), counted(added + kept, "table"));
    let mut text = format!("Imported {shares} with {tables} for recipient '{recipient}'");
    text.push_str(&if kept > 0 { format!(" ({kept} of them were there already).\n") } else { ".\n".to_owned() });
    text.push_str(&facts(&[("shares", Some(names.join(", ")).filter(|names| !names.is_empty()))]));
    text.push_str(&handed.facts(issued, endpoint, &[]));
    for warning in &config.warnings {
        text.push_str(&format!("Note: {warning}.\n"));
    }
    if config.bearer_token.is_some() {
        text.push_str("Note: the token in the file was not taken over; it goes on working on the old server only.\n");
    }
    text.push_str(&format!("\n{}What it can read:\n", handed.advice()));
    let (kind, made) = handed.json();
    text.push_str(&format!("  {}\n", target.line(&format!("recipient show {recipient}"))));
    let json = json!({
        "recipient": recipient, "shares": names, "tablesAdded": added, "tablesKept": kept,
        "token": {"id": issued.id, "expiresAt": issued.expires_at.to_iso()},
        kind: made, "endpoint": endpoint, "warnings": config.warnings,
    });
    Ok(Answer::new(handed.told(text)?, json))
}

async fn written(share: &PlannedShare, target: &Target) -> Result<(), String> {
    if !share.is_there {
        shares::create(&target.provider, &share.name, None).await.map_err(told)?;
    }
    for table in &share.tables {
        tables::add(&target.provider, table.clone()).await.map_err(told)?;
    }
    Ok(())
}

/// Checks the whole file against the catalogue and the storage.
async fn planned(document: &CatalogDocument, target: &Target, blind: bool) -> Result<Plan, String> {
    let mut problems = Vec::new();
    let mut plan = Plan::default();
    for share in &document.shares {
        if let Err(error) = names::new_share(&share.name) {
            problems.push(error.to_string());
            continue;
        }
        let there = existing(&share.name, target).await?;
        let mut planned =
            PlannedShare { name: share.name.clone(), is_there: there.is_some(), tables: Vec::new(), kept: 0 };
        let there = there.unwrap_or_default();
        for schema in &share.schemas {
            for table in &schema.tables {
                match planned_table(share, schema, table, &there, target, blind).await {
                    Ok(Some(new)) => planned.tables.push(new),
                    Ok(None) => planned.kept += 1,
                    Err(why) => problems.push(format!("{}.{}.{}: {why}", share.name, schema.name, table.name)),
                }
            }
        }
        plan.shares.push(planned);
    }
    if problems.is_empty() {
        return Ok(plan);
    }
    let more = problems.len().saturating_sub(PROBLEMS_SHOWN_MAX);
    problems.truncate(PROBLEMS_SHOWN_MAX);
    if more > 0 {
        problems.push(format!("and {more} more"));
    }
    Err(format!("nothing was imported: {}", problems.join("; ")))
}

/// The tables of a share that is there, by their names compared without case.
async fn existing(
    share: &str,
    target: &Target,
) -> Result<Option<HashMap<(SchemaName, TableName), TableRecord>>, String> {
    let name = ShareName::parse(share).map_err(|error| format!("the share name '{share}' {error}"))?;
    let all = shares::list(&target.provider).await.map_err(told)?;
    if !all.iter().any(|there| there.name == name) {
        return Ok(None);
    }
    let tables = tables::list(&target.provider, Some(share)).await.map_err(told)?;
    Ok(Some(tables.into_iter().map(|table| ((table.schema.clone(), table.name.clone()), table)).collect()))
}

/// The table to add; nothing when it is there in the same form.
async fn planned_table(
    share: &ShareEntry,
    schema: &SchemaEntry,
    table: &TableEntry,
    there: &HashMap<(SchemaName, TableName), TableRecord>,
    target: &Target,
    blind: bool,
) -> Result<Option<NewTable>, String> {
    let name = TableRef::parse_new(&format!("{}.{}.{}", share.name, schema.name, table.name))
        .map_err(|error| error.to_string())?;
    let (place, location) = target.place(&table.location)?;
    let mut auxiliary_locations = target.kept_forms(&table.auxiliary_locations)?;
    auxiliary_locations.sort();
    auxiliary_locations.dedup();
    let history = match table.history_shared {
        true => History::SharedFrom(Version::new(table.start_version)),
        false => History::NotShared,
    };
    if let Some(record) = there.get(&(name.schema.clone(), name.table.clone())) {
        return match record.location == location && record.history == history {
            true if record.auxiliary_locations != auxiliary_locations => {
                Err("the catalogue has that table with other auxiliary locations".into())
            }
            true => Ok(None),
            false => Err(format!("the catalogue has a table of that name at {} already", record.location)),
        };
    }
    // An id that the file leaves out is made from the names when it is served; here ids are never given out twice.
    let made = stable_id(&[name.share.folded(), name.schema.folded(), name.table.folded()]);
    let mut new = NewTable {
        name,
        id: Some(table.id.clone()).filter(|id| *id != made),
        location,
        auxiliary_locations,
        region: None,
        endpoint: None,
        role_arn: None,
        external_id: None,
        history,
        partitions: Vec::new(),
        comment: None,
        look: if blind { Look::LeftOut } else { Look::Taken },
    };
    if !blind {
        let looked = target.inspect(&place, &new).await?;
        accepted(&looked, history)?;
        new.region = looked.region;
    }
    Ok(Some(new))
}
