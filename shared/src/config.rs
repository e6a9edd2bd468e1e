//! The only reader of environment variables. Each is read once, here, into a typed value.
//!
//! Everywhere:
//!
//! | variable | meaning |
//! |---|---|
//! | `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL` | an S3-compatible store instead of AWS, addressed in path style; the first one set wins |
//! | `SPILLWAY_LOG` | what is logged, in the syntax of `tracing-subscriber`'s filters; default `warn,spillway=info`. A function writes its audit events whatever this says |
//! | `MALLOC_ARENA_MAX` | read by the C library: how many pools of memory the threads of a process have; the local server starts itself with 1 |
//!
//! Functions, which the template sets:
//!
//! | variable | meaning |
//! |---|---|
//! | `TABLE_NAME` | the DynamoDB table of the catalogue; required |
//! | `KEYRING_SECRET_ARN` | the Secrets Manager secret with the keys of tokens; required |
//! | `TOKEN_STORE` | where recipients' token hashes are: `dynamodb` (default) or `secretsmanager` |
//! | `TOKEN_SECRET_PREFIX` | the beginning of the names of recipients' secrets; required with `secretsmanager` |
//! | `URL_TTL_SECONDS` | life of presigned URLs, 1200 to 3600 seconds; default 3600 |
//! | `ANSWER_MB_MAX` | most megabytes of an answer to a query, as sent, 6 to 195; default 195 |
//! | `DATA_ROLE_ARN` | the role that reads the data of tables that name none |
//! | `CHUNK_BUCKET` | the bucket in which functions keep rows of large checkpoints for each other; none by default |
//! | `CORS_ORIGIN` | the origin whose pages may read answers in a browser, such as `https://data.example.com`, or `*`; none by default |
//! | `PROVIDER_CONTACT` | whom recipients ask, as the page of an activation link says it; the sender of the link by default |
//! | `AWS_LAMBDA_RUNTIME_API`, `AWS_LAMBDA_FUNCTION_NAME`, `AWS_LAMBDA_FUNCTION_MEMORY_SIZE`, `AWS_LAMBDA_FUNCTION_VERSION` | set by Lambda, and by whatever stands in for it; a function does not start without |
//!
//! The AWS SDK reads its own variables for credentials, region and endpoints (`AWS_ENDPOINT_URL` and those of single
//! services).

use std::ffi::OsStr;
use std::fmt;

use ::http::HeaderValue;

use crate::limits::{
    FUNCTION_ANSWER_MB_MAX, FUNCTION_ANSWER_MB_MIN, FUNCTION_URL_TTL_SECS_MAX, FUNCTION_URL_TTL_SECS_MIN,
};

/// The filter of log lines when `SPILLWAY_LOG` is not set.
pub const LOG_DEFAULT: &str = "warn,spillway=info";

/// The variable that bounds the C library's pools of memory.
pub const MALLOC_POOLS: &str = "MALLOC_ARENA_MAX";

/// What the environment says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// The endpoint of an S3-compatible store.
    pub s3_endpoint: Option<String>,
    /// The log filter.
    pub log: Option<String>,
    /// How many pools of memory the C library was told to keep.
    pub malloc_pools: Option<String>,
}

impl Environment {
    /// Reads the process's environment.
    pub fn read() -> Self {
        #[expect(clippy::disallowed_methods, reason = "this module is where the environment enters")]
        Self::from_lookup(|name| std::env::var_os(name))
    }

    fn from_lookup<S: AsRef<OsStr>>(lookup: impl Fn(&str) -> Option<S>) -> Self {
        let text = |name: &str| text(&lookup, name);
        Self { s3_endpoint: s3_endpoint(&text), log: text("SPILLWAY_LOG"), malloc_pools: text(MALLOC_POOLS) }
    }
}

/// A value, trimmed; blank and not UTF-8 count as not set.
fn text<S: AsRef<OsStr>>(lookup: &impl Fn(&str) -> Option<S>, name: &str) -> Option<String> {
    let value = lookup(name)?;
    value.as_ref().to_str().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn s3_endpoint(text: &impl Fn(&str) -> Option<String>) -> Option<String> {
    text("AWS_ENDPOINT_URL_S3").or_else(|| text("AWS_ENDPOINT_URL"))
}

/// What the environment of a function says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionConfig {
    /// The DynamoDB table of the catalogue.
    pub table_name: String,
    /// The secret with the keys of tokens.
    pub keyring_secret: String,
    /// Where token hashes are.
    pub token_store: TokenPlace,
    /// Life of presigned URLs.
    pub url_ttl_secs: i64,
    /// Most bytes of an answer in lines.
    pub answer_bytes_max: u64,
    /// The role for tables that name none.
    pub data_role: Option<String>,
    /// The endpoint of a stand-in for S3.
    pub s3_endpoint: Option<String>,
    /// The bucket for chunks of checkpoints.
    pub chunk_bucket: Option<String>,
    /// The origin whose pages may read answers.
    pub cors_origin: Option<HeaderValue>,
    /// Whom recipients ask.
    pub contact: Option<String>,
    /// The log filter.
    pub log: Option<String>,
}

