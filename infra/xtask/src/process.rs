//! Other programs, started in the repository's root with their output on the terminal.

use std::ffi::OsStr;
use std::process::Command;

use crate::repository::Repository;

/// A command in the repository's root. Python writes its compiled files nowhere.
pub(crate) fn command(repository: &Repository, program: impl AsRef<OsStr>, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(&repository.root).env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// The cargo that runs this task, without what it has told this program about its own package: build scripts look at
/// those variables, and would run again each time a task and a person take turns.
pub(crate) fn cargo(repository: &Repository, arguments: &[&str]) -> Command {
    let mut cargo = command(repository, std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()), arguments);
    for (name, _) in std::env::vars_os() {
        let about_us =
            name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"));
        if about_us {
            cargo.env_remove(name);
        }
    }
    cargo
}

/// Runs it to its end; whether it succeeded.
///
/// # Errors
/// When it cannot be started.
pub(crate) fn succeeds(command: &mut Command) -> Result<bool, String> {
    let status = command.status().map_err(|error| cannot_start(command, &error))?;
    Ok(status.success())
}

/// Runs it to its end and takes its standard output; nothing when it cannot be started or fails.
pub(crate) fn said(command: &mut Command) -> Option<String> {
    let output = command.output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The sentence for a program that cannot be started.
pub(crate) fn cannot_start(command: &Command, error: &std::io::Error) -> String {
    format!("{} cannot be started: {error}", command.get_program().to_string_lossy())
}
