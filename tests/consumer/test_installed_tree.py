"""What is installed: complete, relocatable, and with nothing in its interface that does not belong there."""

import os
import pathlib
import re
import resource
import shutil
import subprocess

import pytest

VERSION = os.environ["DISPATCHCTL_TEST_VERSION"]
MAJOR_MINOR = VERSION.rsplit(".", 1)[0]
ABI = "v" + MAJOR_MINOR.replace(".", "_")
LIBRARIES = ("libdispatchctl", "libdispatchctl-protos")
# The bar for a public header to compile, in processor time, and how much slower a machine may be.
BAR_SECONDS = 1.0
SLACK = 10
# GoogleMock's own header takes more than the bar, and so do OpenTelemetry's.
WITHOUT_BAR = {"mocks.h", "otel.h"}


def output(*command):
    return subprocess.run([str(word) for word in command], check=True, text=True, capture_output=True).stdout


def processor_seconds():
    """Of all processes waited for so far: unlike the clock's, it does not count what others do meanwhile."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def public_headers():
    return sorted((pathlib.Path(os.environ["DISPATCHCTL_TEST_PREFIX"]) / "include/dispatchctl").glob("*.h"))


def exported_symbols(library):
    lines = output("nm", "--dynamic", "--defined-only", "--demangle", library).splitlines()
    return [line.split(" ", 2)[2] for line in lines]


def dynamic_section(file):
    return output("readelf", "--dynamic", "--wide", file)


def test_everything_is_there(prefix):
    expected = [
        "bin/dispatchctl", "bin/dispatch-mock",
        "include/dispatchctl/client.h", "include/dispatchctl/version.h", "include/dispatchctl/mocks.h",
        "include/dispatchctl/mock_server.h", "include/dispatchpb/dispatch.pb.h", "include/dispatchpb/dispatch.grpc.pb.h",
        "lib/libdispatchctl-mock-server.a", "lib/cmake/dispatchctl/dispatchctlConfig.cmake",
        "lib/cmake/dispatchctl/dispatchctlConfigVersion.cmake",
        "lib/pkgconfig/dispatchctl.pc", "lib/pkgconfig/dispatchctl-protos.pc", "lib/pkgconfig/dispatchctl-mocks.pc",
        "lib/pkgconfig/dispatchctl-mock-server.pc",
        "share/dispatchctl/proto/dispatchpb/dispatch.proto",
        "share/man/man1/dispatchctl.1", "share/man/man1/dispatch-mock.1",
    ]
    for library in LIBRARIES:
        expected += [f"lib/{library}.a", f"lib/{library}.so", f"lib/{library}.so.{MAJOR_MINOR}", f"lib/{library}.so.{VERSION}"]
    assert [name for name in expected if not (prefix / name).is_file()] == []
    assert f'kVersion = "{VERSION}"' in (prefix / "include/dispatchctl/version.h").read_text()


def test_programs_run(prefix):
    for program in ("dispatchctl", "dispatch-mock"):
        assert VERSION in output(prefix / "bin" / program, "--version")


def test_no_file_remembers_where_it_was_built(prefix):
    places = [os.environ["DISPATCHCTL_TEST_SOURCE"], os.environ["DISPATCHCTL_TEST_BUILD"], str(prefix)]
    found = []
    for path in prefix.rglob("*"):
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            found += [f"{path.relative_to(prefix)}: {place}" for place in places if place.encode() in content]
    assert found == []


@pytest.mark.parametrize("library", LIBRARIES)
def test_shared_library_names_its_version_and_finds_its_sister_beside_it(prefix, library):
    dynamic = dynamic_section(prefix / f"lib/{library}.so")
    assert f"Library soname: [{library}.so.{MAJOR_MINOR}]" in dynamic
    assert re.findall(r"(?:RPATH|RUNPATH).*\[(.*)\]", dynamic) == ["$ORIGIN"]
    stack = re.search(r"GNU_STACK\s+.*", output("readelf", "--program-headers", "--wide", prefix / f"lib/{library}.so"))
    assert stack and " RWE " not in stack[0]


def test_programs_look_for_libraries_in_the_system_only(prefix):
    for program in ("dispatchctl", "dispatch-mock"):
        assert "PATH)" not in dynamic_section(prefix / "bin" / program)


def test_client_exports_what_public_headers_declare_and_nothing_else(prefix):
    declared = set()
    for header in public_headers():
        text = header.read_text()
        declared.update(re.findall(r"^class DISPATCHCTL_EXPORT (\w+)", text, re.MULTILINE))
        declared.update(re.findall(r"^DISPATCHCTL_EXPORT\s[^(;]*?(\w+)\(", text, re.MULTILINE))
    symbols = exported_symbols(prefix / "lib/libdispatchctl.so")
    assert len(symbols) > 10
    scope = re.compile(rf"^(?:vtable for |typeinfo for |typeinfo name for )?dispatchctl::{ABI}::(\w+)")
    strangers = [symbol for symbol in symbols if not (match := scope.match(symbol)) or match[1] not in declared]
    assert strangers == []
    assert {"Client", "PhaseName"} <= {scope.match(symbol)[1] for symbol in symbols}


def test_contract_exports_the_contract_and_nothing_else(prefix):
    symbols = exported_symbols(prefix / "lib/libdispatchctl-protos.so")
    assert any(symbol.startswith("dispatchpb::CourierStatusReply::") for symbol in symbols)
    assert [symbol for symbol in symbols if "dispatchpb" not in symbol] == []


def test_archive_carries_no_grpc(prefix):
    defined = output("nm", "--defined-only", "--demangle", prefix / "lib/libdispatchctl.a")
    assert re.search(r" T dispatchctl::", defined)
    assert re.findall(r" T (?:grpc|google::protobuf|absl).*", defined) == []


def test_only_the_library_that_speaks_grpc_is_needed_to_link(prefix):
    """gRPC comes by NEEDED, so that a security update of Debian's reaches every program."""
    needed = re.findall(r"NEEDED.*\[(.*)\]", dynamic_section(prefix / "lib/libdispatchctl.so"))
    assert f"libdispatchctl-protos.so.{MAJOR_MINOR}" in needed
    assert any(name.startswith("libgrpc++.so") for name in needed)


