//! Rules that narrow what a recipient may read: when, from where, and which partitions. Whatever a rule takes away is as
//! if it were not there.

use std::sync::{Arc, Mutex};

use local::embedded_s3::Roots;
use local::locations::Locator;
use local::server::Settings;
use serde_json::{Value, json};
use shared::auth::Gate;
use shared::auth::embedded::EmbeddedTokens;
use shared::catalog::document::CatalogDocument;
use shared::catalog::file::CatalogSource;
use shared::catalog::index::{Index, Order};
use shared::clock::Clock;
use tempfile::TempDir;
use tests::server::{Answer, OTHER_TOKEN, TOKEN, TestServer, document, send};

mod addresses;
mod elsewhere;
mod partitions;
mod status;
mod tokens;
mod union;
mod windows;

/// A table of share `s`, schema `d`.
const TABLE: &str = "/shares/s/schemas/d/tables/t";

/// A catalogue that a test changes while it is served.
struct Changing {
    index: Mutex<Arc<Index>>,
    locator: Locator,
    _folder: TempDir,
}

impl Changing {
    fn new(document: &Value, roots: Roots, folder: TempDir) -> Arc<Self> {
        let locator = Locator::new(roots, &folder.path().canonicalize().unwrap());
        let index = Mutex::new(index_of(document, &locator));
        Arc::new(Self { index, locator, _folder: folder })
    }

    fn become_like(&self, document: &Value) {
        *self.index.lock().unwrap() = index_of(document, &self.locator);
    }
}

impl CatalogSource for Changing {
    fn current(&self) -> Arc<Index> {
        Arc::clone(&self.index.lock().unwrap())
    }
}

fn index_of(document: &Value, locator: &Locator) -> Arc<Index> {
    let document: CatalogDocument = serde_json::from_value(document.clone()).unwrap();
    Arc::new(Index::new(&document, Order::Sorted, &|text: &str| locator.locate(text)).unwrap())
}

/// A catalogue with the one table, read by two recipients.
fn one_table() -> Value {
    let mut document = serde_json::to_value(document(&["s.d.t"])).unwrap();
    let share = document["shares"][0]["id"].clone();
    document["recipients"][1]["grants"] = json!([share]);
    document
}

/// The same, the table bound by rules and the recipients with properties.
fn bound(rules: Value, properties: [Value; 2]) -> Value {
    let mut document = one_table();
    document["shares"][0]["schemas"][0]["tables"][0]["partitions"] = rules;
    for (at, properties) in properties.into_iter().enumerate() {
        document["recipients"][at]["rules"] = json!({"properties": properties});
    }
    document
}

/// Serves a catalogue that can be changed, by a clock.
async fn serve(document: &Value, clock: Option<Arc<dyn Clock>>) -> (TestServer, Arc<Changing>) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let mut changing = None;
    let change = |settings: &mut Settings| {
        let catalog = Changing::new(document, settings.roots.clone(), folder);
        if let Some(clock) = clock {
            settings.clock = clock;
        }
        settings.catalog = catalog.clone();
        settings.gate = Gate::new(Arc::new(EmbeddedTokens::new(catalog.clone(), Arc::clone(&settings.clock))));
        changing = Some(catalog);
    };
    let empty = serde_json::from_value(json!({"formatVersion": 1})).unwrap();
    let server = TestServer::over(empty, &root, change).await;
    (server, changing.unwrap())
}

/// A request of one recipient.
struct Ask {
    token: &'static str,
    capabilities: &'static str,
}

const FIRST: Ask = Ask { token: TOKEN, capabilities: "" };
const OTHER: Ask = Ask { token: OTHER_TOKEN, capabilities: "" };

impl Ask {
    async fn get(&self, server: &TestServer, path: &str) -> Answer {
        self.send(server, "GET", path, None).await
    }

    async fn query(&self, server: &TestServer, body: Value) -> Answer {
        self.send(server, "POST", &format!("{TABLE}/query"), Some(body)).await
    }

    async fn send(&self, server: &TestServer, method: &str, path: &str, body: Option<Value>) -> Answer {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("{}{path}", server.endpoint());
        let mut request = client.request(method.parse().unwrap(), url).bearer_auth(self.token);
        if !self.capabilities.is_empty() {
            request = request.header("delta-sharing-capabilities", self.capabilities);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        send(request).await
    }

    /// One request of every route about the table.
    async fn every_table_route(&self, server: &TestServer) -> Vec<Answer> {
        let mut answers = Vec::new();
        for path in
            ["version", "version?startingTimestamp=2020-01-01T00:00:00Z", "metadata", "changes?startingVersion=0"]
        {
            answers.push(self.get(server, &format!("{TABLE}/{path}")).await);
        }
        answers.push(self.send(server, "HEAD", TABLE, None).await);
        for body in [json!({}), json!({"version": 0}), json!({"startingVersion": 0}), json!({"maxFiles": 1})] {
            answers.push(self.query(server, body).await);
        }
        answers
    }
}
