"""The program that checks the contract in this tree."""

import pathlib
import re
import shutil
import subprocess
import sys

import pytest

FOLDER = pathlib.Path(__file__).resolve().parent
ROOT = FOLDER.parents[1]


@pytest.fixture
def tree(tmp_path):
    """A copy of the contract and its check, to be changed."""
    shutil.copytree(FOLDER, tmp_path / "tests" / "contract", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "proto", tmp_path / "proto")
    return tmp_path


def check(tree, *arguments):
    return subprocess.run([sys.executable, str(tree / "tests" / "contract" / "check_contract.py"), *arguments],
                          capture_output=True, text=True, timeout=120, check=False)


def change(tree, old, new):
    path = tree / "proto" / "dispatchpb" / "dispatch.proto"
    text = path.read_text()
    assert text.count(old) == 1, old
    path.write_text(text.replace(old, new))


def test_an_added_field_passes_and_can_be_released(tree):
    change(tree, "bool accepted = 2;", "bool accepted = 2;\n  string reason = 3;")
    assert check(tree).returncode == 0
    assert check(tree, "--release").returncode == 0
    # From now on it is part of what must not break.
    change(tree, "\n  string reason = 3;", "")
    broken = check(tree)
    assert broken.returncode == 1
    assert re.search(r"dispatchpb\.AssignmentResult\.reason: number 3 is gone .*\(FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED\)",
                     broken.stderr)


def test_a_removed_field_fails_until_it_is_reserved(tree):
    change(tree, "  string destination_zone = 3;\n", "")
    broken = check(tree)
    assert broken.returncode == 1
    assert "dispatchpb.AssignmentUpdate.destination_zone" in broken.stderr and broken.stdout == ""
    change(tree, "message AssignmentUpdate {\n", 'message AssignmentUpdate {\n  reserved 3;\n  reserved "destination_zone";\n')
    assert check(tree).returncode == 0, broken.stderr


def test_a_contract_that_breaks_is_not_released(tree):
    before = (tree / "proto" / "released" / "contract.txtpb").read_text()
    change(tree, "rpc GetCourierStatus(", "rpc FetchCourierStatus(")
    assert check(tree, "--release").returncode == 1
    assert (tree / "proto" / "released" / "contract.txtpb").read_text() == before


def test_style_is_checked_too(tree):
    change(tree, "  // Returns the current status of one courier; NOT_FOUND for an unknown id.\n", "")
    assert "(COMMENT_RPC)" in check(tree).stderr


def test_without_a_release_there_is_nothing_to_check_against(tree):
    (tree / "proto" / "released" / "contract.txtpb").unlink()
    missing = check(tree)
    assert missing.returncode == 1 and "--release makes it" in missing.stderr
