//! A server to ask: the one that people run, in this process, over tables in a temporary folder. Requests go through a
//! socket, so that what is tested is what a client gets.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use local::embedded_s3::Roots;
use local::locations::Locator;
use local::server::{Server, Settings, bind};
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use shared::audit::log::LogAudit;
use shared::auth::Gate;
use shared::auth::activation::NoLinks;
use shared::auth::embedded::EmbeddedTokens;
use shared::catalog::document::CatalogDocument;
use shared::catalog::file::CatalogSource;
use shared::catalog::index::{Index, Order};
use shared::clock::{Clock, SystemClock};
use shared::secret::{Secret, TokenHash};

/// The token of the recipient that was granted every share.
pub const TOKEN: &str = "everything";
/// The token of a recipient that was granted only the shares whose names begin with `other`.
pub const OTHER_TOKEN: &str = "others";

/// A running server over a folder.
pub struct TestServer {
    endpoint: String,
    client: reqwest::Client,
    server: Option<Server>,
    folder: Option<tempfile::TempDir>,
    root: PathBuf,
}

/// An answer, read whole.
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub text: String,
}

impl Answer {
    /// The body's lines as JSON.
    pub fn lines(&self) -> Vec<Value> {
        self.text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"))).collect()
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    /// A header's value, empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Status, headers that the protocol speaks of, and body, for a snapshot; signatures and times masked.
    pub fn shown(&self) -> String {
        let names = [
            "content-type",
            "content-length",
            "delta-table-version",
            "delta-sharing-capabilities",
            "fileidhash",
            "allow",
            "www-authenticate",
            "content-encoding",
        ];
        let headers: String = names
            .iter()
            .filter(|name| self.headers.contains_key(**name))
            .map(|name| format!("{name}: {}\n", self.header(name)))
            .collect();
        format!("{}\n{headers}\n{}", self.status, self.text.lines().map(masked).collect::<Vec<_>>().join("\n"))
    }
}

/// A line without what differs from run to run: signed URLs keep the key only.
fn masked(line: &str) -> String {
    fn mask(value: &mut Value) {
        match value {
            Value::Object(map) => {
                for (key, value) in map.iter_mut() {
                    match (key.as_str(), &*value) {
                        ("url" | "path", Value::String(url)) if url.contains("X-Amz-Signature=") => {
                            let path = url.split('?').next().unwrap().splitn(5, '/').nth(4).unwrap();
                            *value = format!("signed URL of {path}").into();
                        }
                        ("expirationTimestamp", Value::Number(_)) => *value = "a moment".into(),
                        ("timestamp", Value::Number(_)) => *value = "a commit's moment".into(),
                        ("nextPageToken", Value::String(_)) => *value = "a page token".into(),
                        ("refreshToken", Value::String(_)) => *value = "a refresh token".into(),
                        ("minUrlExpirationTimestamp", Value::Number(_)) => *value = "a moment".into(),
                        _ => mask(value),
                    }
                }
            }
            Value::Array(items) => items.iter_mut().for_each(mask),
            _ => {}
        }
    }
    match serde_json::from_str::<Value>(line) {
        Ok(mut value) => {
            mask(&mut value);
            value.to_string()
        }
        Err(_) => line.to_owned(),
    }
}

/// A catalogue document of `share.schema.table` names, each table the folder of its own name below the root.
pub fn document(names: &[&str]) -> CatalogDocument {
    let mut shares: Vec<Value> = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let [share, schema, table] = name.splitn(3, '.').collect::<Vec<_>>().try_into().expect("share.schema.table");
        let place = |list: &mut Vec<Value>, name: &str, new: Value| {
            let found = list.iter().position(|entry| entry["name"] == name);
            found.unwrap_or_else(|| {
                list.push(new);
                list.len() - 1
            })
        };
        let at_share = place(&mut shares, share, json!({"name": share, "id": format!("id of {share}"), "schemas": []}));
        let schemas = shares[at_share]["schemas"].as_array_mut().unwrap();
        let at_schema = place(schemas, schema, json!({"name": schema, "tables": []}));
        schemas[at_schema]["tables"]
            .as_array_mut()
            .unwrap()
            .push(json!({"name": table, "id": format!("table {at}"), "location": table, "historyShared": true}));
    }
    let hash = |token: &str| TokenHash::of(&Secret::new(token)).to_hex();
    let ids = |keep: &dyn Fn(&str) -> bool| -> Vec<&Value> {
        shares.iter().filter(|share| keep(share["name"].as_str().unwrap())).map(|share| &share["id"]).collect()
    };
    let recipients = json!([
        {"name": "all", "id": "r1", "tokens": [{"sha256": hash(TOKEN)}], "grants": ids(&|_| true)},
        {"name": "other", "id": "r2", "tokens": [{"sha256": hash(OTHER_TOKEN)}], "grants": ids(&|name| name.starts_with("other"))},
    ]);
    serde_json::from_value(json!({"formatVersion": 1, "shares": shares, "recipients": recipients})).unwrap()
}

