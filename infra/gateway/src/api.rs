//! The API as the transformed template says it: which function answers which method and path, how its answer travels,
//! how long it may take, and what the gateway answers by itself.

use std::time::Duration;

use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::deployed::Deployed;
use crate::intrinsic::Resolver;
use crate::mock::Mock;
use crate::permission;
use crate::refusal::GatewayResponses;

/// What API Gateway allows an integration that names no time of its own.
const INTEGRATION_TIMEOUT_DEFAULT: Duration = Duration::from_millis(29_000);
/// A method that stands for all.
pub(crate) const ANY: &str = "ANY";

/// How an answer travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transfer {
    /// Whole, in an envelope.
    Buffered,
    /// As it is made.
    Streamed,
}

/// A method of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The method, in capitals; `ANY` stands for all.
    pub method: String,
    /// The path below the stage; `{name}` is one segment, `{name+}` the rest.
    pub path: String,
    /// The logical id of the alias or function that is called.
    pub target: String,
    /// The logical id of the function.
    pub function: String,
    /// How the answer travels.
    pub transfer: Transfer,
    /// How long the gateway waits for it.
    pub timeout: Duration,
}

/// A function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Its logical id.
    pub id: String,
    /// Its physical name.
    pub name: String,
    /// Its folder among the bootstraps: what the template's `CodeUri` ends with.
    pub folder: String,
    /// Its entry point, as the template says it.
    pub handler: String,
    /// Its memory in MB, which is told and not enforced.
    pub memory_mb: String,
    /// How long a call may take.
    pub timeout: Duration,
    /// Its environment variables.
    pub environment: Vec<(String, String)>,
    /// The role that it runs under.
    pub role: Option<String>,
    /// Its log group.
    pub log_group: Option<String>,
}

/// The API.
#[derive(Debug)]
pub struct Api {
    /// The stage: the first segment of every path.
    pub stage: String,
    /// The API's own id.
    pub id: String,
    /// Its methods, the most specific first.
    pub routes: Vec<Route>,
    /// Methods that no function answers.
    pub mocks: Vec<Mock>,
    /// Its functions.
    pub functions: Vec<Function>,
    /// What the gateway answers by itself.
    pub responses: GatewayResponses,
    /// From how many bytes on a buffered answer is compressed.
    pub compression_bytes_min: Option<usize>,
    /// Media types that travel as bytes.
    pub binary_media_types: Vec<String>,
    /// The format of the access log, and its log group.
    pub access_log: Option<(String, Option<String>)>,
}

impl Api {
    /// Reads the API of a transformed template.
    ///
    /// # Errors
    /// A sentence, also where AWS would answer every call of a method with an error: a method without permission to call
    /// its function.
    pub fn read(template: &Value, deployed: &Deployed) -> Result<Self, String> {
        let resolver = Resolver::new(template, deployed);
        let (api_id, api) = the_only(template, "AWS::ApiGateway::RestApi")?;
        let (_, stage) = the_only(template, "AWS::ApiGateway::Stage")?;
        let properties = property(api, &[]).ok_or("the API has no properties")?;
        let body = properties.get("Body").ok_or("the API has no body")?;
        let stage_name = property(stage, &["StageName"]).ok_or("the stage has no name")?;
        let (routes, mocks) = methods(template, &resolver, body)?;
        for route in &routes {
            permission::check(template, route)?;
        }
        let functions = functions(template, &resolver, deployed, &routes)?;
        let media = properties.get("BinaryMediaTypes").and_then(Value::as_array).into_iter().flatten();
        let access = property(stage, &["AccessLogSetting"]);
        let access_group = || -> Option<String> {
            let arn = resolver.text(access?.get("DestinationArn")?).ok()?;
            Some(arn.split(":log-group:").nth(1)?.trim_end_matches(":*").to_owned())
        };
        let access_log = access.and_then(|access| Some((access.get("Format")?.as_str()?.to_owned(), access_group())));
        Ok(Self {
            stage: resolver.text(stage_name)?,
            id: deployed.resources.get(api_id).cloned().unwrap_or_else(|| api_id.to_owned()),
            routes,
            mocks,
            functions,
            responses: GatewayResponses::read(body.get("x-amazon-apigateway-gateway-responses"))?,
            compression_bytes_min: properties
                .get("MinimumCompressionSize")
                .and_then(Value::as_u64)
                .and_then(|bytes| usize::try_from(bytes).ok()),
            binary_media_types: media.filter_map(Value::as_str).map(|kind| kind.replace("~1", "/")).collect(),
            access_log,
        })
    }

