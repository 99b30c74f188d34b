"""How a .proto contract is written. The rules have the names, and the meaning, of buf's categories STANDARD and COMMENTS.

check() takes a FileDescriptorSet with source info and is pure.
"""

import re

from finding import Finding

PASCAL_CASE = re.compile(r"[A-Z][A-Za-z0-9]*")
LOWER_SNAKE_CASE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
UPPER_SNAKE_CASE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*")

# Field numbers in descriptor.proto, of which the paths in source info are made.
SERVICE_OF_FILE, METHOD_OF_SERVICE = 6, 2


def check(files):
    """What is not in the style, in the order of the files."""
    return [Finding(rule, file.name, where, message) for file in files.file for rule, where, message in _file(file)]


def _file(file):
    scope = file.package or file.name
    if not file.package:
        yield "PACKAGE_DEFINED", scope, "there is no package"
    if not all(LOWER_SNAKE_CASE.fullmatch(part) for part in file.package.split(".") if part):
        yield "PACKAGE_LOWER_SNAKE_CASE", scope, "packages are lower_snake.case"
    directory, _, name = file.name.rpartition("/")
    if file.package and directory != file.package.replace(".", "/"):
        yield "PACKAGE_DIRECTORY_MATCH", scope, f"the file is in '{directory}', not {file.package.replace('.', '/')}"
    if not LOWER_SNAKE_CASE.fullmatch(name.removesuffix(".proto")):
        yield "FILE_LOWER_SNAKE_CASE", scope, "files are lower_snake_case.proto"
    if not file.options.go_package:
        yield "GO_PACKAGE_DEFINED", scope, "there is no go_package: the services in Go cannot import it"
    if file.public_dependency:
        yield "IMPORT_NO_PUBLIC", scope, "imports are not public"
    for message in file.message_type:
        yield from _message(file.package, message)
    for enum in file.enum_type:
        yield from _enum(file.package, enum)
    commented = {tuple(location.path) for location in file.source_code_info.location
                 if location.leading_comments.strip()}
    for index, service in enumerate(file.service):
        yield from _service(file.package, service, (SERVICE_OF_FILE, index), commented)


def _join(scope, name):
    return f"{scope}.{name}" if scope else name


def _service(scope, service, path, commented):
    where = _join(scope, service.name)
    if not PASCAL_CASE.fullmatch(service.name):
        yield "SERVICE_PASCAL_CASE", where, "services are PascalCase"
    if path not in commented:
        yield "COMMENT_SERVICE", where, "no comment says what the service is for"
    for index, method in enumerate(service.method):
        name = _join(where, method.name)
        if not PASCAL_CASE.fullmatch(method.name):
            yield "RPC_PASCAL_CASE", name, "methods are PascalCase"
        if (*path, METHOD_OF_SERVICE, index) not in commented:
            yield "COMMENT_RPC", name, "no comment says what the method does"


def _message(scope, message):
    where = _join(scope, message.name)
    # Maps are nested messages with names of protoc's own.
    if message.options.map_entry:
        return
    if not PASCAL_CASE.fullmatch(message.name):
        yield "MESSAGE_PASCAL_CASE", where, "messages are PascalCase"
    for field in message.field:
        if not LOWER_SNAKE_CASE.fullmatch(field.name):
            yield "FIELD_LOWER_SNAKE_CASE", _join(where, field.name), "fields are lower_snake_case"
    for index, oneof in enumerate(message.oneof_decl):
        optional = any(field.proto3_optional and field.oneof_index == index for field in message.field)
        if not optional and not LOWER_SNAKE_CASE.fullmatch(oneof.name):
            yield "ONEOF_LOWER_SNAKE_CASE", _join(where, oneof.name), "oneofs are lower_snake_case"
    for nested in message.nested_type:
        yield from _message(where, nested)
    for enum in message.enum_type:
        yield from _enum(where, enum)


def _enum(scope, enum):
    where = _join(scope, enum.name)
    if not PASCAL_CASE.fullmatch(enum.name):
        yield "ENUM_PASCAL_CASE", where, "enums are PascalCase"
    if enum.options.allow_alias:
        yield "ENUM_NO_ALLOW_ALIAS", where, "no two values have one number"
    prefix = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", enum.name).upper() + "_"
    for value in enum.value:
        name = _join(where, value.name)
        if not UPPER_SNAKE_CASE.fullmatch(value.name):
            yield "ENUM_VALUE_UPPER_SNAKE_CASE", name, "values are UPPER_SNAKE_CASE"
        if not value.name.startswith(prefix):
            yield "ENUM_VALUE_PREFIX", name, f"values begin with {prefix}, as they share their enum's scope"
        if value.number == 0 and not value.name.endswith("_UNSPECIFIED"):
            yield "ENUM_ZERO_VALUE_SUFFIX", name, "0 is what was never set: it ends with _UNSPECIFIED"