impl TestServer {
    /// Serves these tables (`share.schema.table`) of a new folder; [`TestServer::table`] is where a table is to be put.
    pub async fn of(names: &[&str]) -> Self {
        Self::serving(document(names), |_| {}).await
    }

    /// Serves a document's tables of a new folder, with other settings.
    pub async fn serving(document: CatalogDocument, change: impl FnOnce(&mut Settings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let mut server = Self::over(document, &root, change).await;
        server.folder = Some(folder);
        server
    }

    /// Serves a document's tables of a folder that is there.
    pub async fn over(document: CatalogDocument, root: &Path, change: impl FnOnce(&mut Settings)) -> Self {
        let (clock, roots) = (SystemClock::shared(), Roots::new());
        let locator = Locator::new(roots.clone(), root);
        let index = Index::new(&document, Order::Sorted, &|text: &str| locator.locate(text)).unwrap();
        let catalog: Arc<dyn CatalogSource> = Arc::new(Arc::new(index));
        let tokens = EmbeddedTokens::new(Arc::clone(&catalog), Arc::clone(&clock));
        let mut settings = Settings {
            listener: bind("127.0.0.1", 0).await.unwrap(),
            host: "127.0.0.1".into(),
            endpoint: "/delta-sharing".into(),
            tls: None,
            catalog,
            gate: Gate::new(Arc::new(tokens)),
            roots,
            s3_endpoint: None,
            first_byte_within: None,
            url_ttl_secs: 600,
            clock,
            audit: Arc::new(LogAudit),
            links: Arc::new(NoLinks),
            contact: None,
        };
        change(&mut settings);
        let server = Server::start(settings).await.unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self {
            endpoint: server.endpoint().to_owned(),
            client,
            server: Some(server),
            folder: None,
            root: root.to_owned(),
        }
    }

    /// The folder of a table.
    pub fn table(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// The endpoint's URL.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// A request with the token, for a path below the endpoint, sent as it is.
    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = method.parse().unwrap();
        self.client.request(method, format!("{}{path}", self.endpoint)).bearer_auth(TOKEN)
    }

    /// Gets a path.
    pub async fn get(&self, path: &str) -> Answer {
        send(self.request("GET", path)).await
    }

    /// Queries a table of share `s`, schema `d`.
    pub async fn query(&self, table: &str, body: Value, capabilities: &str) -> Answer {
        let mut request = self.request("POST", &format!("/shares/s/schemas/d/tables/{table}/query")).json(&body);
        if !capabilities.is_empty() {
            request = request.header("delta-sharing-capabilities", capabilities);
        }
        send(request).await
    }

    /// Fetches a signed URL as a client would: without the token.
    pub async fn fetch(&self, url: &str) -> (u16, Vec<u8>) {
        let answer = self.client.get(url).send().await.unwrap();
        (answer.status().as_u16(), answer.bytes().await.unwrap().to_vec())
    }

    /// Ends the server after the answers under way.
    pub async fn stop(mut self) {
        if let Some(server) = self.server.take() {
            server.stop().await;
        }
    }
}

/// Sends a request and reads the whole answer.
pub async fn send(request: reqwest::RequestBuilder) -> Answer {
    let answer = request.send().await.unwrap();
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    Answer { status, headers, text: answer.text().await.unwrap() }
}

/// A clock that tests set.
#[derive(Debug)]
pub struct HandClock(pub std::sync::atomic::AtomicI64);

impl Clock for HandClock {
    fn now(&self) -> shared::model::version::TimestampMs {
        shared::model::version::TimestampMs::new(self.0.load(std::sync::atomic::Ordering::SeqCst))
    }

    fn uptime(&self) -> std::time::Duration {
        std::time::Duration::ZERO
    }
}
