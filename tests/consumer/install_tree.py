#!/usr/bin/env python3
"""Installs a built tree, then moves it: what others build with must not remember where it was made.

Usage: install_tree.py CMAKE BUILD PREFIX
"""

import pathlib
import shutil
import subprocess
import sys


def main():
    cmake, build, prefix = sys.argv[1:]
    prefix = pathlib.Path(prefix)
    staging = prefix.with_name(prefix.name + "-before-it-was-moved")
    for folder in (staging, prefix):
        shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([cmake, "--install", build, "--prefix", str(staging)], check=True, stdout=subprocess.DEVNULL)
    staging.rename(prefix)


if __name__ == "__main__":
    main()
