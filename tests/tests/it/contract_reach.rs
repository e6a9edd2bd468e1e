//! The client that reads a table's log and the signer of its URLs lead to the same place: the SDK's own presigner, on that
//! client, makes the very URL. Without a network.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use aws_sdk_s3::config::{BehaviorVersion, Region};
use aws_sdk_s3::presigning::PresigningConfig;
use aws_types::SdkConfig;
use http::HeaderMap;
use shared::auth::Gate;
use shared::clock::FixedClock;
use shared::credentials::{Purpose, Session, Sessions, SigningKeys};
use shared::error::Error;
use shared::model::location::{Endpoint, Reach, TableLocation};
use shared::model::name::{SchemaName, ShareName, TableName};
use shared::model::rule::Terms;
use shared::model::securable::{History, Table};
use shared::model::version::TimestampMs;
use shared::presign::Presigner;
use shared::presign::session::SessionPresigner;
use shared::secret::{Secret, SignedUrl};
use shared::storage::s3::{AssumedReach, Reaches};

const NOW: TimestampMs = TimestampMs::new(1_767_225_600_000);

/// One session for everything.
#[derive(Debug)]
struct OneSession;

#[async_trait::async_trait]
impl Sessions for OneSession {
    async fn session(&self, _table: &TableLocation, _purpose: Purpose<'_>) -> Result<Session, Error> {
        let keys = SigningKeys {
            access_key_id: "ASIAEXAMPLE".into(),
            secret_access_key: Secret::new("secret"),
            session_token: None,
        };
        Ok(Session { keys, ends: NOW.plus_secs(3600) })
    }
}

fn reach(server_region: &'static str, instead_of_aws: Option<&str>) -> Arc<dyn Reaches> {
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static(server_region))
        .build();
    AssumedReach::shared(&config, instead_of_aws.map(str::to_owned), Arc::new(OneSession))
}

/// The URL of one file by the SDK and by us.
async fn both(reach: &Arc<dyn Reaches>, location: TableLocation) -> (String, String) {
    const NAME: &str = "d=a b/ü+%25.parquet";
    let life = Duration::from_secs(1800);
    let client = reach.client(&location).await.unwrap();
    let start = UNIX_EPOCH + Duration::from_millis(NOW.millis().unsigned_abs());
    let config = PresigningConfig::builder().start_time(start).expires_in(life).build().unwrap();
    let key = format!("{}{NAME}", location.root_key());
    let request = client.get_object().bucket(location.bucket()).key(key).presigned(config).await.unwrap();

    let table = Table {
        share: ShareName::parse("s").unwrap(),
        share_id: "s1".into(),
        schema: SchemaName::parse("d").unwrap(),
        name: TableName::parse("t").unwrap(),
        id: "t1".into(),
        location,
        history: History::NotShared,
        terms: Terms::default(),
    };
    let presigner = SessionPresigner::new(Arc::clone(reach), Arc::new(FixedClock(NOW)), 1800);
    let recipient = Gate::open("r1").admit(&HeaderMap::new(), None).await.unwrap();
    let mut url = SignedUrl::new();
    presigner.signer(&table, &recipient).await.unwrap().sign(NAME, &mut url);
    (request.uri().to_owned(), url.reveal().to_owned())
}

#[tokio::test]
async fn client_and_signer_lead_to_the_same_place() {
    let custom = || Endpoint::Custom("https://store.example:9000".into());
    let mut hosts = Vec::new();
    for (region, endpoint) in [
        (None, Endpoint::Standard),
        (Some("us-east-1"), Endpoint::Standard),
        (Some("ap-south-1"), Endpoint::DualStack),
        (Some("us-west-2"), Endpoint::Fips),
        (Some("us-gov-west-1"), Endpoint::Fips),
        (Some("us-gov-west-1"), Endpoint::DualStack),
        (Some("cn-north-1"), Endpoint::Standard),
        (Some("cn-north-1"), Endpoint::DualStack),
        (Some("eusc-de-east-1"), Endpoint::Standard),
        (Some("auto"), custom()),
    ] {
        for bucket in ["plain", "with.dots", "sales-hrzrlukc5m36ft7okagglf3gmwluquse1b-s3alias"] {
            let reach_of_table = Reach { region: region.map(str::to_owned), endpoint: endpoint.clone(), role: None };
            let location = TableLocation::new(bucket, "a/t").reached_by(reach_of_table);
            let (sdk, ours) = both(&reach("eu-west-1", None), location).await;
            assert_eq!(ours, sdk, "{region:?} {endpoint:?}");
            hosts.push(ours.split('/').nth(2).unwrap().to_owned());
        }
    }
    assert!(hosts.contains(&"plain.s3.eu-west-1.amazonaws.com".to_owned()), "{hosts:?}");
    assert!(hosts.contains(&"s3.dualstack.ap-south-1.amazonaws.com".to_owned()), "{hosts:?}");
}

#[tokio::test]
async fn what_stands_in_for_aws_is_where_both_lead() {
    let emulated = reach("eu-west-1", Some("http://127.0.0.1:4566"));
    for endpoint in [Endpoint::Standard, Endpoint::Fips] {
        let location = TableLocation::new("b", "t").reached_by(Reach { endpoint, ..Reach::default() });
        let (sdk, ours) = both(&emulated, location).await;
        assert_eq!(ours, sdk);
        assert!(ours.starts_with("http://127.0.0.1:4566/b/t/"), "{ours}");
    }
}
