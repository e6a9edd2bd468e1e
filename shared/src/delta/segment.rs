//! Which objects of a log make up one version: the newest usable checkpoint at or before it, and every commit after
//! that. A commit that is not there is an error that names it, never a shorter table.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::log_path::{LogFile, commit_name, parse};
use crate::error::Error;
use crate::limits::COMMITS_PER_SNAPSHOT_MAX;
use crate::model::version::{TimestampMs, Version};
use crate::storage::LogEntry;
use crate::storage::remembered::Source;

/// A log's listing, read into types.
#[derive(Debug, Clone, Default)]
pub struct Listing {
    commits: BTreeMap<Version, LogEntry>,
    /// One of each version, whole: a v2 checkpoint's manifest, or all parts of a classic one in their order.
    checkpoints: BTreeMap<Version, Vec<LogEntry>>,
}

/// The objects that make up one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// The version.
    pub version: Version,
    /// The checkpoint's manifest, or its parts in order; empty when the log starts at version 0.
    pub checkpoint: Vec<LogEntry>,
    /// The version of the checkpoint, when there is one.
    pub checkpoint_version: Option<Version>,
    /// The commits after the checkpoint, oldest first.
    pub commits: Vec<(Version, LogEntry)>,
}

/// Which objects made up a version. The order of a snapshot's files is that of its objects, and a checkpoint written later
/// brings the same files in another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// The version of the checkpoint, when there was one.
    pub checkpoint: Option<Version>,
    /// A digest of the objects' names, sizes and times.
    pub objects: [u8; 32],
}

impl Segment {
    /// What has to be the same for the files to come in the same order.
    pub fn layout(&self) -> Layout {
        let mut digest = Sha256::new();
        for entry in self.checkpoint.iter().chain(self.commits.iter().map(|(_, entry)| entry)) {
            digest.update((entry.name.len() as u64).to_be_bytes());
            digest.update(entry.name.as_bytes());
            digest.update(entry.size.to_be_bytes());
            digest.update(entry.modified.millis().to_be_bytes());
        }
        Layout { checkpoint: self.checkpoint_version, objects: digest.finalize().into() }
    }

    /// What tells these objects from any others, contents included; nothing where the storage does not tell contents apart.
    pub fn identity(&self) -> Option<Source> {
        identity_of(self.checkpoint.iter().chain(self.commits.iter().map(|(_, entry)| entry)))
    }

    /// The same for the checkpoint alone.
    pub fn checkpoint_identity(&self) -> Option<Source> {
        identity_of(self.checkpoint.iter())
    }

    /// The sizes of the commits.
    pub fn commit_sizes(&self) -> impl Iterator<Item = u64> + '_ {
        self.commits.iter().map(|(_, entry)| entry.size)
    }
}

fn identity_of<'a>(entries: impl Iterator<Item = &'a LogEntry>) -> Option<Source> {
    let mut digest = Sha256::new();
    for entry in entries {
        for text in [entry.name.as_str(), entry.etag.as_deref()?] {
            digest.update((text.len() as u64).to_be_bytes());
            digest.update(text.as_bytes());
        }
        digest.update(entry.size.to_be_bytes());
        digest.update(entry.modified.millis().to_be_bytes());
    }
    Some(digest.finalize().into())
}

impl Listing {
    /// Sorts a listing. Names that are not the log's, and sets of parts that are not whole, are left out. So are compacted
    /// commits (`x.y.compacted.json`): the commits that they repeat are read themselves, and the order of files does not
    /// depend on when somebody compacted.
    pub fn new(entries: Vec<LogEntry>) -> Self {
        let mut listing = Self::default();
        let mut parts_of: BTreeMap<(Version, u32), BTreeMap<u32, LogEntry>> = BTreeMap::new();
        for entry in entries {
            match parse(&entry.name) {
                Some(LogFile::Commit(version)) => {
                    listing.commits.insert(version, entry);
                }
                Some(LogFile::Checkpoint { version, part, parts }) => {
                    parts_of.entry((version, parts)).or_default().insert(part, entry);
                }
                // Written by different hands, they hold the same state; any one will do.
                Some(LogFile::UuidCheckpoint(version)) => {
                    listing.checkpoints.insert(version, vec![entry]);
                }
                None => {}
            }
        }
        for ((version, parts), found) in parts_of {
            if found.len() == parts as usize {
                // Sets of the same version hold the same state; the one in fewer parts is met first and kept.
                listing.checkpoints.entry(version).or_insert_with(|| found.into_values().collect());
            }
        }
        listing
    }

