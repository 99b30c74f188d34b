#include "mock-server/main/ctl.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "mock-server/main/exit_code.h"
#include "mock-server/server/admin_client.h"
#include "mock-server/storage/read_file.h"

namespace dispatchctl::mock {
namespace {

namespace v1 = dispatchmock::admin::v1;
using Json = nlohmann::ordered_json;

std::string_view View(absl::string_view text) {
  return {text.data(), text.size()};
}

std::string StatusName(int code) {
  return absl::StatusCodeToString(static_cast<absl::StatusCode>(code));
}

// 2026-11-22T16:31:16.123456Z
std::string Text(const google::protobuf::Timestamp& time) {
  return fmt::format("{:%FT%T}.{:06}Z", fmt::gmtime(static_cast<std::time_t>(time.seconds())),
                     time.nanos() / 1000);
}

// Control characters could play tricks on a terminal.
std::string Printable(std::string_view text) {
  std::string shown(text);
  std::replace_if(
      shown.begin(), shown.end(), [](char c) { return (c >= 0 && c < ' ') || c == 0x7f; }, '?');
  return shown;
}

Json JsonOf(const v1::FaultList& list) {
  Json json = Json::array();
  for (const v1::FaultList::Fault& fault : list.faults()) {
    json.push_back({{"spec", fault.spec()},
                    {"matched", fault.matched()},
                    {"fired", fault.fired()},
                    {"under_way", fault.under_way()}});
  }
  return json;
}

std::string TextOf(const v1::FaultList& list) {
  if (list.faults().empty()) return "no faults\n";
  std::size_t width = 4;
  for (const v1::FaultList::Fault& fault : list.faults()) width = std::max(width, fault.spec().size());
  std::string text =
      fmt::format("{:<{}}  {:>10}  {:>10}  {:>10}\n", "SPEC", width, "MATCHED", "FIRED", "UNDER WAY");
  for (const v1::FaultList::Fault& fault : list.faults()) {
    text += fmt::format("{:<{}}  {:>10}  {:>10}  {:>10}\n", Printable(fault.spec()), width, fault.matched(),
                        fault.fired(), fault.under_way());
  }
  return text;
}

Json JsonOf(const v1::Call& call) {
  Json metadata = Json::array();
  for (const v1::Call::Metadata& each : call.metadata())
    metadata.push_back({{"key", each.key()}, {"value", each.value()}});
  Json messages = Json::array();
  for (const v1::Call::Message& each : call.messages()) {
    messages.push_back({{"from", each.from_client() ? "client" : "server"},
                        {"at", Text(each.at())},
                        {"message", each.json().empty() ? Json() : Json::parse(each.json(), nullptr, false)},
                        {"bytes", each.bytes()}});
  }
  return {{"number", call.number()},
          {"method", call.method()},
          {"listen", call.listen()},
          {"peer", call.peer()},
          {"metadata", metadata},
          {"started", Text(call.started())},
          {"messages", messages},
          {"dropped_messages", call.dropped_messages()},
          {"ended", call.has_end() ? Json(Text(call.end().at())) : Json()},
          {"status", call.has_end() ? Json(StatusName(call.end().code())) : Json()},
          {"status_message", call.has_end() ? Json(call.end().message()) : Json()}};
}

std::string TextOf(const v1::Call& call) {
  std::string status = call.has_end() ? StatusName(call.end().code()) : "open";
  if (!call.end().message().empty()) status += ": " + Printable(call.end().message());
  std::string text = fmt::format("{} {} {} listen={} {} {}\n", call.number(), Text(call.started()),
                                 call.method(), call.listen(), Printable(call.peer()), status);
  for (const v1::Call::Metadata& each : call.metadata())
    text += fmt::format("    {}: {}\n", Printable(each.key()), Printable(each.value()));
  if (call.dropped_messages() > 0)
    text += fmt::format("    ... {} messages dropped\n", call.dropped_messages());
  for (const v1::Call::Message& each : call.messages()) {
    text += fmt::format("  {} {} {}\n", each.from_client() ? ">" : "<", Text(each.at()),
                        each.json().empty() ? fmt::format("[{} bytes that do not parse]", each.bytes())
                                            : Printable(each.json()));
  }
  return text;
}

// One command: what it asked for and how the answer reads.
class Ctl {
 public:
  Ctl(const CtlCommand& command, AdminClient* client) : command_(command), client_(client) {}

