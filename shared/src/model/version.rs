//! Table versions and moments: non-negative numbers and milliseconds, and how a recipient may write them.

use std::fmt;

use chrono::DateTime;

/// A version of a Delta table, 0 or more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(u64);

impl Version {
    /// The first version of any table.
    pub const ZERO: Self = Self(0);

    /// A version; any number that a commit's file name can carry.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The version after this one.
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A moment, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimestampMs(i64);

impl TimestampMs {
    /// A moment from its milliseconds.
    pub const fn new(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// This moment plus (or minus) some seconds.
    pub const fn plus_secs(self, secs: i64) -> Self {
        Self(self.0.saturating_add(secs.saturating_mul(1000)))
    }

    /// The last whole second at or before this moment.
    pub const fn whole_secs(self) -> Self {
        Self(self.0 - self.0.rem_euclid(1000))
    }

    /// Reads an ISO 8601 moment with an offset, such as `2026-01-31T08:00:00Z` (protocol: "Timestamp"). Fractions below
    /// a millisecond are dropped. A date alone or a time without offset is not a moment.
    pub fn parse(text: &str) -> Option<Self> {
        DateTime::parse_from_rfc3339(text).ok().map(|at| Self(at.timestamp_millis()))
    }

    /// `2026-01-31T08:00:00.000Z`.
    pub fn to_iso(self) -> String {
        DateTime::from_timestamp_millis(self.0)
            .map(|at| at.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
            .unwrap_or_default()
    }

    /// `20260131T080000Z`, the form that Signature Version 4 uses; the first eight characters are the day.
    pub fn to_amz(self) -> String {
        DateTime::from_timestamp_millis(self.0).map(|at| at.format("%Y%m%dT%H%M%SZ").to_string()).unwrap_or_default()
    }
}

impl fmt::Display for TimestampMs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_iso())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_need_an_offset() {
        assert_eq!(TimestampMs::parse("1970-01-01T00:00:01Z"), Some(TimestampMs::new(1000)));
        assert_eq!(TimestampMs::parse("1970-01-01T01:00:00.5+01:00"), Some(TimestampMs::new(500)));
        for bad in ["2021-01-01", "2021-01-01T00:00:00", "abc", ""] {
            assert_eq!(TimestampMs::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn shown_as_iso_and_amz() {
        let at = TimestampMs::new(1_767_225_600_123);
        assert_eq!(at.to_iso(), "2026-01-01T00:00:00.123Z");
        assert_eq!(at.to_amz(), "20260101T000000Z");
    }
}
