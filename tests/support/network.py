"""Networks of a test's own."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import threading

import pytest

from programs import PATIENCE

SUPPORT = pathlib.Path(__file__).resolve().parent
# Both ends of a poor link: servers listen on the first, and clients connect to the second.
NEAR, FAR = "10.9.0.1", "10.9.0.2"
PROGRAMS = ("unshare", "nsenter", "setpriv", "ip", "mount")


def missing(*programs):
    """Why there can be no such network here, or None. `programs` are what the test needs besides."""
    if os.geteuid() != 0:
        return "needs root, to make a network namespace"
    for program in (*PROGRAMS, *programs):
        if shutil.which(program) is None:
            return f"needs {program}; scripts/setup installs it"
    probe = subprocess.run(["unshare", "--net", "--mount", "ip", "link", "set", "lo", "up"], capture_output=True,
                           timeout=PATIENCE, check=False)
    if probe.returncode != 0:
        return "cannot make a network namespace: " + probe.stderr.decode().strip()
    return None


class Network:
    """A network with nothing but a loopback, where 127.0.0.1 is the name server."""

    def __init__(self, folder):
        resolv_conf, hosts = folder / "resolv.conf", folder / "hosts"
        resolv_conf.write_text("nameserver 127.0.0.1\n")
        hosts.write_text("127.0.0.1 localhost\n")
        # cat ends with its stdin: with the test, however that ends.
        self.keeper = subprocess.Popen(
            ["unshare", "--net", "--mount", "sh", "-c",
             'ip link set lo up && mount --bind "$0" /etc/resolv.conf && mount --bind "$1" /etc/hosts && '
             'echo ready && exec cat', str(resolv_conf), str(hosts)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.keeper.stdout.readline() == b"ready\n"
        spaces = f"/proc/{self.keeper.pid}/ns"
        self.helpers = []
        self.logs = []
        # Both replace themselves with what they start, so that its pid is the one the test knows.
        self.prefix = ("nsenter", f"--net={spaces}/net", f"--mount={spaces}/mnt", "setpriv", "--pdeathsig", "KILL")

    def run(self, *command):
        return subprocess.run([*self.prefix, *command], capture_output=True, timeout=PATIENCE, check=False)

    def drop(self, what):
        """Has every packet that `what` matches swallowed. Why it cannot be done here, or None."""
        return self._add_rule(what, "drop")

    def dropped(self):
        """How many packets have been swallowed so far."""
        return self._counted("drop")

    def count(self, what):
        """Has every packet that `what` matches counted. Why it cannot be done here, or None."""
        return self._add_rule(what, "continue")

    def counted(self):
        """How many packets have been counted."""
        return self._counted("continue")

    def pass_everything(self):
        """Nothing is swallowed, or counted, from now on."""
        assert self.run("nft", "delete table inet test").returncode == 0

    def _add_rule(self, what, verdict):
        done = self.run("nft", "add table inet test; "
                        "add chain inet test input { type filter hook input priority 0; }; "
                        f"add rule inet test input {what} counter {verdict}")
        return f"nft cannot {verdict} packets here: " + done.stderr.decode().strip() if done.returncode != 0 else None

    def _counted(self, verdict):
        listed = json.loads(self.run("nft", "-j", "list", "ruleset").stdout)
        rules = [entry["rule"]["expr"] for entry in listed["nftables"] if "rule" in entry]
        return sum(part["counter"]["packets"] for rule in rules if any(verdict in part for part in rule)
                   for part in rule if "counter" in part)

    def connections(self, port):
        """How many established connections to the port this side's clients have."""
        listed = self.run("ss", "-Htn", "state", "established", f"( dport = :{port} )")
        assert listed.returncode == 0, listed.stderr
        return len(listed.stdout.splitlines())

    def start_poor_link(self, delay, jitter, loss, seed=1):
        """Puts a link between NEAR and FAR that treats packets badly, see poor_link.py. Why it cannot, or None."""
        link = self._start_helper("poor_link.py", NEAR, FAR, str(delay), str(jitter), str(loss), str(seed))
        if link.stdout.readline() == b"ready\n":
            return None
        return "cannot make a network interface here: " + link.stderr.read().decode().strip()

    def log_connects(self):
        """Begins to note when connections are asked for over the loopback. Returns what knows them."""
        self.logs.append(ConnectLog(self._start_helper("connect_log.py")))
        return self.logs[-1]

    def _start_helper(self, program, *arguments):
        self.helpers.append(subprocess.Popen(
            [*self.prefix, sys.executable, "-B", str(SUPPORT / program), *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE))
        return self.helpers[-1]

    def close(self):
        for helper in self.helpers:
            helper.kill()
            helper.wait(PATIENCE)
        for log in self.logs:
            log.follower.join(PATIENCE)
        for helper in self.helpers:
            helper.stderr.close()
            helper.stdout.close()
        self.keeper.stdin.close()
        self.keeper.wait(PATIENCE)
        self.keeper.stdout.close()


@pytest.fixture
def network(tmp_path):
    """A network of the test's own."""
    made = Network(tmp_path)
    yield made
    made.close()


def port_of(address):
    return int(address.rsplit(":", 1)[1])


class ConnectLog:
    """When connections were asked for, in seconds since the epoch, and to which ports."""

    def __init__(self, process):
        self.process = process
        assert process.stdout.readline() == b"ready\n", process.stderr.read()
        self.changed = threading.Condition()
        self.connects = []
        self.follower = threading.Thread(target=self._follow, daemon=True)
        self.follower.start()

    def _follow(self):
        for line in self.process.stdout:
            time, port = line.split()
            with self.changed:
                self.connects.append((float(time), int(port)))
                self.changed.notify_all()

    def since(self, start, port):
        """The times, not before `start`, at which a connection to the port was asked for."""
        with self.changed:
            return [time for time, to in self.connects if to == port and time >= start]

    def wait_for(self, count, start, port):
        """Waits until there are so many of them. Returns them."""
        with self.changed:
            assert self.changed.wait_for(
                lambda: sum(to == port and time >= start for time, to in self.connects) >= count,
                PATIENCE), len(self.connects)
        return self.since(start, port)


def busiest(times, window):
    """The most that came within any `window` seconds."""
    times = sorted(times)
    return max((sum(start <= time < start + window for time in times[index:]) for index, start in enumerate(times)),
               default=0)
