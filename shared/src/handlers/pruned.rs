//! Leaves out files that a query's hints make needless: those without a row that fulfils its predicates, and those behind
//! the ones that hold as many such rows as it asks for.

use serde::Deserialize;

use crate::delta::FileSink;
use crate::delta::choice::{Choice, Columns};
use crate::error::Error;
use crate::model::file::{DataFile, Text};
use crate::model::known::Known;
use crate::predicate::{Filter, Verdict};

/// Hands the other files on.
pub(super) struct Pruned<'a> {
    /// The predicates; nothing when there are none.
    filter: Option<&'a Filter>,
    /// Rows still wanted; nothing when there is no limit. Whoever walks on later goes on with it.
    left: &'a mut Option<u64>,
    /// A file came that nobody wants any more.
    enough: bool,
    sink: &'a mut dyn FileSink,
}

impl<'a> Pruned<'a> {
    /// Leaves out what these predicates rule out, and what comes after so many rows.
    pub(super) fn new(filter: Option<&'a Filter>, left: &'a mut Option<u64>, sink: &'a mut dyn FileSink) -> Self {
        Self { filter, left, enough: false, sink }
    }

    /// Takes the files that `walk` hands over, until there are enough: the rest of the log is not read.
    ///
    /// # Errors
    /// What the walk says, unless the limit itself ended it.
    pub(super) fn of(mut self, walk: impl FnOnce(&mut dyn FileSink) -> Result<(), Error>) -> Result<(), Error> {
        let walked = walk(&mut self);
        if self.enough { Ok(()) } else { walked }
    }
}

impl FileSink for Pruned<'_> {
    fn file(&mut self, file: &DataFile<'_>) -> Result<(), Error> {
        if *self.left == Some(0) {
            self.enough = true;
            // Nobody sees it: it ends the walk, and `of` knows why.
            return Err(Error::defect("there are rows enough"));
        }
        let verdict = self.filter.map_or(Verdict::All, |filter| filter.judge(file));
        if verdict == Verdict::None {
            return Ok(());
        }
        // First, for a file that has no room on a page is the first of the next.
        self.sink.file(file)?;
        // Rows that may not be wanted fill no limit.
        if let Some(left) = self.left
            && verdict == Verdict::All
        {
            *left = left.saturating_sub(rows(file));
        }
        Ok(())
    }

    fn goes_on(&self) -> bool {
        !self.enough && self.sink.goes_on()
    }
}

/// Predicates as a choice among files.
#[derive(Debug)]
pub(super) struct Wanted<'a>(pub(super) &'a Filter);

impl Choice for Wanted<'_> {
    fn columns(&self) -> Columns<'_> {
        Columns { partitions: self.0.columns(true).collect(), data: self.0.columns(false).collect() }
    }

    fn may_want(&self, known: &Known<'_>) -> bool {
        self.0.may_hold(known)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stats {
    num_records: u64,
}

/// How many rows a file surely has: none when it has no statistics.
fn rows(file: &DataFile<'_>) -> u64 {
    let stats = match file.stats {
        Some(Text::Plain(text)) => serde_json::from_str::<Stats>(text).ok(),
        Some(Text::JsonLiteral(text)) => {
            serde_json::from_str::<String>(text).ok().and_then(|text| serde_json::from_str(&text).ok())
        }
        None => None,
    };
    let deleted = file.deletion_vector.map_or(0, |vector| u64::try_from(vector.cardinality).unwrap_or(u64::MAX));
    stats.map_or(0, |stats: Stats| stats.num_records.saturating_sub(deleted))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::area::ObjectKey;
    use crate::model::file::Mark;

    struct Count(usize);

    impl FileSink for Count {
        fn file(&mut self, _: &DataFile<'_>) -> Result<(), Error> {
            self.0 += 1;
            Ok(())
        }
    }

    fn kept(limit: Option<u64>, stats: Option<Text<'_>>) -> usize {
        let file = DataFile {
            mark: Mark::default(),
            path: "a",
            object: ObjectKey::in_table("a"),
            partition_values: "{}",
            size: 1,
            modification_time: 0,
            data_change: true,
            stats,
            tags: None,
            base_row_id: None,
            default_row_commit_version: None,
            clustering_provider: None,
            deletion_vector: None,
        };
        let mut count = Count(0);
        let mut walked = 0;
        let walk = |sink: &mut dyn FileSink| {
            (0..4).try_for_each(|_| {
                walked += 1;
                sink.file(&file)
            })
        };
        Pruned::new(None, &mut limit.clone(), &mut count).of(walk).unwrap();
        assert_eq!(walked, (count.0 + 1).min(4), "what nobody wants is not walked over");
        count.0
    }

    #[test]
    fn a_failing_walk_is_no_end() {
        for limit in [None, Some(2)] {
            let mut count = Count(0);
            let ended = Pruned::new(None, &mut limit.clone(), &mut count).of(|_| Err(Error::TimedOut));
            assert!(matches!(ended, Err(Error::TimedOut)));
        }
    }

    #[test]
    fn files_stop_once_the_limit_is_met() {
        let stats = Some(Text::Plain(r#"{"numRecords":2}"#));
        assert_eq!([None, Some(0), Some(2), Some(3)].map(|limit| kept(limit, stats)), [4, 0, 1, 2]);
        assert_eq!(kept(Some(2), Some(Text::JsonLiteral(r#""{\"numRecords\":2}""#))), 1);
        assert_eq!(kept(Some(1), None), 4);
    }
}
