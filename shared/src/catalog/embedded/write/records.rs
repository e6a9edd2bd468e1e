//! Entries of a catalogue document as the records that a provider sees, and back.

use crate::catalog::document::{
    ActivationEntry, EntryStatus, PlaceEntry, RecipientEntry, ShareEntry, TableEntry, TokenEntry,
};
use crate::catalog::register::Look;
use crate::catalog::rules::{self, RecipientRulesEntry};
use crate::catalog::write::{
    ActivationRecord, GrantRecord, Origin, RecipientRecord, SchemaRecord, ShareRecord, Status, TableRecord,
    TokenRecord, WriteError,
};
use crate::model::name::{NameError, RecipientName, SchemaName, ShareName, TableName};
use crate::model::rule::Window;
use crate::model::securable::History;
use crate::model::version::{TimestampMs, Version};

/// Hex digits of a token's hash that stand for its id where the document has none.
const ID_DIGITS: usize = 12;

pub(super) fn name<T>(
    text: &str,
    kind: &str,
    parse: impl FnOnce(&str) -> Result<T, NameError>,
) -> Result<T, WriteError> {
    parse(text).map_err(|error| WriteError::Refused(format!("the {kind} name '{text}' in the catalogue {error}")))
}

pub(super) fn moment(text: Option<&String>, what: &str) -> Result<Option<TimestampMs>, WriteError> {
    text.map(|text| {
        TimestampMs::parse(text).ok_or_else(|| {
            WriteError::Refused(format!("{what} '{text}' in the catalogue is not ISO 8601 with an offset"))
        })
    })
    .transpose()
}

pub(super) fn iso(at: Option<TimestampMs>) -> Option<String> {
    at.map(TimestampMs::to_iso)
}

fn status(status: EntryStatus) -> Status {
    match status {
        EntryStatus::Active => Status::Active,
        EntryStatus::Disabled => Status::Disabled,
    }
}

pub(super) fn entry_status(status: Status) -> EntryStatus {
    match status {
        Status::Active => EntryStatus::Active,
        Status::Disabled => EntryStatus::Disabled,
    }
}

pub(super) fn share_record(entry: &ShareEntry) -> Result<ShareRecord, WriteError> {
    Ok(ShareRecord {
        name: name(&entry.name, "share", ShareName::parse)?,
        id: entry.id.clone(),
        comment: entry.comment.clone(),
        created_at: moment(entry.created_at.as_ref(), "a share's creation")?,
    })
}

pub(super) fn share_entry(share: &ShareRecord) -> ShareEntry {
    ShareEntry {
        name: share.name.as_str().to_owned(),
        id: share.id.clone(),
        comment: share.comment.clone(),
        created_at: iso(share.created_at),
        schemas: Vec::new(),
    }
}

pub(super) fn table_record(share: &str, schema: &str, entry: &TableEntry) -> Result<TableRecord, WriteError> {
    let history =
        if entry.history_shared { History::SharedFrom(Version::new(entry.start_version)) } else { History::NotShared };
    Ok(TableRecord {
        share: name(share, "share", ShareName::parse)?,
        schema: name(schema, "schema", SchemaName::parse)?,
        name: name(&entry.name, "table", TableName::parse)?,
        id: entry.id.clone(),
        location: entry.location.clone(),
        auxiliary_locations: entry.auxiliary_locations.clone(),
        region: entry.region.clone(),
        endpoint: entry.endpoint.clone(),
        role_arn: entry.role_arn.clone(),
        external_id: entry.external_id.clone(),
        history,
        partitions: rules::partition_rules(&entry.partitions).map_err(WriteError::Refused)?,
        comment: entry.comment.clone(),
        origin: if entry.found { Origin::Found } else { Origin::Named },
        look: entry.validated.map(|validated| if validated { Look::Taken } else { Look::LeftOut }),
        created_at: moment(entry.created_at.as_ref(), "a table's creation")?,
    })
}

pub(super) fn table_entry(table: &TableRecord) -> TableEntry {
    let (history_shared, start_version) = match table.history {
        History::NotShared => (false, 0),
        History::SharedFrom(version) => (true, version.number()),
    };
    TableEntry {
        name: table.name.as_str().to_owned(),
        id: table.id.clone(),
        location: table.location.clone(),
        auxiliary_locations: table.auxiliary_locations.clone(),
        history_shared,
        start_version,
        partitions: rules::partition_entries(&table.partitions),
        region: table.region.clone(),
        endpoint: table.endpoint.clone(),
        role_arn: table.role_arn.clone(),
        external_id: table.external_id.clone(),
        comment: table.comment.clone(),
        found: table.origin == Origin::Found,
        validated: table.look.map(|look| look == Look::Taken),
        created_at: iso(table.created_at),
    }
}

