#!/usr/bin/env python3
"""What becomes of measurements: verdicts, tables, pictures, the page. Nothing is measured."""

import contextlib
import io
import json
import os
import pathlib
import re
import stat
import sys
import tempfile
import unittest
import unittest.mock
import xml.etree.ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.dont_write_bytecode = True
import bars  # noqa: E402
import make_page  # noqa: E402
import memory  # noqa: E402
import plots  # noqa: E402
import report  # noqa: E402
import run  # noqa: E402
import scale  # noqa: E402
import svg  # noqa: E402

RUN = {"kind": "run", "date": "2026-01-02T03:04Z", "commit": "abc1234", "quick": False, "command": "scripts/bench",
       "machine": {"cpus": 2, "model": "A & B", "memory_mib": 4096, "system": "Linux 6", "load": "0.1 0.1 0.1"},
       "versions": {"gRPC C++": "1.51.1"}}


def compared(key="P1", measure="time", ours=(1.0, 1.1, 1.2), theirs=(1.0, 1.0, 1.0), limit=1.2, peak=None):
    """A record of a comparison with rounds of so many seconds."""
    return {"kind": "paired", "key": key, "title": "one & all", "measure": measure, "units": 100, "unit": "lines",
            "commands": {"ours": "bin/ours", "theirs": "bin/theirs"}, "bars": {"theirs": limit}, "max_peak_mib": peak,
            "left_out": [], "peak_mib": {"ours": 10.0, "theirs": 5.0},
            "samples": {"ours": [[wall, wall] for wall in ours], "theirs": [[wall, wall] for wall in theirs]}}


def sliced(more_allocations=1):
    form = {"mode": "async", "rounds": 3, "in_flight": 64, "command": "bin/slices",
            "allocations_per_call": {"library": 10.0 + more_allocations, "stub": 10.0},
            "samples": {"time_ratio": [0.9, 1.0, 1.1], "cpu_ratio": [1.0, 1.0, 1.0],
                        "more_cpu_us_per_call": [-0.5, 0.5, 1.5]}}
    return {"kind": "slices", "key": "P5", "title": "library", "forms": [form],
            "bars": {"time_ratio": 1.03, "more_cpu_us_per_call": 1.0, "more_allocations_per_call": 1}}


def timed(allocations=0):
    row = {"operation": "Admission", "threads": 16, "limit_ns": 300, "nanoseconds": [90.0, 100.0], "allocations": [0, allocations]}
    return {"kind": "nanoseconds", "key": "P6", "title": "breaker", "command": "bin/breaker", "rows": [row]}


def held(grows_kib_each):
    """Memory sampled twenty times over a run of ten seconds."""
    samples = [[second / 2, 10_000 + second * grows_kib_each, 10_000 + second * grows_kib_each] for second in range(20)]
    run_of_ten = {"label": "assign", "units": 1000, "command": "awk | assign", "seconds": 10.0, "samples": samples}
    return {"kind": "memory", "key": "P8", "title": "memory", "flat_within_mib": 1.0, "runs": [run_of_ten]}


def curved(key="in-flight"):
    curve = scale.Curve(key, "lookups in flight")
    costs = curve.panel("CPU", "us", "lookups in flight")
    latencies = curve.panel("latency", "ms", "lookups in flight", logarithmic=True)
    for place, value in ((1, 30.0), (1, 32.0), (64, 10.0), (4096, 11.5)):
        costs.add(place, value)
        latencies.add(place, value / 100, "p50")
        latencies.add(place, value / 10, "p99")
    curve.shown("dispatchctl bench")
    return curve.finished()


