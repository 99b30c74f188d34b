"""Contexts: the configuration file, the commands that change it, and what wins over what."""

import concurrent.futures
import csv
import io
import json
import os
import stat

import jsonschema
import pytest

from helpers import error, records

CONFIG = """\
# The team's targets.
current-context = "staging"

[contexts.staging]   # to try things on
server = "{server}"
timeout = "20s"
header = ["x-team: blue"]

[contexts.other]
server = "localhost:1"
lb = "ring_hash"
"""


class Config:
    """A configuration file where dispatchctl looks for it."""

    def __init__(self, home):
        self.env = {"XDG_CONFIG_HOME": str(home), "HOME": str(home)}
        self.directory = home / "dispatchctl"
        self.path = self.directory / "config.toml"

    def write(self, text):
        self.directory.mkdir(exist_ok=True)
        self.path.write_text(text, encoding="utf-8")
        self.path.chmod(0o600)

    def text(self):
        return self.path.read_text(encoding="utf-8")


@pytest.fixture
def config(tmp_path):
    return Config(tmp_path)


@pytest.fixture
def ctl(run, config):
    """Runs dispatchctl with the configuration file of this test."""

    def call(*arguments, env=None, **options):
        return run(*arguments, env={**config.env, **(env or {})}, **options)

    return call


def shown(result):
    assert result.returncode == 0, result.stderr
    return {record["option"]: record for record in records(result)}


