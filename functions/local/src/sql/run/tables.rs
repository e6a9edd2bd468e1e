//! Statements about tables: registered ones, and those of shares.

use std::ops::Range;

use serde_json::json;
use shared::catalog::register::Look;
use shared::model::rule::{PartitionRule, RuleValue};
use shared::model::securable::History;
use shared::model::version::Version;
use shared::provider::names::TableRef;
use shared::provider::registered::{self, NewRegistered};
use shared::provider::tables::{self, NewTable};
use shared::provider::{ProviderError, registered::check_new};

use super::told::{at, at_either};
use super::{Outcome, Runner};
use crate::commands::Failed;
use crate::commands::answer::{full_name, registered_json, table_json};
use crate::commands::table::{Added, Advice, added, readable};
use crate::commands::target::{Looked, Reading};
use crate::glue::{self, GlueName};
use crate::inspect::bucket::Role;
use crate::locations::Place;
use crate::sql::lex::quoted;
use crate::sql::mistake::Mistake;
use crate::sql::statement::{
    AddTable, CreateTable, Partition, PartitionCondition, PartitionValue, SharedName, Spot, TablePlace,
};

/// The schema of a table that names none.
const SCHEMA_DEFAULT: &str = "default";
/// The first part of a name in the AWS Glue Data Catalog.
const GLUE: &str = "glue";

/// What to do when a table does not fit.
const CLAUSES: Advice = Advice { lower: "choose a lower version", anyway: "WITHOUT VALIDATION adds it all the same" };

/// What is added to a share: where it lies, how it is read, and the words that say so.
struct Found {
    place: Place,
    location: String,
    region: Option<String>,
    role_arn: Option<String>,
    external_id: Option<String>,
    comment: Option<String>,
    said: Range<usize>,
}

