//! Readers of large answers, many at once: such as read all, such as read slowly, and such as read nothing.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use shared::clock::Clock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::answer::Question;
use crate::process::Watched;

/// What a read takes at most.
const READ_BYTES: usize = 256 * 1024;
/// What slow readers take at once, and how often.
const SIP_BYTES: usize = 2_000;
const SIP_EVERY: Duration = Duration::from_millis(100);
/// How long things take to come to rest.
const REST: Duration = Duration::from_secs(2);
/// Connections that fit under the limit on open files that systems usually set.
const CONNECTIONS_USUAL: usize = 200;
/// Files that a process may have open beside its connections.
const FILES_BESIDE: usize = 200;

/// What readers read.
#[derive(Debug, Default)]
pub(super) struct Read {
    /// Whole answers.
    pub(super) answers: u64,
    /// All bytes, those of unfinished answers too.
    pub(super) bytes: u64,
    /// How long.
    pub(super) time: Duration,
}

/// Readers that hold their connections until they are dropped.
pub(super) struct Held {
    _readers: JoinSet<()>,
    begun: Arc<AtomicUsize>,
}

impl Held {
    /// How many have seen the beginning of an answer.
    pub(super) fn begun(&self) -> usize {
        self.begun.load(Ordering::Relaxed)
    }
}

/// Lets this process and the server have so many connections, as far as the system allows it; how many there may be.
pub(super) fn allow_connections(server: &Watched, wanted: usize) -> usize {
    let mut allowed = wanted;
    let ids = server.ids().into_iter().chain([std::process::id()]);
    for id in ids {
        // A request may need a connection to the storage beside that to the client: three ends of it are in this process.
        let files = 4 * wanted + FILES_BESIDE;
        let limits = std::fs::read_to_string(format!("/proc/{id}/limits")).unwrap_or_default();
        if open_files(&limits).is_some_and(|allowed| allowed >= files) {
            continue;
        }
        let raised = Command::new("prlimit")
            .args(["--pid", &id.to_string(), &format!("--nofile={files}:")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if !raised.is_ok_and(|status| status.success()) {
            allowed = allowed.min(CONNECTIONS_USUAL);
        }
    }
    allowed
}

/// How many files a process may open: the first number of its line in `/proc/PID/limits`.
fn open_files(limits: &str) -> Option<usize> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// So many readers ask, read everything and ask again, for a while. What is under way then is broken off.
///
/// # Errors
/// When an answer breaks off.
pub(super) async fn over_and_over(
    question: &Question<'_>,
    readers: usize,
    during: Duration,
    clock: &Arc<dyn Clock>,
) -> Result<Read, String> {
    let (mut tasks, start) = (JoinSet::new(), clock.uptime());
    for _ in 0..readers {
        let (host, request) = (question.host.to_owned(), question.request("close"));
        let clock = Arc::clone(clock);
        tasks.spawn(async move {
            let mut all = Read::default();
            while clock.uptime() < start + during {
                let Read { answers, bytes, .. } = once(&host, &request, start + during, clock.as_ref()).await?;
                all.answers += answers;
                all.bytes += bytes;
            }
            Ok::<_, String>(all)
        });
    }
    let mut all = Read::default();
    while let Some(done) = tasks.join_next().await {
        let Read { answers, bytes, .. } = done.map_err(|error| error.to_string())??;
        all.answers += answers;
        all.bytes += bytes;
    }
    Ok(Read { time: clock.uptime() - start, ..all })
}

async fn once(host: &str, request: &str, until: Duration, clock: &dyn Clock) -> Result<Read, String> {
    /// How a chunked answer ends that is whole.
    const END: &[u8] = b"0\r\n\r\n";
    let broken = |error: std::io::Error| format!("a reader's connection broke: {error}");
    let mut stream = asked(host, request).await.map_err(broken)?;
    let (mut piece, mut end, mut bytes) = (vec![0; READ_BYTES], Vec::new(), 0);
    loop {
        let count = stream.read(&mut piece).await.map_err(broken)?;
        if count == 0 {
            break;
        }
        bytes += count as u64;
        let come = piece.get(..count).unwrap_or_default();
        end.extend_from_slice(come.get(count.saturating_sub(END.len())..).unwrap_or_default());
        end.drain(..end.len().saturating_sub(END.len()));
        if clock.uptime() >= until {
            return Ok(Read { bytes, ..Read::default() });
        }
    }
    if end == END { Ok(Read { answers: 1, bytes, ..Read::default() }) } else { Err("an answer broke off".into()) }
}

async fn asked(host: &str, request: &str) -> std::io::Result<TcpStream> {
    let mut stream = TcpStream::connect(host).await?;
    stream.set_nodelay(true)?;
    stream.write_all(request.as_bytes()).await?;
    Ok(stream)
}

/// So many readers ask, and then take a little from time to time, or nothing.
///
/// # Errors
/// When a connection cannot be had.
pub(super) async fn hold(question: &Question<'_>, readers: usize, slow: bool) -> Result<Held, String> {
    let (mut held, begun) = (JoinSet::new(), Arc::<AtomicUsize>::default());
    let request = question.request("close");
    for _ in 0..readers {
        let stream = asked(question.host, &request).await.map_err(|error| format!("no connection: {error}"))?;
        let begun = Arc::clone(&begun);
        held.spawn(async move { drop(stay(stream, slow, &begun).await) });
    }
    settle().await;
    Ok(Held { _readers: held, begun })
}

async fn stay(mut stream: TcpStream, slow: bool, begun: &AtomicUsize) -> std::io::Result<()> {
    stream.readable().await?;
    begun.fetch_add(1, Ordering::Relaxed);
    let mut sip = vec![0; SIP_BYTES];
    while slow && stream.read(&mut sip).await? > 0 {
        tokio::time::sleep(SIP_EVERY).await;
    }
    std::future::pending().await
}

/// When one more answer's first byte comes, if it does within this time.
///
/// # Errors
/// When the connection breaks.
pub(super) async fn first_byte_within(
    question: &Question<'_>,
    within: Duration,
    clock: &Arc<dyn Clock>,
) -> Result<Option<Duration>, String> {
    let broken = |error: std::io::Error| format!("a reader's connection broke: {error}");
    let start = clock.uptime();
    let stream = asked(question.host, &question.request("close")).await.map_err(broken)?;
    match tokio::time::timeout(within, stream.readable()).await {
        Ok(ready) => ready.map(|()| Some(clock.uptime() - start)).map_err(broken),
        Err(_) => Ok(None),
    }
}

/// Lets what is under way come to rest.
pub(super) async fn settle() {
    tokio::time::sleep(REST).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_found_in_what_the_kernel_says() {
        let limits =
            "Max processes             95      95      processes\nMax open files            1024    524288  files\n";
        assert_eq!(open_files(limits), Some(1024));
        assert_eq!(open_files("Max open files            unlimited   unlimited   files"), None);
    }
}
