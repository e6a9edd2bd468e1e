//! Rules that narrow what a recipient may read: from when to when, from where, and which partitions of a table. A rule
//! that cannot be applied lets nothing through.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use super::network::Network;
use super::version::TimestampMs;

/// When a grant is good; without ends it always is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Window {
    /// Before this moment it is not.
    pub from: Option<TimestampMs>,
    /// From this moment on it is not.
    pub until: Option<TimestampMs>,
}

impl Window {
    /// Whether a moment is in it.
    pub fn holds(self, now: TimestampMs) -> bool {
        self.from.is_none_or(|from| from <= now) && self.until.is_none_or(|until| now < until)
    }

    /// Whether it has no end on either side.
    pub fn is_always(self) -> bool {
        self == Self::default()
    }
}

/// One column of a partition rule: recipients see the files whose partition has this value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionRule {
    /// The partition column's logical name, in any case.
    pub column: String,
    /// The value.
    pub value: RuleValue,
}

/// What a partition column is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleValue {
    /// The same for everybody.
    Fixed(String),
    /// What the recipient's property of this name says; a recipient without it reads nothing of the table.
    Property(String),
}

impl fmt::Display for PartitionRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            RuleValue::Fixed(value) => write!(f, "{} = '{}'", self.column, value.replace('\'', "''")),
            RuleValue::Property(key) => {
                write!(f, "{} = CURRENT_RECIPIENT('{}')", self.column, key.replace('\'', "''"))
            }
        }
    }
}

/// A column and the value that one recipient is bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionValue<'a> {
    /// The partition column's logical name, in any case.
    pub column: &'a str,
    /// The value, in the form that partition values have in a log.
    pub value: &'a str,
}

/// What a recipient's provider says of it beside its name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecipientRules {
    /// Values that partition rules ask for.
    pub properties: BTreeMap<String, String>,
    /// Where it may come from.
    pub access: AccessList,
}

impl RecipientRules {
    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What these partition rules come to for the recipient.
    ///
    /// # Errors
    /// The name of a property that the recipient does not have.
    pub fn partition_values<'a>(&'a self, rules: &'a [PartitionRule]) -> Result<Vec<PartitionValue<'a>>, &'a str> {
        let value = |rule: &'a PartitionRule| {
            let value = match &rule.value {
                RuleValue::Fixed(value) => value,
                RuleValue::Property(key) => self.properties.get(key).ok_or(key.as_str())?,
            };
            Ok(PartitionValue { column: &rule.column, value })
        };
        rules.iter().map(value).collect()
    }
}

/// The networks that a recipient may come from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AccessList {
    /// The networks; without any, all the world.
    pub networks: Vec<Network>,
    /// Whether the list is for this server alone: URLs of files can then be used from anywhere.
    pub api_only: bool,
}

impl AccessList {
    /// Whether a request from there may be answered. Where a list is and the address is not known, it may not.
    pub fn admits(&self, address: Option<IpAddr>) -> bool {
        self.networks.is_empty()
            || address.is_some_and(|address| self.networks.iter().any(|network| network.holds(address)))
    }

    /// The networks from which URLs of files may be used; none means all the world.
    pub fn of_urls(&self) -> &[Network] {
        if self.api_only { &[] } else { &self.networks }
    }
}

/// What goes with a table that a recipient was granted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Terms {
    /// When the grant is good.
    pub window: Window,
    /// Which partitions it is for; all without a rule.
    pub partitions: Vec<PartitionRule>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_begins_with_its_first_moment_and_ends_before_its_last() {
        let at = TimestampMs::new;
        let window = Window { from: Some(at(5)), until: Some(at(9)) };
        assert_eq!([4, 5, 8, 9].map(|now| window.holds(at(now))), [false, true, true, false]);
        assert!(Window::default().holds(at(i64::MIN)) && Window::default().is_always() && !window.is_always());
    }

    #[test]
    fn a_property_that_is_missing_is_named() {
        let rule = |value| PartitionRule { column: "c".into(), value };
        let rules = [rule(RuleValue::Fixed("x".into())), rule(RuleValue::Property("Region".into()))];
        let mut of = RecipientRules::default();
        assert_eq!(of.partition_values(&rules), Err("Region"));
        of.properties.insert("region".into(), "EU".into());
        assert_eq!(of.partition_values(&rules), Err("Region"), "names of properties are compared with their case");
        of.properties.insert("Region".into(), "EU".into());
        let values: Vec<_> = of.partition_values(&rules).unwrap().iter().map(|value| value.value).collect();
        assert_eq!(values, ["x", "EU"]);
        assert_eq!(rules[1].to_string(), "c = CURRENT_RECIPIENT('Region')");
        assert_eq!(rule(RuleValue::Fixed("it's".into())).to_string(), "c = 'it''s'");
    }

    #[test]
    fn a_list_admits_only_known_addresses_in_it() {
        let here = "203.0.113.9".parse().unwrap();
        let mut list = AccessList::default();
        assert!(list.admits(None) && list.admits(Some(here)));
        list.networks = vec![Network::parse("10.0.0.0/8").unwrap()];
        assert!(!list.admits(None) && !list.admits(Some(here)) && list.admits("10.9.9.9".parse().ok()));
        assert_eq!(list.of_urls(), list.networks);
        list.api_only = true;
        assert!(list.of_urls().is_empty() && !list.admits(Some(here)));
    }
}
