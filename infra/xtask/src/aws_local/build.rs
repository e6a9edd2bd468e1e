//! What runs here is the workspace's own build for tests, so that nothing is compiled a second time. It is larger and
//! slower than what is deployed; what each function may link is held by a test of its manifest.

use std::fs;
use std::path::Path;

use crate::process::{cargo, command, succeeds};
use crate::repository::Repository;

/// The names of the functions: their folders.
///
/// # Errors
/// When the folder cannot be read.
pub(crate) fn functions(repository: &Repository) -> Result<Vec<String>, String> {
    let folder = repository.root.join("functions");
    let entries = fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut names: Vec<String> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.path().join("Cargo.toml").is_file())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name != "local")
        .collect();
    names.sort_unstable();
    Ok(names)
}

/// Builds every function, the operator's program and the gateway for this machine, and puts each function as
/// `FUNCTION/bootstrap` into the folder, without what only a debugger reads.
///
/// # Errors
/// When one does not build.
pub(super) fn programs(repository: &Repository, folder: &Path) -> Result<(), String> {
    if !succeeds(&mut cargo(repository, &["build", "--quiet", "--locked", "--workspace", "--bins"]))? {
        return Err("the functions do not build".to_owned());
    }
    for name in functions(repository)? {
        let target = folder.join(&name);
        let told = |error: std::io::Error| format!("{}: {error}", target.display());
        fs::create_dir_all(&target).map_err(told)?;
        // A process may still run from the file that is there; a new one takes its place.
        let (built, new) = (repository.target.join("debug").join(&name), target.join("bootstrap.new"));
        let stripped = command(repository, "strip", &["-o"]).arg(&new).arg(&built).status();
        if !stripped.is_ok_and(|status| status.success()) {
            fs::copy(&built, &new).map_err(told)?;
        }
        fs::rename(new, target.join("bootstrap")).map_err(told)?;
    }
    Ok(())
}
