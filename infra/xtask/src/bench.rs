//! The benchmark, built as it is shipped, together with the server that it measures.

use crate::process::{cargo, command, succeeds};
use crate::repository::Repository;

/// Builds both for release and runs the benchmark with these arguments.
///
/// # Errors
/// When cargo or the benchmark cannot be started.
pub(crate) fn run(repository: &Repository, arguments: &[String]) -> Result<bool, String> {
    // In one build: apart, the two would ask for their libraries with different features, and each build them anew.
    let build = ["build", "--release", "--locked", "-p", "local", "-p", "tests", "--bin", "spillway", "--bin", "bench"];
    if !succeeds(&mut cargo(repository, &build))? {
        return Ok(false);
    }
    succeeds(command(repository, repository.target.join("release/bench"), &[]).args(arguments))
}
