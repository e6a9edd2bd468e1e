//! The profile file that a recipient's client reads (protocol, "Profile File Format", version 1).

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// The name that a profile is saved under when it is downloaded; the one that documentation everywhere uses.
pub const FILE_NAME: &str = "config.share";

/// A profile. Never given an endpoint that ends in a slash: clients append paths to it as it is.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    /// Always 1.
    pub share_credentials_version: u32,
    /// The URL before `/shares`.
    pub endpoint: String,
    /// The recipient's token, in clear: this file is the credential.
    pub bearer_token: String,
    /// When the token ends, ISO 8601; absent for a token without end.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub expiration_time: Option<String>,
}

impl Profile {
    /// The text of its file.
    ///
    /// # Errors
    /// Never in practice; JSON is fallible by type.
    pub fn to_text(&self) -> Result<String, Error> {
        let text = serde_json::to_string_pretty(self);
        text.map(|text| text + "\n").map_err(|error| Error::internal("a profile has no JSON form", error))
    }
}

impl std::fmt::Debug for Profile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Profile").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}
