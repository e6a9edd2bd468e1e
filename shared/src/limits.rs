//! Every bound of the server, named with its unit, with what happens at the bound.

use std::time::Duration;

/// Longest name of a share, schema or table, in characters (Delta Sharing protocol, "Names"). Longer: refused.
pub const NAME_CHARS_MAX: usize = 255;

/// Largest request body. Predicates may be 1 MiB of text, which JSON escaping can double. Above: 413.
pub const REQUEST_BODY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Largest `maxResults` a list accepts. Above: 400.
pub const LIST_RESULTS_MAX: u32 = 500;

/// Size at which a list page is cut, whatever `maxResults` says. A function's whole answer travels as text in an envelope,
/// which at worst doubles it; the page still fits [`ENVELOPED_BYTES_MAX`].
pub const LIST_PAGE_BYTES_MAX: usize = 3_000_000;

/// Largest body of an answer that travels whole, escaped as it is in its envelope. Lambda takes 6 MiB with the envelope;
/// headers need far less than what is left here. Above: refused with the advice to query instead.
pub const ENVELOPED_BYTES_MAX: usize = 6 * 1024 * 1024 - 32 * 1024;

/// Longest page token accepted, in characters. Above: 400.
pub const PAGE_TOKEN_CHARS_MAX: usize = 4096;

/// How long a list page token stays good.
pub const LIST_TOKEN_TTL_SECS: i64 = 24 * 60 * 60;

/// Files on one page of a query, whatever `maxFiles` says.
pub const QUERY_PAGE_FILES_MAX: u32 = 10_000;

/// Most that an answer in lines may come to on its way from a function, in megabytes. Lambda ends a streamed answer at 200
/// MB without a word; the margin is for what it may count beside the body. Known to be above: 400. Above it meanwhile:
/// broken off visibly.
pub const FUNCTION_ANSWER_MB_MAX: u64 = 195;

/// Least that a function may be configured with, in megabytes: a page of one file, with the table's schema, still fits.
pub const FUNCTION_ANSWER_MB_MIN: u64 = 6;

/// Kept free of an answer's bound, for what a compressor still holds and the line that says why the answer ends.
pub const ANSWER_END_BYTES: u64 = 4 * STREAM_CHUNK_BYTES as u64;

/// Bytes of file lines after which a page of a query is full, before compression. A file that has begun is finished.
pub const QUERY_PAGE_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// How long a query's page token stays good, in seconds (three days). Reading a page's files may take a client long.
pub const QUERY_PAGE_TOKEN_TTL_SECS: i64 = 3 * 24 * 60 * 60;

/// How long a refresh token stays good, in seconds: longer than any URL of a function, so that a client which waits until
/// its URLs end can still refresh them.
pub const REFRESH_TOKEN_TTL_SECS: i64 = 24 * 60 * 60;

/// How long a good token is believed before its store is asked again, in seconds. A token that is revoked, or whose
/// recipient is disabled, ends within this time.
pub const TOKEN_BELIEVED_SECS: i64 = 60;

/// How long a refusal of a token that is genuine in form is believed, in seconds. A token that is made good again, or one
/// that the store did not yet show, waits at most this long.
pub const TOKEN_REFUSED_SECS: i64 = 10;

/// Tokens remembered by one process. Above: those unused for longest are asked for again.
pub const TOKENS_REMEMBERED_MAX: usize = 4096;

/// How long a keyring is used before it is read again, in seconds. A key that was taken out ends within this time.
pub const KEYRING_SECS: i64 = 5 * 60;

/// Shortest time between two readings of the keyring for a key that it does not hold, in seconds; also how long a failing
/// secret store is left alone while an older keyring is at hand.
pub const KEYRING_REFRESH_SECS: i64 = 10;

/// How long the last good keyring is used while the secret store does not answer, in seconds. After that: nobody is let in.
pub const KEYRING_STALE_SECS_MAX: i64 = 60 * 60;

