//! The places of schemas in an index.

use super::{Asking, Index, Locate, SchemaNode};
use crate::catalog::document::PlaceEntry;
use crate::catalog::located::LocatedSchema;
use crate::catalog::reach;
use crate::error::Error;
use crate::model::location::TableLocation;
use crate::model::name::SchemaName;
use crate::model::rule::Window;
use crate::model::securable::{History, Share};
use crate::model::version::Version;

impl Index {
    pub(in crate::catalog) fn located(&self, asking: Asking<'_>, share: &str, schema: &str) -> Option<LocatedSchema> {
        let (node, window) = self.node_and_window(asking, share).ok()?;
        let schema = node.schemas.get(*node.by_name.get(SchemaName::parse(schema).ok()?.folded())?)?;
        schema.located(&node.share, window)
    }

    pub(in crate::catalog) fn all_located(&self, asking: Asking<'_>, share: &str) -> Result<Vec<LocatedSchema>, Error> {
        let (node, window) = self.node_and_window(asking, share)?;
        Ok(node.schemas.iter().filter_map(|schema| schema.located(&node.share, window)).collect())
    }
}

impl SchemaNode {
    fn located(&self, share: &Share, window: Window) -> Option<LocatedSchema> {
        let (location, history) = self.place.clone()?;
        Some(LocatedSchema {
            share: share.name.clone(),
            share_id: share.id.clone(),
            name: self.schema.name.clone(),
            location,
            history,
            window,
        })
    }
}

pub(super) fn place_of(entry: &PlaceEntry, locate: Locate<'_>) -> Result<(TableLocation, History), String> {
    let reach =
        reach::from_parts(entry.region.as_deref(), None, entry.role_arn.as_deref(), entry.external_id.as_deref())?;
    let location = locate(&entry.location).map_err(|error| format!("its location {error}"))?.reached_by(reach);
    let history = if entry.history_shared { History::SharedFrom(Version::ZERO) } else { History::NotShared };
    Ok((location, history))
}
