//! `CREATE SHARE`, `ALTER SHARE`.

use super::{Expected, NameOf, Parser};
use crate::sql::lex::Kind;
use crate::sql::mistake::Mistake;
use crate::sql::statement::{
    AddSchema, AddTable, CreateShare, Number, Partition, PartitionCondition, PartitionValue, ShareChange,
    SharedHistory, SharedName, Spot, Statement,
};

/// Parts of the name of what is added: `glue.database.table` has most.
pub(super) const ADDED: [NameOf; 3] = [NameOf::Table, NameOf::SharedTable, NameOf::SharedTable];

impl Parser<'_> {
    pub(super) fn create_share(&mut self) -> Result<Statement, Mistake> {
        let if_not_exists = self.if_not_exists()?;
        let share = self.name(NameOf::New("share"))?;
        let comment = if self.word("COMMENT") { Some(self.text("a comment")?) } else { None };
        Ok(Statement::CreateShare(CreateShare { share, if_not_exists, comment }))
    }

    pub(super) fn alter_share(&mut self) -> Result<Statement, Mistake> {
        let share = self.name(NameOf::Share)?;
        let change = if self.word("SET") {
            self.need("COMMENT")?;
            let text = self.text("a comment")?;
            ShareChange::SetComment(Some(text).filter(|text| !text.text.is_empty()))
        } else if self.word("ADD") {
            if self.word("TABLE") {
                self.add_table()?
            } else if self.word("SCHEMA") {
                self.add_schema()?
            } else {
                return Err(self.unexpected());
            }
        } else if self.word("REMOVE") {
            if self.word("TABLE") {
                let if_exists = self.if_exists()?;
                ShareChange::RemoveTable { table: self.shared_name()?, if_exists }
            } else if self.word("SCHEMA") {
                let if_exists = self.if_exists()?;
                ShareChange::RemoveSchema { schema: self.name(NameOf::Schema)?, if_exists }
            } else {
                return Err(self.unexpected());
            }
        } else {
            return Err(self.unexpected());
        };
        Ok(Statement::AlterShare { share, change })
    }

    fn add_schema(&mut self) -> Result<ShareChange, Mistake> {
        let if_not_exists = self.if_not_exists()?;
        let schema = self.name(NameOf::New("schema"))?;
        self.need("LOCATION")?;
        let location = self.text("a location")?;
        let mut add =
            AddSchema { schema, if_not_exists, location, history: false, role: None, external_id: None, region: None };
        loop {
            if self.flag(add.history, "WITH")? {
                self.need("HISTORY")?;
                add.history = true;
            } else if self.option(add.role.as_ref(), "ROLE")? {
                add.role = Some(self.text("the ARN of a role")?);
            } else if self.option(add.external_id.as_ref(), "EXTERNAL")? {
                self.need("ID")?;
                add.external_id = Some(self.text("an external id")?);
            } else if self.option(add.region.as_ref(), "REGION")? {
                add.region = Some(self.text("a region")?);
            } else {
                return Ok(ShareChange::AddSchema(Box::new(add)));
            }
        }
    }

    fn add_table(&mut self) -> Result<ShareChange, Mistake> {
        let if_not_exists = self.if_not_exists()?;
        let mut add = AddTable {
            parts: self.names(&ADDED)?,
            if_not_exists,
            alias: None,
            location: None,
            history: None,
            partition: None,
            comment: None,
            without_validation: false,
        };
        loop {
            if self.option(add.alias.as_ref(), "AS")? {
                add.alias = Some(self.shared_name()?);
            } else if self.option(add.location.as_ref(), "LOCATION")? {
                add.location = Some(self.text("a location")?);
            } else if self.option(add.history.as_ref(), "WITH")? {
                self.need("HISTORY")?;
                add.history = Some(SharedHistory { from: self.oldest_version()? });
            } else if self.option(add.partition.as_ref(), "PARTITION")? {
                add.partition = Some(self.partition()?);
            } else if self.option(add.comment.as_ref(), "COMMENT")? {
                add.comment = Some(self.text("a comment")?);
            } else if self.flag(add.without_validation, "WITHOUT")? {
                self.need("VALIDATION")?;
                add.without_validation = true;
            } else {
                return Ok(ShareChange::AddTable(Box::new(add)));
            }
        }
    }

    fn oldest_version(&mut self) -> Result<Option<Number>, Mistake> {
        if !self.word("FROM") {
            return Ok(None);
        }
        self.need("VERSION")?;
        let at = self.here();
        let Some(Kind::Number(digits)) = self.peek() else {
            self.expected.push(Expected::Number);
            return Err(self.unexpected());
        };
        let Ok(value) = digits.parse() else {
            return Err(Mistake::new(at, "a version is a whole number, such as 3".into()));
        };
        self.advance();
        Ok(Some(Number { value, at }))
    }

    fn partition(&mut self) -> Result<Partition, Mistake> {
        let end = self.previous_end();
        let at = end.saturating_sub("PARTITION".len())..end;
        let mut conditions = Vec::new();
        self.need_sign('(')?;
        loop {
            let column = self.name(NameOf::Column)?;
            self.need_sign('=')?;
            conditions.push(PartitionCondition { column, value: self.partition_value()? });
            if !self.sign(',') {
                break;
            }
        }
        self.need_sign(')')?;
        Ok(Partition { at, conditions })
    }

    fn partition_value(&mut self) -> Result<PartitionValue, Mistake> {
        let at = self.here();
        if let Some(Kind::Number(digits)) = self.peek() {
            let spot = Spot { text: digits.clone(), at };
            self.advance();
            return Ok(PartitionValue::Literal(spot));
        }
        if self.word("CURRENT_RECIPIENT") {
            self.need_sign('(')?;
            let key = self.text("a property's key")?;
            self.need_sign(')')?;
            return Ok(PartitionValue::CurrentRecipient(key));
        }
        self.text("a value").map(PartitionValue::Literal)
    }

    /// `[schema.]table`
    fn shared_name(&mut self) -> Result<SharedName, Mistake> {
        let first = self.name(NameOf::SharedTable)?;
        if self.sign('.') {
            return Ok(SharedName { schema: Some(first), table: self.name(NameOf::SharedTable)? });
        }
        Ok(SharedName { schema: None, table: first })
    }
}