def test_from_nothing_to_a_lookup(ctl, config, mock):
    assert error(ctl("lookup", "courier-42"))["message"] == "no server given"
    result = ctl("context", "set", "local", "-s", mock.address, "--timeout", "20s")
    assert result.returncode == 0
    assert result.stdout == b""
    assert b"context local added" in result.stderr
    assert stat.S_IMODE(config.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(config.directory.stat().st_mode) == 0o700
    assert records(ctl("lookup", "-c", "local", "courier-42"))[0]["transport_mode"] == "bike"
    assert ctl("context", "use", "local").returncode == 0
    assert records(ctl("lookup", "courier-42"))[0]["transport_mode"] == "bike"
    assert ctl("lookup", "courier-42", env={"DISPATCHCTL_CONTEXT": "local"}).returncode == 0


def test_flag_beats_environment_beats_context(ctl, config):
    config.write(CONFIG.format(server="staging:443"))
    found = shown(ctl("context", "show", "--origin"))
    assert found["server"] == {"option": "server", "value": "staging:443", "origin": "context",
                               "where": f"staging at {config.path}:5"}
    assert found["context"]["where"] == f"current-context at {config.path}:2"
    assert found["connect-timeout"] == {"option": "connect-timeout", "value": "5s", "origin": "built-in",
                                        "where": None}
    env = {"DISPATCHCTL_SERVER": "environment:1"}
    assert shown(ctl("context", "show", "--origin", env=env))["server"] == {
        "option": "server", "value": "environment:1", "origin": "environment", "where": "DISPATCHCTL_SERVER"}
    assert shown(ctl("context", "show", "--origin", "-s", "flag:1", env=env))["server"] == {
        "option": "server", "value": "flag:1", "origin": "flag", "where": "-s/--server"}
    assert shown(ctl("context", "show", "other"))["lb"] == {"option": "lb", "value": "ring_hash"}
    assert shown(ctl("context", "show", env={"DISPATCHCTL_CONTEXT": "other"}))["lb"]["value"] == "ring_hash"


def test_show_never_prints_secrets(ctl, config, tmp_path):
    config.write(CONFIG.format(server="h:1"))
    for arguments in (["-H", "authorization: Bearer s3cret"], ["-H", "s3cret"]):
        result = ctl("context", "show", "--origin", *arguments)
        assert b"s3cret" not in result.stdout + result.stderr
    assert shown(ctl("context", "show"))["header"]["value"] == "x-team: REDACTED"
    without = shown(ctl("context", "show", "other"))
    assert without["header"]["value"] == without["fields"]["value"]
    token = tmp_path / "token"
    token.write_text("s3cret", encoding="utf-8")
    token.chmod(0o600)
    found = shown(ctl("context", "show", "--token-file", str(token)))
    assert found["token-file"]["value"] == str(token)


def test_list_in_every_format(ctl, config):
    assert records(ctl("context", "list")) == []
    config.write(CONFIG.format(server="staging:443") + "[contexts.bare]\n")
    assert records(ctl("context", "list")) == [
        {"current": True, "name": "staging", "server": "staging:443"},
        {"current": False, "name": "other", "server": "localhost:1"},
        {"current": False, "name": "bare", "server": None}]
    assert [record["current"] for record in records(ctl("context", "list", "-c", "other"))] == [False, True, False]
    table = ctl("context", "list", "-o", "table").stdout.decode().splitlines()
    assert [line.split() for line in table] == [["CURRENT", "NAME", "SERVER"], ["*", "staging", "staging:443"],
                                                ["other", "localhost:1"], ["bare"]]
    assert len(json.loads(ctl("context", "list", "-o", "json").stdout)) == 3
    rows = list(csv.DictReader(io.StringIO(ctl("context", "list", "-o", "csv").stdout.decode(), newline="")))
    assert [row["name"] for row in rows] == ["staging", "other", "bare"]
    assert records(ctl("context", "list", "--fields", "name"))[0] == {"name": "staging"}
    assert ctl("context", "list", "--fields", "nme").returncode == 2


def test_set_keeps_comments_and_order(ctl, config):
    text = CONFIG.format(server="staging:443")
    config.write(text)
    assert ctl("context", "set", "staging", "-s", "new:1", "--tls", "--max-attempts", "7", "-H", "a: b", "-H",
               "c: d").returncode == 0
    assert config.text() == text.replace('"staging:443"', '"new:1"').replace(
        'header = ["x-team: blue"]\n', 'header = ["a: b", "c: d"]\nmax-attempts = 7\ntls = true\n')
    assert ctl("context", "set", "staging", "--unset", "max-attempts", "--unset", "--tls", "--unset", "key",
               "-s", "staging:443", "-H", "x-team: blue").returncode == 0
    assert config.text() == text


def test_set_makes_files_absolute(run, config, tmp_path):
    result = run("context", "set", "x", "--cacert", "ca.pem", "-H", "@headers", "--token-file", "/t", env=config.env,
                 cwd=tmp_path)
    assert result.returncode == 0
    assert f'cacert = "{tmp_path}/ca.pem"' in config.text()
    assert f'header = ["@{tmp_path}/headers"]' in config.text()
    assert 'token-file = "/t"' in config.text()


@pytest.mark.parametrize("arguments, said, hint", [
    ([], "expected one of list, show", "--help"),
    (["lst"], "unknown action 'lst'", "did you mean 'list'?"),
    (["set"], "context set needs a NAME", "--help"),
    (["set", "x"], "nothing to set", "-s HOST:PORT"),
    (["set", "a b", "--tls"], "the name of a context may have", None),
    (["set", "x", "--unset", "tsl"], "there is no global option 'tsl'", "did you mean 'tls'?"),
    (["set", "x", "--tls", "--unset", "tls"], "contradict each other", None),
    (["set", "x", "--tls", "-c", "y"], "-c/--context does not go with 'context set'", "context set NAME"),
    (["set", "x", "--timeout", "5"], "needs a unit", None),
    (["use", "x", "y"], "unexpected argument 'y'", "--help"),
    (["list", "--force"], "--force goes with 'context delete'", "--help"),
    (["use", "x", "--origin"], "--origin goes with 'context show'", "--help"),
])
def test_usage_errors(ctl, config, arguments, said, hint):
    result = ctl("context", *arguments)
    assert result.returncode == 2
    found = error(result)
    assert found["kind"] == "usage"
    assert said in found["message"]
    assert (found["hint"] is None) if hint is None else (hint in found["hint"])
    assert not config.path.exists()


def test_set_refuses_what_would_not_be_right(ctl, config):
    config.write(CONFIG.format(server="h:1") + '[contexts.tls]\ntls = true\n')
    before = config.text()
    for arguments, said in ((["set", "tls", "--plaintext"], "tls and plaintext exclude each other"),
                            (["set", "tls", "-H", "authorization: Bearer s3cret"], "is a secret")):
        result = ctl("context", *arguments)
        assert result.returncode == 3
        assert said in error(result)["message"]
        assert b"s3cret" not in result.stderr
        assert config.text() == before
    assert ctl("context", "set", "tls", "--plaintext", "--unset", "tls").returncode == 0


def test_use_and_delete(ctl, config):
    config.write(CONFIG.format(server="h:1"))
    result = ctl("context", "use", "othr")
    assert result.returncode == 3
    assert "did you mean 'other'?" in error(result)["hint"]
    result = ctl("context", "delete", "staging")
    assert result.returncode == 2
    assert "--force" in error(result)["hint"]
    assert ctl("context", "use", "other").returncode == 0
    assert 'current-context = "other"\n' in config.text()
    assert ctl("context", "delete", "staging").returncode == 0
    assert config.text() == "# The team's targets.\ncurrent-context = \"other\"\n\n" \
                            "[contexts.other]\nserver = \"localhost:1\"\nlb = \"ring_hash\"\n"
    assert ctl("context", "delete", "other", "--force").returncode == 0
    assert "other" not in config.text()
    assert ctl("context", "delete", "other").returncode == 3
    warned = ctl("context", "set", "x", "--tls")
    assert warned.returncode == 0
    assert b"DISPATCHCTL_CONTEXT is set" in ctl("context", "use", "x", env={"DISPATCHCTL_CONTEXT": "y"}).stderr


def test_looking_does_not_make_a_file(ctl, config):
    for arguments in (["list"], ["show"], ["use", "x"], ["set", "x", "--unset", "tls"], ["delete", "x"], ["path"], ["validate"]):
        ctl("context", *arguments)
    assert not config.directory.exists()


@pytest.mark.parametrize("arguments, definition", [
    (["list"], "context_record"), (["show"], "context_setting"), (["show", "--origin"], "context_setting"),
    (["validate"], "config_problem"), (["path", "-o", "ndjson"], "config_path")])
def test_records_are_as_published(ctl, config, arguments, definition):
    with open(os.environ["DISPATCHCTL_TEST_SCHEMAS"], encoding="utf-8") as file:
        published = json.load(file)
    schema = {**published["$defs"][definition], "additionalProperties": False}
    config.write(CONFIG.format(server="h:1") + "[contexts.bare]\nservr = 1\n")
    found = records(ctl("context", *arguments))
    assert found
    for record in found:
        jsonschema.validate(record, schema, cls=jsonschema.Draft202012Validator)


def test_a_linked_file_stays_linked(ctl, config, tmp_path):
    target = tmp_path / "dotfiles.toml"
    target.write_text(CONFIG.format(server="h:1"), encoding="utf-8")
    config.directory.mkdir()
    config.path.symlink_to(target)
    assert ctl("context", "use", "other").returncode == 0
    assert config.path.is_symlink()
    assert 'current-context = "other"' in target.read_text(encoding="utf-8")


def test_edits_at_the_same_time_are_all_there(ctl, config):
    names = [f"context-{number}" for number in range(16)]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda name: ctl("context", "set", name, "-s", f"{name}:1").returncode, names))
    assert done == [0] * len(names)
    assert sorted(record["name"] for record in records(ctl("context", "list"))) == sorted(names)
    assert os.listdir(config.directory) == ["config.toml"]


