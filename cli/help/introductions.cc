#include "help/help_texts.h"

namespace dispatchctl::cli {
namespace {

constexpr std::string_view kProgramIntroduction =
    R"(Talk to a Dispatch service: look couriers up, stream assignments.

Usage: dispatchctl [global options] COMMAND ...

Examples:
  dispatchctl lookup -s localhost:50051 courier-42
  dispatchctl lookup -s dispatch.example:443 -f ids.txt --parallel 128
  producer | dispatchctl assign -s localhost:50051 -f - > decisions.ndjson

)";

constexpr std::string_view kLookupIntroduction =
    R"(Show the status of couriers.

Usage: dispatchctl lookup [options] ID... | -f FILE|-

Examples:
  dispatchctl lookup -s localhost:50051 courier-42
  dispatchctl lookup -s localhost:50051 -o json courier-1 courier-2
  dispatchctl lookup -s localhost:50051 -f ids.txt --unordered

Many ids share the connection. Results come in the order of the ids. An id that
cannot be looked up gets a record with "error" in its place.

)";

constexpr std::string_view kAssignIntroduction =
    R"(Stream assignments and print each decision.

Usage: dispatchctl assign [options] -f FILE|-

Examples:
  dispatchctl assign -s localhost:50051 -f orders.ndjson
  producer | dispatchctl assign -s localhost:50051 -f - --bad-record report
  dispatchctl assign -f orders.csv --out results.ndjson --continue
  dispatchctl assign -f orders.ndjson --dry-run

Each line is one assignment, of NDJSON or of CSV with a header:
  {"assignment_id":"a-1","courier_id":"courier-42","destination_zone":"zone-7"}
Each is sent as soon as it is read, and its decision printed as soon as it
comes. Decisions come in the order the server gives them, or with --ordered in
that of the input.

)";

constexpr std::string_view kDoctorIntroduction =
    R"(Look for what keeps a service from being reached.

Usage: dispatchctl doctor [options]

Examples:
  dispatchctl doctor -s dns:///dispatch.example:443
  dispatchctl doctor -s dispatch.example:443 --cacert ca.pem -o json

Goes the way a call goes, and prints a line for each step, timed: resolving the
name; for each endpoint connecting, with TLS the handshake, with who the
certificate is for and when it expires, HTTP/2 with what the server allows, and
health; a real call. Where a step fails, it says why and what to try. Exits 0
when all is well, 6 when the service answers in spite of some trouble, else as
the call does. With -v it lists the server's certificates.

)";

constexpr std::string_view kEndpointsIntroduction =
    R"(Show the endpoints of a target, and whether they can be reached.

Usage: dispatchctl endpoints [--watch] [--interval DUR] [options]

Examples:
  dispatchctl endpoints -s dns:///dispatch.example:443
  dispatchctl endpoints -s host-1:50051,host-2:50051 -o json
  dispatchctl endpoints -s dns:///dispatch.example:443 --watch --interval 1s

Resolves the target and connects to all it names, for at most --connect-timeout.
Exits 0 when one of them can be reached, else 5.

)";

constexpr std::string_view kHealthIntroduction =
    R"(Ask each endpoint whether it is serving.

Usage: dispatchctl health [--service NAME] [--watch] [--interval DUR] [options]

Examples:
  dispatchctl health -s dns:///dispatch.example:443
  dispatchctl health -s localhost:50051 --service dispatchpb.DispatchGateway
  dispatchctl health -s dns:///dispatch.example:443 --watch -o ndjson

Asks by gRPC's standard health checks (grpc.health.v1). Exits 0 when all that
the target names are SERVING, 7 when one is not, 6 when one cannot be asked, 5
when none can be reached. With --watch it goes on until it is interrupted, and
prints an endpoint again when what it says has changed.

)";

constexpr std::string_view kDescribeIntroduction =
    R"(Print the contract that this program was built with, or a part of it.

Usage: dispatchctl describe [METHOD|MESSAGE] [--json-schema]

Examples:
  dispatchctl describe
  dispatchctl describe GetCourierStatus
  dispatchctl describe AssignmentUpdate --json-schema

Prints .proto text, or with --json-schema the JSON Schema of messages as assign
reads and lookup prints them. Needs no server.

)";

constexpr std::string_view kHelpIntroduction =
    R"(Explain a command or a topic.

Usage: dispatchctl help [COMMAND|TOPIC]

)";

constexpr std::string_view kVersionIntroduction =
    R"(Print the version and how the program was built.

Usage: dispatchctl version [-o json]

)";

}  // namespace

std::string_view Introduction(Command command) {
  switch (command) {
    case Command::kLookup:
      return kLookupIntroduction;
    case Command::kAssign:
      return kAssignIntroduction;
    case Command::kEndpoints:
      return kEndpointsIntroduction;
    case Command::kHealth:
      return kHealthIntroduction;
    case Command::kDoctor:
      return kDoctorIntroduction;
    case Command::kDescribe:
      return kDescribeIntroduction;
    case Command::kHelp:
      return kHelpIntroduction;
    case Command::kVersion:
      return kVersionIntroduction;
    case Command::kNone:
      break;
  }
  return kProgramIntroduction;
}

}  // namespace dispatchctl::cli
