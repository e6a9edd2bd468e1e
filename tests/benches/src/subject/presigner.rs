//! One presigned URL, as each file's line needs it.

use std::hint::black_box;

use shared::model::location::{Endpoint, TableLocation};
use shared::model::version::TimestampMs;
use shared::presign::UrlSigner;
use shared::presign::sigv4::{SigningKeys, Target};
use shared::secret::{Secret, SignedUrl};

use super::Subject;
use super::samples::{Sample, Turn};

/// About as long as those of assumed roles are.
const TOKEN_BYTES: usize = 1_000;
const NOW: TimestampMs = TimestampMs::new(1_767_225_600_000);
const LIFETIME_SECS: i64 = 3_600;

/// With the session token of a role.
pub(super) fn with_token() -> Result<Subject, String> {
    subject("presigner", Some(token()))
}

/// With keys that need no session token.
pub(super) fn without_token() -> Result<Subject, String> {
    subject("presigner, no session token", None)
}

fn subject(name: &'static str, token: Option<String>) -> Result<Subject, String> {
    let (mut signer, mut url) = (signer(token)?, SignedUrl::new());
    let (samples, mut turn) = (Sample::several()?, Turn::new());
    Ok(Subject::new(name, "URL", move || {
        if let Some(sample) = turn.of(&samples) {
            signer.sign(black_box(sample.path()), &mut url);
            black_box(url.reveal());
        }
    }))
}

/// A signer of a table on AWS.
pub(super) fn signer(token: Option<String>) -> Result<UrlSigner, String> {
    let keys = SigningKeys {
        access_key_id: "AKIAIOSFODNN7EXAMPLE".into(),
        secret_access_key: Secret::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
        session_token: token.map(Secret::new),
    };
    let target = Target { region: "eu-central-1".into(), endpoint: Endpoint::Standard };
    let table = TableLocation::new("bench-bucket", "warehouse/sales");
    UrlSigner::new(&table, &target, &keys, NOW, LIFETIME_SECS).map_err(|error| error.to_string())
}

/// A text like the session tokens of temporary credentials: base64, so that some of it must be percent-encoded.
pub(super) fn token() -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    ALPHABET.iter().cycle().step_by(37).take(TOKEN_BYTES).map(|&byte| char::from(byte)).collect()
}
