//! `audit`: who read what, how much, and what was refused; with `--admin` what operators changed.

use clap::Args;
use serde_json::{Value, json};
use shared::audit::record::Record;
use shared::catalog::write::RecipientRecord;
use shared::limits::AUDIT_SINCE_SECS_MAX;
use shared::model::name::RecipientName;
use shared::model::version::TimestampMs;
use shared::provider::{is_id, recipients};

use super::answer::Answer;
use super::target::{Target, TargetArgs};
use super::told;

mod changes;
mod cloudwatch;
mod reads;
mod source;

pub use source::last_event;

/// Rows shown of one kind; of more, the rest is counted.
const ROWS_SHOWN_MAX: usize = 30;

/// Options of `audit`.
#[derive(Debug, Clone, Args)]
pub struct AuditArgs {
    /// Only what this recipient, by its name or id, was answered; with --admin what was done to it
    #[arg(long, value_name = "RECIPIENT")]
    recipient: Option<String>,
    /// How far back to look
    #[arg(long, value_name = "TIME", default_value = "1d", value_parser = since)]
    since: u64,
    /// What operators changed, instead of what recipients were answered
    #[arg(long)]
    admin: bool,
    /// Where to look.
    #[command(flatten)]
    pub target: TargetArgs,
}

/// Reads `7d`, `12 hours`.
fn since(text: &str) -> Result<u64, String> {
    let secs = super::seconds(text)?;
    match secs <= AUDIT_SINCE_SECS_MAX {
        true => Ok(secs),
        false => Err(format!("nothing is kept that long; look back {} days at most", AUDIT_SINCE_SECS_MAX / 86_400)),
    }
}

/// The time that is looked at.
#[derive(Debug, Clone, Copy)]
struct Span {
    since: TimestampMs,
    until: TimestampMs,
}

/// Whose events are wanted.
#[derive(Debug, Clone)]
struct Who {
    /// Its name, when that is known.
    name: Option<RecipientName>,
    /// Its id, when that is known: a recipient that was deleted has none any more.
    id: Option<String>,
}

/// Runs `audit`.
///
/// # Errors
/// A sentence for the person at the terminal.
pub async fn run(args: &AuditArgs, target: &Target) -> Result<Answer, String> {
    let until = target.provider.now();
    let span = Span { since: until.plus_secs(-i64::try_from(args.since).unwrap_or(i64::MAX)), until };
    let known = recipients::list(&target.provider).await.map_err(told)?;
    let who = match &args.recipient {
        Some(text) => Some(found(text, &known, args.admin, target).await?),
        None => None,
    };
    if args.admin {
        changes::answer(target, span, who.as_ref()).await
    } else {
        reads::answer(target, span, &known, who).await
    }
}

/// The recipient of a name or id. Of one that was deleted, only changes are found by the name.
async fn found(text: &str, known: &[RecipientRecord], admin: bool, target: &Target) -> Result<Who, String> {
    let name = RecipientName::parse(text).ok();
    let there = known.iter().find(|recipient| Some(&recipient.name) == name.as_ref() || recipient.id == text);
    match there {
        Some(recipient) => Ok(Who { name: Some(recipient.name.clone()), id: Some(recipient.id.clone()) }),
        None if is_id(text) => Ok(Who { name: None, id: Some(text.to_owned()) }),
        None if admin && name.is_some() => Ok(Who { name, id: None }),
        None => match recipients::show(&target.provider, text).await {
            Ok(detail) => Ok(Who { name: Some(detail.recipient.name), id: Some(detail.recipient.id) }),
            Err(error) => Err(told(error)),
        },
    }
}

/// A recipient's name; its id where none is known.
fn name_of<'a>(record: &'a Record, known: &'a [RecipientRecord]) -> Option<&'a str> {
    let id = record.recipient_id.as_deref()?;
    Some(known.iter().find(|recipient| recipient.id == id).map_or(id, |recipient| recipient.name.as_str()))
}

fn span_json(span: Span) -> [(&'static str, Value); 2] {
    [("since", json!(span.since.to_iso())), ("until", json!(span.until.to_iso()))]
}

/// The last rows under a heading, and how many came before.
fn section(title: &str, headings: &[&str], rows: &[Vec<String>]) -> String {
    let shown = rows.len().saturating_sub(ROWS_SHOWN_MAX);
    let more = match shown {
        0 => String::new(),
        more => format!("and {more} more before; --json has all\n"),
    };
    let rows = rows.get(shown..).unwrap_or_default();
    format!("\n{title}\n{}{more}", super::answer::columns(headings, rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looking_back_has_a_bound() {
        assert_eq!(since("1d"), Ok(86_400));
        assert!(since("11 years").unwrap_err().contains("3653 days"));
        assert!(since("soon").is_err());
    }

    #[test]
    fn the_last_rows_are_shown_and_the_others_counted() {
        let rows: Vec<Vec<String>> = (0..ROWS_SHOWN_MAX + 2).map(|n| vec![format!("row {n}.")]).collect();
        let text = section("Title", &["A"], &rows);
        assert!(!text.contains("row 1.") && text.contains("row 2.") && text.contains("and 2 more before"), "{text}");
        assert!(!section("Title", &["A"], &rows[..1]).contains("more"), "{text}");
    }
}
