//! How a table's bucket is reached, from what its provider wrote down: region, endpoint, role.

use super::write::TableRecord;
use crate::model::location::{DataRole, Endpoint, Reach};

/// How a table is reached.
///
/// # Errors
/// A sentence about the endpoint or the role; it repeats neither.
pub fn of(table: &TableRecord) -> Result<Reach, String> {
    from_parts(
        table.region.as_deref(),
        table.endpoint.as_deref(),
        table.role_arn.as_deref(),
        table.external_id.as_deref(),
    )
}

/// How something with these settings is reached.
///
/// # Errors
/// A sentence about the endpoint or the role; it repeats neither.
pub fn from_parts(
    region: Option<&str>,
    endpoint: Option<&str>,
    role_arn: Option<&str>,
    external_id: Option<&str>,
) -> Result<Reach, String> {
    let role = match (role_arn, external_id) {
        (Some(arn), external_id) => Some(DataRole { arn: arn.to_owned(), external_id: external_id.map(str::to_owned) }),
        (None, None) => None,
        (None, Some(_)) => return Err("an external id says nothing without a role".into()),
    };
    Ok(Reach { region: region.map(str::to_owned), endpoint: parse_endpoint(endpoint)?, role })
}

/// `standard` (also when nothing is said), `dualstack`, `fips`, or an http or https URL.
fn parse_endpoint(text: Option<&str>) -> Result<Endpoint, String> {
    match text {
        None | Some("standard") => Ok(Endpoint::Standard),
        Some("dualstack") => Ok(Endpoint::DualStack),
        Some("fips") => Ok(Endpoint::Fips),
        Some(url) => match url.split_once("://") {
            Some(("http" | "https", host)) if !host.trim_matches('/').is_empty() => {
                Ok(Endpoint::Custom(url.trim_end_matches('/').to_owned()))
            }
            _ => Err("the endpoint is 'standard', 'dualstack', 'fips', or a URL such as https://s3.example.com".into()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_by_name_or_address() {
        // An endpoint is never shown, so it is only compared.
        assert!(parse_endpoint(None) == Ok(Endpoint::Standard));
        assert!(parse_endpoint(Some("dualstack")) == Ok(Endpoint::DualStack));
        assert!(parse_endpoint(Some("http://h:1/")) == Ok(Endpoint::Custom("http://h:1".into())));
        for bad in ["", "https://", "ftp://h", "Standard", "h:80"] {
            assert!(parse_endpoint(Some(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_external_id_needs_a_role() {
        assert!(from_parts(None, None, None, Some("x")).is_err());
        let reach = from_parts(Some("eu-west-1"), None, Some("arn"), Some("x")).unwrap();
        assert!(reach.role == Some(DataRole { arn: "arn".into(), external_id: Some("x".into()) }));
        assert_eq!(reach.region.as_deref(), Some("eu-west-1"));
    }
}
