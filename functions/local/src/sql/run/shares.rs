//! Statements about shares.

use serde_json::json;
use shared::catalog::write::Deletion;
use shared::provider::{ProviderError, counted, shares};

use super::told::at;
use super::{Outcome, Runner};
use crate::commands::answer::{grant_json, share_json};
use crate::sql::mistake::Mistake;
use crate::sql::statement::{CreateShare, Spot};

impl Runner<'_> {
    pub(super) async fn create_share(&self, create: &CreateShare) -> Result<Outcome, Mistake> {
        let comment = create.comment.as_ref().map(|comment| comment.text.as_str());
        match shares::create(&self.target.provider, &create.share.text, comment).await {
            Ok(share) => {
                let text = format!("{} share '{}'.", self.did("Created", "create"), share.name);
                Ok(Outcome::done(text, json!({"changed": true, "share": share_json(&share)})))
            }
            Err(ProviderError::Exists { what, .. }) if create.if_not_exists => {
                Ok(Outcome::nothing(&format!("There is {what} already")))
            }
            Err(error) => Err(at(&create.share)(error)),
        }
    }

    pub(super) async fn set_comment(&self, share: &Spot, comment: Option<&Spot>) -> Result<Outcome, Mistake> {
        let new = comment.map(|comment| comment.text.as_str());
        let mut record = shares::set_comment(&self.target.provider, &share.text, new).await.map_err(at(share))?;
        let changed = record.comment.as_deref() != new;
        let text = match (changed, new) {
            (false, _) => format!("Share '{}' has this comment already; nothing to do.", record.name),
            (true, Some(_)) => format!("{} the comment of share '{}'.", self.did("Set", "set"), record.name),
            (true, None) => format!("{} the comment of share '{}'.", self.did("Removed", "remove"), record.name),
        };
        record.comment = new.map(str::to_owned);
        Ok(Outcome::done(text, json!({"changed": changed, "share": share_json(&record)})))
    }

    pub(super) async fn drop_share(&self, share: &Spot, if_exists: bool, cascade: bool) -> Result<Outcome, Mistake> {
        let deletion = if cascade { Deletion::WithDependents } else { Deletion::OnlyIfUnused };
        let gone = match shares::delete(&self.target.provider, &share.text, deletion).await {
            Ok(gone) => gone,
            Err(ProviderError::Missing { what, .. }) if if_exists => {
                return Ok(Outcome::nothing(&format!("There is no {what}")));
            }
            Err(error) => return Err(at(share)(error)),
        };
        let grants = match gone.grants.len() {
            0 => String::new(),
            grants => format!(" and {}", counted(grants, "grant")),
        };
        let text = format!(
            "{} share '{}' with {}{grants}; the data stays where it is{}.",
            self.did("Dropped", "drop"),
            gone.share.name,
            counted(gone.tables.len(), "table"),
            self.noticed()
        );
        let json = json!({
            "changed": true,
            "share": share_json(&gone.share),
            "tables": gone.tables.len(),
            "grants": gone.grants.iter().map(grant_json).collect::<Vec<_>>(),
        });
        Ok(Outcome::done(text, json))
    }
}
