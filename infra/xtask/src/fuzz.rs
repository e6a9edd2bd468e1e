//! Fuzzing: each target run by libFuzzer for a while, from the corpus in the repository on. What it finds, it leaves in
//! `tests/fuzz/artifacts`; what it learns, in the build folder.

use std::fs;

use crate::process::{command, succeeds};
use crate::repository::Repository;
use crate::tools;

/// How long a target runs when nothing else is said.
const SECONDS: u32 = 60;
/// Beyond these a target fails: memory in all and in one piece, and the time for one input.
const BOUNDS: [&str; 4] = ["-rss_limit_mb=1024", "-malloc_limit_mb=512", "-timeout=10", "-max_len=16384"];

/// Runs one target, or all, for so many seconds each.
///
/// # Errors
/// When there is no such target, the seconds are no number, or a program cannot be had.
pub(crate) fn run(repository: &Repository, asked: &[String]) -> Result<bool, String> {
    let targets = targets(repository)?;
    let (asked, seconds) = arguments(&targets, asked)?;
    let fuzz = tools::from_cargo(repository, &tools::FUZZ)?;
    let build = repository.target.join("fuzz");
    let mut found = Vec::new();
    for target in asked {
        let learnt = build.join("corpus").join(target);
        fs::create_dir_all(&learnt).map_err(|error| format!("{}: {error}", learnt.display()))?;
        // Without a sanitizer, for there is no unsafe code to watch: so the pinned toolchain will do.
        let mut run = command(repository, &fuzz, &["run", "--sanitizer", "none", "--fuzz-dir", "tests/fuzz"]);
        run.arg("--target-dir").arg(&build).arg(target);
        run.arg(&learnt).arg(repository.root.join("tests/fuzz/corpus").join(target));
        run.arg("--").args(BOUNDS).args([format!("-max_total_time={seconds}"), "-print_final_stats=1".to_owned()]);
        println!("== {target}, {seconds} s");
        if !succeeds(&mut run)? {
            found.push(target);
        }
    }
    match found.as_slice() {
        [] => println!("fuzz: nothing found"),
        found => println!("fuzz: found something: {}; see tests/fuzz/artifacts", found.join(", ")),
    }
    Ok(found.is_empty())
}

/// The targets there are, by their programs.
fn targets(repository: &Repository) -> Result<Vec<String>, String> {
    let folder = repository.root.join("tests/fuzz/targets");
    let entries = fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let names = entries.flatten().filter_map(|entry| Some(entry.path().file_stem()?.to_str()?.to_owned()));
    let mut names: Vec<String> = names.collect();
    names.sort();
    Ok(names)
}

/// Which targets are asked for, and for how long.
fn arguments<'a>(targets: &'a [String], asked: &[String]) -> Result<(Vec<&'a str>, u32), String> {
    let (asked, seconds) = match asked {
        [] => (None, SECONDS),
        [one] => match one.parse() {
            Ok(seconds) => (None, seconds),
            Err(_) => (Some(one), SECONDS),
        },
        [target, seconds] => {
            (Some(target), seconds.parse().map_err(|_| format!("'{seconds}' is no number of seconds."))?)
        }
        _ => return Err("fuzz takes a target and a number of seconds.".to_owned()),
    };
    let chosen: Vec<&str> =
        targets.iter().filter(|target| asked.is_none_or(|asked| asked == *target)).map(String::as_str).collect();
    match (chosen.as_slice(), asked) {
        ([], Some(asked)) => Err(format!("there is no fuzz target '{asked}'. The targets are {}.", targets.join(", "))),
        ([], None) => Err("there is no fuzz target.".to_owned()),
        // Without an end it would never come to the next.
        _ if seconds == 0 => Err("a target runs for at least a second.".to_owned()),
        _ => Ok((chosen, seconds)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_and_seconds_may_both_be_left_out() {
        let targets = ["a".to_owned(), "b".to_owned()];
        let read = |asked: &[&str]| {
            let asked: Vec<String> = asked.iter().map(|&text| text.to_owned()).collect();
            arguments(&targets, &asked).map(|(names, seconds)| (names.join(" "), seconds))
        };
        assert_eq!(read(&[]), Ok(("a b".to_owned(), SECONDS)));
        assert_eq!(read(&["b"]), Ok(("b".to_owned(), SECONDS)));
        assert_eq!(read(&["5"]), Ok(("a b".to_owned(), 5)));
        assert_eq!(read(&["a", "7"]), Ok(("a".to_owned(), 7)));
        for bad in [&["c"][..], &["a", "x"], &["a", "0"], &["a", "1", "2"]] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }
}