/// How long one reading of the keyring may take, with all its retries.
pub const KEYRING_READ_MAX: Duration = Duration::from_secs(5);

/// Shortest text that a key of the keyring is derived from, in characters. Shorter: the keyring is refused.
pub const KEYRING_TEXT_CHARS_MIN: usize = 32;

/// Pages of 1,000 keys read from one `_delta_log` listing. Above: the table is refused as too large to list.
pub const LOG_LIST_PAGES_MAX: usize = 2_000;

/// Commits replayed after a checkpoint. Above: the table is refused with the advice to write a checkpoint.
pub const COMMITS_PER_SNAPSHOT_MAX: usize = 20_000;

/// Versions in one range of changes. Above: refused with the advice to ask for it in parts.
pub const COMMITS_PER_RANGE_MAX: u64 = 20_000;

/// Largest single JSON commit read. Above: the table is refused.
pub const COMMIT_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// Largest `_last_checkpoint` read; it is a hint, so a larger one is ignored.
pub const LAST_CHECKPOINT_BYTES_MAX: u64 = 1024 * 1024;

/// Commit text kept between the two passes over a snapshot. Commits beyond it are fetched a second time.
pub const COMMIT_TEXT_KEPT_BYTES: usize = 16 * 1024 * 1024;

/// Bytes that a process keeps of logs between requests: the storage's own, and what was made of them (footers, protocols,
/// metadata, totals, which files of a checkpoint are void). Above: what was unused for longest is read again. A table whose
/// objects come to more than seven eighths of it keeps its commits and reads its checkpoint with every answer.
pub const LOG_REMEMBERED_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// Of how many parts of [`LOG_REMEMBERED_BYTES_MAX`] the columns may fill one that predicates look at first, in a table that
/// does not fit. Above: they are read with every answer.
pub const LOG_REMEMBERED_PARTS: u64 = 4;

/// Tables of which a process remembers where their listing began. Above: the table used longest ago is looked up anew.
pub const LOG_STARTS_REMEMBERED_MAX: usize = 4096;

/// Log objects opened at once for one request, and pieces of a page that is larger than a window.
pub const FETCHES_IN_FLIGHT_MAX: usize = 16;

/// Small log objects fetched at once for one request: commits, and the first bytes of a checkpoint's parts.
pub const FETCHES_SMALL_IN_FLIGHT_MAX: usize = 128;

/// Bytes of such objects that are on their way or wait for their turn, for one request. A larger object comes alone.
pub const FETCHES_IN_FLIGHT_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// Requests to the storage that a process has under way at once; further ones wait. Each takes a connection, and a process
/// may have 1,024 files open on most machines.
pub const STORAGE_REQUESTS_MAX: usize = 256;

/// Bytes of one checkpoint that are on their way at once before anything waits for them; they are held until they are
/// needed.
pub const FETCHES_AHEAD_BYTES_MAX: u64 = 12 * 1024 * 1024;

/// What the smallest request counts for among those bytes, which bounds how many there are.
pub const FETCH_AHEAD_BYTES_MIN: u64 = 96 * 1024;

/// Objects asked for because `_last_checkpoint` speaks of them, before anything shows that they are there. Further ones are
/// asked for when it does.
pub const CHECKPOINT_GUESSED_OBJECTS_MAX: usize = 128;

/// Bytes between two pieces of a checkpoint that are fetched for nothing rather than asking twice.
pub const FETCH_GAP_BYTES_MAX: u64 = 16 * 1024;

/// Largest run of pieces fetched with one request, in bytes.
pub const FETCH_RUN_BYTES_MAX: u64 = 1024 * 1024;

/// Checkpoint parts kept whole between the two passes, all parts of a snapshot together.
pub const CHECKPOINT_KEPT_BYTES: u64 = 8 * 1024 * 1024;

/// Sidecars of one v2 checkpoint. Above: the table is refused.
pub const CHECKPOINT_SIDECARS_MAX: usize = 20_000;

