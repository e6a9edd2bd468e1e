//! `share create | list | show | delete`.

use clap::{Args, Subcommand};
use serde_json::json;
use shared::catalog::write::Deletion;
use shared::provider::{counted, schemas, shares};

use super::answer::{self, Answer, columns, facts, full_name, moment_or_dash};
use super::target::{Target, TargetArgs};
use super::told;

/// What to do with shares.
#[derive(Debug, Clone, Subcommand)]
pub enum ShareCommand {
    /// Create a share, with nothing in it yet
    ///
    /// A share is what a recipient is granted: it holds tables, each in a schema. Names may not contain spaces, slashes,
    /// '?' or '#'.
    #[command(after_help = "Example:\n  spillway share create sales --comment 'Orders and customers'")]
    Create(CreateArgs),
    /// List the shares
    List(TargetArgs),
    /// Show a share: its tables and who may read them
    Show(NameArgs),
    /// Delete a share; the tables' data stays where it is
    ///
    /// Refused while a recipient may read it, unless --force is given. Recipients lose access at once; URLs that they
    /// were given work until they expire.
    #[command(after_help = "Example:\n  spillway share delete sales --force")]
    Delete(DeleteArgs),
}

/// Options of `share create`.
#[derive(Debug, Clone, Args)]
pub struct CreateArgs {
    /// The share's name
    name: String,
    /// A description, which recipients' tools may show
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
    #[command(flatten)]
    target: TargetArgs,
}

/// A share's name and where it is.
#[derive(Debug, Clone, Args)]
pub struct NameArgs {
    /// The share's name
    name: String,
    #[command(flatten)]
    target: TargetArgs,
}

/// Options of `share delete`.
#[derive(Debug, Clone, Args)]
pub struct DeleteArgs {
    /// The share's name
    name: String,
    /// Take it away from the recipients that may read it
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    target: TargetArgs,
}

impl ShareCommand {
    /// Where to work.
    pub fn target(&self) -> &TargetArgs {
        match self {
            Self::Create(args) => &args.target,
            Self::List(target) => target,
            Self::Show(args) => &args.target,
            Self::Delete(args) => &args.target,
        }
    }

    /// Runs the command.
    ///
    /// # Errors
    /// A sentence for the person at the terminal.
    pub async fn run(&self, target: &Target) -> Result<Answer, String> {
        match self {
            Self::Create(args) => create(args, target).await,
            Self::List(_) => list(target).await,
            Self::Show(args) => show(args, target).await,
            Self::Delete(args) => delete(args, target).await,
        }
    }
}

async fn create(args: &CreateArgs, target: &Target) -> Result<Answer, String> {
    let share = shares::create(&target.provider, &args.name, args.comment.as_deref()).await.map_err(told)?;
    let next = target.line(&format!("table add {}.default.TABLE --location {}", share.name, target.location_example()));
    let text = format!(
        "Created share '{}'. Nobody can read it yet, and nothing is in it.\n\nNext, add a table:\n  {next}\n",
        share.name
    );
    Ok(Answer::new(text, json!({"share": answer::share_json(&share)})))
}

async fn list(target: &Target) -> Result<Answer, String> {
    let shares = shares::list(&target.provider).await.map_err(told)?;
    let text = if shares.is_empty() {
        format!("There are no shares yet. Create one:\n  {}\n", target.line("share create NAME"))
    } else {
        let rows: Vec<Vec<String>> = shares
            .iter()
            .map(|share| {
                let comment = share.comment.clone().unwrap_or_default();
                vec![share.name.to_string(), moment_or_dash(share.created_at), comment]
            })
            .collect();
        columns(&["SHARE", "CREATED", "COMMENT"], &rows)
    };
    Ok(Answer::new(text, json!({"shares": shares.iter().map(answer::share_json).collect::<Vec<_>>()})))
}

async fn show(args: &NameArgs, target: &Target) -> Result<Answer, String> {
    let detail = shares::show(&target.provider, &args.name).await.map_err(told)?;
    let share = &detail.share;
    let mut text = format!("Share '{}'\n", share.name);
    text.push_str(&facts(&[
        ("id", Some(share.id.clone())),
        ("comment", share.comment.clone()),
        ("created", share.created_at.map(answer::moment)),
    ]));
    text.push('\n');
    let places = schemas::list(&target.provider, Some(&args.name)).await.map_err(told)?;
    if !places.is_empty() {
        let rows: Vec<Vec<String>> = places
            .iter()
            .map(|schema| {
                let name = format!("{}.{}.*", schema.share, schema.name);
                vec![name, answer::history_words(schema.history), schema.location.clone()]
            })
            .collect();
        text.push_str(&columns(&["EVERY TABLE", "HISTORY", "LOCATION"], &rows));
        text.push('\n');
    }
    if detail.tables.is_empty() && places.is_empty() {
        text.push_str("It has no tables.\n");
    } else if !detail.tables.is_empty() {
        let rows: Vec<Vec<String>> = detail
            .tables
            .iter()
            .map(|table| vec![full_name(table), answer::history_words(table.history), table.location.clone()])
            .collect();
        text.push_str(&columns(&["TABLE", "HISTORY", "LOCATION"], &rows));
    }
    text.push('\n');
    if detail.grants.is_empty() {
        text.push_str("Nobody can read it.\n");
    } else {
        let rows: Vec<Vec<String>> = detail
            .grants
            .iter()
            .map(|grant| vec![grant.recipient.to_string(), moment_or_dash(grant.granted_at)])
            .collect();
        text.push_str(&columns(&["RECIPIENT", "GRANTED"], &rows));
    }
    let json = json!({
        "share": answer::share_json(share),
        "tables": detail.tables.iter().map(answer::table_json).collect::<Vec<_>>(),
        "schemas": places.iter().map(answer::schema_json).collect::<Vec<_>>(),
        "grants": detail.grants.iter().map(answer::grant_json).collect::<Vec<_>>(),
    });
    Ok(Answer::new(text, json))
}

async fn delete(args: &DeleteArgs, target: &Target) -> Result<Answer, String> {
    let deletion = if args.force { Deletion::WithDependents } else { Deletion::OnlyIfUnused };
    let gone = shares::delete(&target.provider, &args.name, deletion).await.map_err(told)?;
    let mut text = format!(
        "Deleted share '{}' with {}; the data stays where it is.\n",
        gone.share.name,
        counted(gone.tables.len(), "table")
    );
    if !gone.grants.is_empty() {
        let names: Vec<String> = gone.grants.iter().map(|grant| format!("'{}'", grant.recipient)).collect();
        text.push_str(&format!(
            "Recipients that could read it: {}. URLs that they were given work until they expire, within the hour.\n",
            names.join(", ")
        ));
    }
    let json = json!({
        "deleted": answer::share_json(&gone.share),
        "tables": gone.tables.len(),
        "grants": gone.grants.iter().map(answer::grant_json).collect::<Vec<_>>(),
    });
    Ok(Answer::new(text, json))
}
