"""Python's grpcio as a server under dispatchctl, and as a client of dispatch-mock."""

import concurrent.futures
import queue
import signal
import threading

import pytest

from conftest import PATIENCE
from helpers import error, records, summary, update, updates

grpc = pytest.importorskip("grpc", reason="python3-grpcio is not installed (scripts/setup --interop)")

SERVICE = "dispatchpb.DispatchGateway"


@pytest.fixture
def python_server(generated):
    """The service in Python; what it saw of each call is in `calls`."""
    messages, services = generated

    class Gateway(services.DispatchGatewayServicer):
        def __init__(self):
            self.calls = queue.Queue()
            self.broken = threading.Event()

        def seen(self, context, event="call"):
            self.calls.put((event, dict(context.invocation_metadata()), context.time_remaining()))

        def GetCourierStatus(self, request, context):
            self.seen(context)
            context.send_initial_metadata((("x-served-by", "python"),))
            context.set_trailing_metadata((("x-trailer", "after"), ("x-data-bin", b"\x00\xff")))
            if request.courier_id == "slow":
                over = threading.Event()
                context.add_callback(over.set)
                assert over.wait(PATIENCE)
                self.calls.put(("over", {}, None))
            if request.courier_id == "broken":
                raise RuntimeError("not meant to happen")
            if request.courier_id == "nobody":
                context.abort(grpc.StatusCode.NOT_FOUND, "courier nobody not found: ä✓ 100%")
            return messages.CourierStatusReply(courier_id=request.courier_id, transport_mode="foot",
                                               availability="available")

        def StreamAssignments(self, request_iterator, context):
            self.seen(context)
            for number, each in enumerate(request_iterator, 1):
                if number == 50 and not self.broken.is_set():
                    self.broken.set()
                    context.abort(grpc.StatusCode.UNAVAILABLE, "moving elsewhere")
                yield messages.AssignmentResult(assignment_id=each.assignment_id,
                                                accepted=each.courier_id != "nobody")

    gateway = Gateway()
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(max_workers=8))
    services.add_DispatchGatewayServicer_to_server(gateway, server)
    gateway.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    yield gateway
    server.stop(None).wait(PATIENCE)


@pytest.fixture
def stub_of(generated):
    """Makes a client of a server."""
    channels = []

    def connect(address, credentials=None, **options):
        options = list(options.items())
        channel = (grpc.insecure_channel(address, options) if credentials is None
                   else grpc.secure_channel(address, credentials, options))
        channels.append(channel)
        stub = generated[1].DispatchGatewayStub(channel)
        stub.channel = channel
        return stub

    yield connect
    for channel in channels:
        channel.close()


def test_a_lookup_under_dispatchctl(run, python_server):
    result = run("lookup", "-s", python_server.address, "courier-1", "--timeout", "20s", "-H", "x-request-id: r-1")
    assert result.returncode == 0, result.stderr
    assert records(result) == [{"courier_id": "courier-1", "transport_mode": "foot", "availability": "available",
                                "current_zone": ""}]
    event, metadata, time_left = python_server.calls.get(timeout=PATIENCE)
    assert (event, metadata["x-request-id"]) == ("call", "r-1")
    assert 0 < time_left <= 20


def test_errors_under_dispatchctl(run, python_server):
    missing = run("lookup", "-s", python_server.address, "nobody", "-o", "json")
    assert missing.returncode == 69
    assert error(missing)["message"] == "courier nobody not found: ä✓ 100%"
    broken = run("lookup", "-s", python_server.address, "broken", "-o", "json")
    assert broken.returncode == 66
    assert "not meant to happen" in error(broken)["message"]


def test_a_method_without_a_handler_under_dispatchctl(run, python_server):
    # grpcio's server has no health service unless it is added.
    result = run("health", "-s", python_server.address)
    assert records(result)[0]["error"]["code"] == "UNIMPLEMENTED"
    assert result.returncode == 76


def test_the_deadline_ends_a_call_on_both_sides(run, python_server):
    assert run("lookup", "-s", python_server.address, "slow", "--timeout", "500ms").returncode == 68
    event, _, time_left = python_server.calls.get(timeout=PATIENCE)
    assert event == "call" and time_left <= 0.5
    assert python_server.calls.get(timeout=PATIENCE)[0] == "over"


def test_a_stream_that_breaks_is_resumed(run, python_server):
    result = run("assign", "-s", python_server.address, "-f", "-", "--summary", "json",
                 stdin=updates(500) + update("unknown", "nobody"))
    assert result.returncode == 0, result.stderr
    found = {record["assignment_id"]: record["accepted"] for record in records(result)}
    assert len(records(result)) == 501
    assert found == {**{f"a-{i}": True for i in range(500)}, "a-unknown": False}
    assert summary(result)["reconnects"] == 1


def test_an_interrupt_drains_the_stream(start, python_server):
    python_server.broken.set()
    running = start("assign", "-s", python_server.address, "-f", "-")
    running.send(update(1))
    assert running.record() == {"assignment_id": "a-1", "accepted": True}
    running.process.send_signal(signal.SIGINT)
    assert running.wait() in (-signal.SIGINT, 130)
    assert running.rest_of_lines() == []


