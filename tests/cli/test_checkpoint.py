"""--out, --continue and --ordered: a results file that survives its writer."""

import collections
import fcntl
import json
import os
import signal

import pytest

from helpers import error, records, sent_all, summary, update, updates, wait_for_lines

LINES = 50_000


def result_line(number, accepted=True):
    return json.dumps({"assignment_id": f"a-{number}", "accepted": accepted}, separators=(",", ":")) + "\n"


def ids(path):
    return [json.loads(line)["assignment_id"] for line in path.read_text().splitlines()]


@pytest.fixture
def out(tmp_path):
    return tmp_path / "results.ndjson"


def test_results_go_to_the_file_only(run, mock, out):
    result = run("assign", "-s", mock.address, "-f", "-", "--out", str(out), stdin=updates(500))
    assert (result.returncode, result.stdout, result.stderr) == (0, b"", b"")
    assert sorted(ids(out)) == sorted(f"a-{n}" for n in range(500))
    assert os.listdir(out.parent) == [out.name]


def test_the_output_format_holds_for_the_file_too(run, mock, out):
    assert run("assign", "-s", mock.address, "-f", "-", "--out", str(out), "-o", "json", stdin=updates(3)).returncode == 0
    assert len(json.loads(out.read_text())) == 3


def test_a_file_that_is_not_empty_is_left_alone(run, mock, out):
    out.write_text("precious\n")
    result = run("assign", "-s", mock.address, "-f", "-", "--out", str(out), stdin=updates(3))
    assert result.returncode == 2
    assert str(out) in error(result)["message"]
    assert "--continue" in error(result)["hint"]
    assert out.read_text() == "precious\n"


def test_continuing_with_nothing_starts(run, mock, out):
    for _ in range(2):
        result = run("assign", "-s", mock.address, "-f", "-", "--out", str(out), "--continue", "--summary", "json",
                     stdin=updates(100))
        assert result.returncode == 0
        assert sorted(ids(out)) == sorted(f"a-{n}" for n in range(100))
    assert (summary(result)["sent"], summary(result)["answered_before"]) == (0, 100)


@pytest.mark.parametrize("ordered", [[], ["--ordered"]])
@pytest.mark.parametrize("torn", ["", "{", result_line(3)[:-1], result_line(3)[:20], "\0" * 100,
                                  result_line(3)[:9] + "\0" * 5000 + result_line(4)])
def test_a_torn_end_is_cut_off(run, mock, out, torn, ordered):
    whole = "".join(result_line(n, accepted=False) for n in range(3))
    out.write_text(whole + torn)
    result = run("assign", "-s", mock.address, "-f", "-", "--out", str(out), "--continue", "--summary", "json", *ordered,
                 stdin=updates(6))
    assert result.returncode == 0, result.stderr
    assert out.read_text().startswith(whole)
    assert sorted(ids(out)) == [f"a-{n}" for n in range(6)]
    assert (summary(result)["sent"], summary(result)["answered_before"]) == (3, 3)
    assert (b"cut off" in result.stderr) == bool(torn)


def test_repeated_ids_are_counted(run, mock, out):
    out.write_text(result_line(1) * 2)
    result = run("assign", "-s", mock.address, "-f", "-", "--out", str(out), "--continue", "--summary", "json",
                 stdin=update(1) * 3 + update(2) * 2)
    assert result.returncode == 0
    assert summary(result)["sent"] == 3
    assert collections.Counter(ids(out)) == {"a-1": 3, "a-2": 2}


@pytest.mark.parametrize("ordered", [[], ["--ordered"]])
def test_a_reported_line_is_answered_too(run, mock, out, ordered):
    text = update(1) + "broken\n" + update(3) + '{"assignment_id":"a-4","courier_id":""}\n'
    command = ["assign", "-s", mock.address, "-f", "-", "--out", str(out), "--continue", "--bad-record", "report", *ordered]
    first = run(*command, stdin=text)
    written = out.read_text()
    assert len(written.splitlines()) == 4
    second = run(*command, "--summary", "json", stdin=text)
    assert first.returncode == second.returncode == 6
    assert out.read_text() == written
    assert (summary(second)["failed"], summary(second)["answered_before"]) == (2, 4)


def test_a_repaired_line_is_sent(run, mock, out):
    command = ["assign", "-s", mock.address, "-f", "-", "--out", str(out), "--continue", "--bad-record", "report"]
    assert run(*command, stdin=update(1) + "broken\n").returncode == 6
    assert run(*command, stdin=update(1) + update(2)).returncode == 0
    assert [json.loads(line).get("assignment_id") for line in out.read_text().splitlines()].count("a-2") == 1


