"""Each command in pipes, on a terminal and in the shell, held against what is promised of it."""

import csv
import io
import json
import os
import shutil
import socket
import subprocess

import jsonschema
import pytest

from conftest import PATIENCE, clean_environment
from helpers import error, updates
from test_terminal import on_terminal, plain

COURIER = ["courier_id", "transport_mode", "availability", "current_zone"]
ENDPOINT = ["address", "state", "breaker", "in_flight", "latency_us", "successes", "failures", "rejections", "slow",
            "last_error"]
ENDPOINT_TABLE = ["ADDRESS", "STATE", "BREAKER", "IN_FLIGHT", "LATENCY", "SUCCESSES", "FAILURES"]

# Arguments, what is on standard input, the schema of a record, how many there are, the columns of CSV and of tables.
COMMANDS = [
    pytest.param(["lookup", "courier-42"], "", "lookup_record", 1, COURIER, COURIER, id="lookup"),
    pytest.param(["lookup", "courier-1", "-f", "-"], "courier-2\ncourier-3\n", "lookup_record", 3, COURIER, COURIER,
                 id="lookup-many"),
    pytest.param(["lookup", "courier-1", "--watch", "--until", "transport_mode=car"], "", "lookup_record", 1,
                 ["time", *COURIER], ["time", *COURIER], id="lookup-watch"),
    pytest.param(["assign", "-f", "-", "--summary", "none"], updates(3), "assign_record", 3,
                 ["assignment_id", "accepted", "line"], ["assignment_id", "accepted"], id="assign"),
    pytest.param(["assign", "-f", "-", "--detail", "--summary", "none"], updates(2), "assign_record", 2,
                 ["assignment_id", "accepted", "courier_id", "destination_zone", "line", "latency_us", "attempt", "endpoint"],
                 ["assignment_id", "accepted", "courier_id", "destination_zone", "line", "latency_us", "attempt", "endpoint"],
                 id="assign-detail"),
    pytest.param(["endpoints"], "", "endpoint_record", 1, ENDPOINT, ENDPOINT_TABLE, id="endpoints"),
    pytest.param(["health"], "", "health_record", 1, ["endpoint", "service", "status", "elapsed_us"],
                 ["endpoint", "status", "elapsed"], id="health"),
    pytest.param(["doctor"], "", "doctor_record", 5,
                 ["phase", "endpoint", "ok", "elapsed_us", "expires", "detail", "hint"],
                 ["phase", "endpoint", "ok", "elapsed", "detail"], id="doctor"),
]
PARAMETERS = "arguments, text, schema, count, columns, headings"


@pytest.fixture(scope="session")
def schemas():
    with open(os.environ["DISPATCHCTL_TEST_SCHEMAS"], encoding="utf-8") as file:
        schema = json.load(file)
    jsonschema.Draft202012Validator.check_schema(schema)
    # Published, they let later fields pass. What this version prints they must know.
    def close(part):
        if isinstance(part, dict):
            if "properties" in part:
                part["additionalProperties"] = False
            for each in part.values():
                close(each)
        elif isinstance(part, list):
            for each in part:
                close(each)
    close(schema["$defs"])
    return schema


@pytest.fixture
def valid(schemas):
    def check(instance, definition):
        jsonschema.validate(instance, {**schemas, "$ref": f"#/$defs/{definition}"},
                            cls=jsonschema.Draft202012Validator)
    return check


@pytest.mark.parametrize(PARAMETERS, COMMANDS)
def test_in_a_pipe(run, mock, valid, arguments, text, schema, count, columns, headings):
    result = run(*arguments, "-s", mock.address, stdin=text.encode())
    assert result.returncode == 0
    assert result.stderr == b""
    lines = result.stdout.decode().splitlines(keepends=True)
    assert len(lines) == count
    for line in lines:
        assert line.endswith("\n")
        valid(json.loads(line), schema)


@pytest.mark.parametrize(PARAMETERS, COMMANDS)
def test_as_json(run, mock, valid, arguments, text, schema, count, columns, headings):
    result = run(*arguments, "-s", mock.address, "-o", "json", stdin=text.encode())
    assert result.returncode == 0
    found = json.loads(result.stdout)
    if arguments == ["lookup", "courier-42"]:
        found = [found]
    assert len(found) == count
    for record in found:
        valid(record, schema)


