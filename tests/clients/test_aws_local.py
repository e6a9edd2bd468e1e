"""The deployed template, with the functions as they are deployed, read by the official client: `make test LAYERS=aws-local`
starts everything and sets SPILLWAY_AWS_LOCAL, SPILLWAY_BIN and SPILLWAY_EMULATOR."""

import json
import os
import pathlib
import re
import subprocess
import threading
import time
import uuid

import delta_sharing
import pytest
import requests

FOLDER = pathlib.Path(os.environ["SPILLWAY_AWS_LOCAL"])
STATE = json.loads((FOLDER / "state.json").read_text())
DEPLOYED = json.loads((FOLDER / "deployed.json").read_text())
STACK = STATE["stack"]
COVID = "delta_sharing.default.owid-covid-data"
CARS = "share1.default.cars"
DAYS = 731
COUNTRIES = 8
MANY_FILES = 50_000
RSS_KB_MAX = 128 * 1024
# What a function keeps of the catalogue is asked again after a minute; the rest is a loaded machine.
NOTICED_SECS_MAX = 90

ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
    "AWS_ENDPOINT_URL": STATE["emulator_endpoint"],
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": STATE["region"],
    "AWS_DEFAULT_REGION": STATE["region"],
}


def operate(*arguments):
    """A command of the operator's; what it answers as JSON."""
    command = [os.environ["SPILLWAY_BIN"], *arguments, "--stack", STACK, "--json"]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def emulator(script, *arguments):
    """A script that talks to the emulator with AWS's own SDK; what it prints as JSON."""
    command = [os.environ["SPILLWAY_EMULATOR"], "-c", "import boto3, json, sys\n" + script, *arguments]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


class Recipient:
    """A recipient of its own for one test, so that tests do not meet."""

    def __init__(self, folder, *shares):
        self.name = f"r-{uuid.uuid4().hex[:10]}"
        self.path = folder / f"{self.name}.share"
        operate("recipient", "create", self.name, "--profile", str(self.path), "--endpoint", STATE["endpoint"])
        for share in shares:
            operate("grant", share, self.name)
        self.profile = json.loads(self.path.read_text())

    def get(self, path, token=None, **more):
        headers = {"Authorization": f"Bearer {token or self.profile['bearerToken']}"}
        return requests.get(f"{self.profile['endpoint']}{path}", headers=headers, timeout=60, **more)

    def query(self, table, **more):
        share, schema, name = table.split(".")
        url = f"{self.profile['endpoint']}/shares/{share}/schemas/{schema}/tables/{name}/query"
        headers = {"Authorization": f"Bearer {self.profile['bearerToken']}", **more.pop("headers", {})}
        return requests.post(url, json=more.pop("body", {}), headers=headers, timeout=300, **more)


@pytest.fixture
def recipient(tmp_path):
    return Recipient(tmp_path, "delta_sharing", "share1")


def until(holds):
    """Waits until it holds, within the time that a change may take to be noticed."""
    end = time.monotonic() + NOTICED_SECS_MAX
    while not holds():
        assert time.monotonic() < end, f"not noticed within {NOTICED_SECS_MAX} s"
        time.sleep(1)


def children():
    """The processes of the gateway, with the functions that they are."""
    found = {}
    for status in pathlib.Path("/proc").glob("[0-9]*/status"):
        try:
            text = status.read_text()
            if f"PPid:\t{STATE['gateway']['pid']}\n" in text:
                found[int(status.parent.name)] = pathlib.Path(os.readlink(status.parent / "exe")).parent.name
        except OSError:
            continue
    return found


def test_the_profile_that_was_written_reads_both_tables_in_both_formats():
    client = delta_sharing.SharingClient(STATE["profile"])
    assert [share.name for share in client.list_shares()] == ["delta_sharing", "share1"]
    assert {f"{t.share}.{t.schema}.{t.name}" for t in client.list_all_tables()} == {COVID, CARS}
    for use_delta_format in (True, False, None):
        covid = delta_sharing.load_as_pandas(f"{STATE['profile']}#{COVID}", use_delta_format=use_delta_format)
        assert (len(covid), covid.iso_code.nunique()) == (DAYS * COUNTRIES, COUNTRIES)
        assert len(delta_sharing.load_as_pandas(f"{STATE['profile']}#{CARS}", use_delta_format=use_delta_format)) >= 20
    assert delta_sharing.get_table_version(f"{STATE['profile']}#{COVID}") == 8
    assert delta_sharing.get_table_metadata(f"{STATE['profile']}#{COVID}").partition_columns == ["iso_code"]


