"""Traces and metrics of a run, as an OTLP receiver gets them, and the trace that a run belongs to."""

import http.server
import json
import os
import shutil
import subprocess
import threading

import pytest

from helpers import records

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
LOOKUP = "dispatchpb.DispatchGateway.GetCourierStatus"

needs_plugin = pytest.mark.skipif(
    os.environ["DISPATCHCTL_TEST_TELEMETRY"] != "1",
    reason="the telemetry plugin is not built: opentelemetry-cpp is not installed (scripts/setup --otel)")


class Receiver:
    """Takes OTLP over HTTP, as a collector does."""

    def __init__(self):
        self.requests = []
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.requests.append((self.path, dict(self.headers.items()), body))
                self.send_response(200)
                self.send_header("Content-Type", self.headers["Content-Type"])
                answer = b"{}" if self.headers["Content-Type"] == "application/json" else b""
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def bodies(self, path):
        return [json.loads(body) for seen, _, body in self.requests if seen == path]

    def spans(self):
        return [span for body in self.bodies("/v1/traces") for resource in body["resourceSpans"]
                for scope in resource["scopeSpans"] for span in scope["spans"]]

    def resources(self, path="/v1/traces", key="resourceSpans"):
        return [attributes_of(resource["resource"]) for body in self.bodies(path) for resource in body[key]]

    def metrics(self):
        return {metric["name"]: metric for body in self.bodies("/v1/metrics")
                for resource in body["resourceMetrics"] for scope in resource["scopeMetrics"]
                for metric in scope["metrics"]}


def attributes_of(owner):
    return {entry["key"]: next(iter(entry["value"].values())) for entry in owner["attributes"]}


@pytest.fixture
def receiver():
    running = Receiver()
    yield running
    running.close()


@pytest.fixture
def environment(receiver):
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"}


def lookup(run, server, *arguments, env=None):
    done = run("lookup", "courier-42", "-s", server.address, *arguments, env=env)
    assert done.returncode == 0, done.stderr
    assert records(done)[0]["courier_id"] == "courier-42"
    return done


@needs_plugin
def test_a_lookup_is_a_span_with_a_child_for_each_attempt(run, start_mock, receiver, environment):
    server = start_mock("--fault", "status=UNAVAILABLE,first=1")
    done = lookup(run, server, env={**environment, "TRACEPARENT": PARENT})
    assert done.stderr == b""
    spans = {span["spanId"]: span for span in receiver.spans()}
    calls = [span for span in spans.values() if span["name"] == f"Sent.{LOOKUP}"]
    attempts = [span for span in spans.values() if span["name"] == f"Attempt.{LOOKUP}"]
    assert (len(calls), len(attempts)) == (1, 2)
    assert {span["traceId"] for span in spans.values()} == {PARENT.split("-")[1]}
    assert calls[0]["parentSpanId"] == PARENT.split("-")[2]
    assert {span["parentSpanId"] for span in attempts} == {calls[0]["spanId"]}
    assert [event["name"] for event in calls[0]["events"]] == ["backoff"]
    assert sorted(attributes_of(span)["rpc.grpc.status_code"] for span in attempts) == ["0", "14"]


@needs_plugin
def test_metrics_have_grpcs_names_and_buckets_for_seconds(run, mock, receiver, environment):
    lookup(run, mock, env=environment)
    metrics = receiver.metrics()
    started = metrics["grpc.client.attempt.started"]["sum"]["dataPoints"]
    assert [(point["asInt"], attributes_of(point)["grpc.target"]) for point in started] == [("1", mock.address)]
    for name in ("grpc.client.attempt.duration", "grpc.client.call.duration"):
        point = metrics[name]["histogram"]["dataPoints"][0]
        assert (metrics[name]["unit"], point["count"]) == ("s", "1")
        assert attributes_of(point)["grpc.status"] == "OK"
        assert 0.00001 in point["explicitBounds"]


@needs_plugin
def test_a_stream_is_a_span_with_its_story(run, mock, receiver, environment):
    done = run("assign", "-f", "-", "-s", mock.address, env=environment,
               stdin='{"assignment_id":"a-1","courier_id":"courier-42","destination_zone":"zone-7"}\n')
    assert done.returncode == 0, done.stderr
    call = next(span for span in receiver.spans() if span["name"].startswith("Sent."))
    assert [event["name"] for event in call["events"]] == ["stream opened", "stream ended"]


@needs_plugin
def test_the_service_is_named_by_the_environment_or_for_the_program(run, mock, receiver, environment):
    lookup(run, mock, env=environment)
    lookup(run, mock, env={**environment, "OTEL_SERVICE_NAME": "night-shift",
                           "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment=test"})
    first, second = receiver.resources()
    assert first["service.name"] == "dispatchctl"
    assert (second["service.name"], second["deployment.environment"]) == ("night-shift", "test")


