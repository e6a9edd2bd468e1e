//! Sending lines while they are made: a thread fills a buffer, compresses it and hands it to the connection through a
//! bounded channel. A client that goes away, or takes nothing for too long, stops the work. Work that fails, or runs out
//! of time, ends in bytes that no client takes for the end of an answer, or in a line that says so to a client that reads
//! such a line.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::SendTimeoutError;

use super::body::{BROKEN_OFF, Body, Piece};
use super::gzip::Gzip;
use super::respond::status;
use crate::audit::Notes;
use crate::clock::Clock;
use crate::error::{Error, chain};
use crate::handlers::Producer;
use crate::limits::{BREAKING_OFF_WITHIN, STREAM_CHUNK_BYTES, STREAM_CHUNKS_QUEUED_MAX, STREAM_STALL_MAX};
use crate::wire::end_of_stream::EndOfStream;
use crate::wire::ndjson::LineOut;

/// A block of a kind that deflate does not have. Decompressors that would take a missing trailer for an end stop here.
const NO_BLOCK: u8 = 0b111;

/// What goes with a stream.
#[derive(Debug)]
pub struct Terms<H> {
    /// Kept until the work ends.
    pub held: H,
    /// Takes down why the answer broke off.
    pub notes: Notes,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// The clock's uptime at which the answer must have ended.
    pub until: Option<Duration>,
}

/// In which form lines are sent.
#[derive(Debug, Clone, Copy)]
pub struct Form {
    /// Whether they are compressed.
    pub compress: bool,
    /// Whether the client reads an `endStreamAction`.
    pub end_of_stream: bool,
}

/// Starts sending: the head at once, then what the producer makes.
pub fn start(head: Vec<u8>, producer: Producer, form: Form, terms: Terms<impl Send + 'static>) -> Body {
    let (sender, receiver) = mpsc::channel(STREAM_CHUNKS_QUEUED_MAX);
    let runtime = Handle::current();
    let span = tracing::Span::current();
    tokio::task::spawn_blocking(move || {
        let Terms { held, notes, clock, until } = terms;
        let _held = held;
        let _entered = span.enter();
        let mut out = Sending::new(sender, Pace { runtime, clock, until }, form);
        let result = catch_unwind(AssertUnwindSafe(|| out.run(&head, producer))).unwrap_or_else(|_| {
            // Whatever the panic left half done is no ground for a proper end.
            out.end_of_stream = false;
            Err(Error::defect("the work on an answer panicked"))
        });
        // Without an end the channel closes, and the connection breaks.
        if let Err(error) = result {
            out.give_up(&error, &notes);
        }
    });
    Body::stream(receiver)
}

/// Why no more can be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    Gone,
    Stalled,
    OutOfTime,
}

/// How long a piece may wait.
struct Pace {
    runtime: Handle,
    clock: Arc<dyn Clock>,
    until: Option<Duration>,
}

struct Sending {
    sender: mpsc::Sender<Piece>,
    pace: Pace,
    lines: Vec<u8>,
    gzip: Option<Gzip>,
    compressed: bool,
    /// Compressed bytes not yet sent.
    packed: Vec<u8>,
    /// Sent early at first, so that a client sees the first file soon; in large pieces later.
    threshold: usize,
    stopped: Option<Stop>,
    /// Whether a failure may be told in an `endStreamAction`.
    end_of_stream: bool,
}

impl Sending {
    fn new(sender: mpsc::Sender<Piece>, pace: Pace, form: Form) -> Self {
        const FIRST_PIECE_BYTES: usize = 2 * 1024;
        let mut packed = Vec::new();
        let gzip = form.compress.then(|| Gzip::new(&mut packed));
        let (lines, threshold, end_of_stream) = (Vec::new(), FIRST_PIECE_BYTES, form.end_of_stream);
        Self { sender, pace, lines, gzip, compressed: form.compress, packed, threshold, stopped: None, end_of_stream }
    }

    fn run(&mut self, head: &[u8], producer: Producer) -> Result<(), Error> {
        self.lines.extend_from_slice(head);
        self.hand_on(true)?;
        producer(self)?;
        self.hand_on(false)?;
        if let Some(gzip) = self.gzip.take() {
            gzip.finish(&mut self.packed)?;
            let last = std::mem::take(&mut self.packed);
            self.send(Piece::Bytes(Bytes::from(last)))?;
        }
        self.send(Piece::End)
    }

