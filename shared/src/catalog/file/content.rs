//! One content of a file, told from every other without reading it: while it is held open, no other file can have its
//! number, whatever is renamed in its place; size and moment show what was changed in it.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What a file held at a moment.
#[derive(Debug)]
pub(super) struct Content {
    /// Held open, not read again.
    _file: fs::File,
    stamp: Stamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    device: u64,
    number: u64,
    bytes: u64,
    modified: (i64, i64),
}

impl Stamp {
    fn of(metadata: &fs::Metadata) -> Self {
        Self {
            device: metadata.dev(),
            number: metadata.ino(),
            bytes: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

impl Content {
    /// What a file holds.
    pub(super) fn read(path: &Path) -> io::Result<(Self, Vec<u8>)> {
        let mut file = fs::File::open(path)?;
        // Taken before it is read: a change while reading shows afterwards.
        let stamp = Stamp::of(&file.metadata()?);
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok((Self { _file: file, stamp }, bytes))
    }

    /// What was written to a file.
    pub(super) fn written(file: fs::File) -> io::Result<Self> {
        let stamp = Stamp::of(&file.metadata()?);
        Ok(Self { _file: file, stamp })
    }

    /// Whether the file there is this one, unchanged.
    pub(super) fn is_still_at(&self, path: &Path) -> bool {
        fs::metadata(path).is_ok_and(|metadata| Stamp::of(&metadata) == self.stamp)
    }
}
