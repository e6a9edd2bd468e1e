//! What a deployed stack says of itself: the outputs of its CloudFormation template.

use std::collections::HashMap;

use aws_config::SdkConfig;

use crate::inspect::bucket::reason;

/// The outputs that the commands need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outputs {
    /// The catalogue's DynamoDB table.
    pub(super) table_name: String,
    /// The secret that tokens are made with.
    pub(super) keyring_secret: String,
    /// The URL that profiles lead to.
    pub(super) endpoint: String,
    /// The role by which tables are read that name none.
    pub(super) data_role: Option<String>,
    /// Where tokens are kept.
    pub(super) token_store: Option<String>,
    /// What the names of recipients' secrets begin with, where tokens are kept in secrets.
    pub(super) token_secret_prefix: Option<String>,
    /// Where its functions log.
    pub(super) log_group: Option<String>,
}

/// Asks CloudFormation for a stack's outputs.
pub(super) async fn outputs(config: &SdkConfig, stack: &str) -> Result<Outputs, String> {
    let region = config.region().map_or("no region", |region| region.as_ref());
    let answer = aws_sdk_cloudformation::Client::new(config).describe_stacks().stack_name(stack).send().await;
    let answer = answer.map_err(|error| match reason(&error).as_str() {
        "ValidationError" => {
            format!("there is no stack '{stack}' in {region}; check the name, --region and AWS_PROFILE")
        }
        why => format!("the stack '{stack}' cannot be looked up in {region}: {why}"),
    })?;
    let outputs = answer.stacks().first().map(|stack| stack.outputs()).unwrap_or_default();
    read(
        stack,
        outputs.iter().filter_map(|output| Some((output.output_key()?.to_owned(), output.output_value()?.to_owned()))),
    )
}

fn read(stack: &str, outputs: impl Iterator<Item = (String, String)>) -> Result<Outputs, String> {
    let mut outputs: HashMap<String, String> = outputs.collect();
    let mut needed = |key: &str| {
        outputs.remove(key).ok_or_else(|| {
            format!(
                "the stack '{stack}' has no output {key}; is it a deployment of this program, and finished? Look with: \
                 aws cloudformation describe-stacks --stack-name {stack}"
            )
        })
    };
    Ok(Outputs {
        table_name: needed("TableName")?,
        keyring_secret: needed("KeyringSecretArn")?,
        endpoint: needed("Endpoint")?.trim_end_matches('/').to_owned(),
        data_role: outputs.remove("DataRoleArn").filter(|arn| !arn.is_empty()),
        token_store: outputs.remove("TokenStore"),
        token_secret_prefix: outputs.remove("TokenSecretPrefix"),
        log_group: outputs.remove("FunctionLogGroup"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_without_its_outputs_is_another_stack() {
        let pairs = |keys: &[(&str, &str)]| {
            keys.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect::<Vec<_>>().into_iter()
        };
        let all = [("TableName", "t"), ("KeyringSecretArn", "k"), ("Endpoint", "https://e/"), ("DataRoleArn", "")];
        let outputs = read("s", pairs(&all)).unwrap();
        assert_eq!((outputs.endpoint.as_str(), outputs.data_role), ("https://e", None));
        for missing in 0..3 {
            let mut some = all.to_vec();
            let (key, _) = some.remove(missing);
            let said = read("s", pairs(&some)).unwrap_err();
            assert!(said.contains(&format!("has no output {key}")), "{said}");
        }
    }
}
