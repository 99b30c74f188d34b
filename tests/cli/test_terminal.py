"""What people see on a terminal."""

import os
import pty
import re
import select
import subprocess

import pytest

from conftest import PATIENCE, clean_environment
from helpers import read_terminal, update


def on_terminal(arguments, env=None, stdin=b"", error_too=True):
    """What dispatchctl writes to a terminal, and its exit status."""
    master, slave = pty.openpty()
    environment = clean_environment({"TERM": "xterm", **(env or {})})
    process = subprocess.Popen([os.environ["DISPATCHCTL"], *arguments], stdin=subprocess.PIPE, stdout=slave,
                               stderr=slave if error_too else subprocess.DEVNULL, env=environment)
    os.close(slave)
    process.stdin.write(stdin)
    process.stdin.close()
    text = read_terminal(master)
    return text.replace("\r\n", "\n"), process.wait(PATIENCE)


def plain(text):
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def test_lookup_is_a_table(mock):
    text, code = on_terminal(["lookup", "-s", mock.address, "courier-42", "courier-1", "nobody"])
    lines = plain(text).splitlines()
    assert code == 6
    assert lines[0].split() == ["COURIER_ID", "TRANSPORT_MODE", "AVAILABILITY", "CURRENT_ZONE"]
    assert lines[1].split()[:3] == ["courier-42", "bike", "available"]
    for heading in ("TRANSPORT_MODE", "AVAILABILITY", "CURRENT_ZONE"):
        assert lines[1][lines[0].index(heading)] != " "
        assert lines[1][lines[0].index(heading) - 1] == " "
    assert lines[3].startswith("nobody") and "NOT_FOUND" in lines[3]
    assert lines[4] == "dispatchctl: lookup: 1 of 3 lookups failed"


def test_assign_is_a_table_with_a_summary(mock):
    text, code = on_terminal(["assign", "-s", mock.address, "-f", "-"], stdin=update(1).encode())
    lines = plain(text).splitlines()
    assert code == 0
    assert lines[0].split() == ["ASSIGNMENT_ID", "ACCEPTED"]
    assert lines[1].split() == ["a-1", "true"]
    assert lines[2].startswith("sent 1, acknowledged 1")


def test_errors_are_text(mock):
    text, code = on_terminal(["lookup", "-s", mock.address, "nobody"])
    assert code == 69
    assert plain(text).splitlines() == ["dispatchctl: lookup: courier nobody not found (NOT_FOUND)"]


def test_machine_formats_stay_what_they_are(mock):
    text, code = on_terminal(["lookup", "-s", mock.address, "courier-42", "-o", "json"])
    assert code == 0
    assert text.startswith('{"courier_id":"courier-42"')


@pytest.mark.parametrize("arguments, env, colored", [
    ([], {}, True),
    ([], {"NO_COLOR": "1"}, False),
    ([], {"NO_COLOR": "1", "CLICOLOR_FORCE": "1"}, False),
    ([], {"TERM": "dumb"}, False),
    ([], {"TERM": "dumb", "CLICOLOR_FORCE": "1"}, True),
    ([], {"CLICOLOR": "0"}, False),
    (["--color", "never"], {"CLICOLOR_FORCE": "1"}, False),
    (["--color=always"], {"NO_COLOR": "1"}, True),
    ([], {"DISPATCHCTL_COLOR": "never"}, False),
])
def test_color(mock, arguments, env, colored):
    text, _ = on_terminal(["lookup", "-s", mock.address, "courier-42", *arguments], env)
    assert ("\x1b[" in text) == colored
    text, _ = on_terminal(["lookup", "-s", mock.address, "nobody", *arguments], env)
    assert ("\x1b[" in text) == colored


def test_no_color_in_a_pipe(run, mock):
    result = run("lookup", "-s", mock.address, "courier-42", "-o", "table", env={"TERM": "xterm"})
    assert b"\x1b" not in result.stdout
    result = run("lookup", "-s", mock.address, "courier-42", "-o", "table", "--color", "always")
    assert b"\x1b" in result.stdout


class OnTerminal:
    """dispatchctl with a terminal for its stderr only, and records in a pipe."""

    def __init__(self, *arguments, env=None):
        master, slave = pty.openpty()
        self.terminal = os.fdopen(master, "rb", buffering=0)
        self.process = subprocess.Popen([os.environ["DISPATCHCTL"], *arguments], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=slave,
                                        env=clean_environment({"TERM": "xterm", **(env or {})}))
        os.close(slave)
        self.text = ""

    def read(self):
        """False at the end."""
        assert select.select([self.terminal], [], [], PATIENCE)[0]
        try:
            piece = self.terminal.read(4096)
        except OSError:
            piece = b""
        self.text += piece.decode()
        return bool(piece)

    def read_until(self, pattern):
        while not re.search(pattern, self.text):
            assert self.read(), self.text

    def send(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def finish(self):
        self.process.stdin.close()
        while self.read():
            pass
        self.terminal.close()
        self.process.stdout.read()
        self.process.stdout.close()
        return self.process.wait(PATIENCE)


ERASE = "\r\x1b[K"


def test_long_work_shows_its_progress(mock):
    running = OnTerminal("assign", "-s", mock.address, "-f", "-", "--bad-record", "skip", "--summary", "none")
    running.send(update(1))
    running.read_until(r"1 results  \d+/s")
    running.send("broken\n")
    running.read_until(r"\(skipped\)\r\n")
    shown = running.text.index("1 results")
    note = running.text.index("dispatchctl: note")
    # Whatever else is said stands on a line of its own, and the progress is drawn again below it.
    assert shown < note and running.text[:note].endswith(ERASE)
    running.read_until(r"\(skipped\)\r\n[^\n]*1 results")
    assert running.finish() == 6
    assert "%" not in running.text
    end = running.text[running.text.rindex("results"):]
    assert '"exit_code":6' in end.split(ERASE)[-1]


def test_progress_of_a_file_has_a_bar(mock, tmp_path):
    source = tmp_path / "many"
    source.write_text("".join(update(number) for number in range(40)))
    running = OnTerminal("assign", "-s", mock.address, "-f", str(source), "--rate", "20/s", "--summary", "none")
    running.read_until(r"\[[# ]{20}\] +\d+ %  \d+ results  \d+/s")
    assert running.finish() == 0
    assert running.text.endswith(ERASE)


@pytest.mark.parametrize("arguments, env", [(["-q"], {}), ([], {"TERM": "dumb"}), ([], {"TERM": ""})])
def test_no_progress_where_it_is_not_wanted(mock, tmp_path, arguments, env):
    source = tmp_path / "many"
    source.write_text("".join(update(number) for number in range(40)))
    running = OnTerminal("assign", "-s", mock.address, "-f", str(source), "--rate", "20/s", "--summary", "none", *arguments,
                         env=env)
    assert running.finish() == 0
    assert running.text == ""


def test_no_progress_among_records(mock, tmp_path):
    source = tmp_path / "many"
    source.write_text("".join(update(number) for number in range(40)))
    text, code = on_terminal(["assign", "-s", mock.address, "-f", str(source), "--rate", "20/s"])
    assert code == 0
    assert ERASE not in text
