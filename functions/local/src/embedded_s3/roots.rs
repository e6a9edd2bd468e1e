//! The folders that are shared, each under a bucket name of its own, and the one way from a key to a file.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use sha2::{Digest, Sha256};
use shared::storage::s3::EMBEDDED_BUCKET_PREFIX;

/// Digits of the folder's hash in a bucket's name.
const HASH_BYTES: usize = 8;

/// The shared folders. Clones share one registry.
#[derive(Clone, Default)]
pub struct Roots {
    by_bucket: Arc<RwLock<HashMap<String, PathBuf>>>,
}

impl Roots {
    /// A registry with no folder in it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Shares a folder and returns its bucket's name: the same one each time, on each start.
    ///
    /// # Errors
    /// When the folder is not there or its path cannot be followed.
    pub fn share(&self, folder: &Path) -> io::Result<String> {
        let folder = folder.canonicalize()?;
        let hash = Sha256::digest(folder.as_os_str().as_encoded_bytes());
        let digits: String = hash.iter().take(HASH_BYTES).map(|byte| format!("{byte:02x}")).collect();
        let bucket = format!("{EMBEDDED_BUCKET_PREFIX}{digits}");
        self.share_as(&bucket, &folder)?;
        Ok(bucket)
    }

    /// Shares a folder as a bucket of any name, for those who reach this server as they would another.
    ///
    /// # Errors
    /// When the folder is not there or its path cannot be followed.
    pub fn share_as(&self, bucket: &str, folder: &Path) -> io::Result<()> {
        let folder = folder.canonicalize()?;
        self.by_bucket.write().unwrap_or_else(PoisonError::into_inner).insert(bucket.to_owned(), folder);
        Ok(())
    }

    /// The folder behind a bucket.
    pub(super) fn folder(&self, bucket: &str) -> Option<PathBuf> {
        self.by_bucket.read().unwrap_or_else(PoisonError::into_inner).get(bucket).cloned()
    }
}

impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Roots").finish_non_exhaustive()
    }
}

/// The file that a key names, links followed. A key that names no file inside the root names nothing at all.
///
/// # Errors
/// [`io::ErrorKind::NotFound`] for such a key, otherwise what the file system says.
pub(super) fn resolve(root: &Path, key: &str) -> io::Result<PathBuf> {
    let odd = |segment: &str| matches!(segment, "" | "." | "..") || segment.contains('\0');
    if key.split('/').any(odd) {
        return Err(io::ErrorKind::NotFound.into());
    }
    let path = root.join(key).canonicalize().map_err(|error| match error.kind() {
        // A file where the key has a folder.
        io::ErrorKind::NotADirectory => io::ErrorKind::NotFound.into(),
        _ => error,
    })?;
    if path.starts_with(root) { Ok(path) } else { Err(io::ErrorKind::NotFound.into()) }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn nothing_outside_a_root_can_be_named() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap().join("root");
        fs::create_dir_all(root.join("a")).unwrap();
        fs::write(root.join("a/in"), "x").unwrap();
        fs::write(folder.path().join("out"), "x").unwrap();
        std::os::unix::fs::symlink("../out", root.join("link")).unwrap();
        std::os::unix::fs::symlink("a/in", root.join("inner")).unwrap();
        std::os::unix::fs::symlink("..", root.join("up")).unwrap();

        assert!(resolve(&root, "a/in").is_ok());
        assert!(resolve(&root, "inner").is_ok());
        for key in ["../out", "a/../../out", "link", "up/out", "", "a//in", "./a/in", "/a/in", "a/in/x", "none", "a\0"]
        {
            let refused = resolve(&root, key).unwrap_err().kind();
            assert_eq!(refused, io::ErrorKind::NotFound, "{key}");
        }
    }

    #[test]
    fn a_folder_has_one_bucket_however_it_is_spelt() {
        let folder = tempfile::tempdir().unwrap();
        let roots = Roots::new();
        let bucket = roots.share(folder.path()).unwrap();
        assert_eq!(roots.share(&folder.path().join(".")).unwrap(), bucket);
        assert_eq!(Roots::new().share(folder.path()).unwrap(), bucket);
        assert!(roots.share(&folder.path().join("none")).is_err());
        assert!(roots.folder("sthree-local-unknown").is_none());
    }
}
