//! How many files the server may have open: every connection is one.

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use shared::limits::{CONNECTIONS_MAX, OPEN_FILES_WANTED};

/// Asks the system for as many as the server may need. Says how many connections of clients leave as many again for the
/// storage and everything else.
pub fn connections() -> usize {
    let Ok((now, most)) = getrlimit(Resource::RLIMIT_NOFILE) else { return CONNECTIONS_MAX };
    let wanted = most.min(OPEN_FILES_WANTED);
    let raised = now < wanted && setrlimit(Resource::RLIMIT_NOFILE, wanted, most).is_ok();
    let open = if raised { wanted } else { now };
    usize::try_from(open / 2).unwrap_or(usize::MAX).min(CONNECTIONS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_files_are_for_connections() {
        let connections = connections();
        let (now, _) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        assert!((1..=CONNECTIONS_MAX).contains(&connections));
        assert!(now >= OPEN_FILES_WANTED || connections as u64 == now / 2, "{connections} of {now}");
    }
}
