"""Functions under AWS's own runtime interface emulator, which SAM CLI brings: SPILLWAY_TOOLS is the Python that has SAM
CLI. SPILLWAY_FAKE is the program `fake-bootstrap` of the gateway's tests, which does what the event's path tells it to; the
workspace's own functions are those in SPILLWAY_BOOTSTRAPS, over the catalogue of SPILLWAY_AWS_LOCAL. One call at a time: a
second one at once ends the emulator."""

import contextlib
import copy
import gzip
import json
import os
import pathlib
import re
import socket
import subprocess
import time

import boto3
import pytest
import requests

FOLDER = [os.environ["SPILLWAY_TOOLS"], "-c", "import samcli.local.rapid as r; print(list(r.__path__)[0])"]
RIE = subprocess.check_output(FOLDER, text=True).strip() + "/aws-lambda-rie-x86_64"
FAKE = os.environ["SPILLWAY_FAKE"]
TIMEOUT_SECS = 2
ROOT = pathlib.Path(__file__).resolve().parents[2]
LOCAL = pathlib.Path(os.environ["SPILLWAY_AWS_LOCAL"])
BOOTSTRAPS = pathlib.Path(os.environ["SPILLWAY_BOOTSTRAPS"])
STATE = json.loads((LOCAL / "state.json").read_text())
DEPLOYED = json.loads((LOCAL / "deployed.json").read_text())
TOKEN = json.loads(pathlib.Path(STATE["profile"]).read_text())["bearerToken"]
EVENTS = {path.stem: json.loads(path.read_text()) for path in (ROOT / "infra/events").glob("*.json")}


def free_address():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return "127.0.0.1:%d" % taken.getsockname()[1]


@contextlib.contextmanager
def under_the_emulator(name, bootstrap, timeout_secs, memory_mb=128, **variables):
    """Starts it; a function that sends an event and returns the answer."""
    outside, inside = free_address(), free_address()
    environment = {**os.environ, "AWS_LAMBDA_FUNCTION_NAME": name, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory_mb),
                   "AWS_LAMBDA_FUNCTION_TIMEOUT": str(timeout_secs), **variables}
    # Without the addresses it listens on every interface.
    command = [RIE, "--runtime-interface-emulator-address", outside, "--runtime-api-address", inside, bootstrap]
    running = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(tuple(outside.split(":")), timeout=1).close()
                break
            except OSError:
                assert time.monotonic() < end and running.poll() is None, "the emulator did not start"
                time.sleep(0.05)
        url = f"http://{outside}/2015-03-31/functions/function/invocations"
        yield lambda event: requests.post(url, json=event, timeout=60)
    finally:
        running.kill()
        running.wait()


@pytest.fixture
def call():
    with under_the_emulator("fake", FAKE, TIMEOUT_SECS) as send:
        yield lambda item: send({"path": "/", "pathParameters": {"item": item}})


@pytest.fixture
def function(request):
    """One of the workspace's functions, with the environment and the role that the template gives it."""
    aws = {"endpoint_url": STATE["emulator_endpoint"], "region_name": STATE["region"]}
    role = DEPLOYED["attributes"]["".join(map(str.title, request.param.split("-"))) + "FunctionRole.Arn"]
    sts = boto3.client("sts", aws_access_key_id="test", aws_secret_access_key="test", **aws)
    given = sts.assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    with under_the_emulator(
        request.param,
        BOOTSTRAPS / request.param / "bootstrap",
        timeout_secs=30,
        memory_mb=1769,
        AWS_ENDPOINT_URL=STATE["emulator_endpoint"],
        AWS_REGION=STATE["region"],
        AWS_ACCESS_KEY_ID=given["AccessKeyId"],
        AWS_SECRET_ACCESS_KEY=given["SecretAccessKey"],
        AWS_SESSION_TOKEN=given["SessionToken"],
        TABLE_NAME=DEPLOYED["resources"]["CatalogueTable"],
        KEYRING_SECRET_ARN=DEPLOYED["attributes"]["Keyring.Id"],
        DATA_ROLE_ARN=DEPLOYED["attributes"]["DataRole.Arn"],
    ) as send:
        yield send


