//! Who is at work: the principal that AWS takes the operator for, or the user of this machine.

use async_trait::async_trait;
use aws_config::SdkConfig;
use nix::unistd::{Uid, User};
use shared::catalog::event::{Named, Operator};
use tokio::sync::OnceCell;

use crate::inspect::bucket::reason;

/// The operator of a deployment, asked for when the first change is made.
#[derive(Debug)]
pub(super) struct AwsOperator {
    config: SdkConfig,
    known: OnceCell<String>,
}

impl AwsOperator {
    /// Whoever these credentials are of.
    pub(super) fn of(config: &SdkConfig) -> Self {
        Self { config: config.clone(), known: OnceCell::new() }
    }
}

#[async_trait]
impl Operator for AwsOperator {
    async fn name(&self) -> Result<String, String> {
        self.known.get_or_try_init(|| principal(&self.config)).await.cloned()
    }
}

/// The ARN of whom these credentials are of.
///
/// # Errors
/// A sentence for the person at the terminal.
pub async fn principal(config: &SdkConfig) -> Result<String, String> {
    let answer = aws_sdk_sts::Client::new(config).get_caller_identity().send().await;
    let answer = answer.map_err(|error| {
        format!("AWS does not know who you are: {}; check AWS_PROFILE, or sign in again", reason(&error))
    })?;
    Ok(answer.arn().unwrap_or("unnamed").to_owned())
}

/// The user that this process runs as; a number where the system knows no name for it.
pub(super) fn of_this_machine() -> Named {
    let uid = Uid::current();
    let name = User::from_uid(uid).ok().flatten().map(|user| user.name);
    Named(name.unwrap_or_else(|| format!("uid {uid}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn this_machine_knows_its_user() {
        let name = of_this_machine().name().await.unwrap();
        assert!(!name.is_empty() && name.trim() == name, "'{name}'");
    }
}
