//! Which paths lead into the table or its auxiliary locations, and the law that none leads anywhere else.

use proptest::prelude::*;

use super::*;

fn bucket_table() -> TableLocation {
    let places = [TableLocation::new("b", "t"), TableLocation::new("c", "x/y z"), TableLocation::new("whole", "")];
    TableLocation::new("own", "a/t").with_auxiliary(places)
}

fn folder_table() -> TableLocation {
    let place = TableLocation::new("sthree-local-2", "").of_folder("/data/source");
    TableLocation::new("sthree-local-1", "clone").of_folder("/data/clone").with_auxiliary([place])
}

/// The bucket and the whole key that a path leads to.
fn led_to(table: &TableLocation, path: &str) -> Option<String> {
    let object = table.object(path).ok()?;
    let ObjectKey { root, key } = object.as_key();
    let area = match root {
        Root::Table => table.area(),
        Root::Auxiliary(at) => &table.auxiliary()[at],
    };
    Some(format!("{}/{}{key}", area.bucket(), area.root_key()))
}

#[test]
fn a_relative_path_stays_in_the_table_and_costs_nothing() {
    let table = bucket_table();
    assert_eq!(led_to(&table, "p=1/f").unwrap(), "own/a/t/p=1/f");
    assert!(matches!(table.object("p=1/f").unwrap().key, Cow::Borrowed("p=1/f")));
    assert_eq!(table.object("../f"), Err(PathError::Malformed));
}

#[test]
fn an_absolute_path_leads_where_it_says_if_that_is_allowed() {
    let table = bucket_table();
    for (path, object) in [
        ("s3://b/t/f", "b/t/f"),
        ("s3a://b/t/d=1/f", "b/t/d=1/f"),
        ("s3n://b/t/f%2520g", "b/t/f%20g"),
        ("s3://c/x/y%20z/f", "c/x/y z/f"),
        ("s3://whole/f", "whole/f"),
        ("s3://own/a/t/f", "own/a/t/f"),
    ] {
        assert_eq!(led_to(&table, path).as_deref(), Some(object), "{path}");
    }
    assert_eq!(table.object("s3://own/a/t/f").unwrap().root, Root::Table);
}

#[test]
fn what_is_not_allowed_is_refused() {
    let table = bucket_table();
    for path in [
        "s3://b/t2/f",
        "s3://b/t",
        "s3://b/t/",
        "s3://b/f",
        "s3://b2/t/f",
        "s3://B/t/f",
        "S3://b/t/f",
        "s3://b/t/../x",
        "s3://b/t/%2e%2e/x",
        "s3://b/t%2F..%2Fx",
        "s3://b/t/./x",
        "s3://b//t/f",
        "s3://b/t//f",
        "s3://b/%74%00/f",
        "s3://b/t/%ff",
        "s3://b/t/f?versionId=1",
        "s3://b/t/f#g",
        "s3://user@b/t/f",
        "s3://b:80/t/f",
        "s3://b%2Ft/f",
        "s3:/b/t/f",
        "s3:///t/f",
        "gs://b/t/f",
        "https://b/t/f",
        "/b/t/f",
        "file:///b/t/f",
        "s3://c/x/y%2520z/f",
        "s3://own/a/f",
    ] {
        assert_eq!(table.object(path), Err(PathError::Absolute), "{path}");
    }
    assert_eq!(TableLocation::new("own", "t").object("s3://b/t/f"), Err(PathError::Absolute));
}

#[test]
fn files_of_this_machine_are_told_by_their_paths() {
    let table = folder_table();
    for path in ["/data/source/f", "file:/data/source/f", "file:///data/source/f", "file://localhost/data/source/f"] {
        assert_eq!(led_to(&table, path).as_deref(), Some("sthree-local-2/f"), "{path}");
    }
    assert_eq!(led_to(&table, "file:///data/clone/f").as_deref(), Some("sthree-local-1/clone/f"));
    for path in [
        "/data/source2/f",
        "/data/source/../f",
        "//data/source/f",
        "file://host/data/source/f",
        "file:data/source/f",
        "file:////data/source/f",
        "s3://sthree-local-2/f",
        "s3://data/source/f",
    ] {
        assert_eq!(table.object(path), Err(PathError::Absolute), "{path}");
    }
}

#[test]
fn only_an_absolute_path_is_one() {
    assert_eq!(bucket_table().absolute_object("f"), Err(PathError::Absolute));
    assert!(bucket_table().absolute_object("s3://b/t/f").is_ok());
}

#[test]
fn the_order_of_auxiliary_locations_does_not_matter() {
    let place = |prefix| TableLocation::new("b", prefix);
    let table = |places: Vec<TableLocation>| TableLocation::new("own", "t").with_auxiliary(places);
    assert_eq!(table(vec![place("x"), place("y")]), table(vec![place("y"), place("x"), place("y")]));
    assert_ne!(table(vec![place("x")]), table(vec![]));
}

proptest! {
    #[test]
    fn nothing_but_what_is_allowed_is_reached(
        path in "(s3://|s3a://|file://|/|)(b|c|own|data)/[tsource2clonexy%Fe./ ]{0,30}|\\PC{0,40}"
    ) {
        for (table, roots) in [
            (bucket_table(), &["b/t/", "c/x/y z/", "whole/", "own/a/t/"][..]),
            (folder_table(), &["sthree-local-1/clone/", "sthree-local-2/"][..]),
        ] {
            if let Some(object) = led_to(&table, &path) {
                let rest = roots.iter().find_map(|root| object.strip_prefix(root));
                prop_assert!(rest.is_some_and(|rest| rest.split('/').all(is_name)), "{}", object);
            }
        }
    }

    #[test]
    fn every_file_of_an_auxiliary_location_is_found_however_it_is_spelt(
        names in prop::collection::vec("[^/\\x00]{1,8}".prop_filter("a name", |name| is_name(name)), 1..4),
        scheme in prop::sample::select(vec!["s3", "s3a", "s3n"]),
    ) {
        let encoded: Vec<String> = names
            .iter()
            .map(|name| percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC).to_string())
            .collect();
        let path = format!("{scheme}://b/t/{}", encoded.join("/"));
        prop_assert_eq!(led_to(&bucket_table(), &path), Some(format!("b/t/{}", names.join("/"))));
    }
}
