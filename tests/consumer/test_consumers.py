"""Projects that know nothing of this one but its installed tree, built and run as their owners would."""

import http.client
import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from conftest import PATIENCE

HERE = pathlib.Path(__file__).resolve().parent
WORK = pathlib.Path(os.environ["DISPATCHCTL_TEST_WORK"])
COMPILER = os.environ["DISPATCHCTL_TEST_COMPILER"]
VERSION = os.environ["DISPATCHCTL_TEST_VERSION"]
SEEN_BY_APPLICATION = (f"dispatchctl {VERSION}: OK, 100 of 100 found; nobody: NOT_FOUND; a-1 accepted, OK; "
                       "1 endpoint\n")


def run(*command, **options):
    return subprocess.run([str(word) for word in command], text=True, capture_output=True, timeout=PATIENCE,
                          check=False, **options)


def succeed(*command, **options):
    done = run(*command, **options)
    assert done.returncode == 0, f"{command}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def configure(source, prefix, name, *arguments):
    build = WORK / name
    # Of the work of an earlier run, only what the compiler made is worth keeping, and ccache has that.
    shutil.rmtree(build, ignore_errors=True)
    launcher = [f"-DCMAKE_CXX_COMPILER_LAUNCHER={ccache}"] if (ccache := shutil.which("ccache")) else []
    done = run("cmake", "-G", "Ninja", "-S", source, "-B", build, f"-DCMAKE_PREFIX_PATH={prefix}",
               f"-DCMAKE_CXX_COMPILER={COMPILER}", "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Werror",
               "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON", *launcher, *arguments)
    return build, done


def cmake_build(source, prefix, name, *arguments):
    build, configured = configure(source, prefix, name, *arguments)
    assert configured.returncode == 0, configured.stdout + configured.stderr
    succeed("cmake", "--build", build, "--parallel", "1")
    return build


def needed(program):
    return re.findall(r"NEEDED.*\[(.*)\]", succeed("readelf", "--dynamic", "--wide", program))


def pkg_config(prefix, *arguments):
    environment = dict(os.environ, PKG_CONFIG_PATH=str(prefix / "lib/pkgconfig"))
    return succeed("pkg-config", *arguments, env=environment).split()


def test_application_by_cmake(prefix, mock):
    build = cmake_build(HERE / "application", prefix, "cmake", "-DCLIENT=client")
    assert succeed(build / "application", mock) == SEEN_BY_APPLICATION
    # It neither looks for gRPC nor names it.
    assert "grpc" not in (build / "CMakeCache.txt").read_text().lower()
    assert not any("grpc" in name or "protobuf" in name for name in needed(build / "application"))


def test_application_with_the_static_library(prefix, mock):
    build = cmake_build(HERE / "application", prefix, "static", "-DCLIENT=client_static")
    assert succeed(build / "application", mock) == SEEN_BY_APPLICATION
    assert not any("dispatchctl" in name for name in needed(build / "application"))


def test_application_by_pkg_config(prefix, mock):
    program = WORK / "by-pkg-config"
    succeed(COMPILER, "-std=c++17", HERE / "application/main.cc", "-o", program,
            *pkg_config(prefix, "--cflags", "--libs", "dispatchctl"))
    libraries = {"LD_LIBRARY_PATH": str(prefix / "lib")}
    assert succeed(program, mock, env=dict(os.environ, **libraries)) == SEEN_BY_APPLICATION
    assert pkg_config(prefix, "--modversion", "dispatchctl") == [VERSION]
    assert not any("grpc" in name for name in needed(program))


def test_application_without_any_shared_library_by_pkg_config(prefix, mock):
    program = WORK / "by-pkg-config-static"
    succeed(COMPILER, "-std=c++17", "-static", HERE / "application/main.cc", "-o", program,
            *pkg_config(prefix, "--static", "--cflags", "--libs", "dispatchctl"))
    assert needed(program) == []
    assert succeed(program, mock) == SEEN_BY_APPLICATION


def test_unit_tests_with_the_mocks(prefix):
    build = cmake_build(HERE / "mocks_test", prefix, "mocks")
    assert "[  PASSED  ] 6 tests." in succeed(build / "mocks_test")


