//! One gzip member, written as the lines come. The trailer is written only when the answer is complete, so an answer
//! that broke off is not a valid member. Fast at first; then small as long as the client cannot take more anyway, for
//! time spent on a better ratio is lost on a client that waits for it.
//!
//! RFC 1952.

use crc32fast::Hasher;
use flate2::{Compress, Compression, FlushCompress, Status};

use super::encoder::Taken;
use crate::error::Error;
use crate::limits::{GZIP_ADAPT_PIECES, GZIP_FAST_BYTES};

/// A block of a kind that deflate does not have. Decompressors that would take a missing trailer for an end stop here.
pub(super) const NO_BLOCK: &[u8] = &[0b111];

/// How hard the compressor tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Fast = 1,
    Small = 6,
}

/// Magic, deflate, no flags, no time, no extra flags, unknown system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// A gzip member under way.
pub struct Gzip {
    deflate: Compress,
    crc: Hasher,
    length: u64,
    level: Level,
    /// The level from the next piece on.
    wanted: Level,
    /// Compressed bytes so far.
    made: u64,
    /// Pieces in a row that speak for the other level.
    against: u32,
}

impl Gzip {
    /// Begins a member.
    pub fn new(out: &mut Vec<u8>) -> Self {
        out.extend_from_slice(&HEADER);
        Self {
            deflate: Level::Fast.compressor(),
            crc: Hasher::new(),
            length: 0,
            level: Level::Fast,
            wanted: Level::Fast,
            made: 0,
            against: 0,
        }
    }

    /// Compresses a piece. With `flush` everything so far can be read by the other side.
    ///
    /// # Errors
    /// Never in practice; compression is fallible by type.
    pub fn write(&mut self, piece: &[u8], flush: bool, out: &mut Vec<u8>) -> Result<(), Error> {
        if self.level != self.wanted {
            // A flush ends on a byte boundary, so blocks made from here on by another compressor continue the same member.
            self.run(&[], FlushCompress::Sync, out)?;
            self.deflate = self.wanted.compressor();
            self.level = self.wanted;
        }
        self.crc.update(piece);
        self.length += piece.len() as u64;
        self.run(piece, if flush { FlushCompress::Sync } else { FlushCompress::None }, out)
    }

    /// Learns how the client took a piece. It waits for pieces: the level is the fast one. Pieces wait for it: there is
    /// time for the small one, once the first bytes are through, which gateways and buffers take at any rate.
    pub fn adapt(&mut self, taken: Taken) {
        let other = match (self.level, taken) {
            (Level::Fast, Taken::Late) if self.made > GZIP_FAST_BYTES => Level::Small,
            (Level::Small, Taken::AllBefore) => Level::Fast,
            _ => {
                self.against = 0;
                return;
            }
        };
        self.against += 1;
        if self.against >= GZIP_ADAPT_PIECES {
            (self.wanted, self.against) = (other, 0);
        }
    }

    /// Ends the member.
    ///
    /// # Errors
    /// Never in practice; compression is fallible by type.
    pub fn finish(mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        self.run(&[], FlushCompress::Finish, out)?;
        out.extend_from_slice(&self.crc.clone().finalize().to_le_bytes());
        // The size field holds the length modulo 2^32, as the format says.
        let length = u32::try_from(self.length & u64::from(u32::MAX)).unwrap_or_default();
        out.extend_from_slice(&length.to_le_bytes());
        Ok(())
    }

    fn run(&mut self, piece: &[u8], flush: FlushCompress, out: &mut Vec<u8>) -> Result<(), Error> {
        const ROOM: usize = 16 * 1024;
        let (start, before) = (self.deflate.total_in(), self.deflate.total_out());
        loop {
            let done = usize::try_from(self.deflate.total_in() - start).unwrap_or(usize::MAX);
            let rest = piece.get(done..).unwrap_or_default();
            out.reserve(ROOM);
            let status = self
                .deflate
                .compress_vec(rest, out, flush)
                .map_err(|cause| Error::internal("compression failed", cause))?;
            let all_in = self.deflate.total_in() - start == piece.len() as u64;
            let full = out.len() == out.capacity();
            let finished = match flush {
                FlushCompress::Finish => status == Status::StreamEnd,
                // Room left over means that nothing waits inside.
                _ => all_in && !full,
            };
            if finished {
                self.made += self.deflate.total_out() - before;
                return Ok(());
            }
        }
    }
}

