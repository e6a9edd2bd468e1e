//! The way of lines to the connection, through a bounded channel. Work that fails, or runs out of time, ends in bytes that
//! no client takes for the end of an answer, or in a line that says so to a client that reads such a line.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;

use super::super::body::{BROKEN_OFF, Piece};
use super::super::encoder::{Encoder, Taken};
use super::super::respond::status;
use super::pace::{Pace, Sent, Stop};
use super::{End, Form};
use crate::audit::Notes;
use crate::error::{Error, chain};
use crate::limits::{
    ANSWER_END_BYTES, STREAM_CHUNK_BYTES, STREAM_CHUNKS_UNSENT_MAX, STREAM_PAUSE_KEPT, STREAM_STALL_MAX,
};
use crate::wire::end_of_stream::EndOfStream;

/// An answer on its way.
pub(super) struct Sending {
    pace: Pace,
    encoder: Option<Encoder>,
    compressed: bool,
    /// Compressed bytes not yet sent.
    packed: Vec<u8>,
    /// What was made while the answer was already being paused, in its order.
    unsent: VecDeque<Piece>,
    /// Whether the work is to make way at the next file.
    pausing: Arc<AtomicBool>,
    /// Whether all is made, or nothing more will be.
    over: bool,
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
        Self {
            pace,
            encoder,
            compressed: coding.is_some(),
            packed,
            unsent: VecDeque::new(),
            pausing: Arc::default(),
            over: false,
            stopped: None,
            notes,
            end_of_stream,
            sent: 0,
            bytes_max,
        }
    }

    /// Tells the work when it is to make way.
    pub(super) fn pausing(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.pausing)
    }

    /// The answer has a place again.
    pub(super) fn begin_turn(&mut self) {
        self.pausing.store(false, Ordering::Relaxed);
        self.pace.begin_turn();
    }

    /// Waits until nobody wants the answer any more.
    pub(super) async fn unwanted(&self) {
        self.pace.unwanted().await;
    }

    /// Sends lines as they are.
    pub(super) fn plain(&mut self, lines: Bytes) -> Result<(), Error> {
        self.has_room(lines.len())?;
        self.send(Piece::Bytes(lines)).map(drop)
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

    /// Ends the answer as the work on it ended. What is left of it is to be [`drained`](Self::drained).
    pub(super) fn end(mut self, end: End) -> Option<Self> {
        let end = match end {
            End::Whole => End::of(|| self.finish()),
            other => other,
        };
        let error = match end {
            End::Paused => return Some(self),
            End::Whole => {
                self.over = true;
                return Some(self).filter(|sending| !sending.unsent.is_empty());
            }
            End::Failed(error) => error,
            End::Panicked => {
                self.end_of_stream = false;
                Error::defect("the work on an answer panicked")
            }
        };
        // Without an end the channel closes, and the connection breaks.
        let last = self.given_up(&error);
        if !self.unsent.is_empty() && self.stopped.is_none() {
            self.over = true;
            self.unsent.extend(last);
            return Some(self);
        }
        // Where even this does not go out, the channel still closes without an end.
        let _ = last.into_iter().try_for_each(|piece| self.pace.send_last_now(piece));
        None
    }

    /// Waits, without a place, until the client has taken what is made. The answer comes back if there is more of it.
    pub(super) async fn drained(mut self) -> Option<Self> {
        let Err(stop) = self.drain().await else { return Some(self).filter(|sending| !sending.over) };
        self.stopped = Some(stop);
        for piece in self.given_up(&Error::TimedOut) {
            if self.pace.send_last(piece).await.is_err() {
                break;
            }
        }
        None
    }

    async fn drain(&mut self) -> Result<(), Stop> {
        while let Some(piece) = self.unsent.pop_front() {
            if let Some(room) = self.pace.room(1).await?.next() {
                room.send(piece);
            }
        }
        if self.over { Ok(()) } else { self.pace.all_taken().await }
    }

    fn finish(&mut self) -> Result<End, Error> {
        if let Some(encoder) = self.encoder.take() {
            encoder.finish(&mut self.packed)?;
            let last = std::mem::take(&mut self.packed);
            self.send(Piece::Bytes(Bytes::from(last)))?;
        }
        self.send(Piece::End).map(|_| End::Whole)
    }

    /// Leaves an answer that nobody takes for a whole one, and says why: its last pieces.
    fn given_up(&mut self, error: &Error) -> Vec<Piece> {
        let stalled = |notes: &Notes, why: String| {
            notes.client_stalled();
            notes.problem(why);
            Vec::new()
        };
        let why = match self.stopped {
            Some(Stop::Gone) => return Vec::new(),
            Some(Stop::Stalled) => {
                let why = format!("the client took nothing for {} s", STREAM_STALL_MAX.as_secs());
                return stalled(&self.notes, why);
            }
            Some(Stop::GaveWay) => {
                let least = STREAM_PAUSE_KEPT.as_secs();
                let why = format!("the client took nothing for more than {least} s while too many others waited");
                return stalled(&self.notes, why);
            }
            Some(Stop::OutOfTime) => "the time for the answer was over before its end".to_owned(),
            None => chain(error),
        };
        tracing::error!(target: "spillway", "an answer was broken off: {why}");
        self.notes.problem(why);
        match self.told_end(error) {
            Some(last) => vec![Piece::Bytes(Bytes::from(last)), Piece::Told],
            None => self.broken_end().map(|last| Piece::Bytes(Bytes::from(last))).into_iter().collect(),
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
        let sent = match self.unsent.is_empty() {
            true => self.pace.send(piece),
            // The work is to make way; until it does, nothing overtakes what waits already.
            false => Ok(Sent::Paused(piece)),
        };
        let sent = sent.and_then(|sent| match sent {
            Sent::Queued(taken) => Ok(taken),
            Sent::Paused(piece) => {
                self.pausing.store(true, Ordering::Relaxed);
                self.unsent.push_back(piece);
                while self.unsent.len() > STREAM_CHUNKS_UNSENT_MAX {
                    // Work that does not make way waits for its client.
                    self.unsent.pop_front().map_or(Ok(()), |piece| self.pace.send_anyway(piece))?;
                }
                Ok(Taken::Late)
            }
        });
        sent.map_err(|stop| {
            self.stopped = Some(stop);
            Error::TimedOut
        })
    }
}
