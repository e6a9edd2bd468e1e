//! Who is asking.

/// A caller that the gate has identified. Only `auth` can make one, so a handler that takes one is authenticated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    id: String,
}

impl Recipient {
    /// Made by the gate after a token was accepted.
    pub(crate) fn admitted(id: String) -> Self {
        Self { id }
    }

    /// The recipient's stable id, which grants refer to.
    pub fn id(&self) -> &str {
        &self.id
    }
}
