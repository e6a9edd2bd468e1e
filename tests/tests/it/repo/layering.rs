//! Who may import whom in `shared`. Reads every `crate::` path of its sources and names the rule that one breaks.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const VOCABULARY: [&str; 7] = ["bounded", "clock", "entropy", "error", "limits", "model", "secret"];
const WIRE: [&str; 1] = ["wire"];
const ENGINES: [&str; 11] = [
    "audit",
    "auth",
    "catalog",
    "credentials",
    "delta",
    "discovery",
    "predicate",
    "presign",
    "provider",
    "seal",
    "storage",
];
const HANDLERS: [&str; 1] = ["handlers"];
const DELIVERY: [&str; 6] = ["config", "env", "http", "lambda", "route", "telemetry"];

/// One engine may use another only through its trait, or an adapter the adapter it is made for.
const BETWEEN_ENGINES: [(&str, &str); 17] = [
    ("auth", "audit"),          // notes what its memory knew
    ("catalog", "audit"),       // notes what its memory knew
    ("credentials", "audit"),   // notes what its memory knew
    ("discovery", "auth"),      // its tests let recipients in
    ("discovery", "catalog"),   // adds to what `FindTable` and the lists know
    ("discovery", "storage"),   // looks into places through `LogStore` and `FolderStore`
    ("delta", "storage"),       // reads objects through `LogStore`
    ("delta", "audit"),         // notes what the cache of chunks knew
    ("delta", "seal"),          // chunks are sealed
    ("storage", "credentials"), // reads with the keys of `Sessions`
    ("presign", "credentials"), // signs with the same keys
    ("presign", "storage"),     // asks `Reaches` for them, and where URLs lead
    ("auth", "catalog"),        // tokens are kept in the catalogue, and written by its records
    ("auth", "seal"),           // what a link hands over is sealed under its code
    ("seal", "auth"),           // page tokens are sealed under the keyring that tokens are checked with
    ("provider", "catalog"),    // reads and writes through `ProviderCatalog`
    ("provider", "auth"),       // new tokens come from `MintTokens`
];

/// The only files that may name the AWS SDK, with what lies in the folder of the same name.
const SDK_FILES: [&str; 9] = [
    "auth/activation/dynamo.rs",
    "auth/dynamo.rs",
    "auth/keyring/secret.rs",
    "auth/secrets.rs",
    "catalog/dynamo.rs",
    "catalog/item.rs",
    "credentials/sts.rs",
    "env.rs",
    "storage/s3.rs",
];

/// Adapters, which handlers never name.
const ADAPTERS: [&str; 7] = ["::dynamo", "::embedded", "catalog::file", "::s3", "::secrets", "::session", "::sts"];

fn layer(module: &str) -> Option<u8> {
    let layers: [&[&str]; 4] = [&VOCABULARY, &[WIRE.as_slice(), ENGINES.as_slice()].concat(), &HANDLERS, &DELIVERY];
    layers.iter().position(|layer| layer.contains(&module)).map(|at| at as u8)
}

/// The rule that an import breaks, if any.
fn broken_rule(from: &str, to: &str) -> Option<&'static str> {
    let (Some(above), Some(below)) = (layer(from), layer(to)) else {
        return Some("every module has a layer: add it to this test and to shared/README.md");
    };
    if from == to {
        return None;
    }
    match (above, below) {
        _ if below > above => Some("a layer imports only from those below it"),
        (0, 0) | (2, 2) | (3, 3) => None,
        (1, 1) if WIRE.contains(&from) || WIRE.contains(&to) => Some("wire and engines do not know each other"),
        (1, 1) if !BETWEEN_ENGINES.contains(&(from, to)) => Some("an engine uses another only through its trait"),
        _ => None,
    }
}

fn sources() -> Vec<(PathBuf, String)> {
    fn collect(folder: &Path, out: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, out);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                out.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/src");
    let mut paths = Vec::new();
    collect(&root, &mut paths);
    let relative = |path: &PathBuf| path.strip_prefix(&root).unwrap().to_owned();
    paths.iter().map(|path| (relative(path), fs::read_to_string(path).unwrap())).collect()
}

fn module_of(path: &Path) -> String {
    let first = path.components().next().unwrap().as_os_str().to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
}

/// What a file imports from its own crate: the first segment after `crate::`, with the whole path for the message.
fn imports(text: &str) -> BTreeSet<(String, String)> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    code.match_indices("crate::")
        .map(|(at, _)| {
            let path: String =
                code[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, ':' | '_' | '{')).collect();
            let first = path.trim_start_matches("crate::").split("::").next().unwrap().to_owned();
            (first, path)
        })
        .collect()
}

#[test]
fn imports_go_down_only() {
    let mut broken = Vec::new();
    for (path, text) in sources() {
        let from = module_of(&path);
        if from == "lib" {
            continue;
        }
        for (to, import) in imports(&text) {
            assert!(!to.starts_with('{'), "{}: write one `use crate::…` per module", path.display());
            if let Some(rule) = broken_rule(&from, &to) {
                broken.push(format!("{} imports {import}: {rule}", path.display()));
            }
            if from == "handlers" && ADAPTERS.iter().any(|adapter| import.contains(adapter)) {
                broken.push(format!("{} imports {import}: handlers never name an adapter", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn only_adapters_know_the_sdk_and_only_delivery_knows_http() {
    let mut broken = Vec::new();
    for (path, text) in sources() {
        let (name, module) = (path.to_str().unwrap(), module_of(&path));
        let adapter = SDK_FILES.iter().any(|file| name == *file || name.starts_with(&file.replace(".rs", "/")));
        if text.contains("aws_") && !adapter {
            broken.push(format!("{name} names the AWS SDK: only adapters do"));
        }
        let knows_http = text.lines().any(|line| line.starts_with("use ::http") || line.starts_with("use http_body"));
        if knows_http && !matches!(module.as_str(), "auth" | "config" | "handlers" | "http" | "lambda" | "route") {
            broken.push(format!("{name} knows HTTP: only the gate, the calls of handlers and delivery do"));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_file_says_what_it_is() {
    let silent: Vec<String> = sources()
        .into_iter()
        .filter(|(_, text)| !text.starts_with("//!") && !text.starts_with("#![doc"))
        .map(|(path, _)| path.display().to_string())
        .collect();
    assert!(silent.is_empty(), "files that do not open by saying what they are: {silent:?}");
}

#[test]
fn the_rules_catch_what_they_are_for() {
    assert!(broken_rule("model", "wire").is_some());
    assert!(broken_rule("delta", "handlers").is_some());
    assert!(broken_rule("wire", "delta").is_some());
    assert!(broken_rule("catalog", "storage").is_some());
    assert!(broken_rule("unheard_of", "model").is_some());
    assert!(broken_rule("http", "handlers").is_none());
    assert!(imports("use crate::model::page::Page;\n// crate::handlers").iter().all(|(to, _)| to == "model"));
}
