"""dispatch-mock against what is no client: garbage, cut-off frames, headers without end, connections that say nothing."""

import os
import random
import resource
import socket
import struct
import subprocess
import threading
import time

from conftest import PATIENCE, clean_environment

SEED = 20261122
INPUTS = 10_000
# At the least: a slow machine goes on until it has made them.
LOOKUPS = 10
IDLE_CONNECTIONS = 1_000
SLOW_CONNECTIONS = 20

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, END_HEADERS = 1, 4


def frame(kind, flags, stream, payload, length=None):
    length = len(payload) if length is None else length
    return struct.pack(">I", length)[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def literal(name, value):
    """A header field as HPACK has it without indexing, without Huffman coding and for any length."""
    def string(text):
        size, prefix = len(text), b""
        if size < 127:
            return bytes([size]) + text
        size -= 127
        prefix = b"\x7f"
        while size >= 128:
            prefix += bytes([size % 128 + 128])
            size //= 128
        return prefix + bytes([size]) + text
    return b"\x00" + string(name) + string(value)


def request_headers(path=b"/dispatchpb.DispatchGateway/GetCourierStatus", extra=b""):
    return (literal(b":method", b"POST") + literal(b":scheme", b"http") + literal(b":path", path)
            + literal(b":authority", b"x") + literal(b"te", b"trailers")
            + literal(b"content-type", b"application/grpc") + extra)


BEGINNING = PREFACE + frame(SETTINGS, 0, 0, b"")


def random_bytes(rng):
    return rng.randbytes(rng.randrange(1, 2000))


def cut_preface(rng):
    return PREFACE[:rng.randrange(0, len(PREFACE))]


def cut_frames(rng):
    whole = BEGINNING + frame(HEADERS, END_HEADERS, 1, request_headers()) + frame(DATA, 1, 1, b"\0\0\0\0\0")
    return whole[:rng.randrange(len(PREFACE), len(whole))]


def bad_header_compression(rng):
    return BEGINNING + frame(HEADERS, END_HEADERS, 1, rng.randbytes(rng.randrange(1, 300)))


def oversized_headers(rng):
    block = request_headers(extra=literal(b"x-large", b"v" * rng.randrange(9_000, 70_000)))
    pieces = [block[i:i + 16_000] for i in range(0, len(block), 16_000)]
    frames = [frame(HEADERS, 0, 1, pieces[0])] + [frame(CONTINUATION, 0, 1, piece) for piece in pieces[1:]]
    # Half of them never end.
    return BEGINNING + b"".join(frames) + (frame(CONTINUATION, END_HEADERS, 1, b"") if rng.random() < 0.5 else b"")


def frame_beyond_the_limit(rng):
    return BEGINNING + frame(rng.randrange(10), 0, 1, rng.randbytes(100), length=rng.randrange(16_385, 1 << 24))


def any_frames(rng):
    return BEGINNING + b"".join(
        frame(rng.randrange(12), rng.randrange(256), rng.choice((0, 1, 2, 3, 0x7FFFFFFF, 0xFFFFFFFF)),
              rng.randbytes(rng.randrange(40))) for _ in range(rng.randrange(1, 12)))


def bad_message(rng):
    message = rng.choice((b"\0\0\0\0\x05abc", b"\1\0\0\0\x03abc", b"\0\xff\xff\xff\xff", b"\0\0\0\0\x02\x0a\x7f",
                          b"\x07\0\0\0\0", rng.randbytes(rng.randrange(64))))
    path = rng.choice((b"/dispatchpb.DispatchGateway/GetCourierStatus",
                       b"/dispatchpb.DispatchGateway/StreamAssignments",
                       b"/grpc.health.v1.Health/Watch", b"/", b"", b"nothing"))
    return (BEGINNING + frame(HEADERS, END_HEADERS, 1, request_headers(path))
            + frame(DATA, rng.choice((0, END_STREAM)), 1, message))


def bad_flow_control(rng):
    return BEGINNING + rng.choice((
        frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 0x7FFFFFFF)) * 2,
        frame(WINDOW_UPDATE, 0, 0, b"\0\0\0\0"),
        frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 0xFFFFFFFF)),
        frame(SETTINGS, 0, 0, struct.pack(">HI", 5, 1)),
        frame(RST_STREAM, 0, 7, b"\0\0\0\0"),
        frame(PING, 0, 0, b"12345678") * rng.randrange(1, 200),
        frame(GOAWAY, 0, 0, b"\0\0\0\0\0\0\0\2"),
        frame(SETTINGS, 1, 0, b"") * 50,
    ))


