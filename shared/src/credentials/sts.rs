//! The adapter of [`AssumesRoles`] for STS. It asks the region's own endpoint, under the process's credentials; those do
//! nothing else with data.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_sts::Client;
use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};

use super::assumed::{AssumeFailure, AssumeRequest, AssumesRoles};
use super::{Session, SigningKeys};
use crate::limits::SESSION_SECS;
use crate::model::version::TimestampMs;
use crate::secret::Secret;

/// Asks STS.
pub struct StsRoles {
    client: Client,
}

impl StsRoles {
    /// Asks under these credentials, in this region.
    pub fn new(config: &SdkConfig) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(3))
            .operation_attempt_timeout(Duration::from_secs(5))
            .operation_timeout(Duration::from_secs(12))
            .build();
        let settings = aws_sdk_sts::config::Builder::from(config).timeout_config(timeouts).build();
        Self { client: Client::from_conf(settings) }
    }

    /// Opens the connection before the first request needs it. A failure shows when it matters.
    pub async fn connect(&self) {
        if let Err(error) = self.client.get_caller_identity().send().await {
            tracing::debug!("STS did not answer at the start: {}", code_of(&error));
        }
    }
}

#[async_trait]
impl AssumesRoles for StsRoles {
    async fn assume(&self, request: &AssumeRequest) -> Result<Session, AssumeFailure> {
        let answer = self
            .client
            .assume_role()
            .role_arn(&request.role.arn)
            .set_external_id(request.role.external_id.clone())
            .role_session_name(&request.name)
            .policy(&request.policy)
            .duration_seconds(SESSION_SECS)
            .send()
            .await
            .map_err(|error| failure(&error))?;
        let credentials = answer.credentials().ok_or(AssumeFailure::Unavailable("an answer without credentials"))?;
        let ends = credentials.expiration().to_millis();
        let ends = ends.map_err(|_| AssumeFailure::Unavailable("an answer without an end"))?;
        Ok(Session {
            keys: SigningKeys {
                access_key_id: credentials.access_key_id().to_owned(),
                secret_access_key: Secret::new(credentials.secret_access_key()),
                session_token: Some(Secret::new(credentials.session_token())),
            },
            ends: TimestampMs::new(ends),
        })
    }
}

impl fmt::Debug for StsRoles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StsRoles").finish_non_exhaustive()
    }
}

fn code_of<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> &str {
    error.code().unwrap_or("no answer")
}

/// What an error of STS means. Its message names ARNs, so only the code goes on.
fn failure<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> AssumeFailure {
    if !matches!(error, SdkError::ServiceError(_)) {
        return AssumeFailure::Unavailable(match error {
            SdkError::TimeoutError(_) => "timed out",
            SdkError::ConstructionFailure(_) => "the request could not be built",
            SdkError::DispatchFailure(_) => "the request could not be sent (are there AWS credentials?)",
            _ => "an answer that is not STS's",
        });
    }
    match code_of(error) {
        "PackedPolicyTooLarge" | "PackedPolicyTooLargeException" => AssumeFailure::PolicyTooLarge,
        "AccessDenied" | "AccessDeniedException" => {
            AssumeFailure::Refused("AccessDenied (does the role trust this server, with this external id?)")
        }
        "MalformedPolicyDocument" | "MalformedPolicyDocumentException" => {
            AssumeFailure::Refused("MalformedPolicyDocument")
        }
        "NoSuchEntity" => AssumeFailure::Refused("NoSuchEntity"),
        "RegionDisabledException" => AssumeFailure::Refused("RegionDisabledException (STS is off in this region)"),
        "ValidationError" => {
            AssumeFailure::Refused("ValidationError (the role must allow sessions of one hour, and be a role's ARN)")
        }
        "ExpiredToken" | "ExpiredTokenException" => AssumeFailure::Unavailable("ExpiredToken"),
        "InvalidClientTokenId" => AssumeFailure::Refused("InvalidClientTokenId"),
        "SignatureDoesNotMatch" => AssumeFailure::Refused("SignatureDoesNotMatch"),
        "Throttling" | "ThrottlingException" => AssumeFailure::Unavailable("Throttling"),
        _ => AssumeFailure::Unavailable("an error of STS"),
    }
}
