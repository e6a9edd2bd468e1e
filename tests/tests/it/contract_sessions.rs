//! Sessions of assumed roles, against an emulator that enforces IAM and verifies signatures: what a session reaches, what
//! it does not, and until when. The role may do anything to the bucket, so whatever is refused is the session's doing.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_s3::config::{BehaviorVersion, Region};
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::primitives::ByteStream;
use aws_types::SdkConfig;
use http::HeaderMap;
use reqwest::{Client, Method};
use shared::auth::Gate;
use shared::clock::{Clock, FixedClock, SystemClock};
use shared::credentials::assumed::AssumedSessions;
use shared::credentials::sts::StsRoles;
use shared::error::{Error, chain};
use shared::limits::{SESSION_REFRESH_SECS, URL_TTL_SESSION_SECS_MIN};
use shared::model::location::{DataRole, Reach, TableLocation};
use shared::model::name::{SchemaName, ShareName, TableName};
use shared::model::recipient::Recipient;
use shared::model::rule::Terms;
use shared::model::securable::{History, Table};
use shared::presign::session::SessionPresigner;
use shared::presign::sigv4::Target;
use shared::presign::{Presigner, UrlSigner};
use shared::secret::SignedUrl;
use shared::storage::LogStore;
use shared::storage::s3::{AssumedReach, Reaches, S3LogStore};
use tests::emulator::Emulator;

/// The account and region of the emulator.
const ACCOUNT: &str = "000000000000";
const REGION: &str = "us-east-1";

const EXTERNAL_ID: &str = "only-ours";

/// A role that may do anything to one bucket, for who knows the external id; and a user who may assume it and nothing else.
const SETUP: &str = r#"
import boto3, json, sys
name, account, external_id = sys.argv[1:]
iam, s3 = boto3.client("iam"), boto3.client("s3")
def policy(**statement): return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})
s3.create_bucket(Bucket=name)
trust = policy(Principal={"AWS": f"arn:aws:iam::{account}:root"}, Action="sts:AssumeRole",
               Condition={"StringEquals": {"sts:ExternalId": external_id}})
