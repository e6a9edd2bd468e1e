//! What a client makes of an answer, and what can happen to the storage while it is made.

use std::fs;
use std::path::Path;

use http::Request;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use shared::error::Error;
use tests::shown;
use tests::watched::Watched;

/// What a client makes of an answer.
#[derive(Debug, PartialEq)]
pub(super) enum Outcome {
    /// Lines without what signatures make of them.
    Whole(Vec<Value>),
    Refused(u16, String, String),
    /// The connection broke, or the last line told of an error.
    BrokenOff,
}

/// A question, and whether the client reads an `endStreamAction`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ask {
    method: &'static str,
    path: &'static str,
    body: &'static str,
    told: bool,
}

pub(super) const fn ask(method: &'static str, path: &'static str, body: &'static str) -> Ask {
    Ask { method, path, body, told: false }
}

pub(super) const SNAPSHOT: Ask = ask("POST", "/query", "{}");
pub(super) const ASKS: [Ask; 6] = [
    SNAPSHOT,
    ask("POST", "/query", r#"{"version":1}"#),
    ask("POST", "/query", r#"{"timestamp":"2023-11-14T22:13:22Z"}"#),
    ask("GET", "/metadata", ""),
    ask("POST", "/query", r#"{"startingVersion":1}"#),
    ask("GET", "/changes?startingVersion=0&includeHistoricalMetadata=true", ""),
];

impl Ask {
    /// Asks, and reads the whole answer.
    pub(super) async fn of(self, gateway: &Watched) -> Outcome {
        let mut request =
            Request::builder().method(self.method).uri(format!("/shares/s/schemas/d/tables/t{}", self.path));
        if self.told {
            request = request.header("delta-sharing-capabilities", "includeendstreamaction=true");
        }
        let answer = gateway.send(request.body(self.body.to_owned()).unwrap()).await;
        let status = answer.status().as_u16();
        let Ok(body) = answer.into_body().collect().await else {
            assert!(!self.told, "the connection broke for a client that could have been told");
            return Outcome::BrokenOff;
        };
        let text = String::from_utf8(body.to_bytes().to_vec()).unwrap();
        let mut lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        if status != 200 {
            let said = |key: &str| lines[0][key].as_str().unwrap().to_owned();
            return Outcome::Refused(status, said("errorCode"), said("message"));
        }
        if self.told && self.path != "/metadata" {
            let end = lines.pop().unwrap()["endStreamAction"].clone();
            if end.get("errorMessage").is_some() {
                assert!(end["errorMessage"].as_str().is_some_and(|text| text.len() > 20), "{end}");
                assert!(end["httpStatusErrorCode"].as_u64().is_some_and(|code| code >= 400), "{end}");
                return Outcome::BrokenOff;
            }
        }
        lines.iter_mut().for_each(unsign);
        Outcome::Whole(lines)
    }

    /// The same from a client that reads the last line.
    pub(super) fn told(self) -> Self {
        Self { told: true, ..self }
    }
}

fn unsign(value: &mut Value) {
    match value {
        Value::Object(map) => map.iter_mut().for_each(|(key, value)| match (key.as_str(), value.as_str()) {
            ("expirationTimestamp", _) => *value = Value::Null,
            (_, Some(text)) if text.contains("X-Amz-Signature=") => {
                // Each gateway is a bucket of its own.
                *value = shown::key(value, "t").into();
            }
            _ => unsign(value),
        }),
        Value::Array(items) => items.iter_mut().for_each(unsign),
        _ => {}
    }
}

/// What happens to the storage before a call.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Harm {
    /// 403.
    Denied,
    /// 503.
    Unavailable,
    /// The object that is read next is deleted.
    Vanishes,
    /// It loses its second half.
    Shrinks,
    /// It is replaced by one of the same kind, which is longer.
    Grows,
}

pub(super) const HARMS: [Harm; 5] = [Harm::Denied, Harm::Unavailable, Harm::Vanishes, Harm::Shrinks, Harm::Grows];

impl Harm {
    /// Does it before a call.
    ///
    /// # Errors
    /// The call's own, where it is to fail.
    pub(super) fn befall(self, log: &Path, call: &str) -> Result<(), Error> {
        let Some(name) = call.split(' ').nth(1) else {
            return match self {
                Self::Denied => Err(Error::StorageDenied("AccessDenied".into())),
                Self::Unavailable => Err(Error::StorageUnavailable("SlowDown".into())),
                _ => Ok(()),
            };
        };
        let object = log.join(name);
        match self {
            Self::Denied => return Err(Error::StorageDenied("AccessDenied".into())),
            Self::Unavailable => return Err(Error::StorageUnavailable("SlowDown".into())),
            Self::Vanishes => drop(fs::remove_file(object)),
            Self::Shrinks => {
                if let Ok(content) = fs::read(&object) {
                    fs::write(object, &content[..content.len() / 2]).unwrap();
                }
            }
            Self::Grows => {
                if let Ok(content) = fs::read(&object) {
                    // Of a commit one more file, of everything else itself after something else.
                    let more = json!({"add": {"path": "of-another-table", "partitionValues": {"p": null}, "size": 1,
                        "modificationTime": 1, "dataChange": true}});
                    let more = if name.ends_with(".json") { format!("{more}\n") } else { "PAR1".into() };
                    fs::write(object, [more.into_bytes(), content].concat()).unwrap();
                }
            }
        }
        Ok(())
    }

    /// What an answer may be: what it was without harm, or an error of the kind that this harm is.
    pub(super) fn check(self, outcome: &Outcome, unharmed: &Outcome, about: &str) {
        match outcome {
            Outcome::Whole(_) => assert_eq!(outcome, unharmed, "{about}: another table"),
            Outcome::BrokenOff => {}
            Outcome::Refused(status, code, message) => {
                let codes: &[&str] = match self {
                    Self::Unavailable => &["TEMPORARILY_UNAVAILABLE"],
                    Self::Denied => &["RESOURCE_DOES_NOT_EXIST"],
                    _ => &["RESOURCE_DOES_NOT_EXIST", "MALFORMED_REQUEST"],
                };
                assert_eq!(*status, if self == Self::Unavailable { 503 } else { 400 }, "{about}: {message}");
                assert!(codes.contains(&code.as_str()), "{about}: {code}: {message}");
                let advice = ["Ask the share provider", "Try again"].iter().any(|advice| message.contains(advice));
                assert!(advice, "{about}: nothing that a person could do: {message}");
            }
        }
    }
}
