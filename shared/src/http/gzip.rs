//! One gzip member, written as the lines come. The trailer is written only when the answer is complete, so an answer
//! that broke off is not a valid member. Fast at first, then small: the wire is quick for the first megabytes only.
//!
//! RFC 1952.

use crc32fast::Hasher;
use flate2::{Compress, Compression, FlushCompress, Status};

use crate::error::Error;
use crate::limits::GZIP_FAST_BYTES;

const LEVEL_FAST: u32 = 1;
const LEVEL_SMALL: u32 = 6;

/// Magic, deflate, no flags, no time, no extra flags, unknown system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// A gzip member under way.
pub struct Gzip {
    deflate: Compress,
    crc: Hasher,
    length: u64,
    small: bool,
}

impl Gzip {
    /// Begins a member.
    pub fn new(out: &mut Vec<u8>) -> Self {
        out.extend_from_slice(&HEADER);
        Self {
            deflate: Compress::new(Compression::new(LEVEL_FAST), false),
            crc: Hasher::new(),
            length: 0,
            small: false,
        }
    }

    /// Compresses a piece. With `flush` everything so far can be read by the other side.
    ///
    /// # Errors
    /// Never in practice; compression is fallible by type.
    pub fn write(&mut self, piece: &[u8], flush: bool, out: &mut Vec<u8>) -> Result<(), Error> {
        if !self.small && self.deflate.total_out() > GZIP_FAST_BYTES {
            // A flush ends on a byte boundary, so blocks made from here on by another compressor continue the same member.
            self.run(&[], FlushCompress::Sync, out)?;
            self.deflate = Compress::new(Compression::new(LEVEL_SMALL), false);
            self.small = true;
        }
        self.crc.update(piece);
        self.length += piece.len() as u64;
        self.run(piece, if flush { FlushCompress::Sync } else { FlushCompress::None }, out)
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
        let start = self.deflate.total_in();
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
                return Ok(());
            }
        }
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

    #[test]
    fn the_level_changes_within_one_member() {
        // Hard to compress, so that the fast stretch ends.
        let mut state = 1_u64;
        let noise: Vec<u8> = (0..9 * 1024 * 1024)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 56) as u8
            })
            .collect();
        let mut out = Vec::new();
        let mut gzip = Gzip::new(&mut out);
        for piece in noise.chunks(64 * 1024) {
            gzip.write(piece, false, &mut out).unwrap();
        }
        assert!(gzip.small);
        gzip.finish(&mut out).unwrap();
        assert_eq!(unzip(&out).unwrap(), noise);
    }
}