iam.create_role(RoleName=name, Path="/delta-sharing/", AssumeRolePolicyDocument=trust)
everything = policy(Action="s3:*", Resource=[f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"])
iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=everything)
iam.create_user(UserName=name)
role = f"arn:aws:iam::{account}:role/delta-sharing/{name}"
iam.put_user_policy(UserName=name, PolicyName="assume", PolicyDocument=policy(Action="sts:AssumeRole", Resource=role))
key = iam.create_access_key(UserName=name)["AccessKey"]
print(key["AccessKeyId"], key["SecretAccessKey"])
"#;

/// Names as writers make them, below a table's root.
const ODD_NAMES: [&str; 6] = [
    "part-0.parquet",
    "d=a b/x y.parquet",
    "p=100%25/f%20.parquet",
    "s=*/$?.parquet",
    "ü=grün/\u{1f4c8}.parquet",
    "q=a+b&c=d/f;.parquet",
];

/// A server's keys, and a bucket and role of their own, which have one name.
struct Sharing {
    emulator: Arc<Emulator>,
    name: String,
    config: SdkConfig,
    recipient: Recipient,
}

impl Sharing {
    async fn start() -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let emulator = Emulator::shared()?;
        let name = format!("sessions-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::SeqCst));
        #[expect(clippy::disallowed_methods, reason = "the emulator's own Python has what the setup needs")]
        let python = std::env::var_os("SPILLWAY_EMULATOR")?;
        let made = Command::new(python)
            .args(["-c", SETUP, &name, ACCOUNT, EXTERNAL_ID])
            .envs([("AWS_ENDPOINT_URL", emulator.endpoint()), ("AWS_DEFAULT_REGION", REGION)])
            .envs([("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")])
            .output()
            .unwrap();
        let printed = String::from_utf8(made.stdout).unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let (id, secret) = printed.trim().split_once(' ').unwrap();
        let config = config(&emulator, Credentials::new(id, secret, None, None, "test"));
        let recipient = Gate::open("acme").admit(&HeaderMap::new(), None).await.unwrap();
        Some(Self { emulator, name, config, recipient })
    }

    fn reach(&self) -> Arc<dyn Reaches> {
        let roles = Arc::new(StsRoles::new(&self.config));
        let sessions = AssumedSessions::new(roles, None, REGION, SystemClock::shared());
        AssumedReach::shared(&self.config, Some(self.emulator.endpoint().to_owned()), sessions)
    }

    /// Puts objects as the bucket's owner.
    async fn put(&self, keys: &[String]) {
        let config = config(&self.emulator, Credentials::new("test", "test", None, None, "test"));
        let settings = aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build();
        let owner = aws_sdk_s3::Client::from_conf(settings);
        for key in keys {
            let body = ByteStream::from(format!("content of {key}").into_bytes());
            owner.put_object().bucket(&self.name).key(key).body(body).send().await.unwrap();
        }
    }

    fn location(&self, prefix: &str) -> TableLocation {
        self.reached_with(prefix, Some(EXTERNAL_ID))
    }

    fn reached_with(&self, prefix: &str, external_id: Option<&str>) -> TableLocation {
        let role = DataRole {
            arn: format!("arn:aws:iam::{ACCOUNT}:role/delta-sharing/{}", self.name),
            external_id: external_id.map(str::to_owned),
        };
        TableLocation::new(&self.name, prefix).reached_by(Reach { role: Some(role), ..Reach::default() })
    }

    fn table(&self, prefix: &str) -> Table {
        Table {
            share: ShareName::parse("s").unwrap(),
            share_id: "s1".into(),
            schema: SchemaName::parse("d").unwrap(),
            name: TableName::parse("t").unwrap(),
            id: "cars".into(),
            location: self.location(prefix),
            history: History::NotShared,
            terms: Terms::default(),
        }
    }

    async fn signer(&self, table: &Table, clock: Arc<dyn Clock>) -> UrlSigner {
        SessionPresigner::new(self.reach(), clock, 7200).signer(table, &self.recipient).await.unwrap()
    }
}

fn config(emulator: &Emulator, keys: Credentials) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static(REGION))
        .endpoint_url(emulator.endpoint())
        .credentials_provider(SharedCredentialsProvider::new(keys))
        .build()
}

fn signed(signer: &mut UrlSigner, key: &str) -> String {
    let mut url = SignedUrl::new();
    signer.sign(key, &mut url);
    url.reveal().to_owned()
}

async fn status(method: Method, url: &str) -> u16 {
    Client::new().request(method, url).send().await.unwrap().status().as_u16()
}

/// The URL without one of its parameters.
fn without(url: &str, parameter: &str) -> String {
    let (path, query) = url.split_once('?').unwrap();
    let kept: Vec<&str> = query.split('&').filter(|pair| !pair.starts_with(parameter)).collect();
    assert!(kept.len() < query.split('&').count(), "{parameter}");
    format!("{path}?{}", kept.join("&"))
}

#[tokio::test]
async fn a_reader_reaches_its_log_and_nothing_else() {
    let Some(sharing) = Sharing::start().await else { return };
    let keys =
        ["t 1/ü%/_delta_log/0.json", "t 1/ü%/data.parquet", "t 1/ü%/_delta_log2/0.json", "other/_delta_log/0.json"];
    sharing.put(&keys.map(str::to_owned)).await;
    let (reach, table) = (sharing.reach(), sharing.location("t 1/ü%"));
    let store = S3LogStore::new(Arc::clone(&reach));

    let names: Vec<String> = store.list(&table, None).await.unwrap().into_iter().map(|entry| entry.name).collect();
    assert_eq!(names, ["0.json"]);
    assert!(store.get(&table, "0.json", 1000).await.unwrap().is_some());
    assert_eq!(store.get(&table, "1.json", 1000).await.unwrap(), None);
    assert_eq!(&store.get_range(&table, "0.json", 0..7).await.unwrap()[..], b"content");

    let client = reach.client(&table).await.unwrap();
    for prefix in ["other/_delta_log/", "t 1/ü%/", "t 1/ü%/_delta_log", "t 1/ü%/_delta_log2/", ""] {
        let refused = client.list_objects_v2().bucket(&sharing.name).prefix(prefix).send().await.unwrap_err();
        assert_eq!(refused.code(), Some("AccessDenied"), "listing {prefix:?}");
    }
    for key in &keys[1..] {
        let refused = client.get_object().bucket(&sharing.name).key(*key).send().await.unwrap_err();
        assert_eq!(refused.code(), Some("AccessDenied"), "reading {key:?}");
    }
    let own = client.put_object().bucket(&sharing.name).key(keys[0]).send().await.unwrap_err();
    assert_eq!(own.code(), Some("AccessDenied"));
}

