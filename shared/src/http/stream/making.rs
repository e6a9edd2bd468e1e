//! Making lines in one thread and compressing them in another, which is at most a few pieces behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

use bytes::Bytes;

use super::End;
use super::sending::Sending;
use crate::error::Error;
use crate::handlers::{Made, Producer};
use crate::limits::{STREAM_CHUNK_BYTES, STREAM_CHUNKS_UNPACKED_MAX, STREAM_PLAIN_CHUNK_BYTES};
use crate::wire::ndjson::LineOut;

/// Sent early at first, so that a client sees the first file soon; in large pieces later.
const FIRST_PIECE_BYTES: usize = 2 * 1024;

/// What the work on an answer may do.
pub(super) struct Allowed {
    /// Set when it is to make way.
    pub(super) pausing: Arc<AtomicBool>,
    /// How many bytes may be sent; none for any number.
    pub(super) bytes_max: Option<u64>,
}

/// Makes lines, after the head if that is still to be sent. What is left to be sent comes back, unless it is elsewhere.
pub(super) fn make(head: &[u8], producer: &mut Producer, outlet: Outlet, allowed: Allowed) -> Option<Sending> {
    let threshold = if head.is_empty() { STREAM_CHUNK_BYTES } else { FIRST_PIECE_BYTES };
    let mut out = Making { lines: Vec::new(), threshold, outlet, allowed };
    let end = End::of(|| {
        out.lines.extend_from_slice(head);
        out.hand_on(true)?;
        let made = producer(&mut out)?;
        out.hand_on(false)?;
        Ok(match made {
            Made::All => End::Whole,
            Made::SoFar => End::Paused,
        })
    });
    match out.outlet {
        Outlet::Direct(direct) => direct.sending.end(end),
        Outlet::Packer(packer) => {
            // It may have stopped already; then it has said why.
            let _ = packer.unpacked.send(Unpacked::End(end));
            None
        }
    }
}

/// The lines under way.
struct Making {
    lines: Vec<u8>,
    threshold: usize,
    outlet: Outlet,
    allowed: Allowed,
}

/// Where lines go from the thread that makes them.
pub(super) enum Outlet {
    Direct(Box<Direct>),
    Packer(Packer),
}

/// The connection, as the thread sees it that makes the lines.
pub(super) struct Direct {
    sending: Sending,
    /// Buffers that the connection has done with, and the way there.
    spare: Receiver<Vec<u8>>,
    back: Sender<Vec<u8>>,
}

impl Direct {
    pub(super) fn new(sending: Sending) -> Self {
        let (back, spare) = channel();
        Self { sending, spare, back }
    }
}

/// A buffer on its way, which comes back to be filled again.
struct Lent {
    lines: Vec<u8>,
    back: Sender<Vec<u8>>,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.lines
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut lines = std::mem::take(&mut self.lines);
        lines.clear();
        // Nobody needs it where all lines are made.
        let _ = self.back.send(lines);
    }
}

/// The thread that compresses, as the one sees it that makes the lines.
pub(super) struct Packer {
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
pub(super) struct Unpacking {
    unpacked: Receiver<Unpacked>,
    spare: Sender<Vec<u8>>,
}

pub(super) fn packer() -> (Packer, Unpacking) {
    let (unpacked, coming) = sync_channel(STREAM_CHUNKS_UNPACKED_MAX);
    let (used, spare) = channel();
    (Packer { unpacked, spare }, Unpacking { unpacked: coming, spare: used })
}

/// Compresses and sends all that comes. What is left to be sent comes back.
pub(super) fn pack(mut sending: Sending, coming: Unpacking) -> Option<Sending> {
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
    sending.end(end)
}

impl Making {
    fn hand_on(&mut self, flush: bool) -> Result<(), Error> {
        if self.lines.is_empty() {
            return Ok(());
        }
        match &mut self.outlet {
            Outlet::Direct(direct) => {
                let room = direct.spare.try_recv();
                let room = room.unwrap_or_else(|_| Vec::with_capacity(self.threshold + self.threshold / 4));
                let lines = std::mem::replace(&mut self.lines, room);
                direct.sending.plain(Bytes::from_owner(Lent { lines, back: direct.back.clone() }))
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
        self.threshold = match &self.outlet {
            _ if first => STREAM_CHUNK_BYTES,
            // Twice as much each time, so that an answer of a few pieces takes no more room than it needs.
            Outlet::Direct(_) => STREAM_PLAIN_CHUNK_BYTES.min(2 * self.threshold),
            Outlet::Packer(_) => STREAM_CHUNK_BYTES,
        };
        self.hand_on(first)
    }

    fn bytes_max(&self) -> Option<u64> {
        self.allowed.bytes_max
    }

    fn pauses(&self) -> bool {
        self.allowed.pausing.load(Ordering::Relaxed)
    }
}
