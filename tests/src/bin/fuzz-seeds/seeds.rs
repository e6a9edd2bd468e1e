//! What a fuzzer begins with: inputs that go as deep as possible, from the tables and the requests of the other tests.

use std::fs;

use serde_json::{Value, json};
use tests::samples::{recorded_changes, three_versions};
use tests::table_builder::{
    EPOCH_MS, Manifest, RowOrder, TableBuilder, Typed, checkpoint_name, commit_name, inline_vector,
};

/// The seeds of a target.
pub(super) fn of(target: &str) -> Vec<Vec<u8>> {
    let texts = |texts: &[&str]| texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    match target {
        "capabilities" => texts(&CAPABILITIES),
        "changes_query" => texts(&QUERIES),
        "checkpoint" => checkpoints(),
        "commit" => commits(),
        "predicate_json" => json_predicates(),
        "predicate_sql" => sql_predicates(),
        "query_body" => bodies(),
        "token" => tokens(),
        other => panic!("there are no seeds of {other}"),
    }
}

const CAPABILITIES: [&str; 6] = [
    "",
    "responseformat=delta,parquet;readerfeatures=deletionvectors,columnmapping",
    "ResponseFormat = Delta ; readerFeatures = deletionVectors , v2Checkpoint;includeEndStreamAction=true",
    "responseformat=foo",
    "asyncquery=true;responseformat=parquet;;=;a=b=c",
    "readerfeatures=timestampntz;readerfeatures=variant;responseformat=",
];

const QUERIES: [&str; 7] = [
    "",
    "startingVersion=0&endingVersion=5&includeHistoricalMetadata=true&includeHistoricalProtocol=True",
    "startingTimestamp=2026-01-31T08%3A00%3A00%2B01:00&endingTimestamp=2026-01-31T08:00:00.123456Z&maxFiles=10",
    "startingVersion=-1&startingTimestamp=x&endingVersion=9223372036854775808",
    "version=1&timestamp=&maxResults=500&pageToken=a%20b",
    "%64=%2520&a&=b&&a=+&unknown=%ff",
    "startingTimestamp=262142-12-31T23:59:59Z&maxFiles=0",
];

/// An action that adds a file with a deletion vector.
fn with_vector(table: &TableBuilder, path: &str, vector: Value) -> Value {
    let mut add = table.add_entry(path, Some("a"), 5);
    add["add"]["deletionVector"] = vector;
    add["add"]["tags"] = json!({"k": "v"});
    add["add"]["baseRowId"] = json!(7);
    add
}

fn vectors() -> [Value; 2] {
    [
        inline_vector(&[1, 3]),
        json!({"storageType": "u", "pathOrInlineDv": "ab^-aqEH.-t@S}K{vb[*k^", "offset": 4, "sizeInBytes": 40, "cardinality": 6}),
    ]
}

fn commits() -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let mut with_vectors = TableBuilder::new(folder.path().join("v"));
    let [inline, in_file] = vectors();
    with_vectors
        .commit(vec![with_vector(&with_vectors, "p=a/1", inline), with_vector(&with_vectors, "p=a/2", in_file)]);
    with_vectors.commit(vec![with_vectors.remove("p=a/1")]);
    let tables = [three_versions(folder.path().join("t")), recorded_changes(folder.path().join("c")), with_vectors];
    let mut seeds = Vec::new();
    for table in tables {
        let texts: Vec<String> = (0..=table.version().unwrap())
            .map(|version| fs::read_to_string(table.log_file(&commit_name(version))).unwrap())
            .collect();
        seeds.push(texts.join("---\n").into_bytes());
        seeds.extend(texts.into_iter().skip(1).map(String::into_bytes));
    }
    seeds
}

fn checkpoints() -> Vec<Vec<u8>> {
    use parquet::basic::{Compression, ZstdLevel};
    let folder = tempfile::tempdir().unwrap();
    let mut number = 0;
    let mut written = |change: &dyn Fn(TableBuilder) -> TableBuilder, vector: bool| {
        number += 1;
        let mut table = change(TableBuilder::new(folder.path().join(number.to_string())));
        table.commit(vec![table.add_entry("p=a/1", Some("a"), 1), table.add_entry("2", None, 2)]);
        if vector {
            let adds = vectors().map(|vector| with_vector(&table, "p=a/3", vector)).to_vec();
            table.commit(adds);
        }
        table.commit(vec![table.remove("2"), table.add_entry("p=b%20c/4", Some("b c"), 4)]);
        table.checkpoint();
        fs::read(table.log_file(&checkpoint_name(table.version().unwrap()))).unwrap()
    };
    let plain = |table: TableBuilder| table.checkpoint_compression(Compression::UNCOMPRESSED);
    let mut seeds = vec![
        written(&plain, false),
        written(&|table| table, false),
        written(&|table| table.checkpoint_compression(Compression::ZSTD(ZstdLevel::default())), false),
        written(&plain, true),
        written(&|table| plain(table).checkpoint_typed(Typed::Only), false),
        written(&|table| plain(table).checkpoint_row_group(4), false),
        written(&|table| plain(table).checkpoint_typed(Typed::Also), false),
        written(&|table| plain(table).checkpoint_order(RowOrder::Mixed), true),
    ];
    for (name, sidecars) in [("m0", 0), ("m2", 2)] {
        let mut table = plain(TableBuilder::new(folder.path().join(name)));
        table.commit(vec![table.add_entry("p=a/1", Some("a"), 1), table.add_entry("2", None, 2)]);
        let manifest = table.checkpoint_v2(Manifest::Parquet, sidecars);
        seeds.push(fs::read(table.log_file(&manifest)).unwrap());
    }
    seeds
}

