//! A look at a table before it is shared: as the server would read it, or else as the operator.

use std::path::Path;

use aws_config::SdkConfig;
use shared::model::location::TableLocation;
use shared::provider::tables::NewTable;

use super::Target;
use crate::inspect::Inspection;
use crate::inspect::bucket::{Bucket, Role, Route};
use crate::locations::Place;

impl Target {
    /// Looks at a table that is to be added, as the server would, or else as the operator. Returns what was found, the
    /// region of its bucket when it is not the server's own, and what the operator should know.
    ///
    /// # Errors
    /// A sentence for the person at the terminal.
    pub async fn inspect(&self, place: &Place, new: &NewTable) -> Result<Looked, String> {
        let role = new.role_arn.clone().map(|arn| Role { arn, external_id: new.external_id.clone() });
        let reading = Reading {
            auxiliary_locations: &new.auxiliary_locations,
            region: new.region.as_deref(),
            endpoint: new.endpoint.as_deref(),
            role,
        };
        self.look_at(place, reading).await
    }

    /// The same, for a table that is added to no share yet.
    ///
    /// # Errors
    /// A sentence for the person at the terminal.
    pub async fn look_at(&self, place: &Place, new: Reading<'_>) -> Result<Looked, String> {
        let location = match place {
            Place::Folder(folder) => {
                let inspection = Inspection::of_folder(folder).await?;
                inspection.check_elsewhere(&named(place, new.auxiliary_locations)?)?;
                return Ok(Looked { inspection, region: None, note: None });
            }
            Place::Bucket(location) => location.clone(),
        };
        let auxiliary_locations = new.auxiliary_locations;
        let Reached { bucket, config, route, region, note } = self.reached(location, new).await?;
        for text in auxiliary_locations {
            bucket.check_beside(&config, text, &route).await?;
        }
        let inspection = bucket.inspect().await?;
        inspection.check_elsewhere(&named(place, auxiliary_locations)?)?;
        Ok(Looked { inspection, region, note })
    }

    /// A client that reads a table's log as the server would, or else as the operator, and what the operator should know.
    ///
    /// # Errors
    /// A sentence for the person at the terminal.
    pub async fn log_client(
        &self,
        location: TableLocation,
        reading: Reading<'_>,
    ) -> Result<(aws_sdk_s3::Client, Option<String>), String> {
        let Reached { bucket, note, .. } = self.reached(location, reading).await?;
        Ok((bucket.client(), note))
    }

    /// Reaches a bucket as the server would, or else as the operator.
    pub(super) async fn reached(&self, location: TableLocation, new: Reading<'_>) -> Result<Reached, String> {
        let route = self.route(new.region, new.endpoint, new.role);
        let own = self.aws_config().await;
        let (config, note) = match &route.role {
            None => (own.clone(), None),
            Some(role) => match crate::inspect::bucket::assume(&own, role).await {
                Ok(session) => (session, None),
                Err(why) => {
                    let note = format!(
                        "looked at with your own credentials: {} cannot be assumed by you ({why}), so whether the \
                         server may read the table was not seen",
                        role.arn
                    );
                    (own.clone(), Some(note))
                }
            },
        };
        let bucket = Bucket::find(&config, location, &route).await?;
        let servers = own.region().map(|region| region.as_ref());
        let elsewhere = bucket.endpoint().is_none() && servers.is_some_and(|region| region != bucket.region());
        let region = elsewhere.then(|| bucket.region().to_owned());
        Ok(Reached { bucket, config, route, region, note })
    }
}

/// A bucket, and how it was reached.
#[derive(Debug)]
pub(super) struct Reached {
    pub(super) bucket: Bucket,
    config: SdkConfig,
    route: Route,
    /// Its region, when it is another than the server's.
    pub(super) region: Option<String>,
    /// What the operator should know.
    pub(super) note: Option<String>,
}

/// A table's location as far as its log's paths go: where it leads is not asked.
pub fn named(place: &Place, auxiliary: &[String]) -> Result<TableLocation, String> {
    let location = |place: &Place| match place {
        Place::Bucket(location) => location.clone(),
        Place::Folder(folder) => TableLocation::new("", "").of_folder(&folder.to_string_lossy()),
    };
    let places =
        auxiliary.iter().map(|text| crate::locations::place(text, Path::new("/")).map(|place| location(&place)));
    Ok(location(place).with_auxiliary(places.collect::<Result<Vec<_>, _>>()?))
}

/// How a table would be read.
#[derive(Debug)]
pub struct Reading<'a> {
    /// Where else its log may name files.
    pub auxiliary_locations: &'a [String],
    /// The bucket's region.
    pub region: Option<&'a str>,
    /// The bucket's endpoint.
    pub endpoint: Option<&'a str>,
    /// By which role.
    pub role: Option<Role>,
}

/// What a look at a table gave.
#[derive(Debug)]
pub struct Looked {
    /// The table.
    pub inspection: Inspection,
    /// Its bucket's region, when it is another than the server's.
    pub region: Option<String>,
    /// What the operator should know.
    pub note: Option<String>,
}