    /// The newest version that the log has.
    pub fn latest(&self) -> Option<Version> {
        let commit = self.commits.keys().next_back().copied();
        let checkpoint = self.checkpoints.keys().next_back().copied();
        commit.max(checkpoint)
    }

    /// The oldest version that can still be put together: the log's start, or else its oldest checkpoint.
    pub fn earliest(&self) -> Option<Version> {
        if self.commits.contains_key(&Version::ZERO) {
            return Some(Version::ZERO);
        }
        self.checkpoints.keys().next().copied()
    }

    /// A commit of the listing.
    pub fn commit(&self, version: Version) -> Option<&LogEntry> {
        self.commits.get(&version)
    }

    /// The commits with the times of their files, oldest first.
    pub fn commit_times(&self) -> Vec<(Version, TimestampMs)> {
        self.commits.iter().map(|(version, entry)| (*version, entry.modified)).collect()
    }

    /// The objects that make up `version`.
    ///
    /// # Errors
    /// [`Error::BadTable`] when a commit is missing, [`Error::Unsupported`] when there are too many commits.
    pub fn segment(&self, version: Version) -> Result<Segment, Error> {
        self.segment_on(self.checkpoints.range(..=version).next_back(), version)
    }

    /// The objects that made up `version` before, whatever checkpoints there are by now.
    ///
    /// # Errors
    /// [`Error::VersionNotFound`] when the log no longer has them all as they were.
    pub fn segment_again(&self, version: Version, layout: Layout) -> Result<Segment, Error> {
        let checkpoint = layout.checkpoint.and_then(|at| self.checkpoints.get_key_value(&at));
        let segment = self.segment_on(checkpoint, version).ok();
        segment.filter(|segment| segment.layout() == layout).ok_or_else(|| {
            Error::VersionNotFound(format!(
                "The table's log no longer has version {version} as it was when the query began. Please restart the query."
            ))
        })
    }

    fn segment_on(&self, checkpoint: Option<(&Version, &Vec<LogEntry>)>, version: Version) -> Result<Segment, Error> {
        let (checkpoint_version, parts) = match checkpoint {
            Some((at, parts)) => (Some(*at), parts.clone()),
            None => (None, Vec::new()),
        };
        let first = checkpoint_version.map_or(Version::ZERO, Version::next);
        let mut commits = Vec::new();
        let mut next = first;
        for (at, entry) in self.commits.range(first..) {
            if *at != next || *at > version {
                break;
            }
            commits.push((*at, entry.clone()));
            next = next.next();
        }
        if next <= version {
            return Err(gap(next));
        }
        if commits.len() > COMMITS_PER_SNAPSHOT_MAX {
            return Err(Error::Unsupported(format!(
                "The table has {} commits after its last checkpoint, more than {COMMITS_PER_SNAPSHOT_MAX}. Ask the share \
                 provider to write a checkpoint.",
                commits.len()
            )));
        }
        Ok(Segment { version, checkpoint: parts, checkpoint_version, commits })
    }
}

