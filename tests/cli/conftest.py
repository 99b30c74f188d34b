"""The command line as its users run it."""

import pathlib
import sys

import pytest

sys.path.insert(1, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
pytest.register_assert_rewrite("certificates", "helpers", "network", "programs")

from programs import (  # noqa: E402, F401 (fixtures, for the tests beside this)
    PATIENCE, clean_environment, mock, relay_to, run, start, start_mock)
