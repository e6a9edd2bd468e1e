//! Why a recipient sees nothing, or nothing of a share, as far as the catalogue alone tells it.

use std::net::IpAddr;

use shared::catalog::write::{GrantRecord, ShareRecord, Status, TokenRecord};
use shared::model::version::TimestampMs;
use shared::provider::recipients::RecipientDetail;

use super::super::answer::moment;

/// Why every request of a recipient is refused; nothing when it is let in. Without an address, its address is not judged.
pub(super) fn of_recipient(detail: &RecipientDetail, from: Option<IpAddr>, now: TimestampMs) -> Vec<String> {
    let mut out = Vec::new();
    let recipient = &detail.recipient;
    if recipient.status == Status::Disabled {
        let next = format!("spillway recipient enable {}", recipient.name);
        out.push(format!("the recipient is disabled; enable it with: {next}"));
    }
    out.extend(of_tokens(&detail.tokens, now).map(|why| {
        let next = format!("spillway token rotate {}", recipient.name);
        format!("{why}; make another with: {next}")
    }));
    if let Some(address) = from.filter(|address| !recipient.rules.access.admits(Some(*address))) {
        out.push(format!("the IP access list excludes {address}"));
    }
    out
}

/// Why none of these tokens is good; nothing when one is.
fn of_tokens(tokens: &[TokenRecord], now: TimestampMs) -> Option<String> {
    let is_good = |token: &TokenRecord| token.status == Status::Active && token.window().holds(now);
    if tokens.iter().any(is_good) {
        return None;
    }
    let active = || tokens.iter().filter(|token| token.status == Status::Active);
    let begins = active().filter_map(|token| token.not_before).filter(|from| *from > now).min();
    let ended = active().filter_map(|token| token.expires_at).filter(|until| *until <= now).max();
    Some(match (begins, ended) {
        (Some(from), _) => format!("its token is good from {} only", moment(from)),
        (None, Some(until)) => format!("its token expired on {}", moment(until)),
        (None, None) if tokens.is_empty() => "it has no token".to_owned(),
        (None, None) => "its tokens are disabled".to_owned(),
    })
}

/// Why a grant lets the recipient see nothing of a share; nothing when it does. `share` is what has the name now.
pub(super) fn of_grant(grant: &GrantRecord, share: Option<&ShareRecord>, now: TimestampMs) -> Option<String> {
    if share.is_none_or(|share| share.id != grant.share_id) {
        return Some(format!("share '{}' does not exist any more", grant.share));
    }
    if grant.window.holds(now) {
        return None;
    }
    Some(match (grant.window.from, grant.window.until) {
        (Some(from), _) if now < from => format!("the grant begins on {}", moment(from)),
        (_, Some(until)) => format!("the grant ended on {}", moment(until)),
        _ => "the grant is not good now".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use shared::catalog::write::RecipientRecord;
    use shared::model::name::{RecipientName, ShareName};
    use shared::model::network::Network;
    use shared::model::rule::{RecipientRules, Window};

    use super::*;

    const NOW: TimestampMs = TimestampMs::new(1_767_225_600_000);

    fn token(from: Option<i64>, until: Option<i64>, status: Status) -> TokenRecord {
        TokenRecord {
            id: "t".into(),
            recipient_id: "r".into(),
            hash: String::new(),
            key_id: None,
            not_before: from.map(|secs| NOW.plus_secs(secs)),
            expires_at: until.map(|secs| NOW.plus_secs(secs)),
            status,
            created_at: None,
        }
    }

    fn detail(tokens: Vec<TokenRecord>, status: Status) -> RecipientDetail {
        let mut rules = RecipientRules::default();
        rules.access.networks = vec![Network::parse("203.0.113.0/24").unwrap()];
        let recipient = RecipientRecord {
            name: RecipientName::parse("acme").unwrap(),
            id: "r".into(),
            comment: None,
            status,
            rules,
            created_at: None,
        };
        RecipientDetail { recipient, tokens, grants: Vec::new() }
    }

    #[test]
    fn whoever_is_let_in_has_no_reason() {
        let detail = detail(vec![token(None, Some(1), Status::Active)], Status::Active);
        assert!(of_recipient(&detail, None, NOW).is_empty());
        assert!(of_recipient(&detail, Some("203.0.113.7".parse().unwrap()), NOW).is_empty());
    }

    #[test]
    fn every_reason_is_told() {
        let detail = detail(Vec::new(), Status::Disabled);
        let said = of_recipient(&detail, Some("10.0.0.1".parse().unwrap()), NOW);
        assert_eq!(said.len(), 3, "{said:?}");
        for (said, words) in said.iter().zip(["is disabled", "no token", "excludes 10.0.0.1"]) {
            assert!(said.contains(words), "{said}");
        }
    }

    #[test]
    fn tokens_that_are_not_good_say_why() {
        let (active, disabled) = (Status::Active, Status::Disabled);
        for (tokens, words) in [
            (vec![token(None, Some(0), active)], Some("expired on 2026-01-01 00:00 UTC")),
            (vec![token(None, Some(0), active), token(Some(60), None, active)], Some("from 2026-01-01 00:01 UTC")),
            (vec![token(None, None, disabled)], Some("are disabled")),
            (vec![token(None, Some(0), active), token(Some(0), None, active)], None),
        ] {
            let said = of_tokens(&tokens, NOW);
            assert_eq!(said.is_some(), words.is_some(), "{said:?}");
            assert!(said.unwrap_or_default().contains(words.unwrap_or_default()), "{words:?}");
        }
    }

    #[test]
    fn grants_say_when() {
        let name = ShareName::parse("s").unwrap();
        let share = ShareRecord { name: name.clone(), id: "1".into(), comment: None, created_at: None };
        let grant = |from: Option<i64>, until: Option<i64>| GrantRecord {
            share: name.clone(),
            share_id: "1".into(),
            recipient: RecipientName::parse("acme").unwrap(),
            recipient_id: "r".into(),
            window: Window { from: from.map(|secs| NOW.plus_secs(secs)), until: until.map(|secs| NOW.plus_secs(secs)) },
            granted_at: None,
        };
        assert_eq!(of_grant(&grant(Some(0), Some(1)), Some(&share), NOW), None);
        let said = |grant: &GrantRecord, share| of_grant(grant, share, NOW).unwrap();
        assert_eq!(said(&grant(Some(60), None), Some(&share)), "the grant begins on 2026-01-01 00:01 UTC");
        assert_eq!(said(&grant(None, Some(0)), Some(&share)), "the grant ended on 2026-01-01 00:00 UTC");
        let again = ShareRecord { id: "2".into(), ..share.clone() };
        assert_eq!(said(&grant(None, None), Some(&again)), "share 's' does not exist any more");
        assert_eq!(said(&grant(None, None), None), "share 's' does not exist any more");
    }
}