impl Runner<'_> {
    pub(super) async fn create_table(&self, create: &CreateTable) -> Result<Outcome, Mistake> {
        let text = |spot: &Option<Spot>| spot.as_ref().map(|spot| spot.text.clone());
        let (place, location, said) = self.said_place(&create.place).await?;
        let mut new = NewRegistered {
            name: create.table.text.clone(),
            location,
            region: text(&create.region),
            role_arn: text(&create.role),
            external_id: text(&create.external_id),
            comment: said_text(create.comment.as_ref()),
            look: if create.without_validation { Look::LeftOut } else { Look::Taken },
        };
        match check_new(&self.target.provider, &new).await {
            Ok(_) => {}
            Err(ProviderError::Exists { what, .. }) if create.if_not_exists => {
                return Ok(Outcome::nothing(&format!("There is {what} already")));
            }
            Err(error) => return Err(at(&create.table)(error)),
        }
        let looked = match new.look {
            Look::LeftOut => None,
            Look::Taken => Some(self.looked_at(&place, &new, &said).await?),
        };
        if new.region.is_none() {
            new.region = looked.as_ref().and_then(|looked| looked.region.clone());
        }
        let table = match registered::register(&self.target.provider, new).await {
            Ok(table) => table,
            Err(ProviderError::Exists { what, .. }) if create.if_not_exists => {
                return Ok(Outcome::nothing(&format!("There is {what} already")));
            }
            Err(error) => return Err(at(&create.table)(error)),
        };
        let text = format!("{} table '{}'{}", self.did("Registered", "register"), table.name, seen(looked.as_ref()));
        let json = json!({
            "changed": true,
            "table": registered_json(&table),
            "validation": looked.as_ref().map(|looked| looked.inspection.to_json()),
        });
        Ok(Outcome::done(text, json))
    }

    async fn looked_at(&self, place: &Place, new: &NewRegistered, said: &Range<usize>) -> Result<Looked, Mistake> {
        let role = new.role_arn.clone().map(|arn| Role { arn, external_id: new.external_id.clone() });
        let reading = Reading { auxiliary_locations: &[], region: new.region.as_deref(), endpoint: None, role };
        let wrong = |why| Mistake::new(said.clone(), why);
        let looked = self.target.look_at(place, reading).await.map_err(wrong)?;
        readable(&looked, History::NotShared, &CLAUSES).map_err(wrong)?;
        Ok(looked)
    }

    pub(super) async fn drop_table(&self, table: &Spot, if_exists: bool) -> Result<Outcome, Mistake> {
        match registered::unregister(&self.target.provider, &table.text).await {
            Ok(gone) => {
                let text = format!(
                    "{} table '{}' from the registered ones; shares that hold it keep it, and the data stays where it is.",
                    self.did("Dropped", "drop"),
                    gone.name
                );
                Ok(Outcome::done(text, json!({"changed": true, "table": registered_json(&gone)})))
            }
            Err(ProviderError::Missing { what, .. }) if if_exists => {
                Ok(Outcome::nothing(&format!("There is no {what}")))
            }
            Err(error) => Err(at(table)(error)),
        }
    }

    pub(super) async fn add_table(&self, share: &Spot, add: &AddTable) -> Result<Outcome, Mistake> {
        let (name, said) = self.shared_as(share, add)?;
        let history = match &add.history {
            None => History::NotShared,
            Some(history) => {
                History::SharedFrom(history.from.as_ref().map_or(Version::ZERO, |from| Version::new(from.value)))
            }
        };
        let there = async || tables::find(&self.target.provider, &name).await.map_err(at(&said));
        if add.if_not_exists && there().await?.is_some() {
            return Ok(Outcome::nothing(&format!("There is table '{name}' already")));
        }
        let found = self.found(add).await?;
        let new = NewTable {
            name,
            id: None,
            location: found.location,
            auxiliary_locations: Vec::new(),
            region: found.region,
            endpoint: None,
            role_arn: found.role_arn,
            external_id: found.external_id,
            history,
            partitions: add.partition.as_ref().map(partition_rules).unwrap_or_default(),
            // What is said here counts; what the register says is only for who says nothing.
            comment: if add.comment.is_some() { said_text(add.comment.as_ref()) } else { found.comment },
            look: if add.without_validation { Look::LeftOut } else { Look::Taken },
        };
        let Added { table, looked, .. } = match added(self.target, &found.place, new, &CLAUSES).await {
            Ok(added) => added,
            // Another operator was faster since the look above.
            Err(Failed::Provider(ProviderError::Exists { what, .. })) if add.if_not_exists => {
                return Ok(Outcome::nothing(&format!("There is {what} already")));
            }
            Err(Failed::Partitions(why)) => {
                let said = add.partition.as_ref().map_or(found.said, |partition| partition.at.clone());
                return Err(Mistake::new(said, why));
            }
            Err(Failed::Said(why)) => return Err(Mistake::new(found.said, why)),
            Err(error) => return Err(at_either(share, &said)(error)),
        };
        let text = format!("{} table '{}'{}", self.did("Added", "add"), full_name(&table), seen(looked.as_ref()));
        let json = json!({
            "changed": true,
            "table": table_json(&table),
            "validation": looked.as_ref().map(|looked| looked.inspection.to_json()),
        });
        Ok(Outcome::done(text, json))
    }

    /// Under which name recipients will see it, and where that is said.
    fn shared_as(&self, share: &Spot, add: &AddTable) -> Result<(TableRef, Spot), Mistake> {
        let said = match (&add.alias, add.parts.as_slice()) {
            (Some(alias), _) => alias.clone(),
            (None, [table]) => SharedName { schema: None, table: table.clone() },
            (None, [schema, table]) => SharedName { schema: Some(schema.clone()), table: table.clone() },
            (None, parts) => SharedName { schema: None, table: parts.last().cloned().unwrap_or_else(|| share.clone()) },
        };
        let spot = Spot { text: said.table.text.clone(), at: said.at() };
        let name = named(share, &said, TableRef::new_of)?;
        Ok((name, spot))
    }

    async fn found(&self, add: &AddTable) -> Result<Found, Mistake> {
        let (Some(first), Some(last)) = (add.parts.first(), add.parts.last()) else {
            return Err(Mistake::new(0..0, "no table is named".into()));
        };
        if let Some(location) = &add.location {
            if add.parts.len() > 2 {
                return Err(Mistake::new(
                    first.at.start..last.at.end,
                    "a table of a share is named schema.table".into(),
                ));
            }
            let (place, kept) = self.place(location)?;
            return Ok(Found {
                place,
                location: kept,
                region: None,
                role_arn: None,
                external_id: None,
                comment: None,
                said: location.at.clone(),
            });
        }
        match add.parts.as_slice() {
            [table] => {
                let table_record = registered::show(&self.target.provider, &table.text).await.map_err(at(table))?;
                let wrong = |why| Mistake::new(table.at.clone(), why);
                let place = self.target.recorded_place(&table_record.location).map_err(wrong)?;
                Ok(Found {
                    place,
                    location: table_record.location,
                    region: table_record.region,
                    role_arn: table_record.role_arn,
                    external_id: table_record.external_id,
                    comment: table_record.comment,
                    said: table.at.clone(),
                })
            }
            [glue, database, table] if is_glue(glue) => {
                let said = first.at.start..last.at.end;
                let (place, location) = self.in_glue(database, table, &said).await?;
                Ok(Found { place, location, region: None, role_arn: None, external_id: None, comment: None, said })
            }
            _ => Err(Mistake::new(
                first.at.start..last.at.end,
                format!(
                    "a registered table has a name of one part; to share it under another name, write: ADD TABLE {} AS \
                     schema.table",
                    quoted(&last.text)
                ),
            )),
        }
    }

    pub(super) async fn remove_table(
        &self,
        share: &Spot,
        table: &SharedName,
        if_exists: bool,
    ) -> Result<Outcome, Mistake> {
        let name = named(share, table, TableRef::of)?;
        let spot = Spot { text: table.table.text.clone(), at: table.at() };
        match tables::remove(&self.target.provider, &name).await {
            Ok(gone) => {
                let text = format!(
                    "{} table '{}'; the data stays where it is{}.",
                    self.did("Removed", "remove"),
                    full_name(&gone),
                    self.noticed()
                );
                Ok(Outcome::done(text, json!({"changed": true, "table": table_json(&gone)})))
            }
            Err(ProviderError::Missing { what, .. }) if if_exists && what.starts_with("table ") => {
                Ok(Outcome::nothing(&format!("There is no {what}")))
            }
            Err(error) => Err(at_either(share, &spot)(error)),
        }
    }

    /// Where a table lies, and the words that say so.
    async fn said_place(&self, said: &TablePlace) -> Result<(Place, String, Range<usize>), Mistake> {
        match said {
            TablePlace::Location(location) => {
                let (place, kept) = self.place(location)?;
                Ok((place, kept, location.at.clone()))
            }
            TablePlace::From(parts) => {
                let at = parts.first().map_or(0, |first| first.at.start)..parts.last().map_or(0, |last| last.at.end);
                let [glue, database, table] = parts.as_slice() else { return Err(no_name_in_glue(at)) };
                if !is_glue(glue) {
                    return Err(no_name_in_glue(at));
                }
                let (place, kept) = self.in_glue(database, table, &at).await?;
                Ok((place, kept, at))
            }
        }
    }

    /// Where a table of the AWS Glue Data Catalog lies.
    async fn in_glue(&self, database: &Spot, table: &Spot, said: &Range<usize>) -> Result<(Place, String), Mistake> {
        let glue = self.target.glue().await;
        let name = GlueName::new(&database.text, &table.text);
        let found = glue::located(glue.as_ref(), &name).await;
        let wrong = |why| Mistake::new(said.clone(), why);
        self.target.place(&found.map_err(wrong)?).map_err(wrong)
    }

    fn place(&self, location: &Spot) -> Result<(Place, String), Mistake> {
        self.target.place(&location.text).map_err(|why| Mistake::new(location.at.clone(), why))
    }
}

