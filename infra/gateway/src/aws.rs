//! The calls that Lambda itself makes, to the emulator of AWS: sessions of roles, and log events. Signed as AWS wants it.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::net::TcpStream;

use crate::now;

/// How long a session of a role lives: the most that a role allows by default.
const SESSION: Duration = Duration::from_secs(3600);
/// How long a call may take.
const CALL_MAX: Duration = Duration::from_secs(10);

/// The session of a role.
#[derive(Clone)]
pub struct Session {
    /// The id of its key.
    pub access_key_id: String,
    /// Its key.
    pub secret_access_key: String,
    /// Its token.
    pub token: String,
    /// When it ends, in milliseconds since the epoch.
    pub until_ms: u64,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

/// The emulator, called as its root user.
#[derive(Debug)]
pub struct Emulator {
    /// `host:port`.
    authority: String,
    region: String,
    root: Credentials,
}

impl Emulator {
    /// The emulator at an address such as `http://127.0.0.1:4566`. Nothing else than this machine is ever called.
    ///
    /// # Errors
    /// A sentence when the address is not one of this machine.
    pub fn new(url: &str, region: &str) -> Result<Self, String> {
        let authority = url.trim_end_matches('/').strip_prefix("http://").unwrap_or_default();
        let here = authority.strip_prefix("127.0.0.1:").or_else(|| authority.strip_prefix("localhost:"));
        if here.and_then(|port| port.parse::<u16>().ok()).is_none() {
            return Err(format!("the emulator's address must be http://127.0.0.1:PORT, not {url}"));
        }
        let root = Credentials::new("test", "test", None, None, "emulator");
        Ok(Self { authority: authority.to_owned(), region: region.to_owned(), root })
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://{}", self.authority)
    }

    /// A session of a role, as Lambda has one for a function.
    ///
    /// # Errors
    /// A sentence when there is none.
    pub async fn assume_role(&self, role: &str, name: &str) -> Result<Session, String> {
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let name: String = name.chars().take(64).collect();
        let body = format!(
            "Action=AssumeRole&Version=2011-06-15&DurationSeconds={}&RoleArn={}&RoleSessionName={}",
            SESSION.as_secs(),
            encoded(role),
            encoded(&name)
        );
        let until_ms = now::millis() + u64::try_from(SESSION.as_millis()).unwrap_or(0);
        let form = [("content-type", "application/x-www-form-urlencoded")];
        let answer =
            self.call("sts", &self.root, &form, body).await.map_err(|why| format!("the role {role}: {why}"))?;
        let part = |tag: &str| {
            let (_, rest) = answer.split_once(&format!("<{tag}>"))?;
            Some(rest.split_once(&format!("</{tag}>"))?.0.to_owned())
        };
        let session = (part("AccessKeyId"), part("SecretAccessKey"), part("SessionToken"));
        let (Some(access_key_id), Some(secret_access_key), Some(token)) = session else {
            return Err(format!("the role {role}: the answer has no credentials"));
        };
        Ok(Session { access_key_id, secret_access_key, token, until_ms })
    }

    /// A call of CloudWatch Logs.
    ///
    /// # Errors
    /// A sentence when it is refused.
    pub async fn logs(&self, action: &str, body: String) -> Result<String, String> {
        let target = format!("Logs_20140328.{action}");
        let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target.as_str())];
        self.call("logs", &self.root, &headers, body).await
    }

    async fn call(
        &self,
        service: &str,
        credentials: &Credentials,
        headers: &[(&str, &str)],
        body: String,
    ) -> Result<String, String> {
        let request = self.signed(service, credentials, headers, body)?;
        let call = async {
            let stream = TcpStream::connect(&self.authority).await.map_err(|error| error.to_string())?;
            let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
            let (mut sender, connection) = handshake.map_err(|error| error.to_string())?;
            tokio::spawn(async move { drop(connection.await) });
            let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
            let status = response.status();
            let bytes = response.into_body().collect().await.map_err(|error| error.to_string())?.to_bytes();
            let text = String::from_utf8_lossy(&bytes).into_owned();
            if status.is_success() { Ok(text) } else { Err(format!("{service} answered {status}: {text}")) }
        };
        tokio::time::timeout(CALL_MAX, call).await.map_err(|_| format!("{service} did not answer"))?
    }

    fn signed(
        &self,
        service: &str,
        credentials: &Credentials,
        headers: &[(&str, &str)],
        body: String,
    ) -> Result<Request<Full<Bytes>>, String> {
        let host = ("host", self.authority.as_str());
        let identity = credentials.clone().into();
        let parameters = SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(service)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| error.to_string())?;
        let url = format!("{}/", self.url());
        let all = headers.iter().copied().chain([host]);
        let signable = SignableRequest::new("POST", &url, all, SignableBody::Bytes(body.as_bytes()))
            .map_err(|error| error.to_string())?;
        let (instructions, _) = sign(signable, &parameters.into()).map_err(|error| error.to_string())?.into_parts();
        let mut request = Request::post("/").header(host.0, host.1);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Full::from(body)).map_err(|error| error.to_string())?;
        let (signed, _) = instructions.into_parts();
        for header in signed {
            let value = header.value().parse().map_err(|_| "a signature that is no header".to_owned())?;
            let name: http::HeaderName = header.name().parse().map_err(|_| "a header without a name".to_owned())?;
            request.headers_mut().insert(name, value);
        }
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_called() {
        for url in ["https://sts.amazonaws.com", "http://10.0.0.1:80", "http://127.0.0.1", "http://127.0.0.1:80@evil:1"]
        {
            assert!(Emulator::new(url, "eu-central-1").is_err(), "{url}");
        }
        assert_eq!(Emulator::new("http://127.0.0.1:4566/", "r").unwrap().url(), "http://127.0.0.1:4566");
    }

    #[test]
    fn calls_are_signed() {
        let emulator = Emulator::new("http://127.0.0.1:4566", "eu-central-1").unwrap();
        let request = emulator.signed("logs", &emulator.root, &[("x-amz-target", "a")], "{}".into()).unwrap();
        let authorization = request.headers()["authorization"].to_str().unwrap();
        assert!(authorization.starts_with("AWS4-HMAC-SHA256 Credential=test/"), "{authorization}");
        assert!(authorization.contains("/eu-central-1/logs/aws4_request"), "{authorization}");
        assert!(authorization.contains("SignedHeaders=host;x-amz-date;x-amz-target"), "{authorization}");
    }

    #[test]
    fn a_session_keeps_its_key_to_itself() {
        let session =
            Session { access_key_id: "A".into(), secret_access_key: "S3".into(), token: "T0".into(), until_ms: 0 };
        let shown = format!("{session:?}");
        assert!(!shown.contains("S3") && !shown.contains("T0"), "{shown}");
    }
}