#[tokio::test]
async fn a_signed_url_is_its_object_and_nothing_else() {
    let Some(sharing) = Sharing::start().await else { return };
    let prefix = "a b/ü%25/t";
    let table = sharing.table(prefix);
    let mut keys: Vec<String> = ODD_NAMES.iter().map(|name| format!("{prefix}/{name}")).collect();
    keys.extend(["a b/ü%25/t2/part-0.parquet".to_owned(), "elsewhere/part-0.parquet".to_owned()]);
    sharing.put(&keys).await;

    let clock = SystemClock::shared();
    let mut signer = sharing.signer(&table, Arc::clone(&clock)).await;
    for (name, key) in ODD_NAMES.iter().zip(&keys) {
        let answer = Client::new().get(signed(&mut signer, name)).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{name}");
        assert_eq!(answer.text().await.unwrap(), format!("content of {key}"));
    }
    assert_eq!(status(Method::GET, &signed(&mut signer, "no-such-file")).await / 100, 4);

    let url = signed(&mut signer, ODD_NAMES[0]);
    assert_eq!(status(Method::GET, &url.replace("part-0", "part-1")).await, 403, "another key");
    assert_eq!(status(Method::PUT, &url).await, 403, "another method");
    assert_eq!(status(Method::DELETE, &url).await, 403, "another method");
    let longer = url.replace("X-Amz-Expires=", "X-Amz-Expires=9");
    assert_eq!(status(Method::GET, &longer).await, 403, "a longer life");
    assert!(matches!(status(Method::GET, &without(&url, "X-Amz-Security-Token")).await, 400 | 403));
    assert!(matches!(status(Method::GET, &without(&url, "X-Amz-Signature")).await, 400 | 403));

    // Signed rightly, with the very keys of the session, for what lies outside the table.
    let signing = sharing.reach().signing(&table, &sharing.recipient).await.unwrap();
    let target = Target { region: signing.region, endpoint: signing.endpoint };
    for outside in ["a b/ü%25/t2", "elsewhere", "a b/ü%25"] {
        let outside = TableLocation::new(&sharing.name, outside);
        let mut wider = UrlSigner::new(&outside, &target, &signing.keys, clock.now(), 900).unwrap();
        assert_eq!(status(Method::GET, &signed(&mut wider, "part-0.parquet")).await, 403, "{}", outside.prefix());
    }
}

#[tokio::test]
async fn a_url_ends_when_it_says() {
    let Some(sharing) = Sharing::start().await else { return };
    sharing.put(&["ends/f".to_owned()]).await;
    let now = SystemClock::shared().now();

    let mut fresh = sharing.signer(&sharing.table("ends"), Arc::new(FixedClock(now))).await;
    let lives_secs = (fresh.expires_at().millis() - now.millis()) / 1000;
    assert!((SESSION_REFRESH_SECS - 60..3600).contains(&lives_secs), "{lives_secs}");
    assert_eq!(status(Method::GET, &signed(&mut fresh, "f")).await, 200);

    // Signed so long ago that the stated end is a few seconds before or a minute after now.
    let over = FixedClock(now.plus_secs(-7205));
    let mut over = sharing.signer(&sharing.table("ends"), Arc::new(over)).await;
    assert!(over.expires_at() < now && over.expires_at().millis() > now.millis() - 10_000);
    assert_eq!(status(Method::GET, &signed(&mut over, "f")).await, 403);
    let mut nearly = sharing.signer(&sharing.table("ends"), Arc::new(FixedClock(now.plus_secs(-7140)))).await;
    assert!(nearly.expires_at() > now);
    assert_eq!(status(Method::GET, &signed(&mut nearly, "f")).await, 200);

    let short = SessionPresigner::new(sharing.reach(), Arc::new(FixedClock(now)), 60);
    let short = short.signer(&sharing.table("ends"), &sharing.recipient).await.unwrap();
    assert!(short.expires_at().millis() - now.millis() > (URL_TTL_SESSION_SECS_MIN - 1) * 1000);
}