impl Level {
    fn compressor(self) -> Compress {
        Compress::new(Compression::new(self as u32), false)
    }
}

impl std::fmt::Debug for Gzip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gzip").finish_non_exhaustive()
    }
}

/// A whole body as one member.
///
/// # Errors
/// Never in practice; compression is fallible by type.
pub fn whole(body: &[u8]) -> Result<Vec<u8>, Error> {
    let mut out = Vec::with_capacity(body.len() / 2);
    let mut gzip = Gzip::new(&mut out);
    gzip.write(body, false, &mut out)?;
    gzip.finish(&mut out)?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use proptest::prelude::*;

    use super::*;

    fn unzip(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut out = Vec::new();
        flate2::read::GzDecoder::new(bytes).read_to_end(&mut out).map(|_| out)
    }

    proptest! {
        #[test]
        fn any_pieces_come_back(pieces in proptest::collection::vec((proptest::collection::vec(any::<u8>(), 0..50_000), any::<bool>()), 0..6)) {
            let mut out = Vec::new();
            let mut gzip = Gzip::new(&mut out);
            for (piece, flush) in &pieces {
                gzip.write(piece, *flush, &mut out).unwrap();
            }
            gzip.finish(&mut out).unwrap();
            let all: Vec<u8> = pieces.iter().flat_map(|(piece, _)| piece.clone()).collect();
            prop_assert_eq!(unzip(&out).unwrap(), all);
        }
    }

    #[test]
    fn an_unfinished_member_is_invalid() {
        let mut out = Vec::new();
        let mut gzip = Gzip::new(&mut out);
        gzip.write(b"some lines", true, &mut out).unwrap();
        assert!(unzip(&out).is_err());
    }

    /// Lines that a compressor has something to do with.
    fn lines(bytes: usize) -> Vec<u8> {
        let mut state = 1_u64;
        let mut text = Vec::new();
        while text.len() < bytes {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            text.extend_from_slice(
                format!("{{\"file\":{{\"id\":\"{state:016x}\",\"size\":{}}}}}\n", state >> 40).as_bytes(),
            );
        }
        text
    }

    /// The levels that pieces are compressed with, by how the client takes them.
    fn levels(gzip: &mut Gzip, text: &[u8], out: &mut Vec<u8>, taken: Taken) -> Vec<Level> {
        let one = |piece: &[u8]| {
            gzip.write(piece, false, out).unwrap();
            gzip.adapt(taken);
            gzip.level
        };
        text.chunks(64 * 1024).map(one).collect()
    }

    #[test]
    fn the_level_follows_the_client_within_one_member() {
        let (text, mut out) = (lines(24 * 1024 * 1024), Vec::new());
        let mut gzip = Gzip::new(&mut out);
        let (first, rest) = text.split_at(text.len() - 4 * 1024 * 1024);
        let slow = levels(&mut gzip, first, &mut out, Taken::Late);
        let fast_pieces = slow.iter().take_while(|level| **level == Level::Fast).count();
        assert!(slow[fast_pieces..].iter().all(|level| *level == Level::Small), "it went back by itself");
        assert!((10..slow.len()).contains(&fast_pieces), "{fast_pieces} of {}", slow.len());
        assert!(gzip.made > GZIP_FAST_BYTES);

        let quick = levels(&mut gzip, rest, &mut out, Taken::AllBefore);
        let expected = usize::try_from(GZIP_ADAPT_PIECES).unwrap();
        assert_eq!(quick.iter().position(|level| *level == Level::Fast), Some(expected));
        gzip.finish(&mut out).unwrap();
        assert!(unzip(&out).unwrap() == text);
    }

    #[test]
    fn a_client_that_keeps_up_is_not_made_to_wait_for_the_small_level() {
        let (text, mut out) = (lines(20 * 1024 * 1024), Vec::new());
        for taken in [Taken::AllBefore, Taken::SomeBefore] {
            let mut gzip = Gzip::new(&mut out);
            assert!(levels(&mut gzip, &text, &mut out, taken).iter().all(|level| *level == Level::Fast));
            assert!(gzip.made > GZIP_FAST_BYTES);
        }
    }
}
