//! Where tables lie, as people write it: `s3://bucket/prefix` (also `s3a`, `s3n`), `file:///folder`, or a path. Folders
//! of this machine become buckets of the embedded S3 server when they are served.

use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;
use shared::model::location::TableLocation;

use crate::embedded_s3::Roots;

/// What a location text names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A folder of this machine.
    Folder(PathBuf),
    /// A prefix in a bucket.
    Bucket(TableLocation),
}

/// The place that a text names. A path that is not absolute is below `base`.
///
/// # Errors
/// Completes the sentence "its location …".
pub fn place(text: &str, base: &Path) -> Result<Place, String> {
    match scheme(text) {
        Some("s3" | "s3a" | "s3n") => TableLocation::parse(text).map(Place::Bucket).map_err(|error| error.to_string()),
        Some("file") => file_path(text).map(Place::Folder),
        Some(other) => Err(format!("begins with '{other}:', which is not supported; use s3://, file:// or a path")),
        None if text.is_empty() => Err("is empty".into()),
        None => Ok(Place::Folder(base.join(text))),
    }
}

/// Turns location texts into locations. A path that is not absolute is below `base`.
#[derive(Clone)]
pub struct Locator {
    roots: Roots,
    base: PathBuf,
}

impl Locator {
    /// A locator that registers folders with the embedded S3 server.
    pub fn new(roots: Roots, base: &Path) -> Self {
        Self { roots, base: base.to_owned() }
    }

    /// The location that a text names. A folder that is not there yet is a location too: one table that is missing must
    /// not take the others down.
    ///
    /// # Errors
    /// Completes the sentence "its location …".
    pub fn locate(&self, text: &str) -> Result<TableLocation, String> {
        match place(text, &self.base)? {
            Place::Bucket(location) => Ok(location),
            Place::Folder(folder) => self.folder(&folder),
        }
    }

    /// A folder that exists is a root of its own; one that does not is a prefix below its nearest ancestor.
    fn folder(&self, folder: &Path) -> Result<TableLocation, String> {
        for ancestor in folder.ancestors() {
            let Ok(bucket) = self.roots.share(ancestor) else { continue };
            let rest = folder.strip_prefix(ancestor).ok().and_then(Path::to_str);
            let rest = rest.ok_or("is not UTF-8")?;
            let location = TableLocation::new(bucket, rest);
            return Ok(match folder.to_str() {
                Some(path) => location.of_folder(path),
                None => location,
            });
        }
        Err("is a path on no readable file system".into())
    }
}

impl std::fmt::Debug for Locator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Locator").field("base", &self.base).finish_non_exhaustive()
    }
}

/// The scheme before a colon; Windows drives are not a thing here.
fn scheme(text: &str) -> Option<&str> {
    let (scheme, _) = text.split_once(":/")?;
    (!scheme.is_empty() && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))).then_some(scheme)
}

/// The path of a `file:` URI: `file:/a`, `file:///a` and `file://localhost/a` mean the same.
fn file_path(text: &str) -> Result<PathBuf, String> {
    let rest = text.strip_prefix("file:").unwrap_or(text);
    let path = match rest.strip_prefix("//") {
        Some(rest) => rest.strip_prefix("localhost").unwrap_or(rest),
        None => rest,
    };
    if !path.starts_with('/') {
        return Err("names another machine; write file:///folder".into());
    }
    let path = percent_decode_str(path).decode_utf8().map_err(|_| "is not UTF-8")?;
    Ok(PathBuf::from(path.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locator() -> Locator {
        Locator::new(Roots::new(), &std::env::temp_dir())
    }

    #[test]
    fn hadoop_names_of_s3_are_s3() {
        for text in ["s3://b/a/t", "s3a://b/a/t", "s3n://b/a/t/"] {
            assert_eq!(locator().locate(text).unwrap(), TableLocation::new("b", "a/t"));
        }
    }

    #[test]
    fn folders_are_buckets_of_their_own() {
        let folder = std::env::temp_dir();
        let by_path = locator().locate(folder.to_str().unwrap()).unwrap();
        let by_uri = locator().locate(&format!("file://{}", folder.display())).unwrap();
        assert_eq!(by_path, by_uri);
        assert_eq!(by_path.root_key(), "");
    }

    #[test]
    fn a_missing_folder_is_a_prefix_of_what_is_there() {
        let missing = locator().locate("no-such-folder-here/t").unwrap();
        assert_eq!(missing.root_key(), "no-such-folder-here/t/");
    }

    #[test]
    fn other_stores_are_refused_by_name() {
        assert!(locator().locate("gs://b/t").unwrap_err().contains("'gs:'"));
        assert!(locator().locate("file://host/t").unwrap_err().contains("another machine"));
        assert_eq!(locator().locate("").unwrap_err(), "is empty");
    }
}
