//! Bearer tokens that this server makes: 256 random bits behind a prefix that secret scanners recognise.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::entropy;
use crate::error::Error;
use crate::secret::Secret;

/// What every token begins with.
pub const PREFIX: &str = "dss1_";

/// Makes a token.
///
/// # Errors
/// When the operating system has no randomness.
pub fn generate() -> Result<Secret, Error> {
    Ok(Secret::new(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(entropy::bytes::<32>()?))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_long_and_differ() {
        let (a, b) = (generate().unwrap(), generate().unwrap());
        assert_eq!(a.reveal().len(), PREFIX.len() + 43);
        assert_ne!(a.reveal(), b.reveal());
    }
}
