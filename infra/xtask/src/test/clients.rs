//! The layer `clients`: the official client against the server's executable, started as a person starts it.

use std::fs;

use crate::process::{command, succeeds};
use crate::repository::Repository;
use crate::test::tally::Tally;
use crate::test::{Stop, browser, build_server, client_environment, junit};

/// The tests of the layer `aws-local`, which have no server to start.
pub(super) const AWS_LOCAL: [&str; 3] =
    ["tests/clients/test_aws_local.py", "tests/clients/test_readme_aws.py", "tests/clients/test_rie.py"];

/// Runs the layer.
pub(super) fn run(repository: &Repository) -> Result<Tally, Stop> {
    let venv = client_environment(repository)?;
    build_server(repository)?;
    let report = repository.target.join("clients.xml");
    // A report of an earlier run must not speak for this one.
    drop(fs::remove_file(&report));
    let mut pytest = command(repository, venv.program("python"), &["-m", "pytest", "tests/clients", "-q"]);
    pytest.args(AWS_LOCAL.iter().chain(&[browser::TESTS]).map(|file| format!("--ignore={file}")));
    pytest.arg(format!("--junitxml={}", report.display())).env("SPILLWAY_BIN", repository.spillway());
    let success = succeeds(&mut pytest).map_err(Stop::Broken)?;
    let tally = fs::read_to_string(&report).ok().and_then(|report| junit::tally(&report));
    Ok(tally.unwrap_or_default().of_program(success))
}
