//! Rows of a part that are to be read: runs of them in some row groups. Between runs that lie close by, rows are read for
//! nothing, and more of them where there would be too many runs: a selection's size has a bound.

use std::ops::Range;

use parquet::arrow::arrow_reader::{RowSelection, RowSelector};
use parquet::file::metadata::ParquetMetaData;

use crate::limits::SELECTION_RUNS_MAX;

/// A row group, and the rows of the part that it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) number: usize,
    pub(super) rows: Range<u64>,
}

impl Group {
    /// How many rows it holds.
    pub(super) fn count(&self) -> u64 {
        self.rows.end - self.rows.start
    }
}

/// The row groups of a part, in their order.
pub(super) fn groups_of(metadata: &ParquetMetaData) -> impl Iterator<Item = Group> {
    let mut start = 0u64;
    metadata.row_groups().iter().enumerate().map(move |(number, group)| {
        let rows = start..start.saturating_add(group.num_rows().unsigned_abs());
        start = rows.end;
        Group { number, rows }
    })
}

/// Rows to be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Selection {
    /// Row groups, each with the runs in it: never none, in order, and apart from each other.
    groups: Vec<(Group, Vec<Range<u64>>)>,
}

impl Selection {
    /// All rows of these groups from one on.
    pub(super) fn all(groups: impl IntoIterator<Item = Group>, from: u64) -> Self {
        let whole = |group: Group| {
            let run = group.rows.start.max(from)..group.rows.end;
            (group, vec![run])
        };
        Self { groups: groups.into_iter().filter(|group| from < group.rows.end).map(whole).collect() }
    }