def test_the_answers_come_from_processes_of_the_gateway(recipient):
    recipient.get("/shares").raise_for_status()
    recipient.query(CARS).raise_for_status()
    functions = set(children().values())
    assert {"list-shares", "query-table"} <= functions


def test_every_route_answers(recipient):
    table = "/shares/delta_sharing/schemas/default/tables/owid-covid-data"
    for path in ("/shares", "/shares/share1", "/shares/share1/schemas", "/shares/share1/schemas/default/tables"):
        recipient.get(path).raise_for_status()
    recipient.get("/shares/share1/all-tables").raise_for_status()
    assert recipient.get(f"{table}/version").headers["delta-table-version"] == "8"
    headers = {"Authorization": f"Bearer {recipient.profile['bearerToken']}"}
    assert requests.head(STATE["endpoint"] + table, headers=headers, timeout=60).headers["delta-table-version"] == "8"
    assert recipient.get(f"{table}/metadata").headers["content-type"].startswith("application/x-ndjson")


def test_errors_have_their_form_on_whole_and_streamed_routes(recipient):
    for answer, status in [
        (recipient.get("/shares", token="wrong"), 401),
        (recipient.get("/shares/none"), 404),
        (recipient.query("share1.default.none"), 404),
        (recipient.query(CARS, body={"version": 99}), 400),
        (recipient.get("/nowhere"), 404),
        (requests.get(f"{STATE['endpoint']}/shares", timeout=60), 401),
    ]:
        assert answer.status_code == status, answer.text
        assert set(answer.json()) == {"errorCode", "message"}, answer.text


def test_a_recipient_without_the_grant_sees_nothing(tmp_path):
    other = Recipient(tmp_path, "share1")
    assert [share["name"] for share in other.get("/shares").json()["items"]] == ["share1"]
    assert other.query(COVID).status_code == 404
    assert other.query(COVID).json() == {**other.query("none.default.none").json(), "message": other.query(COVID).json()["message"]}


def test_a_grant_that_is_gone_from_the_table_is_gone(recipient):
    assert recipient.query(CARS).status_code == 200
    emulator(
        """
table = boto3.resource("dynamodb").Table(sys.argv[1])
name = table.get_item(Key={"PK": f"N/{sys.argv[2]}", "SK": "!"})["Item"]
owner = next(value for value in name.values() if isinstance(value, str) and len(value) == 36)
key = {"PK": f"R/{owner}", "SK": "G/share1"}
assert "Item" in table.get_item(Key=key)
table.delete_item(Key=key)
print("{}")
""",
        DEPLOYED["resources"]["CatalogueTable"],
        recipient.name,
    )
    until(lambda: recipient.query(CARS).status_code == 404)
    assert recipient.query(COVID).status_code == 200


def test_a_disabled_recipient_and_a_rotated_token_are_refused(recipient, tmp_path):
    assert recipient.get("/shares").status_code == 200
    new = tmp_path / "new.share"
    operate("token", "rotate", recipient.name, "--grace", "0s", "--profile", str(new), "--endpoint", STATE["endpoint"])
    token = json.loads(new.read_text())["bearerToken"]
    until(lambda: recipient.get("/shares").status_code == 401)
    assert recipient.get("/shares", token=token).status_code == 200
    operate("recipient", "disable", recipient.name)
    until(lambda: recipient.get("/shares", token=token).status_code == 401)


def planned(recipient):
    """What the operator is told that a recipient sees, and its tables by name."""
    plan = json.loads(operate("plan", "--recipient", recipient.name))
    return plan, {f"{table['share']}.{table['schema']}.{table['name']}": table for table in plan["tables"]}


def test_a_plan_tells_what_the_routes_answer(recipient):
    plan, tables = planned(recipient)
    assert set(tables) == {COVID, CARS} and plan["refused"] == []
    for name, table in tables.items():
        assert table["read"] and table["refused"] is None, table
        answer = recipient.query(name, headers={"delta-sharing-capabilities": "responseformat=parquet"})
        assert answer.status_code == 200, answer.text
        files = [line["file"] for line in map(json.loads, answer.text.splitlines()) if "file" in line]
        assert table["version"] == int(answer.headers["delta-table-version"])
        assert (table["files"], table["bytes"]) == (len(files), sum(file["size"] for file in files))
    operate("revoke", "share1", recipient.name)
    assert set(planned(recipient)[1]) == {COVID}
    operate("recipient", "disable", recipient.name)
    assert "is disabled" in planned(recipient)[0]["refused"][0]


