//! The template as CloudFormation sees it: `template.yaml` through AWS's own translator, as JSON.

use std::fs;
use std::path::PathBuf;

use crate::process::{command, succeeds};
use crate::python::Environment;
use crate::repository::Repository;

/// Transforms it; the path of the result.
///
/// # Errors
/// When there is no Python for it, or the template cannot be transformed.
pub(crate) fn transformed(repository: &Repository) -> Result<PathBuf, String> {
    let venv = Environment::Tools.needed(repository)?;
    fs::create_dir_all(&repository.target).map_err(|error| format!("{}: {error}", repository.target.display()))?;
    let result = repository.target.join("template.json");
    let script = ["infra/local-stack/transform.py", "template.yaml"];
    let done = succeeds(command(repository, venv.program("python"), &script).arg(&result))?;
    done.then_some(result).ok_or_else(|| "template.yaml cannot be transformed".to_owned())
}
