//! The exact texts, and the law that matters: no key outside the table matches, read as IAM reads it.

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::model::network::Network;
use crate::model::version::TimestampMs;

const ROLE: &str = "arn:aws:iam::123456789012:role/delta-sharing/reader";
const SIGNER: Purpose<'static> =
    Purpose::Signer { recipient: "r1", table: "t1", bounds: Bounds { until: None, networks: &[] } };

fn policies(table: &TableLocation, purpose: Purpose<'_>, role: &str) -> Result<Vec<String>, Error> {
    confining(table, purpose, RoleArn::parse(role).unwrap(), "eu-west-1")
}

#[test]
fn a_signer_reads_the_tables_objects_and_nothing_else() {
    let texts = policies(&TableLocation::new("data", "a/t"), SIGNER, ROLE).unwrap();
    let read = r#"{"Effect":"Allow","Action":"s3:GetObject","Resource":["arn:aws:s3:::data/a/t/*"]}"#;
    let decrypt = concat!(
        r#"{"Effect":"Allow","Action":"kms:Decrypt","Resource":["*"],"Condition":{"StringLike":{"#,
        r#""kms:EncryptionContext:aws:s3:arn":["arn:aws:s3:::data","arn:aws:s3:::data/a/t/*"],"#,
        r#""kms:ViaService":["s3.*.amazonaws.com"]}}}"#
    );
    assert_eq!(
        texts,
        [
            format!(r#"{{"Version":"2012-10-17","Statement":[{read},{decrypt}]}}"#),
            format!(r#"{{"Version":"2012-10-17","Statement":[{read}]}}"#),
        ]
    );
}

#[test]
fn a_reader_reads_and_lists_the_log_only() {
    let texts = policies(&TableLocation::new("data", "a/t"), Purpose::Reader, ROLE).unwrap();
    let expected = concat!(
        r#"{"Version":"2012-10-17","Statement":["#,
        r#"{"Effect":"Allow","Action":"s3:GetObject","Resource":["arn:aws:s3:::data/a/t/_delta_log/*"]},"#,
        r#"{"Effect":"Allow","Action":"s3:ListBucket","Resource":["arn:aws:s3:::data"],"#,
        r#""Condition":{"StringLike":{"s3:prefix":["a/t/_delta_log/*"]}}}]}"#
    );
    assert_eq!(texts[1], expected);
}

fn with_auxiliary(places: &[(&str, &str)]) -> TableLocation {
    TableLocation::new("data", "a/t")
        .with_auxiliary(places.iter().map(|(bucket, prefix)| TableLocation::new(*bucket, prefix)))
}

#[test]
fn a_signer_reads_auxiliary_locations_and_a_reader_does_not() {
    let table = with_auxiliary(&[("data", "a*"), ("other", "x/y")]);
    let texts = policies(&table, SIGNER, ROLE).unwrap();
    let objects = r#"["arn:aws:s3:::data/a/t/*","arn:aws:s3:::data/a${*}/*","arn:aws:s3:::other/x/y/*"]"#;
    let read = format!(r#"{{"Effect":"Allow","Action":"s3:GetObject","Resource":{objects}}}"#);
    assert_eq!(texts[1], format!(r#"{{"Version":"2012-10-17","Statement":[{read}]}}"#));
    let context = concat!(
        r#"["arn:aws:s3:::data","arn:aws:s3:::data/a/t/*","arn:aws:s3:::data/a${*}/*","#,
        r#""arn:aws:s3:::other","arn:aws:s3:::other/x/y/*"]"#
    );
    assert!(texts[0].contains(context), "{}", texts[0]);
    let reader = |table| policies(table, Purpose::Reader, ROLE).unwrap();
    assert_eq!(reader(&table), reader(&TableLocation::new("data", "a/t")));
}

#[test]
fn auxiliary_locations_that_do_not_fit_are_refused_never_left_out() {
    let long = |length: usize| "x".repeat(length);
    let fits =
        |length: usize| policies(&with_auxiliary(&[("one", &long(length)), ("two", &long(length))]), SIGNER, ROLE);
    assert_eq!(fits(300).unwrap().len(), 2);
    let least = fits(800).unwrap();
    assert!(least.len() == 1 && least[0].contains(":one/") && least[0].contains(":two/"));
    let error = fits(1000).unwrap_err();
    assert!(matches!(error, Error::Unsupported(_)) && error.public().contains("auxiliary locations"));
}

#[test]
fn a_table_that_is_a_bucket_and_a_bucket_with_dots() {
    let texts = policies(&TableLocation::new("my.data", ""), SIGNER, ROLE).unwrap();
    assert!(texts[1].contains(r#""Resource":["arn:aws:s3:::my.data/*"]"#), "{}", texts[1]);
    let texts = policies(&TableLocation::new("my.data", ""), Purpose::Reader, ROLE).unwrap();
    assert!(texts[1].contains(r#""s3:prefix":["_delta_log/*"]"#), "{}", texts[1]);
}

#[test]
fn arns_are_of_the_roles_partition() {
    for (partition, via) in
        [("aws-cn", r#"["s3.*.amazonaws.com","s3.*.amazonaws.com.cn"]"#), ("aws-us-gov", r#"["s3.*.amazonaws.com"]"#)]
    {
        let role = format!("arn:{partition}:iam::123456789012:role/r");
        let texts = policies(&TableLocation::new("data", "t"), SIGNER, &role).unwrap();
        assert!(texts[0].contains(&format!(r#"["arn:{partition}:s3:::data/t/*"]"#)), "{}", texts[0]);
        assert!(texts[0].contains(via) && !texts[0].contains("arn:aws:"), "{}", texts[0]);
    }
}

#[test]
fn an_alias_is_its_access_point_in_the_roles_account() {
    let alias = "sales-hrzrlukc5m36ft7okagglf3gmwluquse1b-s3alias";
    let texts = policies(&TableLocation::new(alias, "t"), Purpose::Reader, ROLE).unwrap();
    let point = "arn:aws:s3:eu-west-1:123456789012:accesspoint/sales";
    let objects = format!(r#"["arn:aws:s3:::{alias}/t/_delta_log/*","{point}/object/t/_delta_log/*"]"#);
    assert!(texts[1].contains(&objects), "{}", texts[1]);
    assert!(texts[1].contains(&format!(r#"["arn:aws:s3:::{alias}","{point}"]"#)), "{}", texts[1]);
    assert!(texts[0].contains(r#""kms:EncryptionContext:aws:s3:arn":["arn:aws:s3:*"]"#), "{}", texts[0]);
}

#[test]
fn metacharacters_stand_for_themselves() {
    let texts = policies(&TableLocation::new("data", "a*/b?/$c/${d}"), SIGNER, ROLE).unwrap();
    assert!(texts[1].contains(r#"["arn:aws:s3:::data/a${*}/b${?}/${$}c/${$}{d}/*"]"#), "{}", texts[1]);
}

#[test]
fn the_text_is_ascii() {
    let texts = policies(&TableLocation::new("data", "zürich/\u{1f4c8}\""), SIGNER, ROLE).unwrap();
    assert!(texts[1].contains(r#"data/z\u00fcrich/\ud83d\udcc8\"/*"#), "{}", texts[1]);
    assert!(texts[1].is_ascii());
}

#[test]
fn what_does_not_fit_is_smaller_or_refused_never_wider() {
    let fits = |length: usize| policies(&TableLocation::new("data", &"x".repeat(length)), SIGNER, ROLE);
    assert_eq!(fits(800).unwrap().len(), 2);
    let least = fits(1000).unwrap();
    assert_eq!(least.len(), 1);
    assert!(!least[0].contains("kms:") && least[0].contains("s3:GetObject"));
    let long = policies(&TableLocation::new("data", &"ü".repeat(500)), SIGNER, ROLE).unwrap_err();
    assert!(matches!(long, Error::Unsupported(_)) && !long.public().contains('ü'));
}

#[test]
fn only_roles_are_roles() {
    for bad in [
        "",
        "reader",
        "arn:aws:iam::123456789012:user/u",
        "arn:aws:iam::123456789012:role/",
        "arn:aws:iam::1234:role/r",
        "arn:aws:iam:eu-west-1:123456789012:role/r",
        "arn:aws:sts::123456789012:role/r",
        "arn:a*s:iam::123456789012:role/r",
        "arn:aws*:iam::123456789012:role/r",
    ] {
        assert_eq!(RoleArn::parse(bad), None, "{bad}");
    }
    assert!(RoleArn::parse(ROLE).is_some());
}

/// A piece of a pattern.
#[derive(Clone, Copy, PartialEq)]
enum Piece {
    Many,
    One,
    Is(char),
}

/// A pattern of a policy, read as IAM does: `${*}`, `${?}` and `${$}` are characters, `*` and `?` are wildcards.
fn pattern(text: &str) -> Vec<Piece> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some(form) = ["${*}", "${?}", "${$}"].iter().find(|form| rest.starts_with(**form)) {
            out.push(Piece::Is(form.chars().nth(2).unwrap()));
            rest = &rest[form.len()..];
            continue;
        }
        assert!(!rest.starts_with("${"), "an IAM variable in {text}");
        out.push(match c {
            '*' => Piece::Many,
            '?' => Piece::One,
            _ => Piece::Is(c),
        });
        rest = &rest[c.len_utf8()..];
    }
    out
}

fn matches(pattern: &[Piece], text: &[char]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((Piece::Many, rest)) => (0..=text.len()).any(|skipped| matches(rest, &text[skipped..])),
        Some((one, rest)) => text
            .split_first()
            .is_some_and(|(first, text)| (*one == Piece::One || *one == Piece::Is(*first)) && matches(rest, text)),
    }
}

/// Whether some statement of the policy for this action has a resource that matches.
fn allows(policy: &str, action: &str, arn: &str) -> bool {
    let policy: Value = serde_json::from_str(policy).unwrap();
    let text: Vec<char> = arn.chars().collect();
    policy["Statement"].as_array().unwrap().iter().filter(|statement| statement["Action"] == action).any(|statement| {
        statement["Resource"].as_array().unwrap().iter().any(|one| matches(&pattern(one.as_str().unwrap()), &text))
    })
}

proptest! {
    #[test]
    fn no_key_outside_the_table_matches(
        prefix in "[ab*?${}/. ü]{0,8}",
        key in "[ab*?${}/. ü]{0,12}",
        aliased in any::<bool>(),
    ) {
        let bucket = if aliased { "ab-m-s3alias" } else { "data" };
        let table = TableLocation::new(bucket, &prefix);
        let inside = format!("{}{key}", table.root_key());
        let point = "arn:aws:s3:eu-west-1:123456789012:accesspoint/ab/object/";
        let arns = [format!("arn:aws:s3:::{bucket}/"), point.to_owned()];
        let arns = if aliased { &arns[..] } else { &arns[..1] };
        for policy in policies(&table, SIGNER, ROLE).unwrap() {
            for arn in arns {
                let own = allows(&policy, "s3:GetObject", &format!("{arn}{inside}"));
                prop_assert!(own);
                let is_inside = key.starts_with(&table.root_key());
                prop_assert_eq!(allows(&policy, "s3:GetObject", &format!("{arn}{key}")), is_inside);
            }
            let elsewhere = allows(&policy, "s3:GetObject", &format!("arn:aws:s3:::data-of-others/{inside}"));
            prop_assert!(!elsewhere);
        }
        for policy in policies(&table, Purpose::Reader, ROLE).unwrap() {
            for arn in arns {
                let is_log = key.starts_with(&table.log_key(""));
                prop_assert_eq!(allows(&policy, "s3:GetObject", &format!("{arn}{key}")), is_log);
                let log_key = table.log_key(&key);
                let own = allows(&policy, "s3:GetObject", &format!("{arn}{log_key}"));
                prop_assert!(own);
            }
        }
    }

    #[test]
    fn no_key_outside_the_table_and_its_auxiliary_locations_matches(
        prefixes in prop::collection::vec("[ab*?${}/. ü]{0,6}", 2..4),
        key in "[ab*?${}/. ü]{0,12}",
    ) {
        let table = TableLocation::new("data", &prefixes[0])
            .with_auxiliary(prefixes[1..].iter().map(|prefix| TableLocation::new("data", prefix)));
        let areas: Vec<&Area> = std::iter::once(table.area()).chain(table.auxiliary()).collect();
        for policy in policies(&table, SIGNER, ROLE).unwrap() {
            let is_inside = areas.iter().any(|area| key.starts_with(&area.root_key()));
            prop_assert_eq!(allows(&policy, "s3:GetObject", &format!("arn:aws:s3:::data/{key}")), is_inside);
            let elsewhere = allows(&policy, "s3:GetObject", &format!("arn:aws:s3:::data-of-others/{key}"));
            prop_assert!(!elsewhere);
        }
    }

    #[test]
    fn only_listings_of_the_log_match(prefix in "[ab*?$/]{0,6}", asked in "[ab*?$/]{0,6}(_delta_log)?[/a]{0,2}") {
        let table = TableLocation::new("data", &prefix);
        let policy: Value = serde_json::from_str(&policies(&table, Purpose::Reader, ROLE).unwrap()[1]).unwrap();
        let condition = policy["Statement"][1]["Condition"]["StringLike"]["s3:prefix"][0].as_str().unwrap();
        let text: Vec<char> = asked.chars().collect();
        prop_assert_eq!(matches(&pattern(condition), &text), asked.starts_with(&table.log_key("")));
    }
}

fn bounded(networks: &[Network], until: Option<TimestampMs>) -> Result<Vec<String>, Error> {
    let bounds = Bounds { until, networks };
    policies(&TableLocation::new("data", "a/t"), Purpose::Signer { recipient: "r1", table: "t1", bounds }, ROLE)
}

fn networks(count: usize) -> Vec<Network> {
    (0..count).map(|at| Network::parse(&format!("2001:db8:abcd:{}::/64", 1000 + at)).unwrap()).collect()
}

#[test]
fn a_signer_works_from_the_recipients_networks_and_until_the_grants_end() {
    let list = [Network::parse("203.0.113.0/24").unwrap(), Network::parse("2001:db8::/32").unwrap()];
    let until = Some(TimestampMs::parse("2026-01-31T08:00:00.999Z").unwrap());
    let condition = |policy: &str| {
        let policy: Value = serde_json::from_str(policy).unwrap();
        policy["Statement"][0]["Condition"].clone()
    };
    let texts = bounded(&list, until).unwrap();
    let expected = concat!(
        r#"{"DateLessThan":{"aws:CurrentTime":"2026-01-31T08:00:00Z"},"#,
        r#""IpAddress":{"aws:SourceIp":["203.0.113.0/24","2001:db8::/32"]}}"#
    );
    assert_eq!(texts.len(), 2, "the one without decryption is bound as well");
    for text in &texts {
        assert_eq!(condition(text).to_string(), expected);
    }
    assert_eq!(condition(&bounded(&[], until).unwrap()[1])["IpAddress"], Value::Null);
    assert_eq!(condition(&bounded(&list, None).unwrap()[1])["DateLessThan"], Value::Null);
    assert_eq!(condition(&bounded(&[], None).unwrap()[1]), Value::Null);
}

#[test]
fn a_list_that_does_not_fit_beside_the_table_is_refused_and_never_left_out() {
    let mut least = usize::MAX;
    for count in 0..100 {
        match bounded(&networks(count), None) {
            Ok(texts) => {
                assert!(least == usize::MAX, "{count} networks fit and fewer did not");
                for text in texts {
                    assert_eq!(text.matches("2001:db8:").count(), count);
                }
            }
            Err(error) => {
                assert!(error.public().contains("check the list at the API only"), "{error}");
                least = least.min(count);
            }
        }
    }
    assert!((50..100).contains(&least), "{least}");
}
