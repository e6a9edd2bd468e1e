//! The operator's commands on a deployment: a stack whose outputs lead to a DynamoDB table and a keyring in an emulated
//! AWS that checks keys, roles and signed URLs. Not run without the emulator.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should stop"
)]

use std::fs;
use std::path::Path;
use std::process::Output;
use std::sync::Arc;
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_cloudformation::types::{Capability, StackStatus};
use serde_json::{Value, json};
use shared::auth::activation::dynamo::DynamoLinks;
use shared::auth::activation::{Activations, Codes};
use shared::auth::dynamo::DynamoTokenStore;
use shared::auth::keyring::Keyrings;
use shared::auth::keyring::secret::KeyringSecret;
use shared::auth::secrets::SecretTokenStore;
use shared::auth::stored::{StoredTokens, TokenStore};
use shared::auth::{Gate, Holder, Tokens};
use shared::catalog::FindTable;
use shared::catalog::dynamo::DynamoCatalog;
use shared::catalog::dynamo::write::DynamoProviderCatalog;
use shared::catalog::write::{ProviderCatalog, RecipientRecord, Status, TokenRecord};
use shared::clock::SystemClock;
use shared::credentials::assumed::AssumedSessions;
use shared::credentials::sts::StsRoles;
use shared::discovery::Probing;
use shared::error::Error;
use shared::model::location::DataRole;
use shared::model::name::RecipientName;
use shared::model::rule::RecipientRules;
use shared::secret::Secret;
use shared::storage::s3::{AssumedReach, S3LogStore};

#[path = "../../../tests/src/emulator.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    clippy::print_stdout,
    reason = "the emulator of all tests, not every part of which is needed here"
)]
mod emulator;
#[path = "harness/program.rs"]
mod program;

use emulator::DynamoTable;
use program::{Folder, spillway};

const REGION: &str = "us-east-1";
const ACCOUNT: &str = "000000000000";
/// How often a new stack is looked at before it counts as failed, every 50 ms.
const STACK_LOOKS_MAX: usize = 600;
/// A bucket's name whose dots no certificate covers, and a prefix that must be encoded exactly once.
const BUCKET: &str = "data.of-commands";
const PREFIX: &str = "a b/covid+x";

/// A deployment of one test: names of its own, in the emulator of all.
struct Deployment {
    table: DynamoTable,
    config: SdkConfig,
    endpoint: String,
    folder: Folder,
    stack: String,
    role: String,
}

impl Deployment {
    /// A deployment whose tokens are kept in that store; none without the emulator.
    async fn new(token_store: &str) -> Option<Self> {
        let emulator = emulator::Emulator::shared()?;
        let endpoint = emulator.endpoint().to_owned();
        let tables = DynamoTable::everywhere().await;
        let table = tables.into_iter().find(DynamoTable::checks_keys)?;
        let keys = Credentials::new("test", "test", None, None, "tests");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .credentials_provider(SharedCredentialsProvider::new(keys))
            .region(Region::from_static(REGION))
            .endpoint_url(&endpoint)
            .build();
        let stack = format!("{}-{token_store}", table.name);
        let role = format!("arn:aws:iam::{ACCOUNT}:role/{stack}");
        let it = Self { table, config, endpoint, folder: Folder::new(), stack, role };
        it.deploy(token_store).await;
        Some(it)
    }

