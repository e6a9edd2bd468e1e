//! `recipient create | list | show | disable | enable | delete`.

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use serde_json::json;
use shared::catalog::write::{GrantRecord, Status};
use shared::model::network::Network;
use shared::model::rule::{AccessList, RecipientRules};
use shared::provider::recipients::NewRecipient;
use shared::provider::{counted, recipients};

use super::answer::{self, Answer, columns, facts, moment, moment_or_dash, status_word};
use super::handover::HandoverArgs;
use super::target::{Kind, Target, TargetArgs};
use super::{rules, told};

/// What to do with recipients.
#[derive(Debug, Clone, Subcommand)]
pub enum RecipientCommand {
    /// Create a recipient and print the link to send to it
    ///
    /// Whoever opens the link first can download the recipient's profile, once; after that and after 72 hours it gives
    /// nothing. The profile holds the recipient's token: whoever has it can read what the recipient may read. The
    /// catalogue keeps hashes of token and link, so neither can be shown again; `token rotate` makes new ones.
    #[command(after_help = "Examples:\n  spillway recipient create acme\n  \
        spillway recipient create acme --lifetime '90 days' --profile acme.share")]
    Create(CreateArgs),
    /// List the recipients
    List(TargetArgs),
    /// Show a recipient: its tokens and the shares that it may read
    Show(NameArgs),
    /// Stop a recipient: none of its tokens is good until it is enabled again
    Disable(NameArgs),
    /// Let a disabled recipient read again
    Enable(NameArgs),
    /// Delete a recipient with its tokens and grants
    Delete(NameArgs),
}

/// Options of `recipient create`.
#[derive(Debug, Clone, Args)]
pub struct CreateArgs {
    /// The recipient's name; only you see it
    name: String,
    /// A description
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
    /// A property that partition rules of tables can ask for; can be given several times
    #[arg(long, value_name = "KEY=VALUE", value_parser = rules::pair)]
    property: Vec<(String, String)>,
    /// A network that it may come from, such as 203.0.113.0/24; can be given several times [default: all the world]
    #[arg(long, value_name = "CIDR", value_parser = rules::network)]
    ip: Vec<Network>,
    /// Check the networks when this server is asked only: file URLs then work from anywhere
    #[arg(long, requires = "ip")]
    ip_api_only: bool,
    #[command(flatten)]
    handover: HandoverArgs,
    #[command(flatten)]
    target: TargetArgs,
}

/// A recipient's name and where it is.
#[derive(Debug, Clone, Args)]
pub struct NameArgs {
    /// The recipient's name
    name: String,
    #[command(flatten)]
    target: TargetArgs,
}

impl RecipientCommand {
    /// Where to work.
    pub fn target(&self) -> &TargetArgs {
        match self {
            Self::Create(args) => &args.target,
            Self::List(target) => target,
            Self::Show(args) | Self::Disable(args) | Self::Enable(args) | Self::Delete(args) => &args.target,
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
            Self::Disable(args) => set_status(args, target, Status::Disabled).await,
            Self::Enable(args) => set_status(args, target, Status::Active).await,
            Self::Delete(args) => delete(args, target).await,
        }
    }
}

fn rules_of(args: &CreateArgs) -> Result<RecipientRules, String> {
    let mut properties = BTreeMap::new();
    for (key, value) in &args.property {
        if properties.insert(key.clone(), value.clone()).is_some() {
            return Err(format!("the property '{key}' is given twice"));
        }
    }
    let access = AccessList { networks: args.ip.clone(), api_only: args.ip_api_only };
    Ok(RecipientRules { properties, access })
}

async fn create(args: &CreateArgs, target: &Target) -> Result<Answer, String> {
    let rules = rules_of(args)?;
    recipients::check_rules(&rules).map_err(told)?;
    let endpoint = target.endpoint()?;
    recipients::check_new(&target.provider, &args.name).await.map_err(told)?;
    let way = args.handover.way(&endpoint)?;
    let new = NewRecipient {
        name: args.name.clone(),
        comment: args.comment.clone(),
        lifetime: args.handover.lifetime(),
        rules,
    };
    let created = recipients::create_with(&target.provider, new, way.offer()).await;
    let (recipient, issued, link) = created.map_err(told)?;
    let handed = way.hand_over(&endpoint, &issued, link, recipient.name.as_str())?;
    let next = target.line(&format!("grant SHARE {}", recipient.name));
    let mut text = format!("Created recipient '{}'. It can read nothing yet.\n", recipient.name);
    text.push_str(&handed.facts(&issued, &endpoint, &rules::facts_of(&recipient.rules)));
    if !recipient.rules.access.networks.is_empty() && matches!(target.kind(), Kind::Local { .. }) {
        text.push_str("A local server checks the addresses of its own requests only: file URLs work from anywhere.\n");
    }
    text.push_str(handed.advice());
    text.push_str(&format!("\nNext, let it read a share:\n  {next}\n"));
    let (kind, made) = handed.json();
    let json = json!({
        "recipient": answer::recipient_json(&recipient),
        "token": {"id": issued.id, "expiresAt": issued.expires_at.to_iso()},
        kind: made,
        "endpoint": endpoint,
    });
    Ok(Answer::new(handed.told(text)?, json))
}

