"""Completion: what the program offers, and that shells take it."""

import os
import pty
import re
import select
import shutil
import subprocess
import time

import pytest

from conftest import PATIENCE, clean_environment
from helpers import error

CONFIG = '[contexts.staging]\nserver = "h:1"\n[contexts.stable]\n[contexts."a:b"]\n'
SHELLS = ["bash", "zsh", "fish"]


def needs(shell):
    return pytest.mark.skipif(shutil.which(shell) is None, reason=f"{shell} is not installed")


@pytest.fixture
def environment(tmp_path):
    """One in which the program is on the path, and has contexts."""
    directory = tmp_path / "dispatchctl"
    directory.mkdir()
    (directory / "config.toml").write_text(CONFIG, encoding="utf-8")
    path = os.path.dirname(os.environ["DISPATCHCTL"]) + os.pathsep + os.environ["PATH"]
    return clean_environment({"XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path), "PATH": path,
                              "XDG_DATA_HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)})


def offered(run, *words):
    result = run("__complete", *words)
    assert result.returncode == 0
    *lines, directive = result.stdout.decode().splitlines()
    return [line.split("\t")[0] for line in lines], directive


def test_a_script_for_each_shell(run):
    for shell in SHELLS:
        result = run("completion", shell)
        assert result.returncode == 0
        assert result.stderr == b""
        assert b"__complete" in result.stdout
    result = run("completion", "bsh")
    assert result.returncode == 2
    assert error(result)["hint"] == "did you mean 'bash'?"
    assert run("completion").returncode == 2


def test_options_are_those_of_help(run):
    commands, _ = offered(run, "")
    assert "lookup" in commands and "__complete" not in commands
    for command in commands:
        help_text = run(command, "--help").stdout.decode()
        in_help = set(re.findall(r"^ +(?:-\w, +)?(--[a-z-]+)", help_text, re.MULTILINE))
        words, directive = offered(run, command, "--")
        assert set(words) == in_help, command
        assert directive == ":words"


def test_topics_are_those_of_help(run):
    topics = run("--help").stdout.decode().split("for dispatchctl help TOPIC:\n")[1].splitlines()[0].split()
    assert topics
    words, _ = offered(run, "help", "")
    assert set(topics) <= set(words)


def test_a_broken_configuration_is_no_trouble(run, tmp_path):
    config = tmp_path / "config.toml"
    config.write_text("[contexts.x", encoding="utf-8")
    assert offered(run, "--config", str(config), "-c", "") == ([], ":words")
    result = run("__complete", "-c", "", env={"DISPATCHCTL_CONFIG": str(tmp_path / "none")})
    assert result.stdout == b":words\n"
    assert result.stderr == b""


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_the_script_for_bash_passes_shellcheck(run):
    script = run("completion", "bash").stdout
    result = subprocess.run(["shellcheck", "-s", "bash", "-"], input=script, stdout=subprocess.PIPE, check=False)
    assert result.returncode == 0, result.stdout.decode()


def complete_in_bash(environment, line, words, cwd=None):
    """What readline would be given for `line`, which it has split into `words`; the cursor is at its end."""
    script = """
source <(dispatchctl completion bash)
COMP_LINE=$1 COMP_POINT=${#1}
shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_dispatchctl
((${#COMPREPLY[@]} == 0)) || printf '%s\\n' "${COMPREPLY[@]}"
"""
    result = subprocess.run(["bash", "--norc", "-c", script, "bash", line, *words], env=environment, cwd=cwd,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE, check=False)
    assert result.stderr == b"", result.stderr
    return result.stdout.decode().splitlines()


@needs("bash")
@pytest.mark.parametrize("line, words, expected", [
    ("dispatchctl loo", ["dispatchctl", "loo"], ["lookup"]),
    ("dispatchctl  lookup --lb ri", ["dispatchctl", "lookup", "--lb", "ri"], ["ring_hash"]),
    ("dispatchctl lookup --lb=ri", ["dispatchctl", "lookup", "--lb", "=", "ri"], ["ring_hash"]),
    ("dispatchctl lookup --lb=", ["dispatchctl", "lookup", "--lb", "="],
     ["round_robin", "pick_first", "least_request", "weighted_round_robin", "ring_hash"]),
    ("dispatchctl -c st", ["dispatchctl", "-c", "st"], ["staging", "stable"]),
    ("dispatchctl -c a:", ["dispatchctl", "-c", "a", ":"], ["b"]),
    ("dispatchctl context use ", ["dispatchctl", "context", "use", ""], ["staging", "stable", "a:b"]),
    ("dispatchctl lookup -s h:1 --toke", ["dispatchctl", "lookup", "-s", "h", ":", "1", "--toke"], ["--token-file"]),
    ("dispatchctl lookup ", ["dispatchctl", "lookup", ""], []),
])
def test_bash(environment, line, words, expected):
    assert complete_in_bash(environment, line, words) == expected


@needs("bash")
def test_bash_completes_files(environment, tmp_path):
    (tmp_path / "with blank.pem").touch()
    (tmp_path / "ca.pem").touch()
    assert complete_in_bash(environment, "dispatchctl --cacert ca", ["dispatchctl", "--cacert", "ca"],
                            cwd=tmp_path) == ["ca.pem"]
    assert complete_in_bash(environment, "dispatchctl --cacert=w", ["dispatchctl", "--cacert", "=", "w"],
                            cwd=tmp_path) == ["with blank.pem"]
    assert complete_in_bash(environment, "dispatchctl -H @c", ["dispatchctl", "-H", "@", "c"],
                            cwd=tmp_path) == ["ca.pem"]


class Session:
    """A shell on a terminal, as somebody types into it."""

    def __init__(self, arguments, env, cwd):
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(arguments, env=env, cwd=cwd, stdin=slave, stdout=slave, stderr=slave,
                                        start_new_session=True)
        os.close(slave)
        self.seen = ""

    def type(self, text):
        os.write(self.master, text.encode())

    def shown(self):
        """What was written, without what it was written over with and what moves the cursor."""
        return re.sub(".\b", "", re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", self.seen))

    def wait_for(self, text):
        end = time.monotonic() + PATIENCE
        while text not in self.shown():
            left = end - time.monotonic()
            assert left > 0 and select.select([self.master], [], [], left)[0], self.seen
            self.seen += os.read(self.master, 4096).decode(errors="replace")

    def close(self):
        self.process.kill()
        self.process.wait(PATIENCE)
        os.close(self.master)


@pytest.fixture
def session():
    running = []

    def start(*arguments):
        running.append(Session(*arguments))
        return running[-1]

    yield start
    for one in running:
        one.close()


@needs("bash")
def test_bash_on_a_terminal(environment, session, tmp_path):
    (tmp_path / "with blank.pem").touch()
    shell = session(["bash", "--norc", "--noprofile", "-i"], {**environment, "PS1": "ready>", "TERM": "dumb"}, tmp_path)
    shell.wait_for("ready>")
    shell.type("source <(dispatchctl completion bash); PS1=done'>'\n")
    shell.wait_for("done>")
    shell.type("dispatchctl loo\t--lb=ri\t--cacert wi\t")
    shell.wait_for("dispatchctl lookup --lb=ring_hash --cacert with\\ blank.pem")


@needs("zsh")
def test_zsh_on_a_terminal(environment, session, tmp_path):
    (tmp_path / "ca.pem").touch()
    shell = session(["zsh", "-f", "-i"], {**environment, "PS1": "ready>", "TERM": "dumb"}, tmp_path)
    shell.wait_for("ready>")
    shell.type("autoload -Uz compinit; compinit -u -D; "
               "source <(dispatchctl completion zsh); PS1=done'>'\n")
    shell.wait_for("done>")
    shell.type("dispatchctl loo\t--lb=ri\t-c stag\t--cacert=c\t")
    shell.wait_for("dispatchctl lookup --lb=ring_hash -c staging --cacert=ca.pem")


@needs("zsh")
def test_zsh_from_its_function_path(environment, session, tmp_path):
    functions = tmp_path / "functions"
    functions.mkdir()
    script = subprocess.run([os.environ["DISPATCHCTL"], "completion", "zsh"], env=environment, check=True,
                            stdout=subprocess.PIPE).stdout
    (functions / "_dispatchctl").write_bytes(script)
    shell = session(["zsh", "-f", "-i"], {**environment, "PS1": "ready>", "TERM": "dumb"}, tmp_path)
    shell.wait_for("ready>")
    shell.type(f"fpath=({functions} $fpath); autoload -Uz compinit; compinit -u -D; PS1=done'>'\n")
    shell.wait_for("done>")
    shell.type("dispatchctl context us\tstag\t")
    shell.wait_for("dispatchctl context use staging")


@needs("fish")
@pytest.mark.parametrize("line, expected", [
    ("dispatchctl loo", ["lookup"]),
    ("dispatchctl lookup --lb=ri", ["--lb=ring_hash"]),
    ("dispatchctl lookup --lb ri", ["ring_hash"]),
    ("dispatchctl context use sta", ["stable", "staging"]),
    ("dispatchctl lookup --token-f", ["--token-file"]),
    ("dispatchctl --cacert ca", ["ca.pem"]),
    ("dispatchctl --cacert=ca", ["--cacert=ca.pem"]),
])
def test_fish(environment, tmp_path, line, expected):
    (tmp_path / "ca.pem").touch()
    script = "dispatchctl completion fish | source; complete -C $argv[1]"
    result = subprocess.run(["fish", "--no-config", "-c", script, line], env=environment, cwd=tmp_path,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE, check=False)
    assert result.stderr == b"", result.stderr
    assert [found.split("\t")[0] for found in result.stdout.decode().splitlines()] == expected