def event(name, token, body=None, **parameters):
    """API Gateway's event from infra/events, with that token or none."""
    made = copy.deepcopy(EVENTS[name])
    made["pathParameters"] = {**(made["pathParameters"] or {}), **parameters}
    made["path"] = re.sub(r"{(\w+)}", lambda name: made["pathParameters"][name[1]], made["resource"])
    made["body"] = body or made["body"]
    for headers, value in ((made["headers"], f"Bearer {token}"), (made["multiValueHeaders"], [f"Bearer {token}"])):
        headers.pop("Authorization")
        if token:
            headers["Authorization"] = value
    return made


def streamed(answer):
    """The parts of a streamed answer: prelude and body."""
    assert answer.status_code == 200, answer.text
    prelude, body = answer.content.split(b"\0" * 8, 1)
    prelude = json.loads(prelude)
    if prelude["headers"].get("content-encoding") == "gzip":
        # Fails where the end is missing.
        body = gzip.decompress(body)
    return prelude, body.decode()


def works(answer):
    return answer.status_code == 200 and answer.json()["statusCode"] == 200


def test_an_ordinary_answer_is_the_envelope(call):
    answer = call("one")
    assert works(answer) and answer.json()["headers"] == {"x-fake": "yes"}


def test_a_streamed_answer_is_prelude_eight_zeros_and_body(call):
    prelude, body = call("stream").content.split(b"\0" * 8)
    assert b'"statusCode":200' in prelude and body == b"one\ntwo\nthree\n"


def test_an_answer_over_six_megabytes_is_refused(call):
    assert "Function.ResponseSizeTooLarge" in call("large").text


def test_a_call_over_its_time_is_ended_and_the_next_one_works(call):
    assert f"Task timed out after {TIMEOUT_SECS}.00 seconds" in call("slow").text
    assert works(call("one"))


def test_after_a_crash_the_next_call_works(call):
    assert "Runtime.ExitError" in call("crash").text
    assert works(call("one"))


@pytest.mark.parametrize("function", ["get-share"], indirect=True)
def test_a_real_function_answers_the_event_of_api_gateway(function):
    refused = function(event("get-share", None)).json()
    assert refused["statusCode"] == 401
    assert json.loads(refused["body"])["errorCode"] == "UNAUTHENTICATED"
    assert function(event("get-share", "unknown", share="share1")).json()["statusCode"] == 401
    found = function(event("get-share", TOKEN, share="share1")).json()
    assert found["statusCode"] == 200 and json.loads(found["body"])["share"]["name"] == "share1"
    assert function(event("get-share", TOKEN, share="none")).json()["statusCode"] == 404


@pytest.mark.parametrize("function", ["query-table"], indirect=True)
def test_a_real_function_streams_errors_and_answers_whole(function):
    prelude, body = streamed(function(event("query-table", None)))
    assert prelude["statusCode"] == 401 and json.loads(body)["errorCode"] == "UNAUTHENTICATED"
    cars = {"share": "share1", "schema": "default", "table": "cars"}
    prelude, body = streamed(function(event("query-table", TOKEN, body='{"version": 99}', **cars)))
    assert prelude["statusCode"] == 400 and set(json.loads(body)) == {"errorCode", "message"}
    prelude, body = streamed(function(event("query-table", TOKEN, **cars)))
    assert prelude["statusCode"] == 200, body
    assert [next(iter(json.loads(line))) for line in body.splitlines()][:3] == ["protocol", "metaData", "file"]


@pytest.mark.parametrize("function", ["activation"], indirect=True)
def test_the_page_of_a_link_that_is_none_is_there_too(function):
    told = function(EVENTS["activation"]).json()
    assert told["statusCode"] == 404 and "This link is not valid" in told["body"], told


@pytest.mark.parametrize("function", sorted(set(EVENTS) - {"activation"}), indirect=True)
def test_every_function_runs_there(function, request):
    name = request.node.callspec.params["function"]
    place = {"share": "delta_sharing", "schema": "default", "table": "owid-covid-data"}
    place = {key: place[key] for key in EVENTS[name]["pathParameters"] or {}}
    for token, status in ((None, 401), (TOKEN, 200)):
        answer = function(event(name, token, **place))
        told = streamed(answer)[0] if b"\0" * 8 in answer.content else answer.json()
        assert told["statusCode"] == status, answer.text