@pytest.mark.parametrize("header", public_headers(), ids=lambda header: header.name)
def test_header_compiles_alone_and_shows_no_grpc(prefix, header):
    # A header that is as it was when it was measured comes out of the compiler's cache.
    launcher = [ccache] if (ccache := shutil.which("ccache")) else []
    source = pathlib.Path(os.environ["DISPATCHCTL_TEST_WORK"]) / f"only-{header.stem}.cc"
    source.write_text(f"#include <dispatchctl/{header.name}>\n")
    seconds = {}
    for standard in ("c++17", "c++20"):
        read = source.with_suffix(f".{standard}.d")
        started = processor_seconds()
        output(*launcher, os.environ["DISPATCHCTL_TEST_COMPILER"], f"-std={standard}", "-Wall", "-Wextra", "-Werror",
               f"-I{prefix / 'include'}", "-MD", "-MF", read, "-c", source, "-o", source.with_suffix(f".{standard}.o"))
        seconds[standard] = processor_seconds() - started
        strangers = [name for name in read.read_text().split()
                     if re.search(r"/(grpc(pp|\+\+)?|google/protobuf|dispatchpb)/", name)]
        assert strangers == []
    shown = ", ".join(f"{standard} {taken:.2f} s" for standard, taken in seconds.items())
    print(f"{header.name}: {shown} (bar: {BAR_SECONDS:g} s)")
    if header.name not in WITHOUT_BAR:
        assert min(seconds.values()) < BAR_SECONDS * SLACK, f"{header.name} takes {shown} to compile"
