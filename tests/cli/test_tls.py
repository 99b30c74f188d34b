"""Transport security: every way a TLS connection can fail is told apart, and what is replaced is taken up."""

import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
import warnings

import pytest

from certificates import DAY, Authority, self_signed
from conftest import PATIENCE
from helpers import error, records, sent_all, update

CONFIG = 3
NEVER_CONNECTED = 5
CONNECT_TIMEOUT_S = 5


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def authority(folder):
    return Authority(folder, "authority")


@pytest.fixture(scope="module")
def stranger(folder):
    return Authority(folder, "stranger")


@pytest.fixture(scope="module")
def server_pair(authority):
    return authority.sign("server")


@pytest.fixture
def serve(start_mock):
    """A mock that speaks TLS with this certificate."""
    return lambda pair, *arguments: start_mock(*pair.as_server(), *arguments)


@pytest.fixture
def look_up(run):
    def call(server, *arguments, target=None):
        started = time.monotonic()
        result = run("lookup", "--tls", "-s", target or server.address, *arguments, "courier-42")
        result.seconds = time.monotonic() - started
        return result

    return call


def tls_error(result):
    """The error of a connection that failed in TLS, in time."""
    assert result.returncode == NEVER_CONNECTED, result.stderr
    assert result.stdout == b""
    found = error(result)
    assert found["kind"] == "connect"
    assert found["phase"] == "tls"
    assert found["origin"] == "local"
    assert found["retryable"] is False
    assert found["hint"]
    # A loaded machine is given more, but never ten times as much.
    assert result.seconds < 10 * CONNECT_TIMEOUT_S
    assert found["elapsed_ms"] < 1000 * CONNECT_TIMEOUT_S * 1.5
    return found


def test_right(look_up, serve, authority, server_pair):
    result = look_up(serve(server_pair), "--cacert", str(authority.file))
    assert result.returncode == 0, result.stderr
    assert records(result)[0]["courier_id"] == "courier-42"
    assert result.stderr == b""


def test_right_by_name(look_up, serve, authority, server_pair):
    server = serve(server_pair)
    port = server.address.rsplit(":", 1)[1]
    result = look_up(server, "--cacert", str(authority.file), target=f"localhost:{port}")
    assert result.returncode == 0, result.stderr


def test_right_over_a_unix_socket(run, start_mock, authority, server_pair, tmp_path):
    start_mock(*server_pair.as_server(), listen=f"unix:{tmp_path}/socket")
    result = run("lookup", "--cacert", str(authority.file), "-s", f"unix:{tmp_path}/socket", "courier-42")
    assert result.returncode == 0, result.stderr


def test_f26_wrong_authority(look_up, serve, stranger, server_pair):
    found = tls_error(look_up(serve(server_pair), "--cacert", str(stranger.file)))
    assert "CN=authority" in found["message"]
    assert str(stranger.file) in found["message"]
    assert "--cacert" in found["hint"]


def test_f26_authority_that_the_system_does_not_know(look_up, serve, server_pair):
    found = tls_error(look_up(serve(server_pair)))
    assert "CN=authority" in found["message"]
    assert "this system trusts" in found["message"]


def test_f26_expired(look_up, serve, authority):
    pair = authority.sign("expired", start=-10 * DAY, end=-2 * DAY)
    found = tls_error(look_up(serve(pair), "--cacert", str(authority.file)))
    assert "the server's certificate (CN=expired) expired on" in found["message"]
    assert "clock" in found["hint"]


def test_f26_not_yet_valid(look_up, serve, authority):
    pair = authority.sign("early", start=2 * DAY)
    found = tls_error(look_up(serve(pair), "--cacert", str(authority.file)))
    assert "(CN=early) is not valid before" in found["message"]


def test_f26_wrong_name(look_up, serve, authority):
    pair = authority.sign("elsewhere", names=("elsewhere.example", "10.9.8.7"))
    server = serve(pair)
    found = tls_error(look_up(server, "--cacert", str(authority.file)))
    assert "is for elsewhere.example, 10.9.8.7, not for 127.0.0.1" in found["message"]
    assert "--server-name" in found["hint"]
    right = look_up(server, "--cacert", str(authority.file), "--server-name", "elsewhere.example")
    assert right.returncode == 0, right.stderr


