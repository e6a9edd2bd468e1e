//! The way of lines to the connection, through a bounded channel. Work that fails, or runs out of time, ends in bytes that
//! no client takes for the end of an answer, or in a line that says so to a client that reads such a line.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::{SendTimeoutError, TrySendError};

use super::super::body::{BROKEN_OFF, Piece};
use super::super::encoder::{Encoder, Taken};
use super::super::respond::status;
use super::{End, Form};
use crate::audit::Notes;
use crate::clock::Clock;
use crate::error::{Error, chain};
use crate::limits::{ANSWER_END_BYTES, BREAKING_OFF_WITHIN, STREAM_CHUNK_BYTES, STREAM_STALL_MAX};
use crate::wire::end_of_stream::EndOfStream;

/// Why no more can be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    Gone,
    Stalled,
    OutOfTime,
}

/// Sends pieces, none of which waits for too long.
pub(super) struct Pace {
    pub(super) pieces: mpsc::Sender<Piece>,
    pub(super) runtime: Handle,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) until: Option<Duration>,
}

/// An answer on its way.
pub(super) struct Sending {
    pace: Pace,
    encoder: Option<Encoder>,
    compressed: bool,
    /// Compressed bytes not yet sent.
    packed: Vec<u8>,
    stopped: Option<Stop>,
    notes: Notes,
    /// Whether a failure may be told in an `endStreamAction`.
    end_of_stream: bool,
    /// Bytes sent.
    sent: u64,
    /// How many may be.
    bytes_max: Option<u64>,
}

impl Sending {
    /// An answer that has not begun. Without a compressor that it needs it breaks off at its first piece.
    pub(super) fn new(pace: Pace, form: Form, notes: Notes, bytes_max: Option<u64>) -> Self {
        let Form { coding, end_of_stream } = form;
        let mut packed = Vec::new();
        let encoder = coding.and_then(|coding| Encoder::begin(coding, &mut packed).ok());
        let compressed = coding.is_some();
        Self { pace, encoder, compressed, packed, stopped: None, notes, end_of_stream, sent: 0, bytes_max }
    }

    /// Sends lines as they are.
    pub(super) fn plain(&mut self, lines: Vec<u8>) -> Result<(), Error> {
        self.has_room(lines.len())?;
        self.send(Piece::Bytes(Bytes::from(lines))).map(drop)
    }

    /// Compresses lines, and sends what has come together; with `flush`, all of it.
    pub(super) fn packed(&mut self, lines: &[u8], flush: bool) -> Result<(), Error> {
        self.has_room(self.packed.len() + lines.len())?;
        let Some(encoder) = &mut self.encoder else { return Err(Error::defect("nothing compresses this answer")) };
        encoder.write(lines, flush, &mut self.packed)?;
        if self.packed.is_empty() || (!flush && self.packed.len() < STREAM_CHUNK_BYTES) {
            return Ok(());
        }
        let room = Vec::with_capacity(STREAM_CHUNK_BYTES + STREAM_CHUNK_BYTES / 2);
        let piece = Bytes::from(std::mem::replace(&mut self.packed, room));
        let taken = self.send(Piece::Bytes(piece))?;
        if let Some(encoder) = &mut self.encoder {
            encoder.adapt(taken);
        }
        Ok(())
    }

    /// Whether so many bytes more may be made. Asked before they are, with room left for an end that says what happened: of a
    /// compressed answer nothing is lost then. Lines are taken for as long as they are, which ends an answer a piece early at
    /// most.
    fn has_room(&self, more: usize) -> Result<(), Error> {
        match self.bytes_max {
            Some(max_bytes) if self.sent + more as u64 + ANSWER_END_BYTES > max_bytes => {
                Err(Error::AnswerOutgrew { max_bytes })
            }
            _ => Ok(()),
        }
    }

    /// Ends the answer as the work on it ended.
    pub(super) fn end(mut self, end: End) {
        let end = match end {
            End::Whole => End::of(|| self.finish()),
            other => other,
        };
        let error = match end {
            End::Whole => return,
            End::Failed(error) => error,
            End::Panicked => {
                self.end_of_stream = false;
                Error::defect("the work on an answer panicked")
            }
        };
        // Without an end the channel closes, and the connection breaks.
        self.give_up(&error);
    }

