//! `SHOW` and `DESCRIBE`: what is there, as rows.

use serde_json::{Value, json};
use shared::catalog::register::Look;
use shared::catalog::write::{GrantRecord, Origin, SchemaRecord, TableRecord};
use shared::model::version::TimestampMs;
use shared::provider::names::TableRef;
use shared::provider::{recipients, registered, schemas, shares, tables};

use super::told::{at, at_either};
use super::{Outcome, Rows, Runner};
use crate::commands::answer::{
    columns, grant_json, history_words, moment_or_dash, recipient_json, registered_json, schema_json, share_json,
    status_word, table_json, token_json,
};
use crate::commands::rules::{facts_of, partition_words, window_words};
use crate::sql::lex::quoted;
use crate::sql::mistake::Mistake;
use crate::sql::statement::{Describe, Show, Spot};

/// In the place of a table's name.
const EVERY_TABLE: &str = "*";

/// How a moment is written: for people, or for scripts.
type Moment = fn(Option<TimestampMs>) -> String;

/// A list: for people with moments that read well, for scripts with moments that sort.
fn listed(
    headings: &'static [&'static str],
    empty: String,
    json: Value,
    rows: impl Fn(Moment) -> Vec<Vec<String>>,
) -> Outcome {
    let iso: Moment = |at| at.map_or_else(String::new, TimestampMs::to_iso);
    let text = match rows(moment_or_dash) {
        rows if rows.is_empty() => format!("{empty}\n"),
        rows => {
            let upper: Vec<String> = headings.iter().map(|heading| heading.to_uppercase()).collect();
            columns(&upper.iter().map(String::as_str).collect::<Vec<_>>(), &rows)
        }
    };
    Outcome { text, json, rows: Some(Rows { headings, rows: rows(iso) }), is_told_once: false }
}