/// Largest sidecar read whole because its size is not what the manifest says. Above: the table is refused.
pub const SIDECAR_BYTES_OF_WRONG_SIZE_MAX: u64 = 64 * 1024 * 1024;

/// Piece in which a column of a large checkpoint is fetched; two pieces of most columns are in memory at most.
pub const CHECKPOINT_WINDOW_BYTES: u64 = 256 * 1024;

/// Bytes of a column in one row group from which on more pieces of it are fetched ahead. A checkpoint has few such columns.
pub const CHECKPOINT_WIDE_COLUMN_BYTES: u64 = 4 * 1024 * 1024;

/// Piece of a column that is much larger still.
pub const CHECKPOINT_WIDE_WINDOW_BYTES: u64 = 512 * 1024;

/// Pieces of large columns on their way while one of each is decoded, all columns that are read together; each has at least
/// [`CHECKPOINT_PIECES_AHEAD_MIN`] and at most [`CHECKPOINT_PIECES_AHEAD_MAX`] of them.
pub const CHECKPOINT_PIECES_TOGETHER: usize = 32;

/// Fewer would let the decoder wait for the storage.
pub const CHECKPOINT_PIECES_AHEAD_MIN: usize = 2;

/// More would outrun what a connection carries.
pub const CHECKPOINT_PIECES_AHEAD_MAX: usize = 8;

/// First guess at the size of a checkpoint's footer, fetched in one request.
pub const CHECKPOINT_FOOTER_BYTES: u64 = 64 * 1024;

/// Largest checkpoint footer decoded. Above: the table is refused.
pub const CHECKPOINT_FOOTER_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Largest page of a checkpoint's column, before and after compression. A page of statistics in text is the largest there
/// is. Above: the table is refused.
pub const CHECKPOINT_PAGE_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Largest dictionary of a checkpoint's column, before and after compression; writers end theirs at 1 MiB. Above: the table
/// is refused.
pub const CHECKPOINT_DICTIONARY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Most delta-encoded texts in one page of a checkpoint's column; a page may claim any number. Above: the table is refused.
pub const CHECKPOINT_PAGE_TEXTS_MAX: u64 = 4 * 1024 * 1024;

/// Pages of one column chunk of a checkpoint. More: they are read one after the other.
pub const CHECKPOINT_PAGES_MAX: u64 = 64 * 1024;

/// What is read at most, in bytes, to learn where the pages of a row group lie. More: they are read one after the other.
pub const CHECKPOINT_PAGE_INDEX_BYTES_MAX: u64 = 1024 * 1024;

/// Rows of a checkpoint, in whole row groups, among which those that predicates may want are looked for before they are read.
pub const SELECTION_ROWS: u64 = 128 * 1024;

/// Runs of wanted rows in one row group. More: rows between them are read too.
pub const SELECTION_RUNS_MAX: usize = 32 * 1024;

/// Different partition values that are judged once; those after them each time.
pub const SELECTION_VALUES_MAX: usize = 8 * 1024;

/// Longest partition values of a file, in bytes, that are judged once.
pub const SELECTION_VALUE_BYTES_MAX: usize = 256;

/// Rows of a checkpoint decoded at once.
pub const CHECKPOINT_BATCH_ROWS: usize = 1024;

/// Rows of a checkpoint in one chunk of the cache that processes share: some megabytes, so that a million files are about
/// sixty requests and a page of a query is one or two.
pub const CHUNK_ROWS: u64 = 16 * CHECKPOINT_BATCH_ROWS as u64;

/// Smallest row group, in bytes of its columns that make file lines, whose chunks are worth a request each way. A smaller one
/// is a handful of requests that are all under way at once.
pub const CHUNKED_GROUP_BYTES_MIN: u64 = 1024 * 1024;