async fn list(target: &Target) -> Result<Answer, String> {
    let recipients = recipients::list(&target.provider).await.map_err(told)?;
    let text = if recipients.is_empty() {
        format!("There are no recipients yet. Create one:\n  {}\n", target.line("recipient create NAME"))
    } else {
        let rows: Vec<Vec<String>> = recipients
            .iter()
            .map(|recipient| {
                vec![
                    recipient.name.to_string(),
                    status_word(recipient.status).to_owned(),
                    moment_or_dash(recipient.created_at),
                    recipient.comment.clone().unwrap_or_default(),
                ]
            })
            .collect();
        columns(&["RECIPIENT", "STATUS", "CREATED", "COMMENT"], &rows)
    };
    Ok(Answer::new(text, json!({"recipients": recipients.iter().map(answer::recipient_json).collect::<Vec<_>>()})))
}

async fn show(args: &NameArgs, target: &Target) -> Result<Answer, String> {
    let detail = recipients::show(&target.provider, &args.name).await.map_err(told)?;
    let recipient = &detail.recipient;
    let mut text = format!("Recipient '{}'\n", recipient.name);
    let about = [
        ("id", Some(recipient.id.clone())),
        ("status", Some(status_word(recipient.status).into())),
        ("comment", recipient.comment.clone()),
        ("created", recipient.created_at.map(moment)),
    ];
    text.push_str(&facts(&[&about[..], &rules::facts_of(&recipient.rules)].concat()));
    text.push('\n');
    if detail.tokens.is_empty() {
        text.push_str("It has no token.\n");
    } else {
        let now = target.provider.now();
        let rows: Vec<Vec<String>> = detail
            .tokens
            .iter()
            .map(|token| {
                let ended = token.expires_at.is_some_and(|end| end <= now);
                let state = if ended { "ended" } else { status_word(token.status) };
                let until = token.expires_at.map_or_else(|| "for ever".into(), moment);
                vec![token.id.clone(), state.to_owned(), moment_or_dash(token.created_at), until]
            })
            .collect();
        text.push_str(&columns(&["TOKEN", "STATUS", "CREATED", "GOOD UNTIL"], &rows));
    }
    text.push('\n');
    if detail.grants.is_empty() {
        let next = target.line(&format!("grant SHARE {}", recipient.name));
        text.push_str(&format!("It can read nothing. Let it read a share:\n  {next}\n"));
    } else {
        let rows: Vec<Vec<String>> = detail.grants.iter().map(grant_row).collect();
        text.push_str(&columns(&["SHARE", "GRANTED", "GOOD"], &rows));
    }
    let json = json!({
        "recipient": answer::recipient_json(recipient),
        "tokens": detail.tokens.iter().map(answer::token_json).collect::<Vec<_>>(),
        "grants": detail.grants.iter().map(answer::grant_json).collect::<Vec<_>>(),
    });
    Ok(Answer::new(text, json))
}

fn grant_row(grant: &GrantRecord) -> Vec<String> {
    let when = rules::window_words(grant.window).unwrap_or_else(|| "always".into());
    vec![grant.share.to_string(), moment_or_dash(grant.granted_at), when]
}

async fn set_status(args: &NameArgs, target: &Target, status: Status) -> Result<Answer, String> {
    let mut recipient = recipients::set_status(&target.provider, &args.name, status).await.map_err(told)?;
    let name = recipient.name.clone();
    let text = match (recipient.status == status, status) {
        (true, _) => format!("Recipient '{name}' was {} already.\n", status_word(status)),
        (false, Status::Disabled) => format!(
            "Disabled recipient '{name}': none of its tokens is good any more ({}). URLs that it was given before work \
             until they expire, within the hour.\n\nTo undo this:\n  {}\n",
            target.takes_effect(),
            target.line(&format!("recipient enable {name}"))
        ),
        (false, Status::Active) => {
            format!("Enabled recipient '{name}': its tokens are good again ({}).\n", target.takes_effect())
        }
    };
    let changed = recipient.status != status;
    recipient.status = status;
    Ok(Answer::new(text, json!({"recipient": answer::recipient_json(&recipient), "changed": changed})))
}

async fn delete(args: &NameArgs, target: &Target) -> Result<Answer, String> {
    let gone = recipients::delete(&target.provider, &args.name).await.map_err(told)?;
    let text = format!(
        "Deleted recipient '{}' with {} and {} ({}). URLs that it was given before work until they expire, within the \
         hour.\n",
        gone.recipient.name,
        counted(gone.tokens.len(), "token"),
        counted(gone.grants.len(), "grant"),
        target.takes_effect()
    );
    let json = json!({
        "deleted": answer::recipient_json(&gone.recipient),
        "tokens": gone.tokens.len(),
        "grants": gone.grants.iter().map(answer::grant_json).collect::<Vec<_>>(),
    });
    Ok(Answer::new(text, json))
}
