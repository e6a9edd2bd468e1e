//! The benchmark, built as it is shipped.

use crate::process::{cargo, succeeds};
use crate::repository::Repository;

/// Runs the benchmark with these arguments.
///
/// # Errors
/// When cargo cannot be started.
pub(crate) fn run(repository: &Repository, arguments: &[String]) -> Result<bool, String> {
    succeeds(
        cargo(repository, &["run", "--release", "--locked", "-p", "tests", "--bin", "bench", "--"]).args(arguments),
    )
}
