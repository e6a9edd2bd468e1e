//! `GRANT`, `REVOKE`, `SHOW`, `DESCRIBE`.

use super::{NameOf, Parser};
use crate::sql::mistake::Mistake;
use crate::sql::statement::{Describe, Grant, Show, Spot, Statement};

/// Parts of the name of a table that is described: one that is registered, or three.
const DESCRIBED: [NameOf; 3] = [NameOf::Table, NameOf::Schema, NameOf::SharedTable];

impl Parser<'_> {
    pub(super) fn grant(&mut self) -> Result<Statement, Mistake> {
        let share = self.on_share()?;
        self.need("TO")?;
        let recipient = self.recipient()?;
        let (mut valid_from, mut valid_until, mut always) = (None, None, None);
        while self.word("VALID") {
            if self.option(valid_from.as_ref(), "FROM")? {
                valid_from = Some(self.text("a moment")?);
            } else if self.option(valid_until.as_ref(), "UNTIL")? {
                valid_until = Some(self.text("a moment")?);
            } else if self.option(always.as_ref(), "ALWAYS")? {
                let end = self.previous_end();
                always = Some(end.saturating_sub("ALWAYS".len())..end);
            } else {
                return Err(self.unexpected());
            }
        }
        if let Some(at) = always.clone().filter(|_| valid_from.is_some() || valid_until.is_some()) {
            return Err(Mistake::new(
                at,
                "a grant that is always valid has no beginning and no end; leave one out".into(),
            ));
        }
        Ok(Statement::Grant(Grant { share, recipient, valid_from, valid_until, always: always.is_some() }))
    }

    pub(super) fn revoke(&mut self) -> Result<Statement, Mistake> {
        let share = self.on_share()?;
        self.need("FROM")?;
        Ok(Statement::Revoke { share, recipient: self.recipient()? })
    }

    fn on_share(&mut self) -> Result<Spot, Mistake> {
        self.need_all(&["SELECT", "ON", "SHARE"])?;
        self.name(NameOf::Share)
    }

    /// `[RECIPIENT] name`
    fn recipient(&mut self) -> Result<Spot, Mistake> {
        self.word("RECIPIENT");
        self.name(NameOf::Recipient)
    }

    pub(super) fn show(&mut self) -> Result<Statement, Mistake> {
        let show = if self.word("SHARES") {
            Show::Shares
        } else if self.word("ALL") {
            self.need_all(&["IN", "SHARE"])?;
            Show::AllInShare(self.name(NameOf::Share)?)
        } else if self.word("RECIPIENTS") {
            Show::Recipients
        } else if self.word("TABLES") {
            Show::Tables
        } else if self.word("GRANTS") {
            if self.word("ON") {
                self.need("SHARE")?;
                Show::GrantsOn(self.name(NameOf::Share)?)
            } else if self.word("TO") {
                Show::GrantsTo(self.recipient()?)
            } else {
                return Err(self.unexpected());
            }
        } else {
            return Err(self.unexpected());
        };
        Ok(Statement::Show(show))
    }

    pub(super) fn describe(&mut self) -> Result<Statement, Mistake> {
        let describe = if self.word("SHARE") {
            Describe::Share(self.name(NameOf::Share)?)
        } else if self.word("RECIPIENT") {
            Describe::Recipient(self.name(NameOf::Recipient)?)
        } else if self.word("TABLE") {
            Describe::Table(self.names(&DESCRIBED)?)
        } else {
            return Err(self.unexpected());
        };
        Ok(Statement::Describe(describe))
    }
}
