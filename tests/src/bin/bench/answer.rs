//! One answer, looked at: chunks that end, a gzip member that ends, only whole lines. Plain text is looked at as it comes,
//! which costs next to nothing and needs no memory. What is compressed is kept and looked at afterwards, so that the
//! client's own work, decompressing above all, is no part of the times.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use memchr::memmem;
use shared::clock::Clock;

mod chunks;
mod text;

use chunks::Chunks;
use text::Text;

/// What a read takes at most.
const READ_BYTES: usize = 1024 * 1024;
/// An answer that stops for this long counts as broken.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// The longest head of an answer.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// A request for files of a table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question<'a> {
    /// `host:port`.
    pub(crate) host: &'a str,
    /// The path of the table's query route.
    pub(crate) path: &'a str,
    /// The bearer token.
    pub(crate) token: &'a str,
    /// `delta` or `parquet`.
    pub(crate) format: &'a str,
    /// `identity`, `gzip` or `zstd`.
    pub(crate) coding: &'a str,
    /// The request's body.
    pub(crate) body: &'a str,
    /// Whether an end is asked for, which tells how to go on.
    pub(crate) paged: bool,
}

/// What was seen of an answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// From sending to the first byte.
    pub(crate) first_byte: Duration,
    /// From sending to the end of the first file's line.
    pub(crate) first_file: Duration,
    /// From sending to the last byte.
    pub(crate) wall: Duration,
    /// Everything that came over the wire, head and framing included.
    pub(crate) sent_bytes: u64,
    /// The lines, decompressed.
    pub(crate) text_bytes: u64,
    /// Lines of files.
    pub(crate) files: u64,
    /// The line that ends it, where one was asked for.
    pub(crate) end: Vec<u8>,
}

/// What came of an answer that was read slowly and not to its end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trickle {
    /// Lines of files.
    pub(crate) files: u64,
    /// Bytes that were read.
    pub(crate) bytes: u64,
    /// From the first byte to the last that was read.
    pub(crate) time: Duration,
}

impl Question<'_> {
    /// Asks on a new connection.
    ///
    /// # Errors
    /// When the answer is not a whole one.
    pub(crate) fn ask(&self, clock: &dyn Clock) -> Result<Answer, String> {
        let broken = |error: io::Error| format!("the connection broke: {error}");
        let start = clock.uptime();
        let mut stream = self.send().map_err(broken)?;
        let (mut looking, mut kept, mut piece) = (Looking::new(self), Vec::new(), vec![0; READ_BYTES]);
        loop {
            let count = stream.read(&mut piece).map_err(broken)?;
            let (at, bytes) = (clock.uptime() - start, piece.get(..count).unwrap_or_default());
            match count {
                0 => break,
                _ if self.coding == "identity" => looking.take(bytes, at)?,
                _ => kept.push((bytes.to_vec(), at)),
            }
        }
        for (bytes, at) in kept {
            looking.take(&bytes, at)?;
        }
        looking.end()
    }

    /// Asks, reads so many bytes a second for a while, and goes away.
    ///
    /// # Errors
    /// When there is no answer, or it is none of this kind.
    pub(crate) fn trickle(
        &self,
        clock: &dyn Clock,
        bytes_per_second: u64,
        during: Duration,
    ) -> Result<Trickle, String> {
        /// Pieces of a second.
        const PIECES: u64 = 50;
        let broken = |error: io::Error| format!("the connection broke: {error}");
        let mut stream = self.send().map_err(broken)?;
        let mut piece = vec![0; usize::try_from(bytes_per_second / PIECES).unwrap_or(READ_BYTES)];
        let (mut looking, mut bytes, mut start) = (Looking::new(self), 0, None);
        loop {
            let count = stream.read(&mut piece).map_err(broken)?;
            let begun = *start.get_or_insert_with(|| clock.uptime());
            bytes += count as u64;
            looking.take(piece.get(..count).unwrap_or_default(), clock.uptime() - begun)?;
            let due = Duration::from_secs_f64(bytes as f64 / bytes_per_second as f64);
            std::thread::sleep(due.saturating_sub(clock.uptime() - begun));
            let time = clock.uptime() - begun;
            if count == 0 || time >= during {
                return Ok(Trickle { files: looking.files()?, bytes, time });
            }
        }
    }

    /// The request as it is sent.
    pub(crate) fn request(&self, connection: &str) -> String {
        let Self { host, path, token, format, coding, body, paged } = self;
        let end = if *paged { ";includeendstreamaction=true" } else { "" };
        format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nConnection: {connection}\r\n\
             delta-sharing-capabilities: responseformat={format};readerfeatures=v2checkpoint{end}\r\n\
             Accept-Encoding: {coding}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    fn send(&self) -> io::Result<TcpStream> {
        let mut stream = TcpStream::connect(self.host)?;
        stream.set_read_timeout(Some(SILENCE_MAX))?;
        stream.set_nodelay(true)?;
        stream.write_all(self.request("close").as_bytes())?;
        Ok(stream)
    }
}

/// An answer under way.
struct Looking<'a> {
    question: &'a Question<'a>,
    /// The head as far as it has come, until all of it has.
    head: Vec<u8>,
    body: Option<(Chunks, Text)>,
    first_byte: Option<Duration>,
    first_file: Option<Duration>,
    last_byte: Duration,
    sent_bytes: u64,
}

