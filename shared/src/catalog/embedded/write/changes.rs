//! The changes themselves, on a catalogue document: each leaves a document that a server can read, or with an error the
//! document as it was.

use super::records::{
    activation_entry, grant_record, recipient_entry, recipient_record, share_record, table_entry, table_record,
    token_entry, token_id, tokens_of as recipients_tokens,
};
use crate::catalog::document::{CatalogDocument, RecipientEntry, SchemaEntry, ShareEntry};
use crate::catalog::event::Deed;
use crate::catalog::write::{ActivationRecord, Deletion, RecipientRecord, TableRecord, TokenRecord, WriteError};
use crate::catalog::{auxiliary, reach, rules};
use crate::limits::{TOKEN_KEPT_AFTER_END_SECS, TOKENS_PER_RECIPIENT_MAX};
use crate::model::name::{RecipientName, SchemaName, ShareName, TableName};
use crate::model::rule::{RecipientRules, Window};
use crate::model::version::TimestampMs;

pub(super) fn share_text(name: &ShareName) -> String {
    format!("share '{name}'")
}

pub(super) fn recipient_text(name: &RecipientName) -> String {
    format!("recipient '{name}'")
}

/// Whether a name in a document is this one. Names in ASCII, which most are, fold to their lower case: they need not be
/// read to be compared.
fn is_named(text: &str, folded: &str, read: impl FnOnce() -> bool) -> bool {
    if text.is_ascii() { text.eq_ignore_ascii_case(folded) } else { read() }
}

pub(super) fn is_share(entry: &ShareEntry, name: &ShareName) -> bool {
    is_named(&entry.name, name.folded(), || ShareName::parse(&entry.name).is_ok_and(|found| found == *name))
}

pub(super) fn is_schema(entry: &SchemaEntry, name: &SchemaName) -> bool {
    is_named(&entry.name, name.folded(), || SchemaName::parse(&entry.name).is_ok_and(|found| found == *name))
}

pub(super) fn is_table(text: &str, name: &TableName) -> bool {
    is_named(text, name.folded(), || TableName::parse(text).is_ok_and(|found| found == *name))
}

pub(super) fn is_recipient(entry: &RecipientEntry, name: &RecipientName) -> bool {
    is_named(&entry.name, name.folded(), || RecipientName::parse(&entry.name).is_ok_and(|found| found == *name))
}

pub(super) fn share_of<'a>(
    document: &'a mut CatalogDocument,
    name: &ShareName,
) -> Result<&'a mut ShareEntry, WriteError> {
    let found = document.shares.iter_mut().find(|entry| is_share(entry, name));
    found.ok_or_else(|| WriteError::Missing { what: share_text(name) })
}

pub(super) fn recipient_of<'a>(
    document: &'a mut CatalogDocument,
    name: &RecipientName,
) -> Result<&'a mut RecipientEntry, WriteError> {
    let found = document.recipients.iter_mut().find(|entry| is_recipient(entry, name));
    found.ok_or_else(|| WriteError::Missing { what: recipient_text(name) })
}

pub(super) fn tables_of(share: &ShareEntry) -> Result<Vec<TableRecord>, WriteError> {
    let mut tables = share
        .schemas
        .iter()
        .flat_map(|schema| schema.tables.iter().map(|table| table_record(&share.name, &schema.name, table)))
        .collect::<Result<Vec<_>, _>>()?;
    let order = |table: &TableRecord| format!("{}/{}", table.schema.folded(), table.name.folded());
    tables.sort_by_cached_key(order);
    Ok(tables)
}

pub(super) fn table_of(
    share: &ShareEntry,
    schema: &SchemaName,
    name: &TableName,
) -> Result<Option<TableRecord>, WriteError> {
    let schemas = share.schemas.iter().filter(|entry| is_schema(entry, schema));
    let mut found = schemas.flat_map(|schema| schema.tables.iter().map(move |table| (schema, table)));
    let table = found.find(|(_, table)| is_table(&table.name, name));
    table.map(|(schema, table)| table_record(&share.name, &schema.name, table)).transpose()
}

/// What the server could not read must not get into the file.
fn checked(table: &TableRecord) -> Result<(), WriteError> {
    reach::of(table).map_err(WriteError::Refused)?;
    auxiliary::check(&table.location, &table.auxiliary_locations).map_err(WriteError::Refused)?;
    rules::check_partitions(&table.partitions).map_err(WriteError::Refused)?;
    checked_location(&table.location)
}

