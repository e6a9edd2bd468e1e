//! What one recipient's secret holds, as JSON that a person can read in the console.

use serde::{Deserialize, Serialize};

use crate::auth::keyring::KeyId;
use crate::auth::stored::StoredToken;
use crate::catalog::rules::RecipientRulesEntry;
use crate::catalog::write::Status;
use crate::error::Error;
use crate::model::version::TimestampMs;
use crate::secret::TokenHash;

const FORMAT: u32 = 1;

/// One version of a secret. That of the stage `AWSCURRENT` decides about everything but the previous token's hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Document {
    pub(super) format_version: u32,
    pub(super) recipient_id: String,
    pub(super) recipient_name: String,
    pub(super) recipient_status: StatusText,
    /// What the provider says of the recipient.
    #[serde(default, skip_serializing_if = "RecipientRulesEntry::is_empty")]
    pub(super) rules: RecipientRulesEntry,
    pub(super) token: Token,
    /// The token before this one, whose hash is in the version of the stage `AWSPREVIOUS`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) previous: Option<Previous>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Token {
    pub(super) id: String,
    pub(super) key: String,
    pub(super) hash: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) not_before: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) expires_at: Option<String>,
    pub(super) status: StatusText,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Previous {
    pub(super) token_id: String,
    /// From this moment on it is not good, whatever its own version says.
    pub(super) ends_at: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum StatusText {
    Active,
    Disabled,
}

impl From<Status> for StatusText {
    fn from(status: Status) -> Self {
        match status {
            Status::Active => Self::Active,
            Status::Disabled => Self::Disabled,
        }
    }
}

impl Document {
    pub(super) fn new(
        recipient_id: &str,
        recipient_name: &str,
        status: Status,
        token: Token,
        previous: Option<Previous>,
    ) -> Self {
        Self {
            format_version: FORMAT,
            recipient_id: recipient_id.to_owned(),
            recipient_name: recipient_name.to_owned(),
            recipient_status: status.into(),
            rules: RecipientRulesEntry::default(),
            token,
            previous,
        }
    }

    /// Reads a secret's text. What this program does not know it refuses.
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        // The parser's own message may quote the secret.
        let document: Self = serde_json::from_str(text)
            .map_err(|_| Error::defect("a recipient's secret is not JSON of the form that this server knows"))?;
        if document.format_version == FORMAT {
            Ok(document)
        } else {
            Err(Error::defect("a recipient's secret has a format version that this server does not know"))
        }
    }

    pub(super) fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    /// The token of this version, of the recipient that this version knows.
    pub(super) fn stored(&self) -> Result<StoredToken, Error> {
        let unreadable = || Error::defect("a recipient's secret holds a key, hash, moment or rule that cannot be read");
        let moment = |text: &Option<String>| {
            text.as_deref().map(|text| TimestampMs::parse(text).ok_or_else(unreadable)).transpose()
        };
        Ok(StoredToken {
            hash: TokenHash::from_hex(&self.token.hash).ok_or_else(unreadable)?,
            key_id: KeyId::parse(&self.token.key).ok_or_else(unreadable)?,
            not_before: moment(&self.token.not_before)?,
            expires_at: moment(&self.token.expires_at)?,
            active: self.token.status == StatusText::Active,
            recipient_id: self.recipient_id.clone(),
            recipient_name: self.recipient_name.clone(),
            recipient_active: self.recipient_status == StatusText::Active,
            rules: self.rules.rules().map_err(|_| unreadable())?,
        })
    }

    /// The token before this version's, as `before` holds it: of the recipient that this version knows, and not longer good
    /// than this version says. Nothing unless it is the very token that this version names.
    pub(super) fn stored_previous(&self, before: &Self) -> Result<Option<StoredToken>, Error> {
        let Some(previous) = &self.previous else {
            return Ok(None);
        };
        if before.token.id != previous.token_id || before.recipient_id != self.recipient_id {
            return Ok(None);
        }
        let ends_at = TimestampMs::parse(&previous.ends_at)
            .ok_or_else(|| Error::defect("a recipient's secret holds a moment that cannot be read"))?;
        let stored = before.stored()?;
        let current = self.stored()?;
        Ok(Some(StoredToken {
            expires_at: Some(stored.expires_at.map_or(ends_at, |end| end.min(ends_at))),
            recipient_name: current.recipient_name,
            recipient_active: current.recipient_active,
            rules: current.rules,
            ..stored
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(token_id: &str, previous: Option<Previous>) -> Document {
        let token = Token {
            id: token_id.to_owned(),
            key: "k3".to_owned(),
            hash: "ab".repeat(32),
            not_before: None,
            expires_at: Some("2026-01-31T00:00:00.000Z".to_owned()),
            status: StatusText::Active,
        };
        Document::new("r1", "One", Status::Active, token, previous)
    }

    fn previous(ends_at: &str) -> Option<Previous> {
        Some(Previous { token_id: "old".into(), ends_at: ends_at.into() })
    }

    #[test]
    fn round_trips_and_reads_as_it_should() {
        let document = document("new", previous("2026-01-01T00:00:00.000Z"));
        let json = document.to_json().unwrap();
        assert_eq!(Document::parse(&json).unwrap(), document);
        assert!(json.contains(r#""recipientStatus":"active""#) && json.contains(r#""key":"k3""#), "{json}");
    }

    #[test]
    fn what_is_not_known_is_refused_without_being_shown() {
        let good = document("new", None).to_json().unwrap();
        let bad = [
            String::new(),
            good.replace("\"formatVersion\":1", "\"formatVersion\":2"),
            good.replace("\"active\"", "\"paused\""),
            good.replace("\"recipientId\"", "\"allowedAddresses\":[],\"recipientId\""),
        ];
        for text in bad {
            let error = Document::parse(&text).unwrap_err();
            assert!(!crate::error::chain(&error).contains("abab"), "{error}");
        }
        for broken in [good.replace("k3", "k0"), good.replace("abab", "xyz"), good.replace("2026-01-31T", "x")] {
            assert!(Document::parse(&broken).unwrap().stored().is_err(), "{broken}");
        }
    }

    #[test]
    fn the_previous_token_ends_at_the_sooner_moment() {
        let end = |ends_at: &str| {
            let stored = document("new", previous(ends_at)).stored_previous(&document("old", None)).unwrap().unwrap();
            stored.expires_at.unwrap().to_iso()
        };
        assert_eq!(end("2026-01-01T00:00:00.000Z"), "2026-01-01T00:00:00.000Z");
        assert_eq!(end("2027-01-01T00:00:00.000Z"), "2026-01-31T00:00:00.000Z");
    }

    #[test]
    fn only_the_previous_token_that_is_named_has_grace() {
        let current = document("new", previous("2026-01-01T00:00:00.000Z"));
        assert_eq!(current.stored_previous(&document("other", None)).unwrap(), None);
        assert_eq!(document("new", None).stored_previous(&document("old", None)).unwrap(), None);
        let of_another = Document { recipient_id: "r2".into(), ..document("old", None) };
        assert_eq!(current.stored_previous(&of_another).unwrap(), None);
    }

    #[test]
    fn a_disabled_recipient_has_no_grace() {
        let mut current = document("new", previous("2026-01-01T00:00:00.000Z"));
        current.recipient_status = StatusText::Disabled;
        let stored = current.stored_previous(&document("old", None)).unwrap().unwrap();
        assert!(!stored.recipient_active);
    }
}
