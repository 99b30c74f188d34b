"""Help, version, usage errors, and the manual page."""

import json
import os
import re
import shutil
import subprocess

import pytest

from helpers import error

TOPICS = ["exit-codes", "formats", "environment", "config", "streaming"]
# What must be there; the program says what else is.
SOME_COMMANDS = {"lookup", "assign", "bench", "endpoints", "health", "doctor", "describe", "context", "completion", "help",
                 "version"}


def words_offered(run, *words):
    """What completion offers for the last of the words, with what it says of each."""
    *lines, directive = run("__complete", *words).stdout.decode().splitlines()
    assert directive == ":words"
    return dict(line.split("\t") for line in lines)


@pytest.fixture
def commands(run):
    found = list(words_offered(run, ""))
    assert SOME_COMMANDS <= set(found)
    return found


def test_help_is_on_stdout(run, commands):
    for arguments in (["--help"], ["-h"], ["help"]):
        result = run(*arguments)
        assert result.returncode == 0
        assert result.stderr == b""
        assert b"Usage: dispatchctl" in result.stdout
    for command in commands:
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


@pytest.mark.parametrize("arguments", [
    ["--help"], ["lookup", "--help"], ["help", "exit-codes"], ["version"], ["--version"], ["completion", "bash"],
    ["__complete", "lookup", "--lb", ""], ["__complete", "-c", ""], ["context", "list"], ["context", "show", "--origin"],
    ["context", "validate"], ["context", "set", "x", "--tls"], [], ["lookup"], ["lookup", "x"],
    ["lookup", "--servr", "x"], ["lookup", "x", "-c", "nowhere"]], ids=" ".join)
def test_what_needs_no_server_leaves_grpc_alone(run, tmp_path, arguments):
    # With this, gRPC has something to say as soon as it is initialised.
    env = {"GRPC_VERBOSITY": "DEBUG", "XDG_CONFIG_HOME": str(tmp_path)}
    started = re.compile(rb"^[DI][0-9]{4} ", re.MULTILINE)
    assert not started.search(run(*arguments, env=env).stderr)
    control = run("lookup", "x", "-s", f"unix:{tmp_path}/none", "--max-attempts", "1", env=env).stderr
    if not started.search(control):
        pytest.skip("this gRPC says nothing when it is initialised")


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


def test_the_manual_and_help_agree_on_options_of_commands(run, commands):
    for command in commands:
        own = options_in_help(run, command) - options_in_help(run)
        assert options_in_manual(f".It Cm {command}", r"^\.(It Cm|Sh) ") == own, command


def test_the_manual_and_help_have_every_command(run, commands):
    page = manual()
    synopsis = page.split(".Sh SYNOPSIS")[1].split(".Sh DESCRIPTION")[0]
    overview = run("--help").stdout.decode()
    for command in commands:
        assert f"\n.Cm {command}\n" in synopsis, command
        assert f"\n.It Cm {command}" in page, command
        assert re.search(f"^  {command}\\b", overview, re.MULTILINE), command


def test_the_manual_and_help_have_every_action_of_context(run):
    page = manual()
    listed = run("context", "--help").stdout.decode().split("\nArguments:\n")[1].split("\n\n")[0]
    actions = set(re.findall(r"^  ([a-z]+)", listed, re.MULTILINE))
    offered = set(words_offered(run, "context", ""))
    assert offered == actions
    for action in offered:
        assert f"\n.It Ic {action}" in page, action


def test_the_manual_and_help_have_every_topic(run, commands):
    topics = set(words_offered(run, "help", "")) - set(commands)
    assert topics == set(TOPICS)
    section = re.split(r"^\.It Cm help\b.*$", manual(), maxsplit=1, flags=re.MULTILINE)[1].split(".It Cm ")[0]
    for topic in topics:
        assert topic in section, topic


def test_the_manual_of_the_file_has_every_option(run):
    with open(os.environ["DISPATCHCTL_TEST_CONFIG_MAN"], encoding="utf-8") as page:
        keys = page.read().split(".Sh FORMAT")[1].split(".Sh PRECEDENCE")[0]
    documented = {word for line in re.findall(r"^\.It Cm (.*)$", keys, re.MULTILINE) for word in line.split(" , ")}
    assert documented == set(words_offered(run, "context", "set", "x", "--unset", ""))
    assert {name for _, name in options_in_help(run)} - documented == {"context", "config", "help", "version"}


def test_the_example_of_the_file_is_valid(run, tmp_path):
    with open(os.environ["DISPATCHCTL_TEST_CONFIG_MAN"], encoding="utf-8") as page:
        example = page.read().split(".Sh EXAMPLES\n.Bd -literal\n")[1].split("\n.Ed\n")[0]
    examples = {"man": example}
    topic = run("help", "config").stdout.decode()
    examples["help"] = "\n".join(line[2:] for line in topic.splitlines() if line.startswith("  ") and ">" not in line)
    for name, text in examples.items():
        path = tmp_path / f"{name}.toml"
        path.write_text(text, encoding="utf-8")
        found = [json.loads(line) for line in run("context", "validate", str(path)).stdout.decode().splitlines()]
        # The files that it names are not here.
        assert all("No such file" in problem["message"] for problem in found), found
        assert len(json.loads(run("context", "list", "--config", str(path), "-o", "json").stdout)) >= 2


def test_the_manual_names_every_variable(run):
    variables = set(re.findall(r"DISPATCHCTL_[A-Z_]+", run("help", "environment").stdout.decode()))
    assert variables
    for name in variables:
        assert name in manual(), name


@pytest.mark.skipif(shutil.which("mandoc") is None, reason="mandoc is not installed")
@pytest.mark.parametrize("page", ["DISPATCHCTL_TEST_MAN", "DISPATCHCTL_TEST_CONFIG_MAN"])
def test_the_manual_is_well_formed(page):
    result = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", os.environ[page]],
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert result.returncode == 0, result.stdout.decode()
