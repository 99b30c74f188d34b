#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "commands/client_setup.h"
#include "commands/command.h"
#include "commands/endpoint_records.h"
#include "output/field_selection.h"
#include "output/make_format.h"
#include "output/run_errors.h"
#include "process/feed_loop.h"
#include "process/pauses.h"
#include "process/signal_queue.h"

namespace dispatchctl::cli {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// How often the pool is looked at while it connects: soon at first, as most servers are near.
constexpr milliseconds kShortestPause{1};
constexpr milliseconds kLongestPause{50};
// Names are mostly resolved by then; asking why one is not takes a lookup.
constexpr milliseconds kUsualResolving{100};

// Asked for only where no endpoint can be reached, to learn why: it does not leave this machine.
constexpr const char* kProbe = "dispatchctl-endpoints";

bool IsReady(const EndpointStatus& endpoint) {
  return endpoint.state == EndpointState::kReady;
}

bool IsSettled(const EndpointStatus& endpoint) {
  return IsReady(endpoint) || endpoint.state == EndpointState::kTransientFailure;
}

class EndpointsSession {
 public:
  explicit EndpointsSession(CommandContext& context)
      : context_(context),
        options_(context.line.endpoints),
        records_(STDOUT_FILENO,
                 MakeFormat(context.output, EndpointColumns(context.output, options_.watch),
                            /*single=*/false, context.terminal.output_color, context.line.global.fields)),
        pauses_(signals_, records_) {}

  CommandResult Run() {
    ClientOptions client_options;
    if (auto error = MakeClientOptions(context_.line.global, client_options)) return error;
    if (auto error = ConnectClient(context_, std::move(client_options))) return error;
    std::optional<ErrorReport> unreachable = Connect();
    List();
    // Who watches may be waiting for the server to come.
    while (options_.watch && pauses_.WaitUntil(Clock::now() + options_.interval)) List();
    FeedLoopResult outcome;
    outcome.signal = pauses_.signal();
    FinishRecords(records_, signals_, outcome);

    std::vector<ErrorReport> errors;
    if (outcome.signal != 0) errors.push_back(InterruptedError(outcome.signal, {}));
    if (auto error = OutputFailure(records_)) errors.push_back(*std::move(error));
    if (unreachable.has_value() && !options_.watch) errors.push_back(*std::move(unreachable));
    return Gravest(errors);
  }

 private:
  // Waits until every endpoint is connected or has failed to. The error, if none is connected.
  std::optional<ErrorReport> Connect() {
    const Clock::time_point begin = Clock::now();
    const Clock::time_point deadline = begin + context_.line.global.connect_timeout;
    milliseconds pause = kShortestPause;
    for (; Clock::now() < deadline && pauses_.WaitUntil(Clock::now() + pause);
         pause = std::min(pause * 2, kLongestPause)) {
      const std::vector<EndpointStatus> endpoints = context_.client->Endpoints();
      if (endpoints.empty()) {
        if (Clock::now() < begin + kUsualResolving) continue;
        if (std::optional<ErrorReport> error = WhyUnresolved()) return error;
      } else if (std::all_of(endpoints.begin(), endpoints.end(), IsSettled)) {
        break;
      }
    }
    const std::vector<EndpointStatus> endpoints = context_.client->Endpoints();
    if (pauses_.signal() != 0 || std::any_of(endpoints.begin(), endpoints.end(), IsReady))
      return std::nullopt;
    return WhyUnreachable();
  }

  // The error of resolving; nothing while it is still going on.
  std::optional<ErrorReport> WhyUnresolved() {
    std::optional<ErrorReport> error = Probe(milliseconds(1));
    if (!error.has_value() || error->phase != PhaseName(Phase::kResolve)) return std::nullopt;
    if (error->code == absl::StatusCode::kDeadlineExceeded) return std::nullopt;
    return error;
  }

  std::optional<ErrorReport> WhyUnreachable() {
    std::optional<ErrorReport> error = Probe(kProbeTimeout);
    if (!error.has_value() || error->code != absl::StatusCode::kDeadlineExceeded) return error;
    // What it says is about the probe's own time.
    error->message = fmt::format(
        "no endpoint of {} connected within {}ms (--connect-timeout)", context_.line.global.server,
        std::chrono::ceil<milliseconds>(context_.line.global.connect_timeout).count());
    error->code = absl::StatusCode::kUnavailable;
    return error;
  }

  // The error of a lookup that finds no endpoint to go to; nothing where it finds one.
  std::optional<ErrorReport> Probe(milliseconds timeout) {
    CallOptions call;
    call.total_timeout = timeout;
    call.wait_for_ready = false;
    CallReport report;
    const auto status = context_.client->GetCourierStatus(kProbe, call, &report);
    if (status.ok()) return std::nullopt;
    ErrorReport error = RpcError(status.status(), report, IdentityOf(context_.line.global, kLookupMethod));
    if (error.kind != ErrorKind::kConnect) return std::nullopt;
    error.method.clear();
    return error;
  }

  void List() {
    std::optional<std::chrono::system_clock::time_point> time;
    if (options_.watch) time = std::chrono::system_clock::now();
    for (const EndpointStatus& endpoint : context_.client->Endpoints()) {
      WriteEndpoint(records_, context_.output, endpoint, time);
    }
    records_.Flush(signals_.fd());
  }

  static constexpr milliseconds kProbeTimeout{500};

  CommandContext& context_;
  const EndpointsOptions& options_;
  const SignalQueue signals_;
  RecordStream records_;
  Pauses pauses_;
};

}  // namespace

CommandResult RunEndpoints(CommandContext& context) {
  const std::vector<Column> columns = EndpointColumns(context.output, context.line.endpoints.watch);
  if (auto error = CheckFields(context.line.global.fields, columns)) return error;
  return EndpointsSession(context).Run();
}

}  // namespace dispatchctl::cli
