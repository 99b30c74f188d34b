"""describe: the contract that the program was built with."""

import json
import os
import re

import jsonschema
import pytest

from helpers import error, records, updates

MESSAGES = ["CourierLookupRequest", "CourierStatusReply", "AssignmentUpdate", "AssignmentResult"]


def contract():
    with open(os.environ["DISPATCHCTL_TEST_CONTRACT"], encoding="utf-8") as file:
        return file.read()


def schema_of(run, message):
    return json.loads(run("describe", message, "--json-schema").stdout)


def test_the_whole_contract_is_the_file(run):
    result = run("describe")
    assert result.returncode == 0
    assert result.stderr == b""
    assert result.stdout.decode() == contract()


def test_a_part_is_its_text_with_its_comment(run):
    found = run("describe", "GetCourierStatus").stdout.decode()
    assert found == ("// Returns the current status of one courier; NOT_FOUND for an unknown id.\n"
                     "rpc GetCourierStatus(CourierLookupRequest) returns (CourierStatusReply);\n")
    for message in MESSAGES:
        text = run("describe", message).stdout.decode()
        assert text in contract()
        assert text.startswith(f"message {message} {{\n") and text.endswith("}\n")
    service = run("describe", "DispatchGateway").stdout.decode()
    assert "rpc GetCourierStatus" in service and "rpc StreamAssignments" in service


@pytest.mark.parametrize("name", ["dispatchpb.DispatchGateway.StreamAssignments",
                                  "dispatchpb.DispatchGateway/StreamAssignments",
                                  "/dispatchpb.DispatchGateway/StreamAssignments"])
def test_full_names_as_people_copy_them(run, name):
    assert run("describe", name).stdout == run("describe", "StreamAssignments").stdout


def test_schemas_name_every_field(run):
    for message in MESSAGES:
        schema = schema_of(run, message)
        jsonschema.Draft202012Validator.check_schema(schema)
        fields = re.findall(r"^ +\w+ (\w+) = \d+;", run("describe", message).stdout.decode(), re.MULTILINE)
        assert list(schema["properties"]) == fields
    assert list(json.loads(run("describe", "--json-schema").stdout)) == MESSAGES
    reply = schema_of(run, "CourierStatusReply")
    assert reply["properties"]["current_zone"]["description"] == "Empty when the server predates the field."


def test_schemas_are_of_what_is_printed_and_read(run, mock):
    status = records(run("lookup", "-s", mock.address, "courier-42"))[0]
    jsonschema.validate(status, schema_of(run, "CourierStatusReply"))
    update = updates(1)
    jsonschema.validate(json.loads(update), schema_of(run, "AssignmentUpdate"))
    result = records(run("assign", "-s", mock.address, "-f", "-", stdin=update.encode()))[0]
    jsonschema.validate(result, schema_of(run, "AssignmentResult"))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"assignment_id": 7}, schema_of(run, "AssignmentUpdate"))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"assignmentid": "7"}, schema_of(run, "AssignmentUpdate"))


def test_what_is_not_there(run):
    result = run("describe", "AssignmentUpdat")
    assert result.returncode == 2
    assert error(result)["hint"] == "did you mean 'AssignmentUpdate'?"
    result = run("describe", "xyzzy")
    assert all(message in error(result)["hint"] for message in MESSAGES)


def test_methods_have_no_schema(run):
    result = run("describe", "GetCourierStatus", "--json-schema")
    assert result.returncode == 2
    assert "CourierLookupRequest and CourierStatusReply" in error(result)["hint"]