  int Run() {
    switch (command_.action) {
      case CtlAction::kReset:
        return Reset();
      case CtlAction::kFaults:
        return Faults();
      case CtlAction::kScenario:
        return Scenario();
      case CtlAction::kCalls:
        return Calls();
      case CtlAction::kVerify:
        return Verify();
      case CtlAction::kHealth:
        return Health();
      case CtlAction::kGoaway:
        return Goaway();
      case CtlAction::kStop:
        return Done(client_->Stop(), {{"stopping", true}});
    }
    return kUsageError;
  }

 private:
  int Reset() {
    v1::ResetRequest request;
    request.set_session(command_.session);
    request.set_all(command_.all);
    return Done(client_->Reset(request), {{"reset", true}});
  }

  int Faults() {
    v1::FaultList list;
    absl::Status status;
    if (command_.clear || !command_.set.empty()) {
      v1::SetFaultsRequest request;
      request.set_session(command_.session);
      for (const std::string& spec : command_.set) request.add_specs(spec);
      status = client_->SetFaults(request, list);
    }
    if (status.ok() && !command_.add.empty()) {
      v1::SetFaultsRequest request;
      request.set_session(command_.session);
      request.set_add(true);
      list.Clear();
      for (const std::string& spec : command_.add) request.add_specs(spec);
      status = client_->SetFaults(request, list);
    }
    if (!command_.clear && command_.set.empty() && command_.add.empty()) {
      v1::ListFaultsRequest request;
      request.set_session(command_.session);
      status = client_->ListFaults(request, list);
    }
    if (!status.ok()) return Fail(status);
    return Print(command_.json ? JsonOf(list).dump() + "\n" : TextOf(list));
  }

  int Scenario() {
    v1::SetScenariosRequest request;
    request.set_session(command_.session);
    if (!command_.clear) {
      const absl::StatusOr<std::string> text = ReadFile(command_.scenario_path);
      if (!text.ok()) return Complain(text.status(), kFileError);
      const ScenarioFile file = ParseScenarios(*text, command_.scenario_path);
      for (const std::string& error : file.errors) Complain(absl::InvalidArgumentError(error), kFileError);
      if (!file.errors.empty()) return kFileError;
      request.set_text(*text);
      request.set_name(command_.scenario_path);
    }
    v1::SetScenariosReply reply;
    const absl::Status status = client_->SetScenarios(request, reply);
    return Done(status, {{"scenarios", reply.scenarios()}});
  }

  int Calls() {
    v1::ListCallsRequest request;
    request.set_session(command_.session);
    std::vector<v1::Call> calls;
    v1::CallCounts counts;
    if (const absl::Status status = client_->ListCalls(request, calls, counts); !status.ok())
      return Fail(status);
    if (command_.json) {
      Json list = Json::array();
      for (const v1::Call& call : calls) list.push_back(JsonOf(call));
      return Print(Dump({{"calls", list},
                         {"dropped_calls", counts.dropped_calls()},
                         {"dropped_messages", counts.dropped_messages()}}));
    }
    std::string text;
    if (counts.dropped_calls() > 0)
      text +=
          fmt::format("... {} calls dropped: more than the server may remember\n", counts.dropped_calls());
    for (const v1::Call& call : calls) text += TextOf(call);
    return Print(text);
  }

  int Verify() {
    v1::VerifyRequest request;
    request.set_session(command_.session);
    for (const std::string& expectation : command_.expectations) request.add_expectations(expectation);
    request.set_in_order(command_.in_order);
    request.set_nothing_else(command_.nothing_else);
    v1::VerifyReply reply;
    if (const absl::Status status = client_->Verify(request, reply); !status.ok()) return Fail(status);
    const int printed = Print(command_.json ? VerificationJson(reply) : VerificationText(reply));
    if (printed != 0) return printed;
    return reply.holds() ? 0 : kNegative;
  }

