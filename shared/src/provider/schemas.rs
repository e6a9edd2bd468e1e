//! Schemas that share a place: whatever table lies in a folder directly below it is theirs, those that come later too.
//! What lies there is for the caller to look at; where the functions of the lists cannot look themselves, it is noted in
//! the catalogue.

use std::collections::HashMap;

use super::names::{SchemaRef, nearest};
use super::tables::check_role;
use super::{Provider, ProviderError, names, shares, written};
use crate::catalog::located::found_id;
use crate::catalog::write::{Origin, SchemaRecord, ShareRecord, TableRecord, WriteError};
use crate::limits::SCHEMA_FOLDERS_MAX;
use crate::model::location::TableLocation;
use crate::model::name::TableName;
use crate::model::securable::History;

/// A schema that is to be given a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSchema {
    /// Which.
    pub name: SchemaRef,
    /// `s3://bucket/prefix`; on the local state also `file:///folder`.
    pub location: String,
    /// The bucket's region, when it is not the server's own.
    pub region: Option<String>,
    /// The role that reads the logs and signs URLs.
    pub role_arn: Option<String>,
    /// What that role's trust policy asks for.
    pub external_id: Option<String>,
    /// What of its tables' histories recipients may read.
    pub history: History,
}

/// What became of a schema's list of tables.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Noted {
    /// Tables that were not noted before.
    pub added: Vec<TableName>,
    /// Tables that are not there any more.
    pub gone: Vec<TableName>,
    /// Tables that were noted already.
    pub kept: usize,
    /// Names in the place that the provider has given to other tables of the schema, which win.
    pub taken: Vec<TableName>,
}

/// A schema whose place was taken away.
#[derive(Debug, Clone)]
pub struct Removed {
    /// The schema; nothing when only what had been noted was left.
    pub schema: Option<SchemaRecord>,
    /// How many tables had been noted.
    pub tables: usize,
}

/// Checks that a schema can be given a place, so that looking there first is not in vain.
///
/// # Errors
/// As [`add`].
pub async fn check_new(provider: &Provider, new: &NewSchema) -> Result<(), ProviderError> {
    check_role(new.role_arn.as_deref(), new.external_id.as_deref())?;
    let name = new.name.clone().reachable()?;
    if provider.catalog().share(&name.share).await?.is_none() {
        return Err(shares::missing(provider, &name.share).await);
    }
    match find(provider, &name).await? {
        Some(_) => Err(exists(&name)),
        None => Ok(()),
    }
}

/// Gives a schema a place; the schema need not be there.
///
/// # Errors
/// When there is no such share, the schema has a place already, or what is said of it does not fit together.
pub async fn add(provider: &Provider, new: NewSchema) -> Result<SchemaRecord, ProviderError> {
    check_role(new.role_arn.as_deref(), new.external_id.as_deref())?;
    let NewSchema { name, location, region, role_arn, external_id, history } = new;
    let name = name.reachable()?;
    let schema = SchemaRecord {
        share: name.share.clone(),
        name: name.schema.clone(),
        location,
        region,
        role_arn,
        external_id,
        history,
        created_at: Some(provider.now()),
    };
    match written(|| provider.catalog().locate_schema(&schema)).await {
        Ok(()) => Ok(schema),
        Err(WriteError::Exists { .. }) => Err(exists(&name)),
        Err(WriteError::Missing { .. }) => Err(shares::missing(provider, &name.share).await),
        Err(other) => Err(other.into()),
    }
}

/// The schemas with a place of one share, or of all, in the order of names.
///
/// # Errors
/// When there is no share of that name.
pub async fn list(provider: &Provider, share: Option<&str>) -> Result<Vec<SchemaRecord>, ProviderError> {
    let shares = match share {
        None => provider.catalog().shares().await?,
        Some(name) => {
            let name = names::share(name)?;
            match provider.catalog().share(&name).await? {
                Some(share) => vec![share],
                None => return Err(shares::missing(provider, &name).await),
            }
        }
    };
    let mut schemas = Vec::new();
    for share in shares {
        schemas.extend(provider.catalog().located_schemas(&share.name).await?);
    }
    Ok(schemas)
}

/// The schemas of a share that have a place.
///
/// # Errors
/// When the catalogue does not answer.
pub async fn of_share(provider: &Provider, share: &ShareRecord) -> Result<Vec<SchemaRecord>, ProviderError> {
    Ok(provider.catalog().located_schemas(&share.name).await?)
}

/// One schema with a place.
///
/// # Errors
/// When there is none of that name.
pub async fn show(provider: &Provider, name: &SchemaRef) -> Result<SchemaRecord, ProviderError> {
    match find(provider, name).await? {
        Some(schema) => Ok(schema),
        None => Err(missing(provider, name).await),
    }
}

/// Takes a schema's place away, and what had been noted of it; tables that the provider named stay, and so does the data.
/// Broken off, it is finished by repeating it.
///
/// # Errors
/// When there is no such schema.
pub async fn remove(provider: &Provider, name: &SchemaRef) -> Result<Removed, ProviderError> {
    let schema = find(provider, name).await?;
    if let Some(schema) = &schema {
        match written(|| provider.catalog().unlocate_schema(&name.share, &schema.name)).await {
            // Somebody else was faster, and may have been broken off.
            Ok(()) | Err(WriteError::Missing { .. }) => {}
            Err(other) => return Err(other.into()),
        }
    }
    let noted = noted_in(provider, name).await?;
    if schema.is_none() && noted.is_empty() {
        return Err(missing(provider, name).await);
    }
    for table in &noted {
        drop_noted(provider, table).await?;
    }
    Ok(Removed { schema, tables: noted.len() })
}

