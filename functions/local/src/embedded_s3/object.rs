//! One file as an object: what a HEAD says of it, and its bytes as a stream that never ends cleanly short.

use std::fs::{self, File};
use std::io::{self, SeekFrom};
use std::ops::Range;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

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
        Ok(Self { file, size: metadata.len(), modified: metadata.modified()? })
    }

    /// An ETag from size and time: reading a whole file to describe it would cost more than serving it.
    pub(super) fn e_tag(&self) -> ETag {
        let since = self.modified.duration_since(UNIX_EPOCH).unwrap_or_default();
        ETag::Strong(format!("{:x}-{:x}", since.as_nanos(), self.size))
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
