//! Rules as every catalogue keeps them, and what they must be to be kept. What is read is checked as strictly as what is
//! written: a rule that this program cannot apply is none that it may overlook.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::limits::{
    IP_LIST_POLICY_CHARS_MAX, IP_NETWORKS_MAX, PARTITION_RULES_MAX, RECIPIENT_PROPERTIES_MAX, RULE_TEXT_CHARS_MAX,
};
use crate::model::network::Network;
use crate::model::rule::{AccessList, PartitionRule, RecipientRules, RuleValue, Window};
use crate::model::version::TimestampMs;

/// What Hive calls the folder of null, which no value of a partition is.
const HIVE_NULL: &str = "__HIVE_DEFAULT_PARTITION__";

/// A recipient's rules.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecipientRulesEntry {
    /// Values that partition rules ask for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: BTreeMap<String, String>,
    /// Networks that it may come from, in CIDR notation; all the world without one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ip_access_list: Vec<String>,
    /// Whether URLs of files may be used from elsewhere.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ip_access_api_only: bool,
}

/// A partition rule: a column, and either a value or the property that holds it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PartitionEntry {
    /// The partition column.
    pub column: String,
    /// The value that its files must have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The recipient's property that says the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub property: Option<String>,
}

/// When a grant is good; ISO 8601 texts with an offset.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WindowEntry {
    /// Before this moment it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// From this moment on it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

impl From<&RecipientRules> for RecipientRulesEntry {
    fn from(rules: &RecipientRules) -> Self {
        Self {
            properties: rules.properties.clone(),
            ip_access_list: rules.access.networks.iter().map(ToString::to_string).collect(),
            ip_access_api_only: rules.access.api_only,
        }
    }
}

impl RecipientRulesEntry {
    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The rules.
    ///
    /// # Errors
    /// A sentence about the first that cannot be kept.
    pub fn rules(&self) -> Result<RecipientRules, String> {
        let networks = self.ip_access_list.iter().map(|text| Network::parse(text)).collect::<Result<_, _>>()?;
        let access = AccessList { networks, api_only: self.ip_access_api_only };
        let rules = RecipientRules { properties: self.properties.clone(), access };
        check_recipient(&rules)?;
        Ok(rules)
    }
}

impl From<&PartitionRule> for PartitionEntry {
    fn from(rule: &PartitionRule) -> Self {
        let (value, property) = match &rule.value {
            RuleValue::Fixed(value) => (Some(value.clone()), None),
            RuleValue::Property(key) => (None, Some(key.clone())),
        };
        Self { column: rule.column.clone(), value, property }
    }
}

/// Partition rules from their entries.
///
/// # Errors
/// A sentence about the first that cannot be kept.
pub fn partition_rules(entries: &[PartitionEntry]) -> Result<Vec<PartitionRule>, String> {
    let rule = |entry: &PartitionEntry| {
        let value = match (&entry.value, &entry.property) {
            (Some(value), None) => RuleValue::Fixed(value.clone()),
            (None, Some(key)) => RuleValue::Property(key.clone()),
            _ => return Err(format!("the partition rule of column '{}' needs a value or a property", entry.column)),
        };
        Ok(PartitionRule { column: entry.column.clone(), value })
    };
    let rules: Vec<_> = entries.iter().map(rule).collect::<Result<_, _>>()?;
    check_partitions(&rules)?;
    Ok(rules)
}

/// The entries of partition rules.
pub fn partition_entries(rules: &[PartitionRule]) -> Vec<PartitionEntry> {
    rules.iter().map(PartitionEntry::from).collect()
}

impl From<Window> for WindowEntry {
    fn from(window: Window) -> Self {
        Self { from: window.from.map(TimestampMs::to_iso), until: window.until.map(TimestampMs::to_iso) }
    }
}

impl WindowEntry {
    /// The window.
    ///
    /// # Errors
    /// A sentence about what is no moment, or about a window that no moment is in.
    pub fn window(&self) -> Result<Window, String> {
        let moment = |text: &Option<String>| {
            let parse = |text: &String| {
                TimestampMs::parse(text).ok_or_else(|| format!("'{text}' is not ISO 8601 with an offset"))
            };
            text.as_ref().map(parse).transpose()
        };
        let window = Window { from: moment(&self.from)?, until: moment(&self.until)? };
        check_window(window)?;
        Ok(window)
    }
}

/// Checks when a grant is to be good.
///
/// # Errors
/// A sentence about a window that no moment is in.
pub fn check_window(window: Window) -> Result<(), String> {
    match (window.from, window.until) {
        (Some(from), Some(until)) if until <= from => {
            Err(format!("a grant that begins at {from} cannot end at {until}, which is no later"))
        }
        _ => Ok(()),
    }
}

/// Checks what is said of a recipient.
///
/// # Errors
/// A sentence about the first rule that cannot be kept.
pub fn check_recipient(rules: &RecipientRules) -> Result<(), String> {
    if rules.properties.len() > RECIPIENT_PROPERTIES_MAX {
        return Err(format!("a recipient has at most {RECIPIENT_PROPERTIES_MAX} properties"));
    }
    for (key, value) in &rules.properties {
        check_text("the name of a property", key)?;
        check_value(&format!("the value of property '{}'", crate::model::shorten(key)), value)?;
    }
    let AccessList { networks, api_only } = &rules.access;
    if networks.len() > IP_NETWORKS_MAX {
        return Err(format!("an IP access list has at most {IP_NETWORKS_MAX} networks"));
    }
    if networks.is_empty() && *api_only {
        return Err("there is no IP access list that could be for the API only; name a network".into());
    }
    // With its quotes and the comma.
    let chars: usize = networks.iter().map(|network| network.to_string().len() + 3).sum();
    if !api_only && chars > IP_LIST_POLICY_CHARS_MAX {
        return Err(format!(
            "the IP access list has {chars} characters, and file URLs can be bound to {IP_LIST_POLICY_CHARS_MAX}; name fewer or \
             larger networks, or check the list at the API only (then file URLs work from anywhere until they end)"
        ));
    }
    Ok(())
}