/// Largest chunk read or written, in bytes. Larger: the rows are read from the log.
pub const CHUNK_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Largest piece of a chunk that is unpacked at once, in bytes. Larger: the rows are read from the log.
pub const CHUNK_BLOCK_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Unpacked bytes after which a piece of a chunk ends, whether or not it has [`CHECKPOINT_BATCH_ROWS`] rows.
pub const CHUNK_BLOCK_BYTES: usize = 1024 * 1024;

/// Chunks asked for before they are needed, once one was there.
pub const CHUNKS_AHEAD: usize = 3;

/// Chunks that a page of a query makes of the rows after its last: the next page begins there, and would decode the row group
/// from its beginning again.
pub const CHUNKS_BEYOND_PAGE_MAX: u64 = 8;

/// How long a chunk may take to come. Longer: the rows are read from the log.
pub const CHUNK_READ_WITHIN: Duration = Duration::from_secs(3);

/// How long a chunk may take to be written.
pub const CHUNK_WRITTEN_WITHIN: Duration = Duration::from_secs(5);

/// Bytes of chunks that a process is writing at once. Above: a chunk is not written, the next one who misses it does.
pub const CHUNK_BYTES_IN_FLIGHT_MAX: u64 = 32 * 1024 * 1024;

/// How long the end of an answer waits for the chunks that it is writing: a function sleeps once it has answered. Less than
/// [`INVOCATION_MARGIN`].
pub const CHUNKS_WRITTEN_WITHIN: Duration = Duration::from_secs(1);

/// Lines are handed on in pieces of about this size.
pub const STREAM_CHUNK_BYTES: usize = 64 * 1024;

/// Of a long answer that is not compressed, in larger ones: each wakes the connection and, where the client is slower than
/// the work, the work again.
pub const STREAM_PLAIN_CHUNK_BYTES: usize = 4 * STREAM_CHUNK_BYTES;

/// Pieces waiting for a slow client; when all are taken the work waits.
pub const STREAM_CHUNKS_QUEUED_MAX: usize = 2;

/// Pieces of lines waiting to be compressed; when all are taken the work waits.
pub const STREAM_CHUNKS_UNPACKED_MAX: usize = 2;

/// How long a client may take nothing before its answer is broken off.
pub const STREAM_STALL_MAX: Duration = Duration::from_secs(300);

/// How long a client takes nothing before its answer gives its place up to one that waits for it; it goes on where it was
/// once the client has taken all that was made.
pub const STREAM_PLACE_KEPT: Duration = Duration::from_millis(500);

/// How long an answer is made at a stretch while others wait for a place.
pub const STREAM_TURN: Duration = Duration::from_secs(10);

/// How long a client takes nothing before its answer is broken off for another one's sake, where [`STREAMS_PAUSED_MAX`] wait
/// for their clients. A client that takes 50 kB/s is seen to take something within it, whatever the buffers on its way.
pub const STREAM_PAUSE_KEPT: Duration = Duration::from_secs(30);

/// Pieces made but not yet queued when an answer gives its place up: those on the way between its threads, and its end.
pub const STREAM_CHUNKS_UNSENT_MAX: usize = STREAM_CHUNKS_UNPACKED_MAX + 6;

/// Kept back from the time of an invocation: within it an answer is refused or broken off properly, before Lambda does.
pub const INVOCATION_MARGIN: Duration = Duration::from_millis(1_500);

/// How long a function waits for its connections while it starts; the first requests open the rest.
pub const CONNECTIONS_WITHIN: Duration = Duration::from_secs(2);

/// How long a connection to an AWS service may take to open.
pub const AWS_CONNECT_WITHIN: Duration = Duration::from_secs(2);

/// How long one attempt at an AWS operation may take; the SDK makes three.
pub const AWS_ATTEMPT_WITHIN: Duration = Duration::from_secs(3);

/// How long an AWS operation may take with all its attempts: less than the shortest function may run.
pub const AWS_OPERATION_WITHIN: Duration = Duration::from_secs(8);

/// How long the end of a broken answer may wait for the client to take it.
pub const BREAKING_OFF_WITHIN: Duration = Duration::from_secs(1);

