//! One page of a snapshot's files: the walk ends when the page is full and it is known that a further file exists, with
//! which the next page begins.

use crate::delta::FileSink;
use crate::error::Error;
use crate::limits::{QUERY_PAGE_BYTES_MAX, QUERY_PAGE_FILES_MAX};
use crate::model::file::{DataFile, Mark};
use crate::wire::ndjson::LineOut;

/// Takes files and knows how many bytes it made of them.
pub(super) trait LineSink: FileSink {
    /// Bytes of all lines so far.
    fn written(&self) -> u64;

    /// Whether the walk is to be broken off before the next file, to go on there later.
    fn pauses(&self) -> bool {
        false
    }
}

/// Bytes of lines after which a page is full. Half of what an answer may come to is enough, too: the head, the file that had
/// begun and the last line have room beside it, so that a page is never more than may be sent.
pub(super) fn page_bytes(out: &dyn LineOut) -> u64 {
    out.bytes_max().map_or(QUERY_PAGE_BYTES_MAX, |bytes| QUERY_PAGE_BYTES_MAX.min(bytes / 2))
}

/// Hands on the files of one page.
pub(super) struct Page<'a> {
    /// Files handed on.
    files: u64,
    /// Files after which the page is full; nothing when it holds all the rest.
    files_max: Option<u64>,
    /// Bytes of lines after which it is full too.
    bytes_max: u64,
    /// The file for which there was no room.
    next: Option<Mark>,
    /// Whether there was merely no time for it.
    paused: bool,
    sink: &'a mut dyn LineSink,
}

impl<'a> Page<'a> {
    /// A page of so many files at most, full after so many bytes. Without a number it holds all the rest.
    pub(super) fn new(max_files: Option<u32>, bytes_max: u64, sink: &'a mut dyn LineSink) -> Self {
        let files_max = max_files.map(|files| u64::from(files.min(QUERY_PAGE_FILES_MAX)));
        Self { files: 0, files_max, bytes_max, next: None, paused: false, sink }
    }

    /// The same page, gone on with after so many of its files.
    pub(super) fn after(self, files: u64) -> Self {
        Self { files, ..self }
    }

    /// Fills the page. `walk` hands over the files of the snapshot from the page's first on, always in the same order.
    ///
    /// # Errors
    /// What the walk says, unless the page itself ended it.
    pub(super) fn fill(mut self, walk: impl FnOnce(&mut dyn FileSink) -> Result<(), Error>) -> Result<Filled, Error> {
        let walked = walk(&mut self);
        if self.next.is_none() {
            walked?;
        }
        Ok(Filled { files: self.files, next: self.next, paused: self.paused })
    }

    fn is_full(&self) -> bool {
        self.files_max.is_some_and(|max| self.files >= max || (self.files > 0 && self.sink.written() >= self.bytes_max))
    }
}

/// What became of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Filled {
    /// Files on it.
    pub files: u64,
    /// The first file after it, if there is one.
    pub next: Option<Mark>,
    /// Whether that is to be on it too, at another time.
    pub paused: bool,
}

