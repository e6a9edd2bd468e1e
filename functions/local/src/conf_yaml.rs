//! The reference server's configuration file, read unchanged: its keys, defaults and messages, with the keys that mean
//! nothing here named in a warning.
//!
//! <https://github.com/delta-io/delta-sharing#config-the-shared-tables-for-the-server>

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde_yaml_ng::Value;
use shared::catalog::document::{CatalogDocument, SchemaEntry, ShareEntry, TableEntry};
use shared::limits::URL_TTL_SECS_DEFAULT;
use shared::model::name::{SchemaName, ShareName, TableName};
use shared::secret::Secret;

use crate::stable_id::stable_id;

/// The newest format version of the file that is known.
const VERSION_MAX: i64 = 1;
/// `requestTimeoutSeconds` when the file says nothing.
const REQUEST_TIMEOUT_SECS_DEFAULT: u64 = 30;
/// `endpoint` when the file says nothing.
pub const ENDPOINT_DEFAULT: &str = "/delta-sharing";

/// Keys of the file's top level that change what this server does.
const KNOWN_KEYS: [&str; 12] = [
    "version",
    "shares",
    "authorization",
    "ssl",
    "host",
    "port",
    "endpoint",
    "preSignedUrlTimeoutSeconds",
    "requestTimeoutSeconds",
    // Hints are only hints: not using them is right whatever these say.
    "evaluatePredicateHints",
    "evaluateJsonPredicateHints",
    "evaluateJsonPredicateHintsV2",
];

/// Keys of a table. `auxiliaryLocations` is this server's own: where else the table's log may name files.
const TABLE_KEYS: [&str; 6] = ["name", "location", "id", "historyShared", "startVersion", "auxiliaryLocations"];

/// A configuration, checked.
#[derive(Debug)]
pub struct ServerConfig {
    /// The shares, without recipients.
    pub document: CatalogDocument,
    /// The only token; none when the file asks for no authorization.
    pub bearer_token: Option<Secret>,
    /// How to serve HTTPS, if at all.
    pub ssl: Option<Ssl>,
    /// The address to listen on.
    pub host: Option<String>,
    /// The port to listen on.
    pub port: Option<u16>,
    /// What every path begins with; empty or beginning with a slash, never ending in one.
    pub endpoint: String,
    /// Life of presigned URLs, in seconds.
    pub url_ttl_secs: i64,
    /// Time within which an answer begins; none for ever.
    pub first_byte_within: Option<Duration>,
    /// What the person who wrote the file should know.
    pub warnings: Vec<String>,
}

/// How to serve HTTPS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ssl {
    /// With a certificate made at start-up.
    SelfSigned,
    /// With a certificate chain and its private key, PEM.
    Files {
        /// The chain.
        certificate: PathBuf,
        /// The key.
        key: PathBuf,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    version: Option<i64>,
    shares: Option<Vec<ShareKeys>>,
    authorization: Option<AuthorizationKeys>,
    ssl: Option<SslKeys>,
    host: Option<String>,
    port: Option<u16>,
    endpoint: Option<String>,
    pre_signed_url_timeout_seconds: Option<i64>,
    request_timeout_seconds: Option<u64>,
}

#[derive(Deserialize)]
struct ShareKeys {
    name: Option<String>,
    schemas: Option<Vec<SchemaKeys>>,
}

