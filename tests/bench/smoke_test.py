#!/usr/bin/env python3
"""The benchmark programs do their work: each against dispatch-mock, with little of it.

smoke_test.py BIN_DIRECTORY
"""

import contextlib
import io
import json
import os
import pathlib
import select
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.dont_write_bytecode = True
import paired  # noqa: E402

BIN = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build/release/bin").resolve()


def run(program, *arguments):
    return subprocess.run([str(BIN / program), *map(str, arguments)], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=60, check=False)


class AgainstTheMock(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.log = tempfile.TemporaryFile()
        cls.mock = subprocess.Popen([str(BIN / "dispatch-mock"), "serve", "--listen", "127.0.0.1:0"],
                                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=cls.log)
        if not select.select([cls.mock.stdout], [], [], 10)[0]:
            cls.mock.kill()
            raise AssertionError("dispatch-mock did not say that it is ready within 10 s")
        address = json.loads(cls.mock.stdout.readline())["listen"][0]
        cls.target = f"ipv4:{address}"
        cls.directory = tempfile.TemporaryDirectory()
        cls.updates = pathlib.Path(cls.directory.name) / "updates.ndjson"
        cls.updates.write_text("".join(
            f'{{"assignment_id": "smoke-{i}", "courier_id": "courier-42", "destination_zone": "zone-1"}}\n'
            for i in range(3000)), encoding="utf-8")

    @classmethod
    def tearDownClass(cls):
        cls.mock.terminate()
        cls.mock.wait(10)
        cls.mock.stdout.close()
        cls.log.close()
        cls.directory.cleanup()

    def test_library_and_stub_in_turn(self):
        for mode in ("async", "blocking"):
            found = run("bench_unary_slices", self.target, "--rounds", 4, "--calls", 100, "--in-flight", 10,
                        *(["--blocking"] if mode == "blocking" else []))
            self.assertEqual(found.returncode, 0, found.stderr)
            result = json.loads(found.stdout)
            self.assertEqual((result["mode"], result["rounds"], result["failed"]), (mode, 4, 0))
            for name in ("time_ratio", "cpu_ratio", "more_cpu_us_per_call"):
                lower, median, upper = result[name]
                self.assertLessEqual(lower, median)
                self.assertLessEqual(median, upper)

    def test_lookup(self):
        found = run("bench_raw_lookup", self.target, "courier-42")
        self.assertEqual(found.returncode, 0, found.stderr)
        self.assertEqual(json.loads(found.stdout)["courier_id"], "courier-42")
        self.assertEqual(run("bench_raw_lookup", self.target, "nobody").returncode, 64 + 5)

    def test_unary(self):
        for mode in ([], ["--blocking"], ["--in-flight", 1], ["--in-flight", 1000]):
            with self.subTest(mode=mode):
                done = run("bench_raw_unary", self.target, "--count", 500, *mode)
                self.assertEqual(done.returncode, 0, done.stderr)
                result = json.loads(done.stdout)
                self.assertEqual((result["calls"], result["failed"]), (500, 0))

    def test_stream_from_file(self):
        done = run("bench_raw_stream", self.target, "-f", self.updates)
        self.assertEqual(done.returncode, 0, done.stderr)
        ids = [json.loads(line)["assignment_id"] for line in done.stdout.splitlines()]
        self.assertEqual(ids, [f"smoke-{i}" for i in range(3000)])

    def test_stream_never_hangs_on_a_hint(self):
        for window in (1, 2, 3, 64, 1024):
            for batch in (1, 2, window):
                with self.subTest(window=window, batch=batch):
                    done = run("bench_raw_stream", self.target, "--count", 1500, "--window", window,
                               "--batch", batch, "--flush-every", 7)
                    self.assertEqual(done.returncode, 0, done.stderr)
                    self.assertEqual(json.loads(done.stderr)["received"], 1500)


class Paired(unittest.TestCase):
    def report(self, *arguments):
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = paired.main([*arguments])
        return code, out.getvalue() + err.getvalue()

    def test_a_missed_bar_is_told_and_exits_9(self):
        # An interpreter that starts takes many times as long as a program that does nothing.
        slow_first = ["--rounds", "3", "--run", f"slow={sys.executable} -c pass", "--run", "fast=true"]
        code, text = self.report(*slow_first, "--bar", "fast:1.5")
        self.assertEqual(code, 9, text)
        self.assertIn("MISSED", text)
        code, text = self.report(*slow_first, "--bar", "fast:1000", "--max-rss", "64")
        self.assertEqual(code, 0, text)

    def test_work_left_undone_is_not_timed(self):
        code, text = self.report("--rounds", "1", "--run", "fails=false")
        self.assertEqual(code, 1)
        self.assertIn("exit 1: false", text)
        with tempfile.NamedTemporaryFile() as output:
            code, text = self.report("--rounds", "1", "--run", "one=echo line", "--output", output.name,
                                     "--expect-lines", "one=2")
        self.assertEqual(code, 1)
        self.assertIn("1 lines of output, not 2", text)

    def test_peak_memory_is_the_commands_own(self):
        paired.become_subreaper()
        self.assertLess(paired.peak_mib(["true"], os.devnull), 8)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
