//! The text of a body, decompressed where it has to be, and its lines counted.

use std::io::{self, Write};

use flate2::write::GzDecoder;
use memchr::memchr;
use zstd::stream::write::Decoder as ZstdDecoder;

/// How a line of one file begins.
const FILE_LINE: &[u8] = b"{\"file\":";
/// How the line begins that ends an answer, where it was asked for.
const END_LINE: &[u8] = b"{\"endStreamAction\":";
/// As much of a line as tells what it is of.
const START_BYTES: usize = END_LINE.len();

/// The body's text, decompressed where it has to be.
pub(super) enum Text {
    Plain(Lines),
    Packed(Box<GzDecoder<Lines>>),
    /// Beside the decoder, which does not mind a frame without an end, all that it was given.
    Small(Box<ZstdDecoder<'static, Lines>>, Vec<u8>),
}

impl Text {
    /// A body of this compression.
    pub(super) fn new(coding: &str) -> Result<Self, String> {
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
    pub(super) fn lines(&mut self) -> Result<&Lines, String> {
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

    /// The lines of a body that has ended; an error where its compression has not.
    pub(super) fn finish(self) -> Result<Lines, String> {
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
pub(super) struct Lines {
    pub(super) bytes: u64,
    pub(super) files: u64,
    /// The line under way: how it begins, or all of it where it may be the last.
    pub(super) line: Vec<u8>,
    /// The line that ends the answer, where it was asked for.
    pub(super) end: Vec<u8>,
}

impl Write for Lines {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        let mut rest = text;
        while !rest.is_empty() {
            let ended = memchr(b'\n', rest);
            let (piece, more) = rest.split_at(ended.map_or(rest.len(), |at| at + 1));
            rest = more;
            let room = START_BYTES.saturating_sub(self.line.len());
            let (start, others) = piece.split_at(room.min(piece.len()));
            self.line.extend_from_slice(start);
            if self.line.starts_with(END_LINE) {
                self.line.extend_from_slice(others);
            }
            if ended.is_some() {
                self.files += u64::from(self.line.starts_with(FILE_LINE));
                if self.line.starts_with(END_LINE) {
                    self.end.clone_from(&self.line);
                }
                self.line.clear();
            }
        }
        self.bytes += text.len() as u64;
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
