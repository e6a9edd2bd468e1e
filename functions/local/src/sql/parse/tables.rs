//! `CREATE TABLE`.

use super::shares::ADDED;
use super::{NameOf, Parser};
use crate::sql::mistake::Mistake;
use crate::sql::statement::{CreateTable, Statement, TablePlace};

impl Parser<'_> {
    pub(super) fn create_table(&mut self) -> Result<Statement, Mistake> {
        let if_not_exists = self.if_not_exists()?;
        let table = self.name(NameOf::New("table"))?;
        self.need_all(&["USING", "DELTA"])?;
        let place = if self.word("LOCATION") {
            TablePlace::Location(self.text("a location")?)
        } else if self.word("FROM") {
            TablePlace::From(self.names(&ADDED)?)
        } else {
            return Err(self.unexpected());
        };
        let (mut role, mut external_id, mut region) = (None, None, None);
        let (mut comment, mut without_validation) = (None, false);
        loop {
            if self.option(role.as_ref(), "ROLE")? {
                role = Some(self.text("the ARN of a role")?);
            } else if self.option(external_id.as_ref(), "EXTERNAL")? {
                self.need("ID")?;
                external_id = Some(self.text("an external id")?);
            } else if self.option(region.as_ref(), "REGION")? {
                region = Some(self.text("a region")?);
            } else if self.option(comment.as_ref(), "COMMENT")? {
                comment = Some(self.text("a comment")?);
            } else if self.flag(without_validation, "WITHOUT")? {
                self.need("VALIDATION")?;
                without_validation = true;
            } else {
                break;
            }
        }
        Ok(Statement::CreateTable(CreateTable {
            table,
            if_not_exists,
            place,
            role,
            external_id,
            region,
            comment,
            without_validation,
        }))
    }
}
