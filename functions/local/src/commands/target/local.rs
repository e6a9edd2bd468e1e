//! The catalogue of a state folder.

use std::path::Path;
use std::sync::Arc;

use shared::auth::mint::PlainMint;
use shared::catalog::document::CatalogDocument;
use shared::catalog::embedded::write::EmbeddedProviderCatalog;
use shared::catalog::event::Recorder;
use shared::catalog::file;
use shared::clock::Clock;
use shared::provider::Provider;

use super::{Beginning, operator};
use crate::state::StateFolder;

/// A catalogue that was opened.
pub(super) struct Opened {
    /// The folder, if it is there.
    pub(super) state: Option<StateFolder>,
    /// What is in it.
    pub(super) catalog: EmbeddedProviderCatalog,
    /// The same, for what is done to it.
    pub(super) provider: Provider,
}

/// Opens it. Where there is none, only a command that puts the first thing in begins one: whoever merely looks may have
/// named the wrong folder.
pub(super) fn open(folder: &Path, beginning: Beginning, clock: Arc<dyn Clock>) -> Result<Opened, String> {
    let recorder = Recorder::new(Arc::new(operator::of_this_machine()), Arc::clone(&clock));
    let opened = |state, catalog: EmbeddedProviderCatalog| {
        let provider = Provider::new(Arc::new(catalog.clone()), Box::new(|_| Arc::new(PlainMint)), clock);
        Opened { state, catalog, provider }
    };
    if beginning == Beginning::OnACopy {
        let state = if folder.is_dir() { Some(StateFolder::open(folder)?) } else { None };
        let file = state.as_ref().map(StateFolder::catalogue).filter(|file| file.exists());
        let catalog = match file {
            Some(file) => EmbeddedProviderCatalog::copy_of_file(&file)?,
            None => EmbeddedProviderCatalog::in_memory(CatalogDocument::empty()),
        };
        return Ok(opened(state, catalog));
    }
    if beginning == Beginning::NotHere && !folder.is_dir() {
        return Err(nothing_in(folder));
    }
    let state = StateFolder::open(folder)?;
    let catalogue = state.catalogue();
    if !catalogue.exists() {
        match beginning {
            // Another operator may begin it at the same moment.
            Beginning::Here => {
                file::begin(&catalogue, &CatalogDocument::empty())?;
            }
            Beginning::NotHere | Beginning::OnACopy => return Err(nothing_in(folder)),
        }
    }
    let catalog = EmbeddedProviderCatalog::open(&catalogue)?.recorded(recorder);
    Ok(opened(Some(state), catalog))
}

fn nothing_in(folder: &Path) -> String {
    format!(
        "there is no catalogue in {} yet; begin one with: spillway share create NAME, or name another folder with --state",
        folder.display()
    )
}
