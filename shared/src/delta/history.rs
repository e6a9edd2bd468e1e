//! When versions were committed, and which version was in force at a moment. A commit's time is its file's modification
//! time, pushed on so that times strictly increase; tables with in-commit timestamps carry their own
//! (Delta protocol, "In-Commit Timestamps").

use serde_json::Deserializer;

use super::action::Line;
use super::fetch::text_of;
use super::segment::Listing;
use super::{DeltaLog, no_table};
use crate::error::Error;
use crate::model::location::TableLocation;
use crate::model::table_state::Metadata;
use crate::model::version::{TimestampMs, Version};
use crate::storage::remembered::Keep;

/// The commits of a table with their times, as far as the log still has them.
#[derive(Debug)]
pub struct History<'a> {
    log: &'a DeltaLog,
    table: &'a TableLocation,
    listing: &'a Listing,
    /// Oldest first; times of files, strictly increasing.
    file_times: Vec<(Version, TimestampMs)>,
    /// From where on commits carry their own time.
    in_commit_since: Option<Version>,
}

impl DeltaLog {
    /// The history of a whole listing; reads the newest metadata to learn where commits carry their own time.
    pub(super) async fn history<'a>(
        &'a self,
        table: &'a TableLocation,
        listing: &'a Listing,
    ) -> Result<History<'a>, Error> {
        let newest = listing.segment(listing.latest().ok_or_else(no_table)?)?;
        let metadata = self.metadata_at(table, &newest).await?;
        Ok(self.history_with(table, listing, &metadata))
    }

    /// The history of a whole listing, given metadata that is in force.
    pub(super) fn history_with<'a>(
        &'a self,
        table: &'a TableLocation,
        listing: &'a Listing,
        metadata: &Metadata,
    ) -> History<'a> {
        self.history_since(table, listing, in_commit_since(metadata))
    }

    /// The history of a whole listing, knowing from where on commits carry their own time.
    pub(super) fn history_since<'a>(
        &'a self,
        table: &'a TableLocation,
        listing: &'a Listing,
        in_commit_since: Option<Version>,
    ) -> History<'a> {
        History { log: self, table, listing, file_times: strictly_increasing(listing.commit_times()), in_commit_since }
    }
}

/// From where on commits carry their own time, as metadata in force says.
pub(super) fn in_commit_since(metadata: &Metadata) -> Option<Version> {
    metadata.is_on("delta.enableInCommitTimestamps").then(|| {
        metadata
            .property("delta.inCommitTimestampEnablementVersion")
            .and_then(|text| text.parse().ok())
            .map_or(Version::ZERO, Version::new)
    })
}