    /// The method that a request means, and the values of its path, decoded once. `path` is below the stage, as the
    /// client sent it.
    pub fn find(&self, method: &str, path: &str) -> Option<(&Route, Vec<(String, String)>)> {
        self.routes.iter().find_map(|route| {
            (route.method == method || route.method == ANY).then_some(())?;
            Some((route, captured(&route.path, path)?))
        })
    }
}

/// The values of a path that a template matches.
pub(crate) fn captured(template: &str, path: &str) -> Option<Vec<(String, String)>> {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let mut segments = path.strip_prefix('/')?.split('/');
    let mut values = Vec::new();
    for part in template.strip_prefix('/')?.split('/') {
        let name = part.strip_prefix('{').and_then(|part| part.strip_suffix('}'));
        if let Some(greedy) = name.and_then(|name| name.strip_suffix('+')) {
            let rest: Vec<&str> = segments.collect();
            return (!rest.join("/").is_empty()).then(|| {
                values.push((greedy.to_owned(), decoded(&rest.join("/"))));
                values
            });
        }
        let segment = segments.next()?;
        match name {
            Some(name) if !segment.is_empty() => values.push((name.to_owned(), decoded(segment))),
            None if part == segment => {}
            _ => return None,
        }
    }
    segments.next().is_none().then_some(values)
}

/// The methods of the API's body: those with a function, and those without.
fn methods(template: &Value, resolver: &Resolver<'_>, body: &Value) -> Result<(Vec<Route>, Vec<Mock>), String> {
    let mut routes = Vec::new();
    let mut mocks = Vec::new();
    for (path, methods) in body.get("paths").and_then(Value::as_object).into_iter().flatten() {
        for (method, operation) in methods.as_object().into_iter().flatten() {
            let method = match method.as_str() {
                "x-amazon-apigateway-any-method" => ANY.to_owned(),
                extension if extension.starts_with("x-") => continue,
                method => method.to_uppercase(),
            };
            let told = |why: String| format!("{method} {path}: {why}");
            match Mock::read(resolver, &method, path, operation).map_err(told)? {
                Some(mock) => mocks.push(mock),
                None => routes.push(route(template, &method, path, operation).map_err(told)?),
            }
        }
    }
    // The greedy last, fewer values first, one method before all.
    routes.sort_by_key(|route: &Route| {
        let values = route.path.matches('{').count();
        (route.path.contains("+}"), values, route.method == ANY, route.path.clone())
    });
    Ok((routes, mocks))
}

fn route(template: &Value, method: &str, path: &str, operation: &Value) -> Result<Route, String> {
    let integration = operation.get("x-amazon-apigateway-integration").ok_or("it has no integration")?;
    match integration.get("type").and_then(Value::as_str) {
        Some("aws_proxy" | "AWS_PROXY") => {}
        other => return Err(format!("integrations of type {other:?} are not known here")),
    }
    let uri = integration.get("uri").ok_or("its integration has no URI")?;
    let uri = uri.get("Fn::Sub").unwrap_or(uri).as_str().ok_or("its integration's URI is no text")?;
    let target = uri
        .split_once("functions/${")
        .and_then(|(_, rest)| rest.split_once('}'))
        .map(|(name, _)| name.trim_end_matches(".Arn"))
        .ok_or_else(|| format!("the URI {uri} names no function"))?;
    let streams = uri.contains(":lambda:path/2021-11-15/") && uri.ends_with("/response-streaming-invocations");
    let mode = integration.get("responseTransferMode").and_then(Value::as_str).unwrap_or("BUFFERED");
    let transfer = match (mode, streams) {
        ("STREAM", true) => Transfer::Streamed,
        ("BUFFERED", false) => Transfer::Buffered,
        _ => return Err(format!("the transfer mode {mode} and the URI {uri} do not fit together")),
    };
    let timeout = integration.get("timeoutInMillis").and_then(Value::as_u64).map(Duration::from_millis);
    Ok(Route {
        method: method.to_owned(),
        path: path.to_owned(),
        target: target.to_owned(),
        function: function_of(template, target)?,
        transfer,
        timeout: timeout.unwrap_or(INTEGRATION_TIMEOUT_DEFAULT),
    })
}

/// The function behind an alias, or the function itself.
fn function_of(template: &Value, target: &str) -> Result<String, String> {
    let resource = resource(template, target).ok_or_else(|| format!("there is no resource {target}"))?;
    match resource.get("Type").and_then(Value::as_str) {
        Some("AWS::Lambda::Function") => Ok(target.to_owned()),
        Some("AWS::Lambda::Alias") => {
            let function = property(resource, &["FunctionName", "Ref"]).and_then(Value::as_str);
            function.map(str::to_owned).ok_or_else(|| format!("the alias {target} names no function"))
        }
        _ => Err(format!("{target} is no function")),
    }
}

