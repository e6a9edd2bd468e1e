//! Sending lines while they are made: a thread fills a buffer and hands it on, to the connection where lines travel as
//! they are, else to a second thread that compresses them meanwhile. A client that goes away, or takes nothing for too
//! long, stops the work.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::body::Body;
use super::coding::Coding;
use crate::audit::Notes;
use crate::clock::Clock;
use crate::error::Error;
use crate::handlers::Producer;
use crate::limits::{STREAM_CHUNK_BYTES, STREAM_CHUNKS_QUEUED_MAX, STREAM_CHUNKS_UNPACKED_MAX};
use crate::wire::ndjson::LineOut;

mod sending;

use sending::{Pace, Sending};

/// Sent early at first, so that a client sees the first file soon; in large pieces later.
const FIRST_PIECE_BYTES: usize = 2 * 1024;

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
    /// How many bytes may be sent; none for any number.
    pub bytes_max: Option<u64>,
}

/// In which form lines are sent.
#[derive(Debug, Clone, Copy)]
pub struct Form {
    /// How they are compressed, if they are.
    pub coding: Option<Coding>,
    /// Whether the client reads an `endStreamAction`.
    pub end_of_stream: bool,
}

/// Starts sending: the head at once, then what the producer makes.
pub fn start(head: Vec<u8>, producer: Producer, form: Form, terms: Terms<impl Send + 'static>) -> Body {
    let (pieces, receiver) = mpsc::channel(STREAM_CHUNKS_QUEUED_MAX);
    let runtime = Handle::current();
    let span = tracing::Span::current();
    tokio::task::spawn_blocking(move || {
        let Terms { held, notes, clock, until, bytes_max } = terms;
        let _held = held;
        let _entered = span.enter();
        let pace = Pace { pieces, runtime: runtime.clone(), clock, until };
        let sending = Sending::new(pace, form, notes.clone(), bytes_max);
        if form.coding.is_none() {
            return notes.within(|| make(&head, producer, bytes_max, Outlet::Direct(Box::new(sending))));
        }
        let (packer, unpacked) = packer();
        let span = span.clone();
        let packing = runtime.spawn_blocking(move || span.in_scope(|| pack(sending, unpacked)));
        notes.within(|| make(&head, producer, bytes_max, Outlet::Packer(packer)));
        // The work has not ended before the last piece is out. What went wrong over there is noted there.
        let _ = runtime.block_on(packing);
    });
    Body::stream(receiver)
}

/// How the work on an answer ended.
enum End {
    Whole,
    Failed(Error),
    /// Whatever the panic left half done is no ground for a proper end.
    Panicked,
}

impl End {
    /// Runs a part of the work.
    fn of(work: impl FnOnce() -> Result<Self, Error>) -> Self {
        match catch_unwind(AssertUnwindSafe(work)) {
            Ok(Ok(end)) => end,
            Ok(Err(error)) => Self::Failed(error),
            Err(_) => Self::Panicked,
        }
    }
}

/// Makes all lines.
fn make(head: &[u8], producer: Producer, bytes_max: Option<u64>, outlet: Outlet) {
    let mut out = Making { lines: Vec::new(), threshold: FIRST_PIECE_BYTES, bytes_max, outlet };
    let end = End::of(|| {
        out.lines.extend_from_slice(head);
        out.hand_on(true)?;
        producer(&mut out)?;
        out.hand_on(false)?;
        Ok(End::Whole)
    });
    match out.outlet {
        Outlet::Direct(sending) => sending.end(end),
        // It may have stopped already; then it has said why.
        Outlet::Packer(packer) => drop(packer.unpacked.send(Unpacked::End(end))),
    }
}

/// The lines under way.
struct Making {
    lines: Vec<u8>,
    threshold: usize,
    bytes_max: Option<u64>,
    outlet: Outlet,
}

/// Where lines go from the thread that makes them.
enum Outlet {
    Direct(Box<Sending>),
    Packer(Packer),
}

/// The thread that compresses, as the one sees it that makes the lines.
struct Packer {
    unpacked: SyncSender<Unpacked>,
    /// Buffers to use again.
    spare: Receiver<Vec<u8>>,
}

/// What the thread that compresses is given.
enum Unpacked {
    Lines { lines: Vec<u8>, flush: bool },
    End(End),
}

/// What comes to the thread that compresses.
struct Unpacking {
    unpacked: Receiver<Unpacked>,
    spare: Sender<Vec<u8>>,
}

fn packer() -> (Packer, Unpacking) {
    let (unpacked, coming) = sync_channel(STREAM_CHUNKS_UNPACKED_MAX);
    let (used, spare) = channel();
    (Packer { unpacked, spare }, Unpacking { unpacked: coming, spare: used })
}

/// Compresses and sends all that comes.
fn pack(mut sending: Sending, coming: Unpacking) {
    let end = End::of(|| {
        for unpacked in &coming.unpacked {
            let (mut lines, flush) = match unpacked {
                Unpacked::Lines { lines, flush } => (lines, flush),
                Unpacked::End(end) => return Ok(end),
            };
            sending.packed(&lines, flush)?;
            lines.clear();
            // Nobody needs it where all lines are made.
            let _ = coming.spare.send(lines);
        }
        Err(Error::defect("the work on an answer has no end"))
    });
    // Whoever makes the lines stops at the next piece.
    drop(coming);
    sending.end(end);
}

impl Making {
    fn hand_on(&mut self, flush: bool) -> Result<(), Error> {
        if self.lines.is_empty() {
            return Ok(());
        }
        match &mut self.outlet {
            Outlet::Direct(sending) => {
                let room = Vec::with_capacity(self.threshold + self.threshold / 4);
                sending.plain(std::mem::replace(&mut self.lines, room))
            }
            Outlet::Packer(packer) => {
                let room = packer.spare.try_recv().unwrap_or_default();
                let lines = std::mem::replace(&mut self.lines, room);
                packer.unpacked.send(Unpacked::Lines { lines, flush }).map_err(|_| Error::TimedOut)
            }
        }
    }
}

impl LineOut for Making {
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

    fn bytes_max(&self) -> Option<u64> {
        self.bytes_max
    }
}

#[cfg(test)]
mod tests;