class Verdicts(unittest.TestCase):
    def met(self, record):
        return [verdict.met for verdict in report.verdicts(record)]

    def test_time_must_not_exceed_a_bar_and_rate_must_reach_it(self):
        slower = {"ours": (2.0, 2.0, 2.0), "theirs": (1.0, 1.0, 1.0)}
        self.assertEqual(self.met(compared(limit=1.9, **slower)), [False])
        self.assertEqual(self.met(compared(limit=2.0, **slower)), [True])
        self.assertEqual(self.met(compared(measure="rate", limit=0.6, **slower)), [False])
        self.assertEqual(self.met(compared(measure="rate", limit=0.5, **slower)), [True])

    def test_what_counts_is_the_median_of_the_ratios_within_rounds(self):
        drifting = compared(ours=(1.0, 10.0, 3.0), theirs=(1.0, 10.0, 1.0), limit=1.1)
        self.assertEqual(report.ratios(drifting, "theirs"), [1.0, 1.0, 3.0])
        self.assertEqual(self.met(drifting), [True])

    def test_peak_memory_has_a_bar_too(self):
        self.assertEqual(self.met(compared(peak=10)), [True, False])
        self.assertEqual(self.met(compared(peak=11)), [True, True])

    def test_one_allocation_more_is_allowed(self):
        self.assertEqual(self.met(sliced(1)), [True, True, True])
        self.assertEqual(self.met(sliced(2)), [True, True, False])

    def test_the_breaker_allocates_nothing(self):
        self.assertEqual(self.met(timed(0)), [True, True])
        self.assertEqual(self.met(timed(1)), [True, False])

    def test_memory_is_flat_or_not(self):
        self.assertEqual(self.met(held(0)), [True])
        self.assertEqual(self.met(held(50)), [True])
        self.assertEqual(self.met(held(70)), [False])
        warm, growth = memory.growth_mib(held(1024)["runs"][0])
        # Sampled every half second: after a tenth of the run, two had grown.
        self.assertAlmostEqual(warm, 10_000 / 1024 + 2)
        self.assertAlmostEqual(growth, 17)


class Tables(unittest.TestCase):
    def test_a_missed_bar_stands_out(self):
        text = "\n".join(report.section(compared(limit=1.0)))
        self.assertIn("ours's time over theirs's: 1.100; bar: <= 1: **missed** (3 rounds", text)
        self.assertIn("    bin/theirs", text)
        self.assertIn("| P1 | one & all: ours's time over theirs's | 1.100 (3 rounds, middle half 1.050 to 1.150) | <= 1.2 | met |",
                      report.summary([compared(limit=1.2)]))

    def test_what_was_left_out_is_named(self):
        left_out = {"kind": "left out", "key": "P7", "title": "servers", "left_out": bars.Peers().missing("go", "buf")}
        text = "\n".join(report.section(left_out))
        for name in ("go", "buf"):
            self.assertIn(f"Not compared: {bars.Peers.REASONS[name]}.", text)

    def test_a_curve_has_a_row_for_each_place(self):
        rows = report.curve_table(curved()).splitlines()
        self.assertEqual(rows[0], "| lookups in flight | CPU, us | latency: p50, ms | latency: p99, ms |")
        self.assertEqual(rows[2], "| 1 | 31 | 0.31 | 3.1 |")
        self.assertEqual(rows[-1], "| 4,096 | 11.5 | 0.115 | 1.15 |")


