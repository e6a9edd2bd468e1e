//! Tools of cargo that are not part of the toolchain, each at one version, installed into the build folder on first use. A
//! new version is a change to this file.

use std::path::PathBuf;

use crate::process::{cargo, command, said, succeeds};
use crate::repository::Repository;

/// A tool that cargo builds.
pub(crate) struct Tool {
    name: &'static str,
    version: &'static str,
}

/// Licences, sources and bans of the dependencies.
pub(crate) const DENY: Tool = Tool { name: "cargo-deny", version: "0.20.2" };
/// Dependencies that no code names.
pub(crate) const MACHETE: Tool = Tool { name: "cargo-machete", version: "0.9.2" };

/// Builds and runs fuzz targets.
pub(crate) const FUZZ: Tool = Tool { name: "cargo-fuzz", version: "0.13.2" };

/// Built to be there soon: each runs for seconds, and optimising it would take minutes.
const QUICKLY: [&str; 3] = ["--debug", "--config", "profile.dev.debug=false"];

/// The path of a tool that cargo builds, installing it when that version is not there; that takes minutes.
///
/// # Errors
/// When it cannot be installed.
pub(crate) fn from_cargo(repository: &Repository, tool: &Tool) -> Result<PathBuf, String> {
    let tools = repository.target.join("tools");
    let program = tools.join("bin").join(tool.name);
    let version = said(&mut command(repository, &program, &["--version"]));
    if version.is_some_and(|said| said.split_whitespace().any(|word| word == tool.version)) {
        return Ok(program);
    }
    println!("{}: installing {}", tool.name, tool.version);
    let mut install = cargo(repository, &["install", "--quiet", "--locked"]);
    let installed =
        succeeds(install.args(QUICKLY).arg("--root").arg(tools).arg(format!("{}@{}", tool.name, tool.version)))?;
    installed.then_some(program).ok_or_else(|| format!("{} could not be installed", tool.name))
}
