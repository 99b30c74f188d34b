"""Networks of a test's own."""

import json
import os
import shutil
import subprocess

from programs import PATIENCE

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
        # Both replace themselves with what they start, so that its pid is the one the test knows.
        self.prefix = ("nsenter", f"--net={spaces}/net", f"--mount={spaces}/mnt", "setpriv", "--pdeathsig", "KILL")

    def run(self, *command):
        return subprocess.run([*self.prefix, *command], capture_output=True, timeout=PATIENCE, check=False)

    def drop(self, what):
        """Has every packet that `what` matches swallowed. Why it cannot be done here, or None."""
        done = self.run("nft", "add table ip test; "
                        "add chain ip test input { type filter hook input priority 0; }; "
                        f"add rule ip test input {what} counter drop")
        return "nft cannot drop packets here: " + done.stderr.decode().strip() if done.returncode != 0 else None

    def dropped(self):
        """How many packets have been swallowed."""
        counted = json.loads(self.run("nft", "-j", "list", "ruleset").stdout)
        rules = [entry["rule"] for entry in counted["nftables"] if "rule" in entry]
        return sum(part["counter"]["packets"] for rule in rules for part in rule["expr"] if "counter" in part)

    def close(self):
        self.keeper.stdin.close()
        self.keeper.wait(PATIENCE)
        self.keeper.stdout.close()
