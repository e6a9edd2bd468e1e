//! Where the repository, its build folder and its switches are.

use std::path::{Path, PathBuf};

/// The repository this task was started in.
#[derive(Debug)]
pub(crate) struct Repository {
    /// Its root folder.
    pub(crate) root: PathBuf,
    /// Cargo's build folder; everything a task writes, environments of Python aside, lies in it.
    pub(crate) target: PathBuf,
    /// Whether a test layer that cannot run counts as failed (`SPILLWAY_ALL_LAYERS=1`).
    pub(crate) all_layers: bool,
    /// The folder of golden tables, if one was named (`GOLDEN_TABLES`).
    pub(crate) golden: Option<PathBuf>,
}

impl Repository {
    /// Reads cargo's and the task's own environment variables. The folder is asked for at run time: a build folder that
    /// two working copies share may hold the other one's executable.
    pub(crate) fn here() -> Self {
        let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let start = std::env::current_dir().unwrap_or_default();
        let package = folder("CARGO_MANIFEST_DIR").unwrap_or_else(|| start.join("infra/xtask"));
        let root = package.ancestors().nth(2).unwrap_or(Path::new(".")).to_path_buf();
        Self {
            target: folder("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |target| start.join(target)),
            all_layers: std::env::var_os("SPILLWAY_ALL_LAYERS").is_some_and(|value| value == "1"),
            golden: folder("GOLDEN_TABLES").map(|golden| start.join(golden)),
            root,
        }
    }

    /// The server's executable, as a debug build leaves it.
    pub(crate) fn spillway(&self) -> PathBuf {
        self.target.join("debug/spillway")
    }
}
