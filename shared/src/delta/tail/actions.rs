//! A text of actions read by itself: a commit, or a checkpoint's manifest in JSON.

use std::ops::Range;

use bytes::Bytes;

use super::{Source, lines, parse_line, problem_of, unreadable};
use crate::delta::action::{MetadataAction, ProtocolAction, SidecarAction, file_key};
use crate::delta::problem::Problem;
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
    /// What tells the file from others; nothing where that cannot be read.
    pub(super) key: Option<String>,
    /// Nothing where it is removed, for certain.
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
    pub(super) problem: Option<Problem>,
}

impl Actions {
    /// Reads a checkpoint's manifest, `name` in the log.
    ///
    /// # Errors
    /// [`Error::BadTable`] for a line that is no action and not about a file of which something is told.
    pub fn of_manifest(table: &TableLocation, version: Version, name: &str, text: Bytes) -> Result<Self, Error> {
        Self::of(table, Source::Manifest(version, name.to_owned()), text)
    }

    pub(super) fn of(table: &TableLocation, source: Source, text: Bytes) -> Result<Self, Error> {
        let (mut files, mut sidecars) = (Vec::new(), Vec::new());
        let (mut protocol, mut metadata) = (None, None);
        for range in lines(&text) {
            let line = match parse_line(&text, range.clone(), &source) {
                Ok(line) => line,
                // Whatever it says of the file, whoever may know of the file is told.
                Err(error) if unreadable(&text, &range).is_some() => {
                    let weight = Weight::default();
                    let added = Added { range, size: 0, vector: false, weight, problem: Some(error.into()) };
                    files.push(FileAction { key: None, added: Some(added) });
                    continue;
                }
                Err(error) => return Err(error),
            };
            if let Some(add) = line.add {
                let problem = problem_of(table, &add);
                let (vector, weight) = (add.deletion_vector.is_some(), of_add(table, &add));
                let added = Added { range, size: add.size, vector, weight, problem };
                let key = file_key(&add.path, add.deletion_vector.as_ref()).into_owned();
                files.push(FileAction { key: Some(key), added: Some(added) });
            }
            if let Some(remove) = line.remove {
                let key = file_key(&remove.path, remove.deletion_vector.as_ref()).into_owned();
                files.push(FileAction { key: Some(key), added: None });
            }
            protocol = line.protocol.or(protocol);
            metadata = line.meta_data.or(metadata);
            sidecars.extend(line.sidecar);
        }
        Ok(Self { source, text, files, protocol, metadata, sidecars })
    }
}
