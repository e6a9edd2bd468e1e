//! The catalogue's file: changes are whole, told apart however fast they come, and nobody's is lost, be it that a program
//! was killed while it wrote.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use shared::catalog::document::{CatalogDocument, ShareEntry};
use shared::catalog::file::{CatalogFile, CatalogSource, DocumentFile, begin, read, remove};
use shared::clock::Clock;
use shared::model::location::TableLocation;
use shared::model::version::TimestampMs;

/// A clock whose uptime is set, in milliseconds.
#[derive(Debug, Default)]
struct Hand(AtomicI64);

impl Clock for Hand {
    fn now(&self) -> TimestampMs {
        TimestampMs::new(self.0.load(Ordering::SeqCst))
    }

    fn uptime(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::SeqCst).unsigned_abs())
    }
}

fn named(names: &[&str]) -> CatalogDocument {
    let share = |name: &&str| ShareEntry { name: (*name).into(), id: format!("id of {name}"), ..Default::default() };
    CatalogDocument { shares: names.iter().map(share).collect(), ..CatalogDocument::empty() }
}

fn names(path: &Path) -> Vec<String> {
    read(path).unwrap().shares.into_iter().map(|share| share.name).collect()
}

fn push(file: &DocumentFile, name: &str) {
    file.change(|document| {
        document.shares.extend(named(&[name]).shares);
        Some(())
    })
    .unwrap();
}

fn begun() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalogue.json");
    assert!(begin(&path, &CatalogDocument::empty()).unwrap());
    (folder, path)
}

fn reader(path: &Path) -> (CatalogFile, Arc<Hand>) {
    let clock = Arc::new(Hand::default());
    let locate = Box::new(|text: &str| TableLocation::parse(text).map_err(|error| error.to_string()));
    (CatalogFile::open(path, clock.clone(), locate).unwrap(), clock)
}

fn is_seen(file: &CatalogFile, clock: &Hand, share: &str) -> bool {
    clock.0.fetch_add(1_000, Ordering::SeqCst);
    format!("{:?}", file.current()).contains(&format!("\"{share}\""))
}

/// However fast one change follows another, and be the files of one size, each is told from the next: size and moment alone
/// would not do.
#[test]
fn changes_within_one_tick_of_the_file_system_are_seen() {
    let (_folder, path) = begun();
    let file = DocumentFile::at(&path);
    push(&file, "x0");
    let (reader, clock) = reader(&path);
    let other = DocumentFile::at(&path);
    for number in 1..200 {
        let (old, new) = (format!("x{}", number - 1), format!("x{number}"));
        file.change(|document| {
            document.shares[0].name.clone_from(&new);
            Some(())
        })
        .unwrap();
        assert_eq!(other.read(|document| document.shares[0].name.clone()).unwrap(), new);
        assert!(is_seen(&reader, &clock, &new) && !is_seen(&reader, &clock, &old), "{new}");
    }
}

#[test]
fn what_was_left_by_a_program_that_was_killed_is_written_over() {
    let (folder, path) = begun();
    for left in ["catalogue.json.tmp", "catalogue.json.4711.tmp"] {
        fs::write(folder.path().join(left), "{\"formatVersion\": 1, \"sha").unwrap();
    }
    let file = DocumentFile::at(&path);
    push(&file, "a");
    push(&DocumentFile::at(&path), "b");
    assert_eq!(names(&path), ["a", "b"]);
    assert!(!folder.path().join("catalogue.json.tmp").exists());
}

#[test]
fn what_is_gathered_is_seen_by_nobody_else_before_it_is_settled() {
    let (_folder, path) = begun();
    let (file, other) = (DocumentFile::at(&path), DocumentFile::at(&path));
    file.gather();
    push(&file, "a");
    push(&file, "b");
    assert_eq!(file.read(|document| document.shares.len()).unwrap(), 2);
    assert_eq!(other.read(|document| document.shares.len()).unwrap(), 0);
    file.settle().unwrap();
    assert_eq!(other.read(|document| document.shares.len()).unwrap(), 2);
    push(&other, "c");
    push(&file, "d");
    file.settle().unwrap();
    file.settle().unwrap();
    assert_eq!(names(&path), ["a", "b", "c", "d"]);
}

#[test]
fn whoever_gathers_keeps_others_waiting_and_loses_nothing_of_theirs() {
    let (_folder, path) = begun();
    let file = DocumentFile::at(&path);
    file.gather();
    push(&file, "mine");
    let theirs = path.clone();
    let other = std::thread::spawn(move || push(&DocumentFile::at(&theirs), "theirs"));
    push(&file, "mine too");
    file.settle().unwrap();
    other.join().unwrap();
    push(&file, "last");
    file.settle().unwrap();
    let found = names(&path);
    assert_eq!(found.len(), 4, "{found:?}");
    assert!(found.starts_with(&["mine".into(), "mine too".into()]) && found[3] == "last", "{found:?}");
}

#[test]
fn what_cannot_be_written_is_forgotten() {
    let (folder, path) = begun();
    let file = DocumentFile::at(&path);
    push(&file, "a");
    // No file can be made where a folder is.
    fs::create_dir(folder.path().join("catalogue.json.tmp")).unwrap();
    let refused = file.change(|document| {
        document.shares.clear();
        Some(())
    });
    assert!(refused.unwrap_err().starts_with("cannot write "));
    fs::remove_dir(folder.path().join("catalogue.json.tmp")).unwrap();
    assert_eq!(file.read(|document| document.shares.len()).unwrap(), 1);
    push(&file, "b");
    assert_eq!(names(&path), ["a", "b"]);
}

#[test]
fn a_catalogue_is_begun_once_and_removed_only_as_it_was_seen() {
    let (folder, path) = begun();
    assert!(!begin(&path, &named(&["other"])).unwrap());
    push(&DocumentFile::at(&path), "own");
    let kept = remove(&path, |document| if document.shares.is_empty() { Ok(()) } else { Err("no".into()) });
    assert_eq!(kept, Err("no".into()));
    assert_eq!(names(&path), ["own"]);
    remove(&path, |_| Ok(())).unwrap();
    remove(&path, |_| Err("is not asked".into())).unwrap();
    assert!(!folder.path().join("catalogue.json").exists());
}

#[test]
fn a_reader_keeps_the_last_good_catalogue() {
    let (_folder, path) = begun();
    push(&DocumentFile::at(&path), "a");
    let (reader, clock) = reader(&path);
    fs::write(&path, "{").unwrap();
    assert!(is_seen(&reader, &clock, "a"));
    fs::remove_file(&path).unwrap();
    assert!(is_seen(&reader, &clock, "a"));
    assert!(begin(&path, &named(&["b"])).unwrap());
    assert!(is_seen(&reader, &clock, "b") && !is_seen(&reader, &clock, "a"));
}
