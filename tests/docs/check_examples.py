#!/usr/bin/env python3
"""Compiles the C++ examples of a Markdown page, which together make one source file, without making a program of it.

Usage: check_examples.py PAGE COMPILER [OPTION...]
"""

import subprocess
import sys


def examples(page):
    """The lines of the page's cpp blocks, with the line each begins at."""
    inside = False
    with open(page, encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if not inside and line.startswith("```cpp"):
                inside = True
                # The compiler's errors then name the page and its lines.
                yield f'#line {number + 1} "{page}"\n'
            elif inside and line.startswith("```"):
                inside = False
            elif inside:
                yield line


def main():
    page, *compiler = sys.argv[1:]
    source = "".join(examples(page))
    if not source:
        sys.exit(f"{page}: no C++ examples found")
    command = [*compiler, "-fsyntax-only", "-x", "c++", "-"]
    sys.exit(subprocess.run(command, input=source.encode(), check=False).returncode)


if __name__ == "__main__":
    main()
