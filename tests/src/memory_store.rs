//! A log store in memory, whose objects a test writes, replaces and removes while they are read. It counts what it is asked,
//! and tells contents apart as S3 does: each write has a tag of its own.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use shared::clock::{Clock, SystemClock};
use shared::error::Error;
use shared::model::location::TableLocation;
use shared::model::version::TimestampMs;
use shared::storage::{ListedFirst, LogEntry, LogStore};

/// What a test does when the store is called, before it answers.
type OnCall = Box<dyn Fn(&MemoryStore, &str) + Send + Sync>;

/// The store.
#[derive(Default)]
pub struct MemoryStore {
    inner: Mutex<Inner>,
    on_call: Mutex<Option<Arc<OnCall>>>,
}

#[derive(Default)]
struct Inner {
    objects: BTreeMap<String, Object>,
    writes: u64,
    calls: Vec<String>,
    /// Bytes that were read.
    read: u64,
    untold: bool,
    page: Option<usize>,
    /// How long nothing has to be asked until what was asked is answered.
    quiet: Duration,
    /// A clock since something was asked last.
    asked: Option<Arc<dyn Clock>>,
    /// How many times what was asked was answered.
    waves: usize,
    /// What was fetched of each object.
    fetched: BTreeMap<String, Vec<Range<u64>>>,
}

#[derive(Clone)]
struct Object {
    bytes: Bytes,
    write: u64,
}

impl MemoryStore {
    /// An empty store.
    pub fn shared() -> Arc<Self> {
        Arc::default()
    }

    /// From now on it does not tell contents apart.
    pub fn tell_no_tags(&self) {
        self.inner.lock().unwrap().untold = true;
    }

    /// From now on the beginning of a listing is this long.
    pub fn set_page(&self, entries: usize) {
        self.inner.lock().unwrap().page = Some(entries);
    }

    /// From now on all that is asked is answered together, once nothing more was asked for so long: what can be asked at once
    /// is one wave, whatever else the machine does. Without a time, answers come at once again.
    pub fn answer_in_waves(&self, quiet: Duration) {
        let mut inner = self.inner.lock().unwrap();
        (inner.quiet, inner.waves) = (quiet, 0);
    }

    /// How many calls were waited for one after another.
    pub fn in_sequence(&self) -> usize {
        self.inner.lock().unwrap().waves
    }

    /// The objects of which more than so many bytes were fetched twice since the last time.
    pub fn fetched_twice(&self, more_than: u64) -> Vec<String> {
        let fetched = std::mem::take(&mut self.inner.lock().unwrap().fetched);
        let twice = |mut ranges: Vec<Range<u64>>| {
            ranges.sort_by_key(|range| range.start);
            let (mut twice, mut reached) = (0, 0);
            for Range { start, end } in ranges {
                twice += end.min(reached).saturating_sub(start);
                reached = reached.max(end);
            }
            twice
        };
        fetched.into_iter().filter_map(|(name, ranges)| (twice(ranges) > more_than).then_some(name)).collect()
    }

    /// Does something before each call is answered.
    pub fn on_call(&self, what: impl Fn(&Self, &str) + Send + Sync + 'static) {
        *self.on_call.lock().unwrap() = Some(Arc::new(Box::new(what)));
    }

    /// Writes an object of a table's log.
    pub fn put(&self, table: &TableLocation, name: &str, bytes: impl Into<Bytes>) {
        let mut inner = self.inner.lock().unwrap();
        inner.writes += 1;
        let object = Object { bytes: bytes.into(), write: inner.writes };
        inner.objects.insert(key(table, name), object);
    }

    /// An object's content.
    pub fn content(&self, table: &TableLocation, name: &str) -> Bytes {
        self.inner.lock().unwrap().objects[&key(table, name)].bytes.clone()
    }

    /// Removes an object of a table's log.
    pub fn remove(&self, table: &TableLocation, name: &str) {
        self.inner.lock().unwrap().objects.remove(&key(table, name)).expect("it is there");
    }

    /// The objects of a table's log, in order.
    pub fn names(&self, table: &TableLocation) -> Vec<String> {
        let (inner, folder) = (self.inner.lock().unwrap(), key(table, ""));
        inner.objects.keys().filter_map(|key| key.strip_prefix(&folder)).map(str::to_owned).collect()
    }

    /// Makes a table's log that of the table in a folder: what is new or has another content is written, in the order of
    /// names, what is not there is removed.
    pub fn mirror(&self, table: &TableLocation, folder: &Path) {
        let mut wanted = BTreeMap::new();
        for below in ["", "_sidecars/"] {
            let Ok(entries) = fs::read_dir(folder.join("_delta_log").join(below)) else { continue };
            for entry in entries.map(Result::unwrap).filter(|entry| entry.path().is_file()) {
                let name = format!("{below}{}", entry.file_name().to_str().unwrap());
                wanted.insert(name, Bytes::from(fs::read(entry.path()).unwrap()));
            }
        }
        for name in self.names(table).iter().filter(|name| !wanted.contains_key(*name)) {
            self.remove(table, name);
        }
        let same = |name: &str, bytes: &Bytes| {
            self.inner.lock().unwrap().objects.get(&key(table, name)).is_some_and(|object| object.bytes == *bytes)
        };
        for (name, bytes) in wanted.into_iter().filter(|(name, bytes)| !same(name, bytes)) {
            self.put(table, &name, bytes);
        }
    }

    /// What the store was asked since the last time, sorted: `list`, `get <name>`, `range <name>`.
    pub fn take_calls(&self) -> Vec<String> {
        let mut calls = std::mem::take(&mut self.inner.lock().unwrap().calls);
        calls.sort();
        calls
    }

