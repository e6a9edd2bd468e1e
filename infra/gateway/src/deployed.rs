//! What a deployment of the template made: the names and ARNs behind its logical ids. They come from a file that
//! `infra/local-stack/stack.py` writes after the deployment:
//!
//! ```json
//! {"stack": "…", "region": "…", "account": "…", "endpoint": "http://127.0.0.1:4566", "parameters": {"StageName": "…"},
//!  "resources": {"CatalogueTable": "…"}, "attributes": {"Keyring.Id": "arn:…", "QueryTableFunctionRole.Arn": "arn:…"}}
//! ```

use std::collections::HashMap;

use serde_json::Value;

/// A deployment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deployed {
    /// The stack's name.
    pub stack: String,
    /// The region.
    pub region: String,
    /// The account.
    pub account: String,
    /// The address of the emulator of AWS; without one, functions get no credentials and logs stay in files.
    pub endpoint: Option<String>,
    /// Parameters that differ from their defaults.
    pub parameters: HashMap<String, String>,
    /// The physical name of each resource: what `Ref` gives.
    pub resources: HashMap<String, String>,
    /// What `Fn::GetAtt` gives, under `Resource.Attribute`.
    pub attributes: HashMap<String, String>,
}

impl Deployed {
    /// Reads the file's text.
    ///
    /// # Errors
    /// A sentence when it is not such a file.
    pub fn parse(text: &str) -> Result<Self, String> {
        let value: Value = serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))?;
        let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let needed = |key: &str| text(key).ok_or_else(|| format!("it has no '{key}'"));
        let map = |key: &str| -> HashMap<String, String> {
            let entries = value.get(key).and_then(Value::as_object).into_iter().flatten();
            entries.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
        };
        Ok(Self {
            stack: needed("stack")?,
            region: needed("region")?,
            account: needed("account")?,
            endpoint: text("endpoint"),
            parameters: map("parameters"),
            resources: map("resources"),
            attributes: map("attributes"),
        })
    }
}
