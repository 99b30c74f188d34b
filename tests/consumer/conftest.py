"""What the tests of the installed tree share: where it is, and a mock server started from it."""

import json
import os
import pathlib
import subprocess

import pytest

# Generous: it only bounds how long a failure takes.
PATIENCE = 300


@pytest.fixture(scope="session")
def prefix():
    return pathlib.Path(os.environ["DISPATCHCTL_TEST_PREFIX"])


@pytest.fixture(scope="session")
def mock(prefix):
    """The target of a dispatch-mock of the installed tree."""
    process = subprocess.Popen([prefix / "bin/dispatch-mock", "serve", "--listen", "127.0.0.1:0"],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        yield json.loads(process.stdout.readline())["listen"][0]
    finally:
        process.kill()
        process.wait(PATIENCE)
        process.stdout.close()
