//! Tables of shares: an entry that says where a Delta table lies and what of it is shared. Adding one changes nothing
//! about the data; whether the data can be read is for the caller to find out before.

use futures::stream::{self, StreamExt, TryStreamExt};

use super::names::{TableRef, nearest};
use super::{Provider, ProviderError, names, new_id, shares, written};
use crate::catalog::register::Look;
use crate::catalog::write::{Origin, ShareRecord, TableRecord, WriteError};
use crate::catalog::{auxiliary, rules};
use crate::limits::CATALOG_LISTS_AT_ONCE;
use crate::model::rule::PartitionRule;
use crate::model::securable::History;

/// A table that is to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTable {
    /// Under which name.
    pub name: TableRef,
    /// An id that it had elsewhere; a new one otherwise.
    pub id: Option<String>,
    /// `s3://bucket/prefix`; on the local state also `file:///folder`.
    pub location: String,
    /// Where else the table's log may name files by absolute paths: places of the same kind as the location.
    pub auxiliary_locations: Vec<String>,
    /// The bucket's region, when it is not the server's own.
    pub region: Option<String>,
    /// `standard`, `dualstack`, `fips`, or the URL of an S3-compatible store.
    pub endpoint: Option<String>,
    /// The role that reads the log and signs URLs.
    pub role_arn: Option<String>,
    /// What that role's trust policy asks for.
    pub external_id: Option<String>,
    /// What of its history recipients may read.
    pub history: History,
    /// Which of its partitions recipients may read; all without a rule.
    pub partitions: Vec<PartitionRule>,
    /// A description for the provider.
    pub comment: Option<String>,
    /// Whether it was looked at.
    pub look: Look,
}

/// Endpoints that are known by a word.
const ENDPOINT_WORDS: [&str; 3] = ["standard", "dualstack", "fips"];

/// Checks that a table can be added, so that looking at it first is not in vain.
///
/// # Errors
/// As [`add`].
pub async fn check_new(provider: &Provider, new: &NewTable) -> Result<(), ProviderError> {
    check(new)?;
    let name = &new.name;
    if provider.catalog().share(&name.share).await?.is_none() {
        return Err(shares::missing(provider, &name.share).await);
    }
    match provider.catalog().table(&name.share, &name.schema, &name.table).await? {
        Some(table) if table.origin == Origin::Named => Err(exists(format!("table '{name}'"), name)),
        Some(_) | None => Ok(()),
    }
}

/// Adds a table to a share that exists.
///
/// # Errors
/// When the share does not exist, the name is taken, or what is said about the location does not fit together.
pub async fn add(provider: &Provider, new: NewTable) -> Result<TableRecord, ProviderError> {
    check(&new)?;
    let NewTable { name, id, location, region, endpoint, role_arn, external_id, history, partitions, .. } = new;
    let (comment, look) = (new.comment, Some(new.look));
    let mut auxiliary_locations = new.auxiliary_locations;
    auxiliary_locations.sort();
    auxiliary_locations.dedup();
    let id = match id {
        Some(id) => id,
        None => new_id()?,
    };
    let table = TableRecord {
        share: name.share.clone(),
        schema: name.schema.clone(),
        name: name.table.clone(),
        id,
        location,
        auxiliary_locations,
        region,
        endpoint,
        role_arn,
        external_id,
        history,
        partitions,
        comment,
        look,
        origin: Origin::Named,
        created_at: Some(provider.now()),
    };
    let mut outcome = written(|| provider.catalog().add_table(&table)).await;
    if matches!(outcome, Err(WriteError::Exists { .. })) && is_only_noted(provider, &name).await? {
        // What is named takes the place of what was merely seen.
        match provider.catalog().remove_table(&name.share, &name.schema, &name.table).await {
            Ok(()) | Err(WriteError::Missing { .. }) => {}
            Err(other) => return Err(other.into()),
        }
        outcome = written(|| provider.catalog().add_table(&table)).await;
    }
    match outcome {
        Ok(()) => Ok(table),
        Err(WriteError::Exists { what }) => Err(exists(what, &name)),
        Err(WriteError::Missing { .. }) => Err(shares::missing(provider, &name.share).await),
        Err(other) => Err(other.into()),
    }
}

async fn is_only_noted(provider: &Provider, name: &TableRef) -> Result<bool, ProviderError> {
    let table = provider.catalog().table(&name.share, &name.schema, &name.table).await?;
    Ok(table.is_some_and(|table| table.origin == Origin::Found))
}

fn exists(what: String, name: &TableRef) -> ProviderError {
    ProviderError::Exists { what, next: format!("remove it first with: spillway table remove {name}") }
}