/// What is known of files, a line of statistics and one of partition values each.
fn facts() -> [String; 4] {
    let day = EPOCH_MS / 86_400_000;
    let all = json!({
        "numRecords": 3,
        "minValues": {"id": 1, "Flag": false, "f": -1.5, "d": 0.25, "s": "a", "day": "2023-11-14", "at": "2023-11-14T22:13:20.000Z"},
        "maxValues": {"id": day, "Flag": true, "f": 1.5, "d": 1e300, "s": "z", "day": "2023-11-15", "at": "2023-11-14T22:13:20Z"},
        "nullCount": {"id": 0, "Flag": 1, "f": 3, "d": 0, "s": 0, "day": 3, "at": 0, "x": 0},
        "tightBounds": true,
    });
    [
        format!("{all}\n{}", json!({"p": "a", "rank": "7", "pt": "2023-11-14 22:13:20.5"})),
        format!("{}\n{}", json!({"numRecords": 0}), json!({"p": null, "rank": "", "pt": "__HIVE_DEFAULT_PARTITION__"})),
        format!(
            "{}\n{}",
            json!({"minValues": {"id": 9}, "maxValues": {"id": 1}, "nullCount": {"id": 9}}),
            json!({"p": ""})
        ),
        "\n{}".to_owned(),
    ]
}

fn with_facts(predicates: Vec<String>) -> Vec<Vec<u8>> {
    let facts = facts();
    let each = predicates.into_iter().enumerate();
    each.map(|(number, text)| format!("{text}\n{}", facts[number % facts.len()]).into_bytes()).collect()
}

fn sql_predicates() -> Vec<Vec<u8>> {
    let predicates = [
        "id > 3 AND s = 'a'",
        "NOT (flag = true OR f < -1.5e3) AND d >= 0.25",
        "day BETWEEN '2023-11-14' AND date '2023-12-01';rank IN (1, 2, 3)",
        "`p` IS NOT NULL AND pt <= timestamp '2023-11-14T22:13:20Z'",
        "p <=> NULL OR id NOT IN (5) OR s NOT BETWEEN 'a' AND \"b\"",
        "1 = 2;'it''s' <> s",
        "id = cast('5' as bigint) AND year(day) = 2023",
        "partitionValues.rank != 8 AND x IS NULL",
        "id = NULL OR NOT d > 'NaN'",
        "at > '2023-11-14T22:13:20.000001+01:00' AND id == -9223372036854775808",
    ];
    with_facts(predicates.map(str::to_owned).to_vec())
}

fn json_predicates() -> Vec<Vec<u8>> {
    let column = |name: &str, kind: &str| json!({"op": "column", "name": name, "valueType": kind});
    let literal = |value: &str, kind: &str| json!({"op": "literal", "value": value, "valueType": kind});
    let both = |op: &str, left: &Value, right: &Value| json!({"op": op, "children": [left, right]});
    let id = both("greaterThan", &column("id", "long"), &literal("3", "long"));
    let s = both("equal", &column("s", "string"), &literal("a", "string"));
    let predicates = [
        both("and", &id, &s),
        both(
            "or",
            &json!({"op": "not", "children": [id]}),
            &both("lessThanOrEqual", &column("f", "float"), &literal("1.5", "float")),
        ),
        json!({"op": "in", "children": [column("rank", "int"), literal("1", "int"), literal("7", "int")]}),
        json!({"op": "isNull", "children": [column("p", "string")]}),
        both("greaterThanOrEqual", &column("day", "date"), &literal("2023-11-14", "date")),
        both("lessThan", &column("at", "timestamp"), &literal("2023-11-14T22:13:20.999Z", "timestamp")),
        both("equal", &column("Flag", "bool"), &literal("true", "bool")),
        both("equal", &literal("1", "int"), &literal("2", "int")),
        both("equal", &column("d", "double"), &literal("NaN", "double")),
        both("lessThan", &column("x", "int"), &json!({"op": "literal", "value": null, "valueType": "int"})),
    ];
    with_facts(predicates.map(|predicate| predicate.to_string()).to_vec())
}

fn bodies() -> Vec<Vec<u8>> {
    let bodies = [
        json!({}),
        json!({"predicateHints": ["id > 3"], "jsonPredicateHints": "{\"op\":\"column\"}", "limitHint": "10", "maxFiles": 5}),
        json!({"version": 3, "maxFiles": "1", "pageToken": "t"}),
        json!({"timestamp": "2026-01-31T08:00:00+01:00", "limit_hint": -1, "max_files": null}),
        json!({"startingVersion": 0, "endingVersion": "5", "includeHistoricalProtocol": "true"}),
        json!({"starting_version": 1.0, "include_refresh_token": true, "unknown": [[{"a": [1e300, -0.0]}]]}),
        json!({"refreshToken": "r", "includeRefreshToken": false}),
    ];
    bodies.iter().map(|body| body.to_string().into_bytes()).collect()
}

fn tokens() -> Vec<Vec<u8>> {
    let mut seeds = fuzz_targets::token_payloads();
    for made_up in ["PAAAA", "Rx", "F", "L%", "CAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"]
    {
        seeds.push(made_up.as_bytes().to_vec());
    }
    seeds.push(b"l{\"after\":[\"a\",\"b\"],\"expires\":9000000000000}".to_vec());
    seeds.push(b"p{}".to_vec());
    seeds
}
