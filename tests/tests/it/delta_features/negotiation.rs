//! Which format an answer has, and which tables are refused, by the features that they make use of.

use serde_json::{Value, json};
use tests::server::TestServer;
use tests::table_builder::TableBuilder;

use super::{features, files, refused, server};

const EVERYTHING: &str = "responseformat=parquet,delta;readerfeatures=deletionvectors,columnmapping,timestampntz";

fn set_column(metadata: &mut Value, kind: Value, field_metadata: Value) {
    let fields = json!([{"name": "id", "type": kind, "nullable": true, "metadata": field_metadata}]);
    metadata["schemaString"] = json!({"type": "struct", "fields": fields}).to_string().into();
    metadata["partitionColumns"] = json!([]);
}

async fn format(server: &TestServer, capabilities: &str) -> String {
    let answer = server.query("t", json!({}), capabilities).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.header("delta-sharing-capabilities").to_owned()
}

#[tokio::test]
async fn mapped_columns_keep_the_logs_names_in_delta_format_and_are_nothing_for_parquet() {
    for (protocol, mode) in [
        (json!({"minReaderVersion": 2, "minWriterVersion": 5}), "name"),
        (json!({"minReaderVersion": 2, "minWriterVersion": 5}), "id"),
        (features(&["columnMapping"]), "id"),
    ] {
        let server = server().await;
        let mut table = TableBuilder::new(server.table("t")).protocol(protocol.clone()).metadata(|metadata| {
            let column = |name: &str, kind: &str, id: u8| {
                let mapping =
                    json!({"delta.columnMapping.id": id, "delta.columnMapping.physicalName": format!("col-{id}")});
                json!({"name": name, "type": kind, "nullable": true, "metadata": mapping})
            };
            let fields = [column("id", "long", 1), column("p", "string", 2)];
            metadata["schemaString"] = json!({"type": "struct", "fields": fields}).to_string().into();
            metadata["configuration"] =
                json!({"delta.columnMapping.mode": mode, "delta.columnMapping.maxColumnId": "2"});
        });
        let mut add = table.add_entry("x/1.parquet", Some("v"), 2);
        add["add"]["partitionValues"] = json!({"col-2": "v"});
        add["add"]["stats"] = json!({"numRecords": 2, "minValues": {"col-1": 0}}).to_string().into();
        table.commit(vec![add.clone()]);

        let answer = server.query("t", json!({}), EVERYTHING).await;
        let lines = answer.lines();
        assert_eq!(lines[0]["protocol"]["deltaProtocol"], protocol);
        let metadata = &lines[1]["metaData"]["deltaMetadata"];
        assert_eq!(metadata["schemaString"], table.metadata_action()["metaData"]["schemaString"]);
        assert_eq!(
            (&metadata["partitionColumns"], &metadata["configuration"]["delta.columnMapping.mode"]),
            (&json!(["p"]), &json!(mode))
        );
        let told = &lines[2]["file"]["deltaSingleAction"]["add"];
        assert_eq!((&told["partitionValues"], &told["stats"]), (&add["add"]["partitionValues"], &add["add"]["stats"]));

        for capabilities in ["", "responseformat=parquet", "responseformat=delta;readerfeatures=deletionvectors"] {
            let message = refused(&server.query("t", json!({}), capabilities).await, "UNSUPPORTED_OPERATION");
            let says = message.contains("columnMapping") && message.contains("Unsupported Delta Table Properties");
            assert!(says, "{capabilities}: {message}");
        }
        let path = "/shares/s/schemas/d/tables/t/metadata";
        refused(&server.get(path).await, "UNSUPPORTED_OPERATION");
        assert_eq!(server.get("/shares/s/schemas/d/tables/t/version").await.status, 200);
    }
}

#[tokio::test]
async fn a_feature_counts_where_the_table_makes_use_of_it() {
    let changed = json!({"delta.typeChanges": [{"fromType": "short", "toType": "integer", "tableVersion": 1}]});
    let list_of = |kind: &str| json!({"type": "array", "elementType": kind, "containsNull": true});
    let cases = [
        ("timestampNtz", list_of("timestamp_ntz"), json!({})),
        ("typeWidening", json!("integer"), changed.clone()),
        ("typeWidening-preview", json!("integer"), changed),
        ("variantType", json!("variant"), json!({})),
        ("variantType-preview", list_of("variant"), json!({})),
    ];
    for (feature, kind, field_metadata) in cases {
        let server = server().await;
        let mut table = TableBuilder::new(server.table("t"))
            .protocol(features(&[feature]))
            .metadata(|metadata| set_column(metadata, json!("long"), json!({})));
        table.commit(vec![table.add_entry("a", None, 1)]);
        assert_eq!(format(&server, EVERYTHING).await, "responseformat=parquet", "{feature} is listed and not used");
        let mut metadata = table.metadata_action();
        set_column(&mut metadata["metaData"], kind, field_metadata);
        table.commit(vec![metadata]);
        assert_eq!(format(&server, EVERYTHING).await, "responseformat=delta", "{feature}");
        let message = refused(&server.query("t", json!({}), "responseformat=parquet").await, "UNSUPPORTED_OPERATION");
        assert!(message.contains(feature), "{message}");
        let earlier = server.query("t", json!({"version": 0}), "").await;
        assert_eq!(earlier.status, 200, "{feature}: the version before made no use of it");
    }
}