    fn finish(&mut self) -> Result<End, Error> {
        if let Some(encoder) = self.encoder.take() {
            encoder.finish(&mut self.packed)?;
            let last = std::mem::take(&mut self.packed);
            self.send(Piece::Bytes(Bytes::from(last)))?;
        }
        self.send(Piece::End).map(|_| End::Whole)
    }

    /// Leaves an answer that nobody takes for a whole one, and says why.
    fn give_up(&mut self, error: &Error) {
        let why = match self.stopped {
            Some(Stop::Gone) => return,
            Some(Stop::Stalled) => {
                self.notes.client_stalled();
                self.notes.problem(format!("the client took nothing for {} s", STREAM_STALL_MAX.as_secs()));
                return;
            }
            Some(Stop::OutOfTime) => "the time for the answer was over before its end".to_owned(),
            None => chain(error),
        };
        tracing::error!(target: "spillway", "an answer was broken off: {why}");
        self.notes.problem(why);
        let told = self.told_end(error);
        let pieces = match told {
            Some(last) => vec![Piece::Bytes(Bytes::from(last)), Piece::Told],
            None => self.broken_end().map(|last| Piece::Bytes(Bytes::from(last))).into_iter().collect(),
        };
        for piece in pieces {
            // Where even this does not go out, the channel still closes without an end.
            if self.pace.runtime.block_on(self.pace.pieces.send_timeout(piece, BREAKING_OFF_WITHIN)).is_err() {
                return;
            }
        }
    }

    /// The line that says why to whoever reads it, as the proper end of the body. None where a compressed piece was lost
    /// on its way, for nothing after it can be read.
    fn told_end(&mut self, error: &Error) -> Option<Vec<u8>> {
        let packed_piece_lost = self.compressed && self.stopped.is_some();
        if !self.end_of_stream || packed_piece_lost {
            return None;
        }
        let why = match self.stopped {
            Some(Stop::OutOfTime) => {
                "The answer could not end in time. Ask for it in pages, with maxFiles, or for less with a predicate."
                    .to_owned()
            }
            _ => error.public(),
        };
        let mut line = Vec::new();
        EndOfStream::failed(why, status(error).0.as_u16()).write(&mut line).ok()?;
        if !self.compressed {
            return Some(line);
        }
        let mut encoder = self.encoder.take()?;
        let mut last = std::mem::take(&mut self.packed);
        encoder.write(&line, true, &mut last).ok()?;
        encoder.finish(&mut last).ok()?;
        Some(last)
    }

    fn broken_end(&mut self) -> Option<Vec<u8>> {
        let Some(mut encoder) = self.encoder.take() else { return Some(BROKEN_OFF.to_vec()) };
        let mut last = std::mem::take(&mut self.packed);
        // After a panic the compressor may be in any state; what it makes of this then is no valid end either.
        catch_unwind(AssertUnwindSafe(|| encoder.write(BROKEN_OFF, true, &mut last))).ok()?.ok()?;
        last.extend_from_slice(encoder.no_block());
        Some(last)
    }

    fn send(&mut self, piece: Piece) -> Result<Taken, Error> {
        if let Piece::Bytes(bytes) = &piece {
            self.sent += bytes.len() as u64;
        }
        self.pace.send(piece).map_err(|stop| {
            self.stopped = Some(stop);
            Error::TimedOut
        })
    }
}

impl Pace {
    fn send(&self, piece: Piece) -> Result<Taken, Stop> {
        let left = self.until.map(|until| until.saturating_sub(self.clock.uptime()));
        if left == Some(Duration::ZERO) {
            return Err(Stop::OutOfTime);
        }
        let taken = match self.pieces.capacity() == self.pieces.max_capacity() {
            true => Taken::AllBefore,
            false => Taken::SomeBefore,
        };
        let piece = match self.pieces.try_send(piece) {
            Ok(()) => return Ok(taken),
            Err(TrySendError::Full(piece)) => piece,
            Err(TrySendError::Closed(_)) => return Err(Stop::Gone),
        };
        let patience = left.unwrap_or(STREAM_STALL_MAX).min(STREAM_STALL_MAX);
        let sent = self.runtime.block_on(self.pieces.send_timeout(piece, patience));
        sent.map(|()| Taken::Late).map_err(|error| match error {
            SendTimeoutError::Closed(_) => Stop::Gone,
            SendTimeoutError::Timeout(_) if patience < STREAM_STALL_MAX => Stop::OutOfTime,
            SendTimeoutError::Timeout(_) => Stop::Stalled,
        })
    }
}