    /// Leaves an answer that nobody takes for a whole one, and says why.
    fn give_up(&mut self, error: &Error, notes: &Notes) {
        let why = match self.stopped {
            Some(Stop::Gone) => return,
            Some(Stop::Stalled) => {
                notes.client_stalled();
                notes.problem(format!("the client took nothing for {} s", STREAM_STALL_MAX.as_secs()));
                return;
            }
            Some(Stop::OutOfTime) => "the time for the answer was over before its end".to_owned(),
            None => chain(error),
        };
        tracing::error!(target: "spillway", "an answer was broken off: {why}");
        notes.problem(why);
        let told = self.told_end(error);
        let pieces = match told {
            Some(last) => vec![Piece::Bytes(Bytes::from(last)), Piece::Told],
            None => self.broken_end().map(|last| Piece::Bytes(Bytes::from(last))).into_iter().collect(),
        };
        for piece in pieces {
            // Where even this does not go out, the channel still closes without an end.
            if self.pace.runtime.block_on(self.sender.send_timeout(piece, BREAKING_OFF_WITHIN)).is_err() {
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
        let mut gzip = self.gzip.take()?;
        let mut last = std::mem::take(&mut self.packed);
        gzip.write(&line, true, &mut last).ok()?;
        gzip.finish(&mut last).ok()?;
        Some(last)
    }

    fn broken_end(&mut self) -> Option<Vec<u8>> {
        let Some(mut gzip) = self.gzip.take() else { return Some(BROKEN_OFF.to_vec()) };
        let mut last = std::mem::take(&mut self.packed);
        // After a panic the compressor may be in any state; what it makes of this then is no valid member either.
        catch_unwind(AssertUnwindSafe(|| gzip.write(BROKEN_OFF, true, &mut last))).ok()?.ok()?;
        last.push(NO_BLOCK);
        Some(last)
    }

    fn hand_on(&mut self, flush: bool) -> Result<(), Error> {
        if self.lines.is_empty() {
            return Ok(());
        }
        let piece = match &mut self.gzip {
            Some(gzip) => {
                gzip.write(&self.lines, flush, &mut self.packed)?;
                self.lines.clear();
                if self.packed.is_empty() || (!flush && self.packed.len() < self.threshold) {
                    return Ok(());
                }
                std::mem::take(&mut self.packed)
            }
            None => std::mem::replace(&mut self.lines, Vec::with_capacity(self.threshold + self.threshold / 4)),
        };
        self.send(Piece::Bytes(Bytes::from(piece)))
    }

    fn send(&mut self, piece: Piece) -> Result<(), Error> {
        self.pace.send(&self.sender, piece).map_err(|stop| {
            self.stopped = Some(stop);
            Error::TimedOut
        })
    }
}

impl Pace {
    fn send(&self, sender: &mpsc::Sender<Piece>, piece: Piece) -> Result<(), Stop> {
        let left = self.until.map(|until| until.saturating_sub(self.clock.uptime()));
        if left == Some(Duration::ZERO) {
            return Err(Stop::OutOfTime);
        }
        let piece = match sender.try_send(piece) {
            Ok(()) => return Ok(()),
            Err(mpsc::error::TrySendError::Full(piece)) => piece,
            Err(mpsc::error::TrySendError::Closed(_)) => return Err(Stop::Gone),
        };
        let patience = left.unwrap_or(STREAM_STALL_MAX).min(STREAM_STALL_MAX);
        self.runtime.block_on(sender.send_timeout(piece, patience)).map_err(|error| match error {
            SendTimeoutError::Closed(_) => Stop::Gone,
            SendTimeoutError::Timeout(_) if patience < STREAM_STALL_MAX => Stop::OutOfTime,
            SendTimeoutError::Timeout(_) => Stop::Stalled,
        })
    }
}

impl LineOut for Sending {
    fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.lines
    }

    fn end_line(&mut self) -> Result<(), Error> {
        if self.lines.len() < self.threshold {
            return Ok(());
        }
        let first = self.threshold < STREAM_CHUNK_BYTES;
        self.threshold = STREAM_CHUNK_BYTES;
        self.hand_on(first)
    }
}

#[cfg(test)]
mod tests;
