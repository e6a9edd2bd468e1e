//! `grant` and `revoke`.

use clap::Args;
use serde_json::json;
use shared::provider::{counted, grants, tables};

use super::answer::{Answer, full_name};
use super::target::{Target, TargetArgs};
use super::told;

/// Tables named one by one; of more, the rest is counted.
const TABLES_SHOWN_MAX: usize = 10;

/// A share and a recipient.
#[derive(Debug, Clone, Args)]
pub struct GrantArgs {
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
    let ends = grants::grant(&target.provider, &args.share, &args.recipient).await.map_err(told)?;
    let (share, recipient) = (&ends.share.name, &ends.recipient);
    let tables = tables::list(&target.provider, Some(share.as_str())).await.map_err(told)?;
    let mut text = format!("Granted share '{share}' to recipient '{}'.\n", recipient.name);
    if tables.is_empty() {
        let next = target.line(&format!("table add {share}.default.TABLE --location {}", target.location_example()));
        text.push_str(&format!("There is nothing in it yet. Next, add a table:\n  {next}\n"));
    } else {
        let later = "and those that are added later";
        text.push_str(&format!(
            "The recipient can now read {}, {later} ({}):\n",
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
        "tables": tables.iter().map(full_name).collect::<Vec<_>>(),
    });
    Ok(Answer::new(text, json!({"granted": json})))
}

/// Runs `revoke`.
///
/// # Errors
/// A sentence for the person at the terminal.
pub async fn revoke(args: &GrantArgs, target: &Target) -> Result<Answer, String> {
    let ends = grants::revoke(&target.provider, &args.share, &args.recipient).await.map_err(told)?;
    let (share, recipient) = (&ends.share.name, &ends.recipient.name);
    let text = format!(
        "Revoked share '{share}' from recipient '{recipient}' ({}).\nURLs of files that it was given before work until \
         they expire, within the hour.\n",
        target.takes_effect()
    );
    Ok(Answer::new(text, json!({"revoked": {"share": share.as_str(), "recipient": recipient.as_str()}})))
}
