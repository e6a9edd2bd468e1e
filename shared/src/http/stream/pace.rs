//! How long pieces wait for their client, and with what: with the threads that make more as long as nobody wants their place,
//! and after that with nothing but themselves.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::sync::mpsc::PermitIterator;
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::{sleep, timeout};

use super::super::body::Piece;
use super::super::encoder::Taken;
use super::super::places::{Place, StreamPlaces};
use crate::clock::Clock;
use crate::limits::{BREAKING_OFF_WITHIN, STREAM_CHUNKS_QUEUED_MAX, STREAM_STALL_MAX};

/// Why no more can be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// The client is.
    Gone,
    /// It took nothing for too long.
    Stalled,
    /// It took nothing while others waited.
    GaveWay,
    OutOfTime,
}

/// What became of a piece.
pub(super) enum Sent {
    Queued(Taken),
    /// It is still here, and the place is to be somebody else's.
    Paused(Piece),
}

/// Sends pieces, none of which waits for too long.
pub(super) struct Pace {
    pieces: mpsc::Sender<Piece>,
    runtime: Handle,
    clock: Arc<dyn Clock>,
    until: Option<Duration>,
    places: StreamPlaces,
    /// The clock's uptime at which the place was taken.
    turn_since: Duration,
    /// Held instead of it while the answer is paused.
    paused: Option<Place>,
}

impl Pace {
    pub(super) fn new(
        pieces: mpsc::Sender<Piece>,
        (runtime, clock): (Handle, Arc<dyn Clock>),
        until: Option<Duration>,
        places: StreamPlaces,
    ) -> Self {
        Self { pieces, runtime, clock, until, places, turn_since: Duration::ZERO, paused: None }
    }

    /// The answer has a place again.
    pub(super) fn begin_turn(&mut self) {
        (self.turn_since, self.paused) = (self.clock.uptime(), None);
    }

    /// Waits until nobody wants the answer any more.
    pub(super) async fn unwanted(&self) {
        self.pieces.closed().await;
    }

    /// Sends a piece, or gives the place up that others want.
    pub(super) fn send(&mut self, piece: Piece) -> Result<Sent, Stop> {
        let patience = self.patience()?;
        let turn_left = self.places.kept.turn.saturating_sub(self.clock.uptime().saturating_sub(self.turn_since));
        if turn_left.is_zero() && self.gives_way() {
            return Ok(Sent::Paused(piece));
        }
        let taken = match self.pieces.capacity() == self.pieces.max_capacity() {
            true => Taken::AllBefore,
            false => Taken::SomeBefore,
        };
        let piece = match self.pieces.try_send(piece) {
            Ok(()) => return Ok(Sent::Queued(taken)),
            Err(TrySendError::Full(piece)) => piece,
            Err(TrySendError::Closed(_)) => return Err(Stop::Gone),
        };
        let (StreamPlaces { making, paused, kept }, pieces) = (&self.places, &self.pieces);
        let asked = async {
            sleep(kept.stalled.min(turn_left)).await;
            let wish = making.wish().await;
            // Where all who wait only wait for a place, none of theirs becomes free before this one does.
            let place = timeout(2 * kept.paused, paused.take()).await;
            (wish, place.ok().and_then(Result::ok).ok_or(Stop::GaveWay))
        };
        let place = self.runtime.block_on(async {
            tokio::select! {
                biased;
                room = timeout(patience, pieces.reserve()) => match room {
                    Ok(Ok(room)) => Ok(Err(room)),
                    Ok(Err(_)) => Err(Stop::Gone),
                    Err(_) => Err(too_late(patience)),
                },
                (wish, place) = asked => {
                    wish.fulfil();
                    place.map(Ok)
                }
            }
        })?;
        match place {
            Ok(place) => self.paused = Some(place),
            Err(room) => {
                room.send(piece);
                return Ok(Sent::Queued(Taken::Late));
            }
        }
        Ok(Sent::Paused(piece))
    }

    /// Sends a piece, however long that keeps others waiting.
    pub(super) fn send_anyway(&self, piece: Piece) -> Result<(), Stop> {
        let patience = self.patience()?;
        match self.runtime.block_on(timeout(patience, self.pieces.send(piece))) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Stop::Gone),
            Err(_) => Err(too_late(patience)),
        }
    }

    /// Waits for room for so many pieces, without a place.
    pub(super) async fn room(&self, count: usize) -> Result<PermitIterator<'_, Piece>, Stop> {
        let patience = self.patience()?;
        let asked = async {
            sleep(self.places.kept.paused).await;
            self.places.paused.wish().await
        };
        tokio::select! {
            biased;
            room = timeout(patience, self.pieces.reserve_many(count)) => match room {
                Ok(Ok(room)) => Ok(room),
                Ok(Err(_)) => Err(Stop::Gone),
                Err(_) => Err(too_late(patience)),
            },
            wish = asked => {
                wish.fulfil();
                Err(Stop::GaveWay)
            }
        }
    }

    /// Waits until all is taken, piece by piece: a client that takes some of it is not one that takes nothing.
    pub(super) async fn all_taken(&self) -> Result<(), Stop> {
        for count in 1..=STREAM_CHUNKS_QUEUED_MAX {
            drop(self.room(count).await?);
        }
        Ok(())
    }

    /// Sends the last piece of a broken answer, if it can be.
    pub(super) async fn send_last(&self, piece: Piece) -> Result<(), Stop> {
        let sent = timeout(BREAKING_OFF_WITHIN, self.pieces.send(piece)).await;
        sent.is_ok_and(|sent| sent.is_ok()).then_some(()).ok_or(Stop::Gone)
    }

    /// The same from a thread that may wait.
    pub(super) fn send_last_now(&self, piece: Piece) -> Result<(), Stop> {
        self.runtime.block_on(self.send_last(piece))
    }

    /// Gives the place up if others want it and one of those who wait is free.
    fn gives_way(&mut self) -> bool {
        if let Some(wish) = self.places.making.wish_now()
            && let Some(place) = self.places.paused.take_free()
        {
            wish.fulfil();
            self.paused = Some(place);
        }
        self.paused.is_some()
    }

    /// How long a piece may wait.
    fn patience(&self) -> Result<Duration, Stop> {
        match self.until.map(|until| until.saturating_sub(self.clock.uptime())) {
            Some(Duration::ZERO) => Err(Stop::OutOfTime),
            left => Ok(left.unwrap_or(STREAM_STALL_MAX).min(STREAM_STALL_MAX)),
        }
    }
}

/// What it means that a client took nothing for so long.
fn too_late(patience: Duration) -> Stop {
    if patience < STREAM_STALL_MAX { Stop::OutOfTime } else { Stop::Stalled }
}
