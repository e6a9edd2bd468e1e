//! The signer makes, byte for byte, the URLs that the AWS SDK's own presigner makes: on AWS and on other stores, with
//! temporary credentials and without, for whatever key an object can have.

use std::time::{Duration, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Region};
use aws_sdk_s3::presigning::PresigningConfig;
use proptest::prelude::*;
use shared::model::area::{ObjectKey, Root};
use shared::model::location::{Endpoint, TableLocation};
use shared::model::version::TimestampMs;
use shared::presign::UrlSigner;
use shared::presign::sigv4::{SigningKeys, Target};
use shared::secret::{Secret, SignedUrl};
use tokio::runtime::Runtime;

/// One place to sign for, and by whom.
#[derive(Debug, Clone)]
struct Place {
    bucket: &'static str,
    region: &'static str,
    endpoint: Option<&'static str>,
    session_token: Option<&'static str>,
}

const TOKEN: &str = "IQoJb3JpZ2luX2VjEJr//////////wEaDmV1LWNlbnRyYWwtMSJ+/aB4=";

/// Virtual-hosted, path style for a dotted bucket, path style for another store; with and without a session.
const PLACES: [Place; 8] = [
    Place { bucket: "plain-bucket", region: "us-east-1", endpoint: None, session_token: None },
    Place { bucket: "plain-bucket", region: "eu-west-1", endpoint: None, session_token: Some(TOKEN) },
    Place { bucket: "with.dots.example", region: "eu-central-1", endpoint: None, session_token: None },
    Place { bucket: "with.dots.example", region: "us-east-1", endpoint: None, session_token: Some(TOKEN) },
    Place { bucket: "china", region: "cn-north-1", endpoint: None, session_token: None },
    Place { bucket: "local", region: "us-east-1", endpoint: Some("http://127.0.0.1:9000"), session_token: None },
    Place {
        bucket: "local.dots",
        region: "auto",
        endpoint: Some("https://store.example.com"),
        session_token: Some(TOKEN),
    },
    Place {
        bucket: "local",
        region: "us-east-1",
        endpoint: Some("https://store.example.com:8443"),
        session_token: None,
    },
];

const KEY_ID: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

impl Place {
    fn client(&self) -> Client {
        let credentials = Credentials::new(KEY_ID, SECRET, self.session_token.map(str::to_owned), None, "test");
        let mut config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(self.region))
            .credentials_provider(credentials);
        if let Some(endpoint) = self.endpoint {
            config = config.endpoint_url(endpoint).force_path_style(true);
        }
        Client::from_conf(config.build())
    }

    /// The SDK's URL.
    async fn expected(&self, client: &Client, key: &str, at: TimestampMs, lifetime_secs: i64) -> String {
        let config = PresigningConfig::builder()
            .start_time(UNIX_EPOCH + Duration::from_millis(at.millis().unsigned_abs()))
            .expires_in(Duration::from_secs(lifetime_secs.unsigned_abs()))
            .build()
            .unwrap();
        let request = client.get_object().bucket(self.bucket).key(key).presigned(config).await.unwrap();
        assert_eq!(request.headers().count(), 0, "a URL alone would not do");
        request.uri().to_owned()
    }

    /// Our URL for a key below a table's prefix.
    fn signed(&self, prefix: &str, key: &str, at: TimestampMs, lifetime_secs: i64) -> String {
        let endpoint = self.endpoint.map_or(Endpoint::Standard, |endpoint| Endpoint::Custom(endpoint.to_owned()));
        let target = Target { region: self.region.to_owned(), endpoint };
        let keys = SigningKeys {
            access_key_id: KEY_ID.into(),
            secret_access_key: Secret::new(SECRET),
            session_token: self.session_token.map(Secret::new),
        };
        let table = TableLocation::new(self.bucket, prefix);
        let mut signer = UrlSigner::new(&table, &target, &keys, at, lifetime_secs).unwrap();
        assert_eq!(signer.expires_at(), at.whole_secs().plus_secs(lifetime_secs));
        let mut url = SignedUrl::new();
        // A buffer that was used before, as it is from file to file.
        signer.sign("another/file", &mut url);
        signer.sign(key, &mut url);
        // A file of an auxiliary location gets the URL that it would get in a table of its own.
        let elsewhere = TableLocation::new("another-bucket", "x").with_auxiliary([table]);
        let mut from_elsewhere = UrlSigner::new(&elsewhere, &target, &keys, at, lifetime_secs).unwrap();
        let mut same = SignedUrl::new();
        from_elsewhere.sign_object(ObjectKey { root: Root::Auxiliary(0), key }, &mut same).unwrap();
        assert_eq!(same.reveal(), url.reveal());
        let nowhere = ObjectKey { root: Root::Auxiliary(1), key };
        assert!(from_elsewhere.sign_object(nowhere, &mut same).is_err());
        url.reveal().to_owned()
    }
}

/// Segments of every kind of character, most of them of the kind that has to be encoded.
fn segment() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9=_.-]{1,20}|[ -.:-~]{1,12}|\\PC{1,8}|[%+&?#=~* ]{1,6}"
        .prop_filter("a key's segment", |text| !matches!(text.as_str(), "" | "." | "..") && !text.contains(['/', '\0']))
}

fn path(segments: impl Into<proptest::collection::SizeRange>) -> impl Strategy<Value = String> {
    proptest::collection::vec(segment(), segments).prop_map(|segments| segments.join("/"))
}

#[test]
fn byte_equal_to_the_sdk() {
    let runtime = Runtime::new().unwrap();
    let places: Vec<(Place, Client)> = PLACES.iter().map(|place| (place.clone(), place.client())).collect();
    let config = ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() };
    // 2000 to 2037, and every lifetime that there may be.
    proptest!(config, |(prefix in path(0..3), key in path(1..4), at in 946_684_800_000_i64..2_114_380_800_000, lifetime in 1_i64..=604_800)| {
        let at = TimestampMs::new(at);
        for (place, client) in &places {
            let whole = if prefix.is_empty() { key.clone() } else { format!("{prefix}/{key}") };
            // The SDK takes a key of blanks alone for none.
            prop_assume!(!whole.trim().is_empty());
            let expected = runtime.block_on(place.expected(client, &whole, at, lifetime));
            prop_assert_eq!(place.signed(&prefix, &key, at, lifetime), expected, "{:?}", place);
        }
    });
}

#[test]
fn a_url_is_plain_ascii_that_json_need_not_escape() {
    proptest!(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }, |(prefix in path(0..2), key in path(1..3))| {
        for place in &PLACES {
            let url = place.signed(&prefix, &key, TimestampMs::new(1_700_000_000_000), 3600);
            prop_assert!(url.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\' | b'<' | b'>')), "{}", url);
        }
    });
}
