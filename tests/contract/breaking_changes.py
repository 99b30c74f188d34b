"""Which changes of a .proto contract break those who use it already.

The rules have the names, and the meaning, of buf's, whose documentation explains each of them: those of its category
FILE, so that generated code keeps compiling as well as the bytes and the JSON keep their meaning, but that a field or
an enum's value may go if its number and name are reserved. compare() takes FileDescriptorSets and is pure.
"""

from google.protobuf import descriptor_pb2

from finding import Finding

Field = descriptor_pb2.FieldDescriptorProto


def compare(released, current):
    """The changes from `released` to `current` that break, in the order of what was released."""
    files = {file.name: file for file in current.file}
    changes = []
    for file in released.file:
        if file.name not in files:
            changes.append(Finding("FILE_NO_DELETE", file.name, file.package, "the file is gone"))
            continue
        changes += [Finding(rule, file.name, where, message) for rule, where, message in _file(file, files[file.name])]
    return changes


def _file(old, new):
    scope = old.package
    if old.package != new.package:
        yield "FILE_SAME_PACKAGE", scope, f"the package is now '{new.package}'"
    # protoc writes no syntax for proto2.
    if (old.syntax or "proto2") != (new.syntax or "proto2"):
        yield "FILE_SAME_SYNTAX", scope, f"the syntax was {old.syntax or 'proto2'} and is {new.syntax or 'proto2'}"
    if old.options.go_package != new.options.go_package:
        yield ("FILE_SAME_GO_PACKAGE", scope,
               f"go_package was '{old.options.go_package}' and is '{new.options.go_package}'")
    yield from _messages(scope, old.message_type, new.message_type)
    yield from _enums(scope, old.enum_type, new.enum_type)
    services = {service.name: service for service in new.service}
    for service in old.service:
        where = _join(scope, service.name)
        if service.name in services:
            yield from _service(where, service, services[service.name])
        else:
            yield "SERVICE_NO_DELETE", where, "the service is gone"


def _join(scope, name):
    return f"{scope}.{name}" if scope else name


def _service(scope, old, new):
    methods = {method.name: method for method in new.method}
    for method in old.method:
        where = _join(scope, method.name)
        if method.name not in methods:
            yield "RPC_NO_DELETE", where, "the method is gone"
            continue
        other = methods[method.name]
        for rule, what, was, now in (
                ("RPC_SAME_REQUEST_TYPE", "the request", method.input_type, other.input_type),
                ("RPC_SAME_RESPONSE_TYPE", "the response", method.output_type, other.output_type),
                ("RPC_SAME_CLIENT_STREAMING", "client streaming", method.client_streaming, other.client_streaming),
                ("RPC_SAME_SERVER_STREAMING", "server streaming", method.server_streaming, other.server_streaming),
                ("RPC_SAME_IDEMPOTENCY_LEVEL", "the idempotency level", method.options.idempotency_level,
                 other.options.idempotency_level)):
            if was != now:
                yield rule, where, f"{what} was {was} and is {now}"


def _messages(scope, old, new):
    messages = {message.name: message for message in new}
    for message in old:
        where = _join(scope, message.name)
        if message.name in messages:
            yield from _message(where, message, messages[message.name])
        else:
            yield "MESSAGE_NO_DELETE", where, "the message is gone"


def _message(scope, old, new):
    fields = {field.number: field for field in new.field}
    numbers = {field.name: field.number for field in new.field}
    for field in old.field:
        where = _join(scope, field.name)
        if field.number in fields:
            yield from _field(where, old, field, new, fields[field.number])
            continue
        moved = f"; its name now has number {numbers[field.name]}" if field.name in numbers else ""
        if not _reserves(new.reserved_range, field.number):
            yield ("FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED", where,
                   f"number {field.number} is gone and not reserved{moved}")
        if field.name not in new.reserved_name:
            yield ("FIELD_NO_DELETE_UNLESS_NAME_RESERVED", where,
                   f"the field is gone and its name not reserved{moved}")
    yield from _reserved("RESERVED_MESSAGE_NO_DELETE", scope, old, new, end_is_reserved=False)
    oneofs = {oneof.name for oneof in new.oneof_decl}
    for index, oneof in enumerate(old.oneof_decl):
        # A field that is `optional` has a oneof of its own: whether it still is one is the field's cardinality.
        optional = any(field.proto3_optional and field.oneof_index == index for field in old.field)
        if not optional and oneof.name not in oneofs:
            yield "ONEOF_NO_DELETE", _join(scope, oneof.name), "the oneof is gone"
    yield from _messages(scope, old.nested_type, new.nested_type)
    yield from _enums(scope, old.enum_type, new.enum_type)


