//! `plan`: what one recipient sees now, and why when that is nothing, decided by the functions that the server decides by.

use std::net::IpAddr;

use clap::Args;
use futures::{StreamExt, TryStreamExt};
use shared::audit::record::Record;
use shared::catalog::write::{GrantRecord, RecipientRecord, ShareRecord, TableRecord};
use shared::handlers::scope::scope_of;
use shared::model::rule::Window;
use shared::provider::names::TableRef;
use shared::provider::{recipients, schemas, shares, tables};

use super::answer::Answer;
use super::audit::last_event;
use super::target::{Target, TargetArgs};
use super::told;
use reading::{Read, Reader, Unread};

mod output;
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
    /// Where its requests come from: whether the IP access list lets them in
    #[arg(long, value_name = "ADDRESS")]
    ip: Option<IpAddr>,
    /// Where to work.
    #[command(flatten)]
    pub target: TargetArgs,
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
    let there = shares::list(provider).await.map_err(told)?;
    let now = provider.now();
    let from = args.ip.map(|address| address.to_canonical());
    let refused = reasons::of_recipient(&detail, from, now);

    let mut notes = Vec::new();
    let mut grants = Vec::new();
    let mut found = Vec::new();
    for grant in detail.grants {
        if wanted.as_ref().is_some_and(|name| name.share != grant.share) {
            continue;
        }
        let why = reasons::of_grant(&grant, of_name(&there, &grant), now);
        if why.is_none() {
            let records = match &wanted {
                Some(name) => vec![tables::show(provider, name).await.map_err(told)?],
                None => tables::list(provider, Some(grant.share.as_str())).await.map_err(told)?,
            };
            found.extend(records.into_iter().map(|record| (record, grant.window)));
            if target.lists_places() && wanted.is_none() {
                for place in schemas::list(provider, Some(grant.share.as_str())).await.map_err(told)? {
                    notes.push(format!(
                        "schema '{}.{}' shares the tables in its place as well, which are not told here",
                        place.share, place.name
                    ));
                }
            }
        }
        grants.push((grant, why));
    }
    if let Some(name) = wanted.as_ref().filter(|_| grants.is_empty()) {
        // Whoever named a table or a share that is not there learns that first.
        tables::show(provider, name).await.map_err(told)?;
        let next = target.line(&format!("grant {} {}", name.share, detail.recipient.name));
        notes.push(format!("share '{}' is not granted to the recipient; grant it with: {next}", name.share));
    }

    let more = found.len().saturating_sub(TABLES_READ_MAX);
    if more > 0 {
        notes.push(format!("the logs of {TABLES_READ_MAX} tables were read; of another, name it with --table"));
    }
    let reader = Reader::open(target).await?;
    let looks = found.into_iter().enumerate().map(|(at, (record, window))| {
        let (reader, rules) = (&reader, &detail.recipient.rules);
        async move {
            let seen = match scope_of(&record.partitions, rules) {
                Err(error) => Seen::Refused(Unread::from(error)),
                Ok(_) if at >= TABLES_READ_MAX => Seen::NotRead,
                Ok(scope) => reader.read(&record, &scope).await.map_or_else(Seen::Refused, Seen::Read),
            };
            Ok::<_, String>(Entry { record, window, seen })
        }
    });
    let tables = futures::stream::iter(looks).buffered(READ_AT_ONCE).try_collect::<Vec<_>>().await;
    notes.extend(reader.close().await);
    let last = last_event(target, &detail.recipient.id).await.unwrap_or_else(|why| {
        notes.push(format!("its last request is not known: {why}"));
        None
    });
    let plan = Plan { recipient: detail.recipient, refused, grants, tables: tables?, last, notes };
    Ok(Answer::new(plan.text(now, target), plan.json(now)))
}

fn of_name<'a>(there: &'a [ShareRecord], grant: &GrantRecord) -> Option<&'a ShareRecord> {
    there.iter().find(|share| share.name == grant.share)
}
