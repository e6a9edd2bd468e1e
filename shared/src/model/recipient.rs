//! Who is asking.

use super::rule::RecipientRules;

/// A caller that the gate has identified. Only `auth` can make one, so a handler that takes one is authenticated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    id: String,
    name: String,
    token_id: Option<String>,
    rules: RecipientRules,
}

impl Recipient {
    /// Made by the gate after a token was accepted. `token_id` is the token's public part, where it has one.
    pub(crate) fn admitted(id: String, name: String, token_id: Option<String>, rules: RecipientRules) -> Self {
        Self { id, name, token_id, rules }
    }

    /// The recipient's stable id, which grants refer to.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The provider's name for it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What its provider says of it.
    pub fn rules(&self) -> &RecipientRules {
        &self.rules
    }

    /// Which of its tokens was presented, for the audit event.
    pub fn token_id(&self) -> Option<&str> {
        self.token_id.as_deref()
    }
}
