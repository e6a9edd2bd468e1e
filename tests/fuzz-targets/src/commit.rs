//! Commits of any content, separated by lines of three dashes, oldest first: replayed by themselves, and as the log of a
//! table that is queried and whose changes are asked for.

use bytes::Bytes;
use serde_json::json;
use shared::delta::tail::Tail;
use shared::model::location::TableLocation;
use shared::model::version::Version;

use crate::seen::Seen;
use crate::world::{Asked, MemoryLog, Route, answer, check_refusal};

/// The commit under those of the input.
const FIRST: &str = concat!(
    r#"{"protocol":{"minReaderVersion":1,"minWriterVersion":4}}"#,
    "\n",
    r#"{"metaData":{"id":"i","format":{"provider":"parquet","options":{}},"schemaString":"{\"type\":\"struct\",\"fields\":"#,
    r#"[{\"name\":\"n\",\"type\":\"long\",\"nullable\":true,\"metadata\":{}},{\"name\":\"p\",\"type\":\"string\","#,
    r#"\"nullable\":true,\"metadata\":{}}]}","partitionColumns":["p"],"configuration":{"delta.enableChangeDataFeed":"true"}}}"#,
    "\n",
    r#"{"add":{"path":"p=a/1","partitionValues":{"p":"a"},"size":1,"modificationTime":1,"dataChange":true}}"#,
);
const SEPARATOR: &[u8] = b"\n---\n";
const COMMITS_MAX: usize = 8;

/// Any bytes as commits.
pub fn commit(data: &[u8]) {
    let mut commits: Vec<&[u8]> = vec![FIRST.as_bytes()];
    let mut rest = data;
    while commits.len() < COMMITS_MAX
        && let Some(at) = rest.windows(SEPARATOR.len()).position(|window| window == SEPARATOR)
    {
        commits.push(&rest[..at]);
        rest = &rest[at + SEPARATOR.len()..];
    }
    commits.push(rest);

    let replayed = replay(&commits);
    let mut log = MemoryLog::default();
    for (version, text) in commits.iter().enumerate() {
        log = log.commit(version, text.to_vec());
    }
    let answered = answer(&log, Route::Query, &Asked::body(&json!({})));
    if let Ok(text) = &answered {
        let seen = replayed.expect("what is answered can be replayed");
        let files = text.lines().filter(|line| line.starts_with(r#"{"file":"#)).count();
        assert_eq!(files, seen.files.len(), "{text}");
    }
    let flat = Asked { flat: true, ..Asked::body(&json!({})) };
    if answer(&log, Route::Query, &flat).is_ok() {
        assert!(answered.is_ok(), "a client that takes less is given more");
    }
    let _ = answer(&log, Route::Query, &Asked::body(&json!({"startingVersion": 0})));
    let _ = answer(&log, Route::Changes, &Asked::query("startingVersion=0&includeHistoricalMetadata=true"));
}

/// The files of the last version; nothing when the commits are refused.
fn replay(commits: &[&[u8]]) -> Option<Seen> {
    let table = TableLocation::new("b", "t");
    let mut tail = Tail::new(table.clone());
    for (version, text) in commits.iter().enumerate().rev() {
        let applied = tail.apply(Version::new(version as u64), Bytes::copy_from_slice(text));
        applied.inspect_err(check_refusal).ok()?;
    }
    if let Some(problem) = tail.problem {
        check_refusal(&problem.into());
        return None;
    }
    let mut seen = Seen::default();
    for commit in &tail.commits {
        commit.emit(&table, |_| panic!("the text was kept"), &mut seen).expect("what was settled is handed on");
    }
    assert_eq!(seen.totals, tail.totals);
    seen.assert_each_once();
    Some(seen)
}