/// Notes that these are the tables in a schema's place: others that had been noted are forgotten. Tables that the provider
/// named stay as they are, and their names are not noted. Broken off, it is finished by repeating it.
///
/// # Errors
/// When there are more than [`SCHEMA_FOLDERS_MAX`], or the catalogue refuses one of them.
pub async fn note(provider: &Provider, schema: &SchemaRecord, names: &[TableName]) -> Result<Noted, ProviderError> {
    if names.len() > SCHEMA_FOLDERS_MAX {
        return Err(ProviderError::Invalid(format!(
            "a schema shares at most {SCHEMA_FOLDERS_MAX} tables of a place; there are {} at {}",
            names.len(),
            schema.location
        )));
    }
    let Some(share) = provider.catalog().share(&schema.share).await? else {
        return Err(shares::missing(provider, &schema.share).await);
    };
    let tables = provider.catalog().tables(&share.name).await?;
    let there: HashMap<&TableName, &TableRecord> =
        tables.iter().filter(|table| table.schema == schema.name).map(|table| (&table.name, table)).collect();
    let mut noted = Noted::default();
    for table in there.values().filter(|table| table.origin == Origin::Found) {
        let still = names.iter().any(|name| name.as_str() == table.name.as_str());
        if still {
            noted.kept += 1;
        } else {
            drop_noted(provider, table).await?;
            noted.gone.push(table.name.clone());
        }
    }
    for name in names {
        match there.get(name) {
            Some(table) if table.origin == Origin::Named => noted.taken.push(name.clone()),
            Some(table) if table.name.as_str() == name.as_str() => {}
            _ => {
                let table = in_place(provider, schema, &share.id, name)?;
                match written(|| provider.catalog().add_table(&table)).await {
                    Ok(()) => noted.added.push(name.clone()),
                    // Named, or noted, by somebody else since it was looked up.
                    Err(WriteError::Exists { .. }) => noted.taken.push(name.clone()),
                    Err(other) => return Err(other.into()),
                }
            }
        }
    }
    noted.gone.sort();
    Ok(noted)
}

/// The entry that a table in a schema's place has, or would have.
///
/// # Errors
/// Never in practice.
pub fn in_place(
    provider: &Provider,
    schema: &SchemaRecord,
    share_id: &str,
    name: &TableName,
) -> Result<TableRecord, ProviderError> {
    let location = format!("{}/{name}", schema.location.trim_end_matches('/'));
    // What is no place on S3 is found by no function, and only needs an id of its own.
    let place = TableLocation::parse(&location).unwrap_or_else(|_| TableLocation::new("", &location));
    Ok(TableRecord {
        share: schema.share.clone(),
        schema: schema.name.clone(),
        name: name.clone(),
        id: found_id(share_id, &schema.name, &place),
        location,
        auxiliary_locations: Vec::new(),
        region: schema.region.clone(),
        endpoint: None,
        role_arn: schema.role_arn.clone(),
        external_id: schema.external_id.clone(),
        history: schema.history,
        partitions: Vec::new(),
        comment: None,
        look: None,
        origin: Origin::Found,
        created_at: Some(provider.now()),
    })
}

async fn find(provider: &Provider, name: &SchemaRef) -> Result<Option<SchemaRecord>, ProviderError> {
    let schemas = provider.catalog().located_schemas(&name.share).await?;
    Ok(schemas.into_iter().find(|schema| schema.name == name.schema))
}

async fn noted_in(provider: &Provider, name: &SchemaRef) -> Result<Vec<TableRecord>, ProviderError> {
    let mut tables = provider.catalog().tables(&name.share).await?;
    tables.retain(|table| table.schema == name.schema && table.origin == Origin::Found);
    Ok(tables)
}

async fn drop_noted(provider: &Provider, table: &TableRecord) -> Result<(), ProviderError> {
    match written(|| provider.catalog().remove_table(&table.share, &table.schema, &table.name)).await {
        Ok(()) | Err(WriteError::Missing { .. }) => Ok(()),
        Err(other) => Err(other.into()),
    }
}

fn exists(name: &SchemaRef) -> ProviderError {
    ProviderError::Exists {
        what: format!("the place of schema '{name}'"),
        next: format!("remove it first with: spillway schema remove {name}"),
    }
}

async fn missing(provider: &Provider, name: &SchemaRef) -> ProviderError {
    match provider.catalog().share(&name.share).await {
        Ok(Some(_)) => {}
        Ok(None) => return shares::missing(provider, &name.share).await,
        Err(error) => return error.into(),
    }
    match provider.catalog().located_schemas(&name.share).await {
        Ok(schemas) => {
            let others: Vec<String> = schemas.iter().map(|schema| format!("{}.{}", name.share, schema.name)).collect();
            ProviderError::Missing {
                what: format!("schema '{name}' with a place"),
                near: nearest(&name.to_string(), others.iter().map(String::as_str)),
                next: format!("see what there is with: spillway schema list {}", name.share),
            }
        }
        Err(error) => error.into(),
    }
}
