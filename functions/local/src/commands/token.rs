//! `token rotate`.

use clap::{Args, Subcommand};
use serde_json::json;
use shared::provider::recipients;
use shared::provider::tokens::{self, Grace};

use super::answer::{Answer, moment};
use super::handover::HandoverArgs;
use super::target::{Target, TargetArgs};
use super::told;

/// What to do with tokens.
#[derive(Debug, Clone, Subcommand)]
pub enum TokenCommand {
    /// Give a recipient a new token; its old ones stay good for a while
    ///
    /// A link is printed that gives the new profile once. During the grace time both tokens work, so that the recipient
    /// can change over without a gap; at its end the old ones stop. With --grace 0s they stop at once.
    #[command(after_help = "Examples:\n  spillway token rotate acme\n  spillway token rotate acme --grace 0s")]
    Rotate(RotateArgs),
}

/// Options of `token rotate`.
#[derive(Debug, Clone, Args)]
pub struct RotateArgs {
    /// The recipient's name
    recipient: String,
    /// How long its old tokens stay good
    #[arg(long, value_name = "TIME", default_value = "24 hours", value_parser = super::grace)]
    grace: Grace,
    #[command(flatten)]
    handover: HandoverArgs,
    #[command(flatten)]
    target: TargetArgs,
}

impl TokenCommand {
    /// Where to work.
    pub fn target(&self) -> &TargetArgs {
        match self {
            Self::Rotate(args) => &args.target,
        }
    }

    /// Runs the command.
    ///
    /// # Errors
    /// A sentence for the person at the terminal.
    pub async fn run(&self, target: &Target) -> Result<Answer, String> {
        match self {
            Self::Rotate(args) => rotate(args, target).await,
        }
    }
}

async fn rotate(args: &RotateArgs, target: &Target) -> Result<Answer, String> {
    let endpoint = target.endpoint()?;
    let name = recipients::show(&target.provider, &args.recipient).await.map_err(told)?.recipient.name;
    let way = args.handover.way(&endpoint)?;
    let (provider, lifetime) = (&target.provider, args.handover.lifetime());
    let rotated = tokens::rotate_offering(provider, name.as_str(), lifetime, args.grace, way.offer()).await;
    let (rotated, link) = rotated.map_err(told)?;
    let handed = way.hand_over(&endpoint, &rotated.issued, link, name.as_str())?;
    let until = moment(rotated.others_end_at);
    let at_once = rotated.others_end_at <= target.provider.now();
    let mut text = format!("Made a new token for recipient '{name}'.\n");
    text.push_str(&handed.facts(&rotated.issued, &endpoint, &[]));
    text.push_str(&match (rotated.others, at_once) {
        (0, _) => "It had no other token that was still good.\n".to_owned(),
        (_, true) => format!("Its old tokens have ended ({}).\n", target.takes_effect()),
        (_, false) => format!("Its old tokens work until {until}, those that end sooner excepted.\n"),
    });
    text.push_str(handed.advice());
    let (kind, made) = handed.json();
    let json = json!({
        "recipient": name.as_str(),
        "token": {"id": rotated.issued.id, "expiresAt": rotated.issued.expires_at.to_iso()},
        "othersEndAt": rotated.others_end_at.to_iso(),
        kind: made,
        "endpoint": endpoint,
    });
    Ok(Answer::new(handed.told(text)?, json))
}
