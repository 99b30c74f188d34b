"""Output that cannot be written: full disks, read-only ones and broken ones, for the client's files and the server's."""

import json
import os
import subprocess

import pytest

from helpers import error, records, summary, update, updates
from network import missing
from programs import PATIENCE

MISSING = missing()
needs_mounts = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))

COUNT = 5000


class Disk:
    """A file system of the test's own, in a mount namespace of its own: small, or read-only."""

    def __init__(self, folder, options):
        folder.mkdir()
        # cat ends with its stdin: with the test, however that ends.
        self.keeper = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs -o "$1" tmpfs "$0" && echo ready && exec cat',
             str(folder), options], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.keeper.stdout.readline() == b"ready\n"
        self.folder = folder
        self.prefix = ("nsenter", f"--mount=/proc/{self.keeper.pid}/ns/mnt", "setpriv", "--pdeathsig", "KILL")

    def read(self, name):
        return self.seen_from_here(name).read_text()

    def seen_from_here(self, name):
        """Where the test finds what the programs on the disk call folder/name."""
        path = self.folder / name
        return type(path)(f"/proc/{self.keeper.pid}/root{path}")

    def fill(self, name="ballast"):
        """Takes all the room there is left."""
        with open(self.seen_from_here(name), "wb", buffering=0) as ballast:
            try:
                while ballast.write(bytes(4096)):
                    pass
            except OSError:
                pass

    def make_room(self, name="ballast"):
        self.seen_from_here(name).unlink()

    def close(self):
        self.keeper.stdin.close()
        self.keeper.wait(PATIENCE)
        self.keeper.stdout.close()


@pytest.fixture
def mount(tmp_path):
    mounted = []

    def call(options):
        mounted.append(Disk(tmp_path / f"disk{len(mounted)}", options))
        return mounted[-1]

    yield call
    for disk in mounted:
        disk.close()


def whole_lines(text):
    """The records of a file that may end within one."""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def names_the_file(result, path, reason):
    assert result.returncode == 1, result.stderr
    found = error(result)
    assert (found["kind"], found["phase"]) == ("output", "output")
    assert str(path) in found["message"] and reason in found["message"]
    return found


@needs_mounts
def test_f38_a_results_file_on_a_full_disk_is_named_and_can_be_continued(run, mock, mount):
    disk = mount("size=64k")
    out = disk.folder / "results.ndjson"
    command = ["assign", "-s", mock.address, "-f", "-", "--out", str(out), "--continue"]
    found = names_the_file(run(*command, stdin=updates(COUNT), prefix=disk.prefix), out, "No space left")
    assert "--continue" in found["hint"]
    written = whole_lines(disk.read(out.name))
    assert 0 < len(written) < COUNT
    assert all(record["accepted"] for record in written)
    # It cannot go on where it was, and does no harm trying.
    names_the_file(run(*command, stdin=updates(COUNT), prefix=disk.prefix), out, "No space left")
    assert whole_lines(disk.read(out.name))[:len(written)] == written
    assert subprocess.run([*disk.prefix, "mount", "-o", "remount,size=16m", str(disk.folder)],
                          timeout=PATIENCE, check=False).returncode == 0
    assert run(*command, stdin=updates(COUNT), prefix=disk.prefix).returncode == 0
    ids = [record["assignment_id"] for record in whole_lines(disk.read(out.name))]
    assert sorted(ids) == sorted(f"a-{number}" for number in range(COUNT))


@needs_mounts
def test_f38_a_disk_that_is_full_from_the_start_takes_no_result(run, mock, mount):
    disk = mount("size=64k")
    disk.fill()
    out = disk.folder / "results.ndjson"
    names_the_file(run("assign", "-s", mock.address, "-f", "-", "--out", str(out), stdin=updates(3),
                       prefix=disk.prefix), out, "No space left")
    assert disk.read(out.name) == ""


@needs_mounts
def test_f38_a_list_of_unacknowledged_assignments_is_whole_or_not_there(run, start_mock, mount):
    server = start_mock("--fault", "hang,method=assign")
    disk = mount("size=64k")
    left = disk.folder / "left.ndjson"
    command = ["assign", "-s", server.address, "-f", "-", "--unacknowledged", str(left), "--timeout", "1s"]
    names_the_file(run(*command, stdin=updates(2000), prefix=disk.prefix), left, "No space left")
    assert os.listdir(disk.seen_from_here("")) == []
    # With room for it, it is all there.
    assert run(*command, stdin=updates(100), prefix=disk.prefix).returncode == 68
    assert disk.read(left.name) == updates(100).replace(", ", ",").replace(": ", ":")


@needs_mounts
@pytest.mark.parametrize("flag, command", [
    ("--out", ("assign", "-f", "-")), ("--unacknowledged", ("assign", "-f", "-")), ("--trace", ("lookup", "courier-42")),
])
def test_f38_a_read_only_disk_is_named(run, mock, mount, flag, command):
    disk = mount("ro")
    path = disk.folder / "file"
    result = run(*command, "-s", mock.address, flag, str(path), stdin=update(1), prefix=disk.prefix)
    names_the_file(result, path, "Read-only file system")
    if flag == "--unacknowledged":
        # The answer had come, and is not lost with the list.
        assert [record["assignment_id"] for record in records(result)] == ["a-1"]


@pytest.mark.parametrize("command, stdin", [(("lookup", "courier-42"), None), (("assign", "-f", "-"), updates(10))])
def test_f38_an_input_output_error_on_stdout_is_told(run, mock, command, stdin):
    # Nothing is mapped at address 0, so that a write there is one to a broken device.
    with open("/proc/self/mem", "wb") as broken:
        result = run(*command, "-s", mock.address, stdin=stdin, stdout=broken)
    names_the_file(result, "stdout", "Input/output error")


@needs_mounts
def test_f38_what_the_server_could_not_write_down_is_not_acknowledged(run, start_mock, mount):
    disk = mount("size=64k")
    journal = disk.folder / "journal.ndjson"
    server = start_mock("--journal", str(journal), prefix=disk.prefix, stderr=subprocess.PIPE)
    result = run("assign", "-s", server.address, "-f", "-", "--summary", "json", stdin=updates(COUNT))
    found = error(result)
    assert found["code"] == "INTERNAL"
    assert str(journal) in found["message"] and "No space left" in found["message"]
    acknowledged = {record["assignment_id"] for record in records(result)}
    assert 0 < len(acknowledged) < COUNT
    assert acknowledged <= {entry["assignment_id"] for entry in whole_lines(disk.read(journal.name))}
    told = summary(result)
    assert told["acknowledged"] == len(acknowledged)
    assert told["unacknowledged"] == told["sent"] - told["acknowledged"] > 0


@needs_mounts
def test_f38_a_server_whose_journal_is_on_a_read_only_disk_does_not_start(mount):
    disk = mount("ro")
    journal = disk.folder / "journal.ndjson"
    result = subprocess.run([*disk.prefix, os.environ["DISPATCH_MOCK"], "serve", "--listen", "127.0.0.1:0", "--journal",
                             str(journal)], capture_output=True, timeout=PATIENCE, check=False)
    assert result.returncode == 1
    assert result.stdout == b""
    assert str(journal) in result.stderr.decode() and "Read-only file system" in result.stderr.decode()