pub(super) fn checked_location(location: &str) -> Result<(), WriteError> {
    let refused = |text: &str| Err(WriteError::Refused(text.into()));
    match location.split_once(":/") {
        _ if location.is_empty() => refused("the location is empty"),
        Some((scheme, _)) if !["s3", "s3a", "s3n", "file"].contains(&scheme) && !scheme.contains('/') => {
            refused("the location is s3://bucket/prefix, file:///folder, or a path")
        }
        _ => Ok(()),
    }
}

pub(super) fn add_table(document: &mut CatalogDocument, table: &TableRecord) -> Result<Deed, WriteError> {
    checked(table)?;
    let what = || format!("table '{}.{}.{}'", table.share, table.schema, table.name);
    let share = share_of(document, &table.share)?;
    let at = share.schemas.iter().position(|entry| is_schema(entry, &table.schema)).unwrap_or_else(|| {
        share.schemas.push(SchemaEntry { name: table.schema.as_str().to_owned(), ..SchemaEntry::default() });
        share.schemas.len() - 1
    });
    let Some(schema) = share.schemas.get_mut(at) else { return Err(WriteError::Conflict { what: what() }) };
    if schema.tables.iter().any(|entry| is_table(&entry.name, &table.name)) {
        return Err(WriteError::Exists { what: what() });
    }
    schema.tables.push(table_entry(table));
    Ok(Deed::add_table(table))
}

pub(super) fn remove_table(
    document: &mut CatalogDocument,
    share: &ShareName,
    schema: &SchemaName,
    name: &TableName,
) -> Result<Deed, WriteError> {
    let entry = share_of(document, share)?;
    let own = entry.schemas.iter().filter(|entry| is_schema(entry, schema));
    let mut tables = own.flat_map(|own| own.tables.iter().map(move |table| (&own.name, table)));
    let Some((of_schema, table)) = tables.find(|(_, table)| is_table(&table.name, name)) else {
        return Err(WriteError::Missing { what: format!("table '{share}.{schema}.{name}'") });
    };
    let deed = Deed::remove_table(&table_record(&entry.name, of_schema, table)?);
    for own in entry.schemas.iter_mut().filter(|entry| is_schema(entry, schema)) {
        own.tables.retain(|table| !is_table(&table.name, name));
    }
    entry.schemas.retain(|own| !own.tables.is_empty() || own.place.is_some() || !is_schema(own, schema));
    Ok(deed)
}

pub(super) fn delete_share(
    document: &mut CatalogDocument,
    name: &ShareName,
    deletion: Deletion,
) -> Result<Deed, WriteError> {
    let share = share_record(share_of(document, name)?)?;
    let id = share.id.clone();
    let grants = document.recipients.iter().filter(|recipient| recipient.grants.contains(&id)).count();
    if deletion == Deletion::OnlyIfUnused && grants > 0 {
        let plural = if grants == 1 { "" } else { "s" };
        return Err(WriteError::InUse { what: share_text(name), by: format!("{grants} grant{plural}") });
    }
    document.shares.retain(|entry| !is_share(entry, name));
    for recipient in &mut document.recipients {
        recipient.grants.retain(|grant| *grant != id);
        recipient.granted_at.remove(&id);
        recipient.grant_windows.remove(&id);
    }
    Ok(Deed::delete_share(&share, grants as u64))
}

pub(super) fn create_recipient(
    document: &mut CatalogDocument,
    recipient: &RecipientRecord,
    token: &TokenRecord,
) -> Result<Deed, WriteError> {
    if token.recipient_id != recipient.id {
        return Err(WriteError::Refused("the token belongs to another recipient".into()));
    }
    rules::check_recipient(&recipient.rules).map_err(WriteError::Refused)?;
    if document.recipients.iter().any(|entry| is_recipient(entry, &recipient.name) || entry.id == recipient.id) {
        return Err(WriteError::Exists { what: recipient_text(&recipient.name) });
    }
    document.recipients.push(RecipientEntry { tokens: vec![token_entry(token)], ..recipient_entry(recipient) });
    Ok(Deed::create_recipient(recipient, token))
}

