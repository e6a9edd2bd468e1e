//! One answer, off the socket as it comes and looked at afterwards: the client's own work, decompressing above all, is
//! then no part of the times. Looking means checking: chunks that end, a gzip member that ends, only whole lines.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use flate2::write::GzDecoder;
use shared::clock::Clock;
use zstd::stream::write::Decoder as ZstdDecoder;

/// How a line of one file begins.
const FILE_LINE: &[u8] = b"{\"file\":";
/// What a read takes at most.
const READ_BYTES: usize = 1024 * 1024;
/// An answer that stops for this long counts as broken.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// A request for all files of a table.
#[derive(Debug)]
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
}

/// What was seen of an answer.
#[derive(Debug, Clone, Copy)]
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
}

impl Question<'_> {
    /// Asks on a new connection. `room` is how many bytes to expect.
    ///
    /// # Errors
    /// When the answer is not a whole one.
    pub(crate) fn ask(&self, clock: &dyn Clock, room: usize) -> Result<Answer, String> {
        let mut arrived = Arrived { bytes: Vec::with_capacity(room), moments: Vec::new() };
        self.read(clock, &mut arrived).map_err(|error| format!("the connection broke: {error}"))?;
        self.look(&arrived)
    }

    fn read(&self, clock: &dyn Clock, arrived: &mut Arrived) -> io::Result<()> {
        let Self { host, path, token, format, coding } = self;
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\
             delta-sharing-capabilities: responseformat={format}\r\nAccept-Encoding: {coding}\r\n\
             Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}"
        );
        let start = clock.uptime();
        let mut stream = TcpStream::connect(host)?;
        stream.set_read_timeout(Some(SILENCE_MAX))?;
        stream.set_nodelay(true)?;
        stream.write_all(request.as_bytes())?;
        let mut piece = vec![0; READ_BYTES];
        loop {
            let count = stream.read(&mut piece)?;
            if count == 0 {
                return Ok(());
            }
            arrived.moments.push((count, clock.uptime() - start));
            arrived.bytes.extend_from_slice(piece.get(..count).unwrap_or_default());
        }
    }

    fn look(&self, arrived: &Arrived) -> Result<Answer, String> {
        let head_end = find(&arrived.bytes, b"\r\n\r\n").ok_or("the answer has no head")? + 4;
        let (head, body) = arrived.bytes.split_at(head_end);
        let head = String::from_utf8_lossy(head).to_ascii_lowercase();
        if !head.starts_with("http/1.1 200 ") {
            let text = String::from_utf8_lossy(body);
            return Err(format!("the answer is {} {}", head.lines().next().unwrap_or_default(), text.trim()));
        }
        let says = |line: &str| head.lines().any(|found| found == line);
        if !says("transfer-encoding: chunked") {
            return Err("the answer is not chunked".into());
        }
        let format = head.lines().find_map(|line| line.strip_prefix("delta-sharing-capabilities:"));
        if !format
            .is_some_and(|said| said.split(';').any(|one| one.trim() == format!("responseformat={}", self.format)))
        {
            return Err("the answer is in another format".into());
        }
        let coding = head.lines().find_map(|line| line.strip_prefix("content-encoding:")).unwrap_or("identity").trim();
        if coding != self.coding {
            return Err(format!("the answer's compression is {coding}, not {}", self.coding));
        }

        let mut text = Text::new(self.coding)?;
        let (mut chunks, mut rest, mut skip, mut first_file) = (Chunks::default(), body, head_end, None);
        for &(count, at) in &arrived.moments {
            let of_head = skip.min(count);
            skip -= of_head;
            let (now, later) = rest.split_at((count - of_head).min(rest.len()));
            rest = later;
            chunks.take(now, &mut text)?;
            if first_file.is_none() && text.lines()?.files > 0 {
                first_file = Some(at);
            }
        }
        if !chunks.ended() {
            return Err("the answer ends before its last chunk".into());
        }
        let lines = text.finish()?;
        if !lines.start.is_empty() {
            return Err("the answer ends within a line".into());
        }
        let moment = |found: Option<&(usize, Duration)>| found.map(|(_, at)| *at).ok_or("the answer is empty");
        Ok(Answer {
            first_byte: moment(arrived.moments.first())?,
            first_file: first_file.ok_or("the answer holds no file")?,
            wall: moment(arrived.moments.last())?,
            sent_bytes: arrived.bytes.len() as u64,
            text_bytes: lines.bytes,
            files: lines.files,
        })
    }
}

/// All bytes, and how many of them had come by when.
struct Arrived {
    bytes: Vec<u8>,
    moments: Vec<(usize, Duration)>,
}

