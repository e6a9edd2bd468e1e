//! One exchange over a bare socket, to see what a client library would hide: whether a chunked answer ended as it should.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::server::{TOKEN, TestServer};

/// An answer as it came through the socket.
#[derive(Debug)]
pub struct RawAnswer {
    /// Status line and headers, in lower case.
    pub head: String,
    /// The body; the frames of a chunked one taken off.
    pub body: Vec<u8>,
    /// Whether the body came to its announced end.
    pub complete: bool,
}

/// Sends a request with the token and reads until the server closes the connection. `headers` are whole lines.
pub async fn exchange(server: &TestServer, method: &str, path: &str, headers: &[&str], body: &str) -> RawAnswer {
    let (host, prefix) = server.endpoint().strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).await.unwrap();
    let headers: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    let request = format!(
        "{method} /{prefix}{path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {TOKEN}\r\nconnection: close\r\n{headers}\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    // A connection that is reset has said all it will.
    let _ = stream.read_to_end(&mut bytes).await;

    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap().to_lowercase();
    let rest = &bytes[end + 4..];
    if head.contains("\r\ntransfer-encoding: chunked") {
        let (body, complete) = unchunked(rest);
        return RawAnswer { head, body, complete };
    }
    let length =
        head.split("\r\ncontent-length: ").nth(1).map_or(0, |text| text.lines().next().unwrap().parse().unwrap());
    RawAnswer { head, complete: rest.len() == length, body: rest.to_vec() }
}

/// The chunks' content, and whether the last chunk came (RFC 9112, 7.1).
fn unchunked(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|window| window == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        rest = &rest[end + 2..];
        if size == 0 {
            return (body, rest == b"\r\n");
        }
        body.extend_from_slice(&rest[..size.min(rest.len())]);
        let Some(next) = rest.get(size + 2..) else { break };
        rest = next;
    }
    (body, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_chunk_makes_a_body_complete() {
        assert_eq!(unchunked(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"), (b"abcde".to_vec(), true));
        assert_eq!(unchunked(b"3\r\nabc\r\n"), (b"abc".to_vec(), false));
        assert_eq!(unchunked(b"5\r\nabc"), (b"abc".to_vec(), false));
        assert_eq!(unchunked(b""), (Vec::new(), false));
    }
}
