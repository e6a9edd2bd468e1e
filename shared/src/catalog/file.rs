//! A catalogue document in a file, read again when it changed. A change is seen within about a second; a file that can no
//! longer be read leaves the last good catalogue in place and says so in the log.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use serde::Deserialize;

use super::document::{CatalogDocument, FORMAT_VERSION};
use super::index::{Index, Order};
use crate::clock::Clock;
use crate::model::location::TableLocation;

/// How long an answer may rest on what the file held.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Turns a document's location text into a location.
pub type LocateFn = dyn Fn(&str) -> Result<TableLocation, String> + Send + Sync;

/// Gives the catalogue as it is now.
pub trait CatalogSource: Send + Sync {
    /// The current index.
    fn current(&self) -> Arc<Index>;
}

/// A catalogue that does not change while the process runs.
impl CatalogSource for Arc<Index> {
    fn current(&self) -> Arc<Index> {
        Arc::clone(self)
    }
}

/// A catalogue file.
pub struct CatalogFile {
    path: PathBuf,
    clock: Arc<dyn Clock>,
    locate: Box<LocateFn>,
    state: Mutex<State>,
}

struct State {
    index: Arc<Index>,
    stamp: Option<Stamp>,
    looked: Duration,
}

/// What tells one content of a file from the next without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: SystemTime,
    bytes: u64,
}

impl CatalogFile {
    /// Opens a catalogue file.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn open(path: &Path, clock: Arc<dyn Clock>, locate: Box<LocateFn>) -> Result<Self, String> {
        let stamp = stamp_of(path).ok();
        let index = read_index(path, &*locate)?;
        let state = Mutex::new(State { index: Arc::new(index), stamp, looked: clock.uptime() });
        Ok(Self { path: path.to_owned(), clock, locate, state })
    }
}

impl CatalogSource for CatalogFile {
    fn current(&self) -> Arc<Index> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.uptime();
        if now.saturating_sub(state.looked) >= LOOK_AGAIN {
            state.looked = now;
            let stamp = stamp_of(&self.path).ok();
            if stamp != state.stamp {
                state.stamp = stamp;
                match read_index(&self.path, &*self.locate) {
                    Ok(index) => state.index = Arc::new(index),
                    Err(problem) => tracing::error!("the catalogue stays as it was: {problem}"),
                }
            }
        }
        Arc::clone(&state.index)
    }
}

impl fmt::Debug for CatalogFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CatalogFile").field("path", &self.path).finish_non_exhaustive()
    }
}

fn stamp_of(path: &Path) -> io::Result<Stamp> {
    let metadata = fs::metadata(path)?;
    Ok(Stamp { modified: metadata.modified()?, bytes: metadata.len() })
}

fn read_index(path: &Path, locate: &LocateFn) -> Result<Index, String> {
    Index::new(&read(path)?, Order::Sorted, locate).map_err(|problem| format!("{}: {problem}", path.display()))
}

/// Reads a catalogue document.
///
/// # Errors
/// A sentence that says what is wrong with the file.
pub fn read(path: &Path) -> Result<CatalogDocument, String> {
    /// What tells a document of another version from one that is damaged.
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Versioned {
        format_version: u64,
    }
    let text = fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    if let Ok(Versioned { format_version }) = serde_json::from_slice(&text)
        && format_version != u64::from(FORMAT_VERSION)
    {
        return Err(format!(
            "{}: the catalogue has format version {format_version}, this program knows {FORMAT_VERSION}; use the program \
             that wrote it",
            path.display()
        ));
    }
    serde_json::from_slice(&text).map_err(|error| format!("{} is not a catalogue: {error}", path.display()))
}

/// Reads a catalogue document, changes it and writes it back. Two programs that change it take turns, so that neither
/// loses the other's change. `None` or an error from `apply` leaves the file as it is.
///
/// # Errors
/// A sentence that says what is wrong with the file.
pub fn change<T: Outcome>(path: &Path, apply: impl FnOnce(&mut CatalogDocument) -> T) -> Result<T, String> {
    let _lock = lock(path).map_err(|error| format!("cannot lock {}: {error}", path.display()))?;
    let mut document = read(path)?;
    let outcome = apply(&mut document);
    if outcome.is_to_be_kept() {
        write(path, &document).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    }
    Ok(outcome)
}

/// Writes a catalogue document where there is none yet. Of two programs that do so at once, one does. True when this one
/// did.
///
/// # Errors
/// When the folder cannot be written to.
pub fn begin(path: &Path, document: &CatalogDocument) -> Result<bool, String> {
    let _lock = lock(path).map_err(|error| format!("cannot lock {}: {error}", path.display()))?;
    if path.exists() {
        return Ok(false);
    }
    write(path, document).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    Ok(true)
}

/// Whether a change is to be kept.
pub trait Outcome {
    /// True for what went well.
    fn is_to_be_kept(&self) -> bool;
}

impl<T> Outcome for Option<T> {
    fn is_to_be_kept(&self) -> bool {
        self.is_some()
    }
}

impl<T, E> Outcome for Result<T, E> {
    fn is_to_be_kept(&self) -> bool {
        self.is_ok()
    }
}

/// A lock for as long as the file is held. On a file of its own: the catalogue's is replaced by each change.
fn lock(path: &Path) -> io::Result<fs::File> {
    use std::os::unix::fs::OpenOptionsExt;

    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let file = fs::OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(name)?;
    file.lock()?;
    Ok(file)
}

/// Writes a catalogue document in one step: a reader sees the old content or the new one, never half of it. The file is
/// for its owner only.
///
/// # Errors
/// When the folder cannot be written to.
pub fn write(path: &Path, document: &CatalogDocument) -> io::Result<()> {
    let mut text = serde_json::to_vec_pretty(document).map_err(io::Error::other)?;
    text.push(b'\n');
    write_private(path, &text)
}

/// Writes a file that only its owner may read, in one step.
///
/// # Errors
/// When the folder cannot be written to.
pub fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;

    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{}.tmp", std::process::id()));
    let temporary = PathBuf::from(temporary);
    let _ = fs::remove_file(&temporary);
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&temporary, path)
}
