#!/usr/bin/env python3
"""Checks the contract in proto/ for its style, and for changes that break those who use the last release.

  check_contract.py            check
  check_contract.py --release  check, then make the contract as it is the last release: when a version is tagged
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

from google.protobuf import descriptor_pb2, text_format

import breaking_changes
import contract_style

PROTO = pathlib.Path(__file__).resolve().parents[2] / "proto"
RELEASED = PROTO / "released" / "contract.txtpb"


def compiled(folder, names, protoc="protoc"):
    """A FileDescriptorSet of these files below `folder`, with source info."""
    with tempfile.NamedTemporaryFile(suffix=".binpb") as output:
        subprocess.run([protoc, f"--proto_path={folder}", "--include_source_info",
                        f"--descriptor_set_out={output.name}", *names], check=True)
        return descriptor_pb2.FileDescriptorSet.FromString(output.read())


def contract():
    """The contract as it is in this tree."""
    names = sorted(str(path.relative_to(PROTO)) for path in PROTO.rglob("*.proto"))
    return compiled(PROTO, names, os.environ.get("DISPATCHCTL_TEST_PROTOC", "protoc"))


def released():
    """The contract as it was last released."""
    return text_format.Parse(RELEASED.read_text(encoding="utf-8"), descriptor_pb2.FileDescriptorSet())


def release(current):
    """Makes `current` the last release. Its comments are no part of it."""
    kept = descriptor_pb2.FileDescriptorSet()
    kept.CopyFrom(current)
    for file in kept.file:
        file.ClearField("source_code_info")
    RELEASED.write_text(text_format.MessageToString(kept), encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--release", action="store_true", help="make the contract as it is the last release")
    arguments = parser.parse_args()
    current = contract()
    findings = contract_style.check(current)
    if RELEASED.exists():
        findings += breaking_changes.compare(released(), current)
    elif not arguments.release:
        sys.exit(f"check_contract: {RELEASED} is missing: --release makes it")
    for finding in findings:
        print(finding, file=sys.stderr)
    if findings:
        sys.exit("check_contract: clients and servers already deployed would disagree with this contract, or it is not "
                 "written in the style; CONTRIBUTING.md says how it changes")
    if arguments.release:
        release(current)
        print(f"check_contract: {RELEASED.relative_to(PROTO.parent)} is the contract as it is")
    else:
        print(f"check_contract: {len(current.file)} file(s), nothing breaks")


if __name__ == "__main__":
    main()