fn is_glue(part: &Spot) -> bool {
    part.text.eq_ignore_ascii_case(GLUE)
}

fn no_name_in_glue(at: Range<usize>) -> Mistake {
    Mistake::new(at, "a table is taken FROM the AWS Glue Data Catalog by three names: glue.database.table".into())
}

/// The parts of a table's name, checked by `check`.
fn named(
    share: &Spot,
    table: &SharedName,
    check: impl Fn(&str, &str, &str) -> Result<TableRef, ProviderError>,
) -> Result<TableRef, Mistake> {
    let schema = table.schema.as_ref().map_or(SCHEMA_DEFAULT, |schema| &schema.text);
    let spot = Spot { text: table.table.text.clone(), at: table.at() };
    check(&share.text, schema, &table.table.text).map_err(at_either(share, &spot))
}

/// A comment; an empty one is none.
fn said_text(comment: Option<&Spot>) -> Option<String> {
    comment.map(|comment| comment.text.clone()).filter(|text| !text.is_empty())
}

/// What was seen of a table, as the end of a sentence.
fn seen(looked: Option<&Looked>) -> String {
    match looked {
        None => ", without a look at it.".into(),
        Some(looked) => {
            let note = looked.note.as_ref().map(|note| format!("\nNote: {note}.")).unwrap_or_default();
            format!(": {}.{note}", looked.inspection.summary())
        }
    }
}

fn partition_rules(partition: &Partition) -> Vec<PartitionRule> {
    let rule = |condition: &PartitionCondition| PartitionRule {
        column: condition.column.text.clone(),
        value: match &condition.value {
            PartitionValue::Literal(value) => RuleValue::Fixed(value.text.clone()),
            PartitionValue::CurrentRecipient(key) => RuleValue::Property(key.text.clone()),
        },
    };
    partition.conditions.iter().map(rule).collect()
}
