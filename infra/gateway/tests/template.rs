//! What must hold for `template.yaml` as AWS's translator transforms it: `SPILLWAY_TEMPLATE` names the result. The rule is
//! the same throughout: what is not listed here is refused, so that nothing is added to the template in passing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test that cannot go on should say so and stop"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_gateway::api::{Api, Transfer, property, resources};
use aws_gateway::deployed::Deployed;
use aws_gateway::intrinsic::Resolver;
use serde_json::{Value, json};
use shared::route::ROUTES;

/// Routes that no function answers on AWS.
const NOT_DEPLOYED: [&str; 1] = ["health"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn template() -> Option<Value> {
    let Some(path) = std::env::var_os("SPILLWAY_TEMPLATE") else {
        eprintln!("not run: SPILLWAY_TEMPLATE names no transformed template (make test sets it)");
        return None;
    };
    Some(serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap())
}

/// A deployment with every default, in which each name stands for itself.
fn deployed(template: &Value) -> Deployed {
    fn attributes(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(object) => {
                if let Some(Value::Array(path)) = object.get("Fn::GetAtt") {
                    found.insert(path.iter().map(|part| part.as_str().unwrap()).collect::<Vec<_>>().join("."));
                }
                object.values().for_each(|value| attributes(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| attributes(value, found)),
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    attributes(template, &mut found);
    let itself = |name: &String| (name.clone(), name.clone());
    Deployed {
        stack: "stack".into(),
        region: "us-east-1".into(),
        account: "123456789012".into(),
        endpoint: Some("http://127.0.0.1:1".into()),
        parameters: [].into(),
        resources: template["Resources"].as_object().unwrap().keys().map(itself).collect(),
        attributes: found.iter().map(itself).collect(),
    }
}

fn api(template: &Value) -> Api {
    Api::read(template, &deployed(template)).unwrap()
}

/// Logical id and folder of each function.
fn folders(template: &Value) -> BTreeMap<String, String> {
    api(template).functions.into_iter().map(|function| (function.id, function.folder)).collect()
}

#[test]
fn the_template_has_exactly_the_routes_of_the_route_table_with_their_functions() {
    let Some(template) = template() else { return };
    let folders = folders(&template);
    let mut found: Vec<_> = api(&template)
        .routes
        .iter()
        .map(|route| (folders[&route.function].clone(), route.method.clone(), route.path.clone()))
        .collect();
    found.sort();
    let deployed = ROUTES.iter().filter(|route| !NOT_DEPLOYED.contains(&route.id));
    let mut wanted: Vec<_> = deployed.map(|r| (r.id.to_owned(), r.method.to_owned(), r.path.to_owned())).collect();
    wanted.sort();
    assert_eq!(found, wanted);
}

#[test]
fn every_folder_of_functions_is_a_function_of_the_template() {
    let Some(template) = template() else { return };
    let named: BTreeSet<String> = folders(&template).into_values().collect();
    let entries = std::fs::read_dir(root().join("functions")).unwrap().map(Result::unwrap);
    let there: BTreeSet<String> = entries
        .filter(|entry| entry.path().join("Cargo.toml").is_file())
        .map(|entry| entry.file_name().into_string().unwrap())
        .filter(|name| name != "local")
        .collect();
    assert_eq!(named, there);
    let all = resources(&template, "AWS::Lambda::Function").count();
    assert_eq!(all, there.len(), "a function without a route");
}

#[test]
fn answers_travel_as_the_route_table_says() {
    let Some(template) = template() else { return };
    for found in api(&template).routes {
        let route = ROUTES.iter().find(|route| (route.method, route.path) == (&*found.method, &*found.path)).unwrap();
        let wanted = match route.transfer {
            shared::route::Transfer::Buffered => Transfer::Buffered,
            shared::route::Transfer::Streamed => Transfer::Streamed,
        };
        assert_eq!(found.transfer, wanted, "{} {}", found.method, found.path);
    }
}

#[test]
fn no_function_is_ended_after_the_gateway_has_stopped_waiting() {
    let Some(template) = template() else { return };
    let api = api(&template);
    for route in &api.routes {
        let function = api.functions.iter().find(|function| function.id == route.function).unwrap();
        assert!(function.timeout <= route.timeout, "{}: {:?} > {:?}", function.id, function.timeout, route.timeout);
        let longest = if route.transfer == Transfer::Streamed { 900 } else { 29 };
        assert!(route.timeout <= Duration::from_secs(longest), "{}: {:?}", route.path, route.timeout);
    }
}

#[test]
fn without_any_one_permission_the_gateway_does_not_start() {
    let Some(template) = template() else { return };
    let names: Vec<String> = resources(&template, "AWS::Lambda::Permission").map(|(name, _)| name.to_owned()).collect();
    assert_eq!(names.len(), api(&template).routes.len(), "one permission for each route");
    for name in names {
        let mut without = template.clone();
        without["Resources"].as_object_mut().unwrap().remove(&name);
        let why = Api::read(&without, &deployed(&without)).unwrap_err();
        assert!(why.starts_with("no AWS::Lambda::Permission lets API Gateway call "), "{name}: {why}");
    }
}

/// What the functions' roles may do, whatever the parameters say: each function's actions, and below the resources that
/// each action is allowed on. A new permission is a line here, and a reason in the commit.
const LISTS: [&str; 3] = ["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query"];
const READS: [&str; 3] = ["dynamodb:BatchGetItem", "dynamodb:GetItem", "sts:AssumeRole"];
/// What a checkpoint's rows are kept in for the next query.
const CHUNKS: [&str; 2] = ["s3:GetObject", "s3:PutObject"];
const ACTIVATES: [&str; 4] = ["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query", "dynamodb:UpdateItem"];
const ALL: [&str; 2] = ["kms:Decrypt", "secretsmanager:GetSecretValue"];

fn allowed_actions(folder: &str) -> BTreeSet<&'static str> {
    let chunks: &[&str] = if folder == "query-table" { &CHUNKS } else { &[] };
    let own: &[&str] = match folder {
        "list-shares" | "get-share" | "list-schemas" | "list-tables" | "list-all-tables" => &LISTS,
        "activation" => &ACTIVATES,
        "table-version" | "table-metadata" | "query-table" | "query-table-changes" => &READS,
        other => panic!("{other} is not on the list"),
    };
    own.iter().chain(&ALL).chain(chunks).copied().collect()
}

fn allowed_resources(action: &str) -> Vec<Value> {
    match action {
        "dynamodb:BatchGetItem" | "dynamodb:GetItem" | "dynamodb:Query" | "dynamodb:UpdateItem" => {
            vec![json!({"Fn::GetAtt": ["CatalogueTable", "Arn"]})]
        }
        "kms:Decrypt" => vec![json!({"Ref": "KmsKeyArn"})],
        // A star: the chunks, whose names are digests.
        "s3:GetObject" | "s3:PutObject" => vec![json!({"Fn::Sub": "${ChunkBucket.Arn}/chunks/*"})],
        "secretsmanager:GetSecretValue" => vec![
            json!({"Fn::GetAtt": ["Keyring", "Id"]}),
            // A star: the secrets of recipients, which the operator makes later, each with a random end to its name.
            json!({"Fn::Sub": "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:${AWS::StackName}/tokens/*"}),
        ],
        // Two stars: data roles of any account, whose owners decide whom they trust; only their path is ours.
        "sts:AssumeRole" => vec![json!({"Fn::Sub": "arn:${AWS::Partition}:iam::*:role/delta-sharing/*"})],
        other => panic!("{other} is not on the list"),
    }
}

/// The statements of a role, those that hang on a condition too.
fn statements(role: &Value) -> Vec<&Value> {
    let policies = property(role, &["Policies"]).and_then(Value::as_array).into_iter().flatten();
    policies
        .flat_map(|policy| policy["PolicyDocument"]["Statement"].as_array().unwrap())
        .map(|statement| match statement.get("Fn::If") {
            Some(choice) => {
                assert_eq!(choice[2], json!({"Ref": "AWS::NoValue"}), "a statement with an alternative");
                &choice[1]
            }
            None => statement,
        })
        .collect()
}

fn several(value: &Value) -> Vec<&Value> {
    value.as_array().map_or_else(|| vec![value], |items| items.iter().collect())
}

#[test]
fn each_function_may_do_what_it_needs_and_nothing_else() {
    let Some(template) = template() else { return };
    let managed = json!([
        // Write to its log group, which AWS grants on all; and to X-Ray, which knows no resources.
        "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole",
        "arn:aws:iam::aws:policy/AWSXrayWriteOnlyAccess"
    ]);
    for (id, folder) in folders(&template) {
        let role = &template["Resources"][format!("{id}Role")];
        assert_eq!(property(role, &["ManagedPolicyArns"]), Some(&managed), "{id}");
        assert_eq!(property(role, &["PermissionsBoundary"]), None, "{id}");
        let mut actions = BTreeSet::new();
        for statement in statements(role) {
            assert_eq!(statement["Effect"], "Allow", "{id}");
            assert!(statement.get("NotAction").is_none() && statement.get("NotResource").is_none(), "{id}");
            for action in several(&statement["Action"]) {
                let action = action.as_str().unwrap();
                let allowed = allowed_resources(action);
                // No function may write anything but that a link was used, and chunks.
                let condition = match action {
                    "dynamodb:UpdateItem" => json!({
                        "ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["ACT/*"]},
                        "Null": {"dynamodb:LeadingKeys": "false"},
                    }),
                    _ => Value::Null,
                };
                assert_eq!(statement.get("Condition").unwrap_or(&Value::Null), &condition, "{id}: {action}");
                for resource in several(&statement["Resource"]) {
                    assert!(allowed.contains(resource), "{id}: {action} on {resource}");
                }
                actions.insert(action);
            }
        }
        assert_eq!(actions, allowed_actions(&folder), "{id}");
        let lambda = json!({"Service": ["lambda.amazonaws.com"]});
        let trust = property(role, &["AssumeRolePolicyDocument", "Statement"]).unwrap();
        assert_eq!((trust.as_array().unwrap().len(), &trust[0]["Principal"]), (1, &lambda), "{id}");
    }
}

#[test]
fn execution_roles_have_nothing_to_do_with_the_data() {
    let Some(template) = template() else { return };
    for id in folders(&template).keys() {
        let role = &template["Resources"][format!("{id}Role")];
        // Chunks are no data: what is said of them is held against the list above.
        let others: Vec<&Value> = statements(role).into_iter().filter(|s| s["Sid"] != "ReadAndWriteChunks").collect();
        let others = json!([others, role["Properties"]["ManagedPolicyArns"]]).to_string();
        assert!(!others.contains("s3:") && !others.contains("AmazonS3"), "{id}");
    }
    // Only one role may read data, and only the functions that read tables may assume it.
    let data = &template["Resources"]["DataRole"];
    let actions: BTreeSet<&str> =
        statements(data).into_iter().flat_map(|s| several(&s["Action"])).map(|a| a.as_str().unwrap()).collect();
    assert_eq!(actions, ["kms:Decrypt", "s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket"].into());
    let trusted = &data["Properties"]["AssumeRolePolicyDocument"]["Statement"][0]["Principal"];
    let readers = ["TableVersion", "TableMetadata", "QueryTable", "QueryTableChanges"];
    assert_eq!(
        trusted,
        &json!({"AWS": readers.map(|name| json!({"Fn::GetAtt": [format!("{name}FunctionRole"), "Arn"]}))})
    );
    assert_eq!(data["Properties"]["Path"], "/delta-sharing/");
}

#[test]
fn no_log_or_trace_of_the_gateway_holds_the_code_of_an_activation_link() {
    let Some(template) = template() else { return };
    let stage = resources(&template, "AWS::ApiGateway::Stage").next().unwrap().1;
    let format = property(stage, &["AccessLogSetting", "Format"]).and_then(Value::as_str).unwrap();
    let known = [
        "requestId",
        "identity.sourceIp",
        "httpMethod",
        "resourcePath",
        "status",
        "responseLength",
        "responseLatency",
        "integrationLatency",
        "identity.userAgent",
    ];
    for variable in format.split("$context.").skip(1) {
        let name: String = variable.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '.').collect();
        assert!(known.contains(&name.as_str()), "{name} may hold a request's path");
    }
    assert_eq!(property(stage, &["TracingEnabled"]), Some(&json!(false)));
    for settings in property(stage, &["MethodSettings"]).and_then(Value::as_array).unwrap() {
        assert_eq!((&settings["DataTraceEnabled"], &settings["LoggingLevel"]), (&json!(false), &json!("ERROR")));
    }
}

#[test]
fn every_environment_variable_is_documented_where_it_is_read() {
    let Some(template) = template() else { return };
    let documented = std::fs::read_to_string(root().join("shared/src/config.rs")).unwrap();
    let table: String = documented.lines().filter(|line| line.starts_with("//! | `")).collect();
    for function in api(&template).functions {
        for (name, _) in function.environment {
            assert!(
                table.contains(&format!("`{name}`")),
                "{}: {name} is not in the table of shared/src/config.rs",
                function.id
            );
        }
    }
}

#[test]
fn functions_are_built_for_what_the_parameter_says() {
    let Some(template) = template() else { return };
    for (id, function) in resources(&template, "AWS::Lambda::Function") {
        assert_eq!(property(function, &["Architectures"]), Some(&json!([{"Ref": "Architecture"}])), "{id}");
        assert_eq!(property(function, &["Runtime"]), Some(&json!("provided.al2023")), "{id}");
        assert_eq!(property(function, &["LoggingConfig", "LogGroup"]), Some(&json!({"Ref": "FunctionLogs"})), "{id}");
    }
}

#[test]
fn what_holds_state_outlives_the_stack() {
    let Some(template) = template() else { return };
    let mut kept = 0;
    for kind in [
        "AWS::DynamoDB::Table",
        "AWS::SecretsManager::Secret",
        "AWS::Logs::LogGroup",
        "AWS::KMS::Key",
        "AWS::S3::Bucket",
    ] {
        for (id, resource) in resources(&template, kind) {
            assert_eq!(resource["DeletionPolicy"], "RetainExceptOnCreate", "{id}");
            assert_eq!(resource["UpdateReplacePolicy"], "Retain", "{id}");
            kept += 1;
        }
    }
    assert_eq!(kept, 5, "the catalogue, the keyring, two log groups and the bucket of chunks");
    let table = &template["Resources"]["CatalogueTable"]["Properties"];
    assert_eq!(table["DeletionProtectionEnabled"], true);
    assert_eq!(table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], true);
}

/// Types that cost nothing as long as nobody calls. What is not here must be off by default.
const FREE_WHILE_IDLE: [&str; 17] = [
    "AWS::ApiGateway::Account",
    "AWS::ApiGateway::BasePathMapping",
    "AWS::ApiGateway::Deployment",
    "AWS::ApiGateway::DomainName",
    "AWS::ApiGateway::RestApi",
    "AWS::ApiGateway::Stage",
    "AWS::IAM::Role",
    "AWS::Lambda::Alias",
    "AWS::Lambda::Function",
    "AWS::Lambda::Permission",
    "AWS::Lambda::Version",
    "AWS::Logs::LogGroup",
    "AWS::Logs::MetricFilter",
    // A saved text; running it costs what it reads.
    "AWS::Logs::QueryDefinition",
    // On demand; a few kilobytes of items and their copies.
    "AWS::DynamoDB::Table",
    // Empty after a week without queries.
    "AWS::S3::Bucket",
    "AWS::S3::BucketPolicy",
];

#[test]
fn nothing_that_costs_money_while_idle_is_on_by_default() {
    let Some(template) = template() else { return };
    let deployed = deployed(&template);
    let resolver = Resolver::new(&template, &deployed);
    let mut paid = Vec::new();
    for (id, resource) in template["Resources"].as_object().unwrap() {
        let condition = resource.get("Condition").and_then(Value::as_str);
        let on = condition.is_none_or(|condition| resolver.condition(condition).unwrap());
        if on && !FREE_WHILE_IDLE.contains(&resource["Type"].as_str().unwrap()) {
            paid.push((id.as_str(), resource["Type"].as_str().unwrap()));
        }
    }
    // $0.40 a month: the one price of a deployment that nobody calls.
    assert_eq!(paid, [("Keyring", "AWS::SecretsManager::Secret")]);
    for (id, alias) in resources(&template, "AWS::Lambda::Alias") {
        assert_eq!(property(alias, &["ProvisionedConcurrencyConfig"]), None, "{id}");
    }
    let table = &template["Resources"]["CatalogueTable"]["Properties"];
    assert_eq!(table["BillingMode"], "PAY_PER_REQUEST");
    let stage = resources(&template, "AWS::ApiGateway::Stage").next().unwrap().1;
    assert_eq!(property(stage, &["CacheClusterEnabled"]), None);
}

#[test]
fn chunks_are_private_encrypted_and_gone_after_a_week() {
    let Some(template) = template() else { return };
    let buckets: Vec<_> = resources(&template, "AWS::S3::Bucket").collect();
    let [(id, bucket)] = buckets[..] else { panic!("one bucket: {buckets:?}") };
    for setting in ["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"] {
        assert_eq!(property(bucket, &["PublicAccessBlockConfiguration", setting]), Some(&json!(true)), "{setting}");
    }
    assert_eq!(
        property(bucket, &["OwnershipControls", "Rules"]),
        Some(&json!([{"ObjectOwnership": "BucketOwnerEnforced"}]))
    );
    assert!(property(bucket, &["BucketEncryption"]).is_some());
    let rules = property(bucket, &["LifecycleConfiguration", "Rules"]).unwrap();
    assert_eq!((&rules[0]["Status"], &rules[0]["ExpirationInDays"]), (&json!("Enabled"), &json!(7)));
    let (_, policy) = resources(&template, "AWS::S3::BucketPolicy").next().expect("a policy");
    assert_eq!(property(policy, &["Bucket"]), Some(&json!({"Ref": id})));
    let statements = property(policy, &["PolicyDocument", "Statement"]).and_then(Value::as_array).unwrap();
    assert_eq!(statements.len(), 1);
    assert_eq!((&statements[0]["Effect"], &statements[0]["Action"]), (&json!("Deny"), &json!("s3:*")));
    assert_eq!(statements[0]["Condition"], json!({"Bool": {"aws:SecureTransport": "false"}}));
    for resource in [bucket, policy] {
        assert_eq!(resource["Condition"], "HasChunkCache");
    }
}

#[test]
fn what_the_emulator_cannot_make_is_in_what_is_deployed() {
    let Some(template) = template() else { return };
    let association = resources(&template, "AWS::WAFv2::WebACLAssociation").next().expect("the web ACL guards nothing");
    assert_eq!(association.1["Condition"], "HasWaf");
}

#[test]
fn a_page_may_call_when_its_origin_is_named_and_no_other() {
    let Some(template) = template() else { return };
    for origin in ["", "https://pages.example"] {
        let mut deployed = deployed(&template);
        deployed.parameters.insert("CorsOrigin".into(), origin.into());
        let api = Api::read(&template, &deployed).unwrap();
        let mut paths: Vec<_> = api.routes.iter().map(|route| route.path.as_str()).collect();
        paths.sort_unstable();
        paths.dedup();
        assert_eq!(api.mocks.len(), paths.len());
        for path in paths {
            let answer = api.mocks.iter().find_map(|mock| mock.answer("OPTIONS", path));
            let (status, headers, _) = answer.unwrap_or_else(|| panic!("{path} does not answer OPTIONS"));
            assert_eq!(
                (status.as_u16(), headers["access-control-allow-origin"].to_str().unwrap()),
                (200, origin),
                "{path}"
            );
            let allowed = headers["access-control-allow-headers"].to_str().unwrap();
            assert!(allowed.contains("authorization") && allowed.contains("delta-sharing-capabilities"), "{allowed}");
        }
    }
}

#[test]
fn the_gateways_own_answers_have_the_form_of_all_others() {
    let Some(template) = template() else { return };
    let body = resources(&template, "AWS::ApiGateway::RestApi").next().unwrap().1["Properties"]["Body"].clone();
    let responses = body["x-amazon-apigateway-gateway-responses"].as_object().unwrap();
    for (kind, response) in responses {
        let text = response["responseTemplates"]["application/json"].as_str().unwrap();
        let filled = text.replace("$context.error.messageString", "\"words\"");
        let said: Value = serde_json::from_str(&filled).unwrap_or_else(|error| panic!("{kind}: {error}"));
        let keys: Vec<_> = said.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["errorCode", "message"], "{kind}");
    }
    for (kind, status) in [("MISSING_AUTHENTICATION_TOKEN", "404"), ("THROTTLED", "429"), ("REQUEST_TOO_LARGE", "413")]
    {
        assert_eq!(responses[kind]["statusCode"], status, "{kind}");
    }
    assert_eq!(responses["THROTTLED"]["responseParameters"]["gatewayresponse.header.Retry-After"], "'1'");
    for general in ["DEFAULT_4XX", "DEFAULT_5XX"] {
        assert!(responses.contains_key(general), "{general}");
    }
}
