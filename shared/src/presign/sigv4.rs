//! Signature Version 4 in a query string, for GET of S3 objects. The signing key and everything constant are prepared
//! once; a URL then costs one SHA-256 over the canonical request and one HMAC. Byte-equal to what the AWS SDK's own
//! presigner makes for the same key, credentials and moment (held by a property test).
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html>

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

pub use crate::credentials::SigningKeys;
use crate::error::Error;
use crate::model::area::{Area, ObjectKey, Root};
use crate::model::location::{Endpoint, TableLocation};
use crate::model::version::TimestampMs;
use crate::secret::{Secret, SignedUrl};

type HmacSha256 = Hmac<Sha256>;

/// The parameter that the AWS SDK adds to say which operation a URL is for.
const OPERATION: &str = "x-id=GetObject";

/// Hex digits of a signature.
const SIGNATURE_CHARS: usize = 64;

/// Where signed URLs lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The region in the credential scope.
    pub region: String,
    /// Which of the region's endpoints, or another store such as `http://127.0.0.1:9000`, addressed in path style.
    pub endpoint: Endpoint,
}

/// Signs URLs of one table's files with one moment and one lifetime.
#[derive(Clone)]
pub struct UrlSigner {
    own: Origin,
    /// Those of the table's auxiliary locations, in their order.
    auxiliary: Vec<Origin>,
    to_sign: Signature,
}

/// What is the same for all files.
#[derive(Clone)]
struct Signature {
    /// The signing key, with what precedes the request's hash in the string to sign already taken in.
    begun: HmacSha256,
    /// The query string before the signature, with its question mark.
    query: String,
    /// The session token's parameter, which follows the signature; empty without one.
    token: String,
    expires_at: TimestampMs,
    canonical: String,
}

/// What differs between the areas that a table's files lie in.
#[derive(Clone)]
struct Origin {
    /// `https://host`.
    host: String,
    /// The canonical URI up to the area's root, encoded; with the bucket in front in path style.
    root: String,
    /// What follows the canonical URI in the canonical request.
    request_tail: String,
}

impl Origin {
    fn of(area: &Area, target: &Target, canonical_query: &str) -> Result<Self, Error> {
        let Host { scheme, host, path_style } = Host::of(area.bucket(), target)?;
        let mut root = String::from("/");
        if path_style {
            encode_into(area.bucket(), false, &mut root);
            root.push('/');
        }
        encode_into(&area.root_key(), true, &mut root);
        let request_tail = format!("\n{canonical_query}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD");
        Ok(Self { host: format!("{scheme}://{host}"), root, request_tail })
    }
}

impl UrlSigner {
    /// Prepares a signer for the files of a table, those in its auxiliary locations included: they are reached as the
    /// table is.
    ///
    /// `lifetime_secs` is written into every URL as `X-Amz-Expires`.
    ///
    /// # Errors
    /// When the endpoint is not `http://host` or `https://host`.
    pub fn new(
        table: &TableLocation,
        target: &Target,
        keys: &SigningKeys,
        now: TimestampMs,
        lifetime_secs: i64,
    ) -> Result<Self, Error> {
        Self::prepare(table, target, keys, now, lifetime_secs, Some(OPERATION))
    }

