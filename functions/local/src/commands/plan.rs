//! `plan`: what one recipient sees now, and why when that is nothing, decided by the functions that the server decides by.

use std::net::IpAddr;

use clap::Args;
use futures::{StreamExt, TryStreamExt};
use shared::audit::record::Record;
use shared::catalog::write::{GrantRecord, RecipientRecord, TableRecord};
use shared::handlers::scope::scope_of;
use shared::model::rule::Window;
use shared::provider::names::TableRef;
use shared::provider::{counted, recipients, tables};

use super::answer::Answer;
use super::audit::last_event;
use super::target::{Target, TargetArgs};
use super::told;
use catalogue::{Behind, behind};
use progress::Progress;
use reading::{Read, Reader, Unread};

mod catalogue;
mod output;
mod progress;
mod reading;
mod reasons;

/// Tables whose logs are read when none is named; of more, name and rules are told.
const TABLES_READ_MAX: usize = 20;
/// Tables whose logs are read at the same time.
const READ_AT_ONCE: usize = 4;

/// Options of `plan`.
#[derive(Debug, Clone, Args)]
pub struct PlanArgs {
    /// The recipient's name
    #[arg(long, value_name = "NAME")]
    recipient: String,
    /// Tell of this table only [default: all, and the logs of the first 20 are read]
    #[arg(long, value_name = "SHARE.SCHEMA.TABLE")]
    table: Option<String>,
    /// Read no log: names and rules only
    #[arg(long, conflicts_with = "table")]
    without_logs: bool,
    /// Where its requests come from: whether the IP access list lets them in
    #[arg(long, value_name = "ADDRESS")]
    ip: Option<IpAddr>,
    /// Where to work.
    #[command(flatten)]
    pub target: TargetArgs,
}

impl PlanArgs {
    /// The names of what a recipient sees, and no more.
    pub fn names(recipient: &str, target: TargetArgs) -> Self {
        Self { recipient: recipient.to_owned(), table: None, without_logs: true, ip: None, target }
    }
}

/// What a recipient sees.
struct Plan {
    recipient: RecipientRecord,
    /// Why every request of it is refused.
    refused: Vec<String>,
    grants: Vec<(GrantRecord, Option<String>)>,
    tables: Vec<Entry>,
    /// What it asked for last; nothing when that was long ago.
    last: Option<Record>,
    /// What else there is to know.
    notes: Vec<String>,
}

/// A table of a share whose grant is good.
struct Entry {
    record: TableRecord,
    window: Window,
    seen: Seen,
}

/// What is known of a table.
enum Seen {
    /// As an answer would tell it.
    Read(Read),
    /// An answer would be a refusal.
    Refused(Unread),
    /// Its log was not looked at.
    NotRead,
}

/// Runs the command.
///
/// # Errors
/// A sentence for the person at the terminal, when nothing could be told at all.
pub async fn run(args: &PlanArgs, target: &Target) -> Result<Answer, String> {
    let provider = &target.provider;
    let wanted = args.table.as_deref().map(TableRef::parse).transpose().map_err(told)?;
    let detail = recipients::show(provider, &args.recipient).await.map_err(told)?;
    let now = provider.now();
    let from = args.ip.map(|address| address.to_canonical());
    let refused = reasons::of_recipient(&detail, from, now);

    let mut notes = Vec::new();
    let is_granted = |name: &&TableRef| detail.grants.iter().any(|grant| grant.share == name.share);
    if let Some(name) = wanted.as_ref().filter(|name| !is_granted(name)) {
        // Whoever named a table or a share that is not there learns that first.
        tables::show(provider, name).await.map_err(told)?;
        let next = target.line(&format!("grant {} {}", name.share, detail.recipient.name));
        notes.push(format!("share '{}' is not granted to the recipient; grant it with: {next}", name.share));
    }
    let reader = Reader::open(target).await?;
    let behind = behind((target, &reader), detail.grants, wanted.as_ref(), now).await;
    let Behind { grants, tables: found, notes: more } = match behind {
        Ok(behind) => behind,
        Err(why) => {
            reader.close().await;
            return Err(why);
        }
    };
    notes.extend(more);

    let read = if args.without_logs { 0 } else { found.len().min(TABLES_READ_MAX) };
    if read < found.len() {
        let all = counted(found.len(), "table");
        notes.push(match read {
            0 => format!("the catalogue was asked for {all}, and no log was read; name a table with --table"),
            _ => format!("the logs of {read} of {all} were read; of another, name it with --table"),
        });
    }
    let progress = Progress::of(read);
    let looks = found.into_iter().enumerate().map(|(at, (record, window))| {
        let (reader, rules, progress) = (&reader, &detail.recipient.rules, &progress);
        async move {
            let seen = match scope_of(&record.partitions, rules) {
                Err(error) => Seen::Refused(Unread::from(error)),
                Ok(_) if at >= read => Seen::NotRead,
                Ok(scope) => reader.read(&record, &scope).await.map_or_else(Seen::Refused, Seen::Read),
            };
            if at < read {
                progress.step();
            }
            Ok::<_, String>(Entry { record, window, seen })
        }
    });
    let tables = futures::stream::iter(looks).buffered(READ_AT_ONCE).try_collect::<Vec<_>>().await;
    drop(progress);
    notes.extend(reader.close().await);
    let last = last_event(target, &detail.recipient.id).await.unwrap_or_else(|why| {
        notes.push(format!("its last request is not known: {why}"));
        None
    });
    let plan = Plan { recipient: detail.recipient, refused, grants, tables: tables?, last, notes };
    Ok(Answer::new(plan.text(now, target), plan.json(now)))
}
