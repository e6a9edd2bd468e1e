//! The tests, in layers from the quickest to the widest. All layers asked for run; the last line sums them up and names
//! those that did not run. A layer whose needs are missing is not an error on a person's machine; with
//! `SPILLWAY_ALL_LAYERS=1` it is, except for the golden tables, which lie outside the repository.

mod arm64;
mod aws_local;
mod browser;
mod clients;
mod golden;
mod judge;
mod junit;
mod rust;
mod tally;

use crate::process::{cargo, succeeds};
use crate::repository::Repository;
use crate::test::tally::Tally;
use crate::venv::{Missing, Venv};

const LAYERS: [(&str, Layer); 6] = [
    ("rust", rust::run),
    ("clients", clients::run),
    ("browser", browser::run),
    ("aws-local", aws_local::run),
    ("golden", golden::run),
    ("arm64", arm64::run),
];
/// The layers that run only when they are named.
const WHEN_NAMED: [&str; 1] = ["arm64"];

/// A layer: what its tests came to, or why there is no number.
type Layer = fn(&Repository) -> Result<Tally, Stop>;

/// Why a layer has no result.
#[derive(Debug)]
enum Stop {
    /// Something it needs is missing from this machine: the reason.
    NotRun(&'static str),
    /// Nobody asked for it, and it needs something from outside the repository: the reason.
    NotAsked(&'static str),
    /// It broke before its tests could say anything: the problem.
    Broken(String),
}

/// Runs the named layers, or all but those that have to be named.
///
/// # Errors
/// When a name is not that of a layer.
pub(crate) fn run(repository: &Repository, asked: &[String]) -> Result<bool, String> {
    if let Some(unknown) = asked.iter().find(|asked| LAYERS.iter().all(|(name, _)| name != asked)) {
        return Err(format!(
            "there is no test layer '{unknown}'. The layers are rust, clients, browser, aws-local, golden and arm64."
        ));
    }
    let mut total = Tally::default();
    let mut not_run = Vec::new();
    for (name, layer) in LAYERS {
        let named = asked.iter().any(|asked| asked == name);
        if !named && (!asked.is_empty() || WHEN_NAMED.contains(&name)) {
            not_run.push(name);
            continue;
        }
        println!("== {name}");
        match layer(repository) {
            Ok(tally) => {
                println!("{name}: {tally}");
                total.add(tally);
            }
            Err(Stop::NotRun(reason)) => {
                println!("{name}: not run ({reason})");
                total.failed += u64::from(repository.all_layers);
                not_run.push(name);
            }
            Err(Stop::NotAsked(reason)) => {
                println!("{name}: not run ({reason})");
                not_run.push(name);
            }
            Err(Stop::Broken(problem)) => {
                println!("{name}: {problem}");
                total.failed += 1;
            }
        }
    }
    let unrun = if not_run.is_empty() { String::new() } else { format!("; not run: {}", not_run.join(", ")) };
    println!("{total}{unrun}");
    Ok(total.failed == 0)
}

/// Builds the server as the outer layers start it: of the whole workspace, as the tests do, so that no dependency is
/// compiled a second time with other features.
fn build_server(repository: &Repository) -> Result<(), Stop> {
    let built = succeeds(&mut cargo(repository, &["build", "--locked", "--workspace", "--bin", "spillway"]));
    match built.map_err(Stop::Broken)? {
        true => Ok(()),
        false => Err(Stop::Broken("the server does not build".to_owned())),
    }
}

/// The environment of Python that holds the official client.
fn client_environment(repository: &Repository) -> Result<Venv, Stop> {
    let file = repository.root.join("tests/clients/requirements.txt");
    let requirements =
        std::fs::read_to_string(&file).map_err(|error| Stop::Broken(format!("{}: {error}", file.display())))?;
    Venv::ready(repository, ".venv-clients", &requirements).map_err(|missing| match missing {
        Missing::Python => Stop::NotRun("python3 with venv is missing"),
        Missing::Failed(problem) => Stop::Broken(problem),
    })
}