def _field(where, old_message, old, new_message, new):
    if old.name != new.name:
        yield "FIELD_SAME_NAME", where, f"number {old.number} is now '{new.name}'"
    if old.json_name != new.json_name:
        yield "FIELD_SAME_JSON_NAME", where, f"the JSON name was '{old.json_name}' and is '{new.json_name}'"
    if (old.type, old.type_name) != (new.type, new.type_name):
        yield "FIELD_SAME_TYPE", where, f"the type was {_type(old)} and is {_type(new)}"
    if _cardinality(old) != _cardinality(new):
        yield "FIELD_SAME_CARDINALITY", where, f"the field was {_cardinality(old)} and is {_cardinality(new)}"
    if _oneof(old_message, old) != _oneof(new_message, new):
        yield ("FIELD_SAME_ONEOF", where, f"the field was in {_oneof(old_message, old) or 'no oneof'} and is in "
               f"{_oneof(new_message, new) or 'none'}")
    if old.default_value != new.default_value:
        yield "FIELD_SAME_DEFAULT", where, f"the default was '{old.default_value}' and is '{new.default_value}'"
    if old.options.jstype != new.options.jstype:
        yield "FIELD_SAME_JSTYPE", where, "the type in JavaScript is another"


def _type(field):
    return field.type_name or Field.Type.Name(field.type).removeprefix("TYPE_").lower()


def _cardinality(field):
    # In proto3, also a member of a oneof tells whether it was set.
    if field.proto3_optional or field.HasField("oneof_index"):
        return "optional with presence"
    return Field.Label.Name(field.label).removeprefix("LABEL_").lower()


def _oneof(message, field):
    if not field.HasField("oneof_index") or field.proto3_optional:
        return None
    return message.oneof_decl[field.oneof_index].name


def _enums(scope, old, new):
    enums = {enum.name: enum for enum in new}
    for enum in old:
        where = _join(scope, enum.name)
        if enum.name in enums:
            yield from _enum(where, enum, enums[enum.name])
        else:
            yield "ENUM_NO_DELETE", where, "the enum is gone"


def _enum(scope, old, new):
    # Aliases: one number, several names.
    names = {}
    for value in new.value:
        names.setdefault(value.number, set()).add(value.name)
    for value in old.value:
        where = _join(scope, value.name)
        if value.number in names:
            if value.name not in names[value.number]:
                yield "ENUM_VALUE_SAME_NAME", where, f"{value.number} is now '{min(names[value.number])}'"
            continue
        if not _reserves(new.reserved_range, value.number, end_is_reserved=True):
            yield "ENUM_VALUE_NO_DELETE_UNLESS_NUMBER_RESERVED", where, f"{value.number} is gone and not reserved"
        if value.name not in new.reserved_name:
            yield "ENUM_VALUE_NO_DELETE_UNLESS_NAME_RESERVED", where, "the value is gone and its name not reserved"
    yield from _reserved("RESERVED_ENUM_NO_DELETE", scope, old, new, end_is_reserved=True)


def _reserves(ranges, number, end_is_reserved=False):
    return any(each.start <= number < each.end + end_is_reserved for each in ranges)


def _reserved(rule, scope, old, new, end_is_reserved):
    """What was reserved stays so: its old meaning is still out there. In an enum, a range's end is part of it."""
    for each in old.reserved_range:
        last = each.end if end_is_reserved else each.end - 1
        if not _covered(new.reserved_range, each.start, last, end_is_reserved):
            text = str(each.start) if each.start == last else f"{each.start} to {last}"
            yield rule, scope, f"number {text} is not reserved any more"
    for name in old.reserved_name:
        if name not in new.reserved_name:
            yield rule, scope, f"name '{name}' is not reserved any more"


def _covered(ranges, first, last, end_is_reserved):
    """Whether the ranges together have all from `first` to `last`, without looking at each number."""
    for start, end in sorted((each.start, each.end + end_is_reserved) for each in ranges):
        if start <= first < end:
            first = end
    return first > last