class Pictures(unittest.TestCase):
    def drawn(self, *records):
        """The picture's root; it must be well-formed, and all of it inside its frame."""
        root = xml.etree.ElementTree.fromstring("\n".join(plots.picture(records)))
        _, _, width, height = (float(number) for number in root.get("viewBox").split())
        for element in root.iter():
            for name, most in (("x", width), ("x1", width), ("x2", width), ("cx", width), ("y", height), ("y1", height),
                               ("y2", height), ("cy", height)):
                if element.get(name) is not None:
                    self.assertTrue(0 <= float(element.get(name)) <= most, element.attrib)
        return root

    @staticmethod
    def words(root):
        return [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]

    @staticmethod
    def count(root, name):
        return sum(1 for _ in root.iter("{http://www.w3.org/2000/svg}" + name))

    def test_each_round_is_a_dot(self):
        root = self.drawn(compared(), compared(measure="rate", ours=(1, 2, 3, 4), theirs=(9, 9, 9, 9), limit=8))
        self.assertEqual(self.count(root, "circle"), 3 + 4 + 1)  # and the one that says what it is
        self.assertIn("<= 1.2", self.words(root))
        self.assertIn(">= 8", self.words(root))
        self.assertIn("P1, one & all: ours's time over the other's", self.words(root))

    def test_many_rounds_are_thinned(self):
        many = [1.0 + number / 1000 for number in range(600)]
        self.assertLessEqual(self.count(self.drawn(compared(ours=many, theirs=[1.0] * 600)), "circle"), plots.DOTS + 1)

    def test_slices_and_nanoseconds(self):
        self.assertEqual(sum(word.startswith("P5, ") for word in self.words(self.drawn(sliced()))), 3)
        self.assertIn("Admission, 16 threads", self.words(self.drawn(timed())))

    def test_memory_over_time(self):
        root = self.drawn(held(10))
        self.assertEqual(self.count(root, "polyline"), 1)
        self.assertTrue(any(word.startswith("bar: ") for word in self.words(root)))

    def test_a_curve_has_a_panel_for_each_quantity(self):
        root = self.drawn(curved())
        self.assertEqual(self.count(root, "polyline"), 3)
        self.assertEqual(self.count(root, "circle"), 3 * 4)
        for word in ("CPU, us", "latency, ms", "4,096", "p50", "p99"):
            self.assertIn(word, self.words(root))

    def test_nothing_to_draw_where_nothing_was_compared(self):
        self.assertIsNone(plots.picture([{"kind": "left out", "key": "P7", "title": "servers", "left_out": []}]))

    def test_scales(self):
        self.assertAlmostEqual(svg.Logarithmic(1, 100).share(10), 0.5)
        self.assertEqual(svg.Linear(0, 10).share(20), 1)
        self.assertEqual([svg.brief(value) for value in (0.25, 64, 1500, 2e6)], ["0.25", "64", "1,500", "2M"])
        self.assertEqual([svg.binary(value) for value in (20, 1024, 1 << 20)], ["20 B", "1 KiB", "1 MiB"])
        self.assertEqual([f"{step:.3g}" for step in svg.round_steps(0.93, 1.27)], ["0.95", "1", "1.05", "1.1", "1.15", "1.2", "1.25"])
        for values in ([3, 700], [0.011, 0.019], [5, 5], [1e-6, 1e6]):
            found = svg.decades(values)
            self.assertLessEqual(found.low, min(values))
            self.assertGreaterEqual(found.high, max(values))
            self.assertGreaterEqual(len(found.ticks()), 2)
            self.assertGreaterEqual(svg.rounded(values).high, max(values))


class Page(unittest.TestCase):
    TEXT = ("Mine.\n\n<!-- machine: measured -->\n<!-- machine: end -->\n<!-- bars: measured -->\nold\n<!-- bars: end -->\n"
            "<!-- P1: measured -->\nold\n<!-- P1: end -->\nMine too.\n<!-- P4: measured -->\nkept\n<!-- P4: end -->\n"
            "<!-- in-flight: measured -->\n<!-- in-flight: end -->\n")

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.page = self.folder / "page.md"
        self.page.write_text(self.TEXT, encoding="utf-8")

    def measured(self, *records, name="measured.jsonl"):
        path = self.folder / name
        path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
        return path

    def make(self, *files, **options):
        make_page.make(files, self.page, self.folder / "images", **options)
        return self.page.read_text(encoding="utf-8")

    def test_measured_parts_are_replaced_and_nothing_else(self):
        text = self.make(self.measured(RUN, compared(), curved()))
        self.assertNotIn("old", text)
        self.assertTrue(text.startswith("Mine.\n\n<!-- machine: measured -->\n- 2026-01-02T03:04Z: P1, in-flight, commit abc1234"))
        self.assertIn("Mine too.\n<!-- P4: measured -->\nkept\n<!-- P4: end -->", text)
        self.assertIn("<!-- P1: measured -->\n![P1: one & all](images/performance-p1.svg)\n", text)
        for name in ("performance-p1.svg", "performance-in-flight.svg"):
            xml.etree.ElementTree.parse(self.folder / "images" / name)
        self.assertEqual(text, self.make(self.measured(RUN, compared(), curved())), "the same again is the same page")

    def test_a_later_run_replaces_the_earlier_ones_bar(self):
        later = {**RUN, "commit": "def5678"}
        text = self.make(self.measured(RUN, compared(), curved()),
                         self.measured(later, compared(ours=(5.0,), theirs=(1.0,)), name="later.jsonl"))
        self.assertIn("time over theirs's: 5.000", text)
        self.assertNotIn("1.100", text)
        self.assertIn("in-flight, commit abc1234", text)
        self.assertIn("P1, commit def5678", text)

    def test_a_look_is_no_measurement(self):
        look = self.measured({**RUN, "quick": True}, compared())
        with self.assertRaisesRegex(make_page.Unusable, "--quick"):
            self.make(look)
        self.assertEqual(self.page.read_text(encoding="utf-8"), self.TEXT)
        self.assertIn("--quick: a look", self.make(look, allow_quick=True))

    def test_a_page_without_a_place_is_left_alone(self):
        with self.assertRaisesRegex(ValueError, "no part 'P7'"):
            self.make(self.measured(RUN, compared(key="P7")))
        self.page.write_text(self.TEXT.replace("<!-- P1: end -->", ""), encoding="utf-8")
        with self.assertRaisesRegex(ValueError, "no part 'P1'"):
            self.make(self.measured(RUN, compared()))
        self.assertFalse((self.folder / "images").exists())

    def test_nothing_measured(self):
        with self.assertRaisesRegex(make_page.Unusable, "nothing was measured"):
            self.make(self.measured(RUN))

    def test_the_documentation_has_a_place_for_everything(self):
        text = (make_page.ROOT / "docs/performance.md").read_text(encoding="utf-8")
        places = re.findall(r"^<!-- (\S+): measured -->$", text, re.MULTILINE)
        self.assertCountEqual(places, ["machine", "bars", *bars.BARS, *scale.CURVES])


