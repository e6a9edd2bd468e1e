//! The first look at a table of which nothing is known: `_last_checkpoint` and the listing's beginning at once. Most logs are no
//! longer than that; of a longer one the hint says where its end begins.

use futures::future::try_join;

use super::DeltaLog;
use super::fetch::Fetcher;
use super::guess::Guesses;
use super::hint::Hint;
use super::segment::Listing;
use crate::error::Error;
use crate::limits::LAST_CHECKPOINT_BYTES_MAX;
use crate::model::location::TableLocation;
use crate::storage::ListedFirst;
use crate::storage::remembered::Keep;

/// What was seen of a log.
pub(super) enum Looked {
    /// All of it, and the hint.
    Whole { listing: Listing, hint: Option<Hint> },
    /// What follows the hint, and the beginning should that not do; what the hint speaks of is on its way.
    From { listing: Listing, first: ListedFirst, guesses: Guesses },
}

impl DeltaLog {
    /// Looks at a table. With a fetcher, what the hint speaks of is asked for together with what a long listing shows from
    /// there on.
    pub(super) async fn look(&self, table: &TableLocation, fetcher: Option<&Fetcher>) -> Result<Looked, Error> {
        let (hint, first) = try_join(self.hint(table), self.store.list_first(table)).await?;
        if !first.more {
            return Ok(Looked::Whole { listing: Listing::new(first.entries), hint });
        }
        let Some(hint) = hint else {
            return Ok(Looked::Whole { listing: self.rest(table, first).await?, hint: None });
        };
        let guesses = match fetcher {
            Some(fetcher) => Guesses::of(fetcher, hint.listed.iter().chain(&hint.sidecars)),
            None => Guesses::default(),
        };
        Ok(Looked::From { listing: self.listing(table, Some(hint.version)).await?, first, guesses })
    }

    /// The whole listing, of which the beginning is known.
    pub(super) async fn rest(&self, table: &TableLocation, first: ListedFirst) -> Result<Listing, Error> {
        let ListedFirst { mut entries, .. } = first;
        let after = entries.last().map(|entry| entry.name.clone());
        entries.extend(self.store.list(table, after.as_deref()).await?);
        Ok(Listing::new(entries))
    }

    /// A fetcher of what may turn out not to be wanted.
    pub(super) fn fetcher(&self, table: &TableLocation) -> Fetcher {
        Fetcher::new(self.store.clone(), table.clone(), Keep::No)
    }

    /// `_last_checkpoint` as far as it can be read; whatever is wrong with it, the listing decides.
    async fn hint(&self, table: &TableLocation) -> Result<Option<Hint>, Error> {
        match self.store.get(table, "_last_checkpoint", LAST_CHECKPOINT_BYTES_MAX).await {
            Ok(text) => Ok(text.and_then(|text| Hint::read(&text))),
            Err(Error::Unsupported(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