def test_f26_self_signed(look_up, serve, folder):
    pair = self_signed(folder, "alone")
    server = serve(pair)
    found = tls_error(look_up(server))
    assert "(CN=alone) is self-signed" in found["message"]
    trusted = look_up(server, "--cacert", str(pair.certificate))
    assert trusted.returncode == 0, trusted.stderr


def test_f26_tls_against_plaintext(look_up, mock):
    found = tls_error(look_up(mock))
    assert "does not speak TLS" in found["message"]
    assert "--plaintext" in found["hint"]


def test_f26_plaintext_against_tls(run, serve, server_pair):
    started = time.monotonic()
    result = run("lookup", "--plaintext", "-s", serve(server_pair).address, "courier-42")
    result.seconds = time.monotonic() - started
    found = tls_error(result)
    assert "speaks TLS, and was spoken to in plaintext" in found["message"]
    assert "--tls" in found["hint"]


def test_f26_client_certificate_missing(look_up, serve, authority, server_pair):
    server = serve(server_pair, "--client-ca", str(authority.file))
    found = tls_error(look_up(server, "--cacert", str(authority.file)))
    assert "client certificate" in found["message"]
    assert "--cert and --key" in found["hint"]
    right = look_up(server, "--cacert", str(authority.file), *authority.sign("client").as_client())
    assert right.returncode == 0, right.stderr


@pytest.mark.parametrize("fault", ["another authority's", "expired"])
def test_f26_client_certificate_wrong(look_up, serve, authority, stranger, server_pair, fault):
    client = stranger.sign("client") if fault != "expired" else authority.sign("old-client", end=-DAY / 2)
    server = serve(server_pair, "--client-ca", str(authority.file))
    found = tls_error(look_up(server, "--cacert", str(authority.file), *client.as_client()))
    assert "does not accept the client certificate" in found["message"]
    assert str(client.certificate) in found["message"]


def test_f26_client_certificate_revoked_by_a_new_authority(look_up, serve, authority, stranger, server_pair, tmp_path):
    clients = tmp_path / "clients.pem"
    shutil.copy(authority.file, clients)
    server = serve(server_pair, "--client-ca", str(clients))
    client = authority.sign("soon-revoked")
    trust = ("--cacert", str(authority.file))
    accepted = look_up(server, *trust, *client.as_client())
    assert accepted.returncode == 0, accepted.stderr
    shutil.copy(stranger.file, tmp_path / "new.pem")
    (tmp_path / "new.pem").rename(clients)
    found = tls_error(look_up(server, *trust, *client.as_client()))
    assert "does not accept the client certificate" in found["message"]
    successor = look_up(server, *trust, *stranger.sign("successor").as_client())
    assert successor.returncode == 0, successor.stderr