/// File listings made at once by one process. Further ones wait for their turn, which comes when one ends, or when one's
/// client takes nothing for [`STREAM_PLACE_KEPT`], or after [`STREAM_TURN`].
pub const STREAMS_MAX: usize = 32;

/// File listings that wait for their clients without a place, at once. Above: the one whose client has taken nothing for
/// longest, and for [`STREAM_PAUSE_KEPT`], is broken off.
pub const STREAMS_PAUSED_MAX: usize = 1024;

/// What each of them holds at most, in bytes: pieces that are made already, also those of its connection, and its compressor.
/// What was read of its table's log comes to that, where it is not kept for others too.
pub const STREAM_PAUSED_BYTES: usize = 2 * 1024 * 1024;

/// Connections of clients to a local server at once; further ones are closed. Fewer where the system does not let it have
/// [`OPEN_FILES_WANTED`]: half of those that it may have.
pub const CONNECTIONS_MAX: usize = 4096;

/// Files that a local server asks to have open at once, connections among them.
pub const OPEN_FILES_WANTED: u64 = 16 * 1024;

/// Bytes of an answer that a connection holds beside its stream's pieces, and the longest head of a request, about.
pub const CONNECTION_BUFFER_BYTES: usize = 128 * 1024;

/// How long a connection may take no byte of what it is sent before it is closed.
pub const CONNECTION_STALL_MAX: Duration = STREAM_STALL_MAX;

/// Answers smaller than this are not worth compressing, in bytes.
pub const COMPRESS_BYTES_MIN: usize = 1024;

/// Compressed bytes after which a better, slower level may be used: API Gateway and Lambda deliver the first 6 MB as fast
/// as they come and 2 MB/s after that.
pub const GZIP_FAST_BYTES: u64 = 6 * 1024 * 1024;

/// Pieces in a row that the client must have been late for, or have waited for, before the level of compression changes.
pub const GZIP_ADAPT_PIECES: u32 = 4;

/// Shortest life of a presigned URL, in seconds. Credentials that end sooner are not signed with.
pub const URL_TTL_SECS_MIN: i64 = 1;

/// Longest life of a presigned URL, in seconds (seven days, a limit of Signature Version 4).
pub const URL_TTL_SECS_MAX: i64 = 7 * 24 * 60 * 60;

/// Shortest life of presigned URLs that a function may be configured with, in seconds. Spark takes a URL that ends within
/// 15 minutes for one that lives an hour.
pub const FUNCTION_URL_TTL_SECS_MIN: i64 = 1200;

/// Longest life of presigned URLs that a function may be configured with, in seconds. A session assumed by a function ends
/// after an hour.
pub const FUNCTION_URL_TTL_SECS_MAX: i64 = 3600;

/// Life of a presigned URL when nothing else is configured, in seconds. Spark needs clearly more than 15 minutes.
pub const URL_TTL_SECS_DEFAULT: i64 = 3600;

/// Shortest life of a URL signed with an assumed role's session, in seconds. Spark takes a URL that ends within 15 minutes
/// for one without an end; a shorter configured life is raised to this.
pub const URL_TTL_SESSION_SECS_MIN: i64 = 16 * 60;

/// Life asked for an assumed role's session, in seconds: the most that STS gives to a caller that is itself a role.
pub const SESSION_SECS: i32 = 3600;

/// A session with less left than this, in seconds, is replaced before it is used again.
pub const SESSION_REFRESH_SECS: i64 = 40 * 60;

/// A session with less left than this, in seconds, is not used, even when no other can be had.
pub const SESSION_LEFT_SECS_MIN: i64 = URL_TTL_SESSION_SECS_MIN + CREDENTIAL_MARGIN_SECS;

/// Sessions kept by one process; a further one takes the place of the one used longest ago.
pub const SESSIONS_KEPT_MAX: usize = 1024;

/// After a session could not be had, the time within which it is not asked for again.
pub const SESSION_RETRY_AFTER: Duration = Duration::from_secs(5);