@needs_plugin
def test_protobuf_is_spoken_unless_told_otherwise(run, mock, receiver):
    lookup(run, mock, env={"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url})
    seen = {path: (headers, body) for path, headers, body in receiver.requests}
    assert set(seen) == {"/v1/traces", "/v1/metrics"}
    for headers, _ in seen.values():
        assert headers["Content-Type"] == "application/x-protobuf"
    assert f"Sent.{LOOKUP}".encode() in seen["/v1/traces"][1]
    assert b"grpc.client.call.duration" in seen["/v1/metrics"][1]


@needs_plugin
def test_each_signal_can_be_had_alone(run, mock, receiver, environment):
    lookup(run, mock, env={**environment, "OTEL_METRICS_EXPORTER": "none"})
    assert {path for path, _, _ in receiver.requests} == {"/v1/traces"}
    receiver.requests.clear()
    lookup(run, mock, env={"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": f"{receiver.url}/elsewhere",
                           "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"})
    assert {path for path, _, _ in receiver.requests} == {"/elsewhere"}


@needs_plugin
def test_a_failed_lookup_is_exported_and_its_error_stays_the_last_line(run, mock, receiver, environment):
    done = run("lookup", "nobody", "-s", mock.address, env=environment)
    assert done.returncode == 69
    assert json.loads(done.stderr.decode().splitlines()[-1])["exit_code"] == 69
    call = next(span for span in receiver.spans() if span["name"] == f"Sent.{LOOKUP}")
    assert attributes_of(call)["rpc.grpc.status_code"] == "5"


@needs_plugin
def test_an_endpoint_that_is_not_there_is_told_and_changes_nothing(run, mock, receiver, environment):
    receiver.close()
    done = lookup(run, mock, env=environment)
    assert b"telemetry was not exported" in done.stderr


def test_nothing_is_exported_unless_an_endpoint_is_named(run, mock, receiver, environment):
    for env in ({}, {**environment, "OTEL_SDK_DISABLED": "True"},
                {**environment, "OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none"}):
        assert lookup(run, mock, env=env).stderr == b""
    assert receiver.requests == []


def test_nothing_of_opentelemetry_is_loaded_unless_an_endpoint_is_named(start, mock):
    running = start("assign", "-f", "-", "-s", mock.address)
    running.send('{"assignment_id":"a-1","courier_id":"courier-42","destination_zone":"zone-7"}\n')
    running.record()
    with open(f"/proc/{running.process.pid}/maps", encoding="utf-8") as maps:
        assert "opentelemetry" not in maps.read()


def test_a_plugin_that_is_not_there_is_told_and_changes_nothing(mock, environment, tmp_path):
    program = tmp_path / "bin" / "dispatchctl"
    program.parent.mkdir()
    shutil.copy(os.environ["DISPATCHCTL"], program)
    done = subprocess.run([program, "lookup", "courier-42", "-s", mock.address], capture_output=True, check=False,
                          env={"PATH": os.environ["PATH"], **environment})
    assert done.returncode == 0, done.stderr
    assert b"no telemetry is exported: " in done.stderr
    assert b"scripts/setup --otel" in done.stderr


def test_what_is_not_spoken_is_told(run, mock, environment):
    done = lookup(run, mock, env={**environment, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"})
    assert b"OTEL_EXPORTER_OTLP_PROTOCOL is 'grpc': only http/protobuf and http/json are spoken" in done.stderr
    done = lookup(run, mock, env={**environment, "OTEL_TRACES_EXPORTER": "zipkin", "OTEL_METRICS_EXPORTER": "none"})
    assert b"OTEL_TRACES_EXPORTER is 'zipkin'" in done.stderr


def seen_metadata(server):
    done = subprocess.run([os.environ["DISPATCH_MOCK"], "ctl", "--admin", server.admin, "-o", "json", "calls"],
                          capture_output=True, check=True)
    return done.stdout.decode()


def test_the_trace_of_the_environment_goes_with_each_call(run, start_mock):
    server = start_mock("--admin", "127.0.0.1:0")
    lookup(run, server, env={"TRACEPARENT": PARENT, "TRACESTATE": "vendor=1"})
    assert PARENT in seen_metadata(server)
    assert "vendor=1" in seen_metadata(server)


def test_a_trace_that_is_none_is_told_and_not_sent(run, start_mock):
    server = start_mock("--admin", "127.0.0.1:0")
    done = lookup(run, server, env={"TRACEPARENT": "00-not-a-trace"})
    assert b"TRACEPARENT and TRACESTATE are ignored: traceparent is not" in done.stderr
    assert "not-a-trace" not in seen_metadata(server)