/// Checks the partition rules of a table as far as that can be done without the table.
///
/// # Errors
/// A sentence about the first rule that cannot be kept.
pub fn check_partitions(rules: &[PartitionRule]) -> Result<(), String> {
    if rules.len() > PARTITION_RULES_MAX {
        return Err(format!("a table has at most {PARTITION_RULES_MAX} partition rules"));
    }
    let mut columns = BTreeSet::new();
    for rule in rules {
        check_text("the column of a partition rule", &rule.column)?;
        match &rule.value {
            RuleValue::Fixed(value) => check_value(&format!("the value of partition column '{}'", rule.column), value)?,
            RuleValue::Property(key) => check_text("the name of a property", key)?,
        }
        if !columns.insert(rule.column.to_lowercase()) {
            return Err(format!("the partition column '{}' has two rules, and can have one value only", rule.column));
        }
    }
    Ok(())
}

fn check_text(what: &str, text: &str) -> Result<(), String> {
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err(format!("{what} is empty or has control characters"));
    }
    if text.chars().count() > RULE_TEXT_CHARS_MAX {
        return Err(format!("{what} has more than {RULE_TEXT_CHARS_MAX} characters"));
    }
    Ok(())
}

/// A value that some partition can have: null and the empty text, which is null to Delta, equal nothing.
fn check_value(what: &str, value: &str) -> Result<(), String> {
    if value == HIVE_NULL {
        return Err(format!("{what} stands for null, which equals nothing"));
    }
    check_text(what, value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(column: &str, value: Option<&str>, property: Option<&str>) -> PartitionEntry {
        PartitionEntry { column: column.into(), value: value.map(str::to_owned), property: property.map(str::to_owned) }
    }

    #[test]
    fn partition_rules_survive_and_bad_ones_are_refused() {
        let entries = vec![entry("region", None, Some("r")), entry("day", Some("2026-01-31"), None)];
        let rules = partition_rules(&entries).unwrap();
        assert_eq!(partition_entries(&rules), entries);
        for (bad, why) in [
            (entry("c", None, None), "needs a value or a property"),
            (entry("c", Some("x"), Some("y")), "needs a value or a property"),
            (entry("", Some("x"), None), "is empty"),
            (entry("c", Some(""), None), "is empty"),
            (entry("c", None, Some("")), "is empty"),
            (entry("c", Some("a\nb"), None), "control characters"),
            (entry("c", Some(HIVE_NULL), None), "stands for null"),
            (entry("REGION", Some("x"), None), "has two rules"),
            (entry(&"c".repeat(RULE_TEXT_CHARS_MAX + 1), Some("x"), None), "more than"),
        ] {
            let text = partition_rules(&[entry("region", None, Some("r")), bad]).unwrap_err();
            assert!(text.contains(why), "{text}");
        }
        let many: Vec<_> = (0..=PARTITION_RULES_MAX).map(|at| entry(&at.to_string(), Some("x"), None)).collect();
        assert!(partition_rules(&many).is_err() && partition_rules(&many[1..]).is_ok());
        assert!(serde_json::from_str::<PartitionEntry>(r#"{"column":"c","value":"x","not":true}"#).is_err());
    }

    #[test]
    fn what_is_said_of_a_recipient_survives_and_has_bounds() {
        let list = |count: u32| (0..count).map(|at| format!("10.{}.{}.0/24", at / 256, at % 256)).collect::<Vec<_>>();
        let mut entry = RecipientRulesEntry { ip_access_list: list(3), ..Default::default() };
        entry.properties.insert("region".into(), "EU".into());
        assert_eq!(RecipientRulesEntry::from(&entry.rules().unwrap()), entry);
        entry.ip_access_list = list(100);
        assert!(entry.rules().unwrap_err().contains("at the API only"));
        entry.ip_access_api_only = true;
        assert_eq!(entry.rules().unwrap().access.networks.len(), 100);
        entry.ip_access_list = list(101);
        assert!(entry.rules().unwrap_err().contains("at most 100"));
        entry.ip_access_list.clear();
        assert!(entry.rules().is_err());
        entry.ip_access_api_only = false;
        assert!(entry.rules().is_ok());
        entry.properties.insert("empty".into(), String::new());
        assert!(entry.rules().unwrap_err().contains("'empty'"));
        entry.properties = (0..=RECIPIENT_PROPERTIES_MAX).map(|at| (at.to_string(), "x".into())).collect();
        assert!(entry.rules().is_err());
    }

    #[test]
    fn a_window_survives_and_has_a_moment_in_it() {
        let at = TimestampMs::new;
        let window = Window { from: Some(at(1000)), until: Some(at(1001)) };
        assert_eq!(WindowEntry::from(window).window(), Ok(window));
        let window = Window { from: Some(at(1000)), until: Some(at(1000)) };
        assert!(WindowEntry::from(window).window().unwrap_err().contains("no later"));
        let entry = WindowEntry { from: Some("yesterday".into()), until: None };
        assert!(entry.window().unwrap_err().contains("ISO 8601"));
    }
}