class Arguments(unittest.TestCase):
    def keys(self, *words):
        return run.parse_arguments(words).keys

    def test_what_is_measured(self):
        self.assertEqual(self.keys(), list(bars.BARS))
        self.assertEqual(self.keys("--scale"), list(scale.CURVES))
        self.assertEqual(self.keys("--write-docs"), [*bars.BARS, *scale.CURVES])
        self.assertEqual(self.keys("--only", "P2,memory", "--only", "P4", "--write-docs"), ["P2", "memory", "P4"])

    def test_what_cannot_be(self):
        for words, reason in ((("--only", "P9"), "not 'P9'"), (("--rounds", "0"), "at least 1"),
                              (("--quick", "--write-docs"), "--quick is a look")):
            errors = io.StringIO()
            with contextlib.redirect_stderr(errors), self.assertRaises(SystemExit) as ended:
                run.parse_arguments(words)
            self.assertEqual(ended.exception.code, 2)
            self.assertIn(reason, errors.getvalue())


class Inputs(unittest.TestCase):
    def test_messages_have_the_size_they_should(self):
        for size in (size for size in scale.Amounts().message_sizes if size <= scale.LONGEST_UPDATE):
            fields = json.loads(scale.update_line(7, size))
            wire = sum(1 + scale.varint_bytes(len(value)) + len(value) for value in fields.values())
            self.assertLessEqual(wire, size)
            self.assertGreaterEqual(wire, size - 2)

    def test_lines_have_the_size_they_should(self):
        for size in scale.Amounts().line_sizes:
            line = scale.padded_line(7, size)
            self.assertEqual(len(line), size)
            self.assertEqual(json.loads(line)["destination_zone"], "zone-1")


class Buf(unittest.TestCase):
    """npm's buf is a program of Node's that starts the real one."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        paths = unittest.mock.patch.dict(os.environ, {"PATH": str(self.folder / "bin")})
        paths.start()
        self.addCleanup(paths.stop)

    def program(self, path, content):
        path = self.folder / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(stat.S_IRWXU)
        return path

    def test_the_program_that_npm_starts_is_compared_with(self):
        starter = self.program("node_modules/@bufbuild/buf/bin/buf", b"#!/usr/bin/env node\n")
        (self.folder / "bin").mkdir()
        (self.folder / "bin/buf").symlink_to(starter)
        self.assertIsNone(bars.find_buf())
        real = self.program("node_modules/@bufbuild/buf-linux-x64/bin/buf", b"\x7fELF...")
        self.assertEqual(bars.find_buf(), str(real))

    def test_buf_itself(self):
        self.assertIsNone(bars.find_buf())
        real = self.program("bin/buf", b"\x7fELF...")
        self.assertEqual(bars.find_buf(), str(real))


if __name__ == "__main__":
    unittest.main()