@pytest.mark.parametrize("content", ["ASSIGNMENT_ID  ACCEPTED\na-1            true\n", update(1) * 2, "notes",
                                     result_line(1) + "\n" + result_line(2)])
def test_a_file_of_something_else_is_refused(run, mock, out, content):
    out.write_text(content)
    result = run("assign", "-s", mock.address, "-f", "-", "--out", str(out), "--continue", stdin=updates(3))
    assert result.returncode == 4
    assert f"{out}:" in error(result)["message"]
    assert out.read_text() == content


@pytest.mark.parametrize("arguments, said", [
    (["--continue"], "--out FILE"),
    (["--out", "-"], "standard output"),
    (["--out", "x", "--continue", "-o", "table"], "NDJSON only"),
    (["--in", "ndjson", "--csv-map", "x=courier_id"], "--csv-map is for CSV"),
    (["--out", "/dev/null", "--continue"], "not a regular file"),
])
def test_what_makes_no_sense(run, mock, arguments, said):
    result = run("assign", "-s", mock.address, "-f", "-", *arguments, stdin="")
    assert result.returncode == 2
    # With -o table, errors are for people.
    assert said in result.stderr.decode()


def test_a_dry_run_leaves_the_file_alone(run, out):
    result = run("assign", "-f", "-", "--out", str(out), "--dry-run", stdin=updates(3))
    assert result.returncode == 0
    assert not out.exists()


def test_two_runs_cannot_write_to_one_file(run, start, mock, out):
    running = start("assign", "-s", mock.address, "-f", "-", "--out", str(out))
    running.send(update(1))
    wait_for_lines(running, out, 1)
    result = run("assign", "-s", mock.address, "-f", "-", "--out", str(out), "--continue", stdin=updates(3))
    assert result.returncode == 1
    assert "another process is writing to it" in error(result)["message"]
    running.process.stdin.close()
    assert running.wait() == 0


def test_f38_a_full_disk_names_the_file(run, mock):
    result = run("assign", "-s", mock.address, "-f", "-", "--out", "/dev/full", stdin=updates(10))
    assert result.returncode == 1
    found = error(result)
    assert (found["kind"], found["phase"]) == ("output", "output")
    assert "/dev/full" in found["message"] and "No space left" in found["message"]


def test_f38_a_disk_that_fills_up_keeps_what_was_written(run, mock, out):
    command = ["assign", "-s", mock.address, "-f", "-", "--out", str(out), "--continue"]
    limited = ["sh", "-c", 'ulimit -f 8; trap "" XFSZ; exec "$@"', "sh"]
    result = run(*command, stdin=updates(5000), prefix=limited)
    assert result.returncode == 1
    found = error(result)
    assert str(out) in found["message"] and "File too large" in found["message"]
    assert "--continue" in found["hint"]
    assert 0 < out.stat().st_size <= 8 * 512
    assert run(*command, stdin=updates(5000)).returncode == 0
    assert sorted(ids(out)) == sorted(f"a-{n}" for n in range(5000))


@pytest.mark.parametrize("path", ["/nonexistent/results", "/"])
def test_f38_a_file_that_cannot_be_made(run, mock, path):
    result = run("assign", "-s", mock.address, "-f", "-", "--out", path, stdin=updates(3))
    assert result.returncode == 1
    assert path in error(result)["message"]


def test_a_closed_stdout_does_not_matter(mock, run, out):
    result = run("assign", "-s", mock.address, "-f", "-", "--out", str(out), stdin=updates(3),
                 prefix=["sh", "-c", 'exec "$@" >&-', "sh"])
    assert result.returncode == 0
    assert len(ids(out)) == 3


def test_rejections_of_an_earlier_run_count(run, mock, out):
    out.write_text(result_line(1, accepted=False))
    result = run("assign", "-s", mock.address, "-f", "-", "--out", str(out), "--continue", "--fail-on", "rejected",
                 stdin=update(1))
    assert result.returncode == 7
    assert "1 assignment rejected" in error(result)["message"]


def test_results_of_another_input_are_told(run, mock, out):
    out.write_text(result_line(1) + result_line(7))
    result = run("assign", "-s", mock.address, "-f", "-", "--out", str(out), "--continue", stdin=update(1))
    assert result.returncode == 0
    assert b"1 result in" in result.stderr and b"answer nothing in this input" in result.stderr


