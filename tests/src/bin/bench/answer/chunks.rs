//! Takes the chunks of a chunked body apart (RFC 9112, 7.1).

use std::io::Write;

/// A body under way.
#[derive(Default)]
pub(super) struct Chunks {
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
    /// Hands on what bytes of the body are its content.
    pub(super) fn take(&mut self, mut bytes: &[u8], out: &mut dyn Write) -> Result<(), String> {
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

    /// Whether the last chunk has ended, and nothing follows it.
    pub(super) fn ended(&self) -> bool {
        self.at == At::End && self.line.is_empty()
    }
}
