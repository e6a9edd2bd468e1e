//! Lines on their way to the file. Whoever records adds one and goes on; the writer takes all there are. It is woken by
//! the first and gives the next ones a moment to gather: to wake a thread costs more than to record an event.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use shared::limits::AUDIT_EVENTS_WAITING_MAX;
use tokio::sync::oneshot;

/// How long the writer lets lines gather.
const GATHERED_FOR: Duration = Duration::from_millis(20);

/// What the writer finds.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// The lines of events, each with its end.
    pub(super) text: String,
    /// How many.
    pub(super) events: u64,
    /// Events for which there was no room.
    pub(super) lost: u64,
    /// Answered once the lines are written.
    pub(super) finishing: Vec<oneshot::Sender<()>>,
}

impl Gathered {
    /// What was lost is told with the next event: it would be tried for ever where nothing can be written.
    fn is_empty(&self) -> bool {
        self.events == 0 && self.finishing.is_empty()
    }
}

#[derive(Debug, Default)]
struct State {
    gathered: Gathered,
    /// Nobody will add any more.
    closed: bool,
}

/// The lines, bounded by their number.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    state: Mutex<State>,
    come: Condvar,
}

impl Waiting {
    /// Adds an event's line, which ends in a line break, or counts it as lost.
    pub(super) fn add(&self, line: &str) {
        self.change(|state| {
            let gathered = &mut state.gathered;
            if usize::try_from(gathered.events).is_ok_and(|events| events < AUDIT_EVENTS_WAITING_MAX) {
                gathered.text.push_str(line);
                gathered.events += 1;
            } else {
                gathered.lost += 1;
            }
        });
    }

    /// Answered once everything that was added before is written, or the writer is gone.
    pub(super) fn finish(&self) -> oneshot::Receiver<()> {
        let (done, written) = oneshot::channel();
        self.change(|state| state.gathered.finishing.push(done));
        written
    }

    /// Nothing will be added any more.
    pub(super) fn close(&self) {
        self.change(|state| state.closed = true);
    }

    /// Counts events that could not be written, for the next time.
    pub(super) fn lose(&self, events: u64) {
        self.lock().gathered.lost += events;
    }

    /// Waits for lines; nothing once all are taken and none will come.
    pub(super) fn take(&self) -> Option<Gathered> {
        if !self.at_once() {
            std::thread::sleep(GATHERED_FOR);
        }
        let gathered = std::mem::take(&mut self.lock().gathered);
        (!gathered.is_empty()).then_some(gathered)
    }

    /// Sleeps until there is something, and says whether somebody waits for it to be written, or nothing more will come.
    fn at_once(&self) -> bool {
        let idle = |state: &mut State| state.gathered.is_empty() && !state.closed;
        let state = self.come.wait_while(self.lock(), idle).unwrap_or_else(PoisonError::into_inner);
        state.closed || !state.gathered.finishing.is_empty()
    }

    /// Wakes the writer only when it may be asleep.
    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        let asleep = state.gathered.is_empty();
        change(&mut state);
        drop(state);
        if asleep {
            self.come.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_taken_together_and_in_their_order_until_it_is_closed() {
        let waiting = Waiting::default();
        waiting.add("one\n");
        waiting.add("two\n");
        let gathered = waiting.take().unwrap();
        assert_eq!((gathered.text.as_str(), gathered.events, gathered.lost), ("one\ntwo\n", 2, 0));
        waiting.add("three\n");
        waiting.close();
        assert_eq!(waiting.take().unwrap().text, "three\n");
        assert!(waiting.take().is_none());
    }

    #[test]
    fn what_comes_beyond_the_bound_is_counted() {
        let waiting = Waiting::default();
        for _ in 0..AUDIT_EVENTS_WAITING_MAX + 3 {
            waiting.add("x\n");
        }
        waiting.lose(4);
        let gathered = waiting.take().unwrap();
        assert_eq!((gathered.text.len(), gathered.lost), (2 * AUDIT_EVENTS_WAITING_MAX, 7));
    }

    #[test]
    fn a_writer_that_sleeps_is_woken() {
        let waiting = Waiting::default();
        std::thread::scope(|threads| {
            let writer = threads.spawn(|| {
                let first = waiting.take().unwrap();
                drop(first);
                waiting.take().map(|second| second.text)
            });
            assert!(waiting.finish().blocking_recv().is_err(), "dropped by the writer above");
            waiting.add("more\n");
            assert_eq!(writer.join().unwrap().as_deref(), Some("more\n"));
        });
    }
}
