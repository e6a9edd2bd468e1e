//! The S3 adapter of [`LogStore`]. Causes kept for the log hold error codes only: S3's own messages name ARNs and keys.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::Object;
use bytes::Bytes;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::{ListedFirst, LogEntry, LogStore};
use crate::error::Error;
use crate::limits::{LOG_LIST_PAGES_MAX, STORAGE_REQUESTS_MAX};
use crate::model::location::TableLocation;
use crate::model::version::TimestampMs;

pub mod assumed;
pub mod chunks;
mod failed;
pub mod folders;
pub mod local;
pub mod reach;

use failed::{Failed, code_of, failure};

pub use assumed::AssumedReach;
pub use chunks::S3Chunks;
pub use local::{EMBEDDED_BUCKET_PREFIX, EmbeddedStore, LocalReach};
pub use reach::Reaches;

/// Reads logs from S3.
#[derive(Debug)]
pub struct S3LogStore {
    reach: Arc<dyn Reaches>,
    requests: Semaphore,
}

impl S3LogStore {
    /// A reader that reaches tables in this way.
    pub fn new(reach: Arc<dyn Reaches>) -> Self {
        Self { reach, requests: Semaphore::new(STORAGE_REQUESTS_MAX) }
    }

    /// A client for a table, and the leave to make one request with it.
    async fn client(&self, table: &TableLocation) -> Result<(Client, SemaphorePermit<'_>), Error> {
        let client = self.reach.client(table).await?;
        let turn = self.requests.acquire().await.map_err(|_| Error::defect("the storage takes no requests"))?;
        Ok((client, turn))
    }

    /// The pages of a listing, at most so many.
    async fn pages(&self, table: &TableLocation, after: Option<&str>, max: usize) -> Result<ListedFirst, Error> {
        let (client, _turn) = self.client(table).await?;
        let folder = table.log_key("");
        let mut entries = Vec::new();
        let mut continuation = None;
        for _ in 0..max {
            let answer = client
                .list_objects_v2()
                .bucket(table.bucket())
                .prefix(&folder)
                .delimiter("/")
                .set_start_after(after.map(|name| format!("{folder}{name}")))
                .set_continuation_token(continuation)
                .send()
                .await;
            let page = match answer {
                Ok(page) => page,
                Err(error) if code_of(&error) == "NoSuchBucket" => return Ok(ListedFirst::default()),
                Err(error) => return Err(failure("ListObjectsV2", &error)),
            };
            for object in page.contents() {
                entries.push(listed(object, &folder).ok_or_else(unsure_listing)?);
            }
            continuation = page.next_continuation_token().map(str::to_owned);
            if continuation.is_none() {
                // A list cut short would be an older table.
                let cut = page.is_truncated() == Some(true);
                return if cut { Err(unsure_listing()) } else { Ok(ListedFirst { entries, more: false }) };
            }
        }
        Ok(ListedFirst { entries, more: true })
    }
}

#[async_trait]
impl LogStore for S3LogStore {
    async fn list(&self, table: &TableLocation, after: Option<&str>) -> Result<Vec<LogEntry>, Error> {
        let listed = self.pages(table, after, LOG_LIST_PAGES_MAX).await?;
        if listed.more {
            return Err(Error::Unsupported(
                "The table's log holds too many files to list. Ask the share provider to clean it up.".into(),
            ));
        }
        Ok(listed.entries)
    }

    async fn list_first(&self, table: &TableLocation) -> Result<ListedFirst, Error> {
        self.pages(table, None, 1).await
    }

    async fn get_listed(&self, table: &TableLocation, entry: &LogEntry, range: Range<u64>) -> Result<Bytes, Error> {
        let (client, _turn) = self.client(table).await?;
        let key = table.log_key(&entry.name);
        let wanted = entry.etag.as_deref();
        let part = (range != (0..entry.size)).then(|| bytes_of(&range));
        let get = client.get_object().bucket(table.bucket()).key(&key).set_range(part);
        let answer = match get.set_if_match(wanted.map(str::to_owned)).send().await {
            Ok(answer) => answer,
            Err(error) if code_of(&error) == "PreconditionFailed" => return Err(entry.is_another()),
            Err(error) => return Err(not_read(&error, &client, table, &key).await),
        };
        // A store may take no notice of the condition.
        let differs = |tag: &str| wanted.is_some_and(|wanted| opaque(wanted) != opaque(tag));
        let length = answer.content_length().and_then(|length| u64::try_from(length).ok());
        let expected = range.end.saturating_sub(range.start);
        if answer.e_tag().is_some_and(differs) || length.is_some_and(|length| length != expected) {
            return Err(entry.is_another());
        }
        whole(answer.body, expected).await?.ok_or_else(|| entry.is_another())
    }

    async fn get(&self, table: &TableLocation, name: &str, max_bytes: u64) -> Result<Option<Bytes>, Error> {
        let (client, _turn) = self.client(table).await?;
        let key = table.log_key(name);
        let answer = match client.get_object().bucket(table.bucket()).key(&key).send().await {
            Ok(answer) => answer,
            Err(error) => {
                let missing = is_missing(&code_of(&error), &client, table, &key).await;
                return if missing { Ok(None) } else { Err(failure("GetObject", &error)) };
            }
        };
        let length = answer.content_length().and_then(|length| u64::try_from(length).ok());
        let Some(length) = length.filter(|length| *length <= max_bytes) else {
            return Err(Error::Unsupported(format!(
                "The log file {name} is larger than this server reads ({max_bytes} bytes)."
            )));
        };
        whole(answer.body, length).await?.map(Some).ok_or_else(shorter)
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
        let (client, _turn) = self.client(table).await?;
        let key = table.log_key(name);
        let get = client.get_object().bucket(table.bucket()).key(&key).range(bytes_of(&range));
        let answer = match get.send().await {
            Ok(answer) => answer,
            Err(error) => return Err(not_read(&error, &client, table, &key).await),
        };
        let etag = answer.e_tag().filter(|tag| is_strong(tag)).map(Arc::from);
        let body = whole(answer.body, range.end.saturating_sub(range.start)).await?.ok_or_else(shorter)?;
        Ok((body, etag))
    }

