//! The moment and fresh identifiers.

use chrono::{DateTime, Utc};
use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since the epoch.
pub fn millis() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// The moment as a date.
pub fn date() -> DateTime<Utc> {
    DateTime::from_timestamp_millis(i64::try_from(millis()).unwrap_or(0)).unwrap_or_default()
}

/// An identifier in the form of AWS's request ids.
pub fn fresh_id() -> String {
    let mut bytes = [0; 16];
    if getrandom::fill(&mut bytes).is_err() {
        bytes = u128::from(millis()).to_be_bytes();
    }
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}