def test_ordered_results_come_in_the_order_of_the_input(run, start_mock):
    server = start_mock("--fault", "reorder=7")
    plain = run("assign", "-s", server.address, "-f", "-", stdin=updates(2000))
    assert [record["assignment_id"] for record in records(plain)] != [f"a-{n}" for n in range(2000)]
    text = updates(1000) + "broken\n" + "".join(update(number) for number in range(1000, 2000))
    for window in ("10", "4096"):
        result = run("assign", "-s", server.address, "-f", "-", "--ordered", "--window", window, "--bad-record", "report",
                     "--detail", stdin=text)
        assert result.returncode == 6, result.stderr
        assert [record["line"] for record in records(result)] == list(range(1, 2002))
        assert [record["assignment_id"] for record in records(result) if "error" not in record] == [
            f"a-{n}" for n in range(2000)]
        assert all(record["endpoint"] == server.address for record in records(result) if "error" not in record)


def test_ordered_results_after_one_that_is_missing(start, start_mock, run, mock, out):
    """Printed they follow it; in the file they wait for it."""
    arguments = ["assign", "-f", "-", "--ordered", "--drain-timeout", "3s"]
    server = start_mock("--fault", "drop-result=1,assignment_id=a-1")
    for to_file in ([], ["--out", str(out), "--summary", "json"]):
        running = start(*arguments, "-s", server.address, *to_file)
        running.send(updates(3))
        sent_all(running)
        running.process.send_signal(signal.SIGTERM)
        assert running.wait() == -signal.SIGTERM
        notes = running.rest_of_notes()
        assert "1 assignment unacknowledged" in notes[-1]
        if to_file:
            assert ids(out) == ["a-0"]
            assert any("1 result not written" in note for note in notes)
        else:
            assert [json.loads(line)["assignment_id"] for line in running.rest_of_lines()] == ["a-0", "a-2"]
    result = run(*arguments, "-s", mock.address, "--out", str(out), "--continue", stdin=updates(3))
    assert result.returncode == 0
    assert ids(out) == ["a-0", "a-1", "a-2"]


def test_an_ordered_file_must_be_of_this_input(run, mock, out):
    out.write_text(result_line(1) + result_line(0))
    command = ["assign", "-s", mock.address, "-f", "-", "--out", str(out), "--continue"]
    result = run(*command, "--ordered", stdin=updates(3))
    assert result.returncode == 4
    assert f'stdin:1: {out}:1 answers "a-1", not "a-0"' in error(result)["message"]
    assert len(ids(out)) == 2
    assert run(*command, stdin=updates(3)).returncode == 0
    assert ids(out) == ["a-1", "a-0", "a-2"]


@pytest.mark.parametrize("ordered", [[], ["--ordered"]])
def test_killed_ten_times_it_answers_each_line_once(start, run, start_mock, tmp_path, out, ordered):
    """With repeated ids and bad lines among them, and a server whose results come out of order."""
    server = start_mock("--fault", "reorder=3")
    expected = []
    source = tmp_path / "assignments"
    with open(source, "w", encoding="utf-8") as file:
        for number in range(LINES):
            if number % 1000 == 999:
                file.write("broken\n")
                expected.append(number + 1)
            else:
                file.write(update(number % 20_000))
                expected.append(f"a-{number % 20_000}")
    command = ["assign", "-s", server.address, "-f", str(source), "--out", str(out), "--continue", "--bad-record", "report",
               *ordered]
    for kill in range(1, 11):
        # Slow enough that none of them comes to the end before it is killed.
        running = start(*command, "--rate", "40000/s")
        wait_for_lines(running, out, kill * LINES // 12)
        running.process.kill()
        assert running.wait() == -signal.SIGKILL
    result = run(*command, "--summary", "json")
    assert result.returncode == 6, result.stderr
    assert summary(result)["answered_before"] >= 10 * LINES // 12
    found = [json.loads(line) for line in out.read_text().splitlines()]
    answers = [record.get("assignment_id", record.get("line")) for record in found]
    if ordered:
        assert answers == expected
    else:
        assert collections.Counter(answers) == collections.Counter(expected)
    decisions = collections.defaultdict(set)
    for record in found:
        if "error" not in record:
            decisions[record["assignment_id"]].add(record["accepted"])
    assert all(len(each) == 1 for each in decisions.values())


def test_a_lock_dies_with_its_process(start, run, mock, out):
    running = start("assign", "-s", mock.address, "-f", "-", "--out", str(out))
    running.send(update(1))
    wait_for_lines(running, out, 1)
    running.process.kill()
    running.wait()
    with open(out, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert run("assign", "-s", mock.address, "-f", "-", "--out", str(out), "--continue", stdin=updates(3)).returncode == 0
    assert sorted(ids(out)) == ["a-0", "a-1", "a-2"]