fn functions(
    template: &Value,
    resolver: &Resolver<'_>,
    deployed: &Deployed,
    routes: &[Route],
) -> Result<Vec<Function>, String> {
    let mut ids: Vec<&str> = routes.iter().map(|route| route.function.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    ids.into_iter()
        .map(|id| {
            let resource = resource(template, id).ok_or_else(|| format!("there is no resource {id}"))?;
            function(resolver, deployed, id, resource).map_err(|why| format!("{id}: {why}"))
        })
        .collect()
}

fn function(resolver: &Resolver<'_>, deployed: &Deployed, id: &str, resource: &Value) -> Result<Function, String> {
    let text = |path: &[&str]| property(resource, path).map(|value| resolver.text(value)).transpose();
    let needed = |path: &[&str]| text(path)?.ok_or_else(|| format!("it has no {}", path.join(".")));
    let code = needed(&["Code", "S3Key"])?;
    let seconds: u64 = needed(&["Timeout"])?.parse().map_err(|_| "its time limit is no number")?;
    let variables = property(resource, &["Environment", "Variables"]).and_then(Value::as_object);
    let mut environment = Vec::new();
    for (name, value) in variables.into_iter().flatten() {
        environment.push((name.clone(), resolver.text(value).map_err(|why| format!("{name}: {why}"))?));
    }
    // A role is only needed where somebody hands out its sessions.
    let role = match deployed.endpoint {
        Some(_) => Some(needed(&["Role"])?),
        None => None,
    };
    Ok(Function {
        id: id.to_owned(),
        name: deployed.resources.get(id).cloned().unwrap_or_else(|| id.to_owned()),
        folder: code.rsplit('/').next().unwrap_or_default().to_owned(),
        handler: needed(&["Handler"])?,
        memory_mb: needed(&["MemorySize"])?,
        timeout: Duration::from_secs(seconds),
        environment,
        role,
        log_group: text(&["LoggingConfig", "LogGroup"]).ok().flatten(),
    })
}

/// A resource of a template.
pub fn resource<'t>(template: &'t Value, id: &str) -> Option<&'t Value> {
    template.get("Resources")?.get(id)
}

/// The resources of a type.
pub fn resources<'t>(template: &'t Value, kind: &str) -> impl Iterator<Item = (&'t str, &'t Value)> {
    let all = template.get("Resources").and_then(Value::as_object).into_iter().flatten();
    all.filter(move |(_, resource)| resource.get("Type").and_then(Value::as_str) == Some(kind))
        .map(|(id, resource)| (id.as_str(), resource))
}

/// A property of a resource.
pub fn property<'t>(resource: &'t Value, path: &[&str]) -> Option<&'t Value> {
    path.iter().try_fold(resource.get("Properties")?, |value, key| value.get(key))
}

