#include "mock-server/adapter/call_records.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <string>
#include <utility>

#include "dispatchpb/dispatch.pb.h"
#include "mock-server/faults/fault_rule.h"

namespace dispatchctl::mock {
namespace {

template <typename Message>
std::string Json(const LoggedCall::Message& logged) {
  Message message;
  std::string json;
  // Also one that was too long to be kept.
  if (logged.bytes.size() != logged.size || !message.ParseFromString(logged.bytes)) return json;
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  if (!google::protobuf::util::MessageToJsonString(message, &json, options).ok()) json.clear();
  return json;
}

std::string JsonOf(Method method, const LoggedCall::Message& logged) {
  if (method == Method::kLookup) {
    return logged.from_client ? Json<dispatchpb::CourierLookupRequest>(logged)
                              : Json<dispatchpb::CourierStatusReply>(logged);
  }
  return logged.from_client ? Json<dispatchpb::AssignmentUpdate>(logged)
                            : Json<dispatchpb::AssignmentResult>(logged);
}

CallRecord ToRecord(const LoggedCall& call) {
  CallRecord record{.number = call.number,
                    .method = std::string(MethodName(call.method)),
                    .listen = call.listen,
                    .peer = call.peer,
                    .metadata = call.metadata,
                    .started = call.started,
                    .messages = {},
                    .dropped_messages = call.dropped_messages,
                    .end = {}};
  for (const LoggedCall::Message& message : call.messages) {
    record.messages.push_back({.from_client = message.from_client,
                               .at = message.at,
                               .json = JsonOf(call.method, message),
                               .bytes = message.size});
  }
  if (call.end.has_value())
    record.end = {.at = call.end->at, .code = call.end->code, .message = call.end->message};
  return record;
}

}  // namespace

CallList ToCallList(const CallLog::Snapshot& snapshot) {
  CallList list;
  list.calls.reserve(snapshot.calls.size());
  for (const LoggedCall& call : snapshot.calls) list.calls.push_back(ToRecord(call));
  list.dropped_calls = snapshot.dropped_calls;
  list.dropped_messages = snapshot.dropped_messages;
  return list;
}

std::vector<CallEvent> EventsOf(const CallLog::Snapshot& snapshot) {
  std::vector<std::pair<std::uint64_t, CallEvent>> arrived;
  for (const LoggedCall& call : snapshot.calls) {
    CallEvent event;
    event.kind = call.method == Method::kLookup ? EventKind::kLookup : EventKind::kAssign;
    event.call = call.number;
    event.listen = call.listen;
    if (call.end.has_value()) event.status = absl::StatusCodeToString(call.end->code);
    if (call.method == Method::kLookup && !call.messages.empty() && call.messages.front().from_client) {
      dispatchpb::CourierLookupRequest request;
      if (request.ParseFromString(call.messages.front().bytes)) event.courier_id = request.courier_id();
    }
    arrived.emplace_back(call.sequence, event);
    if (call.method == Method::kLookup) continue;
    std::uint64_t number = 0;
    for (const LoggedCall::Message& message : call.messages) {
      if (!message.from_client) continue;
      dispatchpb::AssignmentUpdate update;
      CallEvent each;
      each.kind = EventKind::kUpdate;
      each.call = call.number;
      each.update = ++number;
      each.listen = call.listen;
      if (update.ParseFromString(message.bytes)) {
        each.courier_id = update.courier_id();
        each.assignment_id = update.assignment_id();
        each.zone = update.destination_zone();
      }
      arrived.emplace_back(message.sequence, std::move(each));
    }
  }
  std::sort(arrived.begin(), arrived.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<CallEvent> events;
  events.reserve(arrived.size());
  for (auto& [sequence, event] : arrived) events.push_back(std::move(event));
  return events;
}

}  // namespace dispatchctl::mock