def test_validate_reports_everything(ctl, config, tmp_path):
    config.write("""\
current-context = "nowhere"
surplus = 1
[contexts.a]
servr = "h:1"
timeout = 5
cacert = "missing.pem"
cert = "cert.pem"
[contexts.b]
header = ["authorization: Bearer s3cret"]
""")
    (tmp_path / "dispatchctl" / "cert.pem").write_text("", encoding="utf-8")
    result = ctl("context", "validate")
    assert result.returncode == 3
    assert b"s3cret" not in result.stdout + result.stderr
    found = records(result)
    assert [(record["line"], record["column"], record["context"]) for record in found] == [
        (1, 19, None), (2, 1, None), (4, 1, "a"), (5, 11, "a"), (6, 1, "a"), (7, 1, "a"), (9, 11, "b")]
    assert found[2]["hint"] == "did you mean 'server'?"
    assert str(config.directory / "missing.pem") in found[4]["message"]
    assert error(result)["message"] == f"{config.path}: 7 problems"
    table = ctl("context", "validate", "-o", "table").stdout.decode().splitlines()
    assert table[0].split() == ["LINE", "COLUMN", "CONTEXT", "MESSAGE"]

    good = tmp_path / "good.toml"
    good.write_text(CONFIG.format(server="h:1"), encoding="utf-8")
    result = ctl("context", "validate", str(good))
    assert result.returncode == 0
    assert result.stdout == b""
    assert b"2 contexts, nothing wrong" in result.stderr
    assert ctl("context", "validate", str(tmp_path / "none")).returncode == 3


