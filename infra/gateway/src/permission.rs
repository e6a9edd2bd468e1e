//! Whether API Gateway may call the function of a method. Without an `AWS::Lambda::Permission` for exactly this method and
//! path AWS would answer every call with 500; here the gateway does not start.

use serde_json::Value;

use crate::api::{Route, property, resources};

/// Looks for the permission.
///
/// # Errors
/// A sentence that names the function and the route.
pub fn check(template: &Value, route: &Route) -> Result<(), String> {
    let allowed = resources(template, "AWS::Lambda::Permission").any(|(_, permission)| allows(permission, route));
    allowed.then_some(()).ok_or_else(|| {
        let Route { method, path, function, .. } = route;
        format!("no AWS::Lambda::Permission lets API Gateway call {function} for {method} {path}")
    })
}

fn allows(permission: &Value, route: &Route) -> bool {
    let text = |path: &[&str]| property(permission, path).and_then(Value::as_str);
    text(&["Action"]).is_some_and(|action| matches!(action, "lambda:InvokeFunction" | "lambda:*"))
        && text(&["Principal"]) == Some("apigateway.amazonaws.com")
        && text(&["FunctionName", "Ref"]) == Some(route.target.as_str())
        && source(permission).is_some_and(|pattern| matches(&pattern, &format!("{}{}", route.method, route.path)))
}

/// What the source's ARN says after the API and the stage: `GET/shares/*`.
fn source(permission: &Value) -> Option<String> {
    let arn = property(permission, &["SourceArn"])?;
    let arn = arn.get("Fn::Sub").unwrap_or(arn);
    let text = arn.as_array().map_or(Some(arn), |parts| parts.first())?.as_str()?;
    text.strip_prefix("arn:")?.splitn(3, '/').nth(2).map(str::to_owned)
}

/// IAM's wildcard: a star stands for any text, slashes too.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((before, rest)) => text.strip_prefix(before).is_some_and(|text| {
            let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            ends.filter_map(|at| text.get(at..)).any(|text| matches(rest, text))
        }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::api::Api;
    use crate::api::tests::{deployed, template};

    fn refused(change: impl FnOnce(&mut serde_json::Value)) -> String {
        let mut template = template();
        change(&mut template["Resources"]);
        Api::read(&template, &deployed()).unwrap_err()
    }

    #[test]
    fn a_missing_permission_is_named() {
        let why = refused(|resources| drop(resources.as_object_mut().unwrap().remove("P4")));
        assert_eq!(why, "no AWS::Lambda::Permission lets API Gateway call Read for POST /items/{item}/read");
    }

    #[test]
    fn a_permission_for_another_path_method_or_function_does_not_count() {
        for (pointer, value) in [
            ("/P2/Properties/SourceArn/Fn::Sub/0", json!("arn:aws:execute-api:r:1:api/*/HEAD/other")),
            ("/P2/Properties/SourceArn/Fn::Sub/0", json!("arn:aws:execute-api:r:1:api/*/GET/items")),
            ("/P2/Properties/FunctionName/Ref", json!("ReadAlias")),
            ("/P2/Properties/Principal", json!("events.amazonaws.com")),
            ("/P2/Properties/Action", json!("lambda:GetFunction")),
        ] {
            let why = refused(|resources| *resources.pointer_mut(pointer).unwrap() = value.clone());
            assert!(why.ends_with("call List for HEAD /items"), "{pointer} {value}: {why}");
        }
    }

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, text, wanted) in [
            ("GET/a/*/b", "GET/a/{x}/b", true),
            ("GET/a/*", "GET/a/{x}/b", true),
            ("*", "GET/a", true),
            ("GET/a/*/b", "GET/a/{x}/c", false),
            ("GET/a", "GET/a/b", false),
        ] {
            assert_eq!(super::matches(pattern, text), wanted, "{pattern} {text}");
        }
    }
}
