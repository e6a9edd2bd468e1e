//! Events are written in their order, a full file is put aside, and nothing that goes wrong is hidden.

use std::time::Duration;

use shared::audit::{Chunks, Outcome};
use shared::clock::SystemClock;
use shared::limits::AUDIT_EVENTS_WAITING_MAX;
use shared::model::version::TimestampMs;

use super::reading::read;
use super::*;

fn event(number: usize) -> Event {
    Event {
        at: TimestampMs::parse("2026-01-01T00:00:00Z").unwrap(),
        request_id: number.to_string(),
        upstream_id: None,
        route: "query-table",
        share: None,
        schema: None,
        table: None,
        table_id: None,
        recipient_id: Some("r".into()),
        token_id: None,
        source_ip: None,
        user_agent: None,
        version: None,
        format: None,
        status: 200,
        error_code: None,
        problem: None,
        outcome: Outcome::Completed,
        files: 1,
        bytes: 2,
        urls_expire_at: None,
        cache_hits: Vec::new(),
        latency: Duration::ZERO,
        chunks: Chunks::default(),
        cold: false,
    }
}

fn writer(folder: &Path, bytes_max: u64) -> Writer {
    Writer { folder: folder.to_owned(), clock: SystemClock::shared(), bytes_max, torn: false }
}

fn line(number: usize) -> String {
    let mut text = String::new();
    push(&mut text, &Record::of(&event(number)));
    text
}

fn ids(folder: &Path) -> Vec<String> {
    let found = read(folder, TimestampMs::new(0), |_| true).unwrap();
    assert_eq!((found.lost, found.unreadable, found.cut_off), (0, 0, false));
    found.records.into_iter().map(|record| record.request_id).collect()
}

#[test]
fn a_full_file_is_put_aside_and_the_oldest_goes() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = writer(folder.path(), line(10).len() as u64 * 2);
    for number in 10..19 {
        writer.append(&line(number)).unwrap();
    }
    // Two lines a file, of which there are as many as are kept.
    assert_eq!(ids(folder.path()), ["12", "13", "14", "15", "16", "17", "18"]);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), AUDIT_FILES_MAX + 1, "the files and their lock");
}

#[test]
fn whoever_reads_keeps_files_where_they_are_and_holds_up_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = writer(folder.path(), 1);
    let held = lock(folder.path()).unwrap();
    held.lock_shared().unwrap();
    writer.append(&line(1)).unwrap();
    writer.append(&line(2)).unwrap();
    assert!(!file(folder.path(), 1).exists());
    held.unlock().unwrap();
    writer.append(&line(3)).unwrap();
    assert!(file(folder.path(), 1).exists() && !file(folder.path(), 0).exists());
    assert_eq!(ids(folder.path()), ["1", "2", "3"]);
}

#[test]
fn what_is_missing_and_what_is_torn_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (line(1), line(2));
    let mut text = String::new();
    push(&mut text, &Lost { timestamp: "2026-01-01T00:00:00.000Z".into(), lost: 7 });
    fs::write(file(folder.path(), 0), format!("{first}{}\n{second}{text}\n", &first[..20])).unwrap();
    let found = read(folder.path(), TimestampMs::new(0), |_| true).unwrap();
    assert_eq!((found.records.len(), found.lost, found.unreadable), (2, 7, 1));
    let later = read(folder.path(), TimestampMs::parse("2026-01-02T00:00:00Z").unwrap(), |_| true).unwrap();
    assert_eq!((later.records.len(), later.lost), (0, 0));
}

#[tokio::test]
async fn what_was_recorded_is_there_once_it_is_finished_and_a_torn_line_costs_itself_only() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(file(folder.path(), 0), "{\"timestamp\":\"20").unwrap();
    let kept = AuditFile::start(folder.path(), SystemClock::shared()).unwrap();
    for number in 0..1_000 {
        kept.record(&event(number));
    }
    kept.finish().await;
    let found = read(folder.path(), TimestampMs::new(0), |_| true).unwrap();
    assert!(found.records.iter().map(|record| record.request_id.as_str()).eq((0..1_000).map(|n| n.to_string())));
    assert_eq!((found.unreadable, found.lost), (1, 0));
}

#[test]
fn a_folder_that_cannot_be_written_is_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let none = folder.path().join("none");
    assert!(AuditFile::start(&none, SystemClock::shared()).unwrap_err().starts_with("cannot write "));
    assert!(read(&none, TimestampMs::new(0), |_| true).unwrap().records.is_empty());
}

#[test]
fn what_could_not_be_written_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    // Nobody takes what waits.
    let kept = AuditFile { waiting: Arc::default() };
    for number in 0..=AUDIT_EVENTS_WAITING_MAX {
        kept.record(&event(number));
    }
    let waiting = Arc::clone(&kept.waiting);
    drop(kept);
    writer(folder.path(), u64::MAX).run(&waiting);
    let found = read(folder.path(), TimestampMs::new(0), |_| true).unwrap();
    assert_eq!((found.records.len(), found.lost), (AUDIT_EVENTS_WAITING_MAX, 1));
}