  static std::string VerificationJson(const v1::VerifyReply& reply) {
    Json findings = Json::array();
    for (const v1::VerifyReply::Finding& each : reply.findings())
      findings.push_back({{"expected", each.expected()}, {"actual", each.actual()}, {"holds", each.holds()}});
    Json unexpected = Json::array();
    for (const std::string& each : reply.unexpected()) unexpected.push_back(each);
    return Dump({{"holds", reply.holds()},
                 {"findings", findings},
                 {"unexpected", unexpected},
                 {"unexpected_count", reply.unexpected_count()}});
  }

  static std::string VerificationText(const v1::VerifyReply& reply) {
    std::string text;
    for (const v1::VerifyReply::Finding& each : reply.findings()) {
      text += fmt::format("{}  expected {}, got {}\n", each.holds() ? "holds " : "BROKEN",
                          Printable(each.expected()), Printable(each.actual()));
    }
    for (const std::string& each : reply.unexpected())
      text += fmt::format("BROKEN  unexpected {}\n", Printable(each));
    const auto listed = static_cast<std::uint64_t>(reply.unexpected_size());
    if (reply.unexpected_count() > listed)
      text += fmt::format("BROKEN  and {} more unexpected\n", reply.unexpected_count() - listed);
    return text;
  }

  int Health() {
    v1::SetHealthRequest request;
    for (const std::string& service : command_.services) request.add_services(service);
    if (command_.serving.has_value())
      request.set_change(*command_.serving ? v1::SetHealthRequest::SERVING
                                           : v1::SetHealthRequest::NOT_SERVING);
    v1::HealthList list;
    if (const absl::Status status = client_->SetHealth(request, list); !status.ok()) return Fail(status);
    Json json = Json::array();
    std::string text;
    for (const v1::HealthList::Service& service : list.services()) {
      const std::string_view state = service.serving() ? "SERVING" : "NOT_SERVING";
      json.push_back({{"service", service.name()}, {"status", state}});
      text += fmt::format("{:<12} {}\n", state,
                          service.name().empty() ? "(the server)" : Printable(service.name()));
    }
    return Print(command_.json ? Dump(json) : text);
  }

  int Goaway() {
    v1::GoawayRequest request;
    if (command_.listen.has_value()) request.set_listen(*command_.listen);
    return Done(client_->Goaway(request), {{"goaway", true}});
  }

  static std::string Dump(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  }

  // Silence is assent, but for those who asked for JSON.
  int Done(const absl::Status& status, const Json& json) const {
    if (!status.ok()) return Fail(status);
    return command_.json ? Print(Dump(json)) : 0;
  }

  static int Print(const std::string& text) {
    const bool written =
        std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
    return written ? 0 : Complain(absl::InternalError("cannot write to stdout"), kRuntimeError);
  }

  static int Complain(const absl::Status& status, int code) {
    std::fprintf(stderr, "dispatch-mock: %s\n", std::string(View(status.message())).c_str());
    return code;
  }

  int Fail(const absl::Status& status) const {
    const bool no_answer = absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status);
    if (no_answer && !client_->connected()) {
      return Complain(absl::UnavailableError(fmt::format("cannot reach the admin service at {}: {}",
                                                         command_.admin, View(status.message()))),
                      kNeverConnected);
    }
    return Complain(
        absl::UnknownError(fmt::format("{} ({})", View(status.message()), StatusName(status.raw_code()))),
        kFirstRpcError + status.raw_code());
  }

  const CtlCommand& command_;
  AdminClient* const client_;
};

}  // namespace

int RunCtl(const CtlCommand& command) {
  const absl::StatusOr<std::unique_ptr<AdminClient>> client =
      AdminClient::Make(command.admin, std::chrono::ceil<std::chrono::milliseconds>(command.timeout));
  if (!client.ok()) {
    std::fprintf(stderr, "dispatch-mock: --admin: %s\n",
                 std::string(View(client.status().message())).c_str());
    return kUsageError;
  }
  return Ctl(command, client->get()).Run();
}

}  // namespace dispatchctl::mock