def test_a_table_of_glue_is_shared_by_its_name_there(tmp_path):
    database, share = f"d{uuid.uuid4().hex[:10]}", f"glue_{uuid.uuid4().hex[:10]}"
    emulator(
        """
glue = boto3.client("glue")
glue.create_database(DatabaseInput={"Name": sys.argv[1]})
delta, place = {"table_type": "DELTA"}, {"Location": sys.argv[2]}
glue.create_table(DatabaseName=sys.argv[1], TableInput={"Name": "cars", "Parameters": delta, "StorageDescriptor": place})
glue.create_table(DatabaseName=sys.argv[1], TableInput={"Name": "other", "StorageDescriptor": place})
print("null")
""",
        database,
        f"s3://{STATE['bucket']}/cars",
    )
    operate("sql", f"CREATE SHARE {share}; ALTER SHARE {share} ADD TABLE glue.{database}.Cars")
    recipient = Recipient(tmp_path, share)
    assert len(delta_sharing.load_as_pandas(f"{recipient.path}#{share}.default.cars")) >= 20
    for name, why in [("none", "there is no table"), ("other", "is no Delta table")]:
        command = [os.environ["SPILLWAY_BIN"], "sql", f"ALTER SHARE {share} ADD TABLE glue.{database}.{name}"]
        done = subprocess.run([*command, "--stack", STACK], env=ENVIRONMENT, capture_output=True, text=True, timeout=120)
        assert done.returncode != 0 and why in done.stderr, done.stdout + done.stderr


def test_a_link_gives_a_profile_that_reads_once_and_is_in_no_log(tmp_path):
    name = f"r-{uuid.uuid4().hex[:10]}"
    url = json.loads(operate("recipient", "create", name, "--endpoint", STATE["endpoint"]))["link"]["url"]
    code = url.rsplit("/", 1)[1]
    operate("grant", "share1", name)
    page = requests.get(url, timeout=60)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "share1" in page.text and "script-src" not in page.headers["content-security-policy"]
    answers = []
    posts = [threading.Thread(target=lambda: answers.append(requests.post(url, timeout=60))) for _ in range(6)]
    for post in posts:
        post.start()
    for post in posts:
        post.join()
    assert sorted(answer.status_code for answer in answers) == [200] + [410] * 5
    profile = tmp_path / "config.share"
    profile.write_bytes(next(answer.content for answer in answers if answer.status_code == 200))
    assert len(delta_sharing.load_as_pandas(f"{profile}#{CARS}")) >= 20
    for wrong in (url[:-1], url[:-1] + ("0" if url[-1] != "0" else "1")):
        assert [requests.get(wrong, timeout=60).status_code, requests.post(wrong, timeout=60).status_code] == [404, 404]
    logs = "".join(path.read_text(errors="replace") for path in FOLDER.rglob("*.log*") if path.is_file())
    assert "/activate/{code}" in logs and code not in logs


def test_the_function_behind_links_can_write_nothing_else(recipient):
    allowed = emulator(
        """
from botocore.exceptions import ClientError
table, role, recipient = sys.argv[1:]
account = boto3.client("sts").get_caller_identity()["Account"]
assumed = boto3.client("sts").assume_role(RoleArn=f"arn:aws:iam::{account}:role/{role}", RoleSessionName="test")
keys = assumed["Credentials"]
session = boto3.Session(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
client = session.client("dynamodb")
def tried(pk, act):
    try:
        act(pk)
        return "done"
    except ClientError as error:
        return error.response["Error"]["Code"]
def update(pk):
    client.update_item(TableName=table, Key={"PK": {"S": pk}, "SK": {"S": "!"}}, UpdateExpression="SET x = :x",
                       ConditionExpression="attribute_exists(PK)", ExpressionAttributeValues={":x": {"S": "x"}})
def put(pk):
    client.put_item(TableName=table, Item={"PK": {"S": pk}, "SK": {"S": "!"}})
def delete(pk):
    client.delete_item(TableName=table, Key={"PK": {"S": pk}, "SK": {"S": "!"}})
kinds = ["ACT/none", "TOK/none", f"R/{recipient}", "S/share1", "N/none"]
print(json.dumps([[kind, *(tried(kind, act) for act in (update, put, delete))] for kind in kinds]))
""",
        DEPLOYED["resources"]["CatalogueTable"],
        DEPLOYED["resources"]["ActivationFunctionRole"],
        recipient.name,
    )
    denied = "AccessDeniedException"
    assert allowed[0] == ["ACT/none", "ConditionalCheckFailedException", denied, denied]
    assert [kind[1:] for kind in allowed[1:]] == [[denied] * 3] * 4


