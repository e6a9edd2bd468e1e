//! Rules as options of commands say them, and as people and scripts are shown them.

use serde_json::{Value, json};
use shared::catalog::rules::{RecipientRulesEntry, partition_entries};
use shared::model::network::Network;
use shared::model::rule::{PartitionRule, RecipientRules, RuleValue, Window};
use shared::model::version::TimestampMs;

use super::answer::moment;

/// Reads a moment.
pub(crate) fn at(text: &str) -> Result<TimestampMs, String> {
    TimestampMs::parse(text)
        .ok_or_else(|| "write a moment as ISO 8601 with an offset, such as 2026-12-31T00:00:00Z".to_owned())
}

/// Reads `COLUMN=VALUE`, or `COLUMN=@KEY` for what the recipient's property says; `@@` begins a value with one `@`.
pub(crate) fn partition(text: &str) -> Result<PartitionRule, String> {
    let (column, value) = pair(text)?;
    let value = match value.strip_prefix('@') {
        Some(at) if at.starts_with('@') => RuleValue::Fixed(at.to_owned()),
        Some(key) => RuleValue::Property(key.to_owned()),
        None => RuleValue::Fixed(value),
    };
    Ok(PartitionRule { column, value })
}

/// Reads `KEY=VALUE`.
pub(crate) fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write a name, an equals sign and a value".into()),
    }
}

/// Reads a network.
pub(crate) fn network(text: &str) -> Result<Network, String> {
    Network::parse(text)
}

/// When a grant is good; nothing for always.
pub(crate) fn window_words(window: Window) -> Option<String> {
    match (window.from.map(moment), window.until.map(moment)) {
        (None, None) => None,
        (Some(from), None) => Some(format!("from {from}")),
        (None, Some(until)) => Some(format!("until {until}")),
        (Some(from), Some(until)) => Some(format!("from {from} until {until}")),
    }
}

/// When a grant is good, for scripts.
pub(crate) fn window_json(window: Window) -> Value {
    json!({"from": window.from.map(TimestampMs::to_iso), "until": window.until.map(TimestampMs::to_iso)})
}

/// The partitions that recipients may read; nothing for all.
pub(crate) fn partition_words(rules: &[PartitionRule]) -> Option<String> {
    let words: Vec<String> = rules.iter().map(ToString::to_string).collect();
    (!words.is_empty()).then(|| words.join(", "))
}

/// What is said of a recipient.
pub(crate) fn facts_of(rules: &RecipientRules) -> [(&'static str, Option<String>); 2] {
    let properties: Vec<String> = rules.properties.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let networks: Vec<String> = rules.access.networks.iter().map(ToString::to_string).collect();
    let only = if rules.access.api_only { " (API only: file URLs work from anywhere)" } else { "" };
    [
        ("properties", (!properties.is_empty()).then(|| properties.join(", "))),
        ("may come from", (!networks.is_empty()).then(|| format!("{}{only}", networks.join(", ")))),
    ]
}

/// What is said of a recipient, for scripts.
pub(super) fn rules_json(rules: &RecipientRules) -> Value {
    json!(RecipientRulesEntry::from(rules))
}

/// Partition rules for scripts.
pub(super) fn partitions_json(rules: &[PartitionRule]) -> Value {
    json!(partition_entries(rules))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_is_a_value_or_a_property() {
        let rule = |value| Ok(PartitionRule { column: "c".into(), value });
        assert_eq!(partition("c=x=y"), rule(RuleValue::Fixed("x=y".into())));
        assert_eq!(partition("c=@key"), rule(RuleValue::Property("key".into())));
        assert_eq!(partition("c=@@x"), rule(RuleValue::Fixed("@x".into())));
        for bad in ["c", "=x", ""] {
            assert!(partition(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn windows_and_partitions_for_people() {
        let window = Window { from: Some(at("2026-01-01T01:00:00+01:00").unwrap()), until: None };
        assert_eq!(window_words(window).as_deref(), Some("from 2026-01-01 00:00 UTC"));
        assert_eq!((window_words(Window::default()), partition_words(&[])), (None, None));
        assert_eq!(partition_words(&[partition("c=x").unwrap()]).as_deref(), Some("c = 'x'"));
        assert!(at("2026-01-01").is_err());
    }
}