/// Longest session policy that STS takes, in characters. A longer one is not sent.
pub const SESSION_POLICY_CHARS_MAX: usize = 2048;

/// Longest session name that STS takes, in characters. Longer ids are shortened.
pub const SESSION_NAME_CHARS_MAX: usize = 64;

/// S3 clients kept by one process; a further one takes the place of the one used longest ago.
pub const S3_CLIENTS_KEPT_MAX: usize = 256;

/// Taken off the life of a URL signed with credentials that expire, in seconds.
pub const CREDENTIAL_MARGIN_SECS: i64 = 30;

/// Life of a recipient's token when its provider says nothing else, in seconds (365 days).
pub const TOKEN_LIFETIME_SECS_DEFAULT: i64 = 365 * 24 * 60 * 60;

/// Shortest life of a recipient's token, in seconds. Shorter: refused.
pub const TOKEN_LIFETIME_SECS_MIN: i64 = 60;

/// Longest life of a recipient's token, in seconds (3,650 days). Longer: refused.
pub const TOKEN_LIFETIME_SECS_MAX: i64 = 3650 * 24 * 60 * 60;

/// Longest time for which a recipient's old tokens stay good beside a new one, in seconds (90 days). Longer: refused.
pub const TOKEN_GRACE_SECS_MAX: i64 = 90 * 24 * 60 * 60;

/// Shares that the page of an activation link names. More: it says that there are more.
pub const SHARES_SHOWN_MAX: usize = 20;

/// How long an activation link can be used when its provider says nothing else, in seconds (72 hours).
pub const LINK_LIFETIME_SECS_DEFAULT: i64 = 72 * 60 * 60;

/// Shortest time for which an activation link can be used, in seconds. Shorter: refused.
pub const LINK_LIFETIME_SECS_MIN: i64 = 60;

/// Longest time for which an activation link can be used, in seconds (30 days). Longer: refused.
pub const LINK_LIFETIME_SECS_MAX: i64 = 30 * 24 * 60 * 60;

/// How long a provider still sees a token that has ended, in seconds; later the catalogue may forget it.
pub const TOKEN_KEPT_AFTER_END_SECS: i64 = 30 * 24 * 60 * 60;

/// How long a process answers from a grant and a table that it has looked up: a grant that was taken back is seen after
/// this time at the latest.
pub const CATALOG_CACHE_TTL: Duration = Duration::from_secs(60);

/// Tables, each with its recipient, that a process keeps looked up. Above: the oldest is forgotten.
pub const CATALOG_CACHE_ENTRIES_MAX: usize = 1024;

/// Requests for one list page of the catalogue. Above: the request fails, for a page so thin is a broken catalogue.
pub const CATALOG_LIST_READS_MAX: usize = 100;

/// Lists of the catalogue that an operator's command reads at the same time.
pub const CATALOG_LISTS_AT_ONCE: usize = 16;

/// Attempts to get what DynamoDB left out of a batch, or to write what another write was in the way of.
pub const CATALOG_ATTEMPTS_MAX: u32 = 6;

/// Auxiliary locations of one table, places outside it that its log may name files in. More: the table is refused. All of
/// them have to fit into one session policy.
pub const AUXILIARY_LOCATIONS_MAX: usize = 8;

/// Longest auxiliary location, in bytes: a scheme, a bucket and a key of S3. Longer: refused.
pub const AUXILIARY_LOCATION_BYTES_MAX: usize = 1100;

/// Tokens that a recipient may have at once. Above: no further one is made until an old one is gone.
pub const TOKENS_PER_RECIPIENT_MAX: usize = 50;

/// Longest predicate that is read, in bytes, all of a query's SQL hints together or its one JSON hint. Longer: not
/// understood, so no file is left out for it.
pub const PREDICATE_BYTES_MAX: usize = 1024 * 1024;

