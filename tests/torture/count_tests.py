#!/usr/bin/env python3
"""What a JUnit report of ctest's comes to, as one JSON object: count_tests.py PRESET VERDICT REPORT."""

import json
import sys
import xml.etree.ElementTree

preset, verdict, report = sys.argv[1:]
suite = xml.etree.ElementTree.parse(report).getroot()
print(json.dumps({"preset": preset, "verdict": verdict, "tests": int(suite.get("tests")), "failed": int(suite.get("failures")),
                  "skipped": int(suite.get("skipped")) + int(suite.get("disabled", 0))}))
