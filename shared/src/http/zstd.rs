//! One zstd frame, written as the lines come. Its last block is marked only when the answer is complete, so an answer that
//! broke off is not a whole frame. One level for all of it: the fast one leaves less to send than gzip's best.
//!
//! RFC 8878; RFC 9659 bounds the window, which this level stays far below.

use std::fmt;
use std::io;

use ::zstd::stream::raw::{CParameter, Encoder, InBuffer, Operation, OutBuffer};

use crate::error::Error;

/// A block of a kind that the format reserves.
pub(super) const NO_BLOCK: &[u8] = &[0b110, 0, 0];

const LEVEL: i32 = 1;
/// Room that is made for output at once.
const ROOM: usize = 16 * 1024;

/// A frame under way.
pub struct Zstd(Encoder<'static>);

impl Zstd {
    /// Begins a frame.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn new() -> Result<Self, Error> {
        let mut encoder = Encoder::new(LEVEL).map_err(failed)?;
        encoder.set_parameter(CParameter::ChecksumFlag(true)).map_err(failed)?;
        Ok(Self(encoder))
    }

    /// Compresses a piece. With `flush` everything so far can be read by the other side.
    ///
    /// # Errors
    /// Never in practice; compression is fallible by type.
    pub fn write(&mut self, piece: &[u8], flush: bool, out: &mut Vec<u8>) -> Result<(), Error> {
        let mut piece = InBuffer::around(piece);
        while piece.pos() < piece.src.len() {
            with_room(out, |room| self.0.run(&mut piece, room))?;
        }
        while flush && with_room(out, |room| self.0.flush(room))? > 0 {}
        Ok(())
    }

    /// Ends the frame.
    ///
    /// # Errors
    /// Never in practice; compression is fallible by type.
    pub fn finish(mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        while with_room(out, |room| self.0.finish(room, true))? > 0 {}
        Ok(())
    }
}

/// Runs a step that appends to `out`.
fn with_room(
    out: &mut Vec<u8>,
    step: impl FnOnce(&mut OutBuffer<'_, Vec<u8>>) -> io::Result<usize>,
) -> Result<usize, Error> {
    out.reserve(ROOM);
    let end = out.len();
    step(&mut OutBuffer::around_pos(out, end)).map_err(failed)
}

fn failed(cause: io::Error) -> Error {
    Error::internal("compression failed", cause)
}

impl fmt::Debug for Zstd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Zstd").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut decoder = ::zstd::stream::read::Decoder::new(bytes)?;
        let mut out = Vec::new();
        io::Read::read_to_end(&mut decoder, &mut out).map(|_| out)
    }

    proptest! {
        #[test]
        fn any_pieces_come_back(pieces in proptest::collection::vec((proptest::collection::vec(any::<u8>(), 0..50_000), any::<bool>()), 0..6)) {
            let (mut zstd, mut out) = (Zstd::new().unwrap(), Vec::new());
            for (piece, flush) in &pieces {
                zstd.write(piece, *flush, &mut out).unwrap();
            }
            zstd.finish(&mut out).unwrap();
            let all: Vec<u8> = pieces.iter().flat_map(|(piece, _)| piece.clone()).collect();
            prop_assert_eq!(read(&out).unwrap(), all);
        }
    }

    #[test]
    fn what_is_flushed_can_be_read_and_what_is_unfinished_is_invalid() {
        let (mut zstd, mut out) = (Zstd::new().unwrap(), Vec::new());
        zstd.write(b"some lines", true, &mut out).unwrap();
        let mut decoder = ::zstd::stream::read::Decoder::new(&out[..]).unwrap();
        let mut text = [0; 10];
        io::Read::read_exact(&mut decoder, &mut text).unwrap();
        assert_eq!(&text, b"some lines");
        assert!(read(&out).is_err());
        assert!(read(&[&out[..], NO_BLOCK].concat()).is_err());
    }
}
