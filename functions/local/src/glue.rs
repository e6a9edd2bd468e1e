//! Tables of the AWS Glue Data Catalog: where a Delta table lies, by the name that it has there. Only what Glue says of
//! itself to be a Delta table is taken, and only where Glue knows the table's own place.

use std::collections::HashMap;
use std::fmt;

use async_trait::async_trait;
use shared::model::location::TableLocation;

mod api;

pub use api::GlueApi;

/// `database.table`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GlueName {
    /// The database.
    pub database: String,
    /// The table.
    pub table: String,
}

impl GlueName {
    /// A name as Glue keeps it, in lower case.
    pub fn new(database: &str, table: &str) -> Self {
        Self { database: database.to_lowercase(), table: table.to_lowercase() }
    }
}

impl fmt::Display for GlueName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "glue.{}.{}", self.database, self.table)
    }
}

/// Looks tables up. The adapter for Glue is the only one besides those of tests.
#[async_trait]
pub trait GlueCatalog: fmt::Debug + Send + Sync {
    /// What Glue knows of a table; nothing when there is none of that name.
    ///
    /// # Errors
    /// A sentence for the person at the terminal.
    async fn table(&self, name: &GlueName) -> Result<Option<GlueTable>, String>;
}

/// A table as Glue describes it.
#[derive(Debug, Clone, Default)]
pub struct GlueTable {
    /// What its writer says of it.
    pub parameters: HashMap<String, String>,
    /// The place, as Glue has it.
    pub location: Option<String>,
    /// The class that Hive reads it with.
    pub input_format: Option<String>,
    /// The place, as Spark hands it to whoever reads rows.
    pub path: Option<String>,
    /// The table that it stands for, when it is a link.
    pub target_table: Option<GlueName>,
}

/// What is in the location that Spark writes for a table whose place Hive does not understand.
const PLACEHOLDER: &str = "__PLACEHOLDER__";
/// The folder of the files that name a Delta table's files for readers which know no Delta.
const MANIFEST: &str = "_symlink_format_manifest";

impl GlueTable {
    /// Where the Delta table lies, as `s3://bucket/prefix`.
    ///
    /// # Errors
    /// Completes the sentence "the table `glue.d.t` …", and says what to do.
    pub fn delta_location(&self) -> Result<String, String> {
        if let Some(of) = &self.target_table {
            return Err(format!(
                "is a link to the table '{of}'; name that one, or where it lies when it belongs to another account, with \
                 LOCATION 's3://…'"
            ));
        }
        let location = self.location.as_deref().unwrap_or_default().trim_end_matches('/');
        let input = self.input_format.as_deref().unwrap_or_default();
        if location.contains(MANIFEST) || input.ends_with("SymlinkTextInputFormat") {
            let own = location.split(MANIFEST).next().unwrap_or_default().trim_end_matches('/');
            let own = if own.is_empty() { "s3://…" } else { own };
            return Err(format!(
                "is a list of a Delta table's files (a symlink manifest) and not the table; say where the table itself lies: \
                 LOCATION '{own}'"
            ));
        }
        if !self.is_delta() {
            return Err(
                "is no Delta table: Glue has neither table_type nor spark.sql.sources.provider as 'delta' among its \
                 parameters; only Delta tables can be shared"
                    .into(),
            );
        }
        if location.contains(PLACEHOLDER) {
            let own = self.path.as_deref().unwrap_or("s3://…");
            return Err(format!(
                "has no place of its own in Glue, only the placeholder that Spark writes there; say where it lies: LOCATION \
                 '{own}'"
            ));
        }
        match TableLocation::parse(location) {
            Ok(place) => Ok(format!("s3://{}/{}", place.bucket(), place.prefix()).trim_end_matches('/').to_owned()),
            Err(why) => {
                Err(format!("lies in a place that {why}; only tables on S3 can be shared by their names in Glue"))
            }
        }
    }

    fn is_delta(&self) -> bool {
        let says = |key: &str| self.parameters.get(key).is_some_and(|value| value.eq_ignore_ascii_case("delta"));
        says("table_type") || says("spark.sql.sources.provider")
    }
}

/// Where a table of Glue lies.
///
/// # Errors
/// A sentence for the person at the terminal.
pub async fn located(glue: &dyn GlueCatalog, name: &GlueName) -> Result<String, String> {
    match glue.table(name).await? {
        Some(table) => table.delta_location().map_err(|why| format!("the table '{name}' {why}")),
        None => Err(format!(
            "there is no table '{name}' in the AWS Glue Data Catalog of your account and region; check its name, and the \
             region (--region)"
        )),
    }
}

#[cfg(test)]
mod tests;
