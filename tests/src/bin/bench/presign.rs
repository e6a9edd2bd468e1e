//! Our URL signer beside the one of `aws-sdk-s3`, on one thread, for the same keys, moment and credentials. Each is
//! used the way its users would: ours prepares once per answer, the SDK's client is made once. Both must come to the
//! same signatures.

use std::time::{Duration, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Config, Region};
use aws_sdk_s3::presigning::PresigningConfig;
use serde_json::{Value, json};
use shared::clock::{Clock, SystemClock};
use shared::model::location::{Endpoint, TableLocation};
use shared::model::version::TimestampMs;
use shared::presign::UrlSigner;
use shared::presign::sigv4::{SigningKeys, Target};
use shared::secret::{Secret, SignedUrl};

use crate::report::{median, ratio, thousands, times};

/// Batches of each signer; they take turns, so that both see the same machine.
const BATCHES: usize = 7;
const OWN_PER_BATCH: u32 = 100_000;
const SDK_PER_BATCH: u32 = 4_000;
const TOKEN_BYTES: usize = 1_000;

const BUCKET: &str = "bench-bucket";
const ROOT: &str = "warehouse/sales";
const REGION: &str = "eu-central-1";
const ACCESS_KEY_ID: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET_ACCESS_KEY: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const LIFETIME_SECS: u32 = 3_600;
/// The moment of all signatures, in seconds since 1970.
const NOW_SECS: u32 = 1_767_225_600;

/// Measures both signers and prints the comparison.
///
/// # Errors
/// When they come to different signatures.
pub(crate) async fn run() -> Result<Value, String> {
    println!("\nOne presigned URL, one thread (median of {BATCHES} batches; both came to the same signatures)\n");
    println!("{:<24}{:>9}{:>13}{:>20}", "", "own", "aws-sdk-s3", "aws-sdk-s3 : own");
    println!("{:<24}{:>9}{:>13}", "", "ns", "ns");
    let without = compare(None).await?;
    print_row("no session token", &without);
    let with = compare(Some(token())).await?;
    print_row("1,000-byte token", &with);
    Ok(json!({"withoutToken": without.json(), "withToken": with.json()}))
}

/// Time of one URL.
struct Compared {
    own: Duration,
    sdk: Duration,
}

impl Compared {
    fn json(&self) -> Value {
        let Self { own, sdk } = *self;
        json!({"ownNanoseconds": own.as_nanos(), "sdkNanoseconds": sdk.as_nanos(), "sdkToOwn": ratio(sdk, own)})
    }
}

fn print_row(label: &str, compared: &Compared) {
    let nanoseconds = |time: Duration| thousands(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    let Compared { own, sdk } = compared;
    println!("{label:<24}{:>9}{:>13}{:>20}", nanoseconds(*own), nanoseconds(*sdk), times(*sdk, *own));
}

async fn compare(token: Option<String>) -> Result<Compared, String> {
    let (mut own, sdk, clock) = (Own::new(token.clone())?, Sdk::new(token)?, SystemClock::shared());
    for number in 0..100 {
        let key = key(number);
        if parts(own.sign(&key)) != parts(&sdk.sign(&key).await?) {
            return Err(format!("the signers disagree about the key {key}"));
        }
    }
    let (mut own_times, mut sdk_times) = (Vec::new(), Vec::new());
    for _ in 0..BATCHES {
        let keys: Vec<String> = (0..OWN_PER_BATCH).map(key).collect();
        own_times.push(timed(clock.as_ref(), OWN_PER_BATCH, || {
            for key in &keys {
                std::hint::black_box(own.sign(key));
            }
        }));
        let start = clock.uptime();
        for key in keys.iter().take(SDK_PER_BATCH as usize) {
            std::hint::black_box(sdk.sign(key).await?);
        }
        sdk_times.push((clock.uptime() - start) / SDK_PER_BATCH);
    }
    Ok(Compared { own: median(own_times), sdk: median(sdk_times) })
}

/// A URL's parts, sorted: the SDK puts a session token behind the signature, which means the same.
fn parts(url: &str) -> Vec<&str> {
    let mut parts: Vec<&str> = url.split(['?', '&']).collect();
    parts.sort_unstable();
    parts
}

fn timed(clock: &dyn Clock, count: u32, work: impl FnOnce()) -> Duration {
    let start = clock.uptime();
    work();
    (clock.uptime() - start) / count
}

struct Own {
    signer: UrlSigner,
    url: SignedUrl,
}

impl Own {
    fn new(token: Option<String>) -> Result<Self, String> {
        let keys = SigningKeys {
            access_key_id: ACCESS_KEY_ID.into(),
            secret_access_key: Secret::new(SECRET_ACCESS_KEY),
            session_token: token.map(Secret::new),
        };
        let target = Target { region: REGION.into(), endpoint: Endpoint::Standard };
        let (table, now) = (TableLocation::new(BUCKET, ROOT), TimestampMs::new(i64::from(NOW_SECS) * 1_000));
        let signer = UrlSigner::new(&table, &target, &keys, now, i64::from(LIFETIME_SECS));
        Ok(Self { signer: signer.map_err(|error| error.to_string())?, url: SignedUrl::new() })
    }

    fn sign(&mut self, key: &str) -> &str {
        self.signer.sign(key, &mut self.url);
        self.url.reveal()
    }
}

struct Sdk {
    client: Client,
    presigning: PresigningConfig,
}

impl Sdk {
    fn new(token: Option<String>) -> Result<Self, String> {
        let credentials = Credentials::new(ACCESS_KEY_ID, SECRET_ACCESS_KEY, token, None, "bench");
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(credentials)
            .build();
        let presigning = PresigningConfig::builder()
            .start_time(UNIX_EPOCH + Duration::from_secs(u64::from(NOW_SECS)))
            .expires_in(Duration::from_secs(u64::from(LIFETIME_SECS)))
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self { client: Client::from_conf(config), presigning })
    }

    async fn sign(&self, key: &str) -> Result<String, String> {
        let request = self.client.get_object().bucket(BUCKET).key(format!("{ROOT}/{key}"));
        let signed = request.presigned(self.presigning.clone()).await;
        signed.map(|signed| signed.uri().to_owned()).map_err(|error| format!("aws-sdk-s3 does not sign: {error}"))
    }
}

fn key(number: u32) -> String {
    format!(
        "date=2024-05-{:02}/region=eu-west-1/part-{number:05}-7f3c9d52-8b1e-4c6a-9f40-2d5e8a1b3c7d.c000.snappy.parquet",
        number % 28 + 1
    )
}

/// A text like the session tokens of temporary credentials: base64, so that some of it must be percent-encoded.
fn token() -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    ALPHABET.iter().cycle().step_by(37).take(TOKEN_BYTES).map(|&byte| char::from(byte)).collect()
}
