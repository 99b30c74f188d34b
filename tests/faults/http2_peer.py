"""An HTTP/2 server of a test's own, which answers each call frame by frame as a script says: also what no gRPC server would."""

import asyncio
import contextlib
import itertools
import socket
import struct
import threading
import time

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated, DataReceived, PingReceived, RequestReceived, StreamEnded, StreamReset)
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings
from hyperframe.frame import GoAwayFrame

from programs import PATIENCE

LOOKUP = "/dispatchpb.DispatchGateway/GetCourierStatus"
ASSIGN = "/dispatchpb.DispatchGateway/StreamAssignments"


def text_field(number, text):
    """A string of a protobuf message, shorter than 128 bytes."""
    value = text if isinstance(text, bytes) else text.encode()
    return bytes([number << 3 | 2, len(value)]) + value


def status_reply(courier="courier-42"):
    """A CourierStatusReply."""
    return (text_field(1, courier) + text_field(2, "bike") + text_field(3, "available") + text_field(5, "zone-7"))


def first_text(message):
    """The first field of a message, a string: courier_id, assignment_id."""
    return message[2:2 + message[1]].decode()


def result(assignment, accepted=True):
    """An AssignmentResult."""
    return text_field(1, assignment) + (b"\x10\x01" if accepted else b"")


def framed(message, length=None, compressed=0):
    """A message as gRPC puts it into DATA frames. `length`: what its prefix claims instead of the truth."""
    return struct.pack(">BI", compressed, len(message) if length is None else length) + message


class Call:
    """One HTTP/2 stream that a client has opened. `number`: its place among all calls of the peer, from 0."""

    def __init__(self, connection, stream, headers, number):
        self.connection = connection
        self.stream = stream
        self.headers = dict(headers)
        self.path = self.headers[":path"]
        self.number = number
        self.messages = []
        self.half_closed = False
        self.reset_by_client = None
        self._buffer = b""
        self._read = 0
        self._changed = asyncio.Event()

    def _receive(self, data):
        self._buffer += data
        while len(self._buffer) >= 5:
            end = 5 + struct.unpack(">I", self._buffer[1:5])[0]
            if len(self._buffer) < end:
                break
            self.messages.append(self._buffer[5:end])
            self._buffer = self._buffer[end:]
        self._changed.set()

    async def message(self):
        """The client's next message; None once it has half-closed."""
        while len(self.messages) == self._read:
            if self.half_closed:
                return None
            self._changed.clear()
            await self._changed.wait()
        self._read += 1
        return self.messages[self._read - 1]

    async def request(self):
        """The whole request: its messages."""
        while not self.half_closed:
            self._changed.clear()
            await self._changed.wait()
        return self.messages

    def send_headers(self, *more, status="200", content_type="application/grpc", end=False):
        """Response headers; `more` are pairs of name and value."""
        headers = [(":status", status), ("content-type", content_type), *more]
        self.connection.h2.send_headers(self.stream, headers, end_stream=end)
        self.connection.flush()

    def send_data(self, data, end=False):
        self.connection.h2.send_data(self.stream, data, end_stream=end)
        self.connection.flush()

    def send_message(self, message):
        self.send_data(framed(message))

    def send_trailers(self, code=0, *more):
        self.connection.h2.send_headers(self.stream, [("grpc-status", str(code)), *more], end_stream=True)
        self.connection.flush()

    def send_status(self, code, message, *more):
        """A status and nothing else."""
        self.send_headers(("grpc-status", str(code)), ("grpc-message", message), *more, end=True)

    def reset(self, error_code):
        self.connection.h2.reset_stream(self.stream, error_code)
        self.connection.flush()

    def answer(self, message):
        """The answer of a well-behaved unary call."""
        self.send_headers()
        self.send_message(message)
        self.send_trailers()