fn gap(missing: Version) -> Error {
    Error::BadTable(format!(
        "The table's log is damaged: version {missing} is missing ({}) and no checkpoint covers it. Ask the share provider \
         to repair the table.",
        commit_name(missing)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(names: &[&str]) -> Listing {
        let entry =
            |name: &&str| LogEntry { name: (*name).to_owned(), size: 1, modified: TimestampMs::new(0), etag: None };
        Listing::new(names.iter().map(entry).collect())
    }

    fn commits(range: std::ops::RangeInclusive<u64>) -> Vec<String> {
        range.map(|v| commit_name(Version::new(v))).collect()
    }

    fn of(names: Vec<String>) -> Listing {
        listing(&names.iter().map(String::as_str).collect::<Vec<_>>())
    }

    #[test]
    fn newest_complete_checkpoint_wins() {
        let mut names = commits(0..=12);
        names.push(format!("{:020}.checkpoint.parquet", 5));
        names.push(format!("{:020}.checkpoint.{:010}.{:010}.parquet", 10, 1, 2));
        let log = of(names.clone());
        let segment = log.segment(Version::new(12)).unwrap();
        assert_eq!(segment.checkpoint_version, Some(Version::new(5)), "a set of one of two parts is no checkpoint");
        assert_eq!(segment.commits.len(), 7);

        names.push(format!("{:020}.checkpoint.{:010}.{:010}.parquet", 10, 2, 2));
        let log = of(names);
        let segment = log.segment(Version::new(12)).unwrap();
        assert_eq!((segment.checkpoint.len(), segment.commits.len()), (2, 2));
        assert_eq!(log.segment(Version::new(9)).unwrap().checkpoint_version, Some(Version::new(5)));
        assert_eq!(log.segment(Version::new(4)).unwrap().checkpoint_version, None);
        assert_eq!(log.latest(), Some(Version::new(12)));
    }

    #[test]
    fn a_gap_is_named() {
        let mut names = commits(0..=9);
        names.remove(3);
        let error = of(names.clone()).segment(Version::new(9)).unwrap_err().public();
        assert!(error.contains("version 3 is missing"), "{error}");
        assert!(of(names).segment(Version::new(2)).is_ok());
    }

    #[test]
    fn a_cleaned_log_starts_at_its_checkpoint() {
        let mut names = commits(8..=9);
        names.push(format!("{:020}.checkpoint.parquet", 7));
        let log = of(names);
        assert_eq!(log.segment(Version::new(9)).unwrap().commits.len(), 2);
        assert_eq!(log.segment(Version::new(7)).unwrap().commits.len(), 0);
        assert!(log.segment(Version::new(6)).is_err());
    }

    #[test]
    fn a_v2_checkpoint_counts_like_any_other() {
        let uuid =
            |version: u64, kind: &str| format!("{version:020}.checkpoint.80a083e8-7026-4e79-81be-64bd76c43a11.{kind}");
        let mut names = commits(6..=9);
        names.extend([uuid(5, "json"), uuid(8, "parquet")]);
        let log = of(names.clone());
        assert_eq!(log.segment(Version::new(7)).unwrap().checkpoint.first().unwrap().name, uuid(5, "json"));
        assert_eq!(log.segment(Version::new(9)).unwrap().checkpoint.first().unwrap().name, uuid(8, "parquet"));
        assert_eq!(log.earliest(), Some(Version::new(5)));
        names.push(format!("{:020}.checkpoint.parquet", 8));
        let both = of(names).segment(Version::new(9)).unwrap().checkpoint;
        assert_eq!(both.len(), 1, "two checkpoints of one version are not two parts of one");
    }

    #[test]
    fn a_version_is_put_together_again_from_the_same_objects_or_not_at_all() {
        let checkpoint = |version: u64| format!("{version:020}.checkpoint.parquet");
        let version = Version::new(8);
        for old in [None, Some(5)] {
            let mut names = commits(0..=8);
            names.extend(old.map(checkpoint));
            let before = of(names.clone()).segment(version).unwrap();
            assert_eq!(before.checkpoint_version, old.map(Version::new));
            // Newer commits and checkpoints, also one of this very version.
            names.extend(commits(9..=12));
            names.extend([checkpoint(8), checkpoint(10)]);
            let log = of(names.clone());
            assert_ne!(log.segment(version).unwrap(), before);
            assert_eq!(log.segment_again(version, before.layout()).unwrap(), before);
            let refused = |names: Vec<String>| {
                let error = of(names).segment_again(version, before.layout()).unwrap_err();
                assert!(matches!(error, Error::VersionNotFound(_)), "{error:?}");
            };
            refused(names.iter().filter(|name| **name != commit_name(Version::new(7))).cloned().collect());
            if let Some(old) = old {
                refused(names.iter().filter(|name| **name != checkpoint(old)).cloned().collect());
            }
            let mut entry = before.clone();
            entry.commits[0].1.modified = TimestampMs::new(1);
            assert_ne!(entry.layout(), before.layout(), "an object written anew is another one");
        }
    }

    #[test]
    fn compacted_commits_and_checksums_change_nothing() {
        let mut names = commits(0..=4);
        let plain = of(names.clone()).segment(Version::new(4)).unwrap();
        names.extend([format!("{:020}.{:020}.compacted.json", 1, 3), format!("{:020}.crc", 4)]);
        assert_eq!(of(names).segment(Version::new(4)).unwrap(), plain);
    }
}
