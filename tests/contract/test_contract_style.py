"""Each rule of style fires on what it is about, alone."""

import pathlib
import re

import pytest

import contract_style

HEAD = 'syntax = "proto3"; package p; option go_package = "example.com/p;p";\n'
GOOD = HEAD + """
// Does what it says.
service GoodService {
  // Does it.
  rpc DoIt(GoodMessage) returns (GoodMessage);
}
message GoodMessage {
  string good_field = 1;
  optional string present = 2;
  map<string, int32> good_map = 3;
  oneof good_choice { string a1 = 4; string b_2 = 5; }
}
enum GoodEnum {
  GOOD_ENUM_UNSPECIFIED = 0;
  GOOD_ENUM_ON_2 = 1;
}
enum HTTPState { HTTP_STATE_UNSPECIFIED = 0; }
"""

CASES = [
    ("PACKAGE_LOWER_SNAKE_CASE", "package p;", "package p.Cased;", "p.Cased"),
    ("GO_PACKAGE_DEFINED", 'option go_package = "example.com/p;p";', "", "p"),
    ("SERVICE_PASCAL_CASE", "GoodService", "good_service", "p.good_service"),
    ("COMMENT_SERVICE", "// Does what it says.", "", "p.GoodService"),
    ("RPC_PASCAL_CASE", "rpc DoIt", "rpc do_it", "p.GoodService.do_it"),
    ("COMMENT_RPC", "// Does it.", "", "p.GoodService.DoIt"),
    ("MESSAGE_PASCAL_CASE", "GoodMessage", "good_message", "p.good_message"),
    ("MESSAGE_PASCAL_CASE", "message GoodMessage {", "message GoodMessage { message inner {}", "p.GoodMessage.inner"),
    ("FIELD_LOWER_SNAKE_CASE", "good_field", "goodField", "p.GoodMessage.goodField"),
    ("FIELD_LOWER_SNAKE_CASE", "good_field", "good__field", "p.GoodMessage.good__field"),
    ("ONEOF_LOWER_SNAKE_CASE", "good_choice", "GoodChoice", "p.GoodMessage.GoodChoice"),
    ("ENUM_PASCAL_CASE", "GoodEnum", "Good_Enum", "p.Good_Enum"),
    ("ENUM_NO_ALLOW_ALIAS", "enum GoodEnum {", "enum GoodEnum { option allow_alias = true; GOOD_ENUM_TOO = 1;",
     "p.GoodEnum"),
    ("ENUM_VALUE_UPPER_SNAKE_CASE", "GOOD_ENUM_ON_2", "GOOD_ENUM_On", "p.GoodEnum.GOOD_ENUM_On"),
    ("ENUM_VALUE_PREFIX", "GOOD_ENUM_ON_2", "ON", "p.GoodEnum.ON"),
    ("ENUM_ZERO_VALUE_SUFFIX", "GOOD_ENUM_UNSPECIFIED", "GOOD_ENUM_OFF", "p.GoodEnum.GOOD_ENUM_OFF"),
]


def findings(compiled, *ignored):
    return [(finding.rule, finding.where) for finding in contract_style.check(compiled) if finding.rule not in ignored]


@pytest.mark.parametrize("rule, old, new, where", CASES, ids=[f"{number}-{case[0]}" for number, case in enumerate(CASES)])
def test_what_is_written_otherwise_is_found_and_named(compile_contract, rule, old, new, where):
    assert old in GOOD
    text = GOOD.replace(old, new)
    if rule == "ENUM_NO_ALLOW_ALIAS":
        # proto3 wants 0 first.
        text = text.replace("GOOD_ENUM_TOO = 1;", "").replace("GOOD_ENUM_ON_2 = 1;",
                                                              "GOOD_ENUM_ON_2 = 1; GOOD_ENUM_TOO = 1;")
    ignored = {"PACKAGE_LOWER_SNAKE_CASE": ("PACKAGE_DIRECTORY_MATCH",)}.get(rule, ())
    assert findings(compile_contract(**{"p/good.proto": text}), *ignored) == [(rule, where)]


def test_what_is_written_well_is_left_alone(compile_contract):
    assert findings(compile_contract(**{"p/good.proto": GOOD})) == []


def test_a_file_elsewhere_than_its_package(compile_contract):
    assert findings(compile_contract(**{"q/good.proto": GOOD})) == [("PACKAGE_DIRECTORY_MATCH", "p")]


def test_a_file_with_capitals(compile_contract):
    assert findings(compile_contract(**{"p/Good.proto": GOOD})) == [("FILE_LOWER_SNAKE_CASE", "p")]


def test_a_file_without_a_package(compile_contract):
    assert findings(compile_contract(**{"good.proto": HEAD.replace("package p;", "")})) == [
        ("PACKAGE_DEFINED", "good.proto")]


def test_an_import_that_is_public(compile_contract):
    files = {"p/good.proto": GOOD, "p/other.proto": HEAD + 'import public "p/good.proto";'}
    assert findings(compile_contract(**files)) == [("IMPORT_NO_PUBLIC", "p")]


def test_every_rule_has_a_test():
    written = set(re.findall(r'"([A-Z]+(?:_[A-Z]+)+)"', pathlib.Path(contract_style.__file__).read_text()))
    assert written - {"_UNSPECIFIED"} == {case[0] for case in CASES} | {
        "PACKAGE_DEFINED", "PACKAGE_DIRECTORY_MATCH", "FILE_LOWER_SNAKE_CASE", "IMPORT_NO_PUBLIC"}
