//! `GRANT` and `REVOKE`.

use serde_json::{Value, json};
use shared::catalog::write::Status;
use shared::model::rule::Window;
use shared::model::version::TimestampMs;
use shared::provider::grants::{self, Granted, Timed};
use shared::provider::{ProviderError, counted, tables};

use super::told::{at, at_either};
use super::{Outcome, Runner};
use crate::commands::rules::{self, window_json, window_words};
use crate::sql::lex::quoted;
use crate::sql::mistake::Mistake;
use crate::sql::statement::{Grant, Spot};

/// What a grant is called that is there already, and one that is not.
const GRANT: &str = "grant of share";

impl Runner<'_> {
    pub(super) async fn grant(&self, grant: &Grant) -> Result<Outcome, Mistake> {
        let (share, recipient) = (&grant.share, &grant.recipient);
        let window = Window { from: moment(grant.valid_from.as_ref())?, until: moment(grant.valid_until.as_ref())? };
        let provider = &self.target.provider;
        let says_when = grant.always || !window.is_always();
        let granted = match says_when {
            true => grants::grant_or_change(provider, &share.text, &recipient.text, window).await,
            false => {
                let made = grants::grant(provider, &share.text, &recipient.text).await;
                made.map(|ends| Timed { ends, before: None })
            }
        };
        let ends = match granted {
            Ok(Timed { ends, before: None }) => ends,
            Ok(Timed { before: Some(before), .. }) if before == window => {
                return Ok(already(grant, before));
            }
            Ok(Timed { ends, before: Some(before) }) => {
                let text = format!(
                    "{} when recipient '{}' may read share '{}': {}, before it was {}{}.",
                    self.did("Changed", "change"),
                    ends.recipient.name,
                    ends.share.name,
                    when_words(window),
                    when_words(before),
                    self.noticed()
                );
                let json = json!({
                    "changed": true, "granted": granted_json(&ends, window), "before": window_json(before),
                });
                return Ok(Outcome::done(text, json));
            }
            // A statement that says no time may be a script's, run again: it takes none away that was said since.
            Err(ProviderError::Exists { what, .. }) if what.contains(GRANT) => {
                let there = grants::window(provider, &share.text, &recipient.text).await;
                return Ok(already(grant, there.ok().flatten().unwrap_or_default()));
            }
            // With both names in order, it is the time.
            Err(ProviderError::Invalid(why)) if why.starts_with("a grant ") => {
                let said = grant.valid_until.as_ref().unwrap_or(recipient);
                return Err(Mistake::new(said.at.clone(), why));
            }
            Err(error) => return Err(at_either(share, recipient)(error)),
        };
        let tables = tables::count(&self.target.provider, &ends.share).await.map_err(at(share))?;
        let holds = match tables {
            0 => {
                format!("nothing is in it yet; ALTER SHARE {} ADD TABLE adds a table", quoted(ends.share.name.as_str()))
            }
            count => format!("{}, and those added later{}", counted(count, "table"), self.noticed()),
        };
        let when = window_words(window).map(|words| format!(", {words}")).unwrap_or_default();
        let mut text = format!(
            "{} share '{}' to recipient '{}'{when}: {holds}.",
            self.did("Granted", "grant"),
            ends.share.name,
            ends.recipient.name
        );
        if ends.recipient.status == Status::Disabled {
            let name = quoted(ends.recipient.name.as_str());
            text.push_str(&format!(
                "\nBut the recipient is disabled and reads nothing until: ALTER RECIPIENT {name} ENABLE"
            ));
        }
        Ok(Outcome::done(text, json!({"changed": true, "granted": granted_json(&ends, window)})))
    }

    pub(super) async fn revoke(&self, share: &Spot, recipient: &Spot) -> Result<Outcome, Mistake> {
        match grants::revoke(&self.target.provider, &share.text, &recipient.text).await {
            Ok(ends) => {
                let text = format!(
                    "{} share '{}' from recipient '{}'{}; URLs that it was given before work until they expire.",
                    self.did("Revoked", "revoke"),
                    ends.share.name,
                    ends.recipient.name,
                    self.noticed()
                );
                Ok(Outcome::done(text, json!({"changed": true, "revoked": ends_json(&ends)})))
            }
            Err(ProviderError::Missing { what, .. }) if what.contains(GRANT) => {
                Ok(Outcome::nothing(&format!("Recipient '{}' may not read share '{}'", recipient.text, share.text)))
            }
            Err(error) => Err(at_either(share, recipient)(error)),
        }
    }
}

/// That the recipient may read the share already, and when.
fn already(grant: &Grant, window: Window) -> Outcome {
    let when = window_words(window).map(|words| format!(", {words}")).unwrap_or_default();
    Outcome::nothing(&format!(
        "Recipient '{}' may read share '{}' already{when}",
        grant.recipient.text, grant.share.text
    ))
}

/// `until 2027-01-31 08:00 UTC`, `at any time`.
fn when_words(window: Window) -> String {
    window_words(window).unwrap_or_else(|| "at any time".into())
}

fn moment(said: Option<&Spot>) -> Result<Option<TimestampMs>, Mistake> {
    said.map(|said| rules::at(&said.text).map_err(|why| Mistake::new(said.at.clone(), why))).transpose()
}

fn granted_json(ends: &Granted, window: Window) -> Value {
    let mut json = ends_json(ends);
    if let (Some(json), Value::Object(window)) = (json.as_object_mut(), window_json(window)) {
        json.extend(window);
    }
    json
}

fn ends_json(ends: &Granted) -> Value {
    json!({"share": ends.share.name.as_str(), "recipient": ends.recipient.name.as_str()})
}
