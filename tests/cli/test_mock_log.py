"""dispatch-mock's log lines, and the traces in them."""

import datetime
import json

import pytest

from conftest import PATIENCE
from helpers import updates

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"
TRACED = ("-H", f"traceparent: 00-{TRACE}-{SPAN}-01")


@pytest.fixture
def logged(start_mock, tmp_path):
    """Starts a server; the second thing stops it and gives its log's lines."""

    def start(*arguments):
        log = tmp_path / "log"
        with open(log, "wb") as errors:
            mock = start_mock(*arguments, stderr=errors)

        def lines():
            mock.terminate()
            assert mock.process.wait(PATIENCE) == 0
            return log.read_text().splitlines()

        return mock, lines

    return start


def calls(lines):
    return [record for record in map(json.loads, lines) if record["message"] == "call ended"]


def test_each_call_is_a_json_line_with_its_trace(run, logged):
    mock, lines = logged("--log-format", "json", "--log-calls", "all")
    assert run("lookup", "-s", mock.address, "courier-42", *TRACED).returncode == 0
    assert run("lookup", "-s", mock.address, "nobody", *TRACED).returncode == 69
    assert run("assign", "-s", mock.address, "-f", "-", stdin=updates(2)).returncode == 0
    found = lines()
    lookup, failed, assign = calls(found)
    datetime.datetime.fromisoformat(lookup["time"].replace("Z", "+00:00"))
    assert list(lookup) == ["time", "level", "message", "method", "code", "duration_ms", "peer", "listen", "trace_id",
                            "span_id"]
    assert (lookup["level"], lookup["method"], lookup["code"], lookup["listen"], lookup["trace_id"], lookup["span_id"]) == (
        "info", "dispatchpb.DispatchGateway/GetCourierStatus", "OK", 0, TRACE, SPAN)
    assert lookup["peer"].startswith("ipv4:127.0.0.1:") and lookup["duration_ms"] > 0
    assert (failed["level"], failed["code"], failed["error"], failed["trace_id"]) == (
        "warning", "NOT_FOUND", "courier nobody not found", TRACE)
    assert assign["method"] == "dispatchpb.DispatchGateway/StreamAssignments" and "trace_id" not in assign
    # Whatever else is logged is JSON too.
    assert json.loads(found[-1])["message"] == "stopped"


def test_failed_calls_alone(run, logged):
    mock, lines = logged("--log-format", "json", "--log-calls", "failed")
    assert run("lookup", "-s", mock.address, "courier-42").returncode == 0
    assert run("lookup", "-s", mock.address, "nobody").returncode == 69
    assert [call["code"] for call in calls(lines())] == ["NOT_FOUND"]


def test_no_calls_unless_asked(run, logged):
    mock, lines = logged("--log-format", "json")
    assert run("lookup", "-s", mock.address, "courier-42", *TRACED).returncode == 0
    assert calls(lines()) == []


@pytest.mark.parametrize("header", ["nonsense", f"00-{'0' * 32}-{SPAN}-01", f"ff-{TRACE}-{SPAN}-01",
                                    f"00-{TRACE.upper()}-{SPAN}-01"])
def test_a_header_that_is_none_is_left_out(run, logged, header):
    mock, lines = logged("--log-format", "json", "--log-calls", "all")
    assert run("lookup", "-s", mock.address, "courier-42", "-H", f"traceparent: {header}").returncode == 0
    call, = calls(lines())
    assert "trace_id" not in call and "span_id" not in call


def test_text_is_for_people(run, logged):
    mock, lines = logged("--log-calls", "all", "--metrics", "127.0.0.1:0")
    assert run("lookup", "-s", mock.address, "nobody", *TRACED).returncode == 69
    line = lines()[0]
    assert " warning call ended method=dispatchpb.DispatchGateway/GetCourierStatus code=NOT_FOUND " in line
    assert 'error="courier nobody not found"' in line
    assert line.endswith(f"listen=0 trace_id={TRACE} span_id={SPAN}")


def test_no_secret_is_logged(run, logged, tmp_path):
    tokens, token = tmp_path / "tokens", tmp_path / "token"
    tokens.write_text("opensesame lookup\n")
    token.write_text("letmein\n")
    token.chmod(0o600)
    mock, lines = logged("--log-calls", "all", "--token-file", str(tokens))
    refused = run("lookup", "-s", mock.address, "courier-42", "--token-file", str(token))
    assert refused.returncode == 80
    text = "\n".join(lines())
    assert "code=UNAUTHENTICATED" in text
    assert "letmein" not in text and "opensesame" not in text
