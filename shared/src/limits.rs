//! Every bound of the server, named with its unit, with what happens at the bound.

use std::time::Duration;

/// Longest name of a share, schema or table, in characters (Delta Sharing protocol, "Names"). Longer: refused.
pub const NAME_CHARS_MAX: usize = 255;

/// Largest request body. Predicates may be 1 MiB of text, which JSON escaping can double. Above: 413.
pub const REQUEST_BODY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Largest `maxResults` a list accepts. Above: 400.
pub const LIST_RESULTS_MAX: u32 = 500;

/// Size at which a list page is cut when the caller set no `maxResults`: below the 6 MB a buffered function may answer.
pub const LIST_PAGE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Longest page token accepted, in characters. Above: 400.
pub const PAGE_TOKEN_CHARS_MAX: usize = 4096;

/// How long a list page token stays good.
pub const LIST_TOKEN_TTL_SECS: i64 = 24 * 60 * 60;

/// Pages of 1,000 keys read from one `_delta_log` listing. Above: the table is refused as too large to list.
pub const LOG_LIST_PAGES_MAX: usize = 2_000;

/// Commits replayed after a checkpoint. Above: the table is refused with the advice to write a checkpoint.
pub const COMMITS_PER_SNAPSHOT_MAX: usize = 20_000;

/// Largest single JSON commit read. Above: the table is refused.
pub const COMMIT_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// Largest `_last_checkpoint` read; it is a hint, so a larger one is ignored.
pub const LAST_CHECKPOINT_BYTES_MAX: u64 = 1024 * 1024;

/// Commit text kept between the two passes over a snapshot. Commits beyond it are fetched a second time.
pub const COMMIT_TEXT_KEPT_BYTES: usize = 16 * 1024 * 1024;

/// Log objects fetched at once for one request.
pub const FETCHES_IN_FLIGHT_MAX: usize = 16;

/// Checkpoint parts kept whole between the two passes, all parts of a snapshot together.
pub const CHECKPOINT_KEPT_BYTES: u64 = 8 * 1024 * 1024;

/// Sidecars of one v2 checkpoint. Above: the table is refused.
pub const CHECKPOINT_SIDECARS_MAX: usize = 20_000;

/// Largest sidecar read whole because its size is not what the manifest says. Above: the table is refused.
pub const SIDECAR_BYTES_OF_WRONG_SIZE_MAX: u64 = 64 * 1024 * 1024;

/// Piece in which a column of a large checkpoint is fetched; two pieces per column are in memory at most.
pub const CHECKPOINT_WINDOW_BYTES: u64 = 1024 * 1024;

/// First guess at the size of a checkpoint's footer, fetched in one request.
pub const CHECKPOINT_FOOTER_BYTES: u64 = 64 * 1024;

/// Largest checkpoint footer decoded. Above: the table is refused.
pub const CHECKPOINT_FOOTER_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Rows of a checkpoint decoded at once.
pub const CHECKPOINT_BATCH_ROWS: usize = 1024;

/// Lines are handed on in pieces of about this size.
pub const STREAM_CHUNK_BYTES: usize = 64 * 1024;

/// Pieces waiting for a slow client; when all are taken the work waits.
pub const STREAM_CHUNKS_QUEUED_MAX: usize = 4;

/// How long a client may take no byte before its answer is broken off.
pub const STREAM_STALL_MAX: Duration = Duration::from_secs(300);

/// File listings streamed at once by one process; further ones wait for their turn.
pub const STREAMS_MAX: usize = 32;

/// Answers smaller than this are not worth compressing, in bytes.
pub const COMPRESS_BYTES_MIN: usize = 1024;

/// Compressed bytes after which the better, slower level is used: API Gateway and Lambda deliver the first 6 MB as fast
/// as they come and 2 MB/s after that.
pub const GZIP_FAST_BYTES: u64 = 6 * 1024 * 1024;

/// Shortest life of a presigned URL, in seconds. Credentials that end sooner are not signed with.
pub const URL_TTL_SECS_MIN: i64 = 1;

/// Longest life of a presigned URL, in seconds (seven days, a limit of Signature Version 4).
pub const URL_TTL_SECS_MAX: i64 = 7 * 24 * 60 * 60;

/// Life of a presigned URL when nothing else is configured, in seconds. Spark needs clearly more than 15 minutes.
pub const URL_TTL_SECS_DEFAULT: i64 = 3600;

/// Taken off the life of a URL signed with credentials that expire, in seconds.
pub const CREDENTIAL_MARGIN_SECS: i64 = 30;