@pytest.fixture
def old_server(server_pair):
    """Speaks TLS 1.1 at most."""
    openssl = os.environ.get("DISPATCHCTL_TEST_OPENSSL", "openssl")
    server = subprocess.Popen([openssl, "s_server", "-accept", "127.0.0.1:0", "-key", str(server_pair.key), "-cert",
                               str(server_pair.certificate), "-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0",
                               "-alpn", "h2", "-naccept", "100"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    address = None
    for line in server.stdout:
        if line.startswith(b"ACCEPT"):
            address = "127.0.0.1:" + line.decode().rsplit(":", 1)[1].strip()
            break
    drain = threading.Thread(target=server.stdout.read, daemon=True)
    drain.start()
    yield address
    server.kill()
    server.wait(PATIENCE)
    drain.join(PATIENCE)
    server.stdin.close()
    server.stdout.close()


def old_handshake(address):
    """The version that a client which speaks TLS 1.1 and no other agrees on with a server."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    host, port = address.rsplit(":", 1)
    with socket.create_connection((host, int(port)), PATIENCE) as connection:
        with context.wrap_socket(connection) as wrapped:
            return wrapped.version()


def test_f26_tls_1_1_only(look_up, old_server, authority):
    assert old_handshake(old_server) == "TLSv1.1"
    found = tls_error(look_up(None, "--cacert", str(authority.file), target=old_server))
    assert "TLS 1.2 or later" in found["message"]


def test_the_mock_speaks_no_tls_1_1(serve, server_pair):
    # gRPC closes the connection without an alert.
    with pytest.raises((ssl.SSLError, ConnectionError)):
        old_handshake(serve(server_pair).address)


def test_f13_silent_server(look_up):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        result = look_up(None, "--connect-timeout", "400ms", target=address)
        assert "timed out during the TLS handshake" in tls_error(result)["message"]


def test_f26_a_stream_says_as_much(run, serve, authority):
    pair = authority.sign("expired-too", end=-DAY / 2)
    started = time.monotonic()
    result = run("assign", "-s", serve(pair).address, "--cacert", str(authority.file), "-f", "-", stdin=update(1))
    result.seconds = time.monotonic() - started
    assert "expired on" in tls_error(result)["message"]


def test_verbose_lists_the_certificates(run, serve, authority):
    pair = authority.sign("told", end=-DAY / 2)
    result = run("lookup", "-v", "--cacert", str(authority.file), "-s", serve(pair).address, "courier-42")
    assert b"note: certificate CN=told from CN=authority, valid from " in result.stderr
    assert b"for localhost, 127.0.0.1" in result.stderr


@pytest.mark.parametrize("flag", ["--cacert", "--cert", "--key"])
@pytest.mark.parametrize("content", [None, "", "no PEM at all\n",
                                     "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_unusable_file(run, authority, tmp_path, flag, content):
    bad = tmp_path / "bad.pem"
    if content is not None:
        bad.write_text(content)
        bad.chmod(0o600)
    files = {"--cacert": str(authority.file)}
    pair = authority.sign("client")
    files.update(zip(pair.as_client()[0::2], pair.as_client()[1::2]))
    files[flag] = str(bad)
    arguments = [word for item in files.items() for word in item]
    # Nobody listens there, and nobody is asked.
    result = run("lookup", "-s", "localhost:1", *arguments, "courier-42")
    assert result.returncode == CONFIG, result.stderr
    found = error(result)
    assert found["kind"] == "config"
    assert found["message"].startswith(f"{flag}: ")
    assert str(bad) in found["message"]


def test_key_of_another_certificate(run, authority):
    one, other = authority.sign("one"), authority.sign("other")
    result = run("lookup", "-s", "localhost:1", "--cert", str(one.certificate), "--key", str(other.key), "courier-42")
    assert result.returncode == CONFIG
    message = error(result)["message"]
    assert str(one.certificate) in message
    assert str(other.key) in message


def test_encrypted_key(run, authority, tmp_path):
    openssl = os.environ.get("DISPATCHCTL_TEST_OPENSSL", "openssl")
    pair = authority.sign("locked")
    locked = tmp_path / "locked.pem"
    subprocess.run([openssl, "pkcs8", "-topk8", "-in", str(pair.key), "-out", str(locked), "-passout", "pass:secret"],
                   check=True, timeout=PATIENCE)
    result = run("lookup", "-s", "localhost:1", "--cert", str(pair.certificate), "--key", str(locked), "courier-42")
    assert result.returncode == CONFIG
    assert "encrypted" in error(result)["message"]


def test_certificate_without_its_key(run, authority):
    pair = authority.sign("half")
    for flag, path in (("--cert", pair.certificate), ("--key", pair.key)):
        result = run("lookup", "-s", "localhost:1", flag, str(path), "courier-42")
        assert result.returncode == 2
        assert "--cert and --key go together" in error(result)["message"]


def test_how_to_do_tls_and_plaintext_exclude_each_other(run, authority):
    result = run("lookup", "--plaintext", "--cacert", str(authority.file), "-s", "localhost:1", "courier-42")
    assert result.returncode == 2


def test_environment(run, serve, authority, server_pair):
    client = authority.sign("client")
    server = serve(server_pair, "--client-ca", str(authority.file))
    result = run("lookup", "courier-42", env={
        "DISPATCHCTL_SERVER": server.address, "DISPATCHCTL_TLS": "true", "DISPATCHCTL_CACERT": str(authority.file),
        "DISPATCHCTL_CERT": str(client.certificate), "DISPATCHCTL_KEY": str(client.key),
        "DISPATCHCTL_SERVER_NAME": "localhost", "DISPATCHCTL_AUTHORITY": "dispatch.example"})
    assert result.returncode == 0, result.stderr


def test_key_that_others_can_read_is_warned_of(look_up, serve, authority, server_pair):
    client = authority.sign("careless")
    client.key.chmod(0o644)
    server = serve(server_pair)
    arguments = ("--cacert", str(authority.file), *client.as_client(), "--error-format", "text")
    result = look_up(server, *arguments)
    assert result.returncode == 0, result.stderr
    warning = result.stderr.decode()
    assert warning.count("warning: ") == 1
    assert str(client.key) in warning
    assert "0644" in warning
    client.key.chmod(0o600)
    assert look_up(server, *arguments).stderr == b""


def served_subject(server):
    """The common name in the certificate that new connections get."""
    host, port = server.address.rsplit(":", 1)
    pem = ssl.get_server_certificate((host, int(port)))
    openssl = os.environ.get("DISPATCHCTL_TEST_OPENSSL", "openssl")
    return subprocess.run([openssl, "x509", "-noout", "-subject", "-nameopt", "multiline"], input=pem.encode(),
                          stdout=subprocess.PIPE, check=True, timeout=PATIENCE).stdout.decode()


def test_server_takes_up_a_new_certificate(look_up, serve, authority):
    live, successor = authority.sign("live"), authority.sign("successor")
    server = serve(live)
    assert "live" in served_subject(server)
    live.replace(successor)
    assert "successor" in served_subject(server)
    assert look_up(server, "--cacert", str(authority.file)).returncode == 0


def test_server_keeps_its_certificate_when_the_next_is_broken(look_up, start_mock, authority):
    pair = authority.sign("kept")
    server = start_mock(*pair.as_server(), stderr=subprocess.PIPE)
    whole = pair.certificate.read_bytes()
    pair.certificate.write_bytes(whole[:len(whole) // 2])
    assert "kept" in served_subject(server)
    assert look_up(server, "--cacert", str(authority.file)).returncode == 0
    log = server.process.stderr.readline().decode()
    assert str(pair.certificate) in log
    assert "stays in use" in log
    pair.certificate.write_bytes(whole)
    assert look_up(server, "--cacert", str(authority.file)).returncode == 0


@pytest.mark.parametrize("arguments, code", [
    (["--tls-cert", "/nonexistent.pem", "--tls-key", "/nonexistent.pem"], 3),
    (["--tls-cert", "/nonexistent.pem"], 2),
    (["--client-ca", "/nonexistent.pem"], 2),
    (["--token-file", "/nonexistent"], 3),
])
def test_server_refuses_unusable_options(arguments, code):
    result = subprocess.run([os.environ["DISPATCH_MOCK"], "serve", "--listen", "127.0.0.1:0", *arguments],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE, check=False)
    assert result.returncode == code, result.stderr
    assert result.stdout == b""
    if code == 3:
        assert b"/nonexistent" in result.stderr


def test_stream_goes_on_while_the_client_certificate_is_replaced(start, serve, authority, server_pair, tmp_path):
    clients = tmp_path / "clients.pem"
    shutil.copy(authority.file, clients)
    server = serve(server_pair, "--client-ca", str(clients))
    client = authority.sign("changing")
    running = start("assign", "-s", server.address, "--cacert", str(authority.file), *client.as_client(), "-f", "-")
    running.send(update(1))
    assert running.record()["assignment_id"] == "a-1"
    client.replace(authority.sign("changed"))
    running.send(update(2))
    assert running.record()["assignment_id"] == "a-2"
    running.process.stdin.close()
    assert running.wait() == 0


# Tokens.

SECRET = "s3cr3t-t0ken-that-nobody-may-see"
UNAUTHENTICATED = 80
PERMISSION_DENIED = 71


@pytest.fixture
def tokens(tmp_path):
    path = tmp_path / "tokens"
    path.write_text(f"# who may do what\n{SECRET} lookup\nall-of-it lookup,assign\n")
    return path


@pytest.fixture
def token_file(tmp_path):
    path = tmp_path / "token"
    path.touch(mode=0o600)
    path.write_text(SECRET + "\n")
    return path


def test_token(run, start_mock, tokens, token_file):
    server = start_mock("--token-file", str(tokens))
    result = run("lookup", "-s", server.address, "--token-file", str(token_file), "courier-42")
    assert result.returncode == 0, result.stderr
    assert result.stderr == b""


def test_token_over_tls(look_up, serve, authority, server_pair, tokens, token_file):
    server = serve(server_pair, "--token-file", str(tokens))
    result = look_up(server, "--cacert", str(authority.file), "--token-file", str(token_file))
    assert result.returncode == 0, result.stderr


def test_without_a_token(run, start_mock, tokens):
    server = start_mock("--token-file", str(tokens))
    result = run("lookup", "-s", server.address, "courier-42")
    assert result.returncode == UNAUTHENTICATED, result.stderr
    assert "--token-file" in error(result)["hint"]
    # Who watches a server has no token.
    stream = run("assign", "-s", server.address, "-f", "-", stdin=update(1))
    assert stream.returncode == UNAUTHENTICATED, stream.stderr


def test_unknown_token(run, start_mock, tokens, token_file):
    server = start_mock("--token-file", str(tokens))
    token_file.write_text("never-heard-of")
    result = run("lookup", "-s", server.address, "--token-file", str(token_file), "courier-42")
    assert result.returncode == UNAUTHENTICATED, result.stderr
    found = error(result)
    assert found["attempts"] == 1
    assert str(token_file) in found["hint"]
    assert b"never-heard-of" not in result.stderr


def test_token_for_something_else(run, start_mock, tokens, token_file):
    server = start_mock("--token-file", str(tokens))
    result = run("assign", "-s", server.address, "--token-file", str(token_file), "-f", "-", stdin=update(1))
    assert result.returncode == PERMISSION_DENIED, result.stderr
    token_file.write_text("all-of-it")
    result = run("assign", "-s", server.address, "--token-file", str(token_file), "-f", "-", stdin=update(1))
    assert result.returncode == 0, result.stderr


def test_server_takes_up_new_tokens(run, start_mock, tokens, token_file):
    server = start_mock("--token-file", str(tokens))
    arguments = ("lookup", "-s", server.address, "--token-file", str(token_file), "courier-42")
    assert run(*arguments).returncode == 0
    tokens.write_text("another lookup\n")
    assert run(*arguments).returncode == UNAUTHENTICATED
    tokens.write_text("a line that is none\n")
    token_file.write_text("another")
    assert run(*arguments).returncode == 0


@pytest.mark.parametrize("content, word", [
    (None, "No such file"), (b"", "is empty"), (b" \n", "is empty"), (b"two\nlines\n", "more than one line"),
    (b"Bearer abc\n", "space"), (b"a\x01b", "printable"), (b"x" * 20_000, "larger than"),
])
def test_unusable_token_file(run, tmp_path, content, word):
    path = tmp_path / "bad-token"
    if content is not None:
        path.touch(mode=0o600)
        path.write_bytes(content)
    result = run("lookup", "-s", "localhost:1", "--token-file", str(path), "courier-42")
    assert result.returncode == CONFIG, result.stderr
    found = error(result)
    assert found["kind"] == "config"
    assert found["message"].startswith("--token-file: ")
    assert str(path) in found["message"]
    assert word in found["message"]
    assert b"abc" not in result.stderr


def test_token_file_that_others_can_read_is_warned_of(run, start_mock, tokens, token_file):
    token_file.chmod(0o640)
    server = start_mock("--token-file", str(tokens))
    result = run("lookup", "-s", server.address, "--token-file", str(token_file), "courier-42")
    assert result.returncode == 0
    assert f"{token_file}" in result.stderr.decode()
    assert "0640" in result.stderr.decode()
    assert SECRET not in result.stderr.decode()


def own_address():
    """An address of this machine that is not loopback, or None."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        address = probe.getsockname()[0]
        return None if address.startswith("127.") else address


def test_token_is_not_sent_in_plaintext(run, start_mock, tokens, token_file):
    address = own_address()
    if address is None:
        pytest.skip("this machine has no address but loopback")
    server = start_mock("--token-file", str(tokens), listen=f"{address}:0")
    for command in (("lookup", "courier-42"), ("assign", "-f", "-")):
        result = run(command[0], "--plaintext", "-s", server.address, "--token-file", str(token_file), *command[1:],
                     stdin=update(1))
        assert result.returncode == CONFIG, result.stderr
        found = error(result)
        assert found["phase"] == "args"
        assert found["attempts"] == 0
        assert "plaintext" in found["message"]
        assert SECRET not in result.stderr.decode()


def test_token_file_and_authorization_header_exclude_each_other(run, token_file):
    result = run("lookup", "-s", "localhost:1", "--token-file", str(token_file), "-H", f"Authorization: {SECRET}",
                 "courier-42")
    assert result.returncode == 2
    assert SECRET not in result.stderr.decode()


def secrets_everywhere(tmp_path, run, address, *arguments):
    """All that a run says and leaves behind."""
    trace = tmp_path / "trace"
    result = run("lookup", "-s", address, "-vvv", "--trace", str(trace), *arguments, "courier-42", "unknown-courier")
    return result, result.stdout.decode() + result.stderr.decode() + trace.read_text()


def test_secrets_are_never_shown(run, start_mock, tokens, token_file, tmp_path):
    server = start_mock("--token-file", str(tokens))
    for arguments in (("--token-file", str(token_file)), ("-H", f"authorization: Bearer {SECRET}")):
        result, said = secrets_everywhere(tmp_path, run, server.address, *arguments)
        assert result.returncode == 6, said
        assert SECRET not in said
    token_file.write_text(SECRET + "-unknown")
    for arguments in (("--token-file", str(token_file)), ("-H", f"authorization: Bearer {SECRET}-unknown")):
        result, said = secrets_everywhere(tmp_path, run, server.address, *arguments)
        assert result.returncode != 0
        assert SECRET not in said
    # Values that cannot be sent are not repeated either.
    bad = run("lookup", "-s", server.address, "-H", f"authorization: {SECRET}\x01", "courier-42")
    assert bad.returncode == 2
    assert SECRET not in bad.stderr.decode()
    environment = run("lookup", "-s", server.address, "courier-42",
                      env={"DISPATCHCTL_HEADER": f"authorization {SECRET}"})
    assert environment.returncode == 2
    assert SECRET not in environment.stderr.decode()


def test_secrets_do_not_stand_in_the_process_list(start, start_mock, tokens, token_file):
    token_file.write_text("all-of-it")
    server = start_mock("--token-file", str(tokens))
    running = start("assign", "-s", server.address, "--token-file", str(token_file), "-f", "-")
    running.send(update(1))
    assert running.record()["accepted"] is True
    sent_all(running)
    for process in (running.process, server.process):
        with open(f"/proc/{process.pid}/cmdline", "rb") as arguments:
            line = arguments.read()
        assert b"all-of-it" not in line and SECRET.encode() not in line
    running.process.stdin.close()
    assert running.wait() == 0


def test_f27_stream_goes_on_with_a_new_token(start, start_mock, tokens, token_file):
    """The server forgets the token under a stream, and the stream's next connection needs the new one."""
    token_file.write_text("all-of-it")
    server = start_mock("--token-file", str(tokens), "--fault", "close-after=2:UNAUTHENTICATED,first=1")
    running = start("assign", "-s", server.address, "--token-file", str(token_file), "-f", "-", "--summary", "json")
    running.send(update(1))
    assert running.record()["assignment_id"] == "a-1"
    tokens.write_text("newer lookup,assign\n")
    token_file.write_text("newer")
    running.send(update(2) + update(3))
    assert sorted(running.record()["assignment_id"] for _ in range(2)) == ["a-2", "a-3"]
    running.process.stdin.close()
    assert running.wait() == 0
