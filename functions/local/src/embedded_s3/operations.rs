//! The S3 operations that reading needs: HeadBucket, HeadObject, GetObject, ListObjectsV2. Every other one is refused by
//! `s3s` as not implemented.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto::{
    CommonPrefix, ETag, EncodingType, GetObjectInput, GetObjectOutput, HeadBucketInput, HeadBucketOutput,
    HeadObjectInput, HeadObjectOutput, ListObjectsV2Input, ListObjectsV2Output, Object as ListedObject, StreamingBlob,
    Timestamp,
};
use s3s::{S3, S3Error, S3ErrorCode, S3Request, S3Response, S3Result, s3_error};
use shared::clock::{Clock, SystemClock};

use super::listing::{Row, Wanted, list};
use super::object::Object;
use super::roots::Roots;

/// Rows of one page at most, as S3 has it.
const ROWS_MAX: i32 = 1000;

/// What `encoding-type=url` leaves as it is.
const KEY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'*').remove(b'/');

/// Folders that can only be read.
#[derive(Debug)]
pub(super) struct ReadOnly {
    roots: Roots,
    clock: Arc<dyn Clock>,
}

impl ReadOnly {
    /// Serves these folders.
    pub(super) fn new(roots: Roots) -> Self {
        Self { roots, clock: SystemClock::shared() }
    }

    fn root(&self, bucket: &str) -> S3Result<PathBuf> {
        self.roots.folder(bucket).ok_or_else(|| s3_error!(NoSuchBucket))
    }

    async fn open(&self, bucket: &str, key: String) -> S3Result<Object> {
        let root = self.root(bucket)?;
        blocking(move || Object::open(&root, &key)).await
    }
}

/// Runs file system work where it may wait.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> S3Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| s3_error!(InternalError))?.map_err(|error| failure(&error))
}

/// A file system error as S3 says it. The system's own words name paths and stay here.
fn failure(error: &io::Error) -> S3Error {
    match error.kind() {
        io::ErrorKind::NotFound => s3_error!(NoSuchKey),
        io::ErrorKind::PermissionDenied => s3_error!(AccessDenied),
        _ => s3_error!(InternalError),
    }
}

fn signed(number: u64) -> S3Result<i64> {
    i64::try_from(number).map_err(|_| s3_error!(InternalError))
}

#[async_trait::async_trait]
impl S3 for ReadOnly {
    async fn head_bucket(&self, request: S3Request<HeadBucketInput>) -> S3Result<S3Response<HeadBucketOutput>> {
        self.root(&request.input.bucket)?;
        Ok(S3Response::new(HeadBucketOutput::default()))
    }

    async fn head_object(&self, request: S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
        let object = self.open(&request.input.bucket, request.input.key).await?;
        Ok(S3Response::new(HeadObjectOutput {
            accept_ranges: Some("bytes".into()),
            content_length: Some(signed(object.size)?),
            e_tag: Some(object.e_tag()),
            last_modified: Some(Timestamp::from(object.modified)),
            ..HeadObjectOutput::default()
        }))
    }

    async fn get_object(&self, request: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        let input = request.input;
        let object = self.open(&input.bucket, input.key).await?;
        let e_tag = object.e_tag();
        if input.if_match.is_some_and(|wanted| wanted.as_etag().is_some_and(|wanted| !wanted.strong_cmp(&e_tag))) {
            return Err(s3_error!(PreconditionFailed));
        }
        let size = object.size;
        let range = match &input.range {
            None => 0..size,
            Some(range) => range.check(size).map_err(|_| S3Error::from(S3ErrorCode::InvalidRange))?,
        };
        let content_range =
            input.range.is_some().then(|| format!("bytes {}-{}/{size}", range.start, range.end.saturating_sub(1)));
        let mut output = GetObjectOutput {
            accept_ranges: Some("bytes".into()),
            content_length: Some(signed(range.end.saturating_sub(range.start))?),
            content_range,
            e_tag: Some(e_tag),
            last_modified: Some(Timestamp::from(object.modified)),
            ..GetObjectOutput::default()
        };
        let bytes = object.bytes(range).await.map_err(|error| failure(&error))?;
        output.body = Some(StreamingBlob::wrap(bytes));
        Ok(S3Response::new(output))
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let input = request.input;
        let root = self.root(&input.bucket)?;
        let by_folder = match input.delimiter.as_deref() {
            None | Some("") => false,
            Some("/") => true,
            Some(_) => return Err(s3_error!(NotImplemented, "the only delimiter is a slash")),
        };
        let max_keys = input.max_keys.unwrap_or(ROWS_MAX).clamp(0, ROWS_MAX);
        let limit = usize::try_from(max_keys).unwrap_or_default();
        let prefix = input.prefix.clone().unwrap_or_default();
        // A token is the last key of the page before: nothing that a listing does not show anyway.
        let after = input.continuation_token.clone().or_else(|| input.start_after.clone()).unwrap_or_default();
        let now_ms = self.clock.now().millis();
        let wanted = move || list(&root, &Wanted { prefix: &prefix, by_folder, after: &after, limit }, now_ms);
        let (rows, more) = blocking(wanted).await?;

        let encode = input.encoding_type.as_ref().is_some_and(|kind| kind.as_str() == EncodingType::URL);
        let shown = |key: &str| if encode { utf8_percent_encode(key, KEY).to_string() } else { key.to_owned() };
        let last = rows.last().map(|row| match row {
            Row::Object { key, .. } | Row::Folder(key) => key.clone(),
        });
        let (mut contents, mut folders) = (Vec::new(), Vec::new());
        for row in &rows {
            match row {
                Row::Object { key, size, modified, e_tag } => contents.push(ListedObject {
                    key: Some(shown(key)),
                    size: Some(signed(*size)?),
                    last_modified: Some(Timestamp::from(*modified)),
                    e_tag: e_tag.clone().map(ETag::Strong),
                    ..ListedObject::default()
                }),
                Row::Folder(key) => folders.push(CommonPrefix { prefix: Some(shown(key)) }),
            }
        }
        Ok(S3Response::new(ListObjectsV2Output {
            name: Some(input.bucket),
            prefix: Some(shown(&input.prefix.unwrap_or_default())),
            delimiter: input.delimiter,
            start_after: input.start_after.as_deref().map(shown),
            continuation_token: input.continuation_token,
            encoding_type: input.encoding_type,
            max_keys: Some(max_keys),
            key_count: i32::try_from(rows.len()).ok(),
            is_truncated: Some(more),
            next_continuation_token: if more { last } else { None },
            contents: Some(contents),
            common_prefixes: Some(folders),
            ..ListObjectsV2Output::default()
        }))
    }
}
