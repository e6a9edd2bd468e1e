//! Values written as text, in literals, partition values and statistics. Only forms that everyone reads the same way.

use chrono::{DateTime, NaiveDate, NaiveDateTime};

/// `true` or `false`, in any case.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text {
        _ if text.eq_ignore_ascii_case("true") => Some(true),
        _ if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// `2026-01-31`, with exactly these digits, as days since 1970.
pub(super) fn date(text: &str) -> Option<i32> {
    let bytes = text.as_bytes();
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    if bytes.len() != 10 || ![0, 1, 2, 3, 5, 6, 8, 9].into_iter().all(is_digit) {
        return None;
    }
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    i32::try_from(day.signed_duration_since(NaiveDate::default()).num_days()).ok()
}

/// A moment with an offset, as microseconds since 1970. Below a microsecond nothing is understood.
pub(super) fn moment(text: &str) -> Option<i64> {
    let at = DateTime::parse_from_rfc3339(text).ok()?;
    (at.timestamp_subsec_nanos() % 1000 == 0).then_some(at.timestamp_micros())
}

/// `2026-01-31 08:00:00` with or without a fraction: a moment in some time zone, taken for UTC.
pub(super) fn moment_somewhere(text: &str) -> Option<i64> {
    let at = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").ok()?;
    Some(at.and_utc().timestamp_micros())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_have_one_form() {
        assert_eq!([date("1970-01-01"), date("1969-12-31"), date("2000-02-29")], [Some(0), Some(-1), Some(11016)]);
        for bad in ["2021-1-01", "2021-02-30", "+2021-01-01", "2021-01-01 ", "12021-01-01", "20210101", "2021-01-0x"] {
            assert_eq!(date(bad), None, "{bad}");
        }
    }

    #[test]
    fn moments_have_an_offset_or_lie_somewhere() {
        assert_eq!(moment("1970-01-01T00:00:00.000001Z"), Some(1));
        assert_eq!(moment("1969-12-31T16:00:00-08:00"), Some(0));
        assert_eq!(moment_somewhere("1970-01-01 00:00:01.5"), Some(1_500_000));
        for bad in ["1970-01-01", "1970-01-01T00:00:00", "1970-01-01T00:00:00.0000001Z", "now"] {
            assert_eq!((moment(bad), moment_somewhere(bad)), (None, None), "{bad}");
        }
    }
}
