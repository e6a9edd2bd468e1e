//! What an operator without Rust deploys: a zip of each function for each architecture, the template that names them, and
//! checksums. `sam deploy` uploads the zips to the operator's own bucket.

use std::fs;
use std::path::{Path, PathBuf};

use crate::aws_local::functions;
use crate::process::{command, said, succeeds};
use crate::python::Environment;
use crate::repository::Repository;

/// The architectures, as the template's parameter and as cargo-lambda name them.
const ARCHITECTURES: [[&str; 2]; 2] = [["arm64", "--arm64"], ["x86_64", "--x86-64"]];

/// Builds the named functions, or all, into `target/package`.
///
/// # Errors
/// When a name is no function's, or something does not build.
pub(crate) fn run(repository: &Repository, asked: &[String]) -> Result<bool, String> {
    let all = functions(repository)?;
    if let Some(unknown) = asked.iter().find(|asked| !all.contains(asked)) {
        return Err(format!("there is no function '{unknown}'. The functions are {}.", all.join(", ")));
    }
    let chosen: Vec<&String> = all.iter().filter(|name| asked.is_empty() || asked.contains(name)).collect();
    let package = repository.target.join("package");
    // What an earlier run left must not be taken for this one's.
    match fs::remove_dir_all(&package) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(format!("{}: {error}", package.display()));
        }
        _ => {}
    }
    let template = repository.root.join("template.yaml");
    let template = fs::read_to_string(&template).map_err(|error| format!("{}: {error}", template.display()))?;
    for [architecture, flag] in ARCHITECTURES {
        let folder = package.join(architecture);
        for name in &chosen {
            build(repository, &folder, name, flag, "zip")?;
        }
        let template = packaged(&template, &all, architecture)?;
        let path = folder.join("template.yaml");
        fs::write(&path, template).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    checksums(repository, &package)?;
    println!("{} holds {} functions for each architecture, templates and SHA256SUMS.", package.display(), chosen.len());
    if chosen.len() < all.len() {
        println!("It cannot be deployed: functions are missing.");
    }
    Ok(true)
}

/// Builds one function as it is deployed, into `FUNCTION/bootstrap` or `FUNCTION/bootstrap.zip` below the folder.
/// cargo-lambda finds its linker by the first Python on the path.
///
/// # Errors
/// When it does not build.
pub(crate) fn build(
    repository: &Repository,
    folder: &Path,
    name: &str,
    flag: &str,
    format: &str,
) -> Result<PathBuf, String> {
    let tools = Environment::Tools.needed(repository)?;
    let cargo_lambda = tools.program("cargo-lambda");
    let bin = cargo_lambda.parent().unwrap_or(Path::new("."));
    let path = std::env::var("PATH").unwrap_or_default();
    let arguments = ["lambda", "build", "--release", flag, "--output-format", format, "-p", name, "--lambda-dir"];
    let mut build = command(repository, &cargo_lambda, &arguments);
    build.arg(folder).env("PATH", format!("{}:{path}", bin.display())).env("CARGO_TARGET_DIR", &repository.target);
    let built = folder.join(name).join(if format == "zip" { "bootstrap.zip" } else { "bootstrap" });
    if succeeds(&mut build)? && built.is_file() { Ok(built) } else { Err(format!("{name} does not build with {flag}")) }
}

/// The template with a zip in the place of each function's source, for one architecture.
fn packaged(template: &str, functions: &[String], architecture: &str) -> Result<String, String> {
    let mut packaged = String::with_capacity(template.len());
    let mut named = 0;
    let mut architectures = 0;
    let mut in_architecture = false;
    for line in template.lines() {
        let indent = line.len() - line.trim_start().len();
        if indent == 2 {
            in_architecture = line.trim_end() == "  Architecture:";
        }
        let code = line.trim_start().strip_prefix("CodeUri: functions/");
        if let Some(name) = code.filter(|name| functions.iter().any(|function| function == name)) {
            named += 1;
            packaged.push_str(&format!("{}CodeUri: {name}/bootstrap.zip\n", " ".repeat(indent)));
        } else if line.trim() == "Metadata: {BuildMethod: rust-cargolambda}" {
            // Nothing is built any more.
        } else if in_architecture && line.trim_start().starts_with("Default:") {
            architectures += 1;
            packaged.push_str(&format!("    Default: {architecture}\n"));
        } else if in_architecture && line.trim_start().starts_with("AllowedValues:") {
            packaged.push_str(&format!("    AllowedValues: [{architecture}]\n"));
        } else {
            packaged.push_str(line);
            packaged.push('\n');
        }
    }
    match (named == functions.len(), architectures, packaged.contains("BuildMethod")) {
        (true, 1, false) => Ok(packaged),
        _ => Err("template.yaml is not written as `cargo xtask package` reads it".to_owned()),
    }
}

fn checksums(repository: &Repository, package: &Path) -> Result<(), String> {
    let list = "find . -type f ! -name SHA256SUMS -print0 | LC_ALL=C sort -z | xargs -0 sha256sum";
    let sums = said(command(repository, "sh", &["-c", list]).current_dir(package)).ok_or("sha256sum failed")?;
    let path = package.join("SHA256SUMS");
    fs::write(&path, sums).map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "\
Parameters:
  Architecture:
    Type: String
    Default: arm64
    AllowedValues: [arm64, x86_64]
  Other:
    Default: arm64
Resources:
  F:
    Metadata: {BuildMethod: rust-cargolambda}
    Properties:
      CodeUri: functions/list-shares
";

    #[test]
    fn a_packaged_template_names_zips_of_one_architecture_and_builds_nothing() {
        let packaged = packaged(TEMPLATE, &["list-shares".to_owned()], "x86_64").unwrap();
        assert_eq!(
            packaged,
            TEMPLATE
                .replace("functions/list-shares", "list-shares/bootstrap.zip")
                .replace("    Metadata: {BuildMethod: rust-cargolambda}\n", "")
                .replace(
                    "    Default: arm64\n    AllowedValues: [arm64, x86_64]",
                    "    Default: x86_64\n    AllowedValues: [x86_64]"
                )
        );
    }

    #[test]
    fn a_function_that_the_template_does_not_name_is_an_error() {
        assert!(packaged(TEMPLATE, &["list-shares".to_owned(), "get-share".to_owned()], "arm64").is_err());
        assert!(packaged("Resources: {}", &[], "arm64").is_err());
    }
}
