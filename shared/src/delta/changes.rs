//! What happened to a table between two versions: its commits one by one, oldest first. Everything that could stand in
//! the way is settled by reading the range once; then the changes are handed on from the commits' own text.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::fetch::Fetcher;
use super::guess::Guesses;
use super::history::in_commit_since;
use super::in_order::InOrder;
use super::reading::blocking;
use super::scope::Narrowed;
use super::segment::Listing;
use super::{DeltaLog, Scope, Wants, named_segment, no_table};
use crate::error::Error;
use crate::limits::{COMMIT_TEXT_KEPT_BYTES, COMMITS_PER_RANGE_MAX};
use crate::model::capability::Need;
use crate::model::change::Change;
use crate::model::location::TableLocation;
use crate::model::table_state::{Metadata, Protocol, Totals};
use crate::model::version::{TimestampMs, Version};
use crate::model::weight::Weight;
use crate::storage::LogEntry;

mod commit;
mod line;
mod state;

use commit::{ChangeCommit, Findings};
use state::{RangeState, add_needs};

/// Which changes are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Files added and removed, whether or not changes were recorded. The end must be there.
    Files,
    /// The change data feed. An end after the newest version means that one.
    Feed,
}

/// One end of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// This version.
    Version(Version),
    /// The first version at or after this moment where it begins a range, the last at or before where it ends one.
    Timestamp(TimestampMs),
}

/// A range that the log has, both ends in it.
#[derive(Debug)]
pub struct Range {
    /// The first version.
    pub start: Version,
    /// The last version.
    pub end: Version,
    /// The newest version of the table.
    pub latest: Version,
    kind: Kind,
    listing: Listing,
}

/// A commit's version and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// The version that it made.
    pub version: Version,
    /// When.
    pub at: TimestampMs,
}

/// What goes between the changes of commits after the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inlined {
    /// Every `metaData` action.
    pub metadata: bool,
    /// Every `protocol` action.
    pub protocol: bool,
}

/// Takes changes, one by one.
pub trait ChangeSink {
    /// A change of a commit.
    ///
    /// # Errors
    /// Whatever stops the work.
    fn change(&mut self, committed: Committed, change: &Change<'_>) -> Result<(), Error>;

    /// A commit's metadata.
    ///
    /// # Errors
    /// Whatever stops the work.
    fn metadata(&mut self, committed: Committed, metadata: &Metadata) -> Result<(), Error>;

    /// A commit's protocol.
    ///
    /// # Errors
    /// Whatever stops the work.
    fn protocol(&mut self, committed: Committed, protocol: &Protocol) -> Result<(), Error>;
}

/// The state that an answer begins with.
#[derive(Debug)]
pub struct HeadState {
    /// The version that it is the state of.
    pub version: Version,
    /// The protocol in force.
    pub protocol: Protocol,
    /// The metadata in force.
    pub metadata: Metadata,
    /// How many files there are, and how large they are together.
    pub totals: Totals,
}

/// A range whose changes can be handed on.
#[derive(Debug)]
pub struct Changes {
    /// What the answer begins with.
    pub head: HeadState,
    /// Features that a reader must know for any part of the answer.
    pub needs: Vec<Need>,
    /// The schemas of metadata within the range, each once.
    pub schemas: BTreeSet<String>,
    /// The commits.
    pub commits: ChangeCommits,
}

/// The commits of a range, to be read again.
#[derive(Debug)]
pub struct ChangeCommits {
    /// From where on commits carry their own time.
    pub in_commit_since: Option<Version>,
    /// How much they say of the files that they tell of.
    pub weight: Weight,
    start: Version,
    commits: Vec<(Committed, LogEntry, ChangeCommit)>,
    /// Further commits were left out, for these hold enough.
    cut: bool,
    fetcher: Fetcher,
    scope: Scope,
}

/// The rest of a range whose first changes were handed on before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rest {
    /// The version to go on with.
    pub from: Version,
    /// So many changes are enough; the commits after them are not read.
    pub enough: Option<u64>,
    /// [`ChangeCommits::in_commit_since`] of the answer before.
    pub in_commit_since: Option<Version>,
}

/// Commits that were read once, each with the time that it carries itself.
struct SettledCommits {
    commits: Vec<(Version, ChangeCommit, Option<TimestampMs>)>,
    cut: bool,
    weight: Weight,
}

