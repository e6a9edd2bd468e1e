//! The only reader of environment variables. Each is read once, here, into a typed value.
//!
//! | variable | meaning |
//! |---|---|
//! | `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL` | an S3-compatible store instead of AWS, addressed in path style; the first one set wins |
//! | `SPILLWAY_LOG` | what is logged, in the syntax of `tracing-subscriber`'s filters; default `warn,spillway=info` |
//!
//! The AWS SDK reads its own variables for credentials and region.

use std::ffi::OsStr;

/// What the environment says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// The endpoint of an S3-compatible store.
    pub s3_endpoint: Option<String>,
    /// The log filter.
    pub log: Option<String>,
}

impl Environment {
    /// Reads the process's environment.
    pub fn read() -> Self {
        #[expect(clippy::disallowed_methods, reason = "this module is where the environment enters")]
        Self::from_lookup(|name| std::env::var_os(name))
    }

    fn from_lookup<S: AsRef<OsStr>>(lookup: impl Fn(&str) -> Option<S>) -> Self {
        let text = |name: &str| {
            let value = lookup(name)?;
            value.as_ref().to_str().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
        };
        Self {
            s3_endpoint: text("AWS_ENDPOINT_URL_S3").or_else(|| text("AWS_ENDPOINT_URL")),
            log: text("SPILLWAY_LOG"),
        }
    }
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
}
