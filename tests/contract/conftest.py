"""Contracts written for a test, compiled as the real one is."""

import os

import pytest

import check_contract


@pytest.fixture
def compile_contract(tmp_path):
    """Compiles files given as path=text, by default one file's text; with source info."""
    made = 0

    def call(text="", **files):
        nonlocal made
        made += 1
        folder = tmp_path / f"contract{made}"
        if text:
            files["dispatchpb/dispatch.proto"] = text
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
        return check_contract.compiled(folder, sorted(files), os.environ.get("DISPATCHCTL_TEST_PROTOC", "protoc"))

    return call
