//! Page tokens: any text as one, and any payload that was sealed with the server's own key. The input's first character
//! says of which kind, in upper case when the rest is the token as it is.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use shared::error::Error;

use crate::world::{Asked, MemoryLog, RECIPIENT, Route, answer, begun, sealer};

/// What a token goes on with.
struct Kind {
    letter: u8,
    /// What it is sealed for.
    context: &'static str,
    route: Route,
    /// The request that it belongs to, with the token's place taken.
    asked: fn(&str) -> Asked,
    /// The request whose answer holds such a token.
    first: fn() -> Asked,
}

fn query(key: &str, token: &str, rest: &Value) -> Asked {
    let mut body = rest.clone();
    body[key] = json!(token);
    Asked::body(&body)
}

const KINDS: [Kind; 5] = [
    Kind {
        letter: b'p',
        context: "query-table page",
        route: Route::Query,
        asked: |token| query("pageToken", token, &json!({"maxFiles": 1})),
        first: || Asked::body(&json!({"maxFiles": 1})),
    },
    Kind {
        letter: b'r',
        context: "query-table refresh",
        route: Route::Query,
        asked: |token| query("refreshToken", token, &json!({})),
        first: || Asked::body(&json!({"includeRefreshToken": true})),
    },
    Kind {
        letter: b'f',
        context: "query-table range page",
        route: Route::Query,
        asked: |token| query("pageToken", token, &json!({"startingVersion": 0, "maxFiles": 1})),
        first: || Asked::body(&json!({"startingVersion": 0, "maxFiles": 1})),
    },
    Kind {
        letter: b'c',
        context: "query-table-changes page",
        route: Route::Changes,
        asked: |token| {
            let token = utf8_percent_encode(token, NON_ALPHANUMERIC);
            Asked::query(format!("startingVersion=0&maxFiles=1&pageToken={token}"))
        },
        first: || Asked::query("startingVersion=0&maxFiles=1"),
    },
    Kind {
        letter: b'l',
        context: "list-shares",
        route: Route::Shares,
        asked: |token| Asked::query(format!("maxResults=1&pageToken={}", utf8_percent_encode(token, NON_ALPHANUMERIC))),
        first: || Asked::query("maxResults=1"),
    },
];

/// Any bytes as a token or as what is sealed in one.
pub fn token(data: &[u8]) {
    let Some((letter, rest)) = data.split_first() else { return };
    let Some(kind) = KINDS.iter().find(|kind| kind.letter == letter.to_ascii_lowercase()) else { return };
    let sealed = letter.is_ascii_lowercase();
    let token = match (sealed, std::str::from_utf8(rest)) {
        (true, _) => sealer().seal(&[kind.context, RECIPIENT.id()], rest).unwrap(),
        (false, Ok(text)) if !text.is_empty() => text.to_owned(),
        (false, _) => return,
    };
    let answered = begun(&log(), kind.route, &(kind.asked)(&token)).map(|(text, ended)| {
        // A token over a commit that reads otherwise now: known when the commit is read, and then the answer says so.
        let changed = sealed && matches!(ended, Err(Error::TableFilesMissing(_)));
        assert!(changed || ended.is_ok(), "an answer broke off: {ended:?}");
        text
    });
    // Sealed with a nonce of its own, so no input can hold one.
    assert!(sealed || matches!(answered, Err(Error::InvalidParameter(_))), "a made-up token was good");
}

/// What is sealed in the tokens that the server makes itself, as inputs of [`token`].
pub fn token_payloads() -> Vec<Vec<u8>> {
    let payload = |kind: &Kind| {
        let text = answer(&log(), kind.route, &(kind.first)()).unwrap();
        let token = text.lines().find_map(token_in).expect("an answer with a token");
        let payload = sealer().open(&[kind.context, RECIPIENT.id()], &token).expect("a token of that kind");
        [&[kind.letter], payload.as_slice()].concat()
    };
    KINDS.iter().map(payload).collect()
}

fn token_in(line: &str) -> Option<String> {
    let line: Value = serde_json::from_str(line).unwrap();
    [&line, &line["endStreamAction"]].into_iter().find_map(|object| {
        let token = ["nextPageToken", "refreshToken"].into_iter().find_map(|name| object.get(name));
        token.and_then(Value::as_str).filter(|token| !token.is_empty()).map(str::to_owned)
    })
}

/// Three versions of a table of three files.
fn log() -> MemoryLog {
    let add = |n: usize| json!({"add": {"path": n.to_string(), "partitionValues": {}, "size": n, "modificationTime": n, "dataChange": true}});
    let schema = json!({"type": "struct", "fields": []}).to_string();
    let state = [
        json!({"protocol": {"minReaderVersion": 1, "minWriterVersion": 4}}),
        json!({"metaData": {
            "id": "i", "format": {"provider": "parquet", "options": {}}, "schemaString": schema, "partitionColumns": [],
            "configuration": {"delta.enableChangeDataFeed": "true"},
        }}),
    ];
    let first: String = state.into_iter().chain([add(1)]).map(|line| format!("{line}\n")).collect();
    MemoryLog::default().commit(0, first).commit(1, add(2).to_string()).commit(2, add(3).to_string())
}
