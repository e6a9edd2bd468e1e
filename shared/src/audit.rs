//! What became of a request: one typed event, recorded when its answer has really ended. Nothing in it is secret: no
//! token, no URL, no path of a table, no text of a predicate; what the caller wrote is shortened.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::model::capability::ResponseFormat;
use crate::model::recipient::Recipient;
use crate::model::version::{TimestampMs, Version};

pub mod log;
pub mod metrics;
pub mod record;

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The client was given all of it; a refusal is an answer too.
    Completed,
    /// The server failed: a status of 500 and above, or an answer that broke off.
    Failed,
    /// The client went away, or took nothing for too long.
    ClientGone,
}

impl Outcome {
    /// The word in logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::ClientGone => "client_gone",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One request and its answer.
#[derive(Debug, Clone)]
pub struct Event {
    /// When the request came.
    pub at: TimestampMs,
    /// The id in the answer's header.
    pub request_id: String,
    /// The id that the gateway in front gave the request.
    pub upstream_id: Option<String>,
    /// The route's id; `none` for a path that no route has.
    pub route: &'static str,
    /// The share that the path names, shortened.
    pub share: Option<String>,
    /// The schema that the path names, shortened.
    pub schema: Option<String>,
    /// The table that the path names, shortened.
    pub table: Option<String>,
    /// The id of the table that was found.
    pub table_id: Option<String>,
    /// The recipient, once it is known.
    pub recipient_id: Option<String>,
    /// The public part of its token, where it has one.
    pub token_id: Option<String>,
    /// Where the request came from.
    pub source_ip: Option<String>,
    /// What the client calls itself, shortened.
    pub user_agent: Option<String>,
    /// The table's version that the answer is about.
    pub version: Option<Version>,
    /// The dialect of the answer.
    pub format: Option<ResponseFormat>,
    /// The status code.
    pub status: u16,
    /// The error code of a refusal.
    pub error_code: Option<&'static str>,
    /// Why it was refused or broke off, with the causes.
    pub problem: Option<String>,
    /// How the answer ended.
    pub outcome: Outcome,
    /// Files of the table in the answer.
    pub files: u64,
    /// Bytes of the body, as sent.
    pub bytes: u64,
    /// When the URLs of the answer end.
    pub urls_expire_at: Option<TimestampMs>,
    /// Caches that had what was asked of them.
    pub cache_hits: Vec<&'static str>,
    /// Chunks of checkpoints in the cache that processes share.
    pub chunks: Chunks,
    /// From the request to the end of the answer.
    pub latency: Duration,
    /// Whether it was the process's first request.
    pub cold: bool,
}

/// What became of chunks of checkpoints.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Chunks {
    /// Read instead of the log.
    pub read: u64,
    /// Not there.
    pub missing: u64,
    /// There, but damaged, forged or of another table's.
    pub unfit: u64,
    /// Written for others.
    pub written: u64,
}

impl Chunks {
    fn add(&mut self, more: Self) {
        self.read += more.read;
        self.missing += more.missing;
        self.unfit += more.unfit;
        self.written += more.written;
    }
}

/// Keeps events.
pub trait Audit: fmt::Debug + Send + Sync {
    /// Keeps one. Must not fail: an answer never depends on its record.
    fn record(&self, event: &Event);
}

/// Several keepers as one.
#[derive(Debug)]
pub struct All(pub Vec<Arc<dyn Audit>>);

impl Audit for All {
    fn record(&self, event: &Event) {
        for audit in &self.0 {
            audit.record(event);
        }
    }
}

tokio::task_local! {
    static CURRENT: Notes;
}

/// Notes that a cache had what was asked of it. Caches are far below whoever has the request at hand; outside of a request
/// this does nothing.
pub fn cache_hit(cache: &'static str) {
    let _ = CURRENT.try_with(|notes| notes.cache_hit(cache));
}

/// Notes what became of chunks; outside of a request this does nothing.
pub fn chunks(chunks: Chunks) {
    let _ = CURRENT.try_with(|notes| notes.said().chunks.add(chunks));
}

/// What only the inside of a request knows, on its way to the event. Clones share one set of notes.
#[derive(Debug, Clone, Default)]
pub struct Notes(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    files: AtomicU64,
    said: Mutex<Said>,
}