    async fn find_end(
        &self,
        table: &TableLocation,
        name: &str,
        max_bytes: u64,
    ) -> Result<Option<(LogEntry, Bytes)>, Error> {
        let (client, _turn) = self.client(table).await?;
        let key = table.log_key(name);
        let get = client.get_object().bucket(table.bucket()).key(&key).range(format!("bytes=-{max_bytes}"));
        let answer = match get.send().await {
            Ok(answer) => answer,
            // Whether it is not there or not to be read is for whoever knows that it should be.
            Err(error) if error.as_service_error().is_some() => return Ok(None),
            Err(error) => return Err(failure("GetObject", &error)),
        };
        let length = answer.content_length().and_then(|length| u64::try_from(length).ok());
        let (Some(length), Some(tag), Some(modified)) = (length, answer.e_tag(), answer.last_modified()) else {
            return Ok(None);
        };
        let size = answer.content_range().map_or(Some(length), |range| size_of(range, length));
        let (Some(size), Ok(modified)) = (size, modified.to_millis()) else { return Ok(None) };
        if length > max_bytes || !is_strong(tag) {
            return Ok(None);
        }
        let etag = Some(Arc::from(tag));
        let found = LogEntry { name: name.to_owned(), size, modified: TimestampMs::new(modified), etag };
        Ok(whole(answer.body, length).await?.map(|bytes| (found, bytes)))
    }
}

/// A body of so many bytes, each of them in memory once; nothing when it has more or fewer.
async fn whole(mut body: ByteStream, length: u64) -> Result<Option<Bytes>, Error> {
    let length = usize::try_from(length).map_err(|_| Error::defect("more bytes than can be addressed"))?;
    let mut bytes = Vec::with_capacity(length);
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|error| Error::StorageUnavailable(Box::new(error)))?;
        if bytes.len() + piece.len() > length {
            return Ok(None);
        }
        bytes.extend_from_slice(&piece);
    }
    Ok((bytes.len() == length).then(|| bytes.into()))
}

fn shorter() -> Error {
    Error::TableFilesMissing("the object has not the length that the log says".into())
}

/// An object of a listing below `folder`, if all is said of it that S3 says.
fn listed(object: &Object, folder: &str) -> Option<LogEntry> {
    Some(LogEntry {
        name: object.key()?.strip_prefix(folder)?.to_owned(),
        size: u64::try_from(object.size()?).ok()?,
        modified: TimestampMs::new(object.last_modified()?.to_millis().ok()?),
        etag: object.e_tag().filter(|tag| is_strong(tag)).map(Into::into),
    })
}

/// Whether an entity tag tells every content from every other. A weak one does not.
fn is_strong(tag: &str) -> bool {
    !opaque(tag).is_empty() && !tag.starts_with("W/")
}

/// A tag without its quotation marks, which not every store puts around it.
fn opaque(tag: &str) -> &str {
    tag.trim_matches('"')
}

/// The header for bytes of an object, of which there is one at least.
fn bytes_of(range: &Range<u64>) -> String {
    format!("bytes={}-{}", range.start, range.end.saturating_sub(1))
}

/// The size of an object of which the last bytes came, so many: `bytes 10-19/20`.
fn size_of(content_range: &str, length: u64) -> Option<u64> {
    let (range, size) = content_range.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last, size): (u64, u64, u64) = (first.parse().ok()?, last.parse().ok()?, size.parse().ok()?);
    (last.checked_add(1) == Some(size) && size.checked_sub(first) == Some(length)).then_some(size)
}

/// Why an object could not be read that has to be there.
async fn not_read(
    error: &SdkError<GetObjectError, HttpResponse>,
    client: &Client,
    table: &TableLocation,
    key: &str,
) -> Error {
    let code = code_of(error);
    if code != "InvalidRange" && !is_missing(&code, client, table, key).await {
        return failure("GetObject", error);
    }
    Error::TableFilesMissing(Box::new(Failed { operation: "GetObject", code, region: None }))
}

fn unsure_listing() -> Error {
    Error::Unsupported(
        "The table's storage does not list the log as S3 does. Ask the share provider to check the storage.".into(),
    )
}

/// Whether a failed read means that there is no such object.
///
/// S3 says so only to those who may list the whole bucket. A session that may list the log alone is told `AccessDenied`,
/// so that is settled by listing: an object that is listed is there and not to be read.
async fn is_missing(code: &str, client: &Client, table: &TableLocation, key: &str) -> bool {
    match code {
        "NoSuchKey" | "NoSuchBucket" => true,
        "AccessDenied" => {
            let listed = client.list_objects_v2().bucket(table.bucket()).prefix(key).max_keys(1).send().await;
            listed.is_ok_and(|page| page.contents().iter().all(|object| object.key() != Some(key)))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests;
