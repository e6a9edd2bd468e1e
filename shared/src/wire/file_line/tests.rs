//! Lines of files in both formats, and the ids in them.

use super::*;
use crate::model::area::ObjectKey;
use crate::model::file::Mark;
use crate::model::version::Version;

#[test]
fn ids_are_the_reference_hashes() {
    let id = |hash: IdHash, path: &str| {
        let mut out = Vec::new();
        hash.write(path, &mut out);
        String::from_utf8(out).unwrap()
    };
    assert_eq!(id(IdHash::Parquet, "part-00000-0001.snappy.parquet"), "92b0cbb261a0b1954a1f70842eb78ef0");
    assert_eq!(id(IdHash::Parquet, "d=y%2520z/part-0.parquet"), "eaf1dc85433f72e91ef5cc0a84e3fa1c");
    assert_eq!(
        id(IdHash::Delta, "date=2021-04-28/part-00000-a.c000.snappy.parquet"),
        "06431fb60d56e5df8fd67455d6c50634fa98ae5f1b4be9c47ade6863e2991bb4"
    );
}

fn file<'a>() -> DataFile<'a> {
    DataFile {
        mark: Mark::default(),
        path: "d=1/p.parquet",
        object: ObjectKey::in_table("d=1/p.parquet"),
        partition_values: r#"{"d":"1"}"#,
        size: 1204,
        modification_time: 5,
        data_change: true,
        stats: Some(Text::JsonLiteral(r#""{\"numRecords\":3}""#)),
        tags: Some(r#"{"k":"v"}"#),
        base_row_id: None,
        default_row_commit_version: None,
        clustering_provider: None,
        deletion_vector: None,
    }
}

fn line(format: ResponseFormat, selected: Selected, file: &DataFile<'_>) -> serde_json::Value {
    let mut urls = FileUrls::default();
    urls.data.buffer().push_str("https://b/p.parquet?X-Amz-Signature=s");
    urls.vector.buffer().push_str("https://b/v.bin?X-Amz-Signature=s");
    let at = Some(TimestampMs::new(77));
    let lines = FileLines::new(format, IdHash::of_format(format), selected, at, TimestampMs::new(99));
    let mut out = Vec::new();
    lines.write(file, &urls, &mut out).unwrap();
    assert_eq!(out.last(), Some(&b'\n'));
    serde_json::from_slice(&out).unwrap()
}

#[test]
fn parquet_lines() {
    let latest = Selected::Latest(Version::new(4));
    assert_eq!(
        line(ResponseFormat::Parquet, latest, &file()),
        serde_json::json!({"file": {"url": "https://b/p.parquet?X-Amz-Signature=s",
            "id": hex::encode(Md5::digest(b"d=1/p.parquet")),
            "partitionValues": {"d": "1"}, "size": 1204, "stats": "{\"numRecords\":3}", "expirationTimestamp": 99}})
    );
    let named = line(ResponseFormat::Parquet, Selected::Named(Version::new(4)), &file());
    assert_eq!((&named["file"]["version"], &named["file"]["timestamp"]), (&4.into(), &77.into()));
}

#[test]
fn delta_lines_hold_a_complete_add_action() {
    let mut file = file();
    file.stats = Some(Text::Plain("{\"numRecords\":3}"));
    let line = line(ResponseFormat::Delta, Selected::Latest(Version::new(4)), &file);
    assert_eq!(
        line["file"]["deltaSingleAction"]["add"],
        serde_json::json!({"path": "https://b/p.parquet?X-Amz-Signature=s", "partitionValues": {"d": "1"}, "size": 1204,
            "modificationTime": 5, "dataChange": true, "stats": "{\"numRecords\":3}", "tags": {"k": "v"}})
    );
}

#[test]
fn a_vector_in_a_file_is_signed_and_one_in_the_log_is_copied() {
    let stored = DeletionVector {
        storage: VectorStorage::File {
            logged: "ab^-aqEH.-t@S}K{vb[*k^",
            object: ObjectKey::in_table("ab/deletion_vector_x.bin"),
        },
        offset: Some(4),
        size_in_bytes: 40,
        cardinality: 6,
    };
    let mut file = DataFile { deletion_vector: Some(stored), ..file() };
    let latest = Selected::Latest(Version::new(4));
    let shown = line(ResponseFormat::Delta, latest, &file);
    assert_eq!(
        shown["file"]["deltaSingleAction"]["add"]["deletionVector"],
        serde_json::json!({"storageType": "p", "pathOrInlineDv": "https://b/v.bin?X-Amz-Signature=s", "offset": 4,
            "sizeInBytes": 40, "cardinality": 6})
    );
    assert_eq!(shown["file"]["deletionVectorFileId"], hex::encode(Sha256::digest(b"ab^-aqEH.-t@S}K{vb[*k^")).as_str());
    file.deletion_vector =
        Some(DeletionVector { storage: VectorStorage::Inline("wi5b=\"000"), offset: None, ..stored });
    let shown = line(ResponseFormat::Delta, latest, &file);
    assert_eq!(
        shown["file"]["deltaSingleAction"]["add"]["deletionVector"],
        serde_json::json!({"storageType": "i", "pathOrInlineDv": "wi5b=\"000", "sizeInBytes": 40, "cardinality": 6})
    );
    assert!(shown["file"].get("deletionVectorFileId").is_none());
}

#[test]
fn a_vector_is_never_dropped() {
    let vector = DeletionVector { storage: VectorStorage::Inline("x"), offset: None, size_in_bytes: 1, cardinality: 1 };
    let file = DataFile { deletion_vector: Some(vector), ..file() };
    let (format, latest) = (ResponseFormat::Parquet, Selected::Latest(Version::new(4)));
    let lines = FileLines::new(format, IdHash::of_format(format), latest, None, TimestampMs::new(99));
    let mut out = Vec::new();
    assert!(lines.write(&file, &FileUrls::default(), &mut out).is_err() && out.is_empty());
}

#[test]
fn fileidhash_header() {
    assert_eq!(IdHash::parse(None).unwrap(), None);
    assert_eq!(IdHash::parse(Some(" Delta ")).unwrap(), Some(IdHash::Delta));
    for bad in ["sha512", "md5", "none", "", "  ", "\t"] {
        assert!(matches!(IdHash::parse(Some(bad)), Err(Error::InvalidParameter(_))), "{bad:?}");
    }
}
