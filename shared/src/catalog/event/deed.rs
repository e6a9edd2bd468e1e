//! What is told of each change: its name, what it was done to, and the values before and after. Every catalogue takes its
//! deeds from here. No token, no hash, no external id and nothing sealed is a value; long texts are cut.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::catalog::register::RegisteredTable;
use crate::catalog::rules::{RecipientRulesEntry, WindowEntry, partition_entries};
use crate::catalog::write::{
    ActivationRecord, GrantRecord, RecipientRecord, SchemaRecord, ShareRecord, Status, TableRecord, TokenRecord,
};
use crate::limits::ADMIN_EVENT_TEXT_CHARS_MAX;
use crate::model::rule::{RecipientRules, Window};
use crate::model::securable::History;
use crate::model::version::TimestampMs;

/// Values by what they are called.
pub type Values = Map<String, Value>;

/// What a change was done to, as it was spelt.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Names {
    /// The share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<String>,
    /// The schema.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// The table; without a share a registered one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// The recipient's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipient: Option<String>,
    /// The recipient's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipient_id: Option<String>,
}

/// A change, without who made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deed {
    pub(super) act: &'static str,
    pub(super) names: Names,
    pub(super) before: Values,
    pub(super) after: Values,
}

/// Values that are there, with texts no longer than they may be.
fn values<const N: usize>(pairs: [(&str, Value); N]) -> Values {
    let there = pairs.into_iter().filter(|(_, value)| !value.is_null());
    there.map(|(name, value)| (name.to_owned(), cut(value))).collect()
}

fn cut(value: Value) -> Value {
    match value {
        Value::String(text) if text.chars().count() > ADMIN_EVENT_TEXT_CHARS_MAX => {
            let kept: String = text.chars().take(ADMIN_EVENT_TEXT_CHARS_MAX).collect();
            Value::String(kept + "…")
        }
        Value::Array(values) => Value::Array(values.into_iter().map(cut).collect()),
        Value::Object(values) => Value::Object(values.into_iter().map(|(name, value)| (name, cut(value))).collect()),
        other => other,
    }
}

/// What is left out of a list or map that has nothing in it.
fn unless_empty(value: Value) -> Value {
    let empty = value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(Map::is_empty);
    if empty { Value::Null } else { value }
}

fn iso(at: Option<TimestampMs>) -> Value {
    at.map_or(Value::Null, |at| Value::String(at.to_iso()))
}

/// Values of a form that has a JSON form; texts and numbers always have.
fn entry(value: impl Serialize) -> Value {
    unless_empty(serde_json::to_value(value).unwrap_or_default())
}

fn status_word(status: Status) -> &'static str {
    match status {
        Status::Active => "active",
        Status::Disabled => "disabled",
    }
}

fn of_share(share: &ShareRecord) -> Names {
    Names { share: Some(share.name.as_str().to_owned()), ..Names::default() }
}

fn of_recipient(recipient: &RecipientRecord) -> Names {
    let (recipient, recipient_id) = (Some(recipient.name.as_str().to_owned()), Some(recipient.id.clone()));
    Names { recipient, recipient_id, ..Names::default() }
}

fn of_table(table: &TableRecord) -> Names {
    let text = |text: &str| Some(text.to_owned());
    let (share, schema, table) = (text(table.share.as_str()), text(table.schema.as_str()), text(table.name.as_str()));
    Names { share, schema, table, ..Names::default() }
}

fn of_schema(schema: &SchemaRecord) -> Names {
    let text = |text: &str| Some(text.to_owned());
    Names { share: text(schema.share.as_str()), schema: text(schema.name.as_str()), ..Names::default() }
}

fn of_registered(table: &RegisteredTable) -> Names {
    Names { table: Some(table.name.as_str().to_owned()), ..Names::default() }
}

fn of_grant(grant: &GrantRecord) -> Names {
    let text = |text: &str| Some(text.to_owned());
    let (recipient, recipient_id) = (text(grant.recipient.as_str()), Some(grant.recipient_id.clone()));
    Names { share: text(grant.share.as_str()), recipient, recipient_id, ..Names::default() }
}

fn share_values(share: &ShareRecord) -> Values {
    values([("id", json!(share.id)), ("comment", json!(share.comment))])
}

fn first_version(history: History) -> Value {
    match history {
        History::NotShared => Value::Null,
        History::SharedFrom(version) => json!(version.number()),
    }
}

fn schema_values(schema: &SchemaRecord) -> Values {
    values([
        ("location", json!(schema.location)),
        ("region", json!(schema.region)),
        ("roleArn", json!(schema.role_arn)),
        ("historyFromVersion", first_version(schema.history)),
    ])
}

fn table_values(table: &TableRecord) -> Values {
    values([
        ("id", json!(table.id)),
        ("location", json!(table.location)),
        ("auxiliaryLocations", entry(&table.auxiliary_locations)),
        ("region", json!(table.region)),
        ("endpoint", json!(table.endpoint)),
        ("roleArn", json!(table.role_arn)),
        ("historyFromVersion", first_version(table.history)),
        ("comment", json!(table.comment)),
        ("partitions", entry(partition_entries(&table.partitions))),
    ])
}

fn registered_values(table: &RegisteredTable) -> Values {
    values([("location", json!(table.location)), ("region", json!(table.region)), ("roleArn", json!(table.role_arn))])
}

fn rule_values(rules: &RecipientRules) -> Value {
    entry(RecipientRulesEntry::from(rules))
}

fn recipient_values(recipient: &RecipientRecord) -> Values {
    values([
        ("id", json!(recipient.id)),
        ("comment", json!(recipient.comment)),
        ("status", json!(status_word(recipient.status))),
        ("rules", rule_values(&recipient.rules)),
    ])
}