    fn prepare(
        table: &TableLocation,
        target: &Target,
        keys: &SigningKeys,
        now: TimestampMs,
        lifetime_secs: i64,
        operation: Option<&str>,
    ) -> Result<Self, Error> {
        // The signature's date has no fractions, so neither has the end: nothing is promised for longer than it is good.
        let now = now.whole_secs();
        let date_time = now.to_amz();
        let date = date_time.get(..8).ok_or(Error::defect("the clock shows no date"))?;
        let scope = format!("{date}/{}/s3/aws4_request", target.region);

        let query = format!(
            "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={}&X-Amz-Date={date_time}&X-Amz-Expires={lifetime_secs}",
            encoded(&format!("{}/{scope}", keys.access_key_id), false),
        );
        // Canonical order is byte order. The SDK's URLs begin with the operation and end with the session token.
        let token = keys
            .session_token
            .as_ref()
            .map_or_else(String::new, |token| format!("&X-Amz-Security-Token={}", encoded(token.reveal(), false)));
        let (first, last) =
            operation.map_or_else(Default::default, |operation| (format!("{operation}&"), format!("&{operation}")));
        let shown_query = format!("?{first}{query}&X-Amz-SignedHeaders=host&X-Amz-Signature=");
        let canonical_query = format!("{query}{token}&X-Amz-SignedHeaders=host{last}");

        let origin = |area| Origin::of(area, target, &canonical_query);
        let (own, auxiliary) = (origin(table.area())?, table.auxiliary().iter().map(origin).collect::<Result<_, _>>()?);
        let mut begun = signing_key(&keys.secret_access_key, date, &target.region)?;
        begun.update(format!("AWS4-HMAC-SHA256\n{date_time}\n{scope}\n").as_bytes());
        let to_sign = Signature {
            begun,
            query: shown_query,
            token,
            expires_at: now.plus_secs(lifetime_secs),
            canonical: String::new(),
        };
        Ok(Self { own, auxiliary, to_sign })
    }

    /// When the URLs of this signer end.
    pub fn expires_at(&self) -> TimestampMs {
        self.to_sign.expires_at
    }

    /// Bytes of the shortest URL that it makes, for an object whose key is empty.
    pub fn url_bytes_min(&self) -> u64 {
        let Self { own, auxiliary, to_sign: Signature { query, token, .. } } = self;
        let place = |origin: &Origin| origin.host.len() + origin.root.len();
        let shortest = auxiliary.iter().map(place).fold(place(own), usize::min);
        (shortest + query.len() + SIGNATURE_CHARS + token.len()) as u64
    }

    /// Signs the object `key` below the table's root (decoded, as S3 stores it) into `url`, replacing what it held.
    pub fn sign(&mut self, key: &str, url: &mut SignedUrl) {
        let Self { own, to_sign, .. } = self;
        to_sign.sign(own, key, url);
    }

    /// Signs an object that the table's log names, wherever it lies.
    ///
    /// # Errors
    /// [`Error::Internal`] when it lies in an area that this signer was not made for.
    pub fn sign_object(&mut self, object: ObjectKey<'_>, url: &mut SignedUrl) -> Result<(), Error> {
        let Self { own, auxiliary, to_sign } = self;
        let origin = match object.root {
            Root::Table => own,
            Root::Auxiliary(at) => auxiliary.get(at).ok_or(Error::defect("a file lies in no place of its table"))?,
        };
        to_sign.sign(origin, object.key, url);
        Ok(())
    }
}

impl Signature {
    fn sign(&mut self, origin: &Origin, key: &str, url: &mut SignedUrl) {
        let canonical = &mut self.canonical;
        canonical.clear();
        canonical.push_str("GET\n");
        let path_start = canonical.len();
        canonical.push_str(&origin.root);
        encode_into(key, true, canonical);

        let out = url.buffer();
        out.clear();
        out.push_str(&origin.host);
        out.push_str(canonical.get(path_start..).unwrap_or_default());
        out.push_str(&self.query);

        canonical.push_str(&origin.request_tail);
        let mut mac = self.begun.clone();
        mac.update(&hex_digits(&Sha256::digest(canonical.as_bytes()).into()));
        let signature = hex_digits(&mac.finalize().into_bytes().into());
        out.push_str(std::str::from_utf8(&signature).unwrap_or_default());
        out.push_str(&self.token);
    }
}

impl fmt::Debug for UrlSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UrlSigner").field("expires_at", &self.to_sign.expires_at).finish_non_exhaustive()
    }
}

struct Host {
    scheme: &'static str,
    host: String,
    path_style: bool,
}

impl Host {
    /// Virtual-hosted style on AWS; path style for other stores and for buckets whose dots no certificate covers.
    fn of(bucket: &str, target: &Target) -> Result<Self, Error> {
        let service = match &target.endpoint {
            Endpoint::Standard => "s3",
            Endpoint::DualStack => "s3.dualstack",
            Endpoint::Fips => "s3-fips",
            Endpoint::Custom(url) => return Self::custom(url),
        };
        let service = format!("{service}.{}.{}", target.region, domain(&target.region));
        let path_style = bucket.contains('.');
        let host = if path_style { service } else { format!("{bucket}.{service}") };
        Ok(Self { scheme: "https", host, path_style })
    }