#[derive(Debug, Default)]
struct Said {
    table_id: Option<String>,
    recipient: Option<(String, Option<String>)>,
    urls_expire_at: Option<TimestampMs>,
    cache_hits: Vec<&'static str>,
    chunks: Chunks,
    problem: Option<String>,
    client_stalled: bool,
}

impl Notes {
    /// The table that was found.
    pub fn table(&self, id: &str) {
        self.said().table_id = Some(id.to_owned());
    }

    /// Whom the request was for, where no bearer token says it.
    pub fn recipient(&self, recipient: &Recipient) {
        self.said().recipient = Some((recipient.id().to_owned(), recipient.token_id().map(str::to_owned)));
    }

    /// When the URLs of the answer end.
    pub fn urls_expire_at(&self, moment: TimestampMs) {
        self.said().urls_expire_at = Some(moment);
    }

    /// One file more.
    pub fn file(&self) {
        self.0.files.fetch_add(1, Ordering::Relaxed);
    }

    /// Makes these the notes of everything that the work does in its own task.
    pub async fn during<F: Future>(self, work: F) -> F::Output {
        CURRENT.scope(self, work).await
    }

    /// The same for work that waits on a thread of its own.
    pub fn within<T>(self, work: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(self, work)
    }

    fn cache_hit(&self, cache: &'static str) {
        let mut said = self.said();
        if !said.cache_hits.contains(&cache) {
            said.cache_hits.push(cache);
        }
    }

    /// Why the answer is a refusal or broke off; the first reason counts.
    pub fn problem(&self, why: String) {
        self.said().problem.get_or_insert(why);
    }

    /// The client took nothing for too long.
    pub fn client_stalled(&self) {
        self.said().client_stalled = true;
    }

    /// Whether [`Notes::client_stalled`] was said.
    pub fn is_client_stalled(&self) -> bool {
        self.said().client_stalled
    }

    /// Puts what was noted into an event.
    pub fn complete(&self, event: &mut Event) {
        let said = self.said();
        event.files = self.0.files.load(Ordering::Relaxed);
        event.table_id.clone_from(&said.table_id);
        if let Some((recipient_id, token_id)) = said.recipient.clone() {
            (event.recipient_id, event.token_id) = (Some(recipient_id), token_id);
        }
        event.urls_expire_at = said.urls_expire_at;
        event.cache_hits.clone_from(&said.cache_hits);
        event.chunks = said.chunks;
        event.problem.clone_from(&said.problem);
    }

    fn said(&self) -> MutexGuard<'_, Said> {
        // A panic elsewhere leaves notes that are still worth having.
        self.0.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An event with everything in it.
    pub(crate) fn full() -> Event {
        Event {
            at: TimestampMs::new(1_700_000_000_000),
            request_id: "0123456789abcdef".into(),
            upstream_id: Some("up".into()),
            route: "query-table",
            share: Some("s".into()),
            schema: Some("d".into()),
            table: Some("t\n\"x".into()),
            table_id: Some("table 1".into()),
            recipient_id: Some("r1".into()),
            token_id: Some("k".into()),
            source_ip: Some("203.0.113.9".into()),
            user_agent: Some("agent/1".into()),
            version: Some(Version::new(7)),
            format: Some(ResponseFormat::Delta),
            status: 200,
            error_code: None,
            problem: None,
            outcome: Outcome::Completed,
            files: 3,
            bytes: 4_096,
            urls_expire_at: Some(TimestampMs::new(1_700_000_003_000)),
            cache_hits: vec!["token", "table"],
            chunks: Chunks { read: 2, missing: 1, unfit: 0, written: 1 },
            latency: Duration::from_millis(12),
            cold: true,
        }
    }

    #[tokio::test]
    async fn clones_of_notes_share_what_was_said() {
        let notes = Notes::default();
        let other = notes.clone();
        other.file();
        other.file();
        cache_hit("nobody's");
        let work = async {
            cache_hit("token");
            cache_hit("token");
        };
        other.clone().during(work).await;
        chunks(Chunks { read: 9, ..Chunks::default() });
        for unfit in [0, 3] {
            other.clone().within(|| chunks(Chunks { read: 1, missing: 2, unfit, written: 4 }));
        }
        other.problem("first".into());
        other.problem("second".into());
        let mut event = full();
        notes.complete(&mut event);
        assert_eq!((event.files, event.cache_hits.len(), event.problem.as_deref()), (2, 1, Some("first")));
        assert_eq!(event.chunks, Chunks { read: 2, missing: 4, unfit: 3, written: 8 });
    }
}
