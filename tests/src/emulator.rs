//! An AWS to test against: the emulator of the environment that `SPILLWAY_EMULATOR` names (the Python of a virtual
//! environment with it), on a free port, shared by the tests of one process and ended with the last of them. A second
//! implementation of DynamoDB that runs already is named by `SPILLWAY_DYNAMODB_ENDPOINT`.

use std::ffi::OsString;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType,
};
use shared::catalog::key::{GSI1, GSI1PK, GSI1SK, PK, SK};

/// Python of the emulator's virtual environment.
const EMULATOR: &str = "SPILLWAY_EMULATOR";
/// Address of another DynamoDB.
const DYNAMODB: &str = "SPILLWAY_DYNAMODB_ENDPOINT";
/// How often a start is looked after before it counts as failed, every 100 ms.
const LOOKS_MAX: usize = 600;

/// The emulator in a process that ends with ours, however ours ends: it reads what nobody writes.
const START: &str = "
import os, sys, threading
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
sys.argv = ['ministack']
from ministack.app import main
main()
";

fn variable(name: &str) -> Option<OsString> {
    #[expect(clippy::disallowed_methods, reason = "what the test runner says")]
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// A running emulator.
#[derive(Debug)]
pub struct Emulator {
    process: Mutex<Child>,
    endpoint: String,
}

impl Emulator {
    /// The emulator of this process's tests; none, and a line that says so, when there is no environment for it.
    pub fn shared() -> Option<Arc<Self>> {
        static CURRENT: Mutex<Weak<Emulator>> = Mutex::new(Weak::new());
        let Some(python) = variable(EMULATOR) else {
            println!("not run: {EMULATOR} is not set");
            return None;
        };
        let mut current = CURRENT.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = current.upgrade() {
            return Some(running);
        }
        let started = Arc::new(Self::start(&PathBuf::from(python)));
        *current = Arc::downgrade(&started);
        Some(started)
    }

    fn start(python: &PathBuf) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let endpoint = format!("http://127.0.0.1:{port}");
        let process = Command::new(python)
            .args(["-c", START])
            .envs([("GATEWAY_PORT", port.to_string().as_str()), ("BIND_HOST", "127.0.0.1"), ("AUTH", "true")])
            .envs([("IOT_MTLS_ENABLED", "0"), ("SFTP_ENABLED", "0"), ("AWS_ENDPOINT_URL", &endpoint)])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{} does not start: {error}", python.display()));
        let emulator = Self { process: Mutex::new(process), endpoint };
        for _ in 0..LOOKS_MAX {
            let ended = emulator.process.lock().unwrap().try_wait().unwrap();
            assert!(ended.is_none(), "the emulator ended at once: {ended:?}");
            if emulator.is_ready(port) {
                return emulator;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("the emulator was not ready in time");
    }

    fn is_ready(&self, port: u16) -> bool {
        use std::io::Read;

        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
        let mut answer = String::new();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let request = b"GET /_ministack/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        stream.write_all(request).is_ok() && stream.read_to_string(&mut answer).is_ok() && answer.contains(" 200")
    }

    /// Where it answers.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = process.kill();
        let _ = process.wait();
    }
}

/// A table of its own for one test, as the template makes it.
#[derive(Debug)]
pub struct DynamoTable {
    /// A client that may do everything.
    pub client: Client,
    /// The table's name.
    pub name: String,
    endpoint: String,
    emulator: Option<Arc<Emulator>>,
}

impl DynamoTable {
    /// One table in each DynamoDB that there is to test against.
    pub async fn everywhere() -> Vec<Self> {
        let mut tables = Vec::new();
        if let Some(emulator) = Emulator::shared() {
            let endpoint = emulator.endpoint().to_owned();
            tables.push(Self::create(endpoint, Some(emulator)).await);
        }
        if let Some(endpoint) = variable(DYNAMODB) {
            tables.push(Self::create(endpoint.into_string().unwrap(), None).await);
        }
        tables
    }

    async fn create(endpoint: String, emulator: Option<Arc<Emulator>>) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("catalogue-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::SeqCst));
        let client = client(&endpoint, "test");
        let attribute = |name: &str| {
            let text = AttributeDefinition::builder().attribute_type(ScalarAttributeType::S);
            text.attribute_name(name).build().unwrap()
        };
        let key = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap();
        let index = GlobalSecondaryIndex::builder()
            .index_name(GSI1)
            .key_schema(key(GSI1PK, KeyType::Hash))
            .key_schema(key(GSI1SK, KeyType::Range))
            .projection(Projection::builder().projection_type(ProjectionType::All).build())
            .build()
            .unwrap();
        client
            .create_table()
            .table_name(&name)
            .billing_mode(BillingMode::PayPerRequest)
            .set_attribute_definitions(Some([PK, SK, GSI1PK, GSI1SK].map(attribute).into()))
            .key_schema(key(PK, KeyType::Hash))
            .key_schema(key(SK, KeyType::Range))
            .global_secondary_indexes(index)
            .send()
            .await
            .unwrap_or_else(|error| panic!("{endpoint} makes no table: {error:?}"));
        Self { client, name, endpoint, emulator }
    }

    /// Another table, with nothing in it, where this one is.
    pub async fn another(&self) -> Self {
        Self::create(self.endpoint.clone(), self.emulator.clone()).await
    }

    /// Whether it checks who is asking.
    pub fn checks_keys(&self) -> bool {
        self.emulator.is_some()
    }

    /// A client with keys that nobody was given.
    pub fn stranger(&self) -> Client {
        client(&self.endpoint, "AKIASTRANGER00000000")
    }
}

/// A client of the DynamoDB at an address.
pub fn client(endpoint: &str, access_key_id: &str) -> Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(endpoint)
        .credentials_provider(Credentials::new(access_key_id, "test", None, None, "tests"))
        .build();
    Client::from_conf(config)
}
