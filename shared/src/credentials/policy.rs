//! Session policies: what confines a session to one table (IAM: what the role allows *and* this), and in one that signs
//! to its auxiliary locations, to the networks of its recipient and to the end of the grant. Prefixes are escaped, so that a table named with a wildcard is that table alone; what does
//! not fit is refused, never widened.
//!
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Bounds, Purpose};
use crate::error::Error;
use crate::limits::SESSION_POLICY_CHARS_MAX;
use crate::model::area::Area;
use crate::model::location::TableLocation;

/// What a bucket is called when it is reached through an access point. IAM knows the access point by its ARN only.
const ALIAS_SUFFIX: &str = "-s3alias";

/// What the policy needs to know of a role's ARN: `arn:PARTITION:iam::ACCOUNT:role/NAME`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoleArn<'a> {
    /// `aws`, `aws-cn`, `aws-us-gov` or another.
    pub partition: &'a str,
    /// The account's twelve digits.
    pub account: &'a str,
}

impl<'a> RoleArn<'a> {
    /// Reads a role's ARN.
    pub fn parse(arn: &'a str) -> Option<Self> {
        let mut parts = arn.splitn(6, ':');
        let (arn, partition, service, region, account, resource) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let partition_ok = (partition == "aws" || partition.starts_with("aws-"))
            && partition.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
        let account_ok = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
        let role_ok = resource.strip_prefix("role/").is_some_and(|name| !name.is_empty());
        (arn == "arn" && service == "iam" && region.is_empty() && partition_ok && account_ok && role_ok)
            .then_some(Self { partition, account })
    }
}

/// The policies that confine a session, from the fullest to the least, each within the bound. The later ones leave out
/// the decryption of objects: for when the issuer says that the first is too large once packed.
///
/// # Errors
/// When even the least does not fit.
pub fn confining(
    table: &TableLocation,
    purpose: Purpose<'_>,
    role: RoleArn<'_>,
    region: &str,
) -> Result<Vec<String>, Error> {
    let mut places = vec![Places::of(table.area(), role, region)];
    let reading = match purpose {
        Purpose::Reader => vec![read(&places, "_delta_log/*"), list(&places)],
        Purpose::Signer { bounds, .. } => {
            places.extend(table.auxiliary().iter().map(|area| Places::of(area, role, region)));
            vec![Statement { condition: condition(bounds), ..read(&places, "*") }]
        }
    };
    let mut full = reading.clone();
    full.push(decrypt(&places, role.partition));
    let mut fitting = Vec::new();
    for statements in [full, reading] {
        let text = written(statements)?;
        if text.len() <= SESSION_POLICY_CHARS_MAX {
            fitting.push(text);
        }
    }
    if fitting.is_empty() {
        return Err(too_large(table, purpose));
    }
    Ok(fitting)
}

/// A table that no session can be confined to.
pub fn too_large(table: &TableLocation, purpose: Purpose<'_>) -> Error {
    let bound = matches!(purpose, Purpose::Signer { bounds, .. } if !bounds.networks.is_empty());
    Error::Unsupported(if bound {
        "The table's path and this recipient's IP access list are too long together for this server to confine access to them. Ask \
         the share provider to name fewer or larger networks, or to check the list at the API only."
            .into()
    } else if table.auxiliary().is_empty() {
        "The table's path is too long for this server to confine access to it. Ask the share provider to move the table."
            .into()
    } else {
        "The table's path and its auxiliary locations are too long for this server to confine access to them. Ask the share \
         provider to name fewer or shorter ones."
            .into()
    })
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Statement {
    effect: &'static str,
    action: &'static str,
    resource: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<Condition>,
}

#[derive(Clone, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Condition {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    string_like: BTreeMap<&'static str, Vec<String>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    ip_address: BTreeMap<&'static str, Vec<String>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    date_less_than: BTreeMap<&'static str, String>,
}

