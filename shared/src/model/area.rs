//! Which object a path of a table's log names: one below the table's root, or one below an auxiliary location that the
//! table's provider allows. An absolute path is taken apart first and compared by whole segments, never as a text.

use std::borrow::Cow;
use std::fmt;

use percent_encoding::percent_decode_str;

use super::location::{PathError, TableLocation, key_of_log_path};

/// A prefix of a bucket and, where it stands for a folder of this machine, that folder's path. Never shown to recipients.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Area {
    bucket: String,
    prefix: String,
    folder: Option<String>,
}

/// Below which root of a table an object lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Root {
    /// The table's own.
    Table,
    /// That of [`TableLocation::auxiliary`] at this place.
    Auxiliary(usize),
}

/// An object that a table's log names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObjectKey<'a> {
    /// Below which root.
    pub root: Root,
    /// Its key below that root, as S3 stores it.
    pub key: &'a str,
}

impl<'a> ObjectKey<'a> {
    /// An object below the table's own root.
    pub const fn in_table(key: &'a str) -> Self {
        Self { root: Root::Table, key }
    }
}

/// An object as it was read from a path: the owner of [`ObjectKey`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedObject<'a> {
    root: Root,
    key: Cow<'a, str>,
}

impl LoggedObject<'_> {
    /// The object.
    pub fn as_key(&self) -> ObjectKey<'_> {
        ObjectKey { root: self.root, key: &self.key }
    }
}

impl Area {
    /// An area from its parts. Slashes around the prefix do not matter.
    pub fn new(bucket: impl Into<String>, prefix: &str) -> Self {
        Self { bucket: bucket.into(), prefix: prefix.trim_matches('/').to_owned(), folder: None }
    }

    /// The same area as a folder of this machine, whose log names files by their paths and not by the bucket.
    pub fn of_folder(self, folder: &str) -> Self {
        Self { folder: Some(folder.trim_matches('/').to_owned()), ..self }
    }

    /// The folder of that name directly in this area. A name with a slash, or of dots alone, is none.
    pub fn below(&self, name: &str) -> Option<Self> {
        let is_name = !name.is_empty() && !name.contains(['/', '\0']) && name != "." && name != "..";
        is_name.then(|| Self {
            bucket: self.bucket.clone(),
            prefix: format!("{}{name}", self.root_key()),
            folder: self.folder.as_ref().map(|folder| format!("{folder}/{name}").trim_matches('/').to_owned()),
        })
    }

    /// The bucket's name.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The key of the area's root without slashes around it; empty for a whole bucket.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The key of the area's root with a slash at its end, or nothing for a whole bucket.
    pub fn root_key(&self) -> String {
        if self.prefix.is_empty() { String::new() } else { format!("{}/", self.prefix) }
    }

    /// Whether it is a folder of this machine.
    pub fn is_folder(&self) -> bool {
        self.folder.is_some()
    }

    /// What follows the area's root in an absolute path, if the path leads into it.
    fn rest_of<'p>(&self, path: &'p Absolute<'_>) -> Option<&'p str> {
        let root = match (path.bucket, &self.folder) {
            (Some(bucket), None) if bucket == self.bucket => &self.prefix,
            (None, Some(folder)) => folder,
            _ => return None,
        };
        if root.is_empty() {
            return Some(&path.key);
        }
        path.key.strip_prefix(root.as_str())?.strip_prefix('/')
    }
}

/// Shows no more than that there is an area.
impl fmt::Debug for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Area(***)")
    }
}

impl TableLocation {
    /// The object that a path of the table's log names. A relative path names one below the table's root; an absolute one
    /// names what it says, where that lies in the table or in one of its auxiliary locations.
    ///
    /// # Errors
    /// When the path leads anywhere else.
    pub fn object<'a>(&self, path: &'a str) -> Result<LoggedObject<'a>, PathError> {
        match key_of_log_path(path) {
            Ok(key) => Ok(LoggedObject { root: Root::Table, key }),
            Err(PathError::Absolute) => self.absolute_object(path),
            Err(error) => Err(error),
        }
    }

    /// The same of a path that can only be absolute.
    ///
    /// # Errors
    /// When the path is not absolute, or leads anywhere else.
    pub fn absolute_object<'a>(&self, path: &'a str) -> Result<LoggedObject<'a>, PathError> {
        let path = Absolute::parse(path).ok_or(PathError::Absolute)?;
        let auxiliary = self.auxiliary().iter().enumerate().map(|(at, area)| (Root::Auxiliary(at), area));
        let (root, skipped) = std::iter::once((Root::Table, self.area()))
            .chain(auxiliary)
            .find_map(|(root, area)| Some((root, path.key.len() - area.rest_of(&path)?.len())))
            .ok_or(PathError::Absolute)?;
        let key = match path.key {
            Cow::Borrowed(key) => Cow::Borrowed(key.get(skipped..).unwrap_or_default()),
            Cow::Owned(mut key) => {
                key.drain(..skipped);
                Cow::Owned(key)
            }
        };
        Ok(LoggedObject { root, key })
    }
}

/// An absolute path, decoded once, whose every segment is a name.
struct Absolute<'a> {
    /// The bucket; none for a file of this machine.
    bucket: Option<&'a str>,
    /// The object's key, or the file's path without the slash in front.
    key: Cow<'a, str>,
}

impl<'a> Absolute<'a> {
    /// Reads `s3://bucket/key` under each of Hadoop's names of S3, `file:///path` and what means the same.
    fn parse(path: &'a str) -> Option<Self> {
        // Either would be a part of the URI and not of the key.
        if path.contains(['?', '#']) {
            return None;
        }
        let in_s3 = ["s3://", "s3a://", "s3n://"].iter().find_map(|scheme| path.strip_prefix(scheme));
        let (bucket, key) = match in_s3 {
            Some(rest) => rest.split_once('/').map(|(bucket, key)| (Some(bucket), key))?,
            None => (None, file_path(path)?.strip_prefix('/')?),
        };
        let key = percent_decode_str(key).decode_utf8().ok()?;
        let clean = !key.contains('\0') && key.split('/').all(is_name) && bucket != Some("");
        clean.then_some(Self { bucket, key })
    }
}

/// The path of a `file:` URI: `file:/a`, `file:///a`, `file://localhost/a` and `/a` mean the same.
fn file_path(path: &str) -> Option<&str> {
    let Some(rest) = path.strip_prefix("file:") else { return path.starts_with('/').then_some(path) };
    Some(rest.strip_prefix("//").map_or(rest, |rest| rest.strip_prefix("localhost").unwrap_or(rest)))
}

/// Whether a segment of a path names something, rather than the folder itself or the one above.
pub fn is_name(segment: &str) -> bool {
    !matches!(segment, "" | "." | "..")
}

#[cfg(test)]
mod tests;
