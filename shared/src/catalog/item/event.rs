//! Items of admin events. An event is one JSON text: nothing asks for its parts, and what it holds may grow.

use super::{Builder, Fields, Item, ItemError, TTL};
use crate::catalog::event::AdminEvent;
use crate::catalog::key::{self, KeyError};
use crate::limits::ADMIN_EVENT_KEPT_SECS;

/// Attribute of an admin event: the event as JSON.
pub const EVENT: &str = "event";

/// An event's item.
///
/// # Errors
/// When it has no key.
pub fn event_item(event: &AdminEvent) -> Result<Item, KeyError> {
    // Texts, numbers and lists of them always have a JSON form.
    let text = serde_json::to_string(event).unwrap_or_default();
    Ok(Builder::new(&key::event_key(event.at, &event.id)?)
        .text(EVENT, &text)
        .number(TTL, event.at.plus_secs(ADMIN_EVENT_KEPT_SECS).millis() / 1000)
        .build())
}

/// Reads an event's item.
///
/// # Errors
/// When it is none that this program knows.
pub fn read_event(item: &Item) -> Result<AdminEvent, ItemError> {
    let fields = Fields::of("admin event", item)?;
    serde_json::from_str(fields.text(EVENT)?).map_err(|_| fields.bad(EVENT))
}
