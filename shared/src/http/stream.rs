//! Sending lines while they are made: a thread fills a buffer and hands it on, to the connection where lines travel as
//! they are, else to a second thread that compresses them meanwhile. A client that goes away, or takes nothing for too
//! long, stops the work. One that merely keeps others waiting has its answer paused: the threads end, what is made waits
//! for it, and the work goes on where it was once that is taken.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tracing::{Instrument, Span};

use super::body::Body;
use super::coding::Coding;
use super::places::{Place, StreamPlaces};
use crate::audit::Notes;
use crate::clock::Clock;
use crate::error::Error;
use crate::handlers::Producer;
use crate::limits::STREAM_CHUNKS_QUEUED_MAX;

mod making;
mod pace;
mod sending;

use making::{Allowed, Direct, Outlet, make, pack, packer};
use pace::Pace;
use sending::Sending;

/// What goes with a stream.
#[derive(Debug)]
pub struct Terms {
    /// Where its place is, and those of the others.
    pub places: StreamPlaces,
    /// The place that it begins with, if it has one already.
    pub place: Option<Place>,
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
pub fn start(head: Vec<u8>, producer: Producer, form: Form, terms: Terms) -> Body {
    let (pieces, receiver) = mpsc::channel(STREAM_CHUNKS_QUEUED_MAX);
    let (runtime, span) = (Handle::current(), Span::current());
    let Terms { places, place, notes, clock, until, bytes_max } = terms;
    let pace = Pace::new(pieces, (runtime.clone(), clock), until, places.clone());
    let sending = Sending::new(pace, form, notes.clone(), bytes_max);
    let work = Work { head, producer, coding: form.coding, bytes_max, notes, runtime, span: span.clone() };
    tokio::spawn(run(work, sending, place, places).instrument(span));
    Body::stream(receiver)
}

/// Has an answer made, turn by turn.
async fn run(mut work: Work, mut sending: Sending, mut place: Option<Place>, places: StreamPlaces) {
    loop {
        let place = match place.take() {
            Some(place) => place,
            None => tokio::select! {
                place = places.making.take() => match place {
                    Ok(place) => place,
                    Err(_) => return,
                },
                () = sending.unwanted() => return,
            },
        };
        sending.begin_turn();
        let turn = tokio::task::spawn_blocking(move || {
            let stands = work.turn(sending);
            drop(place);
            stands
        });
        match turn.await {
            Ok((again, Some(left))) => (work, sending) = (again, left),
            // Nothing is left to be sent.
            Ok((_, None)) | Err(_) => return,
        }
        match sending.drained().await {
            Some(again) => sending = again,
            None => return,
        }
    }
}

/// An answer in the making.
struct Work {
    /// The lines before the producer's, until they are sent.
    head: Vec<u8>,
    producer: Producer,
    coding: Option<Coding>,
    bytes_max: Option<u64>,
    notes: Notes,
    runtime: Handle,
    span: Span,
}

impl Work {
    /// Makes lines until all are made, or others want their turn. What is left to be sent comes back.
    fn turn(mut self, sending: Sending) -> (Self, Option<Sending>) {
        let span = self.span.clone();
        let _entered = span.enter();
        let (head, notes) = (std::mem::take(&mut self.head), self.notes.clone());
        let allowed = Allowed { pausing: sending.pausing(), bytes_max: self.bytes_max };
        if self.coding.is_none() {
            let outlet = Outlet::Direct(Box::new(Direct::new(sending)));
            let left = notes.within(|| make(&head, &mut self.producer, outlet, allowed));
            return (self, left);
        }
        let (packer, unpacked) = packer();
        let packing_span = span.clone();
        let packing = self.runtime.spawn_blocking(move || packing_span.in_scope(|| pack(sending, unpacked)));
        notes.within(|| make(&head, &mut self.producer, Outlet::Packer(packer), allowed));
        // The turn has not ended before the last piece is out. What went wrong over there is noted there.
        let left = self.runtime.block_on(packing).ok().flatten();
        (self, left)
    }
}

/// How the work on an answer ended.
enum End {
    Whole,
    /// There is more to be made, at another time.
    Paused,
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

#[cfg(test)]
mod tests;