    /// A stack with the outputs of the template, a keyring, and a role that may read the data and that everybody in the
    /// account may assume.
    async fn deploy(&self, token_store: &str) {
        let keyring = json!({"current": "k1", "k1": "x".repeat(64)}).to_string();
        let trust = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": format!("arn:aws:iam::{ACCOUNT}:root")},
        }]});
        let policy = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket"],
            "Resource": [format!("arn:aws:s3:::{BUCKET}"), format!("arn:aws:s3:::{BUCKET}/*")],
        }]});
        let template = json!({
            "Resources": {
                "Keyring": {"Type": "AWS::SecretsManager::Secret", "Properties": {
                    "Name": format!("{}-keyring", self.stack), "SecretString": keyring,
                }},
                "FunctionLogs": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": self.log_group()}},
                "DataRole": {"Type": "AWS::IAM::Role", "Properties": {
                    "RoleName": self.stack, "AssumeRolePolicyDocument": trust,
                    "Policies": [{"PolicyName": "read", "PolicyDocument": policy}],
                }},
            },
            "Outputs": {
                "TableName": {"Value": self.table.name},
                "KeyringSecretArn": {"Value": {"Fn::GetAtt": ["Keyring", "Id"]}},
                "Endpoint": {"Value": "https://share.example.org/delta-sharing"},
                "DataRoleArn": {"Value": self.role},
                "TokenStore": {"Value": token_store},
                "TokenSecretPrefix": {"Value": self.token_prefix()},
                "FunctionLogGroup": {"Value": {"Ref": "FunctionLogs"}},
            },
        });
        let client = aws_sdk_cloudformation::Client::new(&self.config);
        let created = client
            .create_stack()
            .stack_name(&self.stack)
            .template_body(template.to_string())
            .capabilities(Capability::CapabilityNamedIam)
            .send()
            .await;
        created.unwrap();
        for _ in 0..STACK_LOOKS_MAX {
            let answer = client.describe_stacks().stack_name(&self.stack).send().await.unwrap();
            match answer.stacks()[0].stack_status().unwrap() {
                StackStatus::CreateComplete => return,
                StackStatus::CreateInProgress => tokio::time::sleep(Duration::from_millis(50)).await,
                other => panic!("the stack is not made: {other:?}"),
            }
        }
        panic!("the stack is not made in time");
    }

    fn log_group(&self) -> String {
        format!("{}-logs", self.stack)
    }

    /// Writes lines as a function's would be.
    async fn log(&self, lines: &[String]) {
        let client = aws_sdk_cloudwatchlogs::Client::new(&self.config);
        let (group, now) = (self.log_group(), SystemClock::shared().now().millis());
        client.create_log_stream().log_group_name(&group).log_stream_name("a").send().await.unwrap();
        let event = |line: &String| {
            let event = aws_sdk_cloudwatchlogs::types::InputLogEvent::builder().message(line).timestamp(now);
            event.build().unwrap()
        };
        let put = client.put_log_events().log_group_name(&group).log_stream_name("a");
        put.set_log_events(Some(lines.iter().map(event).collect())).send().await.unwrap();
    }

    fn token_prefix(&self) -> String {
        format!("{}/tokens/", self.stack)
    }

    async fn upload(&self, table: &Path) {
        self.upload_to(PREFIX, table).await;
    }

    async fn upload_to(&self, prefix: &str, table: &Path) {
        let settings = aws_sdk_s3::config::Builder::from(&self.config).force_path_style(true).build();
        let client = aws_sdk_s3::Client::from_conf(settings);
        // Another test may have made it.
        let _ = client.create_bucket().bucket(BUCKET).send().await;
        for file in files_below(table) {
            let key = format!("{prefix}/{}", file.strip_prefix(table).unwrap().to_str().unwrap());
            client.put_object().bucket(BUCKET).key(key).body(fs::read(&file).unwrap().into()).send().await.unwrap();
        }
    }

    fn run(&self, command: &[&str]) -> Output {
        let state = self.folder.text("profiles");
        spillway()
            .args(command)
            .args(["--stack", &self.stack, "--state", &state])
            .envs([("AWS_ENDPOINT_URL", self.endpoint.as_str()), ("AWS_REGION", REGION)])
            .envs([("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")])
            .env_remove("AWS_SESSION_TOKEN")
            .output()
            .unwrap()
    }

    fn does(&self, command: &[&str]) -> String {
        let output = self.run(command);
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn json(&self, command: &[&str]) -> Value {
        serde_json::from_str(&self.does(&[command, &["--json"]].concat())).unwrap()
    }

    fn fails(&self, command: &[&str]) -> String {
        let output = self.run(command);
        assert!(!output.status.success(), "{command:?} succeeded");
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
        text
    }

    /// Tables as a function that reads them finds them, for somebody whom nothing was said to yet.
    fn finds(&self) -> impl FindTable {
        let config = &self.config;
        let clock = SystemClock::shared();
        let role = DataRole { arn: self.role.clone(), external_id: None };
        let roles = Arc::new(StsRoles::new(config));
        let sessions = AssumedSessions::new(roles, Some(role), REGION, Arc::clone(&clock));
        let reach = AssumedReach::shared(config, Some(self.endpoint.clone()), sessions);
        let catalog = DynamoCatalog::new(self.table.client.clone(), &self.table.name, clock);
        Probing::new(catalog, Arc::new(S3LogStore::new(reach)))
    }

    /// Whose a token is to a function that knows nothing yet.
    async fn holder_of(&self, store: Arc<dyn TokenStore>, profile: &str) -> Option<Holder> {
        let client = aws_sdk_secretsmanager::Client::new(&self.config);
        let keyring = KeyringSecret::new(client, format!("{}-keyring", self.stack), SystemClock::shared());
        let tokens = StoredTokens::new(store, Arc::new(keyring), SystemClock::shared());
        let token = Secret::new(self.folder.token(&format!("{profile}.share")));
        tokens.holder_of(&token).await.unwrap()
    }
}

