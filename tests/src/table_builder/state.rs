//! What a table holds after its commits so far (Delta protocol, "Action Reconciliation"): the newest protocol and
//! metadata, the newest word on every file, transaction and domain. This is what a checkpoint is written from.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// A file is named by its path as in the log and its deletion vector, if it has one.
type FileKey = (String, String);

/// The reconciled actions, each without the wrapper that names its kind.
#[derive(Debug)]
pub(super) struct State {
    pub(super) protocol: Value,
    pub(super) metadata: Value,
    files: BTreeMap<FileKey, Value>,
    tombstones: BTreeMap<FileKey, Value>,
    transactions: BTreeMap<String, Value>,
    domains: BTreeMap<String, Value>,
}

impl State {
    pub(super) fn new(protocol: Value, metadata: Value) -> Self {
        Self {
            protocol,
            metadata,
            files: BTreeMap::new(),
            tombstones: BTreeMap::new(),
            transactions: BTreeMap::new(),
            domains: BTreeMap::new(),
        }
    }

    /// Takes in a commit's actions. Within a commit a file may be removed and added with another deletion vector, in
    /// either order, so files are told apart by both.
    pub(super) fn apply(&mut self, actions: &[Value]) {
        for action in actions {
            let (kind, body) = action.as_object().and_then(|action| action.iter().next()).unwrap();
            match kind.as_str() {
                "protocol" => self.protocol = body.clone(),
                "metaData" => self.metadata = body.clone(),
                "add" => {
                    self.tombstones.remove(&key(body));
                    self.files.insert(key(body), body.clone());
                }
                "remove" => {
                    self.files.remove(&key(body));
                    self.tombstones.insert(key(body), body.clone());
                }
                "txn" => {
                    self.transactions.insert(body["appId"].as_str().unwrap().to_owned(), body.clone());
                }
                "domainMetadata" => {
                    self.domains.insert(body["domain"].as_str().unwrap().to_owned(), body.clone());
                }
                _ => {}
            }
        }
    }

    /// The `add` of a file that the table holds.
    pub(super) fn live(&self, path: &str) -> Option<&Value> {
        let first = self.files.range((path.to_owned(), String::new())..).next();
        first.filter(|((at, _), _)| at == path).map(|(_, add)| add)
    }

    pub(super) fn live_paths(&self) -> Vec<String> {
        self.files.keys().map(|(path, _)| path.clone()).collect()
    }

    pub(super) fn file_count(&self) -> usize {
        self.files.len()
    }

    /// The actions of a checkpoint that are about the table.
    pub(super) fn table_rows(&self) -> Vec<Value> {
        let mut rows = vec![json!({"protocol": self.protocol}), json!({"metaData": self.metadata})];
        rows.extend(self.transactions.values().map(|txn| json!({"txn": txn})));
        let kept = self.domains.values().filter(|domain| domain["removed"] != json!(true));
        rows.extend(kept.map(|domain| json!({"domainMetadata": domain})));
        rows
    }

    /// The actions of a checkpoint that are about files. None of them changes data: a checkpoint says what is.
    pub(super) fn file_rows(&self) -> Vec<Value> {
        let unchanged = |kind: &str, body: &Value| {
            let mut row = json!({kind: body});
            row[kind]["dataChange"] = json!(false);
            row
        };
        let adds = self.files.values().map(|add| unchanged("add", add));
        adds.chain(self.tombstones.values().map(|remove| unchanged("remove", remove))).collect()
    }
}

fn key(body: &Value) -> FileKey {
    let vector = match &body["deletionVector"] {
        Value::Null => String::new(),
        vector => format!("{}{}@{}", vector["storageType"], vector["pathOrInlineDv"], vector["offset"]),
    };
    (body["path"].as_str().unwrap().to_owned(), vector)
}