def test_python_looks_up(generated, stub_of, start_mock):
    messages, _ = generated
    stub = stub_of(start_mock().address)
    reply = stub.GetCourierStatus(messages.CourierLookupRequest(courier_id="courier-42"), timeout=PATIENCE)
    assert (reply.transport_mode, reply.current_zone) == ("bike", "zone-7")
    with pytest.raises(grpc.RpcError) as failed:
        stub.GetCourierStatus(messages.CourierLookupRequest(courier_id="nobody"), timeout=PATIENCE)
    assert (failed.value.code(), failed.value.details()) == (grpc.StatusCode.NOT_FOUND, "courier nobody not found")


def test_python_reads_trailers(generated, stub_of, start_mock):
    messages, _ = generated
    stub = stub_of(start_mock("--fault", "status=RESOURCE_EXHAUSTED,pushback=500ms,message=ä ✓").address)
    with pytest.raises(grpc.RpcError) as failed:
        stub.GetCourierStatus(messages.CourierLookupRequest(courier_id="courier-42"), timeout=PATIENCE)
    assert failed.value.details() == "ä ✓"
    assert dict(failed.value.trailing_metadata())["grpc-retry-pushback-ms"] == "500"


def test_python_compresses(generated, stub_of, start_mock):
    messages, _ = generated
    mock = start_mock("--admin", "127.0.0.1:0")
    stub = stub_of(mock.address)
    for compression in (grpc.Compression.Gzip, grpc.Compression.Deflate):
        reply = stub.GetCourierStatus(messages.CourierLookupRequest(courier_id="courier-42"), timeout=PATIENCE,
                                      compression=compression)
        assert reply.courier_id == "courier-42"
    sent = [messages.AssignmentUpdate(assignment_id=f"p-{i}", courier_id="courier-42") for i in range(100)]
    results = list(stub.StreamAssignments(iter(sent), timeout=PATIENCE, compression=grpc.Compression.Gzip))
    assert [result.assignment_id for result in results] == [f"p-{i}" for i in range(100)]


def test_pythons_deadline_and_cancellation(generated, stub_of, start_mock):
    messages, _ = generated
    stub = stub_of(start_mock("--latency", "10m").address)
    request = messages.CourierLookupRequest(courier_id="courier-42")
    with pytest.raises(grpc.RpcError) as late:
        stub.GetCourierStatus(request, timeout=0.3)
    assert late.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    call = stub.GetCourierStatus.future(request, timeout=PATIENCE)
    assert call.cancel()
    with pytest.raises(grpc.FutureCancelledError):
        call.result(PATIENCE)
    assert call.code() == grpc.StatusCode.CANCELLED


def test_python_streams(generated, stub_of, start_mock):
    messages, _ = generated
    stub = stub_of(start_mock().address)
    sent = [messages.AssignmentUpdate(assignment_id=f"p-{i}", courier_id="courier-42" if i % 2 else "nobody")
            for i in range(2000)]
    results = list(stub.StreamAssignments(iter(sent), timeout=PATIENCE))
    assert [(result.assignment_id, result.accepted) for result in results] == [
        (f"p-{i}", i % 2 == 1) for i in range(2000)]
    # One at a time: nothing waits for more.
    going = queue.Queue()
    call = stub.StreamAssignments(iter(going.get, None), timeout=PATIENCE)
    for i in range(20):
        going.put(messages.AssignmentUpdate(assignment_id=f"q-{i}", courier_id="courier-42"))
        assert next(call).assignment_id == f"q-{i}"
    going.put(None)
    assert list(call) == []
    assert call.code() == grpc.StatusCode.OK
    with pytest.raises(grpc.RpcError) as refused:
        list(stub.StreamAssignments(iter([messages.AssignmentUpdate()]), timeout=PATIENCE))
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_python_checks_health_and_what_is_not_there(stub_of, start_mock):
    channel = stub_of(start_mock().address).channel
    # HealthCheckRequest{service: ...} and HealthCheckResponse{status: SERVING}, as bytes.
    check = channel.unary_unary("/grpc.health.v1.Health/Check")
    assert check(b"\x0a" + bytes([len(SERVICE)]) + SERVICE.encode(), timeout=PATIENCE) == b"\x08\x01"
    with pytest.raises(grpc.RpcError) as unknown:
        channel.unary_unary(f"/{SERVICE}/Nonesuch")(b"", timeout=PATIENCE)
    assert unknown.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_python_over_mutual_tls(generated, stub_of, start_mock, authority):
    messages, _ = generated
    client = authority.sign("python")
    mock = start_mock(*authority.sign("mock").as_server(), "--client-ca", str(authority.file))
    credentials = grpc.ssl_channel_credentials(authority.file.read_bytes(), client.key.read_bytes(),
                                               client.certificate.read_bytes())
    port = mock.address.rsplit(":", 1)[1]
    request = messages.CourierLookupRequest(courier_id="courier-42")
    assert stub_of(f"localhost:{port}", credentials).GetCourierStatus(request, timeout=PATIENCE).courier_id == "courier-42"
    nameless = grpc.ssl_channel_credentials(authority.file.read_bytes())
    with pytest.raises(grpc.RpcError) as refused:
        stub_of(f"localhost:{port}", nameless, **{"grpc.enable_retries": 0}).GetCourierStatus(request, timeout=5)
    assert refused.value.code() == grpc.StatusCode.UNAVAILABLE
