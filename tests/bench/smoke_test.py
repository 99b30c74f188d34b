#!/usr/bin/env python3
"""The benchmark programs do their work, and are driven to it: each against dispatch-mock, with little of it.

smoke_test.py BIN_DIRECTORY
"""

import contextlib
import dataclasses
import io
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.dont_write_bytecode = True
import bars  # noqa: E402
import make_page  # noqa: E402
import memory  # noqa: E402
import paired  # noqa: E402
import report  # noqa: E402
import run as run_module  # noqa: E402
import scale  # noqa: E402
import servers  # noqa: E402

BIN = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build/release/bin").resolve()
PEERS = bars.Peers.find(BIN, run_module.NODE)


def run(program, *arguments):
    return subprocess.run([str(BIN / program), *map(str, arguments)], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=60, check=False)


class AgainstTheMock(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        server = servers.mock(BIN)
        cls.enterClassContext(server)
        cls.address = server.address
        cls.target = f"ipv4:{server.address}"
        folder = cls.enterClassContext(tempfile.TemporaryDirectory())
        cls.updates = pathlib.Path(folder) / "updates.ndjson"
        cls.updates.write_text("".join(
            f'{{"assignment_id": "smoke-{i}", "courier_id": "courier-42", "destination_zone": "zone-1"}}\n'
            for i in range(3000)), encoding="utf-8")

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
                self.assertEqual(len(result["samples"][name]), 4)
            # A call takes memory, and both make the same one.
            for allocations in result["allocations_per_call"].values():
                self.assertTrue(3 < allocations < 300, result)

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


    @unittest.skipUnless(PEERS.node, bars.Peers.REASONS["node"])
    def test_node(self):
        client = ["node", str(run_module.NODE / "client.js")]
        proto = str(run_module.ROOT / "proto")
        found = subprocess.run([*client, "lookup", self.address, "courier-42", proto], capture_output=True, text=True,
                               timeout=60, check=True)
        self.assertEqual(json.loads(found.stdout)["current_zone"], "zone-7")
        found = subprocess.run([*client, "assign", self.address, str(self.updates), proto], capture_output=True,
                               text=True, timeout=60, check=True)
        self.assertEqual([json.loads(line)["assignment_id"] for line in found.stdout.splitlines()],
                         [f"smoke-{i}" for i in range(3000)])


class Footprint(unittest.TestCase):
    def measured(self, target, *words):
        found = run("bench_sdk_footprint", target, *words)
        self.assertEqual(found.returncode, 0, found.stderr)
        return json.loads(found.stdout)

    def test_endpoints(self):
        with servers.mock(BIN, backends=8) as server:
            found = self.measured(",".join(server.addresses))
        self.assertEqual((found["of"], found["items"]), ("endpoints", 8))
        self.assertGreater(found["heap_bytes"], 8 * 1000)
        self.assertLessEqual(found["first_answer_ms"], found["all_ready_ms"])

    def test_what_has_no_answer_is_held(self):
        with servers.mock(BIN, "--fault", "hang") as server:
            for of in ("lookups", "assignments"):
                found = self.measured(server.address, f"--{of}", 2000)
                self.assertEqual((found["of"], found["items"]), (of, 2000))
                # At the least what was handed in.
                self.assertGreater(found["heap_bytes"], 2000 * 30)

    def test_lookups_that_are_answered_are_not_measured(self):
        with servers.mock(BIN, "--fault", "status=NOT_FOUND") as server:
            self.assertEqual(run("bench_sdk_footprint", server.address, "--lookups", 10).returncode, 1)


class Comparing(unittest.TestCase):
    def setUp(self):
        # What is spawned looks for its output beside it.
        self.enterContext(contextlib.chdir(self.enterContext(tempfile.TemporaryDirectory())))

    def compare(self, commands, limits, **more):
        return bars.compare("P0", "a comparison", commands, limits, rounds=3, **more)

    def test_the_slower_one_misses_its_bar(self):
        # An interpreter that starts takes many times as long as a program that does nothing.
        commands = {"slow": f"{sys.executable} -c pass", "fast": "true"}
        self.assertEqual([verdict.met for verdict in report.verdicts(self.compare(commands, {"fast": 1.5}))], [False])
        self.assertEqual([verdict.met for verdict in report.verdicts(self.compare(commands, {"fast": 0.5}, measure="rate"))],
                         [False])
        record = self.compare(commands, {"fast": 1000}, max_peak_mib=64)
        self.assertEqual([verdict.met for verdict in report.verdicts(record)], [True, True])

    def test_work_left_undone_is_not_timed(self):
        with self.assertRaisesRegex(paired.Failed, "exit 1: false"):
            self.compare({"fails": "false"}, {})
        with self.assertRaisesRegex(paired.Failed, "1 lines of output, not 2"):
            self.compare({"one": "echo line"}, {}, lines={"one": 2})

    def test_peak_memory_is_the_commands_own(self):
        self.assertLess(paired.run_with_peak(["true"])[2], 8)
        self.assertGreater(paired.run_with_peak([sys.executable, "-c", "'x' * 40_000_000"])[2], 40)

    def test_memory_that_grows_is_seen(self):
        source = ["sh", "-c", "for line in $(seq 40); do echo $line; sleep 0.04; done"]
        keeping = ["awk", "{ for (i = 0; i < 3000; ++i) kept[NR, i] = $0; print }"]
        for command, flat in ((["cat"], True), (keeping, False)):
            _, growth = memory.growth_mib(memory.follow(source, command, 40, interval=0.02))
            self.assertEqual(growth <= bars.FLAT_WITHIN_MIB, flat, growth)

    def test_a_program_that_loses_results_is_not_flat_but_wrong(self):
        with self.assertRaisesRegex(paired.Failed, "not 30"):
            memory.follow(["seq", "30"], ["head", "-n", "5"], 30)


class Driven(unittest.TestCase):
    """What scripts/bench does, with as little of it as there can be."""

    def setUp(self):
        self.enterContext(run_module.working_folder(BIN.parent, bars.Peers()))

    def test_bars(self):
        amounts = dataclasses.replace(bars.QUICK.with_rounds(1), lookups=300, assignments=300, slow_assignments=300)
        for key in ("P1", "P2", "P3", "P4"):
            with self.subTest(bar=key):
                records = list(bars.BARS[key](amounts, bars.Peers()))
                self.assertTrue(any(report.verdicts(record) for record in records))
                for record in records:
                    self.assertTrue(list(report.section(record)))
        reasons = [reason for record in bars.p2(amounts, bars.Peers()) for reason in record["left_out"]]
        self.assertCountEqual(reasons, bars.Peers.REASONS.values())

    def test_curves(self):
        amounts = scale.Amounts(rounds=1, lookups=200, in_flight=(1, 16), endpoints=(1, 3), stream_lengths=(100, 1000),
                                message_sizes=(20, 1024, 4096), line_sizes=(96, 4096), messages_at_most=50,
                                messages_at_least=50, calls_held=(4, 64), assignments_held=(4, 64))
        for key, curve in scale.CURVES.items():
            with self.subTest(curve=key):
                record, = curve(amounts)
                self.assertEqual(record["key"], key)
                for panel in record["panels"]:
                    self.assertTrue(panel["lines"], panel)
                    for _, places in panel["lines"]:
                        self.assertTrue(all(samples for _, samples in places), panel)

    def test_from_programs_to_the_page(self):
        written = pathlib.Path("measured.jsonl").resolve()
        copy = pathlib.Path("performance.md").resolve()
        shutil.copy(run_module.ROOT / "docs/performance.md", copy)
        said = io.StringIO()
        options = run_module.parse_arguments(["--only", "P6", "--rounds", "1", "--quick", "--build-dir",
                                              str(BIN.parent), "--json", str(written)])
        missed, not_made = run_module.measure(options, [], said.write)
        self.assertEqual(not_made, 0, said.getvalue())
        make_page.make([written], copy, copy.parent / "images", allow_quick=True)
        self.assertEqual(copy.read_text(encoding="utf-8").count("**missed**"),
                         missed + sum(line.endswith("**missed**") for line in said.getvalue().splitlines()))
        self.assertIn("AdmissionAndSuccess", (copy.parent / "images/performance-p6.svg").read_text(encoding="utf-8"))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
