"""What stdout and stderr are, and what happens when they go away."""

import json
import os
import signal
import subprocess

import pytest

from conftest import PATIENCE, clean_environment
from helpers import error, update, updates


def test_f36_head_ends_it(mock, tmp_path):
    source = tmp_path / "many"
    source.write_text(updates(50_000))
    process = subprocess.Popen([os.environ["DISPATCHCTL"], "assign", "-s", mock.address, "-f", str(source)],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env=clean_environment())
    assert json.loads(process.stdout.readline())
    process.stdout.close()
    assert process.wait(PATIENCE) == -signal.SIGPIPE
    process.stderr.close()


def test_f36_head_of_lookups(mock, tmp_path):
    source = tmp_path / "ids"
    source.write_text("".join(f"courier-{n % 1000 + 1}\n" for n in range(50_000)))
    process = subprocess.Popen([os.environ["DISPATCHCTL"], "lookup", "-s", mock.address, "-f", str(source)],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env=clean_environment())
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(PATIENCE) == -signal.SIGPIPE
    assert process.stderr.read() == b""
    process.stderr.close()


@pytest.mark.parametrize("command", [["assign"], ["lookup"]])
def test_f36_a_reader_that_goes_while_nothing_happens(mock, command):
    process = subprocess.Popen([os.environ["DISPATCHCTL"], *command, "-s", mock.address, "-f", "-"],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                               env=clean_environment())
    process.stdin.write(update(1).encode() if command == ["assign"] else b"courier-1\n")
    process.stdin.flush()
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(PATIENCE) == -signal.SIGPIPE
    process.stdin.close()


def test_f38_full_disk(run, mock):
    for arguments, stdin in ((("lookup", "courier-42"), None), (("lookup", "courier-1", "courier-2"), None),
                             (("assign", "-f", "-"), updates(10)), (("--help",), None), (("version",), None)):
        with open("/dev/full", "wb") as full:
            result = run("-s", mock.address, *arguments, stdin=stdin, stdout=full)
        assert result.returncode == 1, arguments
        found = error(result)
        assert found["kind"] == "output"
        assert found["phase"] == "output"
        assert "stdout" in found["message"] and "No space left" in found["message"]


def test_f38_full_disk_ends_a_stream_though_stdin_is_idle(mock):
    with open("/dev/full", "wb") as full:
        process = subprocess.Popen([os.environ["DISPATCHCTL"], "assign", "-s", mock.address, "-f", "-"],
                                   stdin=subprocess.PIPE, stdout=full, stderr=subprocess.DEVNULL,
                                   env=clean_environment())
    process.stdin.write(update(1).encode())
    process.stdin.flush()
    assert process.wait(PATIENCE) == 1
    process.stdin.close()


def test_f38_closed_stdout(mock):
    result = subprocess.run(["sh", "-c", 'exec "$0" lookup -s "$1" courier-42 >&-', os.environ["DISPATCHCTL"],
                             mock.address], stderr=subprocess.PIPE, env=clean_environment(), timeout=PATIENCE,
                            check=False)
    assert result.returncode == 1
    assert error(result)["kind"] == "output"


def test_closed_stderr(mock):
    result = subprocess.run(["sh", "-c", 'exec "$0" lookup -s "$1" nobody 2>&-', os.environ["DISPATCHCTL"],
                             mock.address], stdout=subprocess.PIPE, env=clean_environment(), timeout=PATIENCE,
                            check=False)
    assert result.returncode == 69
    assert result.stdout == b""


def test_stdout_has_records_only_at_any_verbosity(run, mock):
    plain = run("assign", "-s", mock.address, "-f", "-", stdin=updates(3))
    loud = run("assign", "-s", mock.address, "-f", "-", "-vvv", "--summary", "text", stdin=updates(3))
    assert sorted(plain.stdout.splitlines()) == sorted(loud.stdout.splitlines())


def test_quiet(run, mock):
    result = run("assign", "-s", mock.address, "-f", "-", "-q", "--bad-record", "skip", stdin=update(1) + "broken\n")
    assert result.returncode == 6
    assert len(result.stderr.splitlines()) == 1
    assert error(result)["kind"] == "partial"


@pytest.mark.parametrize("arguments, json_error", [
    (("-o", "json"), True), (("-o", "ndjson"), True), (("-o", "auto"), True), (("-o", "table"), False),
    (("-o", "csv"), False), (("-o", "table", "--error-format", "json"), True),
    (("-o", "json", "--error-format", "text"), False),
])
def test_error_format_follows_the_output(run, mock, arguments, json_error):
    for result in (run("lookup", "-s", mock.address, "nobody", *arguments), run("lookup", *arguments),
                   run("lookup", "--nonsense", *arguments)):
        assert result.stderr.lstrip().startswith(b"{") == json_error, result.stderr
        if json_error:
            error(result)


def test_the_environment_decides_the_error_format(run, mock):
    result = run("lookup", "-s", mock.address, "nobody", env={"DISPATCHCTL_ERROR_FORMAT": "text"})
    assert result.stderr.startswith(b"dispatchctl: lookup: ")


def test_records_are_written_together_only_when_they_wait(start, mock):
    running = start("assign", "-s", mock.address, "-f", "-")
    for number in range(20):
        running.send(update(number))
        assert running.record()["assignment_id"] == f"a-{number}"


def test_grpc_says_nothing_unless_asked(run):
    result = run("lookup", "-s", "127.0.0.1:1", "courier-42", "--error-format", "text")
    assert len(result.stderr.splitlines()) == 2, result.stderr