fn files_below(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files
}

#[tokio::test]
async fn a_table_on_s3_is_shared_through_the_stacks_role() {
    let Some(deployment) = Deployment::new("dynamodb").await else { return };
    let tables = local::demo::write_tables(&deployment.folder.join("data")).await.unwrap();
    deployment.upload(&tables.covid).await;

    deployment.does(&["share", "create", "sales"]);
    let location = format!("s3a://{BUCKET}/{PREFIX}/");
    let added = deployment.json(&["table", "add", "sales.eu.covid", "--location", &location]);
    assert_eq!(added["table"]["location"], format!("s3://{BUCKET}/{PREFIX}"));
    assert_eq!((&added["validation"]["version"], &added["note"]), (&8.into(), &Value::Null));
    let said = deployment.fails(&["table", "add", "sales.eu.none", "--location", &format!("s3://{BUCKET}/none")]);
    assert!(said.contains("no Delta table at"), "{said}");
    let said = deployment.fails(&["table", "add", "sales.eu.other", "--location", "s3://another-bucket/t"]);
    assert!(said.contains("(AccessDenied); reading needs s3:ListBucket") && !said.contains("<Code>"), "{said}");
    let said = deployment.fails(&["table", "add", "sales.eu.here", "--location", tables.cars.to_str().unwrap()]);
    assert!(said.contains("copy the table to S3"), "{said}");

    let script = format!(
        "CREATE TABLE covid USING DELTA LOCATION '{location}'; CREATE SHARE more; ALTER SHARE more ADD TABLE covid; \
         SHOW ALL IN SHARE more"
    );
    let said = deployment.does(&["sql", &script, "--dry-run"]);
    assert!(said.starts_with("Would register table 'covid': version 8") && said.contains("default  covid"), "{said}");
    assert!(deployment.does(&["sql", "SHOW TABLES"]).starts_with("No tables are registered."));
    deployment.does(&["sql", &script]);
    let tables = deployment.json(&["table", "list", "more"]);
    assert_eq!(tables["tables"][0]["location"], format!("s3://{BUCKET}/{PREFIX}"));
    deployment.does(&["sql", "DROP SHARE more CASCADE; DROP TABLE covid"]);

    // The endpoint is nobody's here; everything else the doctor really tries.
    let checked = deployment.run(&["doctor", "--json"]);
    let checked: Value = serde_json::from_slice(&checked.stdout).unwrap();
    let outcomes: Vec<_> = checked["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|check| (check["check"].as_str().unwrap(), check["outcome"].as_str().unwrap()))
        .filter(|(check, _)| !matches!(*check, "endpoint" | "clock"))
        .collect();
    let step = |name: &'static str| ["sales.eu.covid: ", name].concat();
    let steps = ["role", "region", "log", "features", "signed URL"].map(step);
    let mut wanted = vec![("identity", "ok"), ("catalogue", "ok"), ("keyring", "ok")];
    wanted.extend(steps.iter().map(|step| (step.as_str(), "ok")));
    assert_eq!(outcomes, wanted, "{checked:#}");
}

#[tokio::test]
async fn a_schema_shares_what_lies_in_a_place_and_lists_what_was_noted() {
    let Some(deployment) = Deployment::new("dynamodb").await else { return };
    let tables = local::demo::write_tables(&deployment.folder.join("data")).await.unwrap();
    // Each test of this file has a place of its own in the one bucket.
    let place = format!("place {}", deployment.stack);
    for name in ["cars", "Twin", "twin", "no name"] {
        deployment.upload_to(&format!("{place}/{name}"), &tables.cars).await;
    }
    deployment.upload_to(&format!("{place}/not-a-table"), &tables.cars.join("_delta_log")).await;
    deployment.upload_to(&format!("{place}-beside/other"), &tables.cars).await;

    deployment.does(&["share", "create", "s"]);
    deployment.does(&["recipient", "create", "acme", "--profile", &deployment.folder.text("acme.share")]);
    deployment.does(&["grant", "s", "acme"]);
    let location = format!("s3://{BUCKET}/{place}/");
    let said = deployment.fails(&["schema", "add", "s.eu", "--location", &format!("{location}cars")]);
    assert!(said.contains("is a Delta table itself"), "{said}");
    let added = deployment.json(&["schema", "add", "s.eu", "--location", &location, "--history"]);
    assert_eq!((&added["tables"], &added["new"]), (&json!(["cars"]), &json!(["cars"])));
    assert_eq!(added["skipped"].as_array().unwrap().len(), 2, "{added:#}");
    let listed = || {
        let tables = deployment.json(&["table", "list", "s"])["tables"].clone();
        let row =
            |table: &Value| (table["name"].as_str().unwrap().to_owned(), table["id"].as_str().unwrap().to_owned());
        tables.as_array().unwrap().iter().map(row).collect::<Vec<_>>()
    };
    let first = listed();
    assert_eq!(first.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["cars"]);

    // A table that is written later is found by who knows its name, and listed once it was noted, under the same id.
    deployment.upload_to(&format!("{place}/later"), &tables.cars).await;
    let id = deployment.json(&["recipient", "show", "acme"])["recipient"]["id"].as_str().unwrap().to_owned();
    let acme = Gate::open(id.as_str()).admit(&http::HeaderMap::new(), None).await.unwrap();
    let finds = deployment.finds();
    let found = finds.find_table(&acme, "s", "EU", "later").await.unwrap();
    assert_eq!(listed(), first);
    for name in ["none", "not-a-table", "..", "other", "no name", "Later"] {
        let missing = finds.find_table(&acme, "s", "eu", name).await;
        assert!(matches!(missing, Err(Error::TableNotFound { .. })), "{name}: {missing:?}");
    }
    let doctor = deployment.run(&["doctor"]);
    let seen = String::from_utf8(doctor.stdout).unwrap();
    assert!(seen.contains("1 of them can be read and are not listed yet"), "{seen}");
    let refreshed = deployment.json(&["schema", "refresh"]);
    assert_eq!(refreshed["refreshed"][0]["new"], json!(["later"]));
    let second = listed();
    assert_eq!((&second[0], &second[1]), (&first[0], &("later".to_owned(), found.id)));
    assert!(deployment.finds().find_table(&acme, "s", "eu", "LATER").await.is_ok());
    assert!(deployment.fails(&["table", "remove", "s.eu.later"]).contains("would be found again"));

    deployment.does(&["sql", "ALTER SHARE s REMOVE SCHEMA eu"]);
    assert!(listed().is_empty());
    for name in ["cars", "later"] {
        let missing = deployment.finds().find_table(&acme, "s", "eu", name).await;
        assert!(matches!(missing, Err(Error::TableNotFound { .. })), "{name}: {missing:?}");
    }
}

/// What the function behind a link would hand over: a token that is good, once.
async fn a_link_hands_over(deployment: &Deployment, store: Arc<dyn TokenStore>) {
    let made = deployment.json(&["token", "rotate", "acme"]);
    let url = made["link"]["url"].as_str().unwrap();
    let code = url.strip_prefix("https://share.example.org/delta-sharing/activate/").unwrap();
    let client = aws_sdk_secretsmanager::Client::new(&deployment.config);
    let keyring = KeyringSecret::new(client, format!("{}-keyring", deployment.stack), SystemClock::shared());
    let keyring: Arc<dyn Keyrings> = Arc::new(keyring);
    let links = DynamoLinks::new(deployment.table.client.clone(), &deployment.table.name);
    let codes = Codes::under(Arc::clone(&keyring));
    let activations = Activations::new(codes, Arc::new(links), SystemClock::shared());
    let opened = activations.open(code, None).await.unwrap();
    assert_eq!(opened.recipient().name(), "acme");
    let token = activations.take(&opened).await.unwrap();
    let tokens = StoredTokens::new(store, keyring, SystemClock::shared());
    let holder = tokens.holder_of(&token).await.unwrap().expect("the token is not good");
    assert_eq!(made["token"]["id"], holder.token_id.unwrap());
    assert!(activations.take(&opened).await.is_err() && activations.open(code, None).await.is_err());
}

/// The life of a recipient, with the functions' own way of checking its tokens.
async fn life_of_a_recipient(deployment: &Deployment, store: Arc<dyn TokenStore>) {
    let made = deployment.json(&["recipient", "create", "acme", "--profile", &deployment.folder.text("acme.share")]);
    assert_eq!(made["endpoint"], "https://share.example.org/delta-sharing");
    let holder = deployment.holder_of(Arc::clone(&store), "acme").await.expect("the token is not good");
    assert_eq!((holder.recipient_name.as_str(), &made["recipient"]["id"]), ("acme", &holder.recipient_id.into()));
    assert_eq!(made["token"]["id"], holder.token_id.unwrap());
    assert!(deployment.fails(&["recipient", "create", "ACME"]).contains("exists already"));

    deployment.does(&["recipient", "disable", "acme"]);
    assert_eq!(deployment.holder_of(Arc::clone(&store), "acme").await, None, "let in while disabled");
    deployment.does(&["recipient", "enable", "acme"]);
    assert!(deployment.holder_of(Arc::clone(&store), "acme").await.is_some());

    deployment.does(&["token", "rotate", "acme", "--profile", &deployment.folder.text("acme-2.share")]);
    for profile in ["acme", "acme-2"] {
        assert!(
            deployment.holder_of(Arc::clone(&store), profile).await.is_some(),
            "{profile} is not good in the grace"
        );
    }
    deployment.does(&[
        "token",
        "rotate",
        "acme",
        "--grace",
        "0s",
        "--profile",
        &deployment.folder.text("acme-3.share"),
    ]);
    for (profile, good) in [("acme", false), ("acme-2", false), ("acme-3", true)] {
        assert_eq!(deployment.holder_of(Arc::clone(&store), profile).await.is_some(), good, "{profile}");
    }
    a_link_hands_over(deployment, Arc::clone(&store)).await;
    let shown = deployment.json(&["recipient", "show", "acme"]);
    assert_eq!(shown["tokens"].as_array().unwrap().len(), 4);

    let said = deployment.does(&["sql", "ALTER RECIPIENT acme REVOKE ALL TOKENS"]);
    assert!(said.starts_with("Revoked 2 tokens of recipient 'acme' (the functions notice within a minute)"), "{said}");
    for profile in ["acme", "acme-2", "acme-3"] {
        assert_eq!(deployment.holder_of(Arc::clone(&store), profile).await, None, "{profile} is good after all");
    }
    let said = deployment.does(&["sql", "ALTER RECIPIENT acme ROTATE TOKEN"]);
    assert!(said.contains("https://share.example.org/delta-sharing/activate/"), "{said}");
    deployment.does(&["token", "rotate", "acme", "--profile", &deployment.folder.text("acme-4.share")]);
    assert!(deployment.holder_of(Arc::clone(&store), "acme-4").await.is_some());

    deployment.does(&["share", "create", "s"]);
    deployment.does(&["grant", "s", "acme"]);
    assert!(deployment.fails(&["share", "delete", "s"]).contains("1 grant"));
    deployment.does(&["recipient", "delete", "acme"]);
    assert_eq!(deployment.holder_of(store, "acme-4").await, None, "let in after it was deleted");
    deployment.does(&["share", "delete", "s"]);
}

#[tokio::test]
async fn recipients_whose_tokens_are_in_the_catalogue() {
    let Some(deployment) = Deployment::new("dynamodb").await else { return };
    let store = DynamoTokenStore::new(deployment.table.client.clone(), deployment.table.name.clone());
    life_of_a_recipient(&deployment, Arc::new(store)).await;
}

#[tokio::test]
async fn recipients_whose_tokens_are_in_secrets() {
    let Some(deployment) = Deployment::new("secretsmanager").await else { return };
    let client = aws_sdk_secretsmanager::Client::new(&deployment.config);
    let store = SecretTokenStore::new(client, deployment.token_prefix());
    life_of_a_recipient(&deployment, Arc::new(store)).await;
}

/// What a program leaves that is killed between the catalogue and the secret.
async fn begun(catalog: &DynamoProviderCatalog, name: &str) -> RecipientRecord {
    let recipient = RecipientRecord {
        name: RecipientName::parse(name).unwrap(),
        id: format!("id-of-{name}"),
        comment: None,
        status: Status::Active,
        rules: RecipientRules::default(),
        created_at: None,
    };
    let token = TokenRecord {
        id: format!("token-of-{name}"),
        recipient_id: recipient.id.clone(),
        hash: "0".repeat(64),
        key_id: None,
        not_before: None,
        expires_at: None,
        status: Status::Active,
        created_at: None,
    };
    catalog.create_recipient(&recipient, &token).await.unwrap();
    recipient
}

#[tokio::test]
async fn a_recipient_without_a_secret_is_finished_by_the_same_command() {
    let Some(deployment) = Deployment::new("secretsmanager").await else { return };
    let secrets = aws_sdk_secretsmanager::Client::new(&deployment.config);
    let store = Arc::new(SecretTokenStore::new(secrets, deployment.token_prefix()));
    let catalog = DynamoProviderCatalog::new(deployment.table.client.clone(), &deployment.table.name);
    let holder = async |name: &str| deployment.holder_of(store.clone(), name).await;
    let create = async |name: &str, more: &[&str]| {
        let profile = deployment.folder.text(&format!("{name}.share"));
        deployment.run(&[&["recipient", "create", name, "--profile", &profile][..], more].concat())
    };
    deployment.does(&["share", "create", "s"]);

    // Its creation was broken off: the same command makes the token, and what it was given meanwhile stays.
    let acme = begun(&catalog, "acme").await;
    deployment.does(&["grant", "s", "acme"]);
    assert!(create("acme", &[]).await.status.success());
    assert_eq!(holder("acme").await.unwrap().recipient_id, acme.id);
    let shown = deployment.json(&["recipient", "show", "acme"]);
    assert_eq!((&shown["recipient"]["id"], shown["grants"].as_array().unwrap().len()), (&acme.id.into(), 1));
    assert!(deployment.fails(&["recipient", "create", "acme"]).contains("exists already"));
    assert!(deployment.does(&["sql", "CREATE RECIPIENT IF NOT EXISTS acme"]).contains("ROTATE TOKEN"));
    let beta = begun(&catalog, "beta").await;
    let said = deployment.does(&["sql", "CREATE RECIPIENT IF NOT EXISTS beta"]);
    assert!(said.contains("/activate/"), "{said}");
    assert!(store.holds(&beta.id).await.unwrap());

    // Rules can be changed before; they hold from the first token on. Another command is no repetition.
    begun(&catalog, "ruled").await;
    deployment.does(&["sql", "ALTER RECIPIENT ruled IP ACCESS LIST ('203.0.113.0/24')"]);
    deployment.does(&["sql", "ALTER RECIPIENT ruled REVOKE ALL TOKENS"]);
    let refused = create("ruled", &[]).await;
    assert!(String::from_utf8_lossy(&refused.stderr).contains("spillway token rotate ruled"), "{refused:?}");
    assert!(create("ruled", &["--ip", "203.0.113.0/24"]).await.status.success());
    assert_eq!(holder("ruled").await.unwrap().rules.access.networks.len(), 1);

    // A deletion that was broken off takes everything with it, whether it is repeated or the name is taken anew.
    for name in ["gone", "again"] {
        assert!(create(name, &[]).await.status.success());
        deployment.does(&["grant", "s", name]);
        let recipient = RecipientName::parse(name).unwrap();
        let id = catalog.recipient(&recipient).await.unwrap().unwrap().id;
        catalog.set_recipient_status(&recipient, Status::Disabled).await.unwrap();
        store.delete(&id).await.unwrap();
        assert_eq!(holder(name).await, None);
    }
    deployment.does(&["recipient", "delete", "gone"]);
    assert!(deployment.fails(&["recipient", "show", "gone"]).contains("no recipient 'gone'"));
    deployment.does(&["sql", "CREATE RECIPIENT again"]);
    assert_eq!(deployment.json(&["recipient", "show", "again"])["grants"], json!([]));

    // Deleting ends in the catalogue, too, where everything is well.
    deployment.does(&["recipient", "delete", "acme"]);
    assert_eq!((holder("acme").await, store.holds("id-of-acme").await.unwrap()), (None, false));
}

#[tokio::test]
async fn what_functions_logged_and_what_operators_changed_is_told() {
    let Some(deployment) = Deployment::new("dynamodb").await else { return };
    deployment.does(&["share", "create", "sales"]);
    let made = deployment.json(&["recipient", "create", "acme"]);
    deployment.does(&["grant", "sales", "acme"]);

    assert!(deployment.does(&["audit"]).starts_with("0 requests since "));
    let line = |table: &str, code: Option<&str>| {
        let line = json!({
            "timestamp": SystemClock::shared().now().to_iso(), "level": "INFO", "target": "spillway::audit",
            "message": "answered", "requestId": "x", "route": "query-table", "share": "sales", "schema": "eu",
            "table": table, "recipientId": made["recipient"]["id"], "version": 7, "status": code.map_or(200, |_| 404),
            "errorCode": code, "outcome": "completed", "filesReturned": 3, "bytesSent": 4_000, "latencyMs": 5,
        });
        line.to_string()
    };
    let other = json!({"level": "WARN", "target": "spillway", "message": "something else"}).to_string();
    deployment.log(&[line("orders", None), other, "START".into(), line("none", Some("TABLE_NOT_FOUND"))]).await;
    let told = deployment.json(&["audit", "--recipient", "acme"]);
    let total = &told["totals"][0];
    assert_eq!(
        (&total["recipient"], &total["table"], &total["bytes"]),
        (&"acme".into(), &"orders".into(), &4_000.into())
    );
    assert_eq!(
        (told["events"].as_array().unwrap().len(), &told["refused"][0]["errorCode"]),
        (2, &"TABLE_NOT_FOUND".into())
    );

    let told = deployment.json(&["audit", "--admin"]);
    let changes = told["changes"].as_array().unwrap();
    let acts: Vec<_> = changes.iter().map(|change| change["act"].as_str().unwrap()).collect();
    assert_eq!(acts, ["create share", "make link", "create recipient", "grant"]);
    let principal = format!("arn:aws:iam::{ACCOUNT}:root");
    assert!(changes.iter().all(|change| change["actor"] == principal.as_str()), "{told:#}");
    let table = &deployment.table.name;
    let without_stack = spillway()
        .args(["audit", "--table-name", table])
        .envs([("AWS_ENDPOINT_URL", deployment.endpoint.as_str()), ("AWS_REGION", REGION)])
        .envs([("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")])
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&without_stack.stderr).contains("name the stack with --stack"));
}

#[tokio::test]
async fn a_deployment_that_is_not_understood_is_left_alone() {
    let Some(deployment) = Deployment::new("elsewhere").await else { return };
    assert!(deployment.fails(&["share", "list"]).contains("keeps its tokens in 'elsewhere'"));
    let nowhere = Deployment { stack: "no-such-stack".into(), ..deployment };
    assert!(nowhere.fails(&["share", "list"]).contains("there is no stack 'no-such-stack'"));
}
