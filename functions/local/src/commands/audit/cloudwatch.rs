//! Audit events out of CloudWatch Logs, as the functions of a stack wrote them.

use aws_sdk_cloudwatchlogs::Client;
use shared::audit::log::TARGET;
use shared::audit::record::Record;
use shared::limits::AUDIT_EVENTS_READ_MAX;

use super::Span;
use super::source::Events;
use crate::inspect::bucket::reason;

/// Reads the events of some time, of one recipient or of all, in at most so many requests. CloudWatch Logs answers from
/// the oldest event on.
pub(super) async fn events(
    client: &Client,
    group: &str,
    span: Span,
    recipient_id: Option<&str>,
    pages_max: usize,
) -> Result<Events, String> {
    let pattern = pattern(recipient_id);
    let mut found = Events::default();
    let (mut next, mut whole) = (None, false);
    for _ in 0..pages_max {
        let request = client.filter_log_events().log_group_name(group).filter_pattern(&pattern);
        let request = request.start_time(span.since.millis()).end_time(span.until.millis());
        let answer = request.set_next_token(next.take()).send().await.map_err(|error| {
            format!(
                "the log group {group} cannot be read: {}; reading needs logs:FilterLogEvents on it",
                reason(&error)
            )
        })?;
        let lines = answer.events().iter().filter_map(|event| event.message());
        let records = lines.filter_map(|line| Record::read(line.as_bytes()));
        found
            .records
            .extend(records.filter(|record| recipient_id.is_none_or(|id| record.recipient_id.as_deref() == Some(id))));
        next = answer.next_token;
        whole = next.is_none();
        if whole || found.records.len() >= AUDIT_EVENTS_READ_MAX {
            break;
        }
    }
    // Each function's lines are in order, those of several are not.
    found.records.sort_by(|a, b| a.timestamp.cmp(&b.timestamp));
    if !whole {
        let last = found.records.last().map_or("the beginning", |record| record.timestamp.as_str());
        found.notes.push(format!(
            "Cut off: there are more events than are read at once; those after {last} are missing. Ask for a shorter time \
             with --since, or for one recipient."
        ));
    }
    Ok(found)
}

/// What CloudWatch Logs leaves out by itself. An id that could end its text is not put there, but looked for afterwards.
fn pattern(recipient_id: Option<&str>) -> String {
    let plain = |id: &&str| id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    match recipient_id.filter(plain) {
        Some(id) => format!("{{ $.target = \"{TARGET}\" && $.recipientId = \"{id}\" }}"),
        None => format!("{{ $.target = \"{TARGET}\" }}"),
    }
}

#[cfg(test)]
mod tests;