#[tokio::test]
async fn a_wildcard_in_a_tables_name_widens_nothing() {
    let Some(sharing) = Sharing::start().await else { return };
    sharing.put(&["wild-1/f".to_owned(), "wild-1/_delta_log/0.json".to_owned()]).await;
    for prefix in ["wild*", "wild-?", "*"] {
        let signing = sharing.reach().signing(&sharing.table(prefix), &sharing.recipient).await.unwrap();
        let target = Target { region: signing.region, endpoint: signing.endpoint };
        let beside = TableLocation::new(&sharing.name, "wild-1");
        let now = SystemClock::shared().now();
        let mut signer = UrlSigner::new(&beside, &target, &signing.keys, now, 900).unwrap();
        assert_eq!(status(Method::GET, &signed(&mut signer, "f")).await, 403, "{prefix}");
        let client = sharing.reach().client(&sharing.location(prefix)).await.unwrap();
        let refused =
            client.list_objects_v2().bucket(&sharing.name).prefix("wild-1/_delta_log/").send().await.unwrap_err();
        assert_eq!(refused.code(), Some("AccessDenied"), "{prefix}");
    }
}

#[tokio::test]
async fn a_role_asks_for_its_external_id_and_is_never_left_out() {
    let Some(sharing) = Sharing::start().await else { return };
    let store = S3LogStore::new(sharing.reach());
    for external_id in [None, Some("guessed")] {
        let refused = store.list(&sharing.reached_with("t", external_id), None).await.unwrap_err();
        assert!(matches!(refused, Error::StorageDenied(_)), "{refused:?}");
        assert!(chain(&refused).contains("AccessDenied") && !chain(&refused).contains("arn:"), "{}", chain(&refused));
    }
    let without_role = store.list(&TableLocation::new(&sharing.name, "t"), None).await.unwrap_err();
    assert!(matches!(without_role, Error::StorageDenied(_)), "{without_role:?}");
}

#[tokio::test]
async fn a_session_names_recipient_and_table() {
    let Some(sharing) = Sharing::start().await else { return };
    let keys = sharing.reach().signing(&sharing.table("t"), &sharing.recipient).await.unwrap().keys;
    let token = keys.session_token.unwrap().reveal().to_owned();
    let keys = Credentials::new(keys.access_key_id, keys.secret_access_key.reveal(), Some(token), None, "test");
    let config = config(&sharing.emulator, keys);
    let identity = aws_sdk_sts::Client::new(&config).get_caller_identity().send().await.unwrap();
    assert!(identity.arn().unwrap().ends_with("/ds-acme@cars"), "{identity:?}");
}

#[tokio::test]
async fn a_url_is_signed_with_a_session_that_ends_with_the_grant() {
    let Some(sharing) = Sharing::start().await else { return };
    sharing.put(&["t/a.parquet".to_owned()]).await;
    let clock = SystemClock::shared();
    let mut table = sharing.table("t");
    table.terms.window.until = Some(clock.now().plus_secs(300));
    let mut signer = sharing.signer(&table, clock.clone()).await;
    assert!(signer.expires_at() <= clock.now().plus_secs(300));
    let url = signed(&mut signer, "a.parquet");
    assert_eq!(status(Method::GET, &url).await, 200);
    // Not that of a grant without an end.
    let endless = signed(&mut sharing.signer(&sharing.table("t"), clock.clone()).await, "a.parquet");
    let token = |url: &str| url.split('&').find(|pair| pair.starts_with("X-Amz-Security-Token=")).unwrap().to_owned();
    assert_ne!(token(&url), token(&endless));
    table.terms.window.until = Some(clock.now().plus_secs(-1));
    let over = SessionPresigner::new(sharing.reach(), clock, 7200).signer(&table, &sharing.recipient).await;
    assert!(matches!(over, Err(Error::TableNotFound { .. })));
}
