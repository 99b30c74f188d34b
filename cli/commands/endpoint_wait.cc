#include "commands/endpoint_wait.h"

#include <dispatchctl/endpoint_status.h>
#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "commands/client_setup.h"
#include "output/rpc_error.h"

namespace dispatchctl::cli {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// How often the pool is looked at while it connects: soon at first, as most servers are near.
constexpr milliseconds kShortestPause{1};
constexpr milliseconds kLongestPause{50};
// Names are mostly resolved by then; asking why one is not takes a lookup.
constexpr milliseconds kUsualResolving{100};
constexpr milliseconds kProbeTimeout{500};

constexpr const char* kEndpointProbe = "dispatchctl-endpoints";

bool IsReady(const EndpointStatus& endpoint) {
  return endpoint.state == EndpointState::kReady;
}

bool IsSettled(const EndpointStatus& endpoint) {
  return IsReady(endpoint) || endpoint.state == EndpointState::kTransientFailure;
}

// The error of a lookup that finds no endpoint to go to; nothing where it finds one.
std::optional<ErrorReport> Probe(const Client& client, const GlobalOptions& global, milliseconds timeout) {
  CallOptions call;
  call.total_timeout = timeout;
  call.wait_for_ready = false;
  CallReport report;
  const auto status = client.GetCourierStatus(kEndpointProbe, call, &report);
  if (status.ok()) return std::nullopt;
  ErrorReport error = RpcError(status.status(), report, IdentityOf(global, kLookupMethod));
  if (error.kind != ErrorKind::kConnect) return std::nullopt;
  error.method.clear();
  return error;
}

// The error of resolving; nothing while it is still going on.
std::optional<ErrorReport> WhyUnresolved(const Client& client, const GlobalOptions& global) {
  std::optional<ErrorReport> error = Probe(client, global, milliseconds(1));
  if (!error.has_value() || error->phase != PhaseName(Phase::kResolve)) return std::nullopt;
  if (error->code == absl::StatusCode::kDeadlineExceeded) return std::nullopt;
  return error;
}

std::optional<ErrorReport> WhyUnreachable(const Client& client, const GlobalOptions& global) {
  std::optional<ErrorReport> error = Probe(client, global, kProbeTimeout);
  if (!error.has_value() || error->code != absl::StatusCode::kDeadlineExceeded) return error;
  // What it says is about the probe's own time.
  error->message = fmt::format("no endpoint of {} connected within {}ms (--connect-timeout)", global.server,
                               std::chrono::ceil<milliseconds>(global.connect_timeout).count());
  error->code = absl::StatusCode::kUnavailable;
  return error;
}

}  // namespace

std::optional<ErrorReport> WaitForEndpoints(const Client& client, const GlobalOptions& global,
                                            const std::function<bool(std::chrono::nanoseconds)>& pause) {
  const Clock::time_point begin = Clock::now();
  const Clock::time_point deadline = begin + global.connect_timeout;
  milliseconds next_pause = kShortestPause;
  for (; Clock::now() < deadline; next_pause = std::min(next_pause * 2, kLongestPause)) {
    if (!pause(next_pause)) return std::nullopt;
    const std::vector<EndpointStatus> endpoints = client.Endpoints();
    if (endpoints.empty()) {
      if (Clock::now() < begin + kUsualResolving) continue;
      if (std::optional<ErrorReport> error = WhyUnresolved(client, global)) return error;
    } else if (std::all_of(endpoints.begin(), endpoints.end(), IsSettled)) {
      break;
    }
  }
  const std::vector<EndpointStatus> endpoints = client.Endpoints();
  if (std::any_of(endpoints.begin(), endpoints.end(), IsReady)) return std::nullopt;
  return WhyUnreachable(client, global);
}

}  // namespace dispatchctl::cli
