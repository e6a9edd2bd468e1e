//! `CREATE RECIPIENT`, `ALTER RECIPIENT`.

use super::{NameOf, Parser};
use crate::sql::mistake::Mistake;
use crate::sql::statement::{CreateRecipient, Listed, Property, RecipientChange, RecipientRules, Statement};

impl Parser<'_> {
    pub(super) fn create_recipient(&mut self) -> Result<Statement, Mistake> {
        let if_not_exists = self.if_not_exists()?;
        let recipient = self.name(NameOf::New("recipient"))?;
        let (mut rules, mut comment) = (RecipientRules::default(), None);
        loop {
            if self.option(comment.as_ref(), "COMMENT")? {
                comment = Some(self.text("a comment")?);
            } else if !self.rule(&mut rules)? {
                return Ok(Statement::CreateRecipient(CreateRecipient { recipient, if_not_exists, comment, rules }));
            }
        }
    }

    pub(super) fn alter_recipient(&mut self) -> Result<Statement, Mistake> {
        let recipient = self.name(NameOf::Recipient)?;
        let change = if self.word("ROTATE") {
            self.need("TOKEN")?;
            self.rotation()?
        } else if self.word("REVOKE") {
            self.need_all(&["ALL", "TOKENS"])?;
            RecipientChange::RevokeAllTokens
        } else if self.word("DISABLE") {
            RecipientChange::Disable
        } else if self.word("ENABLE") {
            RecipientChange::Enable
        } else {
            let mut rules = RecipientRules::default();
            while self.rule(&mut rules)? {}
            if rules == RecipientRules::default() {
                return Err(self.unexpected());
            }
            RecipientChange::Rules(rules)
        };
        Ok(Statement::AlterRecipient { recipient, change })
    }

    fn rotation(&mut self) -> Result<RecipientChange, Mistake> {
        let (mut grace, mut lifetime) = (None, None);
        loop {
            if self.option(grace.as_ref(), "GRACE")? {
                grace = Some(self.text("a time such as '24 hours'")?);
            } else if self.option(lifetime.as_ref(), "LIFETIME")? {
                lifetime = Some(self.text("a time such as '90 days'")?);
            } else {
                return Ok(RecipientChange::RotateToken { grace, lifetime });
            }
        }
    }

    /// One rule, if one comes next.
    fn rule(&mut self, rules: &mut RecipientRules) -> Result<bool, Mistake> {
        let start = self.here().start;
        if self.option(rules.properties.as_ref(), "PROPERTIES")? {
            let at = start..self.previous_end();
            rules.properties = Some(Listed { at, items: self.listed(Self::property)? });
        } else if self.option(rules.ip_access_list.as_ref(), "IP")? {
            self.need_all(&["ACCESS", "LIST"])?;
            let at = start..self.previous_end();
            let items = self.listed(|parser| parser.text("a network such as '192.0.2.0/24'"))?;
            rules.ip_access_list = Some(Listed { at, items });
            if self.word("API") {
                self.need("ONLY")?;
                rules.api_only = true;
            }
        } else if self.option(rules.token_lifetime.as_ref(), "TOKEN")? {
            self.need("LIFETIME")?;
            rules.token_lifetime = Some(self.text("a time such as '90 days'")?);
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn property(&mut self) -> Result<Property, Mistake> {
        let key = self.text("a key")?;
        self.need_sign('=')?;
        Ok(Property { key, value: self.text("a value")? })
    }

    /// `(one, …)`
    fn listed<T>(&mut self, one: impl Fn(&mut Self) -> Result<T, Mistake>) -> Result<Vec<T>, Mistake> {
        self.need_sign('(')?;
        let mut all = vec![one(self)?];
        while self.sign(',') {
            all.push(one(self)?);
        }
        self.need_sign(')')?;
        Ok(all)
    }
}