def test_a_grant_does_not_come_back_with_a_share_of_the_same_name(recipient):
    share = f"s-{uuid.uuid4().hex[:10]}"
    operate("share", "create", share)
    operate("grant", share, recipient.name)
    until(lambda: recipient.get(f"/shares/{share}").status_code == 200)
    operate("share", "delete", share, "--force")
    operate("share", "create", share)
    until(lambda: recipient.get(f"/shares/{share}").status_code == 404)
    assert share not in {item["name"] for item in recipient.get("/shares").json()["items"]}


def test_a_url_opens_its_file_and_nothing_else(recipient):
    lines = [json.loads(line) for line in recipient.query(CARS).text.splitlines()]
    file = next(line["file"] for line in lines if "file" in line)
    url = file["url"]
    assert requests.get(url, timeout=60).status_code == 200
    assert "X-Amz-Security-Token" in url and file["expirationTimestamp"] > time.time() * 1000 + 15 * 60 * 1000
    address, query = url.split("?", 1)
    log = address.rsplit("/", 1)[0] + "/_delta_log/00000000000000000000.json"
    other = address.replace("/cars/", "/owid-covid-data/")
    signature = url[:-1] + ("0" if url[-1] != "0" else "1")
    longer = url.replace("X-Amz-Expires=", "X-Amz-Expires=1")
    without = re.sub(r"&?X-Amz-Security-Token=[^&]*", "", url)
    for changed in (f"{log}?{query}", f"{other}?{query}", signature, longer, without, address):
        assert requests.get(changed, timeout=60).status_code in (400, 403), changed
    assert requests.put(url, data=b"x", timeout=60).status_code == 403


ROLES = """
names = json.loads(sys.argv[1])
table, secret, data_role, bucket = sys.argv[2:6]
sts = boto3.client("sts")

def refused(call):
    try:
        call()
        return "allowed"
    except Exception as error:
        return error.response["Error"]["Code"]

def session(function):
    role = names[f"{function}FunctionRole.Arn"]
    given = sts.assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    return boto3.Session(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])

out = {}
for function in ("ListShares", "GetShare", "ListSchemas", "ListTables", "ListAllTables", "TableVersion", "TableMetadata", "QueryTable", "QueryTableChanges"):
    own = session(function)
    dynamodb, s3 = own.client("dynamodb"), own.client("s3")
    key = {"PK": {"S": "S/share1"}, "SK": {"S": "!"}}
    listing = {"KeyConditionExpression": "PK = :p", "ExpressionAttributeValues": {":p": {"S": "S/share1"}}}
    out[function] = {
        "read": refused(lambda: dynamodb.get_item(TableName=table, Key=key)),
        "query": refused(lambda: dynamodb.query(TableName=table, **listing)),
        "scan": refused(lambda: dynamodb.scan(TableName=table)),
        "write": refused(lambda: dynamodb.put_item(TableName=table, Item={**key, "SK": {"S": "x"}})),
        "delete": refused(lambda: dynamodb.delete_item(TableName=table, Key={**key, "SK": {"S": "x"}})),
        "keyring": refused(lambda: own.client("secretsmanager").get_secret_value(SecretId=secret)),
        "new keyring": refused(lambda: own.client("secretsmanager").put_secret_value(SecretId=secret, SecretString="x")),
        "data": refused(lambda: s3.list_objects_v2(Bucket=bucket)),
        "object": refused(lambda: s3.get_object(Bucket=bucket, Key="cars/_delta_log/00000000000000000000.json")),
        "assume": refused(lambda: own.client("sts").assume_role(RoleArn=data_role, RoleSessionName="test")),
        "other": refused(lambda: own.client("sts").assume_role(RoleArn=names["ListSharesFunctionRole.Arn"], RoleSessionName="test")),
    }
print(json.dumps(out))
"""


def test_each_function_can_do_its_own_work_under_its_role_and_nothing_else():
    found = emulator(
        ROLES,
        json.dumps(DEPLOYED["attributes"]),
        DEPLOYED["resources"]["CatalogueTable"],
        DEPLOYED["attributes"]["Keyring.Id"],
        DEPLOYED["attributes"]["DataRole.Arn"],
        STATE["bucket"],
    )
    readers = {"TableVersion", "TableMetadata", "QueryTable", "QueryTableChanges"}
    for function, did in found.items():
        wanted = {"read", "keyring", "assume" if function in readers else "query"}
        assert {deed for deed, outcome in did.items() if outcome == "allowed"} == wanted, (function, did)
        denied = {outcome for outcome in did.values() if outcome != "allowed"}
        assert denied <= {"AccessDenied", "AccessDeniedException"}, (function, did)


