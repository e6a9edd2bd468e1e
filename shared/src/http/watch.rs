//! Watching an answer to its end: counts what the client is given, and records the request's event once, when the last
//! byte was handed over, the answer broke off, or nobody wanted the rest.

use std::sync::Arc;
use std::time::Duration;

use crate::audit::{Audit, Event, Notes, Outcome};
use crate::clock::Clock;

/// Watches one answer.
#[derive(Debug)]
pub struct Watch {
    event: Box<Event>,
    notes: Notes,
    audit: Arc<dyn Audit>,
    clock: Arc<dyn Clock>,
    /// The clock's uptime at the request.
    started: Duration,
    open: bool,
}

impl Watch {
    /// Begins to watch. What the event says about the end is filled in at the end.
    pub fn new(event: Event, notes: Notes, audit: Arc<dyn Audit>, clock: Arc<dyn Clock>, started: Duration) -> Self {
        Self { event: Box::new(event), notes, audit, clock, started, open: true }
    }

    /// Some bytes of the body went out.
    pub(super) fn sent(&mut self, bytes: usize) {
        self.event.bytes += bytes as u64;
    }

    /// The answer ended. Only the first end counts.
    pub(super) fn end(&mut self, outcome: Outcome) {
        if !std::mem::take(&mut self.open) {
            return;
        }
        let event = self.event.as_mut();
        self.notes.complete(event);
        event.latency = self.clock.uptime().saturating_sub(self.started);
        event.outcome = match outcome {
            Outcome::Completed if event.status >= 500 => Outcome::Failed,
            Outcome::Failed if self.notes.is_client_stalled() => Outcome::ClientGone,
            other => other,
        };
        self.audit.record(event);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.end(Outcome::ClientGone);
    }
}
