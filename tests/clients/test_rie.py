"""A function under AWS's own runtime interface emulator, which SAM CLI brings: SPILLWAY_TOOLS is the Python
that has SAM CLI, SPILLWAY_FAKE the program `fake-bootstrap` of the gateway's tests, which does what the event's path tells it to. One call at a time: a second
one at once ends the emulator."""

import os
import socket
import subprocess
import time

import pytest
import requests

FOLDER = [os.environ["SPILLWAY_TOOLS"], "-c", "import samcli.local.rapid as r; print(list(r.__path__)[0])"]
RIE = subprocess.check_output(FOLDER, text=True).strip() + "/aws-lambda-rie-x86_64"
FAKE = os.environ["SPILLWAY_FAKE"]
TIMEOUT_SECS = 2


def free_address():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return "127.0.0.1:%d" % taken.getsockname()[1]


@pytest.fixture
def call():
    outside, inside = free_address(), free_address()
    environment = {**os.environ, "AWS_LAMBDA_FUNCTION_NAME": "fake", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
                   "AWS_LAMBDA_FUNCTION_TIMEOUT": str(TIMEOUT_SECS)}
    # Without the addresses it listens on every interface.
    command = [RIE, "--runtime-interface-emulator-address", outside, "--runtime-api-address", inside, FAKE]
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
        yield lambda item: requests.post(url, json={"path": "/", "pathParameters": {"item": item}}, timeout=30)
    finally:
        running.kill()
        running.wait()


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