#[tokio::test]
async fn timestamps_without_zone_must_be_named_by_the_client() {
    let server = server().await;
    let mut table = TableBuilder::new(server.table("t"))
        .protocol(features(&["timestampNtz"]))
        .metadata(|metadata| set_column(metadata, json!("timestamp_ntz"), json!({})));
    table.commit(vec![]);
    let message = refused(&server.query("t", json!({}), "responseformat=delta").await, "UNSUPPORTED_OPERATION");
    assert!(message.contains("timestampNtz"), "{message}");
    assert_eq!(format(&server, EVERYTHING).await, "responseformat=delta");
}

#[tokio::test]
async fn what_only_writers_must_know_changes_nothing() {
    let writers = [
        "appendOnly",
        "invariants",
        "checkConstraints",
        "changeDataFeed",
        "generatedColumns",
        "identityColumns",
        "rowTracking",
        "domainMetadata",
        "icebergCompatV1",
        "icebergCompatV2",
        "inCommitTimestamp",
        "clustering",
        "collations",
        "allowColumnDefaults",
        "somethingThatNobodyKnows",
    ];
    let server = server().await;
    let mut table = TableBuilder::new(server.table("t"))
        .protocol(json!({"minReaderVersion": 1, "minWriterVersion": 7, "writerFeatures": writers}));
    let mut add = table.add_entry("a", None, 1);
    for (key, value) in
        [("baseRowId", json!(5)), ("defaultRowCommitVersion", json!(0)), ("clusteringProvider", json!("liquid"))]
    {
        add["add"][key] = value;
    }
    let domain = json!({"domainMetadata": {"domain": "delta.clustering", "configuration": "{}", "removed": false}});
    table.commit(vec![domain, add.clone()]);
    for checkpoint in [false, true] {
        if checkpoint {
            table.checkpoint();
        }
        assert_eq!(format(&server, "").await, "responseformat=parquet");
        let answer = server.query("t", json!({}), "responseformat=delta").await;
        assert_eq!(files(&answer).len(), 1);
        assert_eq!(answer.lines()[0]["protocol"]["deltaProtocol"]["writerFeatures"], json!(writers));
        let told = &answer.lines()[2]["file"]["deltaSingleAction"]["add"];
        for key in ["baseRowId", "defaultRowCommitVersion", "clusteringProvider"] {
            assert_eq!(told[key], add["add"][key], "{key}");
        }
    }
}

#[tokio::test]
async fn what_is_not_known_or_not_served_is_refused_by_its_name() {
    for feature in ["geospatial", "catalogManaged", "catalogOwned-preview", "adaptiveMetadata", "somethingNew"] {
        let server = server().await;
        TableBuilder::new(server.table("t")).protocol(features(&["v2Checkpoint", feature])).commit(vec![]);
        for capabilities in ["", EVERYTHING] {
            let message = refused(&server.query("t", json!({}), capabilities).await, "UNSUPPORTED_OPERATION");
            assert!(message.contains(feature), "{message}");
        }
    }
}

#[tokio::test]
async fn two_spellings_of_a_path_are_one_file_and_unusual_json_is_read() {
    let server = server().await;
    let mut table = TableBuilder::new(server.table("t"));
    table.commit(vec![table.add_entry("p=a%20b/1", Some("a b"), 1), table.add_entry("p=c/2", Some("c"), 1)]);
    table.commit(vec![json!({"remove": {"path": "p=a b/1", "dataChange": true, "tags": null, "size": null}})]);
    // Escapes, a null map, an unknown action and an unknown field, blanks and an empty line.
    let odd = concat!(
        " {\"add\" : {\"path\":\"p\\u003dc\\/3\",\"partitionValues\":{\"p\":\"\\u0063\"},\"size\":9007199254740993,",
        "\"modificationTime\":-1,\"dataChange\":true,\"stats\":null,\"tags\":null,\"deletionVector\":null,\"new\":[1e400]}}\r\n\r\n",
        "{\"newAction\":{\"x\":{}}}\n{\"cdc\":{\"path\":\"c\"}}\n{}\n",
        "{\"add\":{\"path\":\"p=c/2\",\"partitionValues\":{\"p\":\"c\"},\"size\":7,\"modificationTime\":1,\"dataChange\":false}}"
    );
    table.commit(vec![]);
    table.write_log(&tests::table_builder::commit_name(2), odd);
    let answer = server.query("t", json!({}), "responseformat=delta").await;
    let files = files(&answer);
    assert_eq!(
        files.iter().map(|(key, file)| (key.as_str(), file.size)).collect::<Vec<_>>(),
        [("p=c/2", 7), ("p=c/3", 9_007_199_254_740_993)]
    );
}
