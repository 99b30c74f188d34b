"""buf, where it is installed, says of the contract what this project's own checks say, and its rules are the same."""

import json
import os
import pathlib
import shutil
import subprocess

import pytest

from test_breaking_changes import BREAKING, COMPATIBLE

BUF = shutil.which("buf")
PROTO = pathlib.Path(__file__).resolve().parents[2] / "proto"
pytestmark = pytest.mark.skipif(BUF is None, reason="buf is not in PATH (npm install --global @bufbuild/buf)")


@pytest.fixture
def buf(tmp_path):
    def call(*arguments):
        environment = {**os.environ, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
        return subprocess.run([BUF, *arguments], cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=120, check=False)

    return call


@pytest.fixture
def rules_found(buf, tmp_path):
    """The rules that buf finds broken between two texts, with the configuration in proto/."""

    def call(old, new):
        for name, text in (("old", old), ("new", new)):
            (tmp_path / name / "dispatchpb").mkdir(parents=True, exist_ok=True)
            (tmp_path / name / "dispatchpb" / "dispatch.proto").write_text(text)
            shutil.copy(PROTO / "buf.yaml", tmp_path / name)
        result = buf("breaking", "new", "--against", "old", "--error-format", "json")
        assert result.returncode in (0, 100), result.stderr
        return {json.loads(line)["type"] for line in result.stdout.splitlines()}

    return call


def test_the_contract_is_in_bufs_style(buf):
    result = buf("lint", str(PROTO))
    assert (result.returncode, result.stdout) == (0, ""), result.stderr


def test_the_contract_breaks_nothing_for_buf(buf):
    result = buf("breaking", str(PROTO), "--against", str(PROTO / "released" / "contract.txtpb"))
    assert (result.returncode, result.stdout) == (0, ""), result.stderr


def test_buf_finds_the_same(rules_found):
    differences = []
    for rule, old, new, _, _ in BREAKING:
        found = rules_found(old, new)
        if found != {rule}:
            differences.append((rule, sorted(found), old, new))
    for what, old, new in COMPATIBLE:
        if found := rules_found(old, new):
            differences.append((what, sorted(found), old, new))
    assert differences == []