@pytest.mark.parametrize(PARAMETERS, COMMANDS)
def test_as_csv(run, mock, arguments, text, schema, count, columns, headings):
    result = run(*arguments, "-s", mock.address, "-o", "csv", stdin=text.encode())
    assert result.returncode == 0
    rows = list(csv.reader(io.StringIO(result.stdout.decode(), newline="")))
    assert rows[0] == [*columns, "error"]
    assert len(rows) == count + 1
    assert all(len(row) == len(rows[0]) and row[-1] == "" for row in rows[1:])


@pytest.mark.parametrize(PARAMETERS, COMMANDS)
def test_on_a_terminal(mock, arguments, text, schema, count, columns, headings):
    shown, code = on_terminal([*arguments, "-s", mock.address], stdin=text.encode())
    assert code == 0
    lines = plain(shown).splitlines()
    assert lines[0].split() == [heading.upper() for heading in headings]
    assert len(lines) == count + 1
    assert not any(line.endswith(" ") for line in lines)
    bare, _ = on_terminal([*arguments, "-s", mock.address], env={"NO_COLOR": "1"}, stdin=text.encode())
    assert "\x1b[" not in bare


@pytest.mark.parametrize(PARAMETERS, COMMANDS)
def test_without_a_server(run, valid, arguments, text, schema, count, columns, headings):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        target = f"127.0.0.1:{taken.getsockname()[1]}"
        if "--watch" in arguments:
            arguments = [*arguments, "--for", "50ms"]
        result = run(*arguments, "-s", target, stdin=text.encode())
        assert result.returncode == (7 if "--watch" in arguments else 5)
        last = json.loads(result.stderr.decode().splitlines()[-1])
        valid(last, "terminal_error")
        assert last["exit_code"] == result.returncode
        assert "refused" in last["error"]["message"]
        for line in result.stdout.decode().splitlines():
            valid(json.loads(line), schema)
        shown, _ = on_terminal([*arguments, "-s", target], stdin=text.encode())
    told = [line for line in plain(shown).splitlines() if line.startswith("dispatchctl: ")]
    assert told and told[-1].startswith(f"dispatchctl: {arguments[0]}: ")
    assert "--watch" in arguments or "hint: " in plain(shown)


def test_records_that_failed(run, mock, valid):
    result = run("lookup", "-s", mock.address, "-f", "-", "nobody", stdin=b"courier-1\n{}\n")
    assert result.returncode == 6
    for line in result.stdout.decode().splitlines():
        valid(json.loads(line), "lookup_record")
    result = run("assign", "-s", mock.address, "-f", "-", "--bad-record", "report", "--summary", "json",
                 stdin=(updates(1) + "{\n").encode())
    assert result.returncode == 6
    for line in result.stdout.decode().splitlines():
        valid(json.loads(line), "assign_record")
    lines = result.stderr.decode().splitlines()
    valid(json.loads(lines[-2]), "assign_summary")
    valid(json.loads(lines[-1]), "terminal_error")


def test_the_trace_and_the_version(run, start_mock, valid, tmp_path):
    mock = start_mock("--fault", "status=UNAVAILABLE,first=2")
    trace = tmp_path / "trace"
    assert run("lookup", "-s", mock.address, "courier-42", "--trace", str(trace)).returncode == 0
    events = [json.loads(line) for line in trace.read_text().splitlines()]
    for event in events:
        valid(event, "trace_event")
    assert "retry_delay" in {event["event"] for event in events}
    valid(json.loads(run("version", "-o", "json").stdout), "version")


@pytest.mark.parametrize("arguments", [["lookup"], ["lookup", "--concurrency", "2"], ["assign", "--streams", "2"],
                                       ["lookup", "nobody", "--threshold", "errors<=20"]])
def test_a_benchmark(run, mock, valid, arguments):
    limits = ["--count", "20"] if "--concurrency" in arguments else ["--count", "20", "--rps", "1000"]
    result = run("bench", *arguments, *limits, "-s", mock.address)
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    valid(report, "bench_report")
    assert report["total"] == 20
    shown, code = on_terminal(["bench", *arguments, *limits, "-s", mock.address])
    assert code == 0
    assert "total " in shown


