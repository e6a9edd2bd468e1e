"""The prompt of `spillway sql`, on a terminal of its own."""

import os
import pty
import re
import select
import time

ANSWER_SECS_MAX = 20
PROMPT = "spillway> "
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """The program on a terminal, and what it has shown there."""

    def __init__(self, *args):
        self.pid, self.end = pty.fork()
        if self.pid == 0:
            os.environ["TERM"] = "xterm"
            os.execv(os.environ["SPILLWAY_BIN"], ["spillway", *args])
        self.shown, self.seen = "", 0

    def wait_for(self, text):
        """Reads until this is shown after what was seen before; returns what was shown until then."""
        deadline = time.monotonic() + ANSWER_SECS_MAX
        while text not in self.shown[self.seen :]:
            assert time.monotonic() < deadline, f"no {text!r} in {self.shown[self.seen:]!r}"
            if select.select([self.end], [], [], 0.1)[0]:
                self.shown += ESCAPES.sub("", os.read(self.end, 65536).decode())
        start, self.seen = self.seen, self.shown.index(text, self.seen) + len(text)
        return self.shown[start : self.seen]

    def type(self, keys):
        os.write(self.end, keys.encode())

    def leave(self):
        self.type("\\q\r")
        deadline = time.monotonic() + ANSWER_SECS_MAX
        while time.monotonic() < deadline:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                os.close(self.end)
                return os.waitstatus_to_exitcode(status)
            try:
                if select.select([self.end], [], [], 0.1)[0]:
                    os.read(self.end, 65536)
            except OSError:
                time.sleep(0.1)
        raise AssertionError("it does not end")


def test_statements_are_typed_completed_and_remembered(tmp_path):
    state = tmp_path / "state"
    terminal = Terminal("sql", "--state", str(state))
    terminal.wait_for(PROMPT)
    # A statement goes on until its ';'.
    terminal.type("create share\r")
    terminal.type("motorbikes;\r")
    terminal.wait_for("Created share 'motorbikes'.")
    terminal.wait_for(PROMPT)
    # Words, and names that are there by now.
    terminal.type("DESCR\t")
    terminal.type("sh\tmoto\t;\r")
    assert "motorbikes" in terminal.wait_for("tables")
    terminal.wait_for(PROMPT)
    terminal.type("creat share x;\r")
    terminal.wait_for("did you mean CREATE?")
    terminal.wait_for(PROMPT)
    terminal.type("\\?\r")
    terminal.wait_for("GRANT SELECT ON SHARE s TO [RECIPIENT] r")
    terminal.wait_for(PROMPT)
    assert terminal.leave() == 0

    history = state / "sql-history"
    assert history.stat().st_mode & 0o777 == 0o600
    terminal = Terminal("sql", "--state", str(state))
    terminal.wait_for(PROMPT)
    # The last was \q, the one before \?, then the slip.
    terminal.type("\x1b[A\x1b[A\x1b[A\r")
    terminal.wait_for("did you mean CREATE?")
    terminal.wait_for(PROMPT)
    assert terminal.leave() == 0


def test_a_dry_run_leaves_nothing_behind(tmp_path):
    state = tmp_path / "state"
    terminal = Terminal("sql", "--dry-run", "--state", str(state))
    terminal.wait_for(PROMPT)
    terminal.type("CREATE SHARE a; SHOW SHARES;\r")
    terminal.wait_for("Would create share 'a'.")
    terminal.wait_for("SHARE  CREATED")
    assert terminal.leave() == 0
    assert not state.exists()
