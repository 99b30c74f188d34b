"""Each rule about breaking changes fires on what it forbids, alone, and on nothing else."""

import pathlib
import re

import pytest

import breaking_changes

HEAD = 'syntax = "proto3"; package p; option go_package = "example.com/p;p"; '
HEAD2 = 'syntax = "proto2"; package p; option go_package = "example.com/p;p"; '
MESSAGES = "message A {} message B {} "


def enum(values):
    return HEAD + f"enum State {{ {values} }}"


def message(fields):
    return HEAD + f"message M {{ {fields} }}"


def service(method):
    return HEAD + MESSAGES + f"service S {{ {method} }}"


# Rule, what was released, what it became, where, what the message says.
BREAKING = [
    ("FILE_SAME_PACKAGE", HEAD, HEAD.replace("package p", "package q"), "p", "the package is now 'q'"),
    ("FILE_SAME_SYNTAX", HEAD2, HEAD, "p", "the syntax was proto2 and is proto3"),
    ("FILE_SAME_GO_PACKAGE", HEAD, HEAD.replace("/p;p", "/q;q"), "p", "example.com/q;q"),
    ("SERVICE_NO_DELETE", service(""), HEAD + MESSAGES, "p.S", "the service is gone"),
    ("RPC_NO_DELETE", service("rpc Do(A) returns (B);"), service(""), "p.S.Do", "the method is gone"),
    ("RPC_SAME_REQUEST_TYPE", service("rpc Do(A) returns (B);"), service("rpc Do(B) returns (B);"), "p.S.Do",
     "the request was .p.A and is .p.B"),
    ("RPC_SAME_RESPONSE_TYPE", service("rpc Do(A) returns (B);"), service("rpc Do(A) returns (A);"), "p.S.Do",
     "the response was .p.B and is .p.A"),
    ("RPC_SAME_CLIENT_STREAMING", service("rpc Do(stream A) returns (B);"), service("rpc Do(A) returns (B);"), "p.S.Do",
     "client streaming was True and is False"),
    ("RPC_SAME_SERVER_STREAMING", service("rpc Do(A) returns (B);"), service("rpc Do(A) returns (stream B);"), "p.S.Do",
     "server streaming was False and is True"),
    ("RPC_SAME_IDEMPOTENCY_LEVEL", service("rpc Do(A) returns (B) { option idempotency_level = NO_SIDE_EFFECTS; }"),
     service("rpc Do(A) returns (B);"), "p.S.Do", "idempotency"),
    ("MESSAGE_NO_DELETE", HEAD + MESSAGES, HEAD + "message A {}", "p.B", "the message is gone"),
    ("MESSAGE_NO_DELETE", message("message Inner {}"), message(""), "p.M.Inner", "the message is gone"),
    ("FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED", message("string zone = 5;"), message('reserved "zone";'), "p.M.zone",
     "number 5 is gone and not reserved"),
    ("FIELD_NO_DELETE_UNLESS_NAME_RESERVED", message("string zone = 5;"), message("reserved 5;"), "p.M.zone",
     "its name not reserved"),
    ("FIELD_SAME_NAME", message("string zone = 1;"), message('string area = 1 [json_name = "zone"];'), "p.M.zone",
     "number 1 is now 'area'"),
    ("FIELD_SAME_JSON_NAME", message("string zone = 1;"), message('string zone = 1 [json_name = "area"];'), "p.M.zone",
     "the JSON name was 'zone' and is 'area'"),
    ("FIELD_SAME_TYPE", message("int32 count = 1;"), message("sint32 count = 1;"), "p.M.count",
     "the type was int32 and is sint32"),
    ("FIELD_SAME_TYPE", HEAD + MESSAGES + "message M { A it = 1; }", HEAD + MESSAGES + "message M { B it = 1; }", "p.M.it",
     "the type was .p.A and is .p.B"),
    ("FIELD_SAME_CARDINALITY", message("string zone = 1;"), message("repeated string zone = 1;"), "p.M.zone",
     "the field was optional and is repeated"),
    ("FIELD_SAME_CARDINALITY", message("string zone = 1;"), message("optional string zone = 1;"), "p.M.zone",
     "the field was optional and is optional with presence"),
    ("FIELD_SAME_ONEOF", message("oneof o { string a = 1; string b = 2; } oneof q { string c = 3; }"),
     message("oneof o { string b = 2; } oneof q { string a = 1; string c = 3; }"), "p.M.a",
     "the field was in o and is in q"),
    ("FIELD_SAME_DEFAULT", HEAD2 + "message M { optional int32 a = 1 [default = 1]; }",
     HEAD2 + "message M { optional int32 a = 1 [default = 2]; }", "p.M.a", "the default was '1' and is '2'"),
    ("FIELD_SAME_JSTYPE", message("int64 a = 1 [jstype = JS_STRING];"), message("int64 a = 1;"), "p.M.a", "JavaScript"),
    ("RESERVED_MESSAGE_NO_DELETE", message('reserved 4; reserved "old";'), message('reserved "old";'), "p.M",
     "number 4 is not reserved any more"),
    ("RESERVED_MESSAGE_NO_DELETE", message("reserved 4 to 9;"), message("reserved 4 to 6, 8, 9;"), "p.M",
     "number 4 to 9 is not reserved any more"),
    ("RESERVED_MESSAGE_NO_DELETE", message('reserved 4; reserved "old";'), message("reserved 4;"), "p.M",
     "name 'old' is not reserved any more"),
    ("RESERVED_MESSAGE_NO_DELETE", message("reserved 4;"), message("string again = 4;"), "p.M", "number 4"),
    ("ENUM_NO_DELETE", enum("STATE_UNSPECIFIED = 0;"), HEAD, "p.State", "the enum is gone"),
    ("ENUM_VALUE_SAME_NAME", enum("STATE_UNSPECIFIED = 0; STATE_ON = 1;"), enum("STATE_UNSPECIFIED = 0; STATE_UP = 1;"),
     "p.State.STATE_ON", "1 is now 'STATE_UP'"),
    ("ENUM_VALUE_NO_DELETE_UNLESS_NUMBER_RESERVED", enum("STATE_UNSPECIFIED = 0; STATE_ON = 1;"),
     enum('STATE_UNSPECIFIED = 0; reserved "STATE_ON";'), "p.State.STATE_ON", "1 is gone and not reserved"),
    ("ENUM_VALUE_NO_DELETE_UNLESS_NAME_RESERVED", enum("STATE_UNSPECIFIED = 0; STATE_ON = 1;"),
     enum("STATE_UNSPECIFIED = 0; reserved 1;"), "p.State.STATE_ON", "its name not reserved"),
    ("RESERVED_ENUM_NO_DELETE", enum("STATE_UNSPECIFIED = 0; reserved 2 to 3;"),
     enum("STATE_UNSPECIFIED = 0; reserved 2;"), "p.State", "number 2 to 3 is not reserved any more"),
]

