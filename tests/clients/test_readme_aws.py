"""The commands of README's "Deploy on AWS", word for word: each fenced block by `bash -e`, against an emulator of its own.

What is not as it is written there (readme_shims.py; each shim refuses arguments that it does not know):

  python3 -m venv   makes a real environment, without pip
  pip install       installs nothing: it compares names and versions with those that the repository's tasks have installed
  sam build         compiles nothing: it writes .aws-sam/build/template.yaml with the bootstraps that are built already,
                    without what the emulator refuses (infra/local-stack/localize.py), and the output Endpoint is the gateway
  sam deploy        is SAM's own, with the README's arguments and Architecture=(this machine's)
  cargo install     puts the executable that is built already where cargo would
  credentials       are the emulator's, which the environment names with its address
  s3://my-bucket    is made before, with a table of three orders
  API Gateway       is infra/gateway, started once the stack is there

`spillway` is the program itself, and nothing of what it does is replaced. `make test LAYERS=aws-local` runs this, and sets
SPILLWAY_AWS_LOCAL (with the bootstraps), SPILLWAY_BIN, SPILLWAY_EMULATOR, SPILLWAY_GATEWAY and SPILLWAY_TOOLS."""

import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import time

import delta_sharing
import pandas
import pytest
import requests

ROOT = pathlib.Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SECTION = re.search(r"^## Deploy on AWS\n(.*?)^## ", README, re.MULTILINE | re.DOTALL)[1]
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", SECTION, re.MULTILINE | re.DOTALL)
REGION = "us-east-1"
BUCKET, TABLE = "my-bucket", "orders"
STACK, SHARED_AS, PROFILE = "spillway", "sales.eu.orders", "acme.share"
ORDERS = pandas.DataFrame({"id": [1, 2, 3], "item": ["nut", "bolt", "µ-washer"]})
READY_SECS_MAX = 60
BLOCK_SECS_MAX = 300


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class Machine:
    """A provider's machine: a checkout, a home, an account of AWS in the environment, and an API Gateway later on."""

    def __init__(self, folder):
        self.folder, self.checkout, self.running = folder, folder / "checkout", []
        self.checkout.mkdir()
        for entry in ROOT.iterdir():
            # What a checkout has: not what was made in this one.
            if entry.name not in {".aws-sam", ".spillway", "target", PROFILE} and not entry.name.startswith(".venv"):
                (self.checkout / entry.name).symlink_to(entry)
        for program in ("python3", "cargo"):
            path = folder / "shims" / program
            path.parent.mkdir(exist_ok=True)
            path.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{ROOT}/tests/clients/readme_shims.py" {program} "$@"\n')
            path.chmod(0o755)
        self.emulator_port, self.gateway_port = free_port(), free_port()
        self.endpoint = f"http://127.0.0.1:{self.gateway_port}/delta-sharing"
        aws = f"http://127.0.0.1:{self.emulator_port}"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "VIRTUAL_ENV"))},
            "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": aws, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION, "SAM_CLI_TELEMETRY": "0",
            "HOME": str(folder / "home"), "PATH": f"{folder}/shims:{folder}/home/.cargo/bin:/usr/bin:/bin",
            "README_BOOTSTRAPS": os.environ["SPILLWAY_AWS_LOCAL"] + "/bootstraps", "README_ENDPOINT": self.endpoint,
        }
        (folder / "home").mkdir()

    def start_emulator(self):
        # As infra/xtask/src/aws_local/emulator.rs starts it.
        variables = {"GATEWAY_PORT": str(self.emulator_port), "BIND_HOST": "127.0.0.1", "AUTH": "true", "IOT_MTLS_ENABLED": "0",
                     "SFTP_ENABLED": "0", "S3_DATA_DIR": str(self.folder / "s3")}
        command = [os.environ["SPILLWAY_EMULATOR"], ROOT / "infra/local-stack/mstream.py"]
        self.start("emulator", command, variables, f"{self.environment['AWS_ENDPOINT_URL']}/_ministack/ready")

    def start(self, name, command, environment, url):
        """A program in the background, once it answers there."""
        log = self.folder / f"{name}.log"
        with log.open("w") as output:
            process = subprocess.Popen(command, env={**self.environment, **environment}, stdout=output, stderr=output)
        self.running.append(process)
        end = time.monotonic() + READY_SECS_MAX
        while True:
            assert process.poll() is None and time.monotonic() < end, f"{name}: {log.read_text()}"
            try:
                requests.get(url, timeout=2)
                return
            except requests.RequestException:
                time.sleep(0.1)

    def make(self, program, *arguments):
        """One of the scripts of infra/local-stack."""
        subprocess.run([program, *arguments], cwd=ROOT, env=self.environment, check=True, timeout=BLOCK_SECS_MAX)

    def run(self, block):
        done = subprocess.run(
            ["bash", "-e"], input=block, cwd=self.checkout, env=self.environment, text=True, timeout=BLOCK_SECS_MAX,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        return done.returncode, done.stdout

    def stop(self):
        for process in reversed(self.running):
            process.terminate()
        for process in self.running:
            process.wait(timeout=30)


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    machine = Machine(tmp_path_factory.mktemp("provider"))
    try:
        machine.start_emulator()
        yield machine
    finally:
        machine.stop()


def write_orders(folder):
    """A Delta table of one file, as any writer leaves it."""
    (folder / "_delta_log").mkdir(parents=True)
    ORDERS.to_parquet(folder / "part-0.parquet", index=False)
    fields = [{"name": name, "type": kind, "nullable": True, "metadata": {}} for name, kind in (("id", "long"), ("item", "string"))]
    actions = [
        {"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}},
        {"metaData": {"id": "5c1d2a52-6d0e-4a3c-9d21-0a9f5f5ad0a1", "format": {"provider": "parquet", "options": {}},
                      "schemaString": json.dumps({"type": "struct", "fields": fields}), "partitionColumns": [],
                      "configuration": {}, "createdTime": 0}},
        {"add": {"path": "part-0.parquet", "partitionValues": {}, "size": (folder / "part-0.parquet").stat().st_size,
                 "modificationTime": 0, "dataChange": True}},
    ]
    log = folder / "_delta_log" / "00000000000000000000.json"
    log.write_text("".join(json.dumps(action) + "\n" for action in actions))


def test_the_commands_deploy_and_share_a_table_that_the_recipient_reads(machine):
    deploying = [block for block in BLOCKS if "sam deploy" in block]
    assert len(deploying) == 1 and len(BLOCKS) > 1, "the README deploys once, then shares"
    write_orders(machine.folder / "bucket" / TABLE)
    local_stack, tools, emulator = ROOT / "infra/local-stack", os.environ["SPILLWAY_TOOLS"], os.environ["SPILLWAY_EMULATOR"]
    machine.make(emulator, local_stack / "stack.py", "upload", BUCKET, machine.folder / "bucket")
    for block in BLOCKS:
        status, said = machine.run(block)
        print(said)
        assert status == 0, said
        if block in deploying:
            transformed, deployed = machine.folder / "template.json", machine.folder / "deployed.json"
            machine.make(tools, local_stack / "transform.py", "template.yaml", transformed)
            machine.make(emulator, local_stack / "stack.py", "deployed", STACK, deployed)
            gateway = [os.environ["SPILLWAY_GATEWAY"], "--template", transformed, "--deployed", deployed, "--bootstraps",
                       machine.environment["README_BOOTSTRAPS"], "--logs", machine.folder / "logs",
                       "--port", str(machine.gateway_port)]
            machine.start("gateway", gateway, {}, f"{machine.endpoint}/shares")
    profile = machine.checkout / PROFILE
    assert json.loads(profile.read_text())["endpoint"] == machine.endpoint
    assert [str(share.name) for share in delta_sharing.SharingClient(str(profile)).list_shares()] == ["sales"]
    for use_delta_format in (None, False, True):
        read = delta_sharing.load_as_pandas(f"{profile}#{SHARED_AS}", use_delta_format=use_delta_format)
        pandas.testing.assert_frame_equal(read.sort_values("id", ignore_index=True), ORDERS)


@pytest.mark.parametrize(
    ("written", "mistyped", "told"),
    [
        ("-m venv", "-m vent", "takes '-m venv FOLDER'"),
        ("aws-sam-cli==", "aws-sam-cl==", "is not known"),
        ("cargo-lambda==1.", "cargo-lambda==0.", "this repository's tasks use 1."),
        ("sam build", "sam built", "takes build and deploy, not built"),
        ("--resolve-s3", "--resolve-s4", "No such option"),
        ("DataBuckets=", "DataBucket=", "has no parameter DataBucket="),
        ("functions/local", "functions/locl", "there is no functions/locl"),
        ("share create", "share creat", "unrecognized subcommand 'creat'"),
        ("--stack spillway", "--stack spilway", "there is no stack 'spilway'"),
    ],
)
def test_a_mistyped_command_fails(machine, written, mistyped, told):
    block = next(block for block in BLOCKS if written in block)
    # What the block before left must not keep it from running.
    subprocess.run(["rm", "-rf", ".venv-sam", ".aws-sam", "../home/.cargo"], cwd=machine.checkout, check=True)
    status, said = machine.run(block.replace(written, mistyped))
    assert status != 0 and told in said, said