impl Condition {
    fn like(keys: impl IntoIterator<Item = (&'static str, Vec<String>)>) -> Self {
        Self { string_like: keys.into_iter().collect(), ..Self::default() }
    }
}

/// Of reading, not of decryption: S3 asks for that itself, from an address of its own, and only for who may read.
fn condition(bounds: Bounds<'_>) -> Option<Condition> {
    if bounds == Bounds::default() {
        return None;
    }
    let networks: Vec<String> = bounds.networks.iter().map(ToString::to_string).collect();
    let networks = (!networks.is_empty()).then_some(("aws:SourceIp", networks));
    let until = bounds.until.map(|until| ("aws:CurrentTime", until.whole_secs().to_iso().replace(".000Z", "Z")));
    Some(Condition {
        ip_address: networks.into_iter().collect(),
        date_less_than: until.into_iter().collect(),
        ..Condition::default()
    })
}

/// An area in the terms of IAM, escaped.
struct Places {
    /// ARNs of the bucket, as `ListBucket` knows it.
    buckets: Vec<String>,
    /// What precedes an object's key in its ARN, for each of these.
    objects: Vec<String>,
    /// The key of its root.
    root: String,
    aliased: bool,
}

impl Places {
    fn of(area: &Area, role: RoleArn<'_>, region: &str) -> Self {
        let RoleArn { partition, account } = role;
        let bucket = format!("arn:{partition}:s3:::{}", escaped(area.bucket()));
        let mut buckets = vec![bucket.clone()];
        let mut objects = vec![format!("{bucket}/")];
        let access_point = access_point(area.bucket());
        if let Some(name) = access_point {
            // Everything is spelt out: a wildcard here could stretch into the key and reach another prefix.
            let (region, name) = (escaped(region), escaped(name));
            let point = format!("arn:{partition}:s3:{region}:{account}:accesspoint/{name}");
            objects.push(format!("{point}/object/"));
            buckets.push(point);
        }
        Self { buckets, objects, root: escaped(&area.root_key()), aliased: access_point.is_some() }
    }

    fn below_root(&self, rest: &str) -> Vec<String> {
        self.objects.iter().map(|object| format!("{object}{}{rest}", self.root)).collect()
    }
}

/// Current versions only: no URL of this server names a version.
fn read(places: &[Places], rest: &str) -> Statement {
    let resource = places.iter().flat_map(|place| place.below_root(rest)).collect();
    Statement { effect: "Allow", action: "s3:GetObject", resource, condition: None }
}

/// With the slash: without it, `t/_delta_log` would list `t/_delta_log_of_another` too.
fn list(places: &[Places]) -> Statement {
    let prefixes = places.iter().map(|place| format!("{}_delta_log/*", place.root)).collect();
    Statement {
        effect: "Allow",
        action: "s3:ListBucket",
        resource: places.iter().flat_map(|place| place.buckets.clone()).collect(),
        condition: Some(Condition::like([("s3:prefix", prefixes)])),
    }
}

/// Which key encrypts a bucket is not known here, so this names S3 and the objects instead. With bucket keys the
/// context is the bucket's ARN; behind an alias no bucket is known, and what may be read is the bound.
fn decrypt(places: &[Places], partition: &str) -> Statement {
    let mut context = Vec::new();
    for place in places {
        let arns = if place.aliased {
            vec![format!("arn:{partition}:s3:*")]
        } else {
            place.buckets.iter().cloned().chain(place.below_root("*")).collect()
        };
        for arn in arns {
            if !context.contains(&arn) {
                context.push(arn);
            }
        }
    }
    let mut via = vec!["s3.*.amazonaws.com".to_owned()];
    if partition == "aws-cn" {
        via.push("s3.*.amazonaws.com.cn".to_owned());
    }
    let conditions = [("kms:EncryptionContext:aws:s3:arn", context), ("kms:ViaService", via)];
    Statement {
        effect: "Allow",
        action: "kms:Decrypt",
        resource: vec!["*".to_owned()],
        condition: Some(Condition::like(conditions)),
    }
}

/// The name of the access point behind an alias (`NAME-METADATA-s3alias`).
fn access_point(bucket: &str) -> Option<&str> {
    let (name, _) = bucket.strip_suffix(ALIAS_SUFFIX)?.rsplit_once('-')?;
    Some(name)
}

/// IAM reads `*` and `?` as wildcards and `$` as the beginning of a variable, except in these forms.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '$' | '*' | '?' => out.extend(['$', '{', c, '}']),
            _ => out.push(c),
        }
    }
    out
}

/// The policy's text in ASCII: STS takes no character above U+00FF as itself.
fn written(statements: Vec<Statement>) -> Result<String, Error> {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Policy {
        version: &'static str,
        statement: Vec<Statement>,
    }
    let json = serde_json::to_string(&Policy { version: "2012-10-17", statement: statements })
        .map_err(|source| Error::internal("a session policy could not be written", source))?;
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if matches!(c, ' '..='~') {
            out.push(c);
        } else {
            out.extend(c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests;
