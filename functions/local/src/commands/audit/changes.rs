//! What operators changed: who, when, what, and the values before and after.

use serde_json::{Map, Value, json};
use shared::catalog::event::{AdminEvent, Names, Values};
use shared::limits::ADMIN_EVENTS_READ_MAX;
use shared::provider::counted;

use super::{Span, Who, section, span_json};
use crate::commands::answer::{Answer, moment};
use crate::commands::target::Target;
use crate::commands::told;

/// Longest value that is shown, in characters; the rest is for scripts.
const VALUES_SHOWN_CHARS: usize = 80;

/// Reads the changes of some time.
pub(super) async fn answer(target: &Target, span: Span, who: Option<&Who>) -> Result<Answer, String> {
    let changes = target.changes.changes(span.since, span.until).await.map_err(|error| told(error.into()))?;
    let events: Vec<&AdminEvent> =
        changes.events.iter().filter(|event| who.is_none_or(|who| is_about(&event.names, who))).collect();
    let mut text = format!("{} since {}.\n", counted(events.len(), "change"), moment(span.since));
    if !events.is_empty() {
        let rows: Vec<_> = events.iter().map(|event| row(event)).collect();
        text.push_str(&section("Changed", &["WHEN", "WHO", "DID", "TO", "BEFORE", "AFTER"], &rows));
    }
    let mut notes = Vec::new();
    if changes.cut_off {
        notes.push(format!(
            "Cut off: only the last {ADMIN_EVENTS_READ_MAX} changes are read; ask for a shorter time with --since."
        ));
    }
    text.extend(notes.iter().map(|note| format!("\n{note}\n")));
    let mut json: Map<String, Value> =
        span_json(span).into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    json.insert("changes".into(), json!(events));
    json.insert("notes".into(), json!(notes));
    Ok(Answer::new(text, Value::Object(json)))
}

fn is_about(names: &Names, who: &Who) -> bool {
    let by_id = who.id.is_some() && names.recipient_id == who.id;
    let named = names.recipient.as_deref().and_then(|name| shared::model::name::RecipientName::parse(name).ok());
    by_id || (named.is_some() && named == who.name)
}

fn row(event: &AdminEvent) -> Vec<String> {
    vec![
        moment(event.at),
        event.actor.clone(),
        event.act.clone(),
        on(&event.names),
        shown(&event.before),
        shown(&event.after),
    ]
}

/// `sales.eu.orders`, `sales to acme`, `acme`.
fn on(names: &Names) -> String {
    let place: Vec<&str> =
        [&names.share, &names.schema, &names.table].into_iter().filter_map(Option::as_deref).collect();
    let place = place.join(".");
    match names.recipient.as_ref().or(names.recipient_id.as_ref()) {
        Some(recipient) if place.is_empty() => recipient.clone(),
        Some(recipient) => format!("{place} to {recipient}"),
        None => place,
    }
}

/// `status=active`, as long as it may be.
fn shown(values: &Values) -> String {
    let value = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let text = values.iter().map(|(name, found)| format!("{name}={}", value(found))).collect::<Vec<_>>().join(" ");
    if text.is_empty() {
        return "-".into();
    }
    match text.char_indices().nth(VALUES_SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(share: &str, table: Option<&str>, recipient: Option<&str>) -> Names {
        let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Names {
            share: text(share),
            schema: table.map(|_| "d".to_owned()),
            table: table.map(str::to_owned),
            recipient: recipient.map(str::to_owned),
            recipient_id: recipient.map(|name| format!("id of {name}")),
        }
    }

    #[test]
    fn what_was_changed_is_named_as_people_name_it() {
        assert_eq!(on(&names("s", Some("t"), None)), "s.d.t");
        assert_eq!(on(&names("s", None, Some("acme"))), "s to acme");
        assert_eq!(on(&names("", None, Some("acme"))), "acme");
    }

    #[test]
    fn a_recipient_is_found_by_name_whatever_the_case_or_by_id() {
        let name = |text: &str| shared::model::name::RecipientName::parse(text).ok();
        let acme = names("s", None, Some("Acme"));
        assert!(is_about(&acme, &Who { name: name("acme"), id: None }));
        assert!(is_about(&acme, &Who { name: None, id: Some("id of Acme".into()) }));
        assert!(!is_about(&acme, &Who { name: name("other"), id: Some("other".into()) }));
        assert!(!is_about(&names("s", None, None), &Who { name: None, id: None }), "nobody is nobody's");
    }

    #[test]
    fn values_are_shown_as_far_as_they_fit() {
        let Value::Object(values) = json!({"status": "active", "grants": 2}) else { panic!("a map is none") };
        assert_eq!(shown(&values), "grants=2 status=active");
        let Value::Object(values) = json!({"comment": "ä".repeat(100)}) else { panic!("a map is none") };
        assert_eq!(shown(&values).chars().count(), VALUES_SHOWN_CHARS + 1);
        assert_eq!(shown(&Values::new()), "-");
    }
}
