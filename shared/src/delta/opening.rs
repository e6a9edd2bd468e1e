//! Opening the objects of a checkpoint: what is read first of each, all at once where that is little, then their footers.

use std::collections::VecDeque;

use bytes::Bytes;
use tokio::task::{JoinHandle, spawn_blocking};

use super::checkpoint::Part;
use super::fetch::Fetcher;
use super::guess::Guesses;
use super::hint::read_whole;
use super::in_order::{InOrder, Wanted};
use super::reading::finished;
use crate::error::Error;
use crate::limits::FETCHES_IN_FLIGHT_MAX;
use crate::storage::LogEntry;

/// An object and the bytes that were read first of it.
type Found = (LogEntry, Bytes);

/// An object by its name in the log, and whether it is kept whole.
type Object = (String, bool);

/// How an object is opened with what was read first of it.
type Open = fn(Fetcher, Object, Result<Found, Error>) -> Result<Part, Error>;

/// Opens what a listing shows, keeping small objects whole.
pub(super) async fn open_listed(
    fetcher: &Fetcher,
    entries: &[LogEntry],
    guesses: &Guesses,
) -> Result<Vec<Part>, Error> {
    let whole = read_whole(entries.iter().map(|entry| entry.size));
    let wanted = entries.iter().zip(whole).map(|(entry, keep)| {
        let (guess, fetcher, entry) = (guesses.take(&entry.name), fetcher.clone(), entry.clone());
        let range = Part::first_bytes(&entry, keep);
        let (bytes, object) = (range.end - range.start, (entry.name.clone(), keep));
        Wanted::new(bytes, object, move || fetcher.first(&entry, range, guess))
    });
    let open: Open = |fetcher, (_, keep), found| {
        let (entry, end) = found?;
        Part::open(fetcher, entry, end, keep)
    };
    open_each(fetcher, InOrder::of(wanted), open).await
}

/// Opens sidecars, keeping small ones whole.
pub(super) async fn open_sidecars(
    fetcher: &Fetcher,
    entries: &[LogEntry],
    guesses: &Guesses,
) -> Result<Vec<Part>, Error> {
    let whole = read_whole(entries.iter().map(|entry| entry.size));
    let wanted = entries.iter().zip(whole).map(|(entry, keep)| {
        let (guess, fetcher, entry) = (guesses.take(&entry.name), fetcher.clone(), entry.clone());
        let range = Part::first_bytes(&entry, keep);
        let (bytes, object) = (range.end - range.start, (entry.name.clone(), keep));
        Wanted::new(bytes, object, move || fetcher.find(entry, range, guess))
    });
    let open: Open = |fetcher, (name, keep), found| Part::open_sidecar(fetcher, &name, found, keep);
    open_each(fetcher, InOrder::of(wanted), open).await
}

async fn open_each(fetcher: &Fetcher, mut ends: InOrder<Object, Found>, open: Open) -> Result<Vec<Part>, Error> {
    let mut parts = Vec::new();
    let mut opening: VecDeque<JoinHandle<Result<Part, Error>>> = VecDeque::new();
    while let Some((object, found)) = ends.next().await {
        if opening.len() >= FETCHES_IN_FLIGHT_MAX
            && let Some(part) = opening.pop_front()
        {
            parts.push(finished(part).await?);
        }
        let fetcher = fetcher.clone();
        opening.push_back(spawn_blocking(move || open(fetcher, object, found)));
    }
    for part in opening {
        parts.push(finished(part).await?);
    }
    Ok(parts)
}