impl DeltaLog {
    /// Finds both ends of a range.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] when the log does not reach from one end to the other.
    pub async fn range(
        &self,
        table: &TableLocation,
        kind: Kind,
        start: Bound,
        end: Option<Bound>,
    ) -> Result<Range, Error> {
        let listing = self.listing(table, None).await?;
        let latest = listing.latest().ok_or_else(no_table)?;
        let by_time = [Some(start), end].iter().any(|bound| matches!(bound, Some(Bound::Timestamp(_))));
        let history = if by_time { Some(self.history(table, &listing).await?) } else { None };
        let start = match (start, &history) {
            (Bound::Timestamp(at), Some(history)) => history.range_start(at).await?,
            (Bound::Version(version), _) => version,
            (Bound::Timestamp(_), None) => return Err(Error::defect("a moment was to be found without a history")),
        };
        if start > latest {
            return Err(Error::InvalidParameter(format!(
                "Provided Start version({start}) for reading change data is invalid. Start version cannot be greater than the \
                 latest version of the table({latest})."
            )));
        }
        let end = match (end, &history) {
            (None, _) => latest,
            (Some(Bound::Timestamp(at)), Some(history)) => history.in_force_at(at).await?,
            (Some(Bound::Version(version)), _) => version,
            (Some(Bound::Timestamp(_)), None) => {
                return Err(Error::defect("a moment was to be found without a history"));
            }
        };
        let end = match kind {
            Kind::Feed => end.min(latest),
            Kind::Files if end <= latest => end,
            Kind::Files => {
                return Err(Error::InvalidParameter(format!(
                    "Provided end version({end}) is invalid. End version cannot be greater than the latest version of the \
                     table({latest})."
                )));
            }
        };
        if end < start {
            return Err(Error::InvalidParameter(format!(
                "CDF range from start {start} to end {end} was invalid. End cannot be before start."
            )));
        }
        Ok(Range { start, end, latest, kind, listing })
    }

    /// Reads everything of a range that must be settled before an answer begins. The answer begins with the state at
    /// `head`.
    ///
    /// # Errors
    /// When a commit is missing or damaged, changes were not recorded throughout, something in the range cannot be
    /// shared, the scope does not fit the range, or the storage fails.
    pub async fn changes(
        &self,
        table: &TableLocation,
        range: &Range,
        head: Version,
        scope: &Scope,
    ) -> Result<Changes, Error> {
        let &Range { start, ref listing, .. } = range;
        range.check_whole(start)?;
        let segment = named_segment(listing, start)?;
        let (protocol, metadata) = self.state_at(table, &segment).await?;
        scope.meet(&metadata)?;
        let mut state = RangeState::new(range, protocol, metadata)?;

        let settled =
            self.settle_range(table, range, start, None, scope, |version, findings| state.take(version, findings));
        let settled = settled.await?;
        let commits = self.timed(table, listing, in_commit_since(&state.metadata), settled, scope)?;

        let mut needs = state.needs;
        let (head, head_needs) = self.head_state(table, listing, head, scope).await?;
        add_needs(&mut needs, &head_needs);
        Ok(Changes { head, needs, schemas: state.schemas, commits: ChangeCommits { start, ..commits } })
    }

    /// Reads the rest of a range that was settled for the answer which this one goes on with.
    ///
    /// # Errors
    /// As [`DeltaLog::changes`].
    pub async fn changes_after(
        &self,
        table: &TableLocation,
        range: &Range,
        head: Version,
        rest: Rest,
        scope: &Scope,
    ) -> Result<(HeadState, ChangeCommits), Error> {
        let &Range { start, ref listing, .. } = range;
        range.check_whole(rest.from)?;
        // First, for by its metadata the scope learns which files it holds.
        let (head, _) = self.head_state(table, listing, head, scope).await?;
        let settled = self.settle_range(table, range, rest.from, rest.enough, scope, |_, _| Ok(())).await?;
        let commits = self.timed(table, listing, rest.in_commit_since, settled, scope)?;
        Ok((head, ChangeCommits { start, ..commits }))
    }

    async fn head_state(
        &self,
        table: &TableLocation,
        listing: &Listing,
        version: Version,
        scope: &Scope,
    ) -> Result<(HeadState, Vec<Need>), Error> {
        let segment = named_segment(listing, version)?;
        let settled = self.settled(table, &segment, scope.wants(Wants::Head), &Guesses::default()).await?;
        let Narrowed { protocol, metadata, totals, needs, files } = scope.narrow(settled).await?;
        drop(files);
        Ok((HeadState { version, protocol, metadata, totals }, needs))
    }

