//! Compression of an answer that is still being made, in whichever coding it travels.

use super::coding::Coding;
use super::gzip::{self, Gzip};
#[cfg(feature = "zstd")]
use super::zstd::{self, Zstd};
use crate::error::Error;

/// How the client takes what is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It had taken everything before and waited for more.
    AllBefore,
    /// Some of what was sent before still waited for it.
    SomeBefore,
    /// There was no room before it took something.
    Late,
}

/// A compressor with an answer under way.
#[derive(Debug)]
pub enum Encoder {
    /// One gzip member.
    Gzip(Gzip),
    /// One zstd frame.
    #[cfg(feature = "zstd")]
    Zstd(Zstd),
}

impl Encoder {
    /// Begins an answer.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn begin(coding: Coding, out: &mut Vec<u8>) -> Result<Self, Error> {
        match coding {
            Coding::Gzip => Ok(Self::Gzip(Gzip::new(out))),
            #[cfg(feature = "zstd")]
            Coding::Zstd => Zstd::new().map(Self::Zstd),
        }
    }

    /// Compresses a piece. With `flush` everything so far can be read by the other side.
    ///
    /// # Errors
    /// Never in practice; compression is fallible by type.
    pub fn write(&mut self, piece: &[u8], flush: bool, out: &mut Vec<u8>) -> Result<(), Error> {
        match self {
            Self::Gzip(gzip) => gzip.write(piece, flush, out),
            #[cfg(feature = "zstd")]
            Self::Zstd(zstd) => zstd.write(piece, flush, out),
        }
    }

    /// Learns how the client took a piece.
    pub fn adapt(&mut self, taken: Taken) {
        match self {
            Self::Gzip(gzip) => gzip.adapt(taken),
            #[cfg(feature = "zstd")]
            Self::Zstd(_) => {}
        }
    }

    /// Ends the answer.
    ///
    /// # Errors
    /// Never in practice; compression is fallible by type.
    pub fn finish(self, out: &mut Vec<u8>) -> Result<(), Error> {
        match self {
            Self::Gzip(gzip) => gzip.finish(out),
            #[cfg(feature = "zstd")]
            Self::Zstd(zstd) => zstd.finish(out),
        }
    }

    /// What no decompressor of this coding goes on after, once all before it was flushed.
    pub fn no_block(&self) -> &'static [u8] {
        match self {
            Self::Gzip(_) => gzip::NO_BLOCK,
            #[cfg(feature = "zstd")]
            Self::Zstd(_) => zstd::NO_BLOCK,
        }
    }
}
