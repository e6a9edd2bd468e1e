//! What can go wrong between this program and DynamoDB. A cause kept for the log holds operation and code only: the
//! service's own messages name ARNs.

use std::fmt;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

use crate::error::Error;

/// A request that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failed {
    operation: &'static str,
    code: String,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Trying again may help.
    Passing,
    /// The program's own role may not.
    Denied,
    /// Neither: the request or the table is not as it should be.
    Lasting,
}

impl Failed {
    pub(crate) fn new<E: ProvideErrorMetadata, R>(operation: &'static str, error: &SdkError<E, R>) -> Self {
        let (code, kind) = match error {
            SdkError::ServiceError(_) => {
                let code = error.code().unwrap_or("an error without a code");
                (code, kind_of(code))
            }
            SdkError::TimeoutError(_) => ("timed out", Kind::Passing),
            SdkError::DispatchFailure(cause) if cause.is_timeout() => ("connecting timed out", Kind::Passing),
            SdkError::DispatchFailure(cause) if cause.is_io() => ("no connection", Kind::Passing),
            SdkError::DispatchFailure(_) => {
                ("the request could not be sent (are there AWS credentials?)", Kind::Denied)
            }
            SdkError::ConstructionFailure(_) => ("the request could not be built", Kind::Lasting),
            _ => ("an answer that is not DynamoDB's", Kind::Passing),
        };
        Self { operation, code: code.to_owned(), kind }
    }

    /// Something was left undone however often it was asked for.
    pub(crate) fn unfinished(operation: &'static str) -> Self {
        Self { operation, code: "throttled".into(), kind: Kind::Passing }
    }

    /// A request that this program could not build.
    pub(crate) fn unbuilt(operation: &'static str) -> Self {
        Self { operation, code: "the request could not be built".into(), kind: Kind::Lasting }
    }

    /// A list that does not end within its bound.
    pub(crate) fn endless(operation: &'static str) -> Self {
        Self { operation, code: "the list is longer than its bound".into(), kind: Kind::Lasting }
    }
}

fn kind_of(code: &str) -> Kind {
    match code {
        "InternalServerError"
        | "ProvisionedThroughputExceededException"
        | "RequestLimitExceeded"
        | "ServiceUnavailable"
        | "ThrottlingException"
        | "Throttling"
        | "TransactionConflictException"
        | "TransactionInProgressException" => Kind::Passing,
        "AccessDenied"
        | "AccessDeniedException"
        | "ExpiredTokenException"
        | "IncompleteSignatureException"
        | "InvalidSignatureException"
        | "MissingAuthenticationTokenException"
        | "UnrecognizedClientException" => Kind::Denied,
        _ => Kind::Lasting,
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DynamoDB {} failed: {}", self.operation, self.code)
    }
}

impl std::error::Error for Failed {}

impl From<Failed> for Error {
    fn from(failed: Failed) -> Self {
        match failed.kind {
            Kind::Passing => Self::StorageUnavailable(Box::new(failed)),
            Kind::Denied => Self::internal("this server may not read the catalogue", failed),
            Kind::Lasting => Self::internal("the catalogue cannot be read", failed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: &str) -> Error {
        Failed { operation: "Query", code: code.into(), kind: kind_of(code) }.into()
    }

    #[test]
    fn throttling_may_be_tried_again_and_a_refusal_may_not() {
        for code in ["ThrottlingException", "ProvisionedThroughputExceededException", "InternalServerError"] {
            assert!(matches!(error(code), Error::StorageUnavailable(_)), "{code}");
        }
        for code in ["AccessDeniedException", "ResourceNotFoundException", "ValidationException", "Unheard"] {
            let error = error(code);
            assert!(matches!(error, Error::Internal { .. }), "{code}");
            assert!(crate::error::chain(&error).ends_with(&format!("DynamoDB Query failed: {code}")));
            assert!(!error.public().contains(code));
        }
    }
}
