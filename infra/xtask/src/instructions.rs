//! How many instructions and allocations the hottest paths take, counted by valgrind and compared with the counts that
//! `tests/benches/instructions.json` records. Unlike times, counts are the same on a busy machine.
//!
//! A path runs twice, one time longer than the other; the difference is what its calls take, without what they need to be
//! prepared. Valgrind knows no processor's instructions for hashes, so hashing counts as it is done without them.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::process::{cargo, command, said, succeeds};
use crate::repository::Repository;

/// The paths, with the calls of the shorter and of the longer run. Those that take turns with 64 files do so evenly.
const PATHS: [(&str, u64, u64); 5] = [
    ("presigner", 64, 1_088),
    ("line, delta", 64, 1_088),
    ("line, parquet", 64, 1_088),
    ("checkpoint row, statistics as text", 1, 3),
    ("checkpoint row, typed statistics", 1, 3),
];
/// By so much more than recorded a path may take.
const MORE_ALLOWED: f64 = 1.01;
const RECORDED: &str = "tests/benches/instructions.json";

/// What a call makes one of takes.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Count {
    instructions: f64,
    allocations: f64,
}

/// Counts, prints, and compares with what is recorded; `--record` writes the counts down instead.
///
/// # Errors
/// When valgrind is not there, or the paths cannot be run.
pub(crate) fn run(repository: &Repository, arguments: &[String]) -> Result<bool, String> {
    let record = match arguments {
        [] => false,
        [only] if only == "--record" => true,
        _ => return Err("cargo xtask instructions takes --record or nothing".to_owned()),
    };
    if said(&mut command(repository, "valgrind", &["--version"])).is_none() {
        return Err("valgrind is needed: `apt-get install valgrind`, or your system's package of that name".to_owned());
    }
    let build = ["build", "--release", "--locked", "--package", "benches", "--bin", "hot-path"];
    if !succeeds(&mut cargo(repository, &build))? {
        return Ok(false);
    }
    let compiler = said(&mut command(repository, "rustc", &["--version"])).unwrap_or_default().trim().to_owned();
    let path = repository.root.join(RECORDED);
    let recorded: Value = fs::read(&path).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
    let comparable = recorded.get("compiler").and_then(Value::as_str) == Some(&compiler);
    let units = units(repository)?;

    println!("{:<38}{:>14}{:>12}{:>10}{:>14}", "", "instructions", "recorded", "change", "allocations");
    let (mut counts, mut more) = (serde_json::Map::new(), Vec::new());
    for (name, short, long) in PATHS {
        let (unit, each) =
            units.iter().find(|unit| unit.0 == name).map(|unit| (&unit.1, unit.2)).ok_or("no such path")?;
        let calls = ((long - short) * each) as f64;
        let (few, many) = (count(repository, name, short)?, count(repository, name, long)?);
        let found = Count {
            instructions: (many.instructions - few.instructions) / calls,
            allocations: (many.allocations - few.allocations) / calls,
        };
        let before = recorded.pointer("/counts").and_then(|counts| of_json(counts.get(name)?));
        let change = before.map_or_else(String::new, |before| change(before.instructions, found.instructions));
        println!(
            "{:<38}{:>14.0}{:>12}{change:>10}{:>14.3}",
            format!("{name}, per {unit}"),
            found.instructions,
            before.map_or_else(|| "-".to_owned(), |before| format!("{:.0}", before.instructions)),
            found.allocations
        );
        more.extend(before.filter(|before| is_more(*before, found)).map(|_| name));
        counts.insert(name.to_owned(), json_of(unit, found));
    }
    if record {
        let text = format!("{:#}\n", json!({"compiler": compiler, "counts": counts}));
        fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        println!("{RECORDED} has these counts now.");
        return Ok(true);
    }
    if recorded.is_null() {
        println!("{RECORDED} is not there yet: --record writes it.");
        return Ok(true);
    }
    if !comparable {
        println!(
            "{RECORDED} was recorded with another compiler: nothing follows from a difference. --record makes it anew."
        );
        return Ok(true);
    }
    if !more.is_empty() {
        println!("More than recorded: {}. If that is meant, --record says so.", more.join("; "));
    }
    Ok(more.is_empty())
}

