//! What the documents say, compared with what the code does.

use std::fs;
use std::path::Path;
use std::process::Command;

use shared::delta::features::{FEATURES, Treatment};
use shared::route::ROUTES;

fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The rows of README's route list: `| GET | /shares | … |`.
fn readme_routes() -> Vec<(String, String)> {
    let cell = |text: &str| text.trim().trim_matches('`').to_owned();
    file("README.md")
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix('|')?.split('|').map(cell);
            let (method, path) = (cells.next()?, cells.next()?);
            (method.len() <= 5 && method.chars().all(|c| c.is_ascii_uppercase()) && path.starts_with('/'))
                .then_some((method, path))
        })
        .collect()
}

#[test]
fn the_readme_lists_exactly_the_routes_there_are() {
    let table: Vec<_> = ROUTES.iter().map(|route| (route.method.to_owned(), route.path.to_owned())).collect();
    assert_eq!(readme_routes(), table);
}

#[test]
fn the_gateway_has_a_handler_for_every_route_but_health() {
    let mut wanted: Vec<_> = ROUTES.iter().map(|route| route.id).filter(|id| *id != "health").collect();
    wanted.sort_unstable();
    wanted.dedup();
    let text = file("functions/local/src/gateway.rs");
    let mut found: Vec<&str> = text
        .lines()
        .filter_map(|line| line.split_once("(\"")?.1.split_once("\", Arc::new(").map(|(id, _)| id))
        .collect();
    found.sort_unstable();
    assert_eq!(found, wanted);
}

/// The names in backquotes in the second cell of README's row that begins so.
fn readme_features(served: &str) -> Vec<String> {
    let readme = file("README.md");
    let row =
        readme.lines().find(|line| line.starts_with(&format!("| {served}"))).expect("README lost a row of features");
    let cell = row.split('|').nth(2).expect("two cells");
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Tells a treatment of features.
type Treated = fn(&Treatment) -> bool;

#[test]
fn the_readme_says_of_every_feature_what_the_code_does() {
    let named = |wanted: Treated| -> Vec<&str> {
        FEATURES.iter().filter(|feature| wanted(&feature.treatment)).map(|feature| feature.name).collect()
    };
    let rows: [(&str, Treated); 3] = [
        ("in both formats", |treatment| matches!(treatment, Treatment::Unseen)),
        ("in delta format", |treatment| matches!(treatment, Treatment::Needed { .. })),
        ("not: refused", |treatment| matches!(treatment, Treatment::Refused)),
    ];
    for (served, wanted) in rows {
        assert_eq!(readme_features(served), named(wanted), "{served}");
    }
}

#[test]
fn every_folder_in_the_readmes_map_exists() {
    let readme = file("README.md");
    let map: Vec<&str> = readme.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let folders: Vec<_> = map.into_iter().filter(|name| name.ends_with('/')).collect();
    assert!(folders.len() >= 5, "the README's map of folders is gone");
    for folder in folders {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder);
        assert!(path.is_dir(), "README.md names {folder}, which is not there");
    }
}

#[test]
fn the_visible_top_level_is_what_it_should_be() {
    let wanted = [
        "Cargo.lock",
        "Cargo.toml",
        "LICENSE",
        "Makefile",
        "README.md",
        "functions",
        "infra",
        "rust-toolchain.toml",
        "shared",
        "template.yaml",
        "tests",
    ];
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(&root)
        .output()
        .unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let mut top: Vec<&str> =
        listed.lines().map(|path| path.split('/').next().unwrap()).filter(|name| !name.starts_with('.')).collect();
    top.sort_unstable();
    top.dedup();
    assert_eq!(top, wanted);
}