/// Tokens by their public parts, with their ends.
fn token_values(tokens: &[TokenRecord]) -> Value {
    let token = |token: &TokenRecord| Value::Object(values([("id", json!(token.id)), ("end", iso(token.expires_at))]));
    unless_empty(tokens.iter().map(token).collect())
}

impl Deed {
    fn new(act: &'static str, names: Names) -> Self {
        Self { act, names, before: Values::new(), after: Values::new() }
    }

    fn was(self, before: Values) -> Self {
        Self { before, ..self }
    }

    fn now(self, after: Values) -> Self {
        Self { after, ..self }
    }

    /// A share was created.
    pub fn create_share(share: &ShareRecord) -> Self {
        Self::new("create share", of_share(share)).now(share_values(share))
    }

    /// A share was given another comment.
    pub fn comment_share(before: &ShareRecord, comment: Option<&str>) -> Self {
        Self::new("comment share", of_share(before))
            .was(values([("comment", json!(before.comment))]))
            .now(values([("comment", json!(comment))]))
    }

    /// A share was deleted, with everything in it and so many grants.
    pub fn delete_share(before: &ShareRecord, grants: u64) -> Self {
        let mut values = share_values(before);
        values.insert("grants".into(), json!(grants));
        Self::new("delete share", of_share(before)).was(values)
    }

    /// A table was added to a share.
    pub fn add_table(table: &TableRecord) -> Self {
        Self::new("add table", of_table(table)).now(table_values(table))
    }

    /// A table was taken out of its share.
    pub fn remove_table(before: &TableRecord) -> Self {
        Self::new("remove table", of_table(before)).was(table_values(before))
    }

    /// A schema was given a place, whose tables it shares.
    pub fn locate_schema(schema: &SchemaRecord) -> Self {
        Self::new("locate schema", of_schema(schema)).now(schema_values(schema))
    }

    /// A schema's place was taken away.
    pub fn unlocate_schema(before: &SchemaRecord) -> Self {
        Self::new("unlocate schema", of_schema(before)).was(schema_values(before))
    }

    /// A table was registered.
    pub fn register_table(table: &RegisteredTable) -> Self {
        Self::new("register table", of_registered(table)).now(registered_values(table))
    }

    /// A registered table was forgotten.
    pub fn unregister_table(before: &RegisteredTable) -> Self {
        Self::new("unregister table", of_registered(before)).was(registered_values(before))
    }

    /// A recipient was created with its first token.
    pub fn create_recipient(recipient: &RecipientRecord, token: &TokenRecord) -> Self {
        let mut after = recipient_values(recipient);
        after.extend(values([("tokens", token_values(std::slice::from_ref(token)))]));
        Self::new("create recipient", of_recipient(recipient)).now(after)
    }

    /// A recipient was made active or disabled.
    pub fn set_status(before: &RecipientRecord, status: Status) -> Self {
        let act = match status {
            Status::Active => "enable recipient",
            Status::Disabled => "disable recipient",
        };
        let value = |status| values([("status", json!(status_word(status)))]);
        Self::new(act, of_recipient(before)).was(value(before.status)).now(value(status))
    }

    /// A recipient was given other rules.
    pub fn set_rules(before: &RecipientRecord, rules: &RecipientRules) -> Self {
        let value = |rules| values([("rules", rule_values(rules))]);
        Self::new("set rules", of_recipient(before)).was(value(&before.rules)).now(value(rules))
    }

    /// A recipient was deleted, with its tokens and grants.
    pub fn delete_recipient(before: &RecipientRecord) -> Self {
        Self::new("delete recipient", of_recipient(before)).was(recipient_values(before))
    }

    /// A recipient was given another token, beside which those that it had end.
    pub fn rotate_token(
        recipient: &RecipientRecord,
        others: &[TokenRecord],
        token: &TokenRecord,
        others_end_at: TimestampMs,
    ) -> Self {
        let tokens = token_values(std::slice::from_ref(token));
        Self::new("rotate token", of_recipient(recipient))
            .was(values([("tokens", token_values(others))]))
            .now(values([("tokens", tokens), ("othersEndAt", iso(Some(others_end_at)))]))
    }

    /// Every token of a recipient was ended.
    pub fn end_tokens(recipient: &RecipientRecord, tokens: &[TokenRecord], at: TimestampMs) -> Self {
        Self::new("end tokens", of_recipient(recipient))
            .was(values([("tokens", token_values(tokens))]))
            .now(values([("tokensEndAt", iso(Some(at)))]))
    }

    /// A link was made that hands a token over; its recipient may not be there yet.
    pub fn make_link(link: &ActivationRecord) -> Self {
        let names = Names { recipient_id: Some(link.recipient_id.clone()), ..Names::default() };
        let after = values([("token", json!(link.token_id)), ("end", iso(Some(link.expires_at)))]);
        Self::new("make link", names).now(after)
    }

    /// A recipient was granted a share.
    pub fn grant(grant: &GrantRecord) -> Self {
        Self::new("grant", of_grant(grant)).now(values([("window", entry(WindowEntry::from(grant.window)))]))
    }

    /// A grant was made good at another time.
    pub fn set_window(before: &GrantRecord, window: Window) -> Self {
        let value = |window| values([("window", entry(WindowEntry::from(window)))]);
        Self::new("set window", of_grant(before)).was(value(before.window)).now(value(window))
    }

    /// A grant was taken back.
    pub fn revoke(before: &GrantRecord) -> Self {
        let window = entry(WindowEntry::from(before.window));
        Self::new("revoke", of_grant(before)).was(values([("grantedAt", iso(before.granted_at)), ("window", window)]))
    }
}
