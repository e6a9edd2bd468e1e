//! A text of actions read by itself: a commit, or a checkpoint's manifest in JSON.

use std::ops::Range;

use bytes::Bytes;

use super::{Source, lines, parse_line, problem_of};
use crate::delta::action::{MetadataAction, ProtocolAction, SidecarAction, file_key};
use crate::delta::weight::of_add;
use crate::error::Error;
use crate::model::location::TableLocation;
use crate::model::version::Version;
use crate::model::weight::Weight;

/// What a text of actions says by itself, whatever newer texts say.
#[derive(Debug)]
pub struct Actions {
    pub(super) source: Source,
    pub(super) text: Bytes,
    /// In the text's order.
    pub(super) files: Vec<FileAction>,
    pub(super) protocol: Option<ProtocolAction>,
    pub(super) metadata: Option<MetadataAction>,
    /// The sidecars that it names.
    pub sidecars: Vec<SidecarAction>,
}

/// A file action as the first pass needs it.
#[derive(Debug)]
pub(super) struct FileAction {
    pub(super) key: String,
    pub(super) added: Option<Added>,
}

#[derive(Debug)]
pub(super) struct Added {
    /// Where the line stands.
    pub(super) range: Range<usize>,
    pub(super) size: u64,
    pub(super) vector: bool,
    pub(super) weight: Weight,
    /// Why it cannot be shared, if it cannot.
    pub(super) problem: Option<Error>,
}

impl Actions {
    /// Reads a checkpoint's manifest, `name` in the log.
    ///
    /// # Errors
    /// [`Error::BadTable`] for a line that is no action.
    pub fn of_manifest(table: &TableLocation, version: Version, name: &str, text: Bytes) -> Result<Self, Error> {
        Self::of(table, Source::Manifest(version, name.to_owned()), text)
    }

    pub(super) fn of(table: &TableLocation, source: Source, text: Bytes) -> Result<Self, Error> {
        let (mut files, mut sidecars) = (Vec::new(), Vec::new());
        let (mut protocol, mut metadata) = (None, None);
        for (number, range) in lines(&text).enumerate() {
            let line = parse_line(&text, range.clone(), &source, number)?;
            if let Some(add) = line.add {
                let problem = problem_of(table, &add);
                let (vector, weight) = (add.deletion_vector.is_some(), of_add(table, &add));
                let added = Added { range, size: add.size, vector, weight, problem };
                let key = file_key(&add.path, add.deletion_vector.as_ref()).into_owned();
                files.push(FileAction { key, added: Some(added) });
            }
            if let Some(remove) = line.remove {
                let key = file_key(&remove.path, remove.deletion_vector.as_ref()).into_owned();
                files.push(FileAction { key, added: None });
            }
            protocol = line.protocol.or(protocol);
            metadata = line.meta_data.or(metadata);
            sidecars.extend(line.sidecar);
        }
        Ok(Self { source, text, files, protocol, metadata, sidecars })
    }
}
