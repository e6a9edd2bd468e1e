//! The JSON body of every error (protocol, "errorCode" and "message").

use serde::Serialize;

/// The body.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorBody<'a> {
    /// A name from the protocol, for programs.
    pub error_code: &'a str,
    /// A sentence that says what to do, for people.
    pub message: &'a str,
}
