"""Help, version, usage errors, and the manual page."""

import json
import os
import re
import shutil
import subprocess

import pytest

from helpers import error

COMMANDS = ["lookup", "assign", "endpoints", "health", "doctor", "describe", "help", "version"]
TOPICS = ["exit-codes", "formats", "environment", "streaming"]


def test_help_is_on_stdout(run):
    for arguments in (["--help"], ["-h"], ["help"]):
        result = run(*arguments)
        assert result.returncode == 0
        assert result.stderr == b""
        assert b"Usage: dispatchctl" in result.stdout
    for command in COMMANDS:
        by_flag, by_command = run(command, "--help"), run("help", command)
        assert by_flag.returncode == by_command.returncode == 0
        assert by_flag.stdout == by_command.stdout
        assert f"Usage: dispatchctl {command}".encode() in by_flag.stdout


@pytest.mark.parametrize("topic", TOPICS)
def test_topics(run, topic):
    result = run("help", topic)
    assert result.returncode == 0
    assert max(len(line) for line in result.stdout.decode().splitlines()) <= 80


def test_unknown_topic(run):
    result = run("help", "exit-code")
    assert result.returncode == 2
    assert "exit-codes" in error(result)["hint"]


def test_no_command(run):
    result = run()
    assert result.returncode == 2
    assert result.stdout == b""
    assert b"Usage: dispatchctl" in result.stderr
    assert error(result)["kind"] == "usage"


def test_version(run):
    for arguments in (["version"], ["--version"]):
        result = run(*arguments)
        assert result.returncode == 0
        assert re.match(rb"dispatchctl \d+\.\d+\.\d+\n", result.stdout)
        assert b"gRPC 1." in result.stdout
    facts = json.loads(run("version", "-o", "json").stdout)
    assert re.match(r"\d+\.\d+\.\d+$", facts["version"])
    assert facts["grpc"].startswith("1.")
    assert json.loads(run("--version", "-o", "json").stdout) == facts


@pytest.mark.parametrize("arguments, said, hint", [
    (["lookup", "courier-42"], "no server given", "-s HOST:PORT"),
    (["lookup", "-s", "localhost:1"], "no courier id given", "-f"),
    (["lookup", "-s", "localhost:1", "--servr", "x"], "unknown option '--servr'", "did you mean '--server'?"),
    (["lookp"], "unknown command 'lookp'", "did you mean 'lookup'?"),
    (["lookup", "x", "-s", "localhost:1", "--timeout", "5"], "needs a unit", None),
    (["lookup", "x", "-s", "localhost:1", "-o", "xml"], "invalid value 'xml' for -o/--output", None),
    (["assign", "-s", "localhost:1", "-f", "x", "--in", "xml"], "invalid value 'xml' for --in", None),
    (["assign", "-s", "localhost:1", "-f", "x", "--window", "0"], "invalid value '0' for --window", None),
    (["lookup", "x", "--tls", "--plaintext"], "exclude each other", None),
    (["version", "surplus"], "unexpected argument 'surplus'", "see"),
])
def test_usage_errors(run, arguments, said, hint):
    result = run(*arguments)
    assert result.returncode == 2
    assert result.stdout == b""
    found = error(result)
    assert found["kind"] == "usage"
    assert found["phase"] == "args"
    assert said in found["message"]
    if hint is None:
        assert found["hint"] is None
    else:
        assert hint in found["hint"]
    text = run(*arguments, "--error-format", "text").stderr.decode()
    assert text.startswith("dispatchctl: ")


def options_in_help(run, *command):
    """(letter, name) of each option, global ones included."""
    text = run(*command, "--help").stdout.decode()
    return set(re.findall(r"^ +(?:-(\w), +)?--([a-z-]+)", text, re.MULTILINE))


def manual():
    with open(os.environ["DISPATCHCTL_TEST_MAN"], encoding="utf-8") as page:
        return page.read()


def options_in_manual(heading, until):
    """(letter, name) of each option listed between the line `heading` and one that matches `until`."""
    rest = re.split(f"^{re.escape(heading)}\\b.*$", manual(), maxsplit=1, flags=re.MULTILINE)[1]
    part = re.split(until, rest, maxsplit=1, flags=re.MULTILINE)[0]
    return set(re.findall(r"^\.It (?:Fl (\w) , )?Fl Fl ([a-z-]+)", part, re.MULTILINE))


def test_the_manual_and_help_agree_on_global_options(run):
    assert options_in_manual(".Sh GLOBAL OPTIONS", r"^\.Sh ") == options_in_help(run)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_manual_and_help_agree_on_options_of(run, command):
    own = options_in_help(run, command) - options_in_help(run)
    assert options_in_manual(f".It Cm {command}", r"^\.(It Cm|Sh) ") == own


def test_the_manual_names_every_variable(run):
    variables = set(re.findall(r"DISPATCHCTL_[A-Z_]+", run("help", "environment").stdout.decode()))
    assert variables
    for name in variables:
        assert name in manual(), name


@pytest.mark.skipif(shutil.which("mandoc") is None, reason="mandoc is not installed")
def test_the_manual_is_well_formed():
    result = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", os.environ["DISPATCHCTL_TEST_MAN"]],
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert result.returncode == 0, result.stdout.decode()