@pytest.mark.parametrize("text, where, said, hint", [
    ("[contexts.staging", ":1:18:", "not TOML", None),
    ('current-context = "staging"\n[contexts.staging]\nservr = "h:1"\n', ":3:1:", "unknown key 'servr'",
     "did you mean 'server'?"),
    ('current-context = "staging"\n[contexts.staging]\ntimeout = "5"\n', ":3:11:", "needs a unit", None),
    ('current-context = "x"\n', ":1:19:", "there is no such context", None),
])
def test_mistakes_end_a_command(ctl, config, text, where, said, hint):
    config.write(text)
    result = ctl("lookup", "courier-42", "-s", "localhost:1")
    assert result.returncode == 3
    found = error(result)
    assert found["kind"] == "config"
    assert found["message"].startswith(f"{config.path}{where} ")
    assert said in found["message"]
    assert hint is None or hint in found["hint"]
    # What needs no server goes on.
    for arguments in (["version"], ["help"], ["lookup", "--help"], ["completion", "bash"], ["context", "path"]):
        assert ctl(*arguments).returncode == 0, arguments


def test_a_mistake_elsewhere_does_not_matter(ctl, config, mock):
    config.write(CONFIG.format(server=mock.address) + "[contexts.broken]\ntimeout = 5\n")
    assert ctl("lookup", "courier-42").returncode == 0
    assert ctl("lookup", "courier-42", "-c", "broken").returncode == 3


def test_which_file(ctl, run, config, tmp_path, mock):
    config.write(CONFIG.format(server="h:1"))
    assert ctl("context", "path").stdout.decode() == f"{config.path}\n"
    assert json.loads(ctl("context", "path", "-o", "json").stdout) == {"path": str(config.path), "exists": True}
    other = tmp_path / "other.toml"
    other.write_text(f'current-context = "o"\n[contexts.o]\nserver = "{mock.address}"\n', encoding="utf-8")
    assert ctl("lookup", "courier-42", "--config", str(other)).returncode == 0
    assert ctl("lookup", "courier-42", env={"DISPATCHCTL_CONFIG": str(other)}).returncode == 0
    home = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": ""}
    assert run("context", "path", env=home).stdout.decode() == f"{tmp_path}/.config/dispatchctl/config.toml\n"
    for missing in (["--config", str(tmp_path / "none")], ["-c", "none"]):
        result = ctl("lookup", "courier-42", "-s", mock.address, *missing)
        assert result.returncode == 3
        assert error(result)["kind"] == "config"
    assert ctl("lookup", "courier-42", "-s", mock.address, "--config", "/dev/null").returncode == 0


def test_warns_of_a_file_that_others_can_write(ctl, config, mock):
    config.write(CONFIG.format(server=mock.address))
    config.path.chmod(0o666)
    result = ctl("lookup", "courier-42")
    assert result.returncode == 0
    assert b"warning: " in result.stderr and b"chmod go-w" in result.stderr
    assert ctl("lookup", "courier-42", "-q").stderr == b""


def test_certificates_in_a_context_mean_tls(ctl, config, mock):
    config.write(f'[contexts.x]\nserver = "{mock.address}"\ncacert = "ca.pem"\n')
    found = shown(ctl("context", "show", "x", "--origin"))
    assert found["tls"]["value"] == "true"
    assert found["cacert"]["value"] == str(config.directory / "ca.pem")
    assert ctl("lookup", "-c", "x", "courier-42").returncode == 3
    assert ctl("lookup", "-c", "x", "courier-42", "--plaintext").returncode == 0
