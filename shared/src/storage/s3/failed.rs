//! What went wrong between this process and S3, in S3's codes: its own messages name ARNs and keys.

use std::fmt;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::error::Error;

/// A storage failure, as the log may know it.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) operation: &'static str,
    pub(super) code: String,
    pub(super) region: Option<String>,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S3 {} failed: {}", self.operation, self.code)?;
        match &self.region {
            Some(region) => write!(f, "; the bucket is in {region}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Failed {}

/// S3's own code for what went wrong.
pub(super) fn code_of<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> String {
    error.code().unwrap_or_default().to_owned()
}

/// What a failure means for whoever asked.
pub(super) fn failure<E: ProvideErrorMetadata>(operation: &'static str, error: &SdkError<E, HttpResponse>) -> Error {
    let code = match error {
        SdkError::ServiceError(_) => code_of(error),
        SdkError::TimeoutError(_) => "timed out".to_owned(),
        SdkError::DispatchFailure(cause) if cause.is_io() => "no connection".to_owned(),
        SdkError::DispatchFailure(cause) if cause.is_timeout() => "connecting timed out".to_owned(),
        SdkError::DispatchFailure(cause) if cause.is_user() => "bad endpoint or credentials".to_owned(),
        SdkError::DispatchFailure(_) => "the request could not be sent (are there AWS credentials?)".to_owned(),
        SdkError::ConstructionFailure(_) => "the request could not be built".to_owned(),
        _ => "an answer that is not S3's".to_owned(),
    };
    match code.as_str() {
        "PermanentRedirect" | "AuthorizationHeaderMalformed" => {
            let header = error.raw_response().and_then(|response| response.headers().get("x-amz-bucket-region"));
            let region = right_region(header, error.message());
            Error::WrongRegion(Box::new(Failed { operation, code, region }))
        }
        "AccessDenied"
        | "AllAccessDisabled"
        | "ExpiredToken"
        | "InvalidAccessKeyId"
        | "InvalidToken"
        | "KMS.DisabledException"
        | "KMS.NotFoundException"
        | "NotSignedUp"
        | "SignatureDoesNotMatch" => Error::StorageDenied(Box::new(Failed { operation, code, region: None })),
        _ => Error::StorageUnavailable(Box::new(Failed { operation, code, region: None })),
    }
}

/// The region that S3 says a bucket is in: in a header, or in the message `… is wrong; expecting 'eu-west-1'`.
pub(super) fn right_region(header: Option<&str>, message: Option<&str>) -> Option<String> {
    let in_message = || message?.split_once("expecting '")?.1.split('\'').next();
    let region = header.or_else(in_message)?;
    let plain = (1..=32).contains(&region.len())
        && region.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    plain.then(|| region.to_owned())
}
