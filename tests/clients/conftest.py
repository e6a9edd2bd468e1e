"""Servers for the official client to ask: the program as people start it, each test file its own."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import time

import pytest

START_WITHIN_SECS = 60


class Running:
    """A started program and what it said."""

    def __init__(self, *args, env=None):
        binary = os.environ["SPILLWAY_BIN"]
        self.process = subprocess.Popen(
            [binary, *args], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={**os.environ, **(env or {})}
        )
        self.said = ""
        deadline = time.monotonic() + START_WITHIN_SECS
        while "Ctrl-C stops the server." not in self.said:
            line = self.process.stdout.readline()
            assert line and time.monotonic() < deadline, f"it did not start: {self.said}"
            self.said += line

    def pasted_lines(self):
        """The lines that the program asks to be pasted."""
        return [line.strip() for line in self.said.splitlines() if line.startswith(("  curl", "  python3", "  REQUESTS"))]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """The sample tables: (running program, path of the profile)."""
    state = tmp_path_factory.mktemp("demo") / "state"
    running = Running("--state", str(state), "--port", "0")
    yield running, str(state / "demo.share")
    assert running.stop() == 0


@pytest.fixture(scope="session")
def short_urls(demo, tmp_path_factory):
    """The sample tables behind URLs that live for one second: path of the profile."""
    state = tmp_path_factory.mktemp("short")
    tables = pathlib.Path(demo[1]).parent / "demo"
    shutil.copytree(tables, state / "tables")
    config = state / "short.yaml"
    config.write_text(
        f"""
version: 1
shares:
- name: delta_sharing
  schemas:
  - name: default
    tables:
    - name: cars
      location: file://{state}/tables/cars
authorization:
  bearerToken: a-token
preSignedUrlTimeoutSeconds: 1
"""
    )
    running = Running("serve", "--config", str(config), "--state", str(state / "state"), "--port", "0")
    yield str(state / "state" / "short.share")
    assert running.stop() == 0


@pytest.fixture
def profile(demo):
    """The profile's content."""
    return json.loads(pathlib.Path(demo[1]).read_text())
