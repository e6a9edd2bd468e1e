//! The layer `aws-local`: the official client against the deployed functions, through the gateway; the README's commands
//! for AWS; functions under AWS's own runtime. What runs already is used; what is started for it is ended after it.

use std::fs;
use std::path::Path;

use crate::aws_local;
use crate::process::{command, succeeds};
use crate::python::Environment;
use crate::repository::Repository;
use crate::test::clients::AWS_LOCAL;
use crate::test::tally::Tally;
use crate::test::{Stop, client_environment, junit};
use crate::venv::Missing;

/// Runs the layer.
pub(super) fn run(repository: &Repository) -> Result<Tally, Stop> {
    pytest(repository, &AWS_LOCAL, "aws-local.xml", None)
}

/// Runs pytest with these arguments while AWS runs here. The functions under AWS's runtime are those below `bootstraps`, or
/// the ones that run behind the gateway.
pub(super) fn pytest(
    repository: &Repository,
    arguments: &[&str],
    report: &str,
    bootstraps: Option<&Path>,
) -> Result<Tally, Stop> {
    let venv = client_environment(repository)?;
    let emulator = match Environment::Emulator.ready(repository) {
        Ok(emulator) => emulator,
        Err(Missing::Python) => return Err(Stop::NotRun("python3 with venv is missing")),
        Err(Missing::Failed(problem)) => return Err(Stop::Broken(problem)),
    };
    let tools = Environment::Tools.needed(repository).map_err(Stop::Broken)?;
    let was_running = aws_local::running(repository).is_some();
    aws_local::up(repository).map_err(Stop::Broken)?;
    let report = repository.target.join(report);
    // A report of an earlier run must not speak for this one.
    drop(fs::remove_file(&report));
    let running = repository.target.join("aws-local");
    let mut pytest = command(repository, venv.program("python"), &["-m", "pytest", "-q"]);
    pytest.args(arguments);
    pytest.arg(format!("--junitxml={}", report.display()));
    pytest.env("SPILLWAY_BIN", repository.spillway()).env("SPILLWAY_EMULATOR", emulator.program("python"));
    pytest.env("SPILLWAY_BOOTSTRAPS", bootstraps.unwrap_or(&running.join("bootstraps")));
    pytest.env("SPILLWAY_AWS_LOCAL", running);
    pytest.env("SPILLWAY_TOOLS", tools.program("python"));
    pytest.env("SPILLWAY_GATEWAY", repository.target.join("debug/aws-gateway"));
    pytest.env("SPILLWAY_FAKE", repository.target.join("debug/fake-bootstrap"));
    let success = succeeds(&mut pytest).map_err(Stop::Broken);
    if !was_running {
        aws_local::down(repository).map_err(Stop::Broken)?;
    }
    let tally = fs::read_to_string(&report).ok().and_then(|report| junit::tally(&report));
    Ok(tally.unwrap_or_default().of_program(success?))
}
