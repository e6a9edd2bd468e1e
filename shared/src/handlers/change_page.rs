//! One page of a range's changes: what stood on the pages before is passed over, and the walk ends when the page is full and
//! it is known that a further change exists. Lines of protocols and metadata belong to the page of the change before them.

use super::query_token::range::Resume;
use crate::delta::changes::{ChangeSink, Committed};
use crate::error::Error;
use crate::limits::QUERY_PAGE_FILES_MAX;
use crate::model::change::Change;
use crate::model::table_state::{Metadata, Protocol};
use crate::model::version::Version;

/// Takes changes and knows how many bytes it made of them.
pub(super) trait ChangeLines: ChangeSink {
    /// Bytes of all lines so far.
    fn written(&self) -> u64;

    /// Whether the walk is to be broken off before the next change, to go on there later.
    fn pauses(&self) -> bool {
        false
    }
}

/// Changes on a page at most, of those asked for.
pub(super) fn page_files(max_files: u32) -> u64 {
    u64::from(max_files.min(QUERY_PAGE_FILES_MAX))
}

/// Hands on the changes of one page.
pub(super) struct ChangePage<'a> {
    /// Where the page begins, until it has begun.
    resume: Option<Resume>,
    /// The commit that is handed over, and how many of its changes were.
    at: Option<Resume>,
    files: u64,
    /// Changes after which the page is full; nothing when it holds all the rest.
    files_max: Option<u64>,
    /// Bytes of lines after which it is full too.
    bytes_max: u64,
    /// A change came for which there was no room.
    next: Option<Resume>,
    /// Whether there was merely no time for it.
    paused: bool,
    sink: &'a mut dyn ChangeLines,
}

/// What became of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FilledChanges {
    /// Changes on it.
    pub files: u64,
    /// The first change after it.
    pub next: Option<Resume>,
    /// Whether that is to be on it too, at another time.
    pub paused: bool,
}

impl<'a> ChangePage<'a> {
    /// A page from a change on, or from the range's start; of so many changes at most, full after so many bytes, or of all
    /// the rest.
    pub(super) fn new(
        resume: Option<Resume>,
        (max_files, bytes_max): (Option<u32>, u64),
        sink: &'a mut dyn ChangeLines,
    ) -> Self {
        Self {
            resume,
            at: None,
            files: 0,
            files_max: max_files.map(page_files),
            bytes_max,
            next: None,
            paused: false,
            sink,
        }
    }

    /// The same page, gone on with after so many of its changes.
    pub(super) fn after(self, files: u64) -> Self {
        Self { files, ..self }
    }

    /// Fills the page. `walk` hands over the changes of the range, from the commit that the page begins in.
    ///
    /// # Errors
    /// What the walk says, unless the page itself ended it; and when the change that the page begins with never came.
    pub(super) fn fill(
        mut self,
        walk: impl FnOnce(&mut dyn ChangeSink) -> Result<(), Error>,
    ) -> Result<FilledChanges, Error> {
        let walked = walk(&mut self);
        if self.next.is_none() {
            walked?;
        }
        match self.resume {
            Some(_) => Err(changed_between()),
            None => Ok(FilledChanges { files: self.files, next: self.next, paused: self.paused }),
        }
    }

    /// The place of the change that comes now.
    fn count(&mut self, version: Version) -> Resume {
        let index = self.at.filter(|at| at.version == version).map_or(0, |at| at.index + 1);
        let here = Resume { version, index };
        self.at = Some(here);
        here
    }

    fn is_full(&self) -> bool {
        self.files_max.is_some_and(|max| self.files >= max || (self.files > 0 && self.sink.written() >= self.bytes_max))
    }
}

impl ChangeSink for ChangePage<'_> {
    fn change(&mut self, committed: Committed, change: &Change<'_>) -> Result<(), Error> {
        let here = self.count(committed.version);
        match self.resume {
            Some(resume) if resume == here => self.resume = None,
            Some(resume) if resume.version == here.version => return Ok(()),
            Some(_) => return Err(changed_between()),
            None => {}
        }
        let full = self.is_full();
        if full || self.sink.pauses() {
            (self.next, self.paused) = (Some(here), !full);
            // Nobody sees it: it ends the walk, and `fill` knows why.
            return Err(Error::defect("the page is full"));
        }
        self.sink.change(committed, change)?;
        self.files += 1;
        Ok(())
    }

    fn metadata(&mut self, committed: Committed, metadata: &Metadata) -> Result<(), Error> {
        if self.resume.is_some() { Ok(()) } else { self.sink.metadata(committed, metadata) }
    }

    fn protocol(&mut self, committed: Committed, protocol: &Protocol) -> Result<(), Error> {
        if self.resume.is_some() { Ok(()) } else { self.sink.protocol(committed, protocol) }
    }
}