/// Where recipients' token hashes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenPlace {
    /// In the catalogue's table.
    DynamoDb,
    /// In a secret for each recipient.
    SecretsManager {
        /// What the secrets' names begin with.
        prefix: String,
    },
}

/// A variable that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    variable: &'static str,
    problem: String,
}

impl ConfigError {
    fn new(variable: &'static str, problem: impl Into<String>) -> Self {
        Self { variable, problem: problem.into() }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "environment variable {}: {}", self.variable, self.problem)
    }
}

impl std::error::Error for ConfigError {}

/// What the Lambda runtime cannot do without.
const RUNTIME_VARIABLES: [&str; 4] = [
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
];

impl FunctionConfig {
    /// Reads the process's environment.
    ///
    /// # Errors
    /// Names the variable that is missing or wrong.
    pub fn read() -> Result<Self, ConfigError> {
        #[expect(clippy::disallowed_methods, reason = "this module is where the environment enters")]
        Self::from_lookup(|name| std::env::var_os(name))
    }

    fn from_lookup<S: AsRef<OsStr>>(lookup: impl Fn(&str) -> Option<S>) -> Result<Self, ConfigError> {
        let optional = |name: &str| text(&lookup, name);
        let required = |name| optional(name).ok_or_else(|| ConfigError::new(name, "is not set"));
        for name in RUNTIME_VARIABLES {
            let hint = "is not set: this program is a function, which Lambda or a stand-in for it starts";
            optional(name).ok_or_else(|| ConfigError::new(name, hint))?;
        }
        let token_store = match optional("TOKEN_STORE").as_deref() {
            None | Some("dynamodb") => TokenPlace::DynamoDb,
            Some("secretsmanager") => TokenPlace::SecretsManager { prefix: required("TOKEN_SECRET_PREFIX")? },
            Some(other) => {
                return Err(ConfigError::new(
                    "TOKEN_STORE",
                    format!("'{other}' is neither 'dynamodb' nor 'secretsmanager'"),
                ));
            }
        };
        Ok(Self {
            table_name: required("TABLE_NAME")?,
            keyring_secret: required("KEYRING_SECRET_ARN")?,
            token_store,
            url_ttl_secs: url_ttl_secs(optional("URL_TTL_SECONDS").as_deref())?,
            answer_bytes_max: answer_bytes_max(optional("ANSWER_MB_MAX").as_deref())?,
            data_role: optional("DATA_ROLE_ARN"),
            s3_endpoint: s3_endpoint(&optional),
            chunk_bucket: optional("CHUNK_BUCKET"),
            cors_origin: optional("CORS_ORIGIN").map(|text| cors_origin(&text)).transpose()?,
            contact: optional("PROVIDER_CONTACT"),
            log: optional("SPILLWAY_LOG"),
        })
    }
}

fn cors_origin(text: &str) -> Result<HeaderValue, ConfigError> {
    let origin = text == "*"
        || text.split_once("://").is_some_and(|(scheme, host)| {
            matches!(scheme, "http" | "https") && !host.is_empty() && !host.contains(['/', ' ', ',', '*'])
        });
    HeaderValue::from_str(text).ok().filter(|_| origin).ok_or_else(|| {
        let problem = format!("'{text}' is neither '*' nor one origin such as https://data.example.com");
        ConfigError::new("CORS_ORIGIN", problem)
    })
}

fn url_ttl_secs(text: Option<&str>) -> Result<i64, ConfigError> {
    let Some(text) = text else { return Ok(FUNCTION_URL_TTL_SECS_MAX) };
    let range = FUNCTION_URL_TTL_SECS_MIN..=FUNCTION_URL_TTL_SECS_MAX;
    text.parse().ok().filter(|secs| range.contains(secs)).ok_or_else(|| {
        let (min, max) = (range.start(), range.end());
        ConfigError::new("URL_TTL_SECONDS", format!("'{text}' is not a whole number of seconds from {min} to {max}"))
    })
}