pub(super) fn rotate_token(
    document: &mut CatalogDocument,
    token: &TokenRecord,
    others_end_at: TimestampMs,
) -> Result<Deed, WriteError> {
    let found = document.recipients.iter_mut().find(|entry| entry.id == token.recipient_id);
    let entry = found.ok_or_else(|| WriteError::Missing { what: "recipient of that id".into() })?;
    if entry.tokens.iter().any(|other| token_id(other) == token.id) {
        return Err(WriteError::Exists { what: "a token of that id".into() });
    }
    if entry.tokens.len() >= TOKENS_PER_RECIPIENT_MAX {
        return Err(WriteError::Refused(format!(
            "recipient '{}' has {} tokens, and no recipient may have more; delete it and create it anew",
            entry.name,
            entry.tokens.len()
        )));
    }
    let deed = Deed::rotate_token(&recipient_record(entry)?, &recipients_tokens(entry)?, token, others_end_at);
    end_tokens(entry, others_end_at);
    entry.tokens.push(token_entry(token));
    Ok(deed)
}

pub(super) fn add_activation(document: &mut CatalogDocument, link: &ActivationRecord) -> Result<Deed, WriteError> {
    if document.activations.iter().any(|entry| entry.sha256 == link.hash) {
        return Err(WriteError::Exists { what: "a link of that code".into() });
    }
    // Links that ended long ago go, as DynamoDB removes them by itself.
    if let Some(now) = link.created_at {
        let kept = |end: TimestampMs| now < end.plus_secs(TOKEN_KEPT_AFTER_END_SECS);
        document.activations.retain(|entry| TimestampMs::parse(&entry.expires).is_none_or(kept));
    }
    document.activations.push(activation_entry(link));
    Ok(Deed::make_link(link))
}

pub(super) fn end_tokens(recipient: &mut RecipientEntry, at: TimestampMs) {
    for token in &mut recipient.tokens {
        let end = token.expires.as_deref().and_then(TimestampMs::parse);
        if end.is_none_or(|end| end > at) {
            token.expires = Some(at.to_iso());
        }
    }
}

pub(super) fn grant(
    document: &mut CatalogDocument,
    share: &ShareName,
    recipient: &RecipientName,
    window: Window,
    at: TimestampMs,
) -> Result<Deed, WriteError> {
    rules::check_window(window).map_err(WriteError::Refused)?;
    let granted = share_of(document, share)?.clone();
    let id = granted.id.clone();
    let entry = recipient_of(document, recipient)?;
    if entry.grants.contains(&id) {
        return Err(WriteError::Exists { what: grant_text(share, recipient) });
    }
    entry.granted_at.insert(id.clone(), at.to_iso());
    if !window.is_always() {
        entry.grant_windows.insert(id.clone(), window.into());
    }
    entry.grants.push(id);
    Ok(Deed::grant(&grant_record(entry, &granted)?))
}

fn grant_text(share: &ShareName, recipient: &RecipientName) -> String {
    format!("grant of {} to {}", share_text(share), recipient_text(recipient))
}

pub(super) fn set_grant_window(
    document: &mut CatalogDocument,
    share: &ShareName,
    recipient: &RecipientName,
    window: Window,
) -> Result<Deed, WriteError> {
    rules::check_window(window).map_err(WriteError::Refused)?;
    let granted = share_of(document, share)?.clone();
    let id = granted.id.clone();
    let entry = recipient_of(document, recipient)?;
    if !entry.grants.contains(&id) {
        return Err(WriteError::Missing { what: grant_text(share, recipient) });
    }
    let deed = Deed::set_window(&grant_record(entry, &granted)?, window);
    if window.is_always() {
        entry.grant_windows.remove(&id);
    } else {
        entry.grant_windows.insert(id, window.into());
    }
    Ok(deed)
}

pub(super) fn revoke(
    document: &mut CatalogDocument,
    share: &ShareName,
    recipient: &RecipientName,
) -> Result<Deed, WriteError> {
    let granted = share_of(document, share)?.clone();
    let id = granted.id.clone();
    let entry = recipient_of(document, recipient)?;
    if !entry.grants.contains(&id) {
        return Err(WriteError::Missing { what: grant_text(share, recipient) });
    }
    let deed = Deed::revoke(&grant_record(entry, &granted)?);
    entry.grants.retain(|grant| *grant != id);
    entry.granted_at.remove(&id);
    entry.grant_windows.remove(&id);
    Ok(deed)
}

pub(super) fn set_rules(
    document: &mut CatalogDocument,
    name: &RecipientName,
    rules: &RecipientRules,
) -> Result<Deed, WriteError> {
    rules::check_recipient(rules).map_err(WriteError::Refused)?;
    let entry = recipient_of(document, name)?;
    let deed = Deed::set_rules(&recipient_record(entry)?, rules);
    entry.rules = rules.into();
    Ok(deed)
}
