"""Asks a running dispatch-mock through `dispatch-mock ctl`; start it with `--admin 127.0.0.1:0`."""

import json
import os
import subprocess
import time

from programs import PATIENCE, clean_environment


def ctl(mock, *arguments):
    """Runs a command of `ctl`; `mock` may be the address of an admin service."""
    admin = mock if isinstance(mock, str) else mock.admin
    return subprocess.run([os.environ["DISPATCH_MOCK"], "ctl", *arguments, "--admin", admin],
                          env=clean_environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=PATIENCE, check=False, text=True)


def asked(mock, *arguments):
    """What a command of `ctl` that must succeed answers."""
    result = ctl(mock, *arguments, "-o", "json")
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def calls(mock, method):
    """The calls of a method the server has seen, the oldest first."""
    return [call for call in asked(mock, "calls")["calls"] if call["method"].endswith("/" + method)]


def wait_for_calls(mock, method, count=1):
    """Waits until the server has seen so many calls of a method. Returns them."""
    deadline = time.monotonic() + PATIENCE
    while len(found := calls(mock, method)) < count:
        assert time.monotonic() < deadline, f"{len(found)} calls of {method}, not {count}"
        time.sleep(0.02)
    return found
