//! Sending lines while they are made: a thread fills a buffer, compresses it and hands it to the connection through a
//! bounded channel. A client that goes away, or takes nothing for too long, stops the work.

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::body::{Body, Piece};
use super::gzip::Gzip;
use crate::error::{Error, chain};
use crate::handlers::Producer;
use crate::limits::{STREAM_CHUNK_BYTES, STREAM_CHUNKS_QUEUED_MAX, STREAM_STALL_MAX};
use crate::wire::ndjson::LineOut;

/// Starts sending: the head at once, then what the producer makes. `held` is kept until the work ends.
pub fn start(head: Vec<u8>, producer: Producer, compress: bool, held: impl Send + 'static) -> Body {
    let (sender, receiver) = mpsc::channel(STREAM_CHUNKS_QUEUED_MAX);
    let runtime = Handle::current();
    let span = tracing::Span::current();
    tokio::task::spawn_blocking(move || {
        let _held = held;
        let _entered = span.enter();
        let mut out = Sending::new(sender, runtime, compress);
        // Without an end the channel closes, and the connection breaks.
        if let Err(error) = out.run(&head, producer)
            && !matches!(error, Error::TimedOut)
        {
            tracing::error!(target: "spillway", "an answer was broken off: {}", chain(&error));
        }
    });
    Body::Stream(receiver)
}

struct Sending {
    sender: mpsc::Sender<Piece>,
    runtime: Handle,
    lines: Vec<u8>,
    gzip: Option<Gzip>,
    /// Compressed bytes not yet sent.
    packed: Vec<u8>,
    /// Sent early at first, so that a client sees the first file soon; in large pieces later.
    threshold: usize,
}

impl Sending {
    fn new(sender: mpsc::Sender<Piece>, runtime: Handle, compress: bool) -> Self {
        const FIRST_PIECE_BYTES: usize = 2 * 1024;
        let mut packed = Vec::new();
        let gzip = compress.then(|| Gzip::new(&mut packed));
        Self { sender, runtime, lines: Vec::new(), gzip, packed, threshold: FIRST_PIECE_BYTES }
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
        let piece = match self.sender.try_send(piece) {
            Ok(()) => return Ok(()),
            Err(mpsc::error::TrySendError::Full(piece)) => piece,
            Err(mpsc::error::TrySendError::Closed(_)) => return Err(Error::TimedOut),
        };
        self.runtime.block_on(self.sender.send_timeout(piece, STREAM_STALL_MAX)).map_err(|_| Error::TimedOut)
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