/// Properties of one thing. In the text those that are not there are left out.
fn described(json: Value, facts: impl Fn(Moment) -> Vec<(&'static str, String)>) -> Outcome {
    let rows = |moment: Moment| {
        let facts = facts(moment).into_iter();
        facts.map(|(property, value)| vec![property.to_owned(), value]).collect::<Vec<_>>()
    };
    listed(&["property", "value"], String::new(), json, |moment| {
        rows(moment)
            .into_iter()
            .filter(|row| row.last().is_some_and(|value| !value.is_empty() && value != "-"))
            .collect()
    })
}

fn all<T>(records: &[T], of: impl Fn(&T) -> Value) -> Vec<Value> {
    records.iter().map(of).collect()
}

impl Runner<'_> {
    pub(super) async fn show(&self, show: &Show) -> Result<Outcome, Mistake> {
        match show {
            Show::Shares => self.show_shares().await,
            Show::AllInShare(share) => self.show_share(share).await,
            Show::Recipients => self.show_recipients().await,
            Show::GrantsOn(share) => {
                let detail = shares::show(&self.target.provider, &share.text).await.map_err(at(share))?;
                let empty = format!("Nobody may read share '{}'.", detail.share.name);
                Ok(grants(&["recipient", "granted", "from", "until"], empty, &detail.grants, |grant| {
                    grant.recipient.to_string()
                }))
            }
            Show::GrantsTo(recipient) => {
                let detail = recipients::show(&self.target.provider, &recipient.text).await.map_err(at(recipient))?;
                let empty = format!("Recipient '{}' may read nothing.", detail.recipient.name);
                Ok(grants(&["share", "granted", "from", "until"], empty, &detail.grants, |grant| {
                    grant.share.to_string()
                }))
            }
            Show::Tables => self.show_tables().await,
        }
    }

    async fn show_shares(&self) -> Result<Outcome, Mistake> {
        let found = shares::list(&self.target.provider).await.map_err(nowhere)?;
        let empty = "There are no shares yet. CREATE SHARE makes one.".into();
        Ok(listed(&["share", "created", "comment"], empty, json!({"shares": all(&found, share_json)}), |moment| {
            found
                .iter()
                .map(|share| {
                    let comment = share.comment.clone().unwrap_or_default();
                    vec![share.name.to_string(), moment(share.created_at), comment]
                })
                .collect()
        }))
    }

    async fn show_share(&self, share: &Spot) -> Result<Outcome, Mistake> {
        let found = tables::list(&self.target.provider, Some(&share.text)).await.map_err(at(share))?;
        let places = schemas::list(&self.target.provider, Some(&share.text)).await.map_err(at(share))?;
        let empty = format!(
            "Nothing is in share '{0}'. ALTER SHARE {1} ADD TABLE adds a table.",
            share.text,
            quoted(&share.text)
        );
        let json = json!({"tables": all(&found, table_json), "schemas": all(&places, schema_json)});
        Ok(listed(&["schema", "table", "history", "location", "validated", "comment"], empty, json, |_| {
            let row = |table: &TableRecord| {
                vec![
                    table.schema.to_string(),
                    table.name.to_string(),
                    history_words(table.history),
                    table.location.clone(),
                    validated(table.look).to_owned(),
                    table.comment.clone().unwrap_or_default(),
                ]
            };
            let place = |schema: &SchemaRecord| {
                let (name, history) = (schema.name.to_string(), history_words(schema.history));
                let what = "every table in this place".to_owned();
                vec![name, EVERY_TABLE.to_owned(), history, schema.location.clone(), String::new(), what]
            };
            places.iter().map(place).chain(found.iter().map(row)).collect()
        }))
    }

    async fn show_recipients(&self) -> Result<Outcome, Mistake> {
        let found = recipients::list(&self.target.provider).await.map_err(nowhere)?;
        let empty = "There are no recipients yet. CREATE RECIPIENT makes one.".into();
        let json = json!({"recipients": all(&found, recipient_json)});
        Ok(listed(&["recipient", "status", "created", "comment"], empty, json, |moment| {
            found
                .iter()
                .map(|recipient| {
                    let status = status_word(recipient.status).to_owned();
                    let comment = recipient.comment.clone().unwrap_or_default();
                    vec![recipient.name.to_string(), status, moment(recipient.created_at), comment]
                })
                .collect()
        }))
    }

    async fn show_tables(&self) -> Result<Outcome, Mistake> {
        let found = registered::list(&self.target.provider).await.map_err(nowhere)?;
        let empty = "No tables are registered. CREATE TABLE … USING DELTA LOCATION '…' registers one.".into();
        let json = json!({"tables": all(&found, registered_json)});
        Ok(listed(&["table", "location", "validated", "created", "comment"], empty, json, |moment| {
            found
                .iter()
                .map(|table| {
                    vec![
                        table.name.to_string(),
                        table.location.clone(),
                        validated(Some(table.look)).to_owned(),
                        moment(table.created_at),
                        table.comment.clone().unwrap_or_default(),
                    ]
                })
                .collect()
        }))
    }

    pub(super) async fn describe(&self, describe: &Describe) -> Result<Outcome, Mistake> {
        match describe {
            Describe::Share(share) => self.describe_share(share).await,
            Describe::Recipient(recipient) => self.describe_recipient(recipient).await,
            Describe::Table(parts) => self.describe_table(parts).await,
        }
    }

    async fn describe_share(&self, share: &Spot) -> Result<Outcome, Mistake> {
        let detail = shares::show(&self.target.provider, &share.text).await.map_err(at(share))?;
        let share = &detail.share;
        let json = json!({
            "share": share_json(share),
            "tables": all(&detail.tables, table_json),
            "grants": all(&detail.grants, grant_json),
        });
        Ok(described(json, |moment| {
            let names: Vec<String> = detail.grants.iter().map(|grant| grant.recipient.to_string()).collect();
            vec![
                ("share", share.name.to_string()),
                ("id", share.id.clone()),
                ("comment", share.comment.clone().unwrap_or_default()),
                ("created", moment(share.created_at)),
                ("tables", detail.tables.len().to_string()),
                ("recipients", names.join(", ")),
            ]
        }))
    }

    async fn describe_recipient(&self, recipient: &Spot) -> Result<Outcome, Mistake> {
        let detail = recipients::show(&self.target.provider, &recipient.text).await.map_err(at(recipient))?;
        let (recipient, now) = (&detail.recipient, self.target.provider.now());
        let json = json!({
            "recipient": recipient_json(recipient),
            "tokens": all(&detail.tokens, token_json),
            "grants": all(&detail.grants, grant_json),
        });
        Ok(described(json, |moment| {
            let mut facts = vec![
                ("recipient", recipient.name.to_string()),
                ("id", recipient.id.clone()),
                ("status", status_word(recipient.status).to_owned()),
                ("comment", recipient.comment.clone().unwrap_or_default()),
                ("created", moment(recipient.created_at)),
            ];
            facts.extend(facts_of(&recipient.rules).map(|(name, value)| (name, value.unwrap_or_default())));
            facts.extend(detail.tokens.iter().map(|token| {
                let state = match token.expires_at {
                    Some(end) if end <= now => format!("ended {}", moment(Some(end))),
                    Some(end) => format!("{} until {}", status_word(token.status), moment(Some(end))),
                    None => format!("{} without an end", status_word(token.status)),
                };
                ("token", format!("{} {state}", token.id))
            }));
            facts.extend(detail.grants.iter().map(|grant| {
                let when = window_words(grant.window).map(|words| format!(" {words}")).unwrap_or_default();
                ("share", format!("{}{when}", grant.share))
            }));
            facts
        }))
    }

    async fn describe_table(&self, parts: &[Spot]) -> Result<Outcome, Mistake> {
        let provider = &self.target.provider;
        match parts {
            [table] => {
                let record = registered::show(provider, &table.text).await.map_err(at(table))?;
                Ok(described(json!({"table": registered_json(&record)}), |moment| {
                    vec![
                        ("table", record.name.to_string()),
                        ("location", record.location.clone()),
                        ("region", record.region.clone().unwrap_or_default()),
                        ("role", record.role_arn.clone().unwrap_or_default()),
                        ("external id", record.external_id.clone().unwrap_or_default()),
                        ("comment", record.comment.clone().unwrap_or_default()),
                        ("validated", validated(Some(record.look)).to_owned()),
                        ("registered", moment(record.created_at)),
                    ]
                }))
            }
            [share, schema, table] => {
                let rest = Spot { text: table.text.clone(), at: schema.at.start..table.at.end };
                let name = TableRef::of(&share.text, &schema.text, &table.text).map_err(at(&rest))?;
                let record = tables::show(provider, &name).await.map_err(at_either(share, &rest))?;
                Ok(described(json!({"table": table_json(&record)}), |moment| {
                    vec![
                        ("table", format!("{}.{}.{}", record.share, record.schema, record.name)),
                        ("id", record.id.clone()),
                        ("location", record.location.clone()),
                        ("auxiliary", record.auxiliary_locations.join(", ")),
                        ("history", history_words(record.history)),
                        ("partitions", partition_words(&record.partitions).unwrap_or_default()),
                        ("region", record.region.clone().unwrap_or_default()),
                        ("endpoint", record.endpoint.clone().unwrap_or_default()),
                        ("role", record.role_arn.clone().unwrap_or_default()),
                        ("external id", record.external_id.clone().unwrap_or_default()),
                        ("comment", record.comment.clone().unwrap_or_default()),
                        ("validated", validated(record.look).to_owned()),
                        ("found", if record.origin == Origin::Found { "in the schema's place" } else { "" }.to_owned()),
                        ("added", moment(record.created_at)),
                    ]
                }))
            }
            _ => {
                let at = parts.first().map_or(0, |first| first.at.start)..parts.last().map_or(0, |last| last.at.end);
                Err(Mistake::new(at, "name a registered table, or share.schema.table".into()))
            }
        }
    }
}

/// Whether a table was looked at; nothing where that is not known.
fn validated(look: Option<Look>) -> &'static str {
    match look {
        Some(Look::Taken) => "yes",
        Some(Look::LeftOut) => "no",
        None => "",
    }
}

fn grants(
    headings: &'static [&'static str],
    empty: String,
    found: &[GrantRecord],
    name: impl Fn(&GrantRecord) -> String,
) -> Outcome {
    let json = json!({"grants": all(found, grant_json)});
    listed(headings, empty, json, |moment| {
        let row = |grant: &GrantRecord| {
            vec![name(grant), moment(grant.granted_at), moment(grant.window.from), moment(grant.window.until)]
        };
        found.iter().map(row).collect()
    })
}

/// The catalogue itself is at fault, no name.
fn nowhere(error: shared::provider::ProviderError) -> Mistake {
    Mistake::new(0..0, crate::commands::told(error))
}
