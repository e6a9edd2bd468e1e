//! One file as an object: what a HEAD says of it, and its bytes as a stream that never ends cleanly short.

use std::fs::{self, File, Metadata};
use std::io::{self, SeekFrom};
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::SystemTime;

use bytes::Bytes;
use futures::Stream;
use s3s::dto::ETag;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use super::roots::resolve;

/// Bytes read at once.
const PIECE_BYTES: u64 = 256 * 1024;

/// A file, opened: what is said of it and what is read come from the same one, even when it is replaced meanwhile.
#[derive(Debug)]
pub(super) struct Object {
    file: File,
    /// Its size in bytes.
    pub size: u64,
    /// When it was written.
    pub modified: SystemTime,
    e_tag: String,
}

/// A file changed so long ago would show a further change in its times, in milliseconds. Systems count them in steps of
/// up to 10 ms.
const STEP_MS: i64 = 50;
/// The same where times are whole seconds, as some file systems have them.
const COARSE_STEP_MS: i64 = 2_500;

/// What tells a file's content from what it was or will be. Reading a whole file to describe it would cost more than serving
/// it, so this is what the system says of it: a change moves its times, of which nobody can set that of the last change; a
/// file that takes its place is another one.
pub(super) fn e_tag_of(metadata: &Metadata) -> String {
    let (modified, changed) = ((metadata.mtime(), metadata.mtime_nsec()), (metadata.ctime(), metadata.ctime_nsec()));
    let (size, id) = (metadata.len(), metadata.ino());
    format!("{:x}.{:x}-{:x}.{:x}-{id:x}-{size:x}", modified.0, modified.1, changed.0, changed.1)
}

/// Whether a change after this moment would show in [`e_tag_of`]. It might not while the clock of the file system stands
/// where it stood at the last change.
pub(super) fn is_settled(metadata: &Metadata, now_ms: i64) -> bool {
    let changed = metadata.ctime().saturating_mul(1000).saturating_add(metadata.ctime_nsec() / 1_000_000);
    let step = if metadata.ctime_nsec() == 0 { COARSE_STEP_MS } else { STEP_MS };
    now_ms.saturating_sub(changed) > step
}

impl Object {
    /// Opens the file that a key names.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] when the key names no file, otherwise what the file system says.
    pub(super) fn open(root: &Path, key: &str) -> io::Result<Self> {
        let path = resolve(root, key)?;
        // Looked at before it is opened: opening a pipe would wait for ever.
        if !fs::metadata(&path)?.is_file() {
            return Err(io::ErrorKind::NotFound.into());
        }
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        Ok(Self { file, size: metadata.len(), modified: metadata.modified()?, e_tag: e_tag_of(&metadata) })
    }

    /// Its entity tag.
    pub(super) fn e_tag(&self) -> ETag {
        ETag::Strong(self.e_tag.clone())
    }

    /// These bytes of the file, piece by piece.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) async fn bytes(
        self,
        range: Range<u64>,
    ) -> io::Result<impl Stream<Item = io::Result<Bytes>> + Send + Sync> {
        let mut file = tokio::fs::File::from_std(self.file);
        file.seek(SeekFrom::Start(range.start)).await?;
        let left = range.end.saturating_sub(range.start);
        Ok(futures::stream::try_unfold((file, left), |(mut file, left)| async move {
            if left == 0 {
                return Ok(None);
            }
            let wanted = left.min(PIECE_BYTES);
            let mut piece = vec![0; usize::try_from(wanted).map_err(io::Error::other)?];
            // A file that has shrunk ends the answer with an error.
            file.read_exact(&mut piece).await?;
            Ok(Some((Bytes::from(piece), (file, left - wanted))))
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_just_changed_might_change_unseen() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let metadata = file.as_file().metadata().unwrap();
        let changed = metadata.ctime() * 1000 + metadata.ctime_nsec() / 1_000_000;
        assert!(!is_settled(&metadata, changed) && !is_settled(&metadata, changed - 60_000));
        assert!(is_settled(&metadata, changed + COARSE_STEP_MS + 1));
    }

    #[test]
    fn a_file_in_the_place_of_another_has_another_tag() {
        let folder = tempfile::tempdir().unwrap();
        let tag = |text: &str| {
            let (path, new) = (folder.path().join("object"), folder.path().join("new"));
            fs::write(&new, text).unwrap();
            // As old as the one before: nobody can set the time of the last change.
            File::options().write(true).open(&new).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
            fs::rename(new, &path).unwrap();
            e_tag_of(&fs::metadata(path).unwrap())
        };
        assert_ne!(tag("one"), tag("two"));
    }
}
