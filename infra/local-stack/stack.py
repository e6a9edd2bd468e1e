"""What a deployed stack is asked and given beside CloudFormation, on the emulator: stack.py COMMAND ...

  deployed STACK OUT          the names and ARNs behind the template's logical ids, as JSON for the gateway
  upload BUCKET FOLDER        makes the bucket and puts every file of the folder into it
  outputs STACK               the stack's outputs, as JSON
  environment STACK OUT       what a function is told by its environment, a line NAME=VALUE each, and where AWS is

Credentials, region and the emulator's address come from the environment."""

import json
import os
import pathlib
import sys

import boto3


def client(service):
    return boto3.client(service, endpoint_url=os.environ["AWS_ENDPOINT_URL"])


def stack(name):
    return client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]


def found_outputs(name):
    return {output["OutputKey"]: output["OutputValue"] for output in stack(name).get("Outputs", [])}


def outputs(name):
    print(json.dumps(found_outputs(name)))


def environment(name, out):
    """Without the role of the function: it acts as whoever asks."""
    found = found_outputs(name)
    variables = {
        "TABLE_NAME": found["TableName"],
        "KEYRING_SECRET_ARN": found["KeyringSecretArn"],
        "TOKEN_STORE": found["TokenStore"],
        "TOKEN_SECRET_PREFIX": found["TokenSecretPrefix"],
        "DATA_ROLE_ARN": found["DataRoleArn"],
    }
    for key in ("AWS_ENDPOINT_URL", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        variables[key] = os.environ[key]
    pathlib.Path(out).write_text("".join(f"{key}={value}\n" for key, value in variables.items()), encoding="utf-8")


def deployed(name, out):
    described = stack(name)
    pages = client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=name)
    resources, attributes = {}, {}
    for resource in (resource for page in pages for resource in page["StackResourceSummaries"]):
        logical, physical, kind = (resource.get(key, "") for key in ("LogicalResourceId", "PhysicalResourceId", "ResourceType"))
        resources[logical] = physical
        if kind == "AWS::IAM::Role":
            attributes[f"{logical}.Arn"] = client("iam").get_role(RoleName=physical.rsplit("/", 1)[-1])["Role"]["Arn"]
        elif kind == "AWS::SecretsManager::Secret":
            attributes[f"{logical}.Id"] = client("secretsmanager").describe_secret(SecretId=physical)["ARN"]
        elif kind == "AWS::Logs::LogGroup":
            groups = client("logs").describe_log_groups(logGroupNamePrefix=physical)["logGroups"]
            attributes[f"{logical}.Arn"] = groups[0]["arn"]
    content = {
        "stack": name,
        "region": os.environ["AWS_DEFAULT_REGION"],
        "account": client("sts").get_caller_identity()["Account"],
        "endpoint": os.environ["AWS_ENDPOINT_URL"],
        "parameters": {p["ParameterKey"]: p["ParameterValue"] for p in described.get("Parameters", [])},
        "resources": resources,
        "attributes": attributes,
    }
    pathlib.Path(out).write_text(json.dumps(content, indent=1), encoding="utf-8")


def upload(bucket, folder):
    s3 = client("s3")
    s3.create_bucket(Bucket=bucket)
    root = pathlib.Path(folder)
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        s3.upload_file(str(path), bucket, path.relative_to(root).as_posix())


COMMANDS = {"deployed": deployed, "upload": upload, "outputs": outputs, "environment": environment}

if len(sys.argv) < 2 or sys.argv[1] not in COMMANDS:
    sys.exit(__doc__)
COMMANDS[sys.argv[1]](*sys.argv[2:])