fn changed_between() -> Error {
    Error::TableFilesMissing("a commit changed between two pages".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::QUERY_PAGE_BYTES_MAX;
    use crate::model::area::ObjectKey;
    use crate::model::change::RecordedChanges;
    use crate::model::version::TimestampMs;

    /// Takes names of changes, each a line of the same length.
    struct Lines {
        length: u64,
        told: Vec<String>,
        /// Changes and metadata after which it wants to be left alone.
        pauses_at: usize,
    }

    impl ChangeSink for Lines {
        fn change(&mut self, committed: Committed, change: &Change<'_>) -> Result<(), Error> {
            let Change::Recorded(recorded) = change else { panic!("none is handed over") };
            self.told.push(format!("{}:{}", committed.version, recorded.path));
            Ok(())
        }

        fn metadata(&mut self, committed: Committed, _: &Metadata) -> Result<(), Error> {
            self.told.push(format!("{}:metaData", committed.version));
            Ok(())
        }

        fn protocol(&mut self, _: Committed, _: &Protocol) -> Result<(), Error> {
            panic!("none is handed over")
        }
    }

    impl ChangeLines for Lines {
        fn written(&self) -> u64 {
            self.length * self.told.len() as u64
        }

        fn pauses(&self) -> bool {
            self.told.len() >= self.pauses_at
        }
    }

    /// Version 1: a, b. Version 2: metadata. Version 3: c, metadata, d.
    const RANGE: [(u64, &str); 6] = [(1, "a"), (1, "b"), (2, ""), (3, "c"), (3, ""), (3, "d")];

    fn walk(range: &[(u64, &str)], sink: &mut dyn ChangeSink) -> Result<(), Error> {
        let metadata = Metadata {
            id: "m".into(),
            name: None,
            description: None,
            format_provider: "parquet".into(),
            format_options: vec![],
            schema_string: "{}".into(),
            partition_columns: vec![],
            configuration: vec![],
            created_time: None,
        };
        for &(version, path) in range {
            let committed = Committed { version: Version::new(version), at: TimestampMs::new(5) };
            if path.is_empty() {
                sink.metadata(committed, &metadata)?;
            } else {
                let recorded = RecordedChanges {
                    path,
                    object: ObjectKey::in_table(path),
                    partition_values: "{}",
                    size: 1,
                    tags: None,
                };
                sink.change(committed, &Change::Recorded(recorded))?;
            }
        }
        Ok(())
    }

    fn page(resume: Option<Resume>, max: Option<u32>, length: u64) -> (Result<FilledChanges, Error>, Vec<String>) {
        let mut sink = Lines { length, told: Vec::new(), pauses_at: usize::MAX };
        let from = resume.map_or(0, |resume| resume.version.number());
        let range: Vec<_> = RANGE.into_iter().filter(|&(version, _)| version >= from).collect();
        let filled = ChangePage::new(resume, (max, QUERY_PAGE_BYTES_MAX), &mut sink).fill(|sink| walk(&range, sink));
        (filled, sink.told)
    }

    #[test]
    fn pages_of_any_size_come_to_the_whole() {
        let whole = page(None, None, 1).1;
        assert_eq!(whole, ["1:a", "1:b", "2:metaData", "3:c", "3:metaData", "3:d"]);
        for (max, length) in [(1, 1), (2, 1), (3, 1), (4, 1), (9, 1), (9, QUERY_PAGE_BYTES_MAX)] {
            let (mut told, mut resume, mut pages) = (Vec::new(), None, 0);
            loop {
                let (filled, lines) = page(resume, Some(max), length);
                let filled = filled.unwrap();
                assert!(filled.files > 0 && filled.files <= u64::from(max), "a page is never empty");
                told.extend(lines);
                pages += 1;
                match filled.next {
                    Some(next) => resume = Some(next),
                    None => break,
                }
            }
            assert_eq!(told, whole, "{max} {length}");
            assert!(length == 1 || pages > 1);
        }
    }

    #[test]
    fn a_page_that_is_paused_anywhere_goes_on_where_it_was() {
        for (max, length) in [(None, 1), (Some(3), 1), (Some(9), QUERY_PAGE_BYTES_MAX)] {
            let (unpaused, whole) = page(None, max, length);
            let unpaused = unpaused.unwrap();
            for pauses_at in 1..=whole.len() {
                let mut sink = Lines { length, told: Vec::new(), pauses_at };
                let mut filled = ChangePage::new(None, (max, QUERY_PAGE_BYTES_MAX), &mut sink)
                    .fill(|sink| walk(&RANGE, sink))
                    .unwrap();
                if filled.paused {
                    sink.pauses_at = usize::MAX;
                    let from = filled.next.unwrap().version.number();
                    let range: Vec<_> = RANGE.into_iter().filter(|&(version, _)| version >= from).collect();
                    let rest = ChangePage::new(filled.next, (max, QUERY_PAGE_BYTES_MAX), &mut sink).after(filled.files);
                    filled = rest.fill(|sink| walk(&range, sink)).unwrap();
                }
                assert_eq!((filled, &sink.told), (unpaused, &whole), "{max:?}, paused after {pauses_at}");
            }
        }
    }

    #[test]
    fn a_change_that_never_comes_is_an_error() {
        for (version, index) in [(1, 2), (2, 0), (3, 2), (4, 0)] {
            let resume = Resume { version: Version::new(version), index };
            assert!(matches!(page(Some(resume), Some(1), 1).0, Err(Error::TableFilesMissing(_))), "{resume:?}");
        }
    }

    #[test]
    fn a_failing_walk_is_no_end_of_a_page() {
        let mut sink = Lines { length: 1, told: Vec::new(), pauses_at: usize::MAX };
        let filled = ChangePage::new(None, (Some(2), QUERY_PAGE_BYTES_MAX), &mut sink).fill(|sink| {
            walk(&RANGE[..1], sink)?;
            Err(Error::TimedOut)
        });
        assert!(matches!(filled, Err(Error::TimedOut)));
    }
}
