"""dispatchctl to dispatch-mock through the proxies that services stand behind."""

import os
import shutil
import subprocess

import pytest

from conftest import PATIENCE, clean_environment, free_port, wait_until_listening
from helpers import error, records, summary, update, updates

NGINX = """
daemon off;
{user}
pid {folder}/nginx.pid;
error_log {folder}/log notice;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  {limit}
  server {{
    listen 127.0.0.1:{port} {tls_flag} http2;
    {tls}
    location / {{
      grpc_pass grpc://{upstream};
      grpc_read_timeout 1h;
      grpc_send_timeout 1h;
    }}
  }}
}}
"""
# A stream is one request body without an end.
NGINX_NO_LIMIT = "client_max_body_size 0;"
NGINX_TLS = "ssl_certificate {certificate}; ssl_certificate_key {key};"

HAPROXY = """
global
  maxconn 200
defaults
  mode http
  # The client tries again itself, at once and elsewhere.
  retries 0
  timeout connect 5s
  timeout client 1h
  timeout server 1h
frontend outside
  bind 127.0.0.1:{port} {tls}
  default_backend inside
backend inside
  server mock {upstream} proto h2
"""


def missing(name):
    # Debian has both where only root's PATH looks.
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin") is None


class Proxy:
    def __init__(self, kind, folder, upstream, pair=None, limit=NGINX_NO_LIMIT):
        port = free_port()
        self.address = f"127.0.0.1:{port}"
        self.log = folder / "log"
        self.log.touch()
        environment = clean_environment()
        environment["PATH"] += ":/usr/sbin"
        configuration = folder / "configuration"
        if kind == "nginx":
            tls = NGINX_TLS.format(certificate=pair.certificate, key=pair.key) if pair else ""
            # As root it would give its work to somebody who may not enter the test's folder.
            user = "user root root;" if os.geteuid() == 0 else ""
            configuration.write_text(NGINX.format(folder=folder, port=port, upstream=upstream, tls=tls, user=user, limit=limit,
                                                  tls_flag="ssl" if pair else ""))
            command = ["nginx", "-p", str(folder), "-e", str(self.log), "-c", str(configuration)]
        else:
            tls = "proto h2"
            if pair:
                both = folder / "both.pem"
                both.touch(mode=0o600)
                both.write_bytes(pair.certificate.read_bytes() + pair.key.read_bytes())
                tls = f"ssl crt {both} alpn h2"
            configuration.write_text(HAPROXY.format(port=port, upstream=upstream, tls=tls))
            command = ["haproxy", "-db", "-f", str(configuration)]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
        wait_until_listening(self.process, port, self.log)

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(PATIENCE)


@pytest.fixture(params=["nginx", "nginx-tls", "haproxy", "haproxy-tls"])
def kind(request):
    name = request.param.removesuffix("-tls")
    if missing(name):
        pytest.skip(f"{name} is not installed (scripts/setup --interop)")
    return request.param


@pytest.fixture
def through(kind, tmp_path, authority):
    """Starts the proxy in front of a server; the flags that lead through it."""
    proxies = []

    def start_proxy(upstream):
        secured = kind.endswith("-tls")
        pair = authority.sign(f"proxy{len(proxies)}") if secured else None
        proxies.append(Proxy(kind.removesuffix("-tls"), tmp_path, upstream, pair))
        flags = ("-s", proxies[-1].address)
        return (*flags, "--tls", "--cacert", str(authority.file)) if secured else flags

    yield start_proxy
    for proxy in proxies:
        proxy.close()


def test_lookups_pass(run, start_mock, through):
    flags = through(start_mock().address)
    result = run("lookup", *flags, "-f", "-", "--parallel", "16", stdin="".join(f"courier-{i}\n" for i in range(1, 501)))
    assert result.returncode == 0, result.stderr
    assert [record["courier_id"] for record in records(result)] == [f"courier-{i}" for i in range(1, 501)]


