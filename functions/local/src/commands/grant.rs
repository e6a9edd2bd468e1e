//! `grant` and `revoke`.

use clap::Args;
use serde_json::json;
use shared::model::rule::Window;
use shared::model::version::TimestampMs;
use shared::provider::grants::{Granted, Timed};
use shared::provider::{counted, grants, tables};

use super::answer::{Answer, full_name};
use super::target::{Target, TargetArgs};
use super::{rules, told};

/// Tables named one by one; of more, the rest is counted.
const TABLES_SHOWN_MAX: usize = 10;

/// A share, a recipient, and when.
#[derive(Debug, Clone, Args)]
pub struct GrantArgs {
    /// The share's name
    share: String,
    /// The recipient's name
    recipient: String,
    /// Before this moment the share is not there for the recipient, such as 2026-01-31T08:00:00Z [default: at once]
    #[arg(long, value_name = "MOMENT", value_parser = rules::at)]
    from: Option<TimestampMs>,
    /// From this moment on it is not there any more, and no URL works on [default: without an end]
    #[arg(long, value_name = "MOMENT", value_parser = rules::at)]
    until: Option<TimestampMs>,
    /// Take the beginning and the end of a grant away
    #[arg(long, conflicts_with_all = ["from", "until"])]
    always: bool,
    /// Where to work.
    #[command(flatten)]
    pub target: TargetArgs,
}

/// A share and a recipient.
#[derive(Debug, Clone, Args)]
pub struct RevokeArgs {
    /// The share's name
    share: String,
    /// The recipient's name
    recipient: String,
    /// Where to work.
    #[command(flatten)]
    pub target: TargetArgs,
}

/// Runs `grant`.
///
/// # Errors
/// A sentence for the person at the terminal.
pub async fn grant(args: &GrantArgs, target: &Target) -> Result<Answer, String> {
    let window = Window { from: args.from, until: args.until };
    let provider = &target.provider;
    let Timed { ends, before } = match args.always || !window.is_always() {
        true => grants::grant_or_change(provider, &args.share, &args.recipient, window).await.map_err(told)?,
        false => {
            let made = grants::grant(provider, &args.share, &args.recipient).await;
            Timed { ends: made.map_err(told)?, before: None }
        }
    };
    if let Some(before) = before {
        return Ok(changed(&ends, (before, window), target));
    }
    let (share, recipient) = (&ends.share.name, &ends.recipient);
    let tables = tables::list(&target.provider, Some(share.as_str())).await.map_err(told)?;
    let when = rules::window_words(window).map(|words| format!(", {words}")).unwrap_or_default();
    let mut text = format!("Granted share '{share}' to recipient '{}'{when}.\n", recipient.name);
    if tables.is_empty() {
        let next = target.line(&format!("table add {share}.default.TABLE --location {}", target.location_example()));
        text.push_str(&format!("There is nothing in it yet. Next, add a table:\n  {next}\n"));
    } else {
        let later = "and those that are added later";
        text.push_str(&format!(
            "The recipient can {} read {}, {later} ({}):\n",
            if window.from.is_some() { "then" } else { "now" },
            counted(tables.len(), "table"),
            target.takes_effect()
        ));
        for table in tables.iter().take(TABLES_SHOWN_MAX) {
            text.push_str(&format!("  {}\n", full_name(table)));
        }
        if let Some(more) = tables.len().checked_sub(TABLES_SHOWN_MAX).filter(|more| *more > 0) {
            text.push_str(&format!("  and {more} more\n"));
        }
    }
    if recipient.status == shared::catalog::write::Status::Disabled {
        let next = target.line(&format!("recipient enable {}", recipient.name));
        text.push_str(&format!("But the recipient is disabled and reads nothing until:\n  {next}\n"));
    }
    let json = json!({
        "share": share.as_str(), "recipient": recipient.name.as_str(),
        "from": window.from.map(TimestampMs::to_iso), "until": window.until.map(TimestampMs::to_iso),
        "tables": tables.iter().map(full_name).collect::<Vec<_>>(),
    });
    Ok(Answer::new(text, json!({"granted": json})))
}

/// That a grant's time is another one now, or the one it was.
fn changed(ends: &Granted, (before, window): (Window, Window), target: &Target) -> Answer {
    let (share, recipient) = (&ends.share.name, &ends.recipient.name);
    let words = |window| rules::window_words(window).unwrap_or_else(|| "at any time".into());
    let text = match before == window {
        true => {
            format!("Recipient '{recipient}' may read share '{share}' already, {}; nothing to do.\n", words(window))
        }
        false => format!(
            "Changed when recipient '{recipient}' may read share '{share}': {}, before it was {} ({}).\n",
            words(window),
            words(before),
            target.takes_effect()
        ),
    };
    let json = json!({
        "share": share.as_str(), "recipient": recipient.as_str(),
        "from": window.from.map(TimestampMs::to_iso), "until": window.until.map(TimestampMs::to_iso),
    });
    Answer::new(text, json!({"granted": json, "before": rules::window_json(before), "changed": before != window}))
}

/// Runs `revoke`.
///
/// # Errors
/// A sentence for the person at the terminal.
pub async fn revoke(args: &RevokeArgs, target: &Target) -> Result<Answer, String> {
    let ends = grants::revoke(&target.provider, &args.share, &args.recipient).await.map_err(told)?;
    let (share, recipient) = (&ends.share.name, &ends.recipient.name);
    let text = format!(
        "Revoked share '{share}' from recipient '{recipient}' ({}).\nURLs of files that it was given before work until \
         they expire, within the hour.\n",
        target.takes_effect()
    );
    Ok(Answer::new(text, json!({"revoked": {"share": share.as_str(), "recipient": recipient.as_str()}})))
}
