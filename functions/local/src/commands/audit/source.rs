//! Where audit events come from: the log group of a stack's functions, or the files that the local server writes.

use shared::audit::record::Record;
use shared::limits::{AUDIT_EVENTS_READ_MAX, AUDIT_PAGES_MAX};
use shared::model::version::TimestampMs;

use super::{Span, cloudwatch};
use crate::audit_file::reading;
use crate::commands::target::{Kind, Target};

/// How far back a recipient's last event is looked for, step by step, in seconds.
const LAST_LOOKS: [i64; 4] = [60 * 60, 24 * 60 * 60, 7 * 24 * 60 * 60, 30 * 24 * 60 * 60];

/// Events of some time.
#[derive(Debug, Default)]
pub(super) struct Events {
    /// The events, oldest first.
    pub(super) records: Vec<Record>,
    /// What the reader should know, one sentence each.
    pub(super) notes: Vec<String>,
}

/// Reads the events of some time, of one recipient or of all.
pub(super) async fn events(target: &Target, span: Span, recipient_id: Option<&str>) -> Result<Events, String> {
    match target.kind() {
        Kind::Local { .. } => local(target, span, recipient_id).await,
        Kind::Aws(deployment) => {
            let group = deployment.log_group.as_deref().ok_or(
                "where the functions log is not known; name the stack with --stack, and deploy it again if it has no \
                 output FunctionLogGroup",
            )?;
            let client = aws_sdk_cloudwatchlogs::Client::new(&deployment.config);
            cloudwatch::events(&client, group, span, recipient_id, AUDIT_PAGES_MAX).await
        }
    }
}

/// The last event of a recipient within thirty days; none when there is none.
///
/// # Errors
/// A sentence for the person at the terminal.
pub async fn last_event(target: &Target, recipient_id: &str) -> Result<Option<Record>, String> {
    let until = target.provider.now();
    for secs in LAST_LOOKS {
        let span = Span { since: until.plus_secs(-secs), until };
        if let Some(last) = events(target, span, Some(recipient_id)).await?.records.pop() {
            return Ok(Some(last));
        }
    }
    Ok(None)
}

async fn local(target: &Target, span: Span, recipient_id: Option<&str>) -> Result<Events, String> {
    let (folder, recipient_id) = (target.named_state().to_owned(), recipient_id.map(str::to_owned));
    let wanted = move |record: &Record| {
        let theirs = recipient_id.is_none() || record.recipient_id == recipient_id;
        theirs && record.at().is_some_and(|at: TimestampMs| at <= span.until)
    };
    let read = tokio::task::spawn_blocking(move || reading::read(&folder, span.since, wanted));
    let found = read.await.map_err(|error| format!("the audit events could not be read: {error}"))??;
    let mut notes = Vec::new();
    if found.cut_off {
        notes.push(format!(
            "Cut off: only the last {AUDIT_EVENTS_READ_MAX} events are read; ask for a shorter time with --since."
        ));
    }
    if found.lost > 0 {
        notes.push(format!("{} events are missing: they came faster than the disk took them.", found.lost));
    }
    if found.unreadable > 0 {
        notes.push(format!("{} lines of the audit files cannot be read and are left out.", found.unreadable));
    }
    Ok(Events { records: found.records.into(), notes })
}