impl FileSink for Page<'_> {
    fn file(&mut self, file: &DataFile<'_>) -> Result<(), Error> {
        let full = self.is_full();
        if full || self.sink.pauses() {
            (self.next, self.paused) = (Some(file.mark), !full);
            // Nobody sees it: it ends the walk, and `fill` knows why.
            return Err(Error::defect("the page is full"));
        }
        self.sink.file(file)?;
        self.files += 1;
        Ok(())
    }

    fn goes_on(&self) -> bool {
        self.next.is_some() && !self.paused
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::area::ObjectKey;

    const FILE: DataFile<'_> = DataFile {
        mark: Mark { part: 0, row: 0 },
        path: "a",
        object: ObjectKey::in_table("a"),
        partition_values: "{}",
        size: 1,
        modification_time: 0,
        data_change: true,
        stats: None,
        tags: None,
        base_row_id: None,
        default_row_commit_version: None,
        clustering_provider: None,
        deletion_vector: None,
    };

    /// Takes lines of one length, and fails at the file of this number.
    struct Lines {
        length: u64,
        taken: u64,
        fails_at: u64,
        pauses_at: u64,
    }

    impl FileSink for Lines {
        fn file(&mut self, _: &DataFile<'_>) -> Result<(), Error> {
            if self.taken == self.fails_at {
                return Err(Error::TimedOut);
            }
            self.taken += 1;
            Ok(())
        }
    }

    impl LineSink for Lines {
        fn written(&self) -> u64 {
            self.length * self.taken
        }

        fn pauses(&self) -> bool {
            self.taken == self.pauses_at
        }
    }

    const fn mark(row: u64) -> Mark {
        Mark { part: 3, row }
    }

    /// A page of a table of so many files from one of them on, and how many of them were walked over.
    fn page(from: u64, max: Option<u32>, length: u64, files: u64) -> (Filled, u64) {
        let mut walked = 0;
        let mut sink = Lines { length, taken: 0, fails_at: u64::MAX, pauses_at: u64::MAX };
        let filled = Page::new(max, QUERY_PAGE_BYTES_MAX, &mut sink).fill(|sink| {
            (from..files).try_for_each(|row| {
                walked += 1;
                sink.file(&DataFile { mark: mark(row), ..FILE })
            })
        });
        (filled.unwrap(), walked)
    }

    #[test]
    fn pages_are_full_by_number_and_know_whether_there_is_more() {
        let filled = |files, next: Option<u64>| Filled { files, next: next.map(mark), paused: false };
        assert_eq!(page(0, Some(2), 1, 5), (filled(2, Some(2)), 3));
        assert_eq!(page(2, Some(2), 1, 5), (filled(2, Some(4)), 3));
        assert_eq!(page(4, Some(2), 1, 5), (filled(1, None), 1));
        assert_eq!(page(0, Some(5), 1, 5), (filled(5, None), 5));
        assert_eq!(page(1, None, 1, 5), (filled(4, None), 4));
        assert_eq!(page(0, Some(1), 1, 0), (filled(0, None), 0));
        let (most, all) = (u64::from(QUERY_PAGE_FILES_MAX), u64::from(QUERY_PAGE_FILES_MAX) + 2);
        assert_eq!(page(0, Some(u32::MAX), 1, all), (filled(most, Some(most)), most + 1));
        assert_eq!(page(0, None, 1, all), (filled(all, None), all));
    }

    #[test]
    fn pages_are_full_by_bytes_but_never_empty() {
        let half = QUERY_PAGE_BYTES_MAX.div_ceil(2);
        assert_eq!(page(0, Some(9), half, 5).0, Filled { files: 2, next: Some(mark(2)), paused: false });
        assert_eq!(page(4, Some(9), 2 * half, 5).0, Filled { files: 1, next: None, paused: false });
        assert_eq!(page(0, Some(9), 5 * half, 5).0, Filled { files: 1, next: Some(mark(1)), paused: false });
        assert_eq!(page(1, None, half, 5).0, Filled { files: 4, next: None, paused: false });
    }

    /// Takes lines that may come to so many bytes.
    struct Bounded(Option<u64>, Vec<u8>);

    impl LineOut for Bounded {
        fn buffer(&mut self) -> &mut Vec<u8> {
            &mut self.1
        }

        fn end_line(&mut self) -> Result<(), Error> {
            Ok(())
        }

        fn bytes_max(&self) -> Option<u64> {
            self.0
        }
    }

    #[test]
    fn a_page_is_full_well_before_an_answer_is() {
        for (bytes_max, page) in [(None, QUERY_PAGE_BYTES_MAX), (Some(u64::MAX), QUERY_PAGE_BYTES_MAX), (Some(100), 50)]
        {
            assert_eq!(page_bytes(&Bounded(bytes_max, Vec::new())), page);
        }
        let mut sink = Lines { length: 20, taken: 0, fails_at: u64::MAX, pauses_at: u64::MAX };
        let filled = Page::new(Some(9), 50, &mut sink).fill(|sink| (0..9).try_for_each(|_| sink.file(&FILE)));
        assert_eq!(filled.unwrap().files, 3);
    }

    #[test]
    fn a_failing_walk_is_no_end_of_a_page() {
        let mut sink = Lines { length: 1, taken: 0, fails_at: 1, pauses_at: u64::MAX };
        let filled =
            Page::new(Some(2), QUERY_PAGE_BYTES_MAX, &mut sink).fill(|sink| (0..5).try_for_each(|_| sink.file(&FILE)));
        assert!(matches!(filled, Err(Error::TimedOut)), "{filled:?}");
        let mut sink = Lines { length: 1, taken: 0, fails_at: u64::MAX, pauses_at: u64::MAX };
        let filled = Page::new(Some(2), QUERY_PAGE_BYTES_MAX, &mut sink).fill(|sink| {
            sink.file(&FILE)?;
            Err(Error::Busy)
        });
        assert!(matches!(filled, Err(Error::Busy)), "{filled:?}");
    }

    #[test]
    fn a_page_that_is_paused_goes_on_where_it_was_and_is_full_where_it_would_have_been() {
        let mut sink = Lines { length: 1, taken: 0, fails_at: u64::MAX, pauses_at: 2 };
        let walk = |sink: &mut dyn FileSink, from: u64| {
            (from..9).try_for_each(|row| sink.file(&DataFile { mark: mark(row), ..FILE }))
        };
        let filled = Page::new(Some(3), QUERY_PAGE_BYTES_MAX, &mut sink).fill(|sink| walk(sink, 0)).unwrap();
        assert_eq!(filled, Filled { files: 2, next: Some(mark(2)), paused: true });
        sink.pauses_at = 3;
        // Full and paused at once: it is full.
        let filled = Page::new(Some(3), QUERY_PAGE_BYTES_MAX, &mut sink).after(2).fill(|sink| walk(sink, 2)).unwrap();
        assert_eq!(filled, Filled { files: 3, next: Some(mark(3)), paused: false });
    }
}