def test_integration_tests_with_the_mock_server_beside_the_client(prefix):
    build = cmake_build(HERE / "mock_server_test", prefix, "mock_server")
    assert "[  PASSED  ] 8 tests." in succeed(build / "mock_server_test")
    # The contract is there once, for both.
    assert sum("dispatchctl-protos" in name for name in needed(build / "mock_server_test")) == 1


def test_quickstart(prefix, mock):
    build = cmake_build(HERE.parents[1] / "sdk/examples/quickstart", prefix, "quickstart")
    seen = succeed(build / "quickstart", mock, "courier-42")
    assert re.fullmatch(r"courier-42: bike, available in zone-7\n"
                        r"  1 attempt\(s\), answered by 127\.0\.0\.1:\d+ after \d+ us\n"
                        r"a-1: accepted\na-2: accepted\n", seen)
    unknown = run(build / "quickstart", mock, "nobody")
    assert (unknown.returncode, unknown.stderr) == (1, "there is no courier nobody\n")
    unreachable = run(build / "quickstart", "127.0.0.1:1", "courier-42")
    assert unreachable.returncode == 1
    assert re.match(r"lookup failed: UNAVAILABLE: .*\(try again later\)\n$", unreachable.stderr)


def test_bff(prefix, mock):
    if shutil.which("pkg-config") is None or run("pkg-config", "--exists", "cpp-httplib >= 0.11 cpp-httplib < 0.18").returncode:
        pytest.skip("there is no cpp-httplib of a version from 0.11 to 0.17 (Debian's libcpp-httplib-dev)")
    build = cmake_build(HERE.parents[1] / "sdk/examples/bff", prefix, "bff")
    process = subprocess.Popen([build / "bff", "--server", mock, "--listen", "127.0.0.1:0"], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE)
    try:
        address = json.loads(process.stdout.readline())["listen"][0]
        connection = http.client.HTTPConnection(address, timeout=PATIENCE)
        connection.request("GET", "/v1/couriers/courier-42")
        assert json.loads(connection.getresponse().read())["current_zone"] == "zone-7"
        connection.close()
        process.terminate()
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.wait(PATIENCE)
        process.stdout.close()


def test_program_that_would_have_the_contract_twice_is_refused(prefix):
    _, configured = configure(HERE / "mixed_linkage", prefix, "mixed")
    assert configured.returncode != 0
    assert "DISPATCHCTL_LINKAGE" in configured.stderr


@pytest.mark.parametrize("request_, expected", [
    ("REQUIRED COMPONENTS client teleporter",
     "there is no component 'teleporter'; installed are: client, client_static, mock_server, mocks, "),
    ("99.0 REQUIRED", "version"),
], ids=["component", "version"])
def test_what_is_not_installed_is_named(prefix, tmp_path, request_, expected):
    (tmp_path / "CMakeLists.txt").write_text("cmake_minimum_required(VERSION 3.16)\nproject(p LANGUAGES CXX)\n"
                                             f"find_package(dispatchctl {request_})\n")
    _, configured = configure(tmp_path, prefix, f"refused-{expected[:3]}")
    assert configured.returncode != 0
    # CMake wraps its messages.
    assert expected in " ".join(configured.stderr.split())


def test_optional_component_that_is_not_installed_stops_nobody(prefix, tmp_path):
    (tmp_path / "CMakeLists.txt").write_text("cmake_minimum_required(VERSION 3.16)\nproject(p LANGUAGES CXX)\n"
                                             "find_package(dispatchctl REQUIRED COMPONENTS client OPTIONAL_COMPONENTS teleporter)\n"
                                             "if(dispatchctl_teleporter_FOUND OR NOT TARGET dispatchctl::client)\n"
                                             "  message(FATAL_ERROR wrong)\nendif()\n")
    _, configured = configure(tmp_path, prefix, "optional")
    assert configured.returncode == 0, configured.stderr


def test_application_with_opentelemetry(prefix, mock):
    if not (prefix / "include/dispatchctl/otel.h").is_file():
        pytest.skip("dispatchctl::otel is not built: opentelemetry-cpp is not installed (scripts/setup --otel)")
    build = cmake_build(HERE / "otel_application", prefix, "otel")
    seen = succeed(build / "otel_application", mock)
    assert seen == ("Attempt.dispatchpb.DispatchGateway.GetCourierStatus\n"
                    "Sent.dispatchpb.DispatchGateway.GetCourierStatus\n")
