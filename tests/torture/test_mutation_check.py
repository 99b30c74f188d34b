"""The check of the tests is checked itself: on a toy whose one gap is known, so that it cannot report a success that
it has not seen."""

import json
import subprocess
import sys
from pathlib import Path

import mutation_check
import pytest
from mutation_points import mutants_of, switched

HERE = Path(__file__).resolve().parent

SOURCE = """\
#include "door.h"

bool MayEnter(int inside, int most) {
  if (most <= 0) return true;
  return inside < most;
}
"""
TESTS_BUT_OF_A_FULL_ROOM = """\
#include "door.h"

int main() {
  const bool right = MayEnter(9, 0) && MayEnter(0, 1) && !MayEnter(5, 1) && !MayEnter(6, 5);
  return right ? 0 : 1;
}
"""
GAP = {"line": 5, "before": "return inside < most;", "after": "return inside <= most;"}
PIECES = """\
copy = ["src"]
include = ["src"]
[[piece]]
name = "door"
program = "door_test"
mutate = ["src/door.cc"]
tests = ["src/door_test.cc"]
"""


class Toy:
    def __init__(self, directory):
        self.root = directory
        (directory / "src").mkdir()
        self.write("src/door.h", "#pragma once\nbool MayEnter(int inside, int most);\n")
        self.write("src/door.cc", SOURCE)
        self.write("src/door_test.cc", TESTS_BUT_OF_A_FULL_ROOM)
        self.write("pieces.toml", PIECES)
        self.write("equivalents.toml", "")

    def write(self, name, text):
        (self.root / name).write_text(text)

    def call_equivalent(self, line, becomes, more=""):
        self.write("equivalents.toml", f'[[equivalent]]\nfile = "src/door.cc"\nline = "{line}"\n'
                                       f'becomes = "{becomes}"\nreason = "known"\n{more}')

    def check(self, *arguments):
        result = subprocess.run(
            [sys.executable, HERE / "mutation_check.py", "--root", self.root, "--pieces", self.root / "pieces.toml",
             "--equivalents", self.root / "equivalents.toml", "--json", self.root / "report.json", *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        return result.returncode, result.stdout

    def report(self):
        return json.loads((self.root / "report.json").read_text())


@pytest.fixture
def toy(tmp_path):
    return Toy(tmp_path)


def changes(text):
    return {(mutant.before, mutant.after) for mutant in mutants_of(text)}


def test_names_the_one_decision_that_no_test_looks_at(toy):
    status, output = toy.check()
    assert status == 9, output
    assert "src/door.cc:5: return inside < most;" in output
    report = toy.report()
    assert report["pieces"][0]["files"][0]["survivors"] == [GAP]
    assert (report["mutants"], report["killed"], report["survived"]) == (7, 6, 1)
    assert toy.root.joinpath("src/door.cc").read_text() == SOURCE


def test_passes_when_the_gap_is_closed_or_is_none(toy):
    toy.call_equivalent(GAP["before"], GAP["after"])
    status, output = toy.check()
    assert status == 0, output
    assert toy.report()["equivalent"] == 1
    toy.write("equivalents.toml", "")
    toy.write("src/door_test.cc", TESTS_BUT_OF_A_FULL_ROOM.replace("MayEnter(0, 1)", "MayEnter(0, 1) && !MayEnter(5, 5)"))
    status, output = toy.check()
    assert status == 0, output
    assert toy.report()["killed"] == 7


def test_says_nothing_of_sources_whose_tests_fail_as_they_are(toy):
    toy.write("src/door_test.cc", TESTS_BUT_OF_A_FULL_ROOM.replace("? 0 : 1", "? 1 : 0"))
    status, output = toy.check()
    assert (status, "fail without a mutant" in output) == (1, True), output


@pytest.mark.parametrize("line, becomes, more, complaint", [
    ("return inside > most;", "return inside >= most;", "", "there is no such mutant"),
    ("return inside < most;", "return inside <= most;", "nth = 2\n", "there is no such mutant"),
])
def test_refuses_a_list_of_equivalents_that_the_sources_have_outgrown(toy, line, becomes, more, complaint):
    toy.call_equivalent(line, becomes, more)
    status, output = toy.check("--list")
    assert (status, complaint in output) == (2, True), output


def test_wants_to_know_which_of_two_equal_lines_is_meant(toy):
    toy.write("src/door.cc", SOURCE + SOURCE.partition("\n\n")[2].replace("MayEnter", "MayLeave"))
    toy.call_equivalent(GAP["before"], GAP["after"])
    status, output = toy.check("--list")
    assert (status, "there are 2 of them" in output) == (2, True), output
    toy.call_equivalent(GAP["before"], GAP["after"], "nth = 2\n")
    status, output = toy.check("--list")
    assert (status, output.count("equivalent: ")) == (0, 1), output


def test_draws_the_same_sample_for_the_same_seed(toy):
    samples = [toy.check("--list", "--sample", "3", "--seed", seed)[1] for seed in ("4", "4", "5")]
    assert [len(sample.splitlines()) for sample in samples] == [3, 3, 3]
    assert samples[0] == samples[1] != samples[2]


def test_refuses_what_it_does_not_know(toy):
    assert toy.check("--only", "src/window.cc")[0] == 2


def test_ends_a_program_that_does_not_end():
    assert mutation_check.run_bounded(["sh", "-c", "while :; do :; done"], 600, 1, {}) == "did not end"
    assert mutation_check.run_bounded(["sleep", "600"], 0.1, 60, {}) == "did not end"
    assert mutation_check.run_bounded(["sh", "-c", "kill -SEGV $$"], 600, 60, {}) == "crashed"
    assert mutation_check.run_bounded(["false"], 600, 60, {}) == "failed"
    assert mutation_check.run_bounded(["true"], 600, 60, {}) == "survived"


def test_breaks_each_kind_of_decision():
    assert changes("void F() {\n  if (a && !b) return;\n}\n") == {
        ("if (a && !b) return;", after) for after in (
            "if (false) return;", "if (true) return;", "if (a || !b) return;", "if (a && b) return;")}
    assert changes("int F() {\n  return std::min(a + 1, b);\n}\n") == {
        ("return std::min(a + 1, b);", after) for after in (
            "return std::max(a + 1, b);", "return std::min(a - 1, b);", "return std::min(a + 2, b);")}
    assert ("a_ = b;", ";") in changes("void F() {\n  a_ = b;\n}\n")
    assert ("int a = b;", ";") not in changes("void F() {\n  int a = b;\n}\n")
    assert ("return a ? b : c;", "return a && false ? b : c;") in changes("int F() {\n  return a ? b : c;\n}\n")
    assert ("return Verdict::kGood;", "return Verdict::kBad;") in changes(
        "Verdict F() {\n  if (a) return Verdict::kBad;\n  return Verdict::kGood;\n}\n")
    assert ("case Verdict::kBad:", "") in changes(
        "int F() {\n  switch (v) {\n    case Verdict::kBad:\n      return 1;\n  }\n  return 0;\n}\n")


def test_leaves_alone_what_decides_nothing():
    assert not changes("""\
#include <a>
#define LIMIT 3
// a < b && true
/* if (a) return 1; */
static_assert(sizeof(int) == 4);
struct S {
  virtual int F() const = 0;
  bool operator==(const S& other) const;
};
std::vector<std::pair<int, bool>> v;
const char* text = "a < 1";
void F(S&& s) {
  v.reserve(n);
}
""")


def test_a_program_of_all_mutants_keeps_every_line_where_it_was():
    text = (HERE.parent.parent / "sdk/src/call/hedge_plan.cc").read_text()
    numbered = {number: mutant for number, mutant in enumerate(mutants_of(text), 1) if mutant.switch}
    assert len(numbered) > 50
    result = switched(text, numbered)
    assert len(result.splitlines()) == len(text.splitlines())
    assert all(f"<{number}" in result or f"({number})" in result or f", {number}>" in result for number in numbered)


def test_the_lists_fit_the_sources():
    status = subprocess.run([sys.executable, HERE / "mutation_check.py", "--list"], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    assert status.returncode == 0, status.stderr
    assert len(status.stdout.splitlines()) > 1000