impl History<'_> {
    /// When a version was committed; `None` when its commit is gone from the log.
    pub(super) async fn committed_at(&self, version: Version) -> Result<Option<TimestampMs>, Error> {
        let Ok(index) = self.file_times.binary_search_by_key(&version, |&(version, _)| version) else {
            return Ok(None);
        };
        Ok(Some(self.time(index).await?))
    }

    /// When a version was committed, given the time that its commit carries; `None` when the log does not list it.
    ///
    /// # Errors
    /// [`Error::BadTable`] when the commit carries no time and should.
    pub(super) fn time_given(
        &self,
        version: Version,
        carried: Option<TimestampMs>,
    ) -> Result<Option<TimestampMs>, Error> {
        let Ok(index) = self.file_times.binary_search_by_key(&version, |&(version, _)| version) else {
            return Ok(None);
        };
        match self.in_commit_since {
            Some(since) if version >= since => match carried {
                None => Err(no_time_in_commit(version)),
                carried => Ok(carried),
            },
            _ => Ok(self.file_times.get(index).map(|&(_, time)| time)),
        }
    }

    /// The first version committed at or after `at`, where a range may begin.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] when `at` lies before the first commit or after the last.
    pub(super) async fn range_start(&self, at: TimestampMs) -> Result<Version, Error> {
        self.last()?;
        if at < self.time(0).await? {
            return Err(self.before_first(at).await?);
        }
        self.first_since(at).await
    }

    /// The last version committed at or before `at`.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] when `at` lies before the first commit or after the last.
    pub(super) async fn in_force_at(&self, at: TimestampMs) -> Result<Version, Error> {
        let (last_index, latest) = self.last()?;
        let latest_time = self.time(last_index).await?;
        if at > latest_time {
            return Err(after_last(at, latest, latest_time));
        }
        let count = self.count_where(|time| time <= at).await?;
        match count.checked_sub(1).and_then(|index| self.file_times.get(index)) {
            Some(&(version, _)) => Ok(version),
            None => Err(self.before_first(at).await?),
        }
    }

    async fn before_first(&self, at: TimestampMs) -> Result<Error, Error> {
        let first = self.file_times.first().map_or(Version::ZERO, |&(version, _)| version);
        Ok(Error::InvalidParameter(format!(
            "The provided timestamp ({at}) is before the earliest available version {first}. Please use a timestamp greater \
             than or equal to {}.",
            self.time(0).await?
        )))
    }

    /// The first version committed at or after `at`.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] when `at` lies after the last commit.
    pub(super) async fn first_since(&self, at: TimestampMs) -> Result<Version, Error> {
        let (last_index, latest) = self.last()?;
        let index = self.count_where(|time| time < at).await?;
        match self.file_times.get(index) {
            Some(&(version, _)) => Ok(version),
            None => Err(after_last(at, latest, self.time(last_index).await?)),
        }
    }

    fn last(&self) -> Result<(usize, Version), Error> {
        let last = self.file_times.len().checked_sub(1).zip(self.file_times.last());
        last.map(|(index, &(version, _))| (index, version)).ok_or_else(|| {
            Error::InvalidParameter("The table's log holds no commits, so versions cannot be found by time.".into())
        })
    }

    /// How many commits, from the oldest on, have a time for which `holds`; true first, false after. Reads no more
    /// commits than a binary search needs, and only those that carry their own time.
    async fn count_where(&self, holds: impl Fn(TimestampMs) -> bool) -> Result<usize, Error> {
        let (mut low, mut high) = (0, self.file_times.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if holds(self.time(middle).await?) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }

    async fn time(&self, index: usize) -> Result<TimestampMs, Error> {
        let &(version, file_time) = self.file_times.get(index).ok_or(Error::defect("no such commit in the history"))?;
        match self.in_commit_since {
            Some(since) if version >= since => self.in_commit_time(version).await,
            _ => Ok(file_time),
        }
    }

    async fn in_commit_time(&self, version: Version) -> Result<TimestampMs, Error> {
        let entry = self.listing.commit(version).ok_or(Error::defect("no such commit in the history"))?;
        let text = text_of(&self.log.store, self.table, entry, Keep::Yes).await?;
        // commitInfo is the first action of such a commit.
        let first = Deserializer::from_slice(&text).into_iter::<Line<'_>>().next();
        let time =
            first.and_then(Result::ok).and_then(|line| line.commit_info).and_then(|info| info.in_commit_timestamp);
        time.map(TimestampMs::new).ok_or_else(|| no_time_in_commit(version))
    }
}

fn no_time_in_commit(version: Version) -> Error {
    Error::BadTable(format!(
        "The table's log is damaged: version {version} carries no in-commit timestamp though the table has them."
    ))
}

/// Pushes a time that is not after the one before it to one millisecond after.
fn strictly_increasing(mut times: Vec<(Version, TimestampMs)>) -> Vec<(Version, TimestampMs)> {
    let mut before: Option<TimestampMs> = None;
    for (_, time) in &mut times {
        if let Some(before) = before
            && *time <= before
        {
            *time = TimestampMs::new(before.millis() + 1);
        }
        before = Some(*time);
    }
    times
}

fn after_last(at: TimestampMs, latest: Version, latest_time: TimestampMs) -> Error {
    Error::InvalidParameter(format!(
        "The provided timestamp ({at}) is after the latest available version {latest}. Please use a timestamp less than or \
         equal to {latest_time}."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_and_steps_back_are_pushed_on() {
        let times = [5, 5, 3, 9, 9].iter().enumerate();
        let times = times.map(|(v, &t)| (Version::new(v as u64), TimestampMs::new(t))).collect();
        let pushed: Vec<i64> = strictly_increasing(times).iter().map(|(_, t)| t.millis()).collect();
        assert_eq!(pushed, [5, 6, 7, 9, 10]);
    }
}