def test_a_status_passes_with_its_message(run, start_mock, through):
    flags = through(start_mock("--fault", "status=FAILED_PRECONDITION,message=ä ✓ 100%,courier_id=courier-1").address)
    missing_one = run("lookup", *flags, "nobody", "-o", "json")
    assert missing_one.returncode == 69
    assert (error(missing_one)["message"], error(missing_one)["attempts"]) == ("courier nobody not found", 1)
    refused = run("lookup", *flags, "courier-1", "-o", "json")
    assert refused.returncode == 73
    assert error(refused)["message"].endswith("ä ✓ 100%")


def test_what_the_server_asks_of_retries_passes(run, start_mock, through):
    mock = start_mock("--admin", "127.0.0.1:0", "--fault", "status=RESOURCE_EXHAUSTED,pushback=1ms,first=1")
    assert run("lookup", *through(mock.address), "courier-42").returncode == 0
    counted = subprocess.run([os.environ["DISPATCH_MOCK"], "ctl", "verify", "lookup,count=2", "--admin", mock.admin],
                             env=clean_environment(), capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert counted.returncode == 0, counted.stdout


def test_a_deadline_passes(run, start_mock, through):
    mock = start_mock("--latency", "10m", "--metrics", "127.0.0.1:0")
    assert run("lookup", *through(mock.address), "courier-42", "--timeout", "500ms").returncode == 68


def test_a_long_stream_passes(run, start_mock, through):
    result = run("assign", *through(start_mock().address), "-f", "-", "--summary", "json", stdin=updates(50_000))
    assert result.returncode == 0, result.stderr
    assert len(records(result)) == 50_000
    assert (summary(result)["reconnects"], summary(result)["accepted"]) == (0, 50_000)


def test_a_stream_passes_as_it_goes(start, start_mock, through):
    running = start("assign", *through(start_mock().address), "-f", "-")
    for number in range(20):
        running.send(update(number))
        assert running.record() == {"assignment_id": f"a-{number}", "accepted": True}
    running.process.stdin.close()
    assert running.wait() == 0


def test_a_stream_that_breaks_behind_the_proxy_is_resumed(run, start_mock, through):
    mock = start_mock("--fault", "close-after=100:UNAVAILABLE,first=2")
    result = run("assign", *through(mock.address), "-f", "-", "--summary", "json", stdin=updates(1000))
    assert result.returncode == 0, result.stderr
    assert sorted(record["assignment_id"] for record in records(result)) == sorted(f"a-{i}" for i in range(1000))
    assert summary(result)["reconnects"] == 2


def test_a_server_that_is_gone_is_unavailable(run, start_mock, through):
    mock = start_mock()
    flags = through(mock.address)
    assert run("lookup", *flags, "courier-42").returncode == 0
    mock.kill()
    gone = run("lookup", *flags, "courier-42", "--timeout", "5s", "-o", "json")
    assert gone.returncode == 78, gone.stderr
    assert error(gone)["code"] == "UNAVAILABLE" and error(gone)["attempts"] > 1


def test_health_and_doctor_pass(run, start_mock, through):
    flags = through(start_mock().address)
    assert records(run("health", *flags))[0]["status"] == "SERVING"
    doctor = run("doctor", *flags)
    assert doctor.returncode == 0, doctor.stdout


def test_a_stream_that_is_larger_than_nginx_allows_is_resumed(run, start_mock, tmp_path):
    if missing("nginx"):
        pytest.skip("nginx is not installed (scripts/setup --interop)")
    # 1 MiB, unless it is told otherwise.
    proxy = Proxy("nginx", tmp_path, start_mock().address, limit="")
    try:
        result = run("assign", "-s", proxy.address, "-f", "-", "--summary", "json", stdin=updates(100_000))
    finally:
        proxy.close()
    assert result.returncode == 0, result.stderr
    assert sorted(record["assignment_id"] for record in records(result)) == sorted(f"a-{i}" for i in range(100_000))
    assert summary(result)["reconnects"] >= 3
    assert "too large chunked body" in proxy.log.read_text()


def test_large_messages_pass(run, start_mock, through):
    mock = start_mock("--fault", "big-message=1MiB,courier_id=courier-42")
    result = run("lookup", *through(mock.address), "courier-42")
    assert result.returncode == 0, result.stderr
