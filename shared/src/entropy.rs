//! The one place where randomness enters: tokens, keys and identifiers are made from the operating system's generator.

use crate::error::Error;

/// `N` random bytes from the operating system.
///
/// # Errors
/// When the operating system has no randomness to give; nothing may be issued then.
pub fn bytes<const N: usize>() -> Result<[u8; N], Error> {
    let mut out = [0; N];
    #[expect(clippy::disallowed_methods, reason = "this module is where randomness enters")]
    getrandom::fill(&mut out).map_err(|source| Error::internal("the operating system gave no random bytes", source))?;
    Ok(out)
}