#[derive(Deserialize)]
struct SchemaKeys {
    name: Option<String>,
    tables: Option<Vec<TableKeys>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TableKeys {
    name: Option<String>,
    location: Option<String>,
    id: Option<String>,
    auxiliary_locations: Option<Vec<String>>,
    history_shared: Option<bool>,
    start_version: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AuthorizationKeys {
    bearer_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SslKeys {
    self_signed: Option<bool>,
    certificate_file: Option<PathBuf>,
    certificate_key_file: Option<PathBuf>,
    certificate_password_file: Option<PathBuf>,
}

/// Reads a configuration file.
///
/// # Errors
/// A sentence for the person at the terminal; for broken YAML with the line.
pub fn read(path: &Path) -> Result<ServerConfig, String> {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    if !matches!(extension, "yaml" | "yml") {
        return Err(format!("the configuration file {} must end in .yaml or .yml", path.display()));
    }
    let text = fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    parse(&text).map_err(|problem| format!("{}: {problem}", path.display()))
}

/// Reads the text of a configuration file.
///
/// # Errors
/// A sentence that says what is wrong, with the line where YAML or a type is.
pub fn parse(text: &str) -> Result<ServerConfig, String> {
    let file: File = serde_yaml_ng::from_str(text).map_err(|error| error.to_string())?;
    check_version(file.version)?;
    let mut warnings = Vec::new();
    if let Some(warning) = keys_without_meaning(text) {
        warnings.push(warning);
    }
    let shares = shares(file.shares.unwrap_or_default(), &mut warnings)?;
    let bearer_token = match file.authorization {
        None => None,
        Some(AuthorizationKeys { bearer_token }) => {
            Some(Secret::new(required(bearer_token, "'bearerToken' in 'authorization' must be provided")?))
        }
    };
    Ok(ServerConfig {
        document: CatalogDocument { shares, ..CatalogDocument::empty() },
        bearer_token,
        ssl: file.ssl.map(ssl).transpose()?,
        host: file.host,
        port: file.port,
        endpoint: endpoint(file.endpoint.as_deref().unwrap_or(ENDPOINT_DEFAULT)),
        url_ttl_secs: file.pre_signed_url_timeout_seconds.unwrap_or(URL_TTL_SECS_DEFAULT),
        first_byte_within: match file.request_timeout_seconds.unwrap_or(REQUEST_TIMEOUT_SECS_DEFAULT) {
            0 => None,
            seconds => Some(Duration::from_secs(seconds)),
        },
        warnings,
    })
}

fn check_version(version: Option<i64>) -> Result<(), String> {
    match version {
        None | Some(0) => Err("'version' must be provided".into()),
        Some(version) if version < 0 => Err("'version' must be greater than 0".into()),
        Some(version) if version > VERSION_MAX => Err(format!(
            "'version' {version} is too new: this program reads version {VERSION_MAX}. Please use a newer release"
        )),
        Some(_) => Ok(()),
    }
}

fn required(value: Option<String>, problem: &str) -> Result<String, String> {
    value.filter(|text| !text.is_empty()).ok_or_else(|| problem.to_owned())
}

/// Reads the shares. Of two things with one name, compared without case, the first one wins, as in the reference.
fn shares(list: Vec<ShareKeys>, warnings: &mut Vec<String>) -> Result<Vec<ShareEntry>, String> {
    let mut seen = HashSet::new();
    let mut shares = Vec::new();
    for keys in list {
        let name = required(keys.name, "'name' in a share must be provided")?;
        let folded = ShareName::parse(&name).map_err(|error| format!("the share name '{name}' {error}"))?;
        let schemas = schemas(keys.schemas.unwrap_or_default(), folded.folded(), warnings)?;
        if !seen.insert(folded.folded().to_owned()) {
            warnings.push(format!("the share '{name}' is there twice; the first one is served"));
            continue;
        }
        shares.push(ShareEntry { id: stable_id(&[folded.folded()]), name, schemas, ..Default::default() });
    }
    Ok(shares)
}

fn schemas(list: Vec<SchemaKeys>, share: &str, warnings: &mut Vec<String>) -> Result<Vec<SchemaEntry>, String> {
    let mut seen = HashSet::new();
    let mut schemas = Vec::new();
    for keys in list {
        let name = required(keys.name, "'name' in a schema must be provided")?;
        let folded = SchemaName::parse(&name).map_err(|error| format!("the schema name '{name}' {error}"))?;
        let tables = tables(keys.tables.unwrap_or_default(), [share, folded.folded()], warnings)?;
        if !seen.insert(folded.folded().to_owned()) {
            warnings.push(format!("the schema '{name}' is there twice in one share; the first one is served"));
            continue;
        }
        schemas.push(SchemaEntry { name, tables, ..Default::default() });
    }
    Ok(schemas)
}

fn tables(list: Vec<TableKeys>, parents: [&str; 2], warnings: &mut Vec<String>) -> Result<Vec<TableEntry>, String> {
    let [share, schema] = parents;
    let mut seen = HashSet::new();
    let mut tables = Vec::new();
    for keys in list {
        let name = required(keys.name, "'name' in a table must be provided")?;
        let folded = TableName::parse(&name).map_err(|error| format!("the table name '{name}' {error}"))?;
        let location = required(keys.location, "'location' in a table must be provided")?;
        if !seen.insert(folded.folded().to_owned()) {
            warnings.push(format!("the table '{name}' is there twice in one schema; the first one is served"));
            continue;
        }
        let id = keys.id.filter(|id| !id.is_empty());
        tables.push(TableEntry {
            id: id.unwrap_or_else(|| stable_id(&[share, schema, folded.folded()])),
            name,
            location,
            auxiliary_locations: keys.auxiliary_locations.unwrap_or_default(),
            history_shared: keys.history_shared.unwrap_or(false),
            start_version: keys.start_version.unwrap_or(0),
            ..Default::default()
        });
    }
    Ok(tables)
}

fn ssl(keys: SslKeys) -> Result<Ssl, String> {
    if keys.self_signed.unwrap_or(false) {
        return Ok(Ssl::SelfSigned);
    }
    let certificate = keys.certificate_file.ok_or("'certificateFile' in 'ssl' must be provided")?;
    let key = keys.certificate_key_file.ok_or("'certificateKeyFile' in 'ssl' must be provided")?;
    if keys.certificate_password_file.is_some() {
        return Err("'certificatePasswordFile' in 'ssl' is not supported: decrypt the key with \
                    'openssl pkcs8 -in KEY -out PLAIN_KEY' and name that file"
            .into());
    }
    Ok(Ssl::Files { certificate, key })
}

/// One slash in front, none behind: clients append paths to the endpoint as it is.
fn endpoint(text: &str) -> String {
    let segments: Vec<&str> = text.split('/').filter(|segment| !segment.is_empty()).collect();
    segments.iter().map(|segment| format!("/{segment}")).collect()
}

/// A warning that names the keys which mean nothing here.
fn keys_without_meaning(text: &str) -> Option<String> {
    let value: Value = serde_yaml_ng::from_str(text).ok()?;
    let mut names: Vec<String> = Vec::new();
    let mut look = |map: &Value, known: &[&str]| {
        for key in map.as_mapping().into_iter().flat_map(|mapping| mapping.keys()) {
            let key = key.as_str().map_or_else(|| format!("{key:?}"), str::to_owned);
            if !known.contains(&key.as_str()) && !names.contains(&key) {
                names.push(key);
            }
        }
    };
    let list = |value: &Value, key: &str| value.get(key).and_then(Value::as_sequence).cloned().unwrap_or_default();
    look(&value, &KNOWN_KEYS);
    look(value.get("authorization").unwrap_or(&Value::Null), &["bearerToken"]);
    let ssl_keys = ["selfSigned", "certificateFile", "certificateKeyFile", "certificatePasswordFile"];
    look(value.get("ssl").unwrap_or(&Value::Null), &ssl_keys);
    for share in list(&value, "shares") {
        look(&share, &["name", "schemas"]);
        for schema in list(&share, "schemas") {
            look(&schema, &["name", "tables"]);
            for table in list(&schema, "tables") {
                look(&table, &TABLE_KEYS);
            }
        }
    }
    (!names.is_empty()).then(|| format!("these keys mean nothing to this server: {}", names.join(", ")))
}

#[cfg(test)]
mod tests;