impl<'a> Looking<'a> {
    fn new(question: &'a Question<'a>) -> Self {
        let (head, last_byte) = (Vec::new(), Duration::ZERO);
        Self { question, head, body: None, first_byte: None, first_file: None, last_byte, sent_bytes: 0 }
    }

    /// Bytes that came at a moment.
    fn take(&mut self, bytes: &[u8], at: Duration) -> Result<(), String> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.first_byte.get_or_insert(at);
        self.last_byte = at;
        self.sent_bytes += bytes.len() as u64;
        let begun;
        let bytes = if self.body.is_some() {
            bytes
        } else {
            self.head.extend_from_slice(bytes);
            let Some(end) = memmem::find(&self.head, b"\r\n\r\n") else {
                return if self.head.len() > HEAD_BYTES_MAX { Err("the answer has no head".into()) } else { Ok(()) };
            };
            begun = self.head.split_off(end + 4);
            self.check_head(&begun)?;
            self.body = Some((Chunks::default(), Text::new(self.question.coding)?));
            &begun
        };
        let Some((chunks, text)) = &mut self.body else { return Ok(()) };
        chunks.take(bytes, text)?;
        if self.first_file.is_none() && text.lines()?.files > 0 {
            self.first_file = Some(at);
        }
        Ok(())
    }

    fn check_head(&self, body: &[u8]) -> Result<(), String> {
        let head = String::from_utf8_lossy(&self.head).to_ascii_lowercase();
        if !head.starts_with("http/1.1 200 ") {
            let text = String::from_utf8_lossy(body);
            return Err(format!("the answer is {} {}", head.lines().next().unwrap_or_default(), text.trim()));
        }
        if !head.lines().any(|line| line == "transfer-encoding: chunked") {
            return Err("the answer is not chunked".into());
        }
        let Question { format, coding, .. } = self.question;
        let said = head.lines().find_map(|line| line.strip_prefix("delta-sharing-capabilities:"));
        if !said.is_some_and(|said| said.split(';').any(|one| one.trim() == format!("responseformat={format}"))) {
            return Err("the answer is in another format".into());
        }
        let said = head.lines().find_map(|line| line.strip_prefix("content-encoding:")).unwrap_or("identity").trim();
        if said != *coding {
            return Err(format!("the answer's compression is {said}, not {coding}"));
        }
        Ok(())
    }

    /// Lines of files so far.
    fn files(&mut self) -> Result<u64, String> {
        self.body.as_mut().map_or(Ok(0), |(_, text)| Ok(text.lines()?.files))
    }

    fn end(self) -> Result<Answer, String> {
        let (chunks, text) = self.body.ok_or("the answer has no head")?;
        if !chunks.ended() {
            return Err("the answer ends before its last chunk".into());
        }
        let lines = text.finish()?;
        if !lines.line.is_empty() {
            return Err("the answer ends within a line".into());
        }
        Ok(Answer {
            first_byte: self.first_byte.ok_or("the answer is empty")?,
            first_file: self.first_file.ok_or("the answer holds no file")?,
            wall: self.last_byte,
            sent_bytes: self.sent_bytes,
            text_bytes: lines.bytes,
            files: lines.files,
            end: lines.end,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nDelta-Sharing-Capabilities: responseformat=delta\r\n\r\n";

    fn look(body: &str, pieces: usize) -> Result<Answer, String> {
        let bytes = format!("{HEAD}{body}").into_bytes();
        let question =
            Question { host: "", path: "", token: "", format: "delta", coding: "identity", body: "{}", paged: false };
        let mut looking = Looking::new(&question);
        for (piece, at) in bytes.chunks(pieces).zip(1..) {
            looking.take(piece, Duration::from_secs(at))?;
        }
        looking.end()
    }

    #[test]
    fn a_whole_answer_is_counted_however_it_arrives() {
        let body = "c\r\n{\"protocol\":\r\ne\r\n{}}\n{\"file\":{}\r\nd\r\n}\n{\"file\":{}}\r\n1\r\n\n\r\n0\r\n\r\n";
        for pieces in [1, 7, 1000] {
            let answer = look(body, pieces).unwrap();
            assert_eq!((answer.files, answer.text_bytes), (2, 40), "{pieces}");
            assert!(answer.first_byte <= answer.first_file && answer.first_file <= answer.wall);
        }
    }

    #[test]
    fn an_answer_that_is_not_whole_is_refused() {
        for (body, why) in [
            ("c\r\n{\"file\":{}}\n\r\n", "before its last chunk"),
            ("c\r\n{\"file\":{}}\n\r\n0\r\n", "before its last chunk"),
            ("b\r\n{\"file\":{}}\r\n0\r\n\r\n", "within a line"),
            ("3\r\n{\"file\":{}}\n\r\n0\r\n\r\n", "longer than it says"),
            ("c\r\n{\"file\":{}}\n\r\n0\r\n\r\nx\r\n", "follows the last chunk"),
            ("0\r\n\r\n", "holds no file"),
        ] {
            let error = look(body, 1000).unwrap_err();
            assert!(error.contains(why), "{body:?}: {error}");
        }
    }
}
