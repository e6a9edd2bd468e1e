//! The fields of a query's body, each with the types that clients are known to write it in.

use serde_json::Value;

use crate::error::Error;
use crate::model::shorten;

/// A whole number, also as text or with a fraction of nothing.
pub(super) fn whole_number(field: &str, value: Option<&Value>) -> Result<Option<i64>, Error> {
    /// Fields that the protocol makes 32 bits wide.
    const NARROW: [&str; 1] = ["maxFiles"];
    let number = match value {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Number(number)) => number.as_i64().or_else(|| whole(number.as_f64()?)),
        Some(Value::String(text)) => text.trim().parse().ok(),
        Some(_) => None,
    };
    match number {
        Some(number) if !NARROW.contains(&field) || i32::try_from(number).is_ok() => Ok(Some(number)),
        Some(_) => Err(Error::MalformedRequest(format!("{field}: Not an int32 value"))),
        None => Err(Error::MalformedRequest(format!(
            "{field}: Not a numeric value: {}",
            shorten(&value.map(Value::to_string).unwrap_or_default())
        ))),
    }
}

/// `3.0` and `1e3` are whole numbers in JSON's own terms.
fn whole(number: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "checked to be whole and within the exact range")]
    (number.fract() == 0.0 && number.abs() <= EXACT).then_some(number as i64)
}

/// Text; empty text is absence.
pub(super) fn text(field: &str, value: Option<&Value>) -> Result<Option<String>, Error> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Error::MalformedRequest(format!("{field} must be a string."))),
    }
}

/// A truth value, also as text.
pub(super) fn flag(field: &str, value: Option<&Value>) -> Result<bool, Error> {
    match value {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(value)) => Ok(*value),
        Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => Ok(true),
        Some(Value::String(text)) if text.eq_ignore_ascii_case("false") => Ok(false),
        Some(_) => Err(Error::MalformedRequest(format!("{field} must be true or false."))),
    }
}