class Connection(asyncio.Protocol):
    """One TCP connection. `pings`: when each came, by the monotonic clock."""

    def __init__(self, peer):
        self.peer = peer
        self.calls = []
        self.pings = []
        self.opened = time.monotonic()
        self.goaway_of_client = None
        self.closed = False
        self.most_open_calls = 0
        self._calls = {}
        self._scripts = {}
        self.h2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8",
                                               validate_outbound_headers=False))
        self.h2.local_settings = Settings(client=False, initial_values=peer.settings)

    def connection_made(self, transport):
        self.transport = transport
        with self.peer.changed:
            self.peer.connections.append(self)
            self.peer.changed.notify_all()
        self.h2.initiate_connection()
        self.flush()
        if self.peer.on_connection is not None:
            self.peer.on_connection(self)

    def flush(self):
        if not self.transport.is_closing():
            self.transport.write(self.h2.data_to_send())

    def data_received(self, data):
        try:
            events = self.h2.receive_data(data)
        except ProtocolError:
            self.flush()
            self.transport.close()
            return
        with self.peer.changed:
            for event in events:
                self._handle(event)
            self.peer.changed.notify_all()
        self.flush()

    def _handle(self, event):
        if isinstance(event, RequestReceived):
            call = Call(self, event.stream_id, event.headers, next(self.peer.numbers))
            self.calls.append(call)
            self._calls[event.stream_id] = call
            self.most_open_calls = max(self.most_open_calls, self.h2.open_inbound_streams)
            self._scripts[event.stream_id] = asyncio.ensure_future(self._run(call))
        elif isinstance(event, DataReceived):
            self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            self._calls[event.stream_id]._receive(event.data)
        elif isinstance(event, StreamEnded):
            self._calls[event.stream_id].half_closed = True
            self._calls[event.stream_id]._changed.set()
        elif isinstance(event, StreamReset):
            if event.remote_reset:
                self._calls[event.stream_id].reset_by_client = ErrorCodes(event.error_code)
            self._scripts[event.stream_id].cancel()
        elif isinstance(event, PingReceived):
            self.pings.append(time.monotonic())
            if self.peer.on_ping is not None:
                self.peer.on_ping(self)
        elif isinstance(event, ConnectionTerminated):
            self.goaway_of_client = event.error_code

    async def _run(self, call):
        try:
            await self.peer.script(call)
        except asyncio.CancelledError:
            pass
        except Exception as failure:  # told when the peer is closed: this is no thread of the test's
            # What is sent to a client that has gone is of no interest.
            if not self.closed and call.reset_by_client is None:
                self.peer.failures.append(failure)

    def connection_lost(self, _):
        for script in self._scripts.values():
            script.cancel()
        with self.peer.changed:
            self.closed = True
            self.peer.changed.notify_all()

    def send_goaway(self, last_stream, error_code=ErrorCodes.NO_ERROR, debug=b""):
        # Not h2's own, after which it would neither send nor take anything.
        frame = GoAwayFrame(0, last_stream_id=last_stream, error_code=error_code, additional_data=debug)
        self.transport.write(frame.serialize())

    def send_raw(self, data):
        """Bytes past all rules."""
        self.transport.write(data)

    def call_later(self, seconds, function, *arguments):
        """From the peer's thread: has it called there, unless the connection is gone by then."""
        asyncio.get_running_loop().call_later(seconds, lambda: None if self.closed else function(*arguments))

    def abort(self):
        """Ends the connection with a TCP RST."""
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                                            struct.pack("ii", 1, 0))
        self.transport.abort()


class Http2Peer:
    """Listens on a port of its own, in a thread of its own. `script`: a coroutine that is given each Call as its headers arrive.

    `settings`: of the HTTP/2 connections, by SettingCodes; `on_connection` and `on_ping` are called with the Connection."""

    def __init__(self, script, settings=None, on_connection=None, on_ping=None):
        self.script = script
        self.settings = {SettingCodes.ENABLE_PUSH: 0, **(settings or {})}
        self.on_connection = on_connection
        self.on_ping = on_ping
        self.connections = []
        self.failures = []
        self.numbers = itertools.count()
        self.changed = threading.Condition()
        listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{listening.getsockname()[1]}"
        self._loop = asyncio.new_event_loop()
        self._server = self._loop.run_until_complete(
            self._loop.create_server(lambda: Connection(self), sock=listening))
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    @property
    def calls(self):
        """All calls, in the order they came."""
        with self.changed:
            return sorted((call for connection in self.connections for call in connection.calls),
                          key=lambda call: call.number)

    def calls_of(self, path):
        return [call for call in self.calls if call.path == path]

    def wait_for(self, condition):
        """Waits until it holds."""
        with self.changed:
            assert self.changed.wait_for(condition, PATIENCE)

    def close(self):
        async def end():
            self._server.close()
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for connection in self.connections:
                connection.transport.abort()

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(PATIENCE)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()
        for failure in self.failures:
            raise failure


def in_turn(*scripts):
    """The first script for the first call, and so on; the last one for all others."""

    async def run(call):
        await scripts[min(call.number, len(scripts) - 1)](call)

    return run


async def serve(call):
    """What a well-behaved server does: answers lookups and assignments."""
    if call.path == LOOKUP:
        request = await call.request()
        call.answer(status_reply(first_text(request[0])))
        return
    call.send_headers()
    while (update := await call.message()) is not None:
        call.send_message(result(first_text(update)))
    call.send_trailers()


async def until(event):
    """In a script: waits for a threading.Event that the test sets."""
    while not event.is_set():
        await asyncio.sleep(0.005)


@pytest.fixture
def start_peer():
    """Starts an Http2Peer with a script."""
    with contextlib.ExitStack() as peers:

        def call(script=serve, **options):
            peer = Http2Peer(script, **options)
            peers.callback(peer.close)
            return peer

        yield call
