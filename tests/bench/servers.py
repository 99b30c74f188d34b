"""The programs that serve while others are measured."""

import json
import select
import shlex
import subprocess
import tempfile

READY_WITHIN_SECONDS = 30


class NotReady(Exception):
    """A server did not say that it accepts calls."""


class Server:
    """A program that prints a ready line, from then on until the end of its `with` block.

    A fresh one for each comparison, so that no server carries another's ledger.
    """

    def __init__(self, *command):
        self.command = [str(word) for word in command]

    def __enter__(self):
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=self.log)
        try:
            if not select.select([self.process.stdout], [], [], READY_WITHIN_SECONDS)[0]:
                raise NotReady(f"not ready within {READY_WITHIN_SECONDS} s: {shlex.join(self.command)}")
            line = self.process.stdout.readline()
            if not line:
                self.log.seek(0)
                raise NotReady(f"{shlex.join(self.command)}: {self.log.read().decode(errors='replace').strip()}")
            self.addresses = json.loads(line)["listen"]
        except BaseException:
            self.__exit__()
            raise
        self.address = self.addresses[0]
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(READY_WITHIN_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.log.close()


def mock(bin_directory, *arguments, backends=1):
    """A dispatch-mock with so many listeners."""
    return Server(f"{bin_directory}/dispatch-mock", "serve", "--log-format", "json",
                  *(["--listen", "127.0.0.1:0"] * backends), *arguments)