fn answer_bytes_max(text: Option<&str>) -> Result<u64, ConfigError> {
    let range = FUNCTION_ANSWER_MB_MIN..=FUNCTION_ANSWER_MB_MAX;
    let megabytes = text.map_or(Some(FUNCTION_ANSWER_MB_MAX), |text| text.parse().ok());
    megabytes.filter(|megabytes| range.contains(megabytes)).map(|megabytes| megabytes * 1_000_000).ok_or_else(|| {
        let (text, min, max) = (text.unwrap_or_default(), range.start(), range.end());
        ConfigError::new("ANSWER_MB_MAX", format!("'{text}' is not a whole number of megabytes from {min} to {max}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_more_specific_endpoint_wins() {
        let read = |pairs: &[(&str, &str)]| {
            Environment::from_lookup(|name| {
                pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(read(&[]), Environment::default());
        assert_eq!(read(&[("AWS_ENDPOINT_URL", "a")]).s3_endpoint.as_deref(), Some("a"));
        assert_eq!(read(&[("AWS_ENDPOINT_URL", "a"), ("AWS_ENDPOINT_URL_S3", "b")]).s3_endpoint.as_deref(), Some("b"));
        assert_eq!(read(&[("AWS_ENDPOINT_URL", " ")]).s3_endpoint, None);
    }

    const FUNCTION: [(&str, &str); 6] = [
        ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001"),
        ("AWS_LAMBDA_FUNCTION_NAME", "f"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1024"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
        ("TABLE_NAME", "catalogue"),
        ("KEYRING_SECRET_ARN", "arn:keyring"),
    ];

    fn function(changes: &[(&str, &str)]) -> Result<FunctionConfig, String> {
        let lookup = |name: &str| {
            let found = changes.iter().chain(&FUNCTION).find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        FunctionConfig::from_lookup(lookup).map_err(|error| error.to_string())
    }

    #[test]
    fn a_function_needs_little() {
        let config = function(&[]).unwrap();
        assert_eq!((config.table_name.as_str(), config.keyring_secret.as_str()), ("catalogue", "arn:keyring"));
        assert_eq!((config.token_store, config.url_ttl_secs, config.data_role), (TokenPlace::DynamoDb, 3600, None));
        assert_eq!((config.chunk_bucket, function(&[("CHUNK_BUCKET", "")]).unwrap().chunk_bucket), (None, None));
        assert_eq!(config.answer_bytes_max, 195_000_000);
        assert_eq!(function(&[("ANSWER_MB_MAX", "6")]).unwrap().answer_bytes_max, 6_000_000);
        let secrets = function(&[("TOKEN_STORE", "secretsmanager"), ("TOKEN_SECRET_PREFIX", "spillway/")]).unwrap();
        assert_eq!(secrets.token_store, TokenPlace::SecretsManager { prefix: "spillway/".into() });
    }

    #[test]
    fn an_error_names_the_variable() {
        for (name, value) in [
            ("AWS_LAMBDA_RUNTIME_API", ""),
            ("AWS_LAMBDA_FUNCTION_VERSION", " "),
            ("TABLE_NAME", ""),
            ("KEYRING_SECRET_ARN", ""),
            ("TOKEN_STORE", "redis"),
            ("URL_TTL_SECONDS", "1199"),
            ("URL_TTL_SECONDS", "3601"),
            ("URL_TTL_SECONDS", "an hour"),
            ("ANSWER_MB_MAX", "5"),
            ("ANSWER_MB_MAX", "196"),
            ("ANSWER_MB_MAX", "much"),
            ("CORS_ORIGIN", "data.example.com"),
            ("CORS_ORIGIN", "https://a.example, https://b.example"),
        ] {
            let error = function(&[(name, value)]).unwrap_err();
            assert!(error.starts_with(&format!("environment variable {name}: ")), "{error}");
        }
        let error = function(&[("TOKEN_STORE", "secretsmanager")]).unwrap_err();
        assert!(error.starts_with("environment variable TOKEN_SECRET_PREFIX: "), "{error}");
    }

    #[test]
    fn every_variable_is_in_the_table() {
        let text = include_str!("config.rs");
        let (documented, code) = text.split_once("use std::ffi").unwrap();
        for name in
            code.split('"').filter(|word| word.len() > 4 && word.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
        {
            assert!(documented.contains(&format!("`{name}`")), "{name} is read and not documented");
        }
    }
}
