//! Where signing credentials come from: the way in which the table is reached. A URL's life is the configured one, or what
//! is left of the credentials or of the grant when that is less.

use std::sync::Arc;

use async_trait::async_trait;

use super::sigv4::Target;
use super::{Presigner, UrlSigner};
use crate::clock::Clock;
use crate::error::Error;
use crate::limits::{CREDENTIAL_MARGIN_SECS, URL_TTL_SECS_MAX, URL_TTL_SECS_MIN};
use crate::model::recipient::Recipient;
use crate::model::rule::Window;
use crate::model::securable::Table;
use crate::model::version::TimestampMs;
use crate::storage::s3::Reaches;

/// Signs with the credentials by which tables are reached.
#[derive(Debug)]
pub struct SessionPresigner {
    reach: Arc<dyn Reaches>,
    clock: Arc<dyn Clock>,
    lifetime_secs: i64,
}

impl SessionPresigner {
    /// A presigner whose URLs live `lifetime_secs`, or less where the credentials end sooner. `clock` is what they are
    /// signed by.
    pub fn new(reach: Arc<dyn Reaches>, clock: Arc<dyn Clock>, lifetime_secs: i64) -> Self {
        Self { reach, clock, lifetime_secs: lifetime_secs.clamp(URL_TTL_SECS_MIN, URL_TTL_SECS_MAX) }
    }
}

#[async_trait]
impl Presigner for SessionPresigner {
    async fn signer(&self, table: &Table, to: &Recipient) -> Result<UrlSigner, Error> {
        let signing = self.reach.signing(table, to).await?;
        let now = self.clock.now();
        let wanted_secs = self.lifetime_secs.max(signing.least_secs);
        let lifetime_secs = lifetime(wanted_secs, signing.least_secs, now, signing.ends)
            .ok_or(Error::StorageUnavailable("the AWS credentials have run out".into()))?;
        let lifetime_secs = within(table.terms.window, now, lifetime_secs)
            .ok_or_else(|| Error::TableNotFound { name: table.full_name() })?;
        let target = Target { region: signing.region, endpoint: signing.endpoint };
        UrlSigner::new(&table.location, &target, &signing.keys, now, lifetime_secs)
    }
}

/// Seconds a URL signed now may promise, or nothing when the credentials end before the least of them.
fn lifetime(wanted_secs: i64, least_secs: i64, now: TimestampMs, ends: Option<TimestampMs>) -> Option<i64> {
    let Some(ends) = ends else { return Some(wanted_secs) };
    let left = (ends.millis() - now.millis()).div_euclid(1000) - CREDENTIAL_MARGIN_SECS;
    (left >= least_secs).then(|| wanted_secs.min(left))
}

/// Seconds of these that are left of a grant, however few: what is read after it has ended was never to be read. Nothing
/// when it has ended.
pub fn within(window: Window, now: TimestampMs, secs: i64) -> Option<i64> {
    let Some(until) = window.until else { return Some(secs) };
    let left = (until.millis() - now.millis()).div_euclid(1000);
    (left >= URL_TTL_SECS_MIN).then(|| secs.min(left))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_never_outlives_its_credentials() {
        let now = TimestampMs::new(0);
        let left = |secs| Some(now.plus_secs(secs));
        assert_eq!(lifetime(3600, 1, now, None), Some(3600));
        assert_eq!(lifetime(3600, 1, now, left(7200)), Some(3600));
        assert_eq!(lifetime(3600, 1, now, left(1000)), Some(970));
        assert_eq!(lifetime(3600, 1, now, left(30)), None);
        assert_eq!(lifetime(3600, 1, now, left(-5)), None);
    }

    #[test]
    fn a_url_ends_with_the_grant_even_when_that_is_soon() {
        let now = TimestampMs::new(0);
        let left = |secs| within(Window { from: None, until: Some(now.plus_secs(secs)) }, now, 3600);
        assert_eq!([7200, 3600, 300, 1, 0, -1].map(left), [Some(3600), Some(3600), Some(300), Some(1), None, None]);
        assert_eq!(within(Window::default(), now, 3600), Some(3600));
    }

    #[test]
    fn a_url_lives_for_the_least_that_is_asked_or_is_not_made() {
        let now = TimestampMs::new(0);
        assert_eq!(lifetime(3600, 960, now, Some(now.plus_secs(990))), Some(960));
        assert_eq!(lifetime(3600, 960, now, Some(now.plus_secs(989))), None);
    }
}