    fn custom(url: &str) -> Result<Self, Error> {
        let (scheme, rest) = url.split_once("://").ok_or(Error::defect("the S3 endpoint has no scheme"))?;
        let (scheme, default_port) = match scheme {
            "http" => ("http", ":80"),
            "https" => ("https", ":443"),
            _ => return Err(Error::defect("the S3 endpoint is neither http nor https")),
        };
        let host = rest.trim_end_matches('/');
        if host.is_empty() || host.contains(['/', '?', '#', '@']) {
            return Err(Error::defect("the S3 endpoint is not a plain host"));
        }
        let host = host.strip_suffix(default_port).unwrap_or(host);
        Ok(Self { scheme, host: host.to_owned(), path_style: true })
    }
}

/// The domain of a region's partition.
fn domain(region: &str) -> &'static str {
    if region.starts_with("cn-") {
        "amazonaws.com.cn"
    } else if region.starts_with("eusc-") {
        "amazonaws.eu"
    } else {
        "amazonaws.com"
    }
}

fn signing_key(secret: &Secret, date: &str, region: &str) -> Result<HmacSha256, Error> {
    let mut key = format!("AWS4{}", secret.reveal()).into_bytes();
    for part in [date, region, "s3", "aws4_request"] {
        let mut mac = new_mac(&key)?;
        mac.update(part.as_bytes());
        key = mac.finalize().into_bytes().to_vec();
    }
    new_mac(&key)
}

fn new_mac(key: &[u8]) -> Result<HmacSha256, Error> {
    HmacSha256::new_from_slice(key).map_err(|source| Error::internal("HMAC refused a key", source))
}

fn hex_digits(bytes: &[u8; 32]) -> [u8; 64] {
    let mut out = [b'0'; 64];
    // A slice of the right length by construction: encoding cannot fail.
    hex::encode_to_slice(bytes, &mut out).unwrap_or_default();
    out
}

/// What is not percent-encoded: the unreserved characters of RFC 3986.
const PLAIN: [bool; 256] = unreserved(false);
/// The same in an object's key, whose slashes stay.
const PLAIN_IN_KEYS: [bool; 256] = unreserved(true);

const fn unreserved(keep_slash: bool) -> [bool; 256] {
    let mut plain = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        let kept = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        #[expect(clippy::indexing_slicing, reason = "a byte is below 256")]
        {
            plain[byte as usize] = kept || (keep_slash && byte == b'/');
        }
        byte += 1;
    }
    plain
}

/// Percent-encodes everything but the unreserved characters, as Signature Version 4 wants it.
fn encode_into(text: &str, keep_slash: bool, out: &mut String) {
    const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    let table = if keep_slash { &PLAIN_IN_KEYS } else { &PLAIN };
    let plain = |byte: u8| table.get(usize::from(byte)).copied().unwrap_or_default();
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| !plain(byte)) {
        let (clean, tail) = rest.split_at(at);
        out.push_str(clean);
        let width = tail.chars().next().map_or(0, char::len_utf8);
        let (odd, next) = tail.split_at(width);
        for byte in odd.bytes() {
            out.push('%');
            out.extend(HEX.get(usize::from(byte >> 4)));
            out.extend(HEX.get(usize::from(byte & 15)));
        }
        rest = next;
    }
    out.push_str(rest);
}