    /// Reads a range's commits from one of them on, oldest first, until there are enough changes.
    async fn settle_range(
        &self,
        table: &TableLocation,
        range: &Range,
        first: Version,
        enough: Option<u64>,
        scope: &Scope,
        mut take: impl FnMut(Version, Findings) -> Result<(), Error>,
    ) -> Result<SettledCommits, Error> {
        let &Range { end: last, kind, ref listing, .. } = range;
        let wanted: Vec<(Version, LogEntry)> = versions(first, last)
            .map(|version| Ok((version, listing.commit(version).ok_or_else(|| missing(version))?.clone())))
            .collect::<Result<_, Error>>()?;
        let keep = self.store.fits(wanted.iter().map(|(_, entry)| entry.size));
        let fetcher = Fetcher::new(self.store.clone(), table.clone(), keep);
        // Each commit that is wanted has a change, as a rule.
        let at_most = enough.and_then(|enough| usize::try_from(enough).ok()).unwrap_or(usize::MAX);
        let wanted = wanted.iter().map(|(version, entry)| fetcher.wanted_text(*version, entry));
        let mut texts = InOrder::of(wanted).at_most(at_most);
        let (mut commits, mut kept, mut weight) = (Vec::new(), 0, Weight::default());
        while let Some((version, text)) = texts.next().await {
            let text = text?;
            let hold = kept + text.len() <= COMMIT_TEXT_KEPT_BYTES;
            kept += if hold { text.len() } else { 0 };
            let (of, scope_here) = (table.clone(), scope.clone());
            // Off the async threads: a commit may hold a hundred thousand files.
            let (commit, findings) =
                blocking(move || ChangeCommit::settle((&of, &scope_here), version, text, hold, kind)).await?;
            commits.push((version, commit, findings.time));
            weight = weight.and(findings.weight);
            take(version, findings)?;
            if enough.is_some_and(|enough| weight.lines >= enough) {
                return Ok(SettledCommits { commits, cut: version < last, weight });
            }
        }
        Ok(SettledCommits { commits, cut: false, weight })
    }

    /// The commits with their times. Metadata tells since when commits carry their own; that of the range's end knows of
    /// the whole range.
    fn timed(
        &self,
        table: &TableLocation,
        listing: &Listing,
        in_commit_since: Option<Version>,
        settled: SettledCommits,
        scope: &Scope,
    ) -> Result<ChangeCommits, Error> {
        let history = self.history_since(table, listing, in_commit_since);
        let commits = settled.commits.into_iter().map(|(version, commit, carried)| {
            let at = history.time_given(version, carried)?.ok_or_else(|| missing(version))?;
            let entry = listing.commit(version).ok_or_else(|| missing(version))?;
            Ok((Committed { version, at }, entry.clone(), commit))
        });
        let commits: Vec<_> = commits.collect::<Result<_, Error>>()?;
        let keep = self.store.fits(commits.iter().map(|(_, entry, _)| entry.size));
        let fetcher = Fetcher::new(self.store.clone(), table.clone(), keep);
        Ok(ChangeCommits {
            in_commit_since,
            weight: settled.weight,
            start: Version::ZERO,
            commits,
            cut: settled.cut,
            fetcher,
            scope: scope.clone(),
        })
    }
}

impl Range {
    /// Fails where a commit from a version on is not in the log, or the range holds too many.
    fn check_whole(&self, from: Version) -> Result<(), Error> {
        let count = self.end.number() - self.start.number();
        if count >= COMMITS_PER_RANGE_MAX {
            return Err(Error::InvalidParameter(format!(
                "The range from version {} to {} holds more than {COMMITS_PER_RANGE_MAX} versions. Ask for it in several parts.",
                self.start, self.end
            )));
        }
        // What is too old for the log is told before what is missing in it.
        named_segment(&self.listing, from)?;
        match versions(from, self.end).find(|&version| self.listing.commit(version).is_none()) {
            Some(version) => Err(missing(version)),
            None => Ok(()),
        }
    }
}

impl ChangeCommits {
    /// Hands the changes on. Waits for storage and for the sink: not for threads that drive the async runtime.
    ///
    /// # Errors
    /// When the log changes or cannot be read any further, or the sink stops.
    pub fn emit(&self, inlined: Inlined, sink: &mut dyn ChangeSink) -> Result<(), Error> {
        self.emit_from(None, inlined, sink)
    }

    /// The same from a version on. Nothing of those before it is read.
    ///
    /// # Errors
    /// As [`ChangeCommits::emit`].
    pub fn emit_from(&self, from: Option<Version>, inlined: Inlined, sink: &mut dyn ChangeSink) -> Result<(), Error> {
        let rest = self.commits.iter().filter(|(committed, ..)| from.is_none_or(|from| committed.version >= from));
        for (committed, entry, commit) in rest {
            // The answer's head holds the state at the start, or a newer one.
            let inlined =
                if committed.version > self.start { inlined } else { Inlined { metadata: false, protocol: false } };
            let fetch = |_| -> Result<Bytes, Error> { self.fetcher.text(entry).wait() };
            commit.emit((self.fetcher.table(), &self.scope), committed.at, inlined, fetch, sink)?;
        }
        // Whoever asked for so many changes stops at the last of them.
        if self.cut { Err(Error::defect("a page was not full")) } else { Ok(()) }
    }
}

fn versions(start: Version, end: Version) -> impl Iterator<Item = Version> {
    (start.number()..=end.number()).map(Version::new)
}

fn missing(version: Version) -> Error {
    Error::TableFilesMissing(format!("commit {version} of a range is not in the log").into())
}
