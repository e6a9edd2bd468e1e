//! Lists a folder as S3 lists a bucket: keys in byte order of the whole key, which is not the order of folders (`a-b`
//! comes before `a/x`). Only the part of the tree that a prefix can name is read.

use std::fs;
use std::io;
use std::path::Path;
use std::time::SystemTime;

use super::object::{e_tag_of, is_settled};
use super::roots::resolve;

/// Keys and folders read for one listing. A bucket with more cannot be listed.
const ENTRIES_MAX: usize = 4_000_000;

/// What a listing asks for.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    /// What keys begin with.
    pub prefix: &'a str,
    /// Keys after the prefix are cut at the next slash and counted once.
    pub by_folder: bool,
    /// Only what sorts after this.
    pub after: &'a str,
    /// At most this many.
    pub limit: usize,
}

/// One row of a listing.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Row {
    /// An object.
    Object {
        /// Its key.
        key: String,
        /// Its size in bytes.
        size: u64,
        /// When it was written.
        modified: SystemTime,
        /// Its entity tag, once a change would show in it.
        e_tag: Option<String>,
    },
    /// A common prefix, with its slash.
    Folder(String),
}

/// The rows of one page at this moment, and whether there are more.
///
/// # Errors
/// What the file system says; a folder that is not there is an empty list.
pub(super) fn list(root: &Path, wanted: &Wanted<'_>, now_ms: i64) -> io::Result<(Vec<Row>, bool)> {
    let mut keys = Vec::new();
    let (start, _) = wanted.prefix.rsplit_once('/').map_or(("", ""), |(folder, rest)| (folder, rest));
    let folder = if start.is_empty() { Ok(root.to_owned()) } else { resolve(root, start) };
    match folder {
        Ok(folder) => collect(&folder, start, wanted, &mut keys)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    keys.retain(|key| key.as_str() > wanted.after);
    keys.sort_unstable();

    let mut rows = Vec::new();
    for key in keys {
        if rows.len() == wanted.limit {
            return Ok((rows, true));
        }
        if key.ends_with('/') {
            rows.push(Row::Folder(key));
            continue;
        }
        // Gone since the folder was read, or a link that leads out of the root: not an object.
        let Ok(path) = resolve(root, &key) else { continue };
        let Ok(metadata) = fs::metadata(path) else { continue };
        if metadata.is_file() {
            let e_tag = is_settled(&metadata, now_ms).then(|| e_tag_of(&metadata));
            rows.push(Row::Object { key, size: metadata.len(), modified: metadata.modified()?, e_tag });
        }
    }
    Ok((rows, false))
}

/// Adds the keys of a folder; those of folders below it too, unless rows are cut there.
fn collect(folder: &Path, above: &str, wanted: &Wanted<'_>, keys: &mut Vec<String>) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        // Keys are UTF-8.
        let Some(name) = name.to_str() else { continue };
        let mut key = if above.is_empty() { name.to_owned() } else { format!("{above}/{name}") };
        if !key.starts_with(wanted.prefix) && !wanted.prefix.starts_with(&format!("{key}/")) {
            continue;
        }
        if keys.len() >= ENTRIES_MAX {
            return Err(io::Error::other("the folder holds too many files to list"));
        }
        let kind = entry.file_type()?;
        let is_folder = kind.is_dir() || (kind.is_symlink() && entry.path().is_dir());
        if !is_folder {
            keys.push(key);
        } else if wanted.by_folder && key.starts_with(wanted.prefix) {
            key.push('/');
            keys.push(key);
        } else if !kind.is_symlink() {
            collect(&entry.path(), &key, wanted, keys)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for key in ["a/x", "a/y/z", "a-b", "a b", "b%20c", "ä", "c/1", "c/2", "c/3"] {
            let path = folder.path().join(key);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, key).unwrap();
        }
        folder
    }

    fn keys(folder: &Path, prefix: &str, by_folder: bool, after: &str, limit: usize) -> (Vec<String>, bool) {
        let root = folder.canonicalize().unwrap();
        let (rows, more) = list(&root, &Wanted { prefix, by_folder, after, limit }, 0).unwrap();
        let name = |row| match row {
            Row::Object { key, .. } | Row::Folder(key) => key,
        };
        (rows.into_iter().map(name).collect(), more)
    }

    #[test]
    fn byte_order_of_whole_keys() {
        let tree = tree();
        let all = ["a b", "a-b", "a/x", "a/y/z", "b%20c", "c/1", "c/2", "c/3", "ä"];
        assert_eq!(keys(tree.path(), "", false, "", 100).0, all);
        assert_eq!(keys(tree.path(), "", true, "", 100).0, ["a b", "a-b", "a/", "b%20c", "c/", "ä"]);
        assert_eq!(keys(tree.path(), "a/", true, "", 100).0, ["a/x", "a/y/"]);
        assert_eq!(keys(tree.path(), "a/y", true, "", 100).0, ["a/y/"]);
        assert_eq!(keys(tree.path(), "a", false, "", 100).0, ["a b", "a-b", "a/x", "a/y/z"]);
        assert_eq!(keys(tree.path(), "none/", true, "", 100).0, [""; 0]);
        assert_eq!(keys(tree.path(), "../", true, "", 100).0, [""; 0]);
    }

    #[test]
    fn pages_and_starts() {
        let tree = tree();
        assert_eq!(keys(tree.path(), "c/", true, "c/1", 1), (vec!["c/2".into()], true));
        assert_eq!(keys(tree.path(), "c/", true, "c/2", 1), (vec!["c/3".into()], false));
        assert_eq!(keys(tree.path(), "c/", true, "c/10", 9).0, ["c/2", "c/3"]);
    }

    #[test]
    fn links_out_of_the_root_are_left_out() {
        let tree = tree();
        std::os::unix::fs::symlink("/etc/hostname", tree.path().join("c/out")).unwrap();
        std::os::unix::fs::symlink("1", tree.path().join("c/in")).unwrap();
        assert_eq!(keys(tree.path(), "c/", true, "", 100).0, ["c/1", "c/2", "c/3", "c/in"]);
    }
}