fn encoded(text: &str, keep_slash: bool) -> String {
    let mut out = String::with_capacity(text.len());
    encode_into(text, keep_slash, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the AWS documentation, "Authenticating Requests: Using Query Parameters".
    #[test]
    fn the_published_example() {
        let keys = SigningKeys {
            access_key_id: "AKIAIOSFODNN7EXAMPLE".into(),
            secret_access_key: Secret::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
            session_token: None,
        };
        let now = TimestampMs::parse("2013-05-24T00:00:00Z").unwrap();
        // The example's host carries no region; an endpoint that already names the bucket gives the same request.
        let target = Target { region: "us-east-1".into(), endpoint: Endpoint::Standard };
        let mut signer =
            UrlSigner::prepare(&TableLocation::new("examplebucket", ""), &target, &keys, now, 86_400, None).unwrap();
        let own = &mut signer.own;
        own.request_tail =
            own.request_tail.replace("examplebucket.s3.us-east-1.amazonaws.com", "examplebucket.s3.amazonaws.com");
        own.host = "https://examplebucket.s3.amazonaws.com".into();
        let mut url = SignedUrl::new();
        signer.sign("test.txt", &mut url);
        assert_eq!(
            url.reveal(),
            "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256\
             &X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request\
             &X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host\
             &X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
        );
    }

    #[test]
    fn style_follows_the_bucket_and_the_endpoint() {
        let host = |bucket: &str, region: &str, endpoint: Endpoint| {
            let host = Host::of(bucket, &Target { region: region.into(), endpoint }).unwrap();
            (host.scheme, host.host, host.path_style)
        };
        let on_aws = |host: &str, path_style| ("https", host.to_owned(), path_style);
        for (bucket, region, endpoint, expected, path_style) in [
            ("plain", "eu-west-1", Endpoint::Standard, "plain.s3.eu-west-1.amazonaws.com", false),
            ("with.dots", "eu-west-1", Endpoint::Standard, "s3.eu-west-1.amazonaws.com", true),
            ("plain", "eu-west-1", Endpoint::DualStack, "plain.s3.dualstack.eu-west-1.amazonaws.com", false),
            ("with.dots", "us-east-1", Endpoint::DualStack, "s3.dualstack.us-east-1.amazonaws.com", true),
            ("plain", "us-gov-west-1", Endpoint::Fips, "plain.s3-fips.us-gov-west-1.amazonaws.com", false),
            ("plain", "cn-north-1", Endpoint::Standard, "plain.s3.cn-north-1.amazonaws.com.cn", false),
            ("plain", "eusc-de-east-1", Endpoint::Standard, "plain.s3.eusc-de-east-1.amazonaws.eu", false),
        ] {
            assert_eq!(host(bucket, region, endpoint), on_aws(expected, path_style));
        }
        let custom = host("plain", "x", Endpoint::Custom("http://127.0.0.1:9000/".into()));
        assert_eq!(custom, ("http", "127.0.0.1:9000".to_owned(), true));
        for bad in ["127.0.0.1", "ftp://x", "http://x/y", "http://u@x", "https://x?y"] {
            let target = Target { region: "x".into(), endpoint: Endpoint::Custom(bad.into()) };
            assert!(Host::of("b", &target).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_end_is_the_one_that_the_signature_states() {
        let keys = SigningKeys { access_key_id: "A".into(), secret_access_key: Secret::new("s"), session_token: None };
        let target = Target { region: "us-east-1".into(), endpoint: Endpoint::Standard };
        let at = TimestampMs::new(1_767_225_600_999);
        let signer = UrlSigner::new(&TableLocation::new("b", "t"), &target, &keys, at, 3600).unwrap();
        assert_eq!(signer.expires_at(), TimestampMs::new(1_767_229_200_000));
    }

    #[test]
    fn no_url_is_shorter_than_the_shortest() {
        let token = Some(Secret::new("a+token/="));
        let keys = SigningKeys { access_key_id: "A".into(), secret_access_key: Secret::new("s"), session_token: token };
        let target = Target { region: "us-east-1".into(), endpoint: Endpoint::Standard };
        for (own, other) in [("a-long-name", "b"), ("b", "a-long-name")] {
            let table = TableLocation::new(own, "t").with_auxiliary([TableLocation::new(other, "t")]);
            let mut signer = UrlSigner::new(&table, &target, &keys, TimestampMs::new(0), 3600).unwrap();
            let mut url = SignedUrl::new();
            let lengths = [Root::Table, Root::Auxiliary(0)].map(|root| {
                signer.sign_object(ObjectKey { root, key: "" }, &mut url).unwrap();
                url.reveal().len() as u64
            });
            assert_ne!(lengths[0], lengths[1]);
            assert_eq!(lengths.into_iter().min(), Some(signer.url_bytes_min()));
        }
    }
}
