//! What `_last_checkpoint` says (Delta protocol, "Last Checkpoint File"). Whatever is wrong with it, the listing decides: what
//! it names is asked for early and believed only when the listing or the manifest has shown the same.

use serde::Deserialize;

use super::action::SidecarAction;
use super::log_path::{LogFile, checkpoint_names, parse, sidecar_name};
use crate::limits::{CHECKPOINT_FOOTER_BYTES, CHECKPOINT_GUESSED_OBJECTS_MAX, CHECKPOINT_KEPT_BYTES};
use crate::model::version::Version;
use crate::storage::LogEntry;

/// A hint at the newest checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hint {
    /// The checkpoint's version.
    pub(super) version: Version,
    /// The objects that a listing should show.
    pub(super) listed: Vec<Named>,
    /// The sidecars that its manifest should name.
    pub(super) sidecars: Vec<Named>,
}

/// An object that may be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    /// Its name in the log.
    pub(super) name: String,
    /// How much of its end is read first.
    pub(super) first_bytes: u64,
}

#[derive(Deserialize)]
struct LastCheckpoint {
    version: u64,
}

/// What of it need not be there, or not be what it should.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Details {
    parts: Option<u32>,
    size_in_bytes: Option<u64>,
    v2_checkpoint: Option<V2Checkpoint>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct V2Checkpoint {
    path: String,
    size_in_bytes: u64,
    #[serde(default)]
    sidecar_files: Option<Vec<SidecarAction>>,
}

impl Hint {
    /// Reads the text; nothing where it tells no version.
    pub(super) fn read(text: &[u8]) -> Option<Self> {
        let version = Version::new(serde_json::from_slice::<LastCheckpoint>(text).ok()?.version);
        let Details { parts, size_in_bytes, v2_checkpoint } = serde_json::from_slice(text).unwrap_or_default();
        Some(match v2_checkpoint {
            Some(v2) => Self { version, listed: manifest(version, &v2), sidecars: sidecars(v2.sidecar_files) },
            None => Self { version, listed: classic(version, parts, size_in_bytes), sidecars: Vec::new() },
        })
    }

    /// Whether a listing shows the checkpoint that it speaks of.
    pub(super) fn is_of(&self, checkpoint: &[LogEntry]) -> bool {
        !checkpoint.is_empty()
            && checkpoint.iter().map(|entry| &entry.name).eq(self.listed.iter().map(|named| &named.name))
    }
}

/// How much of objects of these sizes is read first: small ones whole, as long as they fit the budget together.
pub(super) fn read_whole(sizes: impl IntoIterator<Item = u64>) -> impl Iterator<Item = bool> {
    let mut budget = CHECKPOINT_KEPT_BYTES;
    sizes.into_iter().map(move |size| {
        let whole = size <= budget;
        budget -= if whole { size } else { 0 };
        whole
    })
}

fn classic(version: Version, parts: Option<u32>, bytes: Option<u64>) -> Vec<Named> {
    let many = parts.unwrap_or(1).max(1);
    if many as usize > CHECKPOINT_GUESSED_OBJECTS_MAX {
        return Vec::new();
    }
    // Parts are of about the same size.
    let first_bytes = match bytes.filter(|bytes| *bytes <= CHECKPOINT_KEPT_BYTES) {
        Some(bytes) => bytes.min(2 * bytes / u64::from(many) + CHECKPOINT_FOOTER_BYTES),
        None => CHECKPOINT_FOOTER_BYTES,
    };
    checkpoint_names(version, parts).into_iter().map(|name| Named { name, first_bytes }).collect()
}

fn manifest(version: Version, v2: &V2Checkpoint) -> Vec<Named> {
    let of_this_version = match parse(&v2.path) {
        Some(LogFile::UuidCheckpoint(of)) => of == version,
        Some(LogFile::Checkpoint { version: of, parts, .. }) => of == version && parts == 1,
        Some(LogFile::Commit(_)) | None => false,
    };
    let first_bytes =
        if v2.size_in_bytes <= CHECKPOINT_KEPT_BYTES { v2.size_in_bytes } else { CHECKPOINT_FOOTER_BYTES };
    if of_this_version { vec![Named { name: v2.path.clone(), first_bytes }] } else { Vec::new() }
}

fn sidecars(files: Option<Vec<SidecarAction>>) -> Vec<Named> {
    let files = files.unwrap_or_default();
    let whole = read_whole(files.iter().map(|file| file.size_in_bytes));
    let named = files.iter().zip(whole).filter_map(|(file, whole)| {
        let first_bytes = if whole { file.size_in_bytes } else { CHECKPOINT_FOOTER_BYTES };
        Some(Named { name: sidecar_name(&file.path)?, first_bytes })
    });
    named.take(CHECKPOINT_GUESSED_OBJECTS_MAX).collect()
}

#[cfg(test)]
mod tests;