@pytest.mark.parametrize("arguments", [["--help"], ["help"], ["version"], ["describe"], ["help", "formats"],
                                       ["lookup", "--help"]])
def test_what_needs_no_server_is_the_same_on_a_terminal(run, arguments):
    piped = run(*arguments)
    shown, code = on_terminal(arguments)
    assert piped.returncode == code == 0
    assert plain(shown) == piped.stdout.decode()


def shell(script, mock, tmp_path, **variables):
    """Runs a script with `dispatchctl` on its path."""
    (tmp_path / "bin").mkdir(exist_ok=True)
    (tmp_path / "bin" / "dispatchctl").unlink(missing_ok=True)
    (tmp_path / "bin" / "dispatchctl").symlink_to(os.environ["DISPATCHCTL"])
    environment = clean_environment({"DISPATCHCTL_SERVER": mock.address, **variables})
    environment["PATH"] = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    return subprocess.run(["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True,
                          timeout=PATIENCE, check=False, text=True)


def test_a_loop_keeps_its_standard_input(mock, tmp_path):
    (tmp_path / "ids").write_text("courier-1\ncourier-2\ncourier-3\n")
    result = shell('while read -r id; do dispatchctl lookup "$id" --fields courier_id; done < ids', mock, tmp_path)
    assert result.stdout == "".join(f'{{"courier_id":"courier-{n}"}}\n' for n in (1, 2, 3))
    assert result.stderr == ""


def test_many_at_once_do_not_tear_each_others_lines(mock, tmp_path):
    result = shell("seq 1 200 | sed s/^/courier-/ | xargs -P 8 -n 5 dispatchctl lookup", mock, tmp_path)
    assert result.returncode == 0, result.stderr
    found = {json.loads(line)["courier_id"] for line in result.stdout.splitlines()}
    assert found == {f"courier-{n}" for n in range(1, 201)}


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")
def test_into_jq(mock, tmp_path):
    result = shell("dispatchctl lookup courier-42 nobody | jq -r 'select(.error|not).current_zone'", mock, tmp_path)
    assert result.stdout == "zone-7\n"


def test_f36_into_head_and_tee(mock, tmp_path):
    (tmp_path / "updates").write_text(updates(50_000))
    result = shell("dispatchctl assign -f updates | head -1; echo ${PIPESTATUS[0]}", mock, tmp_path)
    first, status = result.stdout.splitlines()
    assert json.loads(first)["assignment_id"]
    assert status == "141"
    result = shell("dispatchctl assign -f updates | tee copy | wc -l", mock, tmp_path)
    assert result.stdout.strip() == "50000"
    assert len((tmp_path / "copy").read_text().splitlines()) == 50_000


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
@pytest.mark.parametrize("command", ["lookup courier-42", "lookup courier-1 courier-2", "endpoints", "health", "doctor",
                                     "describe", "version", "--help", "assign -f updates"])
def test_f38_a_full_disk_is_told(mock, tmp_path, command):
    (tmp_path / "updates").write_text(updates(3))
    result = shell(f"dispatchctl {command} > /dev/full", mock, tmp_path)
    assert result.returncode == 1
    assert "No space left" in result.stderr


@pytest.mark.parametrize("command", ["lookup courier-42", "lookup courier-1 courier-2", "endpoints", "health", "doctor",
                                     "describe", "version"])
def test_descriptors_that_are_closed(mock, tmp_path, command):
    assert shell(f"dispatchctl {command} <&-", mock, tmp_path).returncode == 0
    without = shell(f"dispatchctl {command} >&-", mock, tmp_path)
    assert without.returncode == 1
    assert "stdout" in without.stderr
    assert shell(f"dispatchctl {command} 2>&-", mock, tmp_path).returncode == 0


def test_an_error_has_no_secret_in_it(run, mock):
    result = run("lookup", "-s", mock.address, "courier-42", "-H", "authorization: Bearer s3cret\x01")
    assert result.returncode == 2
    assert b"s3cret" not in result.stderr
    assert error(result)["kind"] == "usage"
