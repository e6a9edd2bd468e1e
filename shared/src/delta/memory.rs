//! Where the listing of a table's newest version began, and what is kept of opened checkpoints. The first is a guess that the
//! next listing confirms or not; the second is known by the objects themselves.

use super::action::SidecarAction;
use super::checkpoint::Part;
use super::segment::Segment;
use crate::bounded::Bounded;
use crate::limits::LOG_STARTS_REMEMBERED_MAX;
use crate::model::location::TableLocation;
use crate::model::version::Version;
use crate::storage::remembered::{Keepable, Remembered};

/// Where to begin a listing that shows the newest version whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// Nothing is known of the table.
    Unknown,
    /// At this checkpoint; at the log's beginning where there was none.
    At(Option<Version>),
}

/// The memory of all clones of a reader. It ends with the last of them.
#[derive(Debug)]
pub(super) struct Memory {
    /// Where the listings of tables began; nothing where nothing is kept.
    starts: Option<Bounded<TableLocation, Start>>,
    store: Remembered,
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.store.forget();
    }
}

impl Memory {
    /// What belongs to this store's memory.
    pub(super) fn of(store: Remembered) -> Self {
        Self { starts: (store.max_bytes() > 0).then(|| Bounded::new(LOG_STARTS_REMEMBERED_MAX)), store }
    }

    pub(super) fn start(&self, table: &TableLocation) -> Start {
        self.starts.as_ref().and_then(|starts| starts.get(table)).unwrap_or(Start::Unknown)
    }

    /// Remembers where the listing of this table's newest version may begin.
    pub(super) fn begin(&self, table: &TableLocation, segment: &Segment) {
        self.set(table, Start::At(segment.checkpoint_version));
    }

    /// Forgets where it began: the log does not go on from there.
    pub(super) fn forget(&self, table: &TableLocation) {
        self.set(table, Start::Unknown);
    }

    fn set(&self, table: &TableLocation, start: Start) {
        if let Some(starts) = &self.starts {
            starts.insert(table, start);
        }
    }
}

/// What a listing shows of a checkpoint, opened: its parts, or its manifest with the sidecars that it names.
#[derive(Debug, Clone, Default)]
pub(super) struct Opened {
    pub(super) parts: Vec<Part>,
    pub(super) sidecars: Vec<SidecarAction>,
}

/// The sidecars of a checkpoint, opened. No listing shows them: the manifest tells their names, which no other object ever
/// has (Delta protocol, "Sidecar Files").
#[derive(Debug, Clone, Default)]
pub(super) struct Sidecars(pub(super) Vec<Part>);

impl Keepable for Opened {
    const KIND: &'static str = "checkpoint";

    fn light(&self) -> Option<(Self, u64)> {
        let (parts, bytes) = light_parts(&self.parts)?;
        let named = self.sidecars.iter().map(|sidecar| sidecar.path.len() as u64 + 64).sum::<u64>();
        Some((Self { parts, sidecars: self.sidecars.clone() }, bytes + named))
    }
}

impl Keepable for Sidecars {
    const KIND: &'static str = "sidecars";

    fn light(&self) -> Option<(Self, u64)> {
        light_parts(&self.0).map(|(parts, bytes)| (Self(parts), bytes))
    }
}

/// Parts as they are kept.
pub(super) fn light_parts(parts: &[Part]) -> Option<(Vec<Part>, u64)> {
    let light: Option<Vec<(Part, u64)>> = parts.iter().map(Part::light).collect();
    let (parts, bytes): (Vec<Part>, Vec<u64>) = light?.into_iter().unzip();
    Some((parts, bytes.into_iter().sum()))
}