/// Deepest nesting of a predicate that is read, the outermost level included. Deeper: not understood.
pub const PREDICATE_DEPTH_MAX: usize = 100;

/// Comparisons in one predicate, each of which every file is held against. More: not understood.
pub const PREDICATE_LEAVES_MAX: usize = 2_000;

/// Most networks of a recipient's IP access list.
pub const IP_NETWORKS_MAX: usize = 100;

/// Longest IP access list that file URLs are bound to, in characters of a session policy: half of it, so that the table's
/// path fits beside it.
pub const IP_LIST_POLICY_CHARS_MAX: usize = SESSION_POLICY_CHARS_MAX / 2;

/// Most properties of a recipient. Together they fit a secret of Secrets Manager.
pub const RECIPIENT_PROPERTIES_MAX: usize = 32;

/// Most partition rules of a table.
pub const PARTITION_RULES_MAX: usize = 16;

/// Longest name or value in a rule, in characters.
pub const RULE_TEXT_CHARS_MAX: usize = 200;

/// Folders of one schema that shares what lies in a place. More: the schema is refused, never listed in part.
pub const SCHEMA_FOLDERS_MAX: usize = 1000;

/// How long a local server believes what it saw in a schema's place: a table that was written there is listed after this
/// time at the latest.
pub const SCHEMA_SEEN_FOR: Duration = Duration::from_secs(2);

/// Schemas of whose places a process remembers what lies there. Above: the one used longest ago is looked at anew.
pub const SCHEMAS_SEEN_MAX: usize = 64;

/// How long a script's statements are gathered before a catalogue file is written, and with it its lock held. What was
/// gathered is then written and told.
pub const SCRIPT_GATHERED_MAX: Duration = Duration::from_millis(200);

/// Outcomes of a script that are not told yet. Above: the catalogue file is written and they are.
pub const SCRIPT_UNTOLD_MAX: usize = 1_000;

/// How long a script leaves a catalogue file to others between two of its writes.
pub const SCRIPT_TURN: Duration = Duration::from_millis(2);

/// Longest text among the values of an admin event, in characters. Longer: cut there.
pub const ADMIN_EVENT_TEXT_CHARS_MAX: usize = 2_000;

/// How long a DynamoDB catalogue keeps an admin event, in seconds (400 days). Later DynamoDB may remove it.
pub const ADMIN_EVENT_KEPT_SECS: i64 = 400 * 24 * 60 * 60;

/// Admin events that the state folder's catalogue keeps. More: the oldest are forgotten.
pub const ADMIN_EVENTS_KEPT_MAX: usize = 1_000;

/// Admin events that are read at once. More: the oldest are left out, and that is said.
pub const ADMIN_EVENTS_READ_MAX: usize = 10_000;

/// Size at which the local server's file of audit events is put aside and begun anew.
pub const AUDIT_FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Files of audit events that a state folder keeps, the one being written included. More: the oldest is removed.
pub const AUDIT_FILES_MAX: usize = 4;

/// Audit events that wait to be written to the file. More: they are not kept, and how many is written there.
pub const AUDIT_EVENTS_WAITING_MAX: usize = 8_192;

/// How long a server that is stopped waits for the audit events still to be written.
pub const AUDIT_WRITTEN_WITHIN: Duration = Duration::from_secs(5);

/// Longest line of the file of audit events that is read, in bytes. Longer: left out, and that is said.
pub const AUDIT_LINE_BYTES_MAX: u64 = 64 * 1024;

/// Audit events that are read at once. More: the rest is left out, and that is said.
pub const AUDIT_EVENTS_READ_MAX: usize = 100_000;

/// Requests to CloudWatch Logs for the audit events of some time. More: the rest is left out, and that is said.
pub const AUDIT_PAGES_MAX: usize = 500;

/// How far back audit events are asked for, in seconds (ten years, the longest that logs are kept). Longer: refused.
pub const AUDIT_SINCE_SECS_MAX: u64 = 3_653 * 24 * 60 * 60;
