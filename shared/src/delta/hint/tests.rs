//! A hint is read as far as it can be; what it names is in the log folder.

use super::*;

fn read(text: &str) -> Option<Hint> {
    Hint::read(text.as_bytes())
}

fn names(named: &[Named]) -> Vec<(&str, u64)> {
    named.iter().map(|named| (named.name.as_str(), named.first_bytes)).collect()
}

#[test]
fn a_classic_checkpoint_is_one_object_or_several() {
    let one = read(r#"{"version":12,"size":3,"sizeInBytes":1000}"#).unwrap();
    assert_eq!(
        (one.version, names(&one.listed)),
        (Version::new(12), vec![("00000000000000000012.checkpoint.parquet", 1000)])
    );
    let large = read(r#"{"version":12,"size":3,"sizeInBytes":100000000}"#).unwrap();
    let unsaid = read(r#"{"version":12,"size":3}"#).unwrap();
    assert_eq!(large, unsaid);
    assert_eq!(unsaid.listed[0].first_bytes, CHECKPOINT_FOOTER_BYTES);
    let parts = read(r#"{"version":12,"size":3,"parts":2,"sizeInBytes":1000000}"#).unwrap();
    let wanted = [
        ("00000000000000000012.checkpoint.0000000001.0000000002.parquet", 1_000_000),
        ("00000000000000000012.checkpoint.0000000002.0000000002.parquet", 1_000_000),
    ];
    assert_eq!(names(&parts.listed), wanted);
}

#[test]
fn a_v2_checkpoint_is_its_manifest_and_its_sidecars() {
    const NAME: &str = "00000000000000000012.checkpoint.80a083e8-7026-4e79-81be-64bd76c43a11.json";
    let hint = |path: &str| {
        let sidecars = r#"[{"path":"a.parquet","sizeInBytes":7,"modificationTime":1},{"path":"../b","sizeInBytes":90000000},{"path":".."}]"#;
        let sidecars = sidecars.replace(r#",{"path":".."}"#, "");
        read(&format!(
            r#"{{"version":12,"v2Checkpoint":{{"path":"{path}","sizeInBytes":5,"sidecarFiles":{sidecars}}}}}"#
        ))
        .unwrap()
    };
    let good = hint(NAME);
    assert_eq!(names(&good.listed), [(NAME, 5)]);
    assert_eq!(names(&good.sidecars), [("_sidecars/a.parquet", 7), ("_sidecars/b", CHECKPOINT_FOOTER_BYTES)]);
    let entry = |name: &str| LogEntry {
        name: name.into(),
        size: 5,
        modified: crate::model::version::TimestampMs::new(0),
        etag: None,
    };
    assert!(good.is_of(&[entry(NAME)]) && !good.is_of(&[]) && !good.is_of(&[entry("00000000000000000012.json")]));
    for other in [NAME.replace("12.", "13."), format!("../{NAME}"), "00000000000000000012.json".into(), String::new()] {
        assert!(hint(&other).listed.is_empty(), "{other}");
        assert!(!hint(&other).is_of(&[]));
    }
}

#[test]
fn what_cannot_be_read_is_left_out() {
    for text in ["", "{}", "no hint", r#"{"version":-1}"#, r#"[{"version":1}]"#] {
        assert_eq!(read(text), None, "{text}");
    }
    let plain = read(r#"{"version":12}"#);
    for details in [r#""parts":-1"#, r#""v2Checkpoint":7"#, r#""v2Checkpoint":{"path":"x"}"#, r#""sizeInBytes":"1""#] {
        assert_eq!(read(&format!(r#"{{"version":12,{details}}}"#)), plain, "{details}");
    }
    for parts in [0, u32::MAX] {
        let many = read(&format!(r#"{{"version":12,"parts":{parts}}}"#)).unwrap();
        assert!(many.listed.is_empty(), "{parts}");
    }
}
