"""The rows of the fault catalogue that need more than the mock server: networks, peers and limits of their own."""

import pathlib
import sys

import pytest

sys.path.insert(1, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
pytest.register_assert_rewrite("certificates", "helpers", "network", "programs")

from programs import (  # noqa: E402, F401 (fixtures, for the tests beside this)
    mock, relay_to, run, start, start_mock)
from http2_peer import start_peer  # noqa: E402, F401 (a fixture)