def test_many_files_come_in_one_stream_as_they_are_made(recipient, tmp_path):
    log = tmp_path / "tables" / "many" / "_delta_log"
    log.mkdir(parents=True)
    field = {"name": "id", "type": "long", "nullable": True, "metadata": {}}
    schema = json.dumps({"type": "struct", "fields": [field]})
    head = [
        {"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}},
        {"metaData": {"id": str(uuid.uuid4()), "format": {"provider": "parquet", "options": {}}, "schemaString": schema,
                      "partitionColumns": [], "configuration": {}, "createdTime": 0}},
    ]
    stats = json.dumps({"numRecords": 1, "minValues": {"id": 0}, "maxValues": {"id": 9}, "nullCount": {"id": 0}})
    with (log / "00000000000000000000.json").open("w") as commit:
        for action in head:
            commit.write(json.dumps(action) + "\n")
        for number in range(MANY_FILES):
            add = {"path": f"part-{number:08}.parquet", "partitionValues": {}, "size": 1000, "modificationTime": 0,
                   "dataChange": True, "stats": stats}
            commit.write(json.dumps({"add": add}) + "\n")
    table = f"many-{uuid.uuid4().hex[:10]}"
    emulator(
        """
s3 = boto3.client("s3")
s3.upload_file(sys.argv[2], sys.argv[1], "many/_delta_log/00000000000000000000.json")
print("{}")
""",
        STATE["bucket"],
        str(log / "00000000000000000000.json"),
    )
    name = f"share1.default.{table}"
    operate("table", "add", name, "--location", f"s3://{STATE['bucket']}/many", "--without-validation")
    until(lambda: recipient.get(f"/shares/share1/schemas/default/tables/{table}/version").status_code == 200)
    peak = Peak("query-table")
    for coding in ("identity", "gzip"):
        began = time.monotonic()
        answer = recipient.query(name, stream=True, headers={"Accept-Encoding": coding})
        assert answer.status_code == 200, answer.text
        assert answer.headers["transfer-encoding"] == "chunked"
        lines, first = 0, None
        for line in answer.iter_lines(chunk_size=65_536):
            first = first or time.monotonic() - began
            lines += 1
        whole = time.monotonic() - began
        assert lines >= MANY_FILES + 2, lines
        assert first < whole / 2, f"{coding}: the first line after {first:.1f} s of {whole:.1f} s"
    kilobytes = peak.stop()
    print(f"{MANY_FILES} files: {kilobytes} KB at most")
    assert 0 < kilobytes < RSS_KB_MAX
    operate("table", "remove", name)


class Peak(threading.Thread):
    """The largest resident memory of a function's processes, as the kernel counts it, since they began."""

    def __init__(self, function):
        super().__init__(daemon=True)
        self.function, self.kilobytes, self.over = function, 0, threading.Event()
        self.start()

    def run(self):
        while not self.over.wait(0.2):
            for pid, function in children().items():
                if function == self.function:
                    try:
                        status = pathlib.Path(f"/proc/{pid}/status").read_text()
                    except OSError:
                        continue
                    self.kilobytes = max(self.kilobytes, int(re.search(r"VmHWM:\s+(\d+)", status)[1]))

    def stop(self):
        self.over.set()
        self.join()
        return self.kilobytes


def test_logs_hold_the_audit_and_no_secret(recipient):
    answer = recipient.query(CARS)
    request_id = answer.headers["x-request-id"]
    url = next(json.loads(line)["file"]["url"] for line in answer.text.splitlines() if '"file"' in line)
    recipient.get("/shares/share1/schemas/default/tables/%63ars/version")
    messages = []

    def written():
        messages[:] = emulator(
            """
out = []
for group in sys.argv[1:]:
    for page in boto3.client("logs").get_paginator("filter_log_events").paginate(logGroupName=group):
        out += [event["message"] for event in page["events"]]
print(json.dumps(out))
""",
            DEPLOYED["resources"]["FunctionLogs"],
            DEPLOYED["resources"]["AccessLogs"],
        )
        return any(request_id in message and "audit" in message for message in messages)

    until(written)
    everything = "\n".join(messages)
    secrets = [recipient.profile["bearerToken"], re.search(r"X-Amz-Signature=([0-9a-f]+)", url)[1], "X-Amz-Signature", "%63ars"]
    for secret in secrets + [url.split("?")[0]]:
        assert secret not in everything, "the log holds a token, a signature, a URL or a raw path"


def test_what_is_printed_can_be_pasted():
    done = subprocess.run(
        [os.environ["SPILLWAY_BIN"], "share", "list", "--stack", STACK], env=ENVIRONMENT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0 and "share1" in done.stdout
