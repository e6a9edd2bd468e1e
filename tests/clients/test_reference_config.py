"""A configuration file of the reference server in front of a bucket: `s3a://` locations, credentials and endpoint from the
environment, as they would be for a real one. The store verifies signatures and is not ours."""

import json
import os
import pathlib
import socket
import subprocess
import sys
import time

import boto3
import delta_sharing
import pytest
import requests
from botocore.exceptions import BotoCoreError, ClientError

from conftest import Running

BUCKET = "lake"
START_WITHIN_SECS = 60


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """An S3 store that enforces signatures: (endpoint, environment of a client)."""
    port = free_port()
    endpoint = f"http://127.0.0.1:{port}"
    environment = {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": endpoint,
    }
    own = {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "AUTH": "true",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
    }
    log = (tmp_path_factory.mktemp("store") / "log").open("w")
    program = pathlib.Path(sys.executable).parent / "ministack"
    process = subprocess.Popen([program], env={**os.environ, **environment, **own}, stdout=log, stderr=log)
    client = boto3.client(
        "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
    )
    deadline = time.monotonic() + START_WITHIN_SECS
    while True:
        assert process.poll() is None and time.monotonic() < deadline, "the store did not start"
        try:
            client.create_bucket(Bucket=BUCKET)
            break
        except (BotoCoreError, ClientError):
            time.sleep(0.2)
    yield client, environment
    process.terminate()
    process.wait(timeout=30)


@pytest.fixture(scope="module")
def served(store, demo, tmp_path_factory):
    """The sample tables in the bucket behind a configuration file: path of the profile."""
    client, environment = store
    tables = pathlib.Path(demo[1]).parent / "demo"
    for file in sorted(tables.rglob("*")):
        if file.is_file():
            client.upload_file(str(file), BUCKET, f"shared/{file.relative_to(tables)}")
    folder = tmp_path_factory.mktemp("config")
    config = folder / "conf.yaml"
    config.write_text(
        f"""
version: 1
shares:
- name: health
  schemas:
  - name: default
    tables:
    - {{name: covid, location: "s3a://{BUCKET}/shared/owid-covid-data", historyShared: true}}
- name: traffic
  schemas:
  - name: default
    tables:
    - {{name: cars, location: "s3a://{BUCKET}/shared/cars/", id: "00000000-0000-0000-0000-000000000001"}}
authorization: {{bearerToken: a-token-of-long-standing}}
host: localhost
port: 0
endpoint: /delta-sharing
deltaTableCacheSize: 10
"""
    )
    running = Running("serve", "--config", str(config), "--state", str(folder / "state"), env=environment)
    yield str(folder / "state" / "conf.share")
    assert running.stop() == 0


@pytest.mark.parametrize("use_delta_format", [True, False])
def test_both_shares_are_read_from_the_bucket(served, use_delta_format):
    assert json.loads(pathlib.Path(served).read_text())["bearerToken"] == "a-token-of-long-standing"
    client = delta_sharing.SharingClient(served)
    # A configuration file keeps its own order.
    assert [share.name for share in client.list_shares()] == ["health", "traffic"]
    covid = delta_sharing.load_as_pandas(f"{served}#health.default.covid", use_delta_format=use_delta_format)
    assert len(covid) == 731 * 8
    assert len(delta_sharing.load_as_pandas(f"{served}#traffic.default.cars", use_delta_format=use_delta_format)) >= 20
    older = delta_sharing.load_as_pandas(f"{served}#health.default.covid", version=2, use_delta_format=use_delta_format)
    assert 0 < len(older) < len(covid)


def test_urls_lead_to_the_bucket_and_are_verified_there(served, store):
    profile = json.loads(pathlib.Path(served).read_text())
    answer = requests.post(
        f"{profile['endpoint']}/shares/traffic/schemas/default/tables/cars/query",
        json={},
        headers={"Authorization": f"Bearer {profile['bearerToken']}"},
        timeout=30,
    )
    url = json.loads(answer.text.splitlines()[2])["file"]["url"]
    assert url.startswith(f"{store[1]['AWS_ENDPOINT_URL']}/{BUCKET}/shared/cars/")
    assert requests.get(url, timeout=30).status_code == 200
    assert requests.get(url.split("?")[0], timeout=30).status_code == 403
    assert requests.get(url.replace("/shared/cars/", "/shared/other/"), timeout=30).status_code == 403


def test_the_token_is_asked_for(served):
    profile = json.loads(pathlib.Path(served).read_text())
    assert requests.get(f"{profile['endpoint']}/shares", timeout=30).status_code == 401
