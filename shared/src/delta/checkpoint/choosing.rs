//! Which rows of a part are to be read for a choice: row groups that the footer rules out are passed over, then the narrow
//! columns that the choice depends on are read, and tell row by row. What cannot be told stays, for whoever reads all of it.

use std::iter::Peekable;
use std::vec;

use super::bounds::Footer;
use super::judge::Judge;
use super::selection::{Group, Runs, Selection};
use super::{Part, Shown};
use crate::delta::choice::{Choice, Columns};
use crate::error::Error;
use crate::limits::SELECTION_ROWS;
use crate::storage::remembered::Keep;

/// A choice among a snapshot's files.
#[derive(Debug, Clone, Copy)]
pub struct Chosen<'a> {
    /// The choice.
    pub choice: &'a dyn Choice,
    /// Whether the narrow columns of all parts together are worth keeping.
    pub keep: Keep,
}

/// What a choice reads of a part before the files.
#[derive(Debug, Default)]
struct Narrow {
    /// Columns by their places among all of the part's.
    leaves: Vec<usize>,
    /// Files are told apart by them.
    is_telling: bool,
}

impl Narrow {
    /// Partition values in whatever form; of statistics only typed ones, for as text they are most of what makes a file.
    fn of(part: &Part, columns: &Columns<'_>) -> Self {
        let mut narrow = Self::default();
        let (by_partition, by_data) = (!columns.partitions.is_empty(), !columns.data.is_empty());
        for (leaf, column) in part.footer.parquet_schema().columns().iter().enumerate() {
            let path: Vec<&str> = column.path().parts().iter().map(String::as_str).collect();
            let is_telling = match path.as_slice() {
                ["add", "partitionValues", ..] => by_partition,
                ["add", "partitionValues_parsed", _] => by_partition && part.layout.parsed_partition_values,
                ["add", "stats_parsed", "minValues" | "maxValues" | "nullCount", name] => columns.data.contains(name),
                _ => false,
            };
            let is_beside = by_data && matches!(path.as_slice(), ["add", "stats_parsed", "numRecords" | "tightBounds"]);
            narrow.is_telling |= is_telling;
            if is_telling || is_beside {
                narrow.leaves.push(leaf);
            }
        }
        narrow
    }
}

impl Part {
    /// How many bytes a choice over these columns reads before the files.
    pub(in crate::delta) fn narrow_bytes(&self, columns: &Columns<'_>) -> u64 {
        let narrow = Narrow::of(self, columns);
        let groups = self.footer.metadata().row_groups().iter();
        let chunks = groups.flat_map(|group| narrow.leaves.iter().filter_map(|&leaf| group.columns().get(leaf)));
        chunks.map(|chunk| chunk.byte_range().1).fold(0, u64::saturating_add)
    }
}

/// The rows of a part that a choice may want, from one on: some selections after each other, each found when it is asked for.
pub(super) struct Choosing<'a> {
    part: &'a Part,
    chosen: Chosen<'a>,
    leaves: Vec<usize>,
    from: u64,
    judge: Judge<'a>,
    /// Those that are left.
    groups: vec::IntoIter<Group>,
}

impl<'a> Choosing<'a> {
    /// Nothing where the part tells nothing that matters to the choice before its files.
    pub(super) fn over(part: &'a Part, shown: &'a Shown<'a>, chosen: Chosen<'a>, from: u64) -> Option<Self> {
        let columns = chosen.choice.columns();
        let Narrow { leaves, is_telling } = Narrow::of(part, &columns);
        if !is_telling && columns != Columns::default() {
            return None;
        }
        let footer = Footer::of(part.footer.metadata(), part.footer.schema(), &columns);
        let may_hold = |group: &Group| from < group.rows.end && footer.may_hold(group.number, shown, chosen.choice);
        let groups: Vec<Group> = part.groups().filter(may_hold).collect();
        let judge = Judge::new(shown, chosen.choice);
        Some(Self { part, chosen, leaves, from, judge, groups: groups.into_iter() })
    }

    /// The columns that are kept.
    pub(super) fn kept(&self) -> Vec<usize> {
        if self.chosen.keep == Keep::Yes { self.leaves.clone() } else { Vec::new() }
    }

    /// The rows of some groups that may be wanted.
    fn among(&mut self, groups: Vec<Group>) -> Result<Selection, Error> {
        let all = Selection::all(groups.iter().cloned(), self.from);
        if self.leaves.is_empty() {
            return Ok(all);
        }
        let (mut found, mut places) = (Found::among(groups), all.places());
        let (kept, judge) = (self.kept(), &mut self.judge);
        self.part.scan_leaves(&all, (self.leaves.clone(), &kept), &mut |batch| {
            judge.batch(batch, &mut |is_wanted| match places.next() {
                Some(place) if is_wanted => found.row(place),
                _ => {}
            })
        })?;
        Ok(found.selection())
    }
}

impl Iterator for Choosing<'_> {
    type Item = Result<Selection, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (mut groups, mut rows) = (Vec::new(), 0u64);
            while rows < SELECTION_ROWS
                && let Some(group) = self.groups.next()
            {
                rows = rows.saturating_add(group.count());
                groups.push(group);
            }
            if groups.is_empty() {
                return None;
            }
            match self.among(groups) {
                Ok(selection) if selection.is_empty() => {}
                done => return Some(done),
            }
        }
    }
}

/// Rows while they are found among those of some groups, in order.
struct Found {
    groups: Peekable<vec::IntoIter<Group>>,
    runs: Runs,
    selection: Selection,
}

impl Found {
    fn among(groups: Vec<Group>) -> Self {
        Self { groups: groups.into_iter().peekable(), runs: Runs::default(), selection: Selection::default() }
    }

    fn row(&mut self, row: u64) {
        while self.groups.peek().is_some_and(|group| group.rows.end <= row) {
            self.end_group();
        }
        self.runs.push(row);
    }

    fn end_group(&mut self) {
        let runs = std::mem::take(&mut self.runs);
        if let Some(group) = self.groups.next() {
            self.selection.push(group, runs);
        }
    }

    fn selection(mut self) -> Selection {
        self.end_group();
        self.selection
    }
}