pub(super) fn schema_record(share: &str, schema: &str, place: &PlaceEntry) -> Result<SchemaRecord, WriteError> {
    Ok(SchemaRecord {
        share: name(share, "share", ShareName::parse)?,
        name: name(schema, "schema", SchemaName::parse)?,
        location: place.location.clone(),
        region: place.region.clone(),
        role_arn: place.role_arn.clone(),
        external_id: place.external_id.clone(),
        history: if place.history_shared { History::SharedFrom(Version::ZERO) } else { History::NotShared },
        created_at: moment(place.created_at.as_ref(), "a schema's creation")?,
    })
}

pub(super) fn place_entry(schema: &SchemaRecord) -> PlaceEntry {
    PlaceEntry {
        location: schema.location.clone(),
        history_shared: schema.history != History::NotShared,
        region: schema.region.clone(),
        role_arn: schema.role_arn.clone(),
        external_id: schema.external_id.clone(),
        created_at: iso(schema.created_at),
    }
}

pub(super) fn recipient_record(entry: &RecipientEntry) -> Result<RecipientRecord, WriteError> {
    Ok(RecipientRecord {
        name: name(&entry.name, "recipient", RecipientName::parse)?,
        id: entry.id.clone(),
        comment: entry.comment.clone(),
        status: status(entry.status),
        rules: entry.rules.rules().map_err(WriteError::Refused)?,
        created_at: moment(entry.created_at.as_ref(), "a recipient's creation")?,
    })
}

pub(super) fn recipient_entry(recipient: &RecipientRecord) -> RecipientEntry {
    RecipientEntry {
        name: recipient.name.as_str().to_owned(),
        id: recipient.id.clone(),
        status: entry_status(recipient.status),
        comment: recipient.comment.clone(),
        rules: RecipientRulesEntry::from(&recipient.rules),
        created_at: iso(recipient.created_at),
        ..RecipientEntry::default()
    }
}

/// A token's id; one that was written without is known by the beginning of its hash.
pub(super) fn token_id(entry: &TokenEntry) -> String {
    entry.id.clone().unwrap_or_else(|| entry.sha256.chars().take(ID_DIGITS).collect())
}

fn token_record(recipient_id: &str, entry: &TokenEntry) -> Result<TokenRecord, WriteError> {
    Ok(TokenRecord {
        id: token_id(entry),
        recipient_id: recipient_id.to_owned(),
        hash: entry.sha256.clone(),
        key_id: entry.key_id,
        not_before: moment(entry.not_before.as_ref(), "a token's beginning")?,
        expires_at: moment(entry.expires.as_ref(), "a token's end")?,
        status: status(entry.status),
        created_at: moment(entry.created_at.as_ref(), "a token's creation")?,
    })
}

/// A recipient's tokens, oldest first.
pub(super) fn tokens_of(entry: &RecipientEntry) -> Result<Vec<TokenRecord>, WriteError> {
    let tokens = entry.tokens.iter().map(|token| token_record(&entry.id, token));
    let mut tokens = tokens.collect::<Result<Vec<_>, _>>()?;
    tokens.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
    Ok(tokens)
}

pub(super) fn token_entry(token: &TokenRecord) -> TokenEntry {
    TokenEntry {
        sha256: token.hash.clone(),
        expires: iso(token.expires_at),
        id: Some(token.id.clone()),
        not_before: iso(token.not_before),
        status: entry_status(token.status),
        created_at: iso(token.created_at),
        key_id: token.key_id,
    }
}

pub(super) fn activation_entry(link: &ActivationRecord) -> ActivationEntry {
    ActivationEntry {
        sha256: link.hash.clone(),
        recipient_id: link.recipient_id.clone(),
        token_id: link.token_id.clone(),
        sealed: link.sealed.clone(),
        expires: link.expires_at.to_iso(),
        used_at: None,
        created_at: iso(link.created_at),
    }
}

fn window_of(recipient: &RecipientEntry, share_id: &str) -> Result<Window, WriteError> {
    let window = recipient.grant_windows.get(share_id).map(|entry| entry.window()).transpose();
    Ok(window.map_err(WriteError::Refused)?.unwrap_or_default())
}

pub(super) fn grant_record(recipient: &RecipientEntry, share: &ShareEntry) -> Result<GrantRecord, WriteError> {
    Ok(GrantRecord {
        share: name(&share.name, "share", ShareName::parse)?,
        share_id: share.id.clone(),
        recipient: name(&recipient.name, "recipient", RecipientName::parse)?,
        recipient_id: recipient.id.clone(),
        window: window_of(recipient, &share.id)?,
        granted_at: moment(recipient.granted_at.get(&share.id), "a grant's moment")?,
    })
}
