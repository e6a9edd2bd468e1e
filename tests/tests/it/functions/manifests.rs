//! What each function is made of: uniform manifests, wiring and nothing else, no library that its route does not need, and
//! a router for `cargo lambda watch` that says what the route table says.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use shared::route::ROUTES;

/// Routes that no function answers: the API answers this one by itself.
const WITHOUT_FUNCTION: [&str; 1] = ["health"];

/// Functions that read nothing but the catalogue.
const LISTS: [&str; 6] = ["activation", "get-share", "list-all-tables", "list-schemas", "list-shares", "list-tables"];

pub(super) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The folders of functions, sorted, without the local process.
pub(super) fn function_ids() -> Vec<String> {
    let mut ids: Vec<String> = fs::read_dir(root().join("functions"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "local")
        .collect();
    ids.sort_unstable();
    ids
}

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO")).args(arguments).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "cargo {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn there_is_a_function_for_every_route() {
    let mut wanted: Vec<_> = ROUTES.iter().map(|route| route.id).filter(|id| !WITHOUT_FUNCTION.contains(id)).collect();
    wanted.sort_unstable();
    wanted.dedup();
    assert_eq!(function_ids(), wanted);
}

#[test]
fn manifests_differ_in_name_and_features_only() {
    for id in function_ids() {
        let text = fs::read_to_string(root().join(format!("functions/{id}/Cargo.toml"))).unwrap();
        let shared = text.lines().find(|line| line.starts_with("shared = { workspace = true, features = [")).unwrap();
        let wanted = format!(
            "[package]\nname = \"{id}\"\nversion.workspace = true\nedition.workspace = true\nrust-version.workspace = \
             true\nlicense.workspace = true\npublish.workspace = true\n\n[lints]\nworkspace = true\n\n[dependencies]\n\
             {shared}\ntokio.workspace = true\n"
        );
        assert_eq!(text, wanted);
    }
}

#[test]
fn mains_only_wire() {
    for id in function_ids() {
        let text = fs::read_to_string(root().join(format!("functions/{id}/src/main.rs"))).unwrap();
        assert!(text.lines().count() <= 14, "{id}: a main is wiring");
        assert!(text.starts_with(&format!("//! The function `{id}`: ")), "{id}: the first line names the route");
        assert!(text.contains(&format!("lambda::serve(\"{id}\", ")), "{id}: serves another route");
        for route in ROUTES.iter().filter(|route| route.id == id) {
            let end = route.path.rsplit_once("/tables/").map_or(route.path, |(_, end)| end);
            assert!(
                text.contains(route.method) && text.contains(end),
                "{id}: {} {} is not named",
                route.method,
                route.path
            );
        }
        let sources = fs::read_dir(root().join(format!("functions/{id}/src"))).unwrap().count();
        assert_eq!(sources, 1, "{id}: more than a main");
    }
}

#[test]
fn lists_reach_neither_parquet_nor_an_s3_client() {
    for id in LISTS {
        let tree = cargo(&["tree", "--offline", "--package", id, "--edges", "normal", "--prefix", "none"]);
        assert!(tree.contains("aws-sdk-dynamodb "), "{id}: the tree is not what it should be");
        for name in ["parquet", "arrow", "aws-sdk-s3", "deltalake", "object_store"] {
            let found = tree
                .lines()
                .find(|line| line.starts_with(&format!("{name} ")) || line.starts_with(&format!("{name}-")));
            assert_eq!(found, None, "{id} reaches {name}");
        }
    }
}

#[test]
fn the_router_of_cargo_lambda_says_what_the_route_table_says() {
    let metadata: Value =
        serde_json::from_str(&cargo(&["metadata", "--offline", "--no-deps", "--format-version", "1"])).unwrap();
    let router = metadata["metadata"]["lambda"]["watch"]["router"].as_object().expect("a router").clone();
    let mut found: Vec<(String, String, String)> = Vec::new();
    for (path, entries) in router {
        for entry in entries.as_array().unwrap() {
            let text = |key: &str| entry[key].as_str().unwrap().to_owned();
            found.push((path.clone(), text("method"), text("function")));
        }
    }
    let mut wanted: Vec<_> = ROUTES
        .iter()
        .filter(|route| !WITHOUT_FUNCTION.contains(&route.id))
        .map(|route| (route.path.to_owned(), route.method.to_owned(), route.id.to_owned()))
        .collect();
    found.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(found, wanted);
}
