"""The statements of README's "Share a table", word for word, against a server of their own, and the table that they share."""

import os
import pathlib
import re
import subprocess
import sys
import time

import delta_sharing
import pytest
import requests

from conftest import Running

ROOT = pathlib.Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SECTION = re.search(r"^## Share a table\n(.*?)^## ", README, re.MULTILINE | re.DOTALL)[1]
BLOCKS = re.findall(r"^```(sql|sh)\n(.*?)^```$", SECTION, re.MULTILINE | re.DOTALL)
STATEMENTS = [text for language, text in BLOCKS if language == "sql"]
SHELL = [text for language, text in BLOCKS if language == "sh"]
BLOCK_SECS_MAX = 120
# What the README promises, and a little for a busy machine.
NOTICED_SECS_MAX = 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where `cargo run` has been started: a folder with `.spillway` in it."""
    folder = tmp_path_factory.mktemp("provider")
    running = Running("--state", str(folder / ".spillway"), "--port", "0")
    yield folder
    assert running.stop() == 0


def sql(folder, text):
    command = [os.environ["SPILLWAY_BIN"], "sql"]
    options = {"cwd": folder, "text": True, "timeout": BLOCK_SECS_MAX, "capture_output": True, "check": False}
    done = subprocess.run(command, input=text, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def noticed(profile):
    """Whether a running server knows the recipient and its share."""
    end = time.monotonic() + NOTICED_SECS_MAX
    while time.monotonic() < end:
        try:
            return [share.name for share in delta_sharing.SharingClient(str(profile)).list_shares()] == ["motorbikes"]
        except requests.HTTPError:
            time.sleep(0.1)
    return False


def shown(link, words):
    """Whether the page behind a link says so."""
    end = time.monotonic() + NOTICED_SECS_MAX
    while time.monotonic() < end:
        if words in requests.get(link, timeout=BLOCK_SECS_MAX).text:
            return True
        time.sleep(0.1)
    return False


def test_the_section_is_three_statements_and_few_lines(folder):
    before, three = STATEMENTS
    assert len(three.strip().split(";\n")) == 3
    said = sql(folder, before)
    assert "Created recipient 'friends'" in said
    link = re.search(r"http://\S+/activate/\w+", said)[0]
    said = sql(folder, three)
    assert "Granted share 'motorbikes' to recipient 'friends': 1 table" in said
    assert shown(link, "motorbikes")
    given = requests.post(link, timeout=BLOCK_SECS_MAX)
    assert (given.status_code, requests.post(link, timeout=BLOCK_SECS_MAX).status_code) == (200, 410)
    # As a browser names what it downloads.
    profile = folder / re.search(r'filename="([^"]+)"', given.headers["content-disposition"])[1]
    profile.write_bytes(given.content)
    assert noticed(profile)
    (shell,) = SHELL
    environment = {**os.environ, "PATH": f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}"}
    options = {"cwd": folder, "env": environment, "text": True, "timeout": BLOCK_SECS_MAX, "capture_output": True}
    read = subprocess.run(["bash", "-e"], input=shell, **options, check=False)
    assert read.returncode == 0 and "rows x" in read.stdout, read.stdout + read.stderr
    shared = delta_sharing.load_as_pandas(f"{profile}#motorbikes.default.mybikes")
    sample = delta_sharing.load_as_pandas(f"{folder / '.spillway/demo.share'}#share1.default.cars")
    assert len(shared) >= 20
    key = list(sample.columns)
    assert shared.sort_values(key).reset_index(drop=True).equals(sample.sort_values(key).reset_index(drop=True))
    assert [str(table.name) for table in delta_sharing.SharingClient(str(profile)).list_all_tables()] == ["mybikes"]
