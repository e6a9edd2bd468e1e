//! Statements about recipients. A token is handed over in one way only, so `CREATE RECIPIENT` and `ROTATE TOKEN` are the
//! commands of that name, given the words that the statement has.

use clap::Parser;
use serde_json::{Value, json};
use shared::catalog::write::Status;
use shared::model::network::Network;
use shared::model::rule::{AccessList, RecipientRules as Rules};
use shared::provider::recipients::NewRecipient;
use shared::provider::tokens::{Grace, Lifetime};
use shared::provider::{ProviderError, counted, recipients, tokens};

use super::told::at;
use super::{Mode, Outcome, Runner};
use crate::commands::answer::{Answer, recipient_json, status_word};
use crate::commands::recipient::RecipientCommand;
use crate::commands::token::TokenCommand;
use crate::commands::{grace, lifetime};
use crate::sql::lex::quoted;
use crate::sql::mistake::Mistake;
use crate::sql::statement::{CreateRecipient, RecipientChange, RecipientRules, Spot};

/// How long old tokens stay good when nothing is said.
const GRACE_DEFAULT: &str = "24 hours";

/// `recipient …`
#[derive(Debug, Parser)]
struct RecipientLine {
    #[command(subcommand)]
    command: RecipientCommand,
}

/// `token …`
#[derive(Debug, Parser)]
struct TokenLine {
    #[command(subcommand)]
    command: TokenCommand,
}

impl Runner<'_> {
    pub(super) async fn create_recipient(&self, create: &CreateRecipient) -> Result<Outcome, Mistake> {
        let rules = rules_of(&create.rules)?;
        let (spot, provider) = (&create.recipient, &self.target.provider);
        let life = create.rules.token_lifetime.as_ref();
        let parsed = life.map_or(Ok(Lifetime::default()), |life| read(life, lifetime))?;
        let name = match recipients::check_new(provider, &spot.text).await {
            Ok(name) => name,
            Err(ProviderError::Exists { what, .. }) if create.if_not_exists => {
                let name = quoted(&spot.text);
                let next = format!("ALTER RECIPIENT {name} ROTATE TOKEN makes another token to hand over");
                return Ok(Outcome::nothing(&format!("There is {what} already ({next})")));
            }
            Err(error) => return Err(at(spot)(error)),
        };
        let comment = create.comment.as_ref().map(|comment| comment.text.as_str());
        if self.mode == Mode::DryRun {
            let new =
                NewRecipient { name: spot.text.clone(), comment: comment.map(str::to_owned), lifetime: parsed, rules };
            let (recipient, ..) = recipients::create_with(provider, new, None).await.map_err(at(spot))?;
            let text = format!("Would create recipient '{name}', with a token to hand over.");
            return Ok(Outcome::done(text, json!({"changed": true, "recipient": recipient_json(&recipient)})));
        }
        let mut words = vec!["recipient".to_owned(), "create".to_owned()];
        words.extend(life.map(|life| format!("--lifetime={}", life.text)));
        words.extend(comment.map(|comment| format!("--comment={comment}")));
        words.extend(rules.properties.iter().map(|(key, value)| format!("--property={key}={value}")));
        words.extend(rules.access.networks.iter().map(|network| format!("--ip={network}")));
        words.extend(rules.access.api_only.then(|| "--ip-api-only".to_owned()));
        words.extend(["--".to_owned(), spot.text.clone()]);
        let failed = |why: String| Mistake::new(spot.at.clone(), why);
        let line = RecipientLine::try_parse_from(words).map_err(|error| failed(error.to_string()))?;
        let answer = line.command.run(self.target).await.map_err(failed)?;
        // What to do next is said in the words of statements.
        let said = answer.text.split("\nNext, ").next().unwrap_or_default().trim_end().to_owned();
        let text = format!("{said}\nNext, let it read a share: GRANT SELECT ON SHARE … TO {}", quoted(name.as_str()));
        Ok(Outcome::handed_over(text, changed(answer.json)))
    }

    pub(super) async fn alter_recipient(&self, recipient: &Spot, change: &RecipientChange) -> Result<Outcome, Mistake> {
        match change {
            RecipientChange::Rules(rules) => self.set_rules(recipient, rules).await,
            RecipientChange::RotateToken { grace, lifetime } => {
                self.rotate_token(recipient, grace.as_ref(), lifetime.as_ref()).await
            }
            RecipientChange::RevokeAllTokens => {
                let ended = tokens::revoke_all(&self.target.provider, &recipient.text).await.map_err(at(recipient))?;
                let name = &ended.recipient.name;
                let text = match ended.tokens {
                    0 => format!("Recipient '{name}' has no token that is still good; nothing to do."),
                    count => format!(
                        "{} {} of recipient '{name}'{}; URLs that it was given before work until they expire.",
                        self.did("Revoked", "revoke"),
                        counted(count, "token"),
                        self.noticed()
                    ),
                };
                let json = json!({
                    "changed": ended.tokens > 0, "recipient": recipient_json(&ended.recipient), "tokens": ended.tokens,
                });
                Ok(Outcome::done(text, json))
            }
            RecipientChange::Disable => self.set_status(recipient, Status::Disabled).await,
            RecipientChange::Enable => self.set_status(recipient, Status::Active).await,
        }
    }

    /// Puts what is said in the place of what was said before; the other rules stay.
    async fn set_rules(&self, recipient: &Spot, said: &RecipientRules) -> Result<Outcome, Mistake> {
        if let Some(life) = &said.token_lifetime {
            let why = "a token keeps the lifetime that it was made with; ROTATE TOKEN LIFETIME '…' makes another one";
            return Err(Mistake::new(life.at.clone(), why.into()));
        }
        let (provider, wanted) = (&self.target.provider, rules_of(said)?);
        let before = recipients::show(provider, &recipient.text).await.map_err(at(recipient))?.recipient.rules;
        let rules = Rules {
            properties: if said.properties.is_some() { wanted.properties } else { before.properties },
            access: if said.ip_access_list.is_some() { wanted.access } else { before.access },
        };
        let changed = recipients::set_rules(provider, &recipient.text, rules).await.map_err(at(recipient))?;
        let text = format!("{} recipient '{}'{}.", self.did("Changed", "change"), changed.name, self.noticed());
        Ok(Outcome::done(text, json!({"changed": true, "recipient": recipient_json(&changed)})))
    }

    async fn rotate_token(
        &self,
        recipient: &Spot,
        grace_said: Option<&Spot>,
        lifetime_said: Option<&Spot>,
    ) -> Result<Outcome, Mistake> {
        let parsed: Grace = match grace_said {
            Some(said) => read(said, grace)?,
            None => grace(GRACE_DEFAULT).map_err(|why| Mistake::new(recipient.at.clone(), why))?,
        };
        let life = lifetime_said.map_or(Ok(Lifetime::default()), |life| read(life, lifetime))?;
        if self.mode == Mode::DryRun {
            let rotated = tokens::rotate(&self.target.provider, &recipient.text, life, parsed).await;
            let rotated = rotated.map_err(at(recipient))?;
            let text = format!(
                "Would make a new token for recipient '{}' and let {} end.",
                rotated.recipient.name,
                counted(rotated.others, "other token")
            );
            return Ok(Outcome::done(text, json!({"changed": true, "recipient": recipient_json(&rotated.recipient)})));
        }
        recipients::show(&self.target.provider, &recipient.text).await.map_err(at(recipient))?;
        let mut words = vec!["token".to_owned(), "rotate".to_owned()];
        words.push(format!("--grace={}", grace_said.map_or(GRACE_DEFAULT, |said| &said.text)));
        words.extend(lifetime_said.map(|life| format!("--lifetime={}", life.text)));
        words.extend(["--".to_owned(), recipient.text.clone()]);
        let failed = |why: String| Mistake::new(recipient.at.clone(), why);
        let line = TokenLine::try_parse_from(words).map_err(|error| failed(error.to_string()))?;
        let Answer { text, json, .. } = line.command.run(self.target).await.map_err(failed)?;
        Ok(Outcome::handed_over(text.trim_end().to_owned(), changed(json)))
    }

    async fn set_status(&self, spot: &Spot, status: Status) -> Result<Outcome, Mistake> {
        let provider = &self.target.provider;
        let mut recipient = recipients::set_status(provider, &spot.text, status).await.map_err(at(spot))?;
        let was = std::mem::replace(&mut recipient.status, status);
        let text = if was == status {
            format!("Recipient '{}' is {} already; nothing to do.", recipient.name, status_word(status))
        } else {
            let did = match status {
                Status::Disabled => self.did("Disabled", "disable"),
                Status::Active => self.did("Enabled", "enable"),
            };
            format!("{did} recipient '{}'{}.", recipient.name, self.noticed())
        };
        Ok(Outcome::done(text, json!({"changed": was != status, "recipient": recipient_json(&recipient)})))
    }

    pub(super) async fn drop_recipient(&self, spot: &Spot, if_exists: bool) -> Result<Outcome, Mistake> {
        match recipients::delete(&self.target.provider, &spot.text).await {
            Ok(gone) => {
                let text = format!(
                    "{} recipient '{}' with {} and {}{}.",
                    self.did("Dropped", "drop"),
                    gone.recipient.name,
                    counted(gone.tokens.len(), "token"),
                    counted(gone.grants.len(), "grant"),
                    self.noticed()
                );
                Ok(Outcome::done(text, json!({"changed": true, "recipient": recipient_json(&gone.recipient)})))
            }
            Err(ProviderError::Missing { what, .. }) if if_exists => {
                Ok(Outcome::nothing(&format!("There is no {what}")))
            }
            Err(error) => Err(at(spot)(error)),
        }
    }
}