fn the_only<'t>(template: &'t Value, kind: &str) -> Result<(&'t str, &'t Value), String> {
    let mut found = resources(template, kind);
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (None, _) => Err(format!("the template has no {kind}; is it transformed?")),
        _ => Err(format!("the template has more than one {kind}")),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;

    /// A transformed template of two functions, one of which streams.
    pub(crate) fn template() -> Value {
        let function = |key: &str, timeout: u64| {
            json!({"Type": "AWS::Lambda::Function", "Properties": {
                "Code": {"S3Bucket": "code", "S3Key": format!("functions/{key}")}, "Handler": "bootstrap",
                "MemorySize": 128, "Timeout": timeout, "Role": {"Fn::GetAtt": ["Role", "Arn"]},
                "Environment": {"Variables": {"TABLE_NAME": {"Ref": "Table"}}}}})
        };
        let alias =
            |function: &str| json!({"Type": "AWS::Lambda::Alias", "Properties": {"FunctionName": {"Ref": function}}});
        let permission = |alias: &str, path: &str| {
            json!({"Type": "AWS::Lambda::Permission", "Properties": {
                "Action": "lambda:InvokeFunction", "Principal": "apigateway.amazonaws.com", "FunctionName": {"Ref": alias},
                "SourceArn": {"Fn::Sub": [format!("arn:aws:execute-api:${{AWS::Region}}:${{AWS::AccountId}}:${{A}}/${{S}}/{path}"),
                                          {"A": {"Ref": "Api"}, "S": "*"}]}}})
        };
        let buffered = |alias: &str| {
            json!({"x-amazon-apigateway-integration": {"type": "aws_proxy", "httpMethod": "POST",
            "uri": {"Fn::Sub": format!("arn:aws:apigateway:${{AWS::Region}}:lambda:path/2015-03-31/functions/${{{alias}}}/invocations")}}})
        };
        let streamed = |alias: &str| {
            json!({"x-amazon-apigateway-integration": {"type": "aws_proxy", "httpMethod": "POST",
            "responseTransferMode": "STREAM", "timeoutInMillis": 3000,
            "uri": {"Fn::Sub": format!("arn:aws:apigateway:${{AWS::Region}}:lambda:path/2021-11-15/functions/${{{alias}}}/response-streaming-invocations")}}})
        };
        json!({
            "Parameters": {"StageName": {"Type": "String", "Default": "v1"}},
            "Resources": {
                "Api": {"Type": "AWS::ApiGateway::RestApi", "Properties": {"MinimumCompressionSize": 1024, "Body": {"paths": {
                    "/items": {"get": buffered("ListAlias"), "head": buffered("ListAlias")},
                    "/items/{item}": {"get": buffered("ListAlias")},
                    "/items/{item}/read": {"post": streamed("ReadAlias")}},
                    "x-amazon-apigateway-gateway-responses": {
                        "MISSING_AUTHENTICATION_TOKEN": {"statusCode": "404", "responseTemplates": {"application/json": "{\"message\":\"no such path\"}"}}}}}},
                "Stage": {"Type": "AWS::ApiGateway::Stage", "Properties": {"StageName": {"Ref": "StageName"}}},
                "List": function("list", 2), "Read": function("read", 2),
                "ListAlias": alias("List"), "ReadAlias": alias("Read"),
                "P1": permission("ListAlias", "GET/items"), "P2": permission("ListAlias", "HEAD/items"),
                "P3": permission("ListAlias", "GET/items/*"), "P4": permission("ReadAlias", "POST/items/*/read")}
        })
    }

    pub(crate) fn deployed() -> Deployed {
        Deployed {
            stack: "test".into(),
            region: "eu-central-1".into(),
            account: "123456789012".into(),
            resources: [("Table".to_owned(), "the-table".to_owned())].into(),
            ..Deployed::default()
        }
    }

    #[test]
    fn routes_functions_and_modes_come_from_the_template() {
        let api = Api::read(&template(), &deployed()).unwrap();
        let all: Vec<_> =
            api.routes.iter().map(|r| (r.method.as_str(), r.path.as_str(), r.function.as_str())).collect();
        assert_eq!(
            all,
            [
                ("GET", "/items", "List"),
                ("HEAD", "/items", "List"),
                ("GET", "/items/{item}", "List"),
                ("POST", "/items/{item}/read", "Read")
            ]
        );
        assert_eq!(api.routes[3].transfer, Transfer::Streamed);
        assert_eq!((api.routes[0].timeout, api.routes[3].timeout), (Duration::from_secs(29), Duration::from_secs(3)));
        assert_eq!(api.functions[0].environment, [("TABLE_NAME".to_owned(), "the-table".to_owned())]);
        assert_eq!((api.functions[1].folder.as_str(), api.stage.as_str()), ("read", "v1"));
    }

    #[test]
    fn paths_match_as_sent_and_are_decoded_once() {
        let api = Api::read(&template(), &deployed()).unwrap();
        let item = |path: &str| {
            api.find("GET", path).map(|(_, values)| values.into_iter().map(|(_, v)| v).collect::<Vec<_>>())
        };
        assert_eq!(item("/items/a%2Fb%252F+c"), Some(vec!["a/b%2F+c".into()]));
        for path in ["/items/", "/items//", "/items/a/b", "items", "/%69tems", ""] {
            assert_eq!(item(path), None, "{path}");
        }
        assert!(api.find("PUT", "/items").is_none());
    }

    #[test]
    fn an_unknown_name_in_the_environment_is_an_error() {
        let mut without = deployed();
        without.resources.clear();
        assert_eq!(Api::read(&template(), &without).unwrap_err(), "List: TABLE_NAME: nothing is known of Table");
    }

    #[test]
    fn a_stream_needs_both_the_mode_and_the_uri() {
        let mut template = template();
        let integration = &mut template["Resources"]["Api"]["Properties"]["Body"]["paths"]["/items/{item}/read"]["post"]
            ["x-amazon-apigateway-integration"];
        integration.as_object_mut().unwrap().remove("responseTransferMode");
        assert!(Api::read(&template, &deployed()).unwrap_err().contains("do not fit together"));
    }
}
