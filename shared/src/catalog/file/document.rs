//! A catalogue document in its file, as whoever changes it holds it: read once and kept in memory for as long as the file
//! is the same, changed under a lock, and put in the old one's place in one step.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use super::content::Content;
use super::{Outcome, parse, write_private_as};
use crate::catalog::document::CatalogDocument;

/// A catalogue file to read and change. Two programs that change it take turns, so that neither loses the other's change.
#[derive(Debug)]
pub struct DocumentFile {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    kept: Option<Kept>,
    /// Whether changes are gathered until they are settled.
    gathers: bool,
    /// Held while the document has changes that the file has not.
    unwritten: Option<fs::File>,
}

#[derive(Debug)]
struct Kept {
    document: CatalogDocument,
    content: Content,
}

impl DocumentFile {
    /// The file at this path. It is not read yet.
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_owned(), state: Mutex::default() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Asks the document, as it is in the file at this moment.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the file.
    pub fn read<T>(&self, ask: impl FnOnce(&CatalogDocument) -> T) -> Result<T, String> {
        Ok(ask(&self.state().current(&self.path)?.document))
    }

    /// Changes the document and writes it. `None` or an error from `apply`, which must leave the document as it is, leaves
    /// the file as it is.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the file.
    pub fn change<T: Outcome>(&self, apply: impl FnOnce(&mut CatalogDocument) -> T) -> Result<T, String> {
        let mut state = self.state();
        let lock = match state.unwritten {
            Some(_) => None,
            None => Some(lock(&self.path)?),
        };
        let outcome = apply(&mut state.current(&self.path)?.document);
        if outcome.is_to_be_kept() {
            if lock.is_some() {
                state.unwritten = lock;
            }
            if !state.gathers {
                state.write(&self.path)?;
            }
        }
        Ok(outcome)
    }

    /// From now on changes are gathered in memory, where this program sees them, until [`DocumentFile::settle`] writes
    /// them together. No other program changes the file in between.
    pub fn gather(&self) {
        self.state().gathers = true;
    }

    /// Writes what was gathered, all of it or, when that fails, nothing; then other programs have their turn.
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub fn settle(&self) -> Result<(), String> {
        self.state().write(&self.path)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| {
            // What stopped half-way is forgotten.
            let mut state = poisoned.into_inner();
            *state = State { gathers: state.gathers, ..State::default() };
            self.state.clear_poison();
            state
        })
    }
}

impl State {
    fn current(&mut self, path: &Path) -> Result<&mut Kept, String> {
        let is_current = |kept: &Kept| self.unwritten.is_some() || kept.content.is_still_at(path);
        match self.kept.take().filter(is_current) {
            Some(kept) => Ok(self.kept.insert(kept)),
            None => {
                let read = Content::read(path);
                let (content, text) = read.map_err(|error| format!("cannot read {}: {error}", path.display()))?;
                Ok(self.kept.insert(Kept { document: parse(path, &text)?, content }))
            }
        }
    }

    fn write(&mut self, path: &Path) -> Result<(), String> {
        let (Some(_lock), Some(mut kept)) = (self.unwritten.take(), self.kept.take()) else { return Ok(()) };
        let written = write_locked(path, &kept.document).and_then(Content::written);
        kept.content = written.map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        self.kept = Some(kept);
        Ok(())
    }
}

/// Writes a catalogue document where there is none yet. Of two programs that do so at once, one does. True when this one
/// did.
///
/// # Errors
/// When the folder cannot be written to.
pub fn begin(path: &Path, document: &CatalogDocument) -> Result<bool, String> {
    let _lock = lock(path)?;
    if path.exists() {
        return Ok(false);
    }
    write_locked(path, document).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    Ok(true)
}

/// Removes a catalogue file if there is one and it may go.
///
/// # Errors
/// What `may_go` says, or what is wrong with the file.
pub fn remove(path: &Path, may_go: impl FnOnce(&CatalogDocument) -> Result<(), String>) -> Result<(), String> {
    let _lock = lock(path)?;
    if !path.exists() {
        return Ok(());
    }
    may_go(&super::read(path)?)?;
    fs::remove_file(path).map_err(|error| format!("cannot remove {}: {error}", path.display()))
}

/// A lock for as long as the file is held. On a file of its own: the catalogue's is replaced by each change.
fn lock(path: &Path) -> Result<fs::File, String> {
    use std::os::unix::fs::OpenOptionsExt;

    let locked = || {
        let mut name = path.as_os_str().to_owned();
        name.push(".lock");
        let file = fs::OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(name)?;
        file.lock()?;
        Ok(file)
    };
    locked().map_err(|error: io::Error| format!("cannot lock {}: {error}", path.display()))
}

/// Writes a catalogue document in one step: a reader sees the old content or the new one, never half of it. Whoever has
/// the lock is alone in doing so, and what another left when it was stopped is written over.
fn write_locked(path: &Path, document: &CatalogDocument) -> io::Result<fs::File> {
    let mut text = serde_json::to_vec_pretty(document).map_err(io::Error::other)?;
    text.push(b'\n');
    write_private_as(path, ".tmp", &text)
}