    /// How many bytes were read since the last time.
    pub fn take_bytes(&self) -> u64 {
        std::mem::take(&mut self.inner.lock().unwrap().read)
    }

    /// A call takes a while, in which others are made.
    async fn called(&self, call: String) {
        let on_call = self.on_call.lock().unwrap().clone();
        if let Some(on_call) = on_call {
            on_call(self, &call);
        }
        let (quiet, wave) = {
            let mut inner = self.inner.lock().unwrap();
            inner.calls.push(call);
            inner.asked = Some(SystemClock::shared());
            (inner.quiet, inner.waves + 1)
        };
        if quiet.is_zero() {
            return tokio::task::yield_now().await;
        }
        loop {
            tokio::time::sleep(quiet / 4).await;
            let mut inner = self.inner.lock().unwrap();
            if inner.waves >= wave || inner.quiet.is_zero() {
                return;
            }
            if inner.asked.as_ref().is_none_or(|since| since.uptime() >= quiet) {
                inner.waves = wave;
                return;
            }
        }
    }

    fn fetched(&self, name: &str, range: Range<u64>) {
        self.inner.lock().unwrap().fetched.entry(name.to_owned()).or_default().push(range);
    }

    fn read(&self, table: &TableLocation, name: &str) -> Option<Object> {
        self.inner.lock().unwrap().objects.get(&key(table, name)).cloned()
    }
}

fn key(table: &TableLocation, name: &str) -> String {
    format!("{}/{}", table.bucket(), table.log_key(name))
}

fn tag(object: &Object) -> Arc<str> {
    format!("\"{}\"", object.write).into()
}

fn cut(object: &Object, range: &Range<u64>) -> Result<Bytes, Error> {
    let (from, to) = (usize::try_from(range.start).unwrap(), usize::try_from(range.end).unwrap());
    if to > object.bytes.len() { Err(missing()) } else { Ok(object.bytes.slice(from..to)) }
}

fn missing() -> Error {
    Error::TableFilesMissing("there are no such bytes".into())
}

#[async_trait]
impl LogStore for MemoryStore {
    async fn list(&self, table: &TableLocation, after: Option<&str>) -> Result<Vec<LogEntry>, Error> {
        self.called("list".into()).await;
        let (inner, folder) = (self.inner.lock().unwrap(), key(table, ""));
        let named = inner.objects.iter().filter_map(|(key, object)| Some((key.strip_prefix(&folder)?, object)));
        let wanted = named.filter(|(name, _)| !name.contains('/') && after.is_none_or(|after| *name > after));
        let entry = |(name, object): (&str, &Object)| LogEntry {
            name: name.to_owned(),
            size: object.bytes.len() as u64,
            // As coarse as S3's: writes of the same second.
            modified: TimestampMs::new(0),
            etag: (!inner.untold).then(|| tag(object)),
        };
        Ok(wanted.map(entry).collect())
    }

    async fn list_first(&self, table: &TableLocation) -> Result<ListedFirst, Error> {
        let mut entries = self.list(table, None).await?;
        let page = self.inner.lock().unwrap().page.unwrap_or(usize::MAX);
        let more = entries.len() > page;
        entries.truncate(page);
        Ok(ListedFirst { entries, more })
    }

    async fn get_listed(&self, table: &TableLocation, entry: &LogEntry, range: Range<u64>) -> Result<Bytes, Error> {
        let kind = if entry.name.ends_with(".json") { "get" } else { "range" };
        self.called(format!("{kind} {}", entry.name)).await;
        let object = self.read(table, &entry.name).ok_or_else(missing)?;
        if entry.etag.as_ref().is_some_and(|wanted| *wanted != tag(&object)) {
            return Err(entry.is_another());
        }
        self.inner.lock().unwrap().read += range.end - range.start;
        self.fetched(&entry.name, range.clone());
        cut(&object, &range)
    }

    async fn get(&self, table: &TableLocation, name: &str, _max_bytes: u64) -> Result<Option<Bytes>, Error> {
        self.called(format!("get {name}")).await;
        Ok(self.read(table, name).map(|object| object.bytes))
    }

    async fn get_range(&self, table: &TableLocation, name: &str, range: Range<u64>) -> Result<Bytes, Error> {
        self.find_range(table, name, range).await.map(|(bytes, _)| bytes)
    }

    async fn find_range(
        &self,
        table: &TableLocation,
        name: &str,
        range: Range<u64>,
    ) -> Result<(Bytes, Option<Arc<str>>), Error> {
        self.called(format!("range {name}")).await;
        let object = self.read(table, name).ok_or_else(missing)?;
        let told = !self.inner.lock().unwrap().untold;
        self.fetched(name, range.clone());
        Ok((cut(&object, &range)?, told.then(|| tag(&object))))
    }

    async fn find_end(
        &self,
        table: &TableLocation,
        name: &str,
        max_bytes: u64,
    ) -> Result<Option<(LogEntry, Bytes)>, Error> {
        self.called(format!("end {name}")).await;
        let Some(object) = self.read(table, name).filter(|_| !self.inner.lock().unwrap().untold) else {
            return Ok(None);
        };
        let size = object.bytes.len() as u64;
        let range = size.saturating_sub(max_bytes)..size;
        self.fetched(name, range.clone());
        let etag = Some(tag(&object));
        let found = LogEntry { name: name.to_owned(), size, modified: TimestampMs::new(0), etag };
        Ok(Some((found, cut(&object, &range)?)))
    }
}
