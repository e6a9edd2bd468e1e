//! The storage under the server: an S3 server in this process, behind a proxy that lets every request wait and every
//! connection be slow, as those to S3 are, and that counts the requests. On loopback alone round trips would look free.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use local::embedded_s3::{AccessKeys, EmbeddedS3, Roots};
use shared::clock::Clock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Bytes that are handed on at once.
const PIECE_BYTES: usize = 32 * 1024;
/// The longest head of a message.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// How far away the storage is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Distance {
    /// Time until a request's first byte comes back.
    pub(crate) latency: Duration,
    /// Bytes a second on each connection; none for as many as there are.
    pub(crate) bandwidth: Option<u64>,
}

/// The storage.
#[derive(Debug)]
pub(crate) struct Storage {
    /// The proxy's URL.
    pub(crate) endpoint: String,
    /// What requests are signed with.
    pub(crate) keys: AccessKeys,
    roots: Roots,
    seen: Arc<Mutex<Vec<Request>>>,
    _embedded: EmbeddedS3,
}

/// A request that was answered: when it came and when its last byte was out, by the clock's uptime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Request {
    start: Duration,
    end: Duration,
    /// Bytes of the answer's body.
    pub(crate) bytes: u64,
}

impl Storage {
    /// Starts serving, nothing at first.
    ///
    /// # Errors
    /// When no port can be had.
    pub(crate) async fn start(distance: Distance, clock: Arc<dyn Clock>) -> Result<Self, String> {
        let roots = Roots::new();
        let keys = AccessKeys::generate().map_err(|error| error.to_string())?;
        let embedded =
            EmbeddedS3::start(roots.clone(), keys.clone()).await.map_err(|error| format!("no embedded S3: {error}"))?;
        let unheard = |error: std::io::Error| format!("no proxy: {error}");
        let behind = embedded.endpoint().trim_start_matches("http://").parse::<SocketAddr>();
        let behind = behind.map_err(|error| format!("the embedded S3 has no address: {error}"))?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(unheard)?;
        let endpoint = format!("http://{}", listener.local_addr().map_err(unheard)?);
        let seen = Arc::<Mutex<Vec<Request>>>::default();
        let proxy = Proxy { behind, distance, clock, seen: Arc::clone(&seen) };
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let proxy = proxy.clone();
                // A connection that breaks is the server's to notice.
                tokio::spawn(async move { proxy.serve(client).await });
            }
        });
        Ok(Self { endpoint, keys, roots, seen, _embedded: embedded })
    }

    /// Serves a table's folder too, and says where it lies.
    ///
    /// # Errors
    /// When the folder is not there.
    pub(crate) fn share(&self, name: &str, folder: &Path) -> Result<String, String> {
        // A bucket like any other: the server under test keeps those of its own embedded S3 apart by their names.
        let bucket = format!("bench-{}", name.replace('_', "-"));
        self.roots.share_as(&bucket, folder).map_err(|error| format!("cannot share {}: {error}", folder.display()))?;
        Ok(format!("s3a://{bucket}"))
    }

    /// The requests since this was last asked.
    pub(crate) fn take(&self) -> Vec<Request> {
        std::mem::take(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Of requests that began before a moment, the most that came one after the other: each began when the one before it was
/// answered.
pub(crate) fn in_sequence(requests: &[Request], before: Duration) -> usize {
    let mut requests: Vec<Request> = requests.iter().filter(|request| request.start < before).copied().collect();
    requests.sort_unstable_by_key(|request| request.start);
    let (mut under_way, mut answered, mut most) = (BinaryHeap::new(), 0, 0);
    for Request { start, end, .. } in requests {
        while let Some(Reverse((ended, place))) = under_way.peek().copied()
            && ended <= start
        {
            under_way.pop();
            answered = answered.max(place);
        }
        let place = answered + 1;
        under_way.push(Reverse((end, place)));
        most = most.max(place);
    }
    most
}

#[derive(Clone)]
struct Proxy {
    behind: SocketAddr,
    distance: Distance,
    clock: Arc<dyn Clock>,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Proxy {
    async fn serve(&self, mut client: TcpStream) -> std::io::Result<()> {
        let mut server = TcpStream::connect(self.behind).await?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let (mut asked, mut answered) = (Vec::new(), Vec::new());
        while let Some(head_end) = next_request(&mut client, &mut asked, &server).await? {
            let start = self.clock.uptime();
            // Only reading is asked for: a request has no body.
            let request: Vec<u8> = asked.drain(..head_end).collect();
            server.write_all(&request).await?;
            let Some(head_end) = head(&mut server, &mut answered).await? else { return Ok(()) };
            let length = if request.starts_with(b"HEAD ") { 0 } else { body_length(answered.get(..head_end))? };
            self.wait_until(start + self.distance.latency).await;
            self.hand_on(&mut server, &mut client, &mut answered, head_end + length).await?;
            let request = Request { start, end: self.clock.uptime(), bytes: length as u64 };
            self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(request);
        }
        Ok(())
    }

    /// Hands on so many bytes, of which some have come already, as fast as the connection is.
    async fn hand_on(
        &self,
        from: &mut TcpStream,
        to: &mut TcpStream,
        come: &mut Vec<u8>,
        mut left: usize,
    ) -> std::io::Result<()> {
        let (start, mut sent) = (self.clock.uptime(), 0_u64);
        while left > 0 {
            if come.is_empty() && from.read_buf(come).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            let piece: Vec<u8> = come.drain(..come.len().min(left).min(PIECE_BYTES)).collect();
            to.write_all(&piece).await?;
            left -= piece.len();
            sent += piece.len() as u64;
            if let Some(bandwidth) = self.distance.bandwidth {
                self.wait_until(start + Duration::from_secs_f64(sent as f64 / bandwidth as f64)).await;
            }
        }
        Ok(())
    }

    async fn wait_until(&self, moment: Duration) {
        let left = moment.saturating_sub(self.clock.uptime());
        if left >= Duration::from_millis(1) {
            tokio::time::sleep(left).await;
        }
    }
}

/// Waits for a request; none once either side has closed. A client that was not told would take the connection for one that
/// still works.
async fn next_request(
    client: &mut TcpStream,
    come: &mut Vec<u8>,
    server: &TcpStream,
) -> std::io::Result<Option<usize>> {
    let mut unasked = [0];
    tokio::select! {
        request = head(client, come) => request,
        closed = server.peek(&mut unasked) => closed.map(|_| None),
    }
}

/// Reads until a head is there; its length, or nothing when no further message comes.
async fn head(from: &mut TcpStream, come: &mut Vec<u8>) -> std::io::Result<Option<usize>> {
    const END: &[u8] = b"\r\n\r\n";
    loop {
        if let Some(at) = come.windows(END.len()).position(|window| window == END) {
            return Ok(Some(at + END.len()));
        }
        if come.len() > HEAD_BYTES_MAX || from.read_buf(come).await? == 0 {
            return Ok(None);
        }
    }
}

/// The length of an answer's body.
fn body_length(head: Option<&[u8]>) -> std::io::Result<usize> {
    let head = String::from_utf8_lossy(head.unwrap_or_default()).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    length.ok_or_else(|| std::io::Error::other("the storage's answer has no length"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requests(spans: &[(u64, u64)]) -> Vec<Request> {
        let at = Duration::from_secs;
        spans.iter().map(|&(start, end)| Request { start: at(start), end: at(end), bytes: 1 }).collect()
    }

    #[test]
    fn requests_at_once_count_as_one_step() {
        let sequence = |spans, before| in_sequence(&requests(spans), Duration::from_secs(before));
        assert_eq!(sequence(&[], 9), 0);
        assert_eq!(sequence(&[(0, 2), (1, 3), (0, 5)], 9), 1);
        assert_eq!(sequence(&[(0, 2), (1, 3), (2, 4), (5, 6)], 9), 3);
        assert_eq!(sequence(&[(5, 6), (2, 4), (0, 2)], 9), 3, "the order of their ends says nothing");
        assert_eq!(sequence(&[(0, 2), (2, 4), (5, 6)], 5), 2);
        assert_eq!(sequence(&[(0, 9), (1, 2), (3, 4)], 9), 2);
    }

    #[test]
    fn an_answer_says_how_long_its_body_is() {
        assert_eq!(body_length(Some(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n")).unwrap(), 12);
        assert!(body_length(Some(b"HTTP/1.1 200 OK\r\n\r\n")).is_err());
    }

    #[tokio::test]
    async fn a_connection_that_the_storage_closes_is_closed_for_its_client() {
        let storage = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let distance = Distance { latency: Duration::ZERO, bandwidth: None };
        let clock = shared::clock::SystemClock::shared();
        let proxy = Proxy { behind: storage.local_addr().unwrap(), distance, clock, seen: Arc::default() };
        let front = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(front.local_addr().unwrap()).await.unwrap();
        let (accepted, _) = front.accept().await.unwrap();
        let served = tokio::spawn(async move { proxy.serve(accepted).await });
        let (mut behind, _) = storage.accept().await.unwrap();
        client.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        let mut asked = Vec::new();
        head(&mut behind, &mut asked).await.unwrap().unwrap();
        behind.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.unwrap();
        drop(behind);
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("ok"), "{answer}");
        served.await.unwrap().unwrap();
    }
}