def other_protocols(rng):
    return rng.choice((
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + rng.randbytes(200),
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n",
        b"\0" * 1000,
    ))


KINDS = (random_bytes, cut_preface, cut_frames, bad_header_compression, oversized_headers, frame_beyond_the_limit,
         any_frames, bad_message, bad_flow_control, other_protocols)


def connect(address):
    host, port = address.rsplit(":", 1)
    return socket.create_connection((host, int(port)), timeout=PATIENCE)


def send(address, data, how):
    """Sends it all, as far as it is taken, and goes away in one of three ways."""
    with connect(address) as connection:
        try:
            connection.sendall(data)
            if how == "reset":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            elif how == "half-close":
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass
        except (ConnectionError, BrokenPipeError):
            pass  # it is not welcome


class Lookups:
    """Asks again and again, as a client that has nothing to do with all this."""

    def __init__(self, address):
        self.results = []
        self.address = address
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        while not self.stop.is_set() or len(self.results) < LOOKUPS:
            self.results.append(subprocess.run(
                [os.environ["DISPATCHCTL"], "-s", self.address, "lookup", "courier-42", "--max-attempts", "1"],
                env=clean_environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                timeout=PATIENCE, check=False))

    def end(self):
        self.stop.set()
        self.thread.join()


def resident_bytes(process):
    with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS"))


def test_hostile_inputs(start_mock, monkeypatch):
    # An address sanitizer would hold back 256 MiB of freed memory, which is not the server's.
    monkeypatch.setenv("ASAN_OPTIONS", os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=8")
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 16_384), most))
    mock = start_mock("--admin", "127.0.0.1:0", "--allow-metadata-faults", "--grace", "2s")
    rng = random.Random(SEED)
    open_connections = []
    lookups = Lookups(mock.address)
    try:
        open_connections += [connect(mock.address) for _ in range(IDLE_CONNECTIONS)]
        slow = [connect(mock.address) for _ in range(SLOW_CONNECTIONS)]
        open_connections += slow
        trickle = BEGINNING + frame(HEADERS, 0, 1, request_headers()[:60], length=200)
        memory = resident_bytes(mock.process)
        for number in range(INPUTS):
            # One in twenty waits for what the server has to say; the others leave at once.
            how = rng.choices(("reset", "close", "half-close"), (12, 7, 1))[0]
            kind = KINDS[number % len(KINDS)]
            # These may be waited for without end: nothing is wrong with them yet.
            if how == "half-close" and kind in (cut_preface, cut_frames, oversized_headers, any_frames, bad_flow_control):
                how = "close"
            data = kind(rng)
            if how == "half-close" and kind not in (random_bytes, other_protocols):
                how = "reset"
            send(mock.address, data, how)
            if number % 100 == 0:
                for connection in slow:
                    connection.sendall(trickle[number // 100:number // 100 + 1])
        assert mock.process.poll() is None
        assert resident_bytes(mock.process) - memory < 256 * 1024 * 1024
    finally:
        lookups.end()
    assert len(lookups.results) >= LOOKUPS
    for result in lookups.results:
        assert result.returncode == 0, result.stderr
    begun = time.monotonic()
    mock.terminate()
    assert mock.process.wait(PATIENCE) == 0
    assert time.monotonic() - begun < 30
    for connection in open_connections:
        connection.close()