/// Takes the chunks of a chunked body apart (RFC 9112, 7.1).
#[derive(Default)]
struct Chunks {
    at: At,
    /// The line under way, where the framing has one.
    line: Vec<u8>,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum At {
    #[default]
    Size,
    Data(usize),
    DataEnd,
    Trailer,
    End,
}

impl Chunks {
    fn take(&mut self, mut bytes: &[u8], out: &mut dyn Write) -> Result<(), String> {
        while !bytes.is_empty() {
            if let At::Data(left) = self.at {
                let (data, rest) = bytes.split_at(left.min(bytes.len()));
                out.write_all(data).map_err(|error| format!("the answer cannot be decompressed: {error}"))?;
                self.at = if data.len() == left { At::DataEnd } else { At::Data(left - data.len()) };
                bytes = rest;
                continue;
            }
            let end = bytes.iter().position(|&byte| byte == b'\n').map_or(bytes.len(), |at| at + 1);
            let (piece, rest) = bytes.split_at(end);
            self.line.extend_from_slice(piece);
            bytes = rest;
            if self.line.ends_with(b"\n") {
                self.at = self.after_line()?;
                self.line.clear();
            }
        }
        Ok(())
    }

    fn after_line(&self) -> Result<At, String> {
        let line = self.line.strip_suffix(b"\r\n").unwrap_or(&self.line);
        match self.at {
            At::Size => {
                let size = std::str::from_utf8(line).ok().and_then(|text| usize::from_str_radix(text, 16).ok());
                Ok(match size.ok_or("a chunk has no size")? {
                    0 => At::Trailer,
                    size => At::Data(size),
                })
            }
            At::DataEnd if line.is_empty() => Ok(At::Size),
            At::Trailer if line.is_empty() => Ok(At::End),
            At::DataEnd => Err("a chunk is longer than it says".into()),
            At::Trailer | At::End | At::Data(_) => Err("something follows the last chunk".into()),
        }
    }

    fn ended(&self) -> bool {
        self.at == At::End && self.line.is_empty()
    }
}

/// The body's text, decompressed where it has to be.
enum Text {
    Plain(Lines),
    Packed(Box<GzDecoder<Lines>>),
    /// Beside the decoder, which does not mind a frame without an end, all that it was given.
    Small(Box<ZstdDecoder<'static, Lines>>, Vec<u8>),
}

impl Text {
    fn new(coding: &str) -> Result<Self, String> {
        match coding {
            "gzip" => Ok(Self::Packed(Box::new(GzDecoder::new(Lines::default())))),
            "zstd" => {
                let decoder =
                    ZstdDecoder::new(Lines::default()).map_err(|error| format!("no decompressor: {error}"))?;
                Ok(Self::Small(Box::new(decoder), Vec::new()))
            }
            _ => Ok(Self::Plain(Lines::default())),
        }
    }

    /// The lines of everything so far.
    fn lines(&mut self) -> Result<&Lines, String> {
        match self {
            Self::Plain(lines) => Ok(lines),
            Self::Packed(decoder) => {
                decoder.flush().map_err(|error| format!("the answer cannot be decompressed: {error}"))?;
                Ok(decoder.get_ref())
            }
            Self::Small(decoder, _) => {
                decoder.flush().map_err(|error| format!("the answer cannot be decompressed: {error}"))?;
                Ok(decoder.get_ref())
            }
        }
    }

    fn finish(self) -> Result<Lines, String> {
        match self {
            Self::Plain(lines) => Ok(lines),
            Self::Packed(decoder) => {
                decoder.finish().map_err(|error| format!("the compressed answer does not end as it should: {error}"))
            }
            Self::Small(_, all) => {
                let mut lines = Lines::default();
                zstd::stream::copy_decode(&*all, &mut lines)
                    .map_err(|error| format!("the compressed answer does not end as it should: {error}"))?;
                Ok(lines)
            }
        }
    }
}

impl Write for Text {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(lines) => lines.write(bytes),
            Self::Packed(decoder) => decoder.write(bytes),
            Self::Small(decoder, all) => {
                let taken = decoder.write(bytes)?;
                all.extend(bytes.iter().take(taken));
                Ok(taken)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Counts lines.
#[derive(Default)]
struct Lines {
    bytes: u64,
    files: u64,
    /// How the line under way begins.
    start: Vec<u8>,
}

impl Write for Lines {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        for piece in text.split_inclusive(|&byte| byte == b'\n') {
            let room = FILE_LINE.len().saturating_sub(self.start.len());
            self.start.extend(piece.iter().take(room));
            if piece.ends_with(b"\n") {
                self.files += u64::from(self.start == FILE_LINE);
                self.start.clear();
            }
        }
        self.bytes += text.len() as u64;
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nDelta-Sharing-Capabilities: responseformat=delta\r\n\r\n";

    fn look(body: &str, pieces: usize) -> Result<Answer, String> {
        let bytes = format!("{HEAD}{body}").into_bytes();
        let moments = bytes.chunks(pieces).zip(1..).map(|(piece, at)| (piece.len(), Duration::from_secs(at))).collect();
        let question = Question { host: "", path: "", token: "", format: "delta", coding: "identity" };
        question.look(&Arrived { bytes, moments })
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
