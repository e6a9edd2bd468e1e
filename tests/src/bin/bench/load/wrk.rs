//! The same load from `wrk`, where it is installed, to see that our own is not what is slow.

use std::process::{Command, Stdio};
use std::time::Duration;

use crate::server::{Peer, SHARE};

/// Lists a second over so many connections, by wrk's own words.
pub(super) async fn per_second(peer: &Peer, connections: usize, during: Duration) -> Option<f64> {
    let Peer { host, endpoint, token, .. } = peer;
    let mut wrk = Command::new("wrk");
    wrk.args(["-t1", &format!("-c{connections}"), &format!("-d{}s", during.as_secs())])
        .args(["-H", &format!("Authorization: Bearer {token}")])
        .arg(format!("http://{host}{endpoint}/shares/{SHARE}/all-tables"))
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    let output = tokio::task::spawn_blocking(move || wrk.output()).await.ok()?.ok()?;
    said(&String::from_utf8_lossy(&output.stdout))
}

fn said(text: &str) -> Option<f64> {
    let said = text.lines().find_map(|line| line.trim().strip_prefix("Requests/sec:")?.trim().parse().ok());
    said.filter(|_| !text.contains("Non-2xx"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_no_lists() {
        assert_eq!(said("  8 requests in 1s\nRequests/sec:   8123.5\n"), Some(8123.5));
        assert_eq!(said("  Non-2xx or 3xx responses: 8\nRequests/sec:   8123.5\n"), None);
    }
}