    /// Adds what was chosen of a further group.
    pub(super) fn push(&mut self, group: Group, runs: Runs) {
        if !runs.0.is_empty() {
            self.groups.push((group, runs.0));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// The numbers of the groups.
    pub(super) fn numbers(&self) -> Vec<usize> {
        self.groups.iter().map(|(group, _)| group.number).collect()
    }

    /// The groups of which some rows are left out, each with its runs.
    pub(super) fn broken(&self) -> impl Iterator<Item = (&Group, &[Range<u64>])> {
        let is_broken = |(group, runs): &&(Group, Vec<Range<u64>>)| runs.as_slice() != [group.rows.clone()];
        self.groups.iter().filter(is_broken).map(|(group, runs)| (group, runs.as_slice()))
    }

    /// How many rows are read.
    pub(super) fn rows(&self) -> u64 {
        self.runs().map(|run| run.end - run.start).fold(0, u64::saturating_add)
    }

    /// The numbers of the rows in the part, in order.
    pub(super) fn places(&self) -> impl Iterator<Item = u64> {
        self.runs().flatten()
    }

    fn runs(&self) -> impl Iterator<Item = Range<u64>> {
        self.groups.iter().flat_map(|(_, runs)| runs.iter().cloned())
    }

    /// What the decoder passes over and what it takes, its groups being these one after the other. Nothing when it takes
    /// everything.
    pub(super) fn for_decoder(&self) -> Option<RowSelection> {
        /// With fewer rows to a run the decoder takes all rows between the runs that make a batch, and has to hold them.
        const ROWS_TO_A_RUN: usize = 32;
        self.broken().next()?;
        let length = |rows: u64| usize::try_from(rows).unwrap_or(usize::MAX);
        let mut selectors = Vec::new();
        for (group, runs) in &self.groups {
            let mut at = group.rows.start;
            for run in runs {
                selectors.push(RowSelector::skip(length(run.start - at)));
                selectors.push(RowSelector::select(length(run.end - run.start)));
                at = run.end;
            }
            selectors.push(RowSelector::skip(length(group.rows.end - at)));
        }
        // Nothing is passed over at the end, but it is counted.
        selectors.push(RowSelector::skip((selectors.len() + 1).saturating_mul(ROWS_TO_A_RUN)));
        Some(selectors.into())
    }
}

/// Runs of a group's rows while they are found, in order.
#[derive(Debug)]
pub(super) struct Runs(Vec<Range<u64>>, u64);

impl Default for Runs {
    fn default() -> Self {
        /// To pass over fewer rows costs as much as to read them.
        const GAP_ROWS_MIN: u64 = 4;
        Self(Vec::new(), GAP_ROWS_MIN)
    }
}

impl Runs {
    /// Adds a row behind all others.
    pub(super) fn push(&mut self, row: u64) {
        let Self(runs, gap) = self;
        match runs.last_mut() {
            Some(last) if row < last.end.saturating_add(*gap) => last.end = row + 1,
            _ => runs.push(row..row + 1),
        }
        if runs.len() > SELECTION_RUNS_MAX {
            self.thin_out();
        }
    }

    /// Joins runs that lie closest, until half of what may be is left.
    fn thin_out(&mut self) {
        let Self(runs, gap) = self;
        while runs.len() > SELECTION_RUNS_MAX / 2 {
            *gap = gap.saturating_mul(2);
            let all = std::mem::take(runs);
            for run in all {
                match runs.last_mut() {
                    Some(last) if run.start < last.end.saturating_add(*gap) => last.end = run.end,
                    _ => runs.push(run),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(group: Range<u64>, rows: impl IntoIterator<Item = u64>) -> Selection {
        let mut runs = Runs::default();
        rows.into_iter().for_each(|row| runs.push(row));
        let mut selection = Selection::default();
        selection.push(Group { number: 0, rows: group }, runs);
        selection
    }

    #[test]
    fn rows_close_by_are_one_run() {
        let selection = chosen(100..200, [100, 101, 105, 110, 150]);
        assert_eq!(selection.runs().collect::<Vec<_>>(), [100..106, 110..111, 150..151]);
        assert_eq!(selection.rows(), 8);
        assert_eq!(selection.places().last(), Some(150));
        assert!(chosen(0..10, []).is_empty());
    }

    #[expect(clippy::single_range_in_vec_init, reason = "a list of runs may be of one")]
    #[test]
    fn the_decoder_is_told_of_the_groups_alone() {
        let mut selection = chosen(100..200, [110, 111, 190]);
        selection.push(Group { number: 7, rows: 900..950 }, Runs(vec![900..950], 4));
        let told = selection.for_decoder().unwrap();
        let told: Vec<(bool, usize)> = told.iter().map(|part| (part.skip, part.row_count)).collect();
        let wanted = [(true, 10), (false, 2), (true, 78), (false, 1), (true, 9), (false, 50)];
        assert_eq!(told[..6], wanted);
        assert!(told[6].0 && told.len() == 7, "what follows is counted and not read");
        let rows: usize = told.iter().map(|(_, rows)| rows).sum();
        assert!(rows >= 32 * told.len());
        assert_eq!(selection.numbers(), [0, 7]);
        assert_eq!(selection.broken().count(), 1);
    }

    #[test]
    fn all_of_the_groups_from_a_row_on() {
        let groups = [0..10, 10..20, 20..30].into_iter().enumerate().map(|(number, rows)| Group { number, rows });
        assert_eq!(Selection::all(groups.clone(), 0).for_decoder(), None);
        let some = Selection::all(groups, 13);
        assert_eq!((some.numbers(), some.rows(), some.places().next()), (vec![1, 2], 17, Some(13)));
        assert!(some.for_decoder().is_some());
    }

    #[test]
    fn runs_are_as_many_as_may_be() {
        let last = 40 * SELECTION_RUNS_MAX as u64;
        let selection = chosen(0..last + 1, (0..=last).step_by(10));
        let runs: Vec<_> = selection.runs().collect();
        assert!(runs.len() <= SELECTION_RUNS_MAX);
        assert!((0..=last).step_by(10).all(|row| {
            let at = runs.partition_point(|run| run.end <= row);
            runs[at].contains(&row)
        }));
    }
}
