//! What the file may say, and what is said about it.

use super::*;

const SMALL: &str = r#"
version: 1
shares:
- name: share1
  schemas:
  - name: default
    tables:
    - {name: t1, location: "s3a://b/t1", id: "00000000-0000-0000-0000-000000000001", historyShared: true, startVersion: 1}
    - {name: t2, location: "s3a://b/t2"}
authorization: {bearerToken: "secret"}
endpoint: /delta-sharing
preSignedUrlTimeoutSeconds: 900
"#;

fn problem(text: &str) -> String {
    parse(text).unwrap_err()
}

#[test]
fn a_reference_file_is_read_unchanged() {
    let config = parse(SMALL).unwrap();
    assert_eq!(config.bearer_token.unwrap().reveal(), "secret");
    assert_eq!((config.endpoint.as_str(), config.url_ttl_secs), ("/delta-sharing", 900));
    assert_eq!(config.first_byte_within, Some(Duration::from_secs(30)));
    assert!(config.warnings.is_empty() && config.ssl.is_none() && config.host.is_none() && config.port.is_none());
    let [first, second] = config.document.shares[0].schemas[0].tables.as_slice() else { panic!("two tables") };
    assert_eq!(
        (first.id.as_str(), first.history_shared, first.start_version),
        ("00000000-0000-0000-0000-000000000001", true, 1)
    );
    assert!(!second.history_shared && second.auxiliary_locations.is_empty());
    assert_eq!(second.id, parse(SMALL).unwrap().document.shares[0].schemas[0].tables[1].id);
}

#[test]
fn a_table_may_name_files_elsewhere() {
    let config =
        parse(&SMALL.replace(r#""s3a://b/t2""#, r#""s3a://b/t2", auxiliaryLocations: ["s3a://b/t1"]"#)).unwrap();
    let [first, second] = config.document.shares[0].schemas[0].tables.as_slice() else { panic!("two tables") };
    assert_eq!(
        (first.auxiliary_locations.len(), second.auxiliary_locations.as_slice()),
        (0, &["s3a://b/t1".into()][..])
    );
    assert!(config.warnings.is_empty());
}

#[test]
fn defaults_where_nothing_is_said() {
    let config = parse("version: 1").unwrap();
    assert_eq!((config.endpoint.as_str(), config.url_ttl_secs), (ENDPOINT_DEFAULT, 3600));
    assert!(config.document.shares.is_empty() && config.bearer_token.is_none());
    assert!(parse("version: 1\nrequestTimeoutSeconds: 0\nshares:\n").unwrap().first_byte_within.is_none());
}

#[test]
fn the_references_messages() {
    assert_eq!(problem("shares: []"), "'version' must be provided");
    assert_eq!(problem("version: -1"), "'version' must be greater than 0");
    assert!(problem("version: 2").contains("too new"));
    assert_eq!(problem("version: 1\nshares: [{schemas: []}]"), "'name' in a share must be provided");
    assert_eq!(
        problem("version: 1\nshares: [{name: a, schemas: [{tables: []}]}]"),
        "'name' in a schema must be provided"
    );
    let table =
        |keys: &str| problem(&format!("version: 1\nshares: [{{name: a, schemas: [{{name: b, tables: [{keys}]}}]}}]"));
    assert_eq!(table("{location: x}"), "'name' in a table must be provided");
    assert_eq!(table("{name: x}"), "'location' in a table must be provided");
    assert_eq!(problem("version: 1\nauthorization: {}"), "'bearerToken' in 'authorization' must be provided");
    assert_eq!(problem("version: 1\nssl: {}"), "'certificateFile' in 'ssl' must be provided");
    assert_eq!(problem("version: 1\nssl: {certificateFile: a}"), "'certificateKeyFile' in 'ssl' must be provided");
}

#[test]
fn broken_yaml_and_wrong_types_name_the_line() {
    for (text, line) in [("version: 1\nshares: [", "line 3"), ("version: 1\nport: many\n", "line 2")] {
        assert!(problem(text).contains(line), "{}", problem(text));
    }
}

#[test]
fn names_that_the_protocol_forbids_are_refused() {
    let text = "version: 1\nshares: [{name: a, schemas: [{name: b.c, tables: []}]}]";
    assert_eq!(problem(text), "the schema name 'b.c' contains a full stop");
}

#[test]
fn keys_without_meaning_are_named() {
    let config =
        parse("version: 1\ndeltaTableCacheSize: 10\nshares: [{name: a, colour: red}]\nevaluatePredicateHints: false")
            .unwrap();
    assert_eq!(config.warnings, ["these keys mean nothing to this server: deltaTableCacheSize, colour"]);
}

#[test]
fn of_two_with_one_name_the_first_is_served() {
    let config = parse("version: 1\nshares: [{name: A}, {name: a, schemas: [{name: x}]}]").unwrap();
    assert_eq!(config.document.shares.len(), 1);
    assert!(config.document.shares[0].schemas.is_empty());
    assert_eq!(config.warnings.len(), 1);
}

#[test]
fn an_endpoint_has_one_slash_in_front_and_none_behind() {
    for (written, read) in [("/delta-sharing/", "/delta-sharing"), ("a//b", "/a/b"), ("/", ""), ("", "")] {
        assert_eq!(endpoint(written), read);
    }
}