COMPATIBLE = [
    ("nothing", message("string a = 1;"), message("string a = 1;")),
    ("another order", message("string a = 1; string b = 2;"), message("string b = 2; string a = 1;")),
    ("a field", message("string a = 1;"), message("string a = 1; repeated int64 b = 2;")),
    ("a field with presence", message("string a = 1;"), message("string a = 1; optional int64 b = 2;")),
    ("a new oneof", message("string a = 1;"), message("string a = 1; oneof o { string b = 2; }")),
    ("a message, an enum, a service", HEAD, service("rpc Do(A) returns (B);") + "enum E { E_UNSPECIFIED = 0; }"),
    ("a method", service("rpc Do(A) returns (B);"), service("rpc Do(A) returns (B); rpc More(stream A) returns (B);")),
    ("an enum's value", enum("STATE_UNSPECIFIED = 0;"), enum("STATE_UNSPECIFIED = 0; STATE_ON = 1;")),
    ("a field removed and reserved", message("string a = 1; string b = 2;"),
     message('string b = 2; reserved 1; reserved "a";')),
    ("an enum's value removed and reserved", enum("STATE_UNSPECIFIED = 0; STATE_ON = 1;"),
     enum('STATE_UNSPECIFIED = 0; reserved 1; reserved "STATE_ON";')),
    ("more reserved", message("reserved 4 to 9;"), message("reserved 1 to 5, 6 to 10;")),
    ("a comment", service("rpc Do(A) returns (B);"), service("/* Does. */ rpc Do(A) returns (B);")),
    ("an alias", HEAD + "enum E { X = 0; }", HEAD + "enum E { option allow_alias = true; Y = 0; X = 0; }"),
]


@pytest.mark.parametrize("rule, old, new, where, message", BREAKING,
                         ids=[f"{number}-{case[0]}" for number, case in enumerate(BREAKING)])
def test_what_breaks_is_found_and_named(compile_contract, rule, old, new, where, message):
    found = breaking_changes.compare(compile_contract(old), compile_contract(new))
    assert [(change.rule, change.file, change.where) for change in found] == [(rule, "dispatchpb/dispatch.proto", where)]
    assert message in found[0].message


@pytest.mark.parametrize("what, old, new", COMPATIBLE, ids=[case[0] for case in COMPATIBLE])
def test_what_does_not_break_is_left_alone(compile_contract, what, old, new):
    assert breaking_changes.compare(compile_contract(old), compile_contract(new)) == [], what


def test_a_file_that_is_gone(compile_contract):
    old = compile_contract(**{"p/a.proto": HEAD, "p/b.proto": HEAD})
    found = breaking_changes.compare(old, compile_contract(**{"p/a.proto": HEAD}))
    assert [(change.rule, change.file) for change in found] == [("FILE_NO_DELETE", "p/b.proto")]


def test_a_field_that_moved_to_another_number_is_told_as_such(compile_contract):
    found = breaking_changes.compare(compile_contract(message("string zone = 5;")),
                                     compile_contract(message("string zone = 6;")))
    assert {change.rule for change in found} == {"FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED",
                                                 "FIELD_NO_DELETE_UNLESS_NAME_RESERVED"}
    assert all("its name now has number 6" in change.message for change in found)


def test_a_oneof_that_is_gone_and_its_field_that_is_not(compile_contract):
    found = breaking_changes.compare(compile_contract(message("oneof o { string a = 1; }")),
                                     compile_contract(message("string a = 1;")))
    assert [change.rule for change in found] == ["FIELD_SAME_CARDINALITY", "FIELD_SAME_ONEOF", "ONEOF_NO_DELETE"]


def test_everything_is_found_at_once_and_in_order(compile_contract):
    found = breaking_changes.compare(
        compile_contract(message("string a = 1; string b = 2;") + "service S {}"),
        compile_contract(message("string a = 1 [json_name = \"x\"]; bytes b = 2;")))
    assert [change.rule for change in found] == ["FIELD_SAME_JSON_NAME", "FIELD_SAME_TYPE", "SERVICE_NO_DELETE"]
    assert str(found[0]) == ("dispatchpb/dispatch.proto: p.M.a: the JSON name was 'a' and is 'x' "
                             "(FIELD_SAME_JSON_NAME)")


def test_every_rule_has_a_test():
    written = set(re.findall(r'"([A-Z]+(?:_[A-Z]+)+)"', pathlib.Path(breaking_changes.__file__).read_text()))
    tested = {case[0] for case in BREAKING} | {"FILE_NO_DELETE", "ONEOF_NO_DELETE"}
    assert written == tested
