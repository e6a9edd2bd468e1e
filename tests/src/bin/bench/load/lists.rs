//! A load of small requests over connections that are kept, and how long each took.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use shared::clock::Clock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// How often a connection asks.
#[derive(Debug, Clone, Copy)]
pub(super) enum Pace {
    /// When it has its answer.
    Fast,
    /// So often; late answers are asked for late.
    Every(Duration),
}

/// What was seen.
#[derive(Debug)]
pub(super) struct Lists {
    /// The time of each, sorted.
    times: Vec<Duration>,
    during: Duration,
}

impl Lists {
    /// How many there were.
    pub(super) fn count(&self) -> usize {
        self.times.len()
    }

    /// How many there were a second.
    pub(super) fn per_second(&self) -> f64 {
        self.times.len() as f64 / self.during.as_secs_f64()
    }

    /// The time within which this share of them was answered.
    pub(super) fn percentile(&self, share: f64) -> Duration {
        let last = self.times.len().saturating_sub(1);
        self.times.get((last as f64 * share).round() as usize).copied().unwrap_or_default()
    }

    /// What a report says of them.
    pub(super) fn json(&self) -> Value {
        json!({
            "count": self.count(),
            "perSecond": self.per_second(),
            "p50Seconds": self.percentile(0.5).as_secs_f64(),
            "p99Seconds": self.percentile(0.99).as_secs_f64(),
            "longestSeconds": self.percentile(1.0).as_secs_f64(),
        })
    }
}

/// Asks over so many connections for a while.
///
/// # Errors
/// When an answer is not 200 and whole.
pub(super) async fn ask(
    host: &str,
    request: &str,
    connections: usize,
    pace: Pace,
    during: Duration,
    clock: &Arc<dyn Clock>,
) -> Result<Lists, String> {
    let (mut tasks, start) = (JoinSet::new(), clock.uptime());
    for _ in 0..connections {
        let (host, request, clock) = (host.to_owned(), request.to_owned(), Arc::clone(clock));
        tasks.spawn(async move { connection(&host, &request, pace, start + during, clock.as_ref()).await });
    }
    let mut times = Vec::new();
    while let Some(done) = tasks.join_next().await {
        times.extend(done.map_err(|error| error.to_string())??);
    }
    times.sort_unstable();
    Ok(Lists { times, during: clock.uptime() - start })
}

async fn connection(
    host: &str,
    request: &str,
    pace: Pace,
    until: Duration,
    clock: &dyn Clock,
) -> Result<Vec<Duration>, String> {
    let broken = |error: std::io::Error| format!("a list's connection broke: {error}");
    let mut stream = TcpStream::connect(host).await.map_err(broken)?;
    stream.set_nodelay(true).map_err(broken)?;
    let (mut times, mut come) = (Vec::new(), Vec::with_capacity(64 * 1024));
    loop {
        let start = clock.uptime();
        if start >= until {
            return Ok(times);
        }
        stream.write_all(request.as_bytes()).await.map_err(broken)?;
        answer(&mut stream, &mut come).await?;
        let took = clock.uptime() - start;
        times.push(took);
        if let Pace::Every(every) = pace {
            tokio::time::sleep(every.saturating_sub(took)).await;
        }
    }
}

/// Reads one answer to its end.
async fn answer(stream: &mut TcpStream, come: &mut Vec<u8>) -> Result<(), String> {
    come.clear();
    let mut length = None;
    while length.is_none_or(|length| come.len() < length) {
        let read = stream.read_buf(come).await.map_err(|error| format!("a list's connection broke: {error}"))?;
        if read == 0 {
            return Err("a list has no end".into());
        }
        if length.is_none() {
            length = whole_length(come)?;
        }
    }
    Ok(())
}

/// The length of an answer of which the head has come.
fn whole_length(come: &[u8]) -> Result<Option<usize>, String> {
    const END: &[u8] = b"\r\n\r\n";
    let Some(at) = memchr::memmem::find(come, END) else { return Ok(None) };
    let head = String::from_utf8_lossy(come.get(..at).unwrap_or_default()).to_ascii_lowercase();
    if !head.starts_with("http/1.1 200 ") {
        return Err(format!("a list's answer is {}", head.lines().next().unwrap_or_default()));
    }
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    length.map(|length| Some(at + END.len() + length)).ok_or_else(|| "a list has no length".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_sorted_times() {
        let times = (1..=101).map(Duration::from_millis).collect();
        let lists = Lists { times, during: Duration::from_secs(2) };
        assert_eq!(lists.percentile(0.5), Duration::from_millis(51));
        assert_eq!(lists.percentile(0.99), Duration::from_millis(100));
        assert_eq!((lists.percentile(1.0), lists.count()), (Duration::from_millis(101), 101));
    }

    #[test]
    fn an_answer_is_as_long_as_its_head_says() {
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
        assert_eq!(whole_length(head).unwrap(), Some(head.len() + 5));
        assert_eq!(whole_length(b"HTTP/1.1 200 OK\r\n").unwrap(), None);
        assert!(whole_length(b"HTTP/1.1 401 No\r\nContent-Length: 5\r\n\r\n").is_err());
    }
}
