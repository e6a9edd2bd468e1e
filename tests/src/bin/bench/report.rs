//! How figures are summed up and written: medians, and numbers that people can compare.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};

/// The value in the middle; of an even number, the lower of the two.
pub(crate) fn median<T: Ord + Copy + Default>(values: impl IntoIterator<Item = T>) -> T {
    let mut values: Vec<T> = values.into_iter().collect();
    values.sort_unstable();
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or_default()
}

/// `12,345`.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Millions of bytes, with one place.
pub(crate) fn megabytes(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / 1e6)
}

/// Milliseconds, with one place.
pub(crate) fn milliseconds(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1e3)
}

/// `3.4x`: how many times `more` is `less`.
pub(crate) fn times(more: Duration, less: Duration) -> String {
    format!("{:.1}x", ratio(more, less))
}

/// How many times `more` is `less`.
pub(crate) fn ratio(more: Duration, less: Duration) -> f64 {
    more.as_secs_f64() / less.as_secs_f64()
}

/// Says what is measured on.
pub(crate) fn machine() {
    let machine = machine_json();
    let said = |name: &str| machine.get(name).and_then(Value::as_str).unwrap_or("unknown").to_owned();
    let cores = machine.get("cores").and_then(Value::as_u64).unwrap_or_default();
    println!("Machine: {cores} cores, {}; load before the run {}\n", said("processor"), said("load"));
    if cfg!(debug_assertions) {
        println!("This is a debug build: the figures say nothing. `make bench` builds for release.\n");
    }
}

/// What is measured on.
pub(crate) fn machine_json() -> Value {
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let processor = processor.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    json!({
        "cores": std::thread::available_parallelism().map_or(1, usize::from),
        "processor": processor.map_or(std::env::consts::ARCH, |(_, name)| name),
        "load": load.split(' ').next().unwrap_or_default(),
        "debugBuild": cfg!(debug_assertions),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(
            [thousands(0), thousands(999), thousands(1_000), thousands(1_234_567)],
            ["0", "999", "1,000", "1,234,567"]
        );
    }

    #[test]
    fn the_middle_of_three() {
        assert_eq!(median([9, 1, 3]), 3);
        assert_eq!(median([2, 1]), 1);
    }
}
