//! What a table is like: how many files, in what kind of checkpoint, with what statistics, and how long a tail of commits.
//! The shape alone decides every byte of its log.

use crate::file::DATES;

/// Goes with every table that is kept between runs: another number where the maker writes other bytes for the same shape.
pub const MAKER_VERSION: u32 = 1;

/// Files that a commit of the tail adds.
pub const ADDED_PER_COMMIT: u64 = 100;
/// Files that a commit of the tail removes, where the checkpoint has enough of them.
const REMOVED_PER_COMMIT: u64 = 10;
/// Rows of a row group, as common writers cut them.
pub const ROW_GROUP_ROWS: usize = 150_000;

/// In what the checkpoint's rows lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checkpoint {
    /// One classic object.
    Single,
    /// A classic checkpoint in so many parts.
    Parts(u64),
    /// A v2 checkpoint with so many sidecars.
    Sidecars(u64),
}

/// In what form the checkpoint holds statistics and partition values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stats {
    /// As text.
    Text,
    /// In typed columns (`stats_parsed`, `partitionValues_parsed`) and nowhere else.
    Typed,
    /// In both.
    Both,
}

/// A table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// `add` actions in the checkpoint.
    pub adds: u64,
    /// What they lie in.
    pub checkpoint: Checkpoint,
    /// The form of what is known of them.
    pub stats: Stats,
    /// Whether the table is partitioned, by `date` and `region`.
    pub partitioned: bool,
    /// Whether the checkpoint's rows lie partition by partition, as after a table was written in their order.
    pub sorted: bool,
    /// Commits after the checkpoint.
    pub tail: u64,
}

impl Shape {
    /// The usual table of this size: one checkpoint with statistics as text, two partition columns, ten commits after it.
    pub const fn usual(adds: u64) -> Self {
        Self { adds, checkpoint: Checkpoint::Single, stats: Stats::Text, partitioned: true, sorted: false, tail: 10 }
    }

    /// `f100k`, and what is unusual about it.
    pub fn name(&self) -> String {
        let mut name = match self.adds {
            adds if adds >= 1_000_000 && adds.is_multiple_of(1_000_000) => format!("f{}m", adds / 1_000_000),
            adds if adds >= 1_000 && adds.is_multiple_of(1_000) => format!("f{}k", adds / 1_000),
            adds => format!("f{adds}"),
        };
        match self.checkpoint {
            Checkpoint::Single => {}
            Checkpoint::Parts(parts) => name.push_str(&format!("_parts{parts}")),
            Checkpoint::Sidecars(sidecars) => name.push_str(&format!("_v2x{sidecars}")),
        }
        match self.stats {
            Stats::Text => {}
            Stats::Typed => name.push_str("_typed"),
            Stats::Both => name.push_str("_both"),
        }
        if !self.partitioned {
            name.push_str("_flat");
        }
        if self.sorted {
            name.push_str("_sorted");
        }
        if self.tail != 10 {
            name.push_str(&format!("_tail{}", self.tail));
        }
        name
    }

    /// Files that its newest version holds.
    pub fn files(&self) -> u64 {
        self.adds + self.tail * ADDED_PER_COMMIT - self.tail * self.removed_per_commit()
    }

    /// The numbers of all files that were ever added.
    pub fn numbers(&self) -> std::ops::Range<u64> {
        0..self.adds + self.tail * ADDED_PER_COMMIT
    }

    /// The number of the file in this row of the checkpoint's files.
    pub fn number_of_row(&self, row: u64) -> u64 {
        if !self.sorted || row >= self.adds {
            return row;
        }
        // Dates take turns with the numbers; some have one file more than the others.
        let (each, more) = (self.adds / DATES, self.adds % DATES);
        let of_longer = more * (each + 1);
        let (date, nth) = match row.checked_sub(of_longer) {
            None => (row / (each + 1), row % (each + 1)),
            Some(row) => (more + row / each, row % each),
        };
        date + DATES * nth
    }

    /// How many files each commit of the tail removes.
    pub fn removed_per_commit(&self) -> u64 {
        REMOVED_PER_COMMIT.min(self.adds / 2 / self.tail.max(1))
    }

    /// The numbers of the files that a commit of the tail removes: spread over the checkpoint, each once.
    pub fn removed(&self, commit: u64) -> impl Iterator<Item = u64> + use<> {
        let each = self.removed_per_commit();
        let step = self.adds / (self.tail * each).max(1);
        (commit * each..(commit + 1) * each).map(move |nth| nth * step)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::file::Date;

    #[test]
    fn a_name_tells_the_shape() {
        let usual = Shape::usual(100_000);
        assert_eq!(usual.name(), "f100k");
        assert_eq!(Shape::usual(1_234).name(), "f1234");
        let odd = Shape {
            adds: 1_000_000,
            checkpoint: Checkpoint::Sidecars(8),
            stats: Stats::Typed,
            partitioned: false,
            sorted: true,
            tail: 0,
        };
        assert_eq!(odd.name(), "f1m_v2x8_typed_flat_sorted_tail0");
    }

    #[test]
    fn sorted_rows_hold_every_file_once_and_each_date_in_one_piece() {
        for adds in [1_000, 84, 1_234] {
            let shape = Shape { sorted: true, ..Shape::usual(adds) };
            let numbers: Vec<u64> = (0..adds).map(|row| shape.number_of_row(row)).collect();
            assert_eq!(numbers.iter().copied().collect::<HashSet<_>>(), (0..adds).collect());
            let mut dates: Vec<String> = numbers.iter().map(|&number| Date::of(number).to_string()).collect();
            dates.dedup();
            assert_eq!(dates.len() as u64, DATES.min(adds));
        }
        assert_eq!(Shape::usual(1_000).number_of_row(5), 5);
    }

    #[test]
    fn every_removed_file_was_there_and_is_removed_once() {
        for (adds, tail) in [(1_000, 10), (1_000, 100), (100_000, 100), (1_000, 0)] {
            let shape = Shape { tail, ..Shape::usual(adds) };
            let removed: Vec<u64> = (0..tail).flat_map(|commit| shape.removed(commit)).collect();
            assert!(removed.iter().all(|&number| number < adds), "{shape:?}");
            assert_eq!(removed.iter().collect::<HashSet<_>>().len(), removed.len(), "{shape:?}");
            assert_eq!(shape.files(), shape.numbers().end - removed.len() as u64);
        }
        assert_eq!(Shape::usual(1_000).files(), 1_900);
    }
}