/// Names, units, and how many of those a call makes.
fn units(repository: &Repository) -> Result<Vec<(String, String, u64)>, String> {
    let list =
        said(&mut command(repository, repository.target.join("release/hot-path"), &[])).ok_or("hot-path fails")?;
    let line = |line: &str| {
        let mut fields = line.split('\t');
        Some((fields.next()?.to_owned(), fields.next()?.to_owned(), fields.next()?.parse().ok()?))
    };
    Ok(list.lines().filter_map(line).collect())
}

/// What a whole run of so many calls takes.
fn count(repository: &Repository, name: &str, calls: u64) -> Result<Count, String> {
    let under = |tool: &[&str], told: fn(&str) -> Option<f64>| {
        let mut valgrind = command(repository, "valgrind", tool);
        valgrind.arg(repository.target.join("release/hot-path")).arg(name).arg(calls.to_string());
        let text = told_by(&mut valgrind)?;
        told(&text).ok_or_else(|| format!("valgrind says nothing of {name}:\n{text}"))
    };
    Ok(Count {
        instructions: under(&["--tool=callgrind", "--callgrind-out-file=/dev/null"], instructions)?,
        allocations: under(&["--leak-check=no"], allocations)?,
    })
}

/// What a program says on its second output, once it has succeeded.
fn told_by(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| format!("valgrind cannot be started: {error}"))?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(text) } else { Err(text) }
}

/// `==1== Collected : 123`.
fn instructions(text: &str) -> Option<f64> {
    text.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok())
}

/// `==1==   total heap usage: 1,234 allocs, 1,200 frees, 5 bytes allocated`.
fn allocations(text: &str) -> Option<f64> {
    let rest = text.lines().find_map(|line| Some(line.split_once("total heap usage: ")?.1))?;
    rest.split_once(" allocs")?.0.replace(',', "").parse().ok()
}

fn of_json(value: &Value) -> Option<Count> {
    let number = |name: &str| value.get(name).and_then(Value::as_f64);
    Some(Count { instructions: number("instructions")?, allocations: number("allocations")? })
}

fn json_of(unit: &str, count: Count) -> Value {
    let allocations = (count.allocations * 1e3).round() / 1e3;
    json!({"unit": unit, "instructions": count.instructions.round() as u64, "allocations": allocations})
}

fn change(before: f64, after: f64) -> String {
    format!("{:+.1} %", (after / before - 1.0) * 100.0)
}

fn is_more(before: Count, after: Count) -> bool {
    /// What is recorded is rounded.
    const ROUNDED: f64 = 0.001;
    after.instructions > before.instructions * MORE_ALLOWED || after.allocations > before.allocations + ROUNDED
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_found_in_what_valgrind_says() {
        let callgrind = "==7== Events    : Ir\n==7== Collected : 48213301\n==7==\n";
        assert_eq!(instructions(callgrind), Some(48_213_301.0));
        let memcheck =
            "==7== HEAP SUMMARY:\n==7==   total heap usage: 1,234 allocs, 1,200 frees, 98,765 bytes allocated\n";
        assert_eq!(allocations(memcheck), Some(1_234.0));
        assert_eq!((instructions(memcheck), allocations(callgrind)), (None, None));
    }

    #[test]
    fn more_is_more_than_rounding_makes_it() {
        let before = Count { instructions: 1_000.0, allocations: 0.0 };
        assert!(!is_more(before, Count { instructions: 1_009.0, allocations: 0.0005 }));
        assert!(is_more(before, Count { instructions: 1_011.0, ..before }));
        assert!(is_more(before, Count { allocations: 1.0, ..before }));
        assert_eq!(of_json(&json_of("URL", before)), Some(before));
    }
}
