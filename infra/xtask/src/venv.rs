//! Python environments in the repository's root, made on first use and installed anew only when what they must hold has
//! changed. A stamp inside the environment keeps what was installed; a half-finished installation leaves no stamp.

use std::fs;
use std::path::PathBuf;

use crate::process::{command, said, succeeds};
use crate::repository::Repository;

const STAMP: &str = "installed.txt";
const USABLE: &str = "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 9))";

/// An environment whose content is installed.
#[derive(Debug)]
pub(crate) struct Venv {
    folder: PathBuf,
}

impl Venv {
    /// The environment of that name with these requirements (the text of a requirements file).
    ///
    /// # Errors
    /// [`Missing::Python`] when there is no Python to make it with, [`Missing::Failed`] when pip fails.
    pub(crate) fn ready(repository: &Repository, name: &str, requirements: &str) -> Result<Self, Missing> {
        let folder = repository.root.join(name);
        let venv = Self { folder };
        let stamp = venv.folder.join(STAMP);
        let python = venv.program("python");
        let usable = said(&mut command(repository, &python, &["-c", "import pip"])).is_some();
        if usable && fs::read_to_string(&stamp).is_ok_and(|installed| installed == requirements) {
            return Ok(venv);
        }
        if !usable {
            said(&mut command(repository, "python3", &["-c", USABLE])).ok_or(Missing::Python)?;
            println!("{name}: making the environment");
            let made = succeeds(&mut command(repository, "python3", &["-m", "venv", "--clear", name]));
            made.map_err(Missing::Failed)?
                .then_some(())
                .ok_or_else(|| Missing::Failed(format!("{name}: venv failed")))?;
        }
        println!("{name}: installing");
        let io = |error: std::io::Error| Missing::Failed(format!("{name}: {error}"));
        match fs::remove_file(&stamp) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(io(error)),
            _ => {}
        }
        let wanted = venv.folder.join("wanted.txt");
        fs::write(&wanted, requirements).map_err(io)?;
        let arguments = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
        let installed = succeeds(command(repository, &python, &arguments).arg(&wanted)).map_err(Missing::Failed)?;
        installed.then_some(()).ok_or_else(|| Missing::Failed(format!("{name}: pip install failed")))?;
        fs::rename(&wanted, &stamp).map_err(io)?;
        Ok(venv)
    }

    /// The path of a program inside it.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.folder.join("bin").join(name)
    }
}

/// Why an environment is not there.
#[derive(Debug)]
pub(crate) enum Missing {
    /// There is no `python3` of 3.9 or later with the module venv.
    Python,
    /// Making or filling it failed, with a sentence.
    Failed(String),
}
