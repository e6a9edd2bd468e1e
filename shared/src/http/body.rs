//! The body of an answer: whole, or as it comes. A stream that fails ends in an error, which makes the server break the
//! connection: a client sees a cut answer, never a short one. Where connections cannot be broken the last bytes are
//! [`BROKEN_OFF`]. A client that reads an `endStreamAction` is told in that line instead, and the body ends properly:
//! after anything else the line would not be the last.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::sync::mpsc;

use super::watch::Watch;
use crate::audit::Outcome;

/// The last bytes of an answer in lines that broke off: a syntax error for every reader. One that takes whole lines stops
/// at the first of them, one that takes an unfinished last line stops there, and one that takes values without minding
/// lines reads a key without a value.
pub const BROKEN_OFF: &[u8] = b"{\"brokenOff\":\n{\"brokenOff\":";

/// The body.
#[derive(Debug)]
pub struct Body {
    content: Content,
    watch: Option<Watch>,
}

#[derive(Debug)]
enum Content {
    /// All of it.
    Whole(Option<Bytes>),
    /// Pieces; a closed channel without [`Piece::End`] is a failure.
    Stream(mpsc::Receiver<Piece>),
}

/// What comes through a stream.
#[derive(Debug)]
pub enum Piece {
    /// Some bytes.
    Bytes(Bytes),
    /// The answer is complete.
    End,
    /// The answer is not complete, and its last line says so.
    Told,
}

/// The answer broke off.
#[derive(Debug)]
pub struct BrokenOff;

impl fmt::Display for BrokenOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the answer broke off; the reason is in the log")
    }
}

impl std::error::Error for BrokenOff {}

impl From<Infallible> for BrokenOff {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl Body {
    /// A whole body.
    pub fn whole(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self { content: Content::Whole((!bytes.is_empty()).then_some(bytes)), watch: None }
    }

    /// A body that comes in pieces.
    pub fn stream(pieces: mpsc::Receiver<Piece>) -> Self {
        Self { content: Content::Stream(pieces), watch: None }
    }

    /// Has the rest of its way watched.
    pub(super) fn watched(&mut self, mut watch: Watch) {
        if http_body::Body::is_end_stream(self) {
            // Nobody asks an empty body for anything.
            watch.end(Outcome::Completed);
        }
        self.watch = Some(watch);
    }

    fn next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, BrokenOff>>> {
        let piece = match &mut self.content {
            Content::Whole(bytes) => return Poll::Ready(bytes.take().map(Ok)),
            Content::Stream(pieces) => std::task::ready!(pieces.poll_recv(context)),
        };
        let ended = match piece {
            Some(Piece::Bytes(bytes)) => return Poll::Ready(Some(Ok(bytes))),
            Some(Piece::End) => None,
            Some(Piece::Told) => {
                if let Some(watch) = &mut self.watch {
                    watch.end(Outcome::Failed);
                }
                None
            }
            None => Some(Err(BrokenOff)),
        };
        self.content = Content::Whole(None);
        Poll::Ready(ended)
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let this = self.get_mut();
        let next = std::task::ready!(this.next(context));
        let last = http_body::Body::is_end_stream(this);
        if let Some(watch) = &mut this.watch {
            match &next {
                Some(Ok(bytes)) => watch.sent(bytes.len()),
                Some(Err(BrokenOff)) => watch.end(Outcome::Failed),
                None => {}
            }
            if last {
                watch.end(Outcome::Completed);
            }
        }
        Poll::Ready(next.map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.content, Content::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            // Unknown on purpose: a body that can still fail must not promise a length.
            Content::Stream(_) => SizeHint::default(),
        }
    }
}