/// Checks what can be checked without looking at the table.
///
/// # Errors
/// A sentence that names the option at fault.
pub fn check(new: &NewTable) -> Result<(), ProviderError> {
    let invalid = |text: String| Err(ProviderError::Invalid(text));
    if let Some(endpoint) = &new.endpoint {
        let is_url = endpoint.starts_with("https://") || endpoint.starts_with("http://");
        if !is_url && !ENDPOINT_WORDS.contains(&endpoint.as_str()) {
            return invalid(format!(
                "the endpoint '{endpoint}' is none of standard, dualstack, fips or an https:// URL"
            ));
        }
    }
    auxiliary::check(&new.location, &new.auxiliary_locations).map_err(ProviderError::Invalid)?;
    rules::check_partitions(&new.partitions).map_err(ProviderError::Invalid)?;
    check_role(new.role_arn.as_deref(), new.external_id.as_deref())
}

/// Checks what is said about the role that reads a table.
pub(super) fn check_role(role_arn: Option<&str>, external_id: Option<&str>) -> Result<(), ProviderError> {
    let invalid = |text: String| Err(ProviderError::Invalid(text));
    if external_id.is_some() && role_arn.is_none() {
        return invalid("an external id belongs to a role; name the role as well".into());
    }
    match role_arn {
        Some(role) if !is_role_arn(role) => invalid(format!(
            "'{}' is not the ARN of a role; it looks like arn:aws:iam::123456789012:role/delta-sharing/reader",
            crate::model::shorten(role)
        )),
        _ => Ok(()),
    }
}

fn is_role_arn(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    matches!(parts.as_slice(), ["arn", partition, "iam", "", account, resource]
        if !partition.is_empty()
            && account.len() == 12
            && account.bytes().all(|b| b.is_ascii_digit())
            && resource.strip_prefix("role/").is_some_and(|name| !name.is_empty()))
}

/// The tables of one share, or of all, in the order of names.
///
/// # Errors
/// When there is no share of that name.
pub async fn list(provider: &Provider, share: Option<&str>) -> Result<Vec<TableRecord>, ProviderError> {
    let Some(share) = share else {
        let shares = provider.catalog().shares().await?;
        let tables = stream::iter(&shares).map(|share| provider.catalog().tables(&share.name));
        let tables: Vec<_> = tables.buffered(CATALOG_LISTS_AT_ONCE).try_collect().await?;
        return Ok(tables.into_iter().flatten().collect());
    };
    let name = names::share(share)?;
    if provider.catalog().share(&name).await?.is_none() {
        return Err(shares::missing(provider, &name).await);
    }
    Ok(provider.catalog().tables(&name).await?)
}

/// The tables of a share.
///
/// # Errors
/// When the catalogue does not answer.
pub async fn of_share(provider: &Provider, share: &ShareRecord) -> Result<Vec<TableRecord>, ProviderError> {
    Ok(provider.catalog().tables(&share.name).await?)
}

/// How many tables a share has.
///
/// # Errors
/// When the catalogue does not answer.
pub async fn count(provider: &Provider, share: &ShareRecord) -> Result<usize, ProviderError> {
    Ok(provider.catalog().table_count(share).await?)
}

/// The table of that name, if there is one.
///
/// # Errors
/// When the catalogue does not answer.
pub async fn find(provider: &Provider, name: &TableRef) -> Result<Option<TableRecord>, ProviderError> {
    Ok(provider.catalog().table(&name.share, &name.schema, &name.table).await?)
}

/// One table.
///
/// # Errors
/// When there is none of that name.
pub async fn show(provider: &Provider, name: &TableRef) -> Result<TableRecord, ProviderError> {
    match provider.catalog().table(&name.share, &name.schema, &name.table).await? {
        Some(table) => Ok(table),
        None => Err(missing(provider, name).await),
    }
}

/// Takes a table out of its share; its data stays where it is. Returns what was there.
///
/// # Errors
/// When there is none of that name.
pub async fn remove(provider: &Provider, name: &TableRef) -> Result<TableRecord, ProviderError> {
    let table = show(provider, name).await?;
    if table.origin == Origin::Found {
        return Err(ProviderError::Invalid(format!(
            "table '{name}' was found in the place of its schema and would be found again; move it away from there, or remove \
             the schema '{}.{}' from the share",
            name.share, name.schema
        )));
    }
    match written(|| provider.catalog().remove_table(&name.share, &name.schema, &name.table)).await {
        Ok(()) => Ok(table),
        Err(WriteError::Missing { .. }) => Err(missing(provider, name).await),
        Err(other) => Err(other.into()),
    }
}

async fn missing(provider: &Provider, name: &TableRef) -> ProviderError {
    match provider.catalog().share(&name.share).await {
        Ok(Some(_)) => {}
        Ok(None) => return shares::missing(provider, &name.share).await,
        Err(error) => return error.into(),
    }
    let what = format!("table '{name}'");
    match provider.catalog().tables(&name.share).await {
        Ok(tables) => {
            let full = |table: &TableRecord| format!("{}.{}.{}", table.share, table.schema, table.name);
            let others: Vec<String> = tables.iter().map(full).collect();
            ProviderError::Missing {
                what,
                near: nearest(&name.to_string(), others.iter().map(String::as_str)),
                next: format!("see what there is with: spillway table list {}", name.share),
            }
        }
        Err(error) => error.into(),
    }
}