/// Reads what is said, with its own place for what is wrong with it.
fn read<T>(said: &Spot, as_one: impl Fn(&str) -> Result<T, String>) -> Result<T, Mistake> {
    as_one(&said.text).map_err(|why| Mistake::new(said.at.clone(), why))
}

/// The rules that are said; none of what is not said.
fn rules_of(said: &RecipientRules) -> Result<Rules, Mistake> {
    let mut rules = Rules::default();
    for property in said.properties.iter().flat_map(|listed| &listed.items) {
        let (key, value) = (&property.key, property.value.text.clone());
        if key.text.is_empty() || key.text.contains('=') {
            return Err(Mistake::new(key.at.clone(), "a property's key is a name without an equals sign".into()));
        }
        if rules.properties.insert(key.text.clone(), value).is_some() {
            return Err(Mistake::new(key.at.clone(), format!("the property '{}' is given twice", key.text)));
        }
    }
    if let Some(list) = &said.ip_access_list {
        let networks = list.items.iter().map(|item| read(item, Network::parse)).collect::<Result<_, _>>()?;
        rules.access = AccessList { networks, api_only: said.api_only };
    }
    let first = said.ip_access_list.as_ref().map(|list| &list.at).or(said.properties.as_ref().map(|list| &list.at));
    match (recipients::check_rules(&rules), first) {
        (Err(error), Some(first)) => Err(Mistake::new(first.clone(), error.to_string())),
        _ => Ok(rules),
    }
}

fn changed(mut json: Value) -> Value {
    if let Some(fields) = json.as_object_mut() {
        fields.insert("changed".into(), Value::Bool(true));
    }
    json
}
