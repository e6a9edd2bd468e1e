//! `ALTER SHARE … ADD SCHEMA` and `REMOVE SCHEMA`.

use serde_json::{Value, json};
use shared::model::securable::History;
use shared::model::version::Version;
use shared::provider::ProviderError;
use shared::provider::names::SchemaRef;
use shared::provider::schemas::{self, NewSchema};

use super::told::at_either;
use super::{Mode, Outcome, Runner};
use crate::commands::Failed;
use crate::commands::schema::{added, later, removed_json};
use crate::sql::mistake::Mistake;
use crate::sql::statement::{AddSchema, Spot};

/// How the provider speaks of a place that is there already.
const PLACE: &str = "the place of schema ";

impl Runner<'_> {
    pub(super) async fn add_schema(&self, share: &Spot, add: &AddSchema) -> Result<Outcome, Mistake> {
        let text = |spot: &Option<Spot>| spot.as_ref().map(|spot| spot.text.clone());
        let name = SchemaRef::of(&share.text, &add.schema.text).and_then(SchemaRef::reachable);
        let name = name.map_err(at_either(share, &add.schema))?;
        if add.if_not_exists && schemas::show(&self.target.provider, &name).await.is_ok() {
            return Ok(Outcome::nothing(&format!("Schema '{name}' shares a place already")));
        }
        let place = self.target.place(&add.location.text);
        let (place, location) = place.map_err(|why| Mistake::new(add.location.at.clone(), why))?;
        let new = NewSchema {
            name: name.clone(),
            location,
            region: text(&add.region),
            role_arn: text(&add.role),
            external_id: text(&add.external_id),
            history: if add.history { History::SharedFrom(Version::ZERO) } else { History::NotShared },
        };
        let looked = match added(self.target, &place, new).await {
            Ok(looked) => looked,
            Err(Failed::Provider(ProviderError::Exists { what, .. })) if what.starts_with(PLACE) => {
                if add.if_not_exists {
                    return Ok(Outcome::nothing(&format!("Schema '{name}' shares a place already")));
                }
                let why = format!(
                    "schema '{name}' shares a place already; REMOVE SCHEMA takes it away, ADD SCHEMA IF NOT EXISTS leaves \
                     it as it is"
                );
                return Err(Mistake::new(add.schema.at.clone(), why));
            }
            Err(Failed::Said(why) | Failed::Partitions(why)) => return Err(Mistake::new(add.location.at.clone(), why)),
            Err(error) => return Err(at_either(share, &add.schema)(error)),
        };
        let mut text = format!(
            "{} schema '{name}': {} at {}.",
            self.did("Added", "add"),
            looked.summary(),
            looked.schema.location
        );
        let remarks = looked.remarks();
        if !remarks.is_empty() {
            text.push_str(&format!("\n{}", remarks.trim_end()));
        }
        if self.mode == Mode::Real {
            text.push_str(&format!("\n{}", later(self.target, &looked.schema)));
        }
        Ok(Outcome::done(text, changed(looked.to_json())))
    }

    pub(super) async fn remove_schema(&self, share: &Spot, schema: &Spot, if_exists: bool) -> Result<Outcome, Mistake> {
        let name = SchemaRef::of(&share.text, &schema.text).map_err(at_either(share, schema))?;
        match schemas::remove(&self.target.provider, &name).await {
            Ok(removed) => {
                let text = format!(
                    "{} schema '{name}'; the data stays where it is, and so do tables that were added by name{}.",
                    self.did("Removed", "remove"),
                    self.noticed()
                );
                Ok(Outcome::done(text, changed(removed_json(&removed))))
            }
            Err(ProviderError::Missing { what, .. }) if if_exists && what.starts_with("schema ") => {
                Ok(Outcome::nothing(&format!("There is no {what}")))
            }
            Err(error) => Err(at_either(share, schema)(error)),
        }
    }
}

fn changed(json: Value) -> Value {
    match json {
        Value::Object(mut json) => {
            json.insert("changed".into(), true.into());
            Value::Object(json)
        }
        other => json!({"changed": true, "what": other}),
    }
}
