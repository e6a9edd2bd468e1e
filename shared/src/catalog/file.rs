//! A catalogue document in a file, read again when it changed. A change is seen within about a second; a file that can no
//! longer be read leaves the last good catalogue in place and says so in the log.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Deserialize;

use self::content::Content;
use super::document::{CatalogDocument, FORMAT_VERSION};
use super::index::{Index, Order};
use crate::clock::Clock;
use crate::model::location::TableLocation;

mod content;
mod document;

pub use document::{DocumentFile, begin, remove};

/// How long an answer may rest on what the file held.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// How long one reading may take before another begins, should it have been lost.
const READING_MAX: Duration = Duration::from_secs(10);

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
    /// What the index was read from; nothing when the file could not be read.
    content: Option<Content>,
    looked: Duration,
    /// Whether somebody is reading it again.
    is_being_read: bool,
}

impl CatalogFile {
    /// Opens a catalogue file.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn open(path: &Path, clock: Arc<dyn Clock>, locate: Box<LocateFn>) -> Result<Self, String> {
        let (content, index) = read_index(path, &*locate);
        let state = State { index: Arc::new(index?), content, looked: clock.uptime(), is_being_read: false };
        Ok(Self { path: path.to_owned(), clock, locate, state: Mutex::new(state) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_unchanged(&self, content: Option<&Content>) -> bool {
        content.map_or_else(|| !self.path.exists(), |content| content.is_still_at(&self.path))
    }
}

impl CatalogSource for CatalogFile {
    fn current(&self) -> Arc<Index> {
        {
            let mut state = self.state();
            let now = self.clock.uptime();
            let wait = if state.is_being_read { READING_MAX } else { LOOK_AGAIN };
            if now.saturating_sub(state.looked) < wait {
                return Arc::clone(&state.index);
            }
            state.looked = now;
            state.is_being_read = !self.is_unchanged(state.content.as_ref());
            if !state.is_being_read {
                return Arc::clone(&state.index);
            }
        }
        // Whoever asks meanwhile is answered from what was there before, and nobody waits.
        let (content, index) = read_index(&self.path, &*self.locate);
        let mut state = self.state();
        state.is_being_read = false;
        state.content = content;
        match index {
            Ok(index) => state.index = Arc::new(index),
            Err(problem) => tracing::error!("the catalogue stays as it was: {problem}"),
        }
        Arc::clone(&state.index)
    }
}

impl fmt::Debug for CatalogFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CatalogFile").field("path", &self.path).finish_non_exhaustive()
    }
}

fn read_index(path: &Path, locate: &LocateFn) -> (Option<Content>, Result<Index, String>) {
    let (content, text) = match Content::read(path) {
        Ok((content, text)) => (Some(content), Ok(text)),
        Err(error) => (None, Err(format!("cannot read {}: {error}", path.display()))),
    };
    let index = text.and_then(|text| parse(path, &text)).and_then(|document| {
        Index::new(&document, Order::Sorted, locate).map_err(|problem| format!("{}: {problem}", path.display()))
    });
    (content, index)
}

/// Reads a catalogue document.
///
/// # Errors
/// A sentence that says what is wrong with the file.
pub fn read(path: &Path) -> Result<CatalogDocument, String> {
    let text = fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    parse(path, &text)
}

fn parse(path: &Path, text: &[u8]) -> Result<CatalogDocument, String> {
    /// What tells a document of another version from one that is damaged.
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Versioned {
        format_version: u64,
    }
    let problem = match serde_json::from_slice::<CatalogDocument>(text) {
        Ok(document) if document.format_version == FORMAT_VERSION => return Ok(document),
        Ok(_) => None,
        Err(problem) => Some(problem),
    };
    match (serde_json::from_slice(text), problem) {
        (Ok(Versioned { format_version }), _) if format_version != u64::from(FORMAT_VERSION) => Err(format!(
            "{}: the catalogue has format version {format_version}, this program knows {FORMAT_VERSION}; use the program \
             that wrote it",
            path.display()
        )),
        (_, problem) => {
            let why = problem.map_or_else(String::new, |problem| format!(": {problem}"));
            Err(format!("{} is not a catalogue{why}", path.display()))
        }
    }
}

/// Reads a catalogue document, changes it and writes it back, as [`DocumentFile::change`] does.
///
/// # Errors
/// A sentence that says what is wrong with the file.
pub fn change<T: Outcome>(path: &Path, apply: impl FnOnce(&mut CatalogDocument) -> T) -> Result<T, String> {
    DocumentFile::at(path).change(apply)
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

/// Writes a file that only its owner may read, in one step that outlasts a loss of power.
///
/// # Errors
/// When the folder cannot be written to.
pub fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    write_private_as(path, &format!(".{}.tmp", std::process::id()), content).map(drop)
}

/// The same through a file beside it with this ending, and what was written, held open.
fn write_private_as(path: &Path, ending: &str, content: &[u8]) -> io::Result<fs::File> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;

    let mut temporary = path.as_os_str().to_owned();
    temporary.push(ending);
    let temporary = PathBuf::from(temporary);
    let _ = fs::remove_file(&temporary);
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::File::open(folder)?.sync_all()?;
    Ok(file)
}
