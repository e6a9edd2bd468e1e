//! Chunks of a checkpoint in a cache that all processes share: whoever decodes a row group first keeps its rows there, and
//! whoever comes later reads them with a request for each chunk instead of many for the columns of the Parquet object.
//!
//! A chunk holds all `add` rows of some rows of a row group, whatever later commits say of them, so that it serves every
//! version on that checkpoint and every recipient. It is found by what a listing has just shown of the checkpoint: a
//! checkpoint that was replaced has other chunks. Nobody without a key of the server can make one. What is missing, damaged
//! or strange is read from the log.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::error::{Error, chain};
use crate::limits::{CHUNK_BYTES_IN_FLIGHT_MAX, CHUNK_BYTES_MAX, CHUNK_ROWS, CHUNKED_GROUP_BYTES_MIN};
use crate::seal::Sealing;
use crate::storage::chunks::ChunkStore;

mod ahead;
mod chunk;
mod coding;
mod name;
mod recorder;
mod walk;

pub(super) use recorder::Recorder;

/// What every sealed chunk is bound to beside its name.
const CONTEXT: &str = "checkpoint-chunk";

/// More than sealing adds to a chunk.
const SEAL_BYTES: u64 = 1024;

/// The cache, as readers of logs use it.
#[derive(Clone)]
pub struct ChunkCache {
    store: Arc<dyn ChunkStore>,
    sealing: Arc<dyn Sealing>,
    rows: u64,
    group_bytes_min: u64,
    in_flight: Arc<AtomicU64>,
}

/// What is found under the name of a chunk.
#[derive(Debug)]
pub(in crate::delta) enum Found {
    /// A chunk that this server wrote for this place.
    There(Vec<u8>),
    /// Nothing, or nothing came.
    Missing,
    /// Something else.
    Unfit,
}

impl ChunkCache {
    /// A cache in this store, whose chunks are sealed so.
    pub fn new(store: Arc<dyn ChunkStore>, sealing: Arc<dyn Sealing>) -> Self {
        let (rows, group_bytes_min) = (CHUNK_ROWS, CHUNKED_GROUP_BYTES_MIN);
        Self { store, sealing, rows, group_bytes_min, in_flight: Arc::default() }
    }

    /// The same with chunks of so many rows, of row groups that have to fetch so many bytes from the log at least.
    #[must_use]
    pub fn in_chunks_of(self, rows: u64, group_bytes_min: u64) -> Self {
        Self { rows: rows.max(1), group_bytes_min, ..self }
    }

    /// Looks for a chunk.
    pub(in crate::delta) async fn find(&self, name: &str) -> Found {
        let opened = async {
            match self.store.get(name, CHUNK_BYTES_MAX + SEAL_BYTES).await? {
                None => Ok(Found::Missing),
                Some(sealed) => match self.sealing.open_bytes(&[CONTEXT, name], &sealed).await? {
                    Some(chunk) => Ok(Found::There(chunk)),
                    None => Ok::<_, Error>(Found::Unfit),
                },
            }
        };
        opened.await.unwrap_or_else(|error| {
            tracing::warn!(target: "spillway", error = chain(&error), "a chunk of a checkpoint could not be read");
            Found::Missing
        })
    }

    /// Begins to write a chunk, unless too many are being written; the task tells whether it was.
    fn write(&self, runtime: &Handle, name: String, chunk: Vec<u8>) -> Option<JoinHandle<bool>> {
        let bytes = chunk.len() as u64;
        let before = self.in_flight.fetch_add(bytes, Ordering::SeqCst);
        let flight = Flight { bytes, all: Arc::clone(&self.in_flight) };
        if before.saturating_add(bytes) > CHUNK_BYTES_IN_FLIGHT_MAX {
            return None;
        }
        let (store, sealing) = (Arc::clone(&self.store), Arc::clone(&self.sealing));
        Some(runtime.spawn(async move {
            let _flight = flight;
            let written = async {
                let sealed = sealing.seal_bytes(&[CONTEXT, &name], &chunk).await?;
                drop(chunk);
                store.put(&name, Bytes::from(sealed)).await
            };
            let written = written.await;
            if let Err(error) = &written {
                tracing::warn!(target: "spillway", error = chain(error), "a chunk of a checkpoint could not be written");
            }
            written.is_ok()
        }))
    }
}

/// Bytes that are being written.
struct Flight {
    bytes: u64,
    all: Arc<AtomicU64>,
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.all.fetch_sub(self.bytes, Ordering::SeqCst);
    }
}

impl fmt::Debug for ChunkCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChunkCache").field("rows", &self.rows).finish_non_exhaustive()
    }
}
