#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dispatchctl/export.h"

namespace dispatchctl {
inline namespace DISPATCHCTL_ABI {

/// What a MockServer is started with; each member is the flag of `dispatch-mock serve` of that name, and
/// dispatch-mock(1) describes it.
struct MockServerOptions {
  /// One backend each: host:port (port 0: any free one), [v6]:port or unix:PATH.
  std::vector<std::string> listen = {"127.0.0.1:0"};

  /// Couriers to serve, .json or .csv. Empty: the built-in courier-1 to courier-1000.
  std::string couriers_file = {};

  /// Which assignments are accepted: "available", "always", "never" or "prob=P".
  std::string accept = "available";

  /// Of all that is drawn by chance.
  std::uint64_t seed = 1;

  /// Each reviewed update is appended to it before its result is sent. Empty: none.
  std::string journal_file = {};

  /// Each lookup and each result is held back for `latency`, more or less up to `jitter`. 0 or more.
  std::chrono::microseconds latency{0};
  std::chrono::microseconds jitter{0};

  /// What is to go wrong: KIND[=ARG][,key=value...], e.g. "status=UNAVAILABLE,every=3".
  std::vector<std::string> faults = {};

  /// What happens to calls step by step. Empty: nothing of the kind.
  std::string scenario_file = {};

  /// Whether SetFaults may set faults of connections, and Goaway works: both take a relay in front of every
  /// backend. Always true when `faults` has one of them.
  bool connection_faults = false;

  /// Whether calls may ask for faults of their own, in the metadata x-mock-fault.
  bool allow_metadata_faults = false;

  /// What calls() may remember, in bytes; the oldest goes first. 0: calls are not recorded.
  std::size_t record_bytes = std::size_t{16} << 20U;

  /// 0: connections live for ever.
  std::chrono::milliseconds max_connection_age{0};

  /// On one connection. 0: no limit.
  int max_concurrent_streams = 0;

  /// Clients that ping more often are sent away. Greater than zero.
  std::chrono::milliseconds keepalive_min{10000};

  /// PEM. With a certificate every backend speaks TLS and nothing else; it goes with the key. With
  /// `client_ca_file` clients need a certificate of one of its authorities.
  std::string tls_certificate_file = {};
  std::string tls_key_file = {};
  std::string client_ca_file = {};

  /// Accepted bearer tokens, a line each: TOKEN SCOPE[,SCOPE]. Empty: nobody is asked for one.
  std::string token_file = {};
};

/// One call as the server saw it.
struct MockCall {
  std::uint64_t number = 0;  ///< from 1, in the order the calls began
  std::string method;        ///< "dispatchpb.DispatchGateway/GetCourierStatus"
  std::size_t backend = 0;   ///< index into MockServer::addresses()
  /// As the client sent it, secrets as "[redacted]".
  std::vector<std::pair<std::string, std::string>> metadata;
  std::vector<std::string> requests;   ///< one JSON object each, field names as in the contract
  std::vector<std::string> responses;  ///< likewise
  std::optional<absl::Status> status;  ///< nullopt while the call is open
};

/// The mock Dispatch service in a test's own process: what dispatch-mock serves, on a real port.
///
/// Thread safety: all members may be called from any thread. The destructor ends open calls at once.
class DISPATCHCTL_EXPORT MockServer {
 public:
  /// Listens on every address, or on none. Errors: INVALID_ARGUMENT naming the option, FAILED_PRECONDITION
  /// for a file of couriers, scenarios, certificates, keys or tokens that cannot be used; UNAVAILABLE for an
  /// address that cannot be listened on; INTERNAL for a journal that cannot be opened.
  static absl::StatusOr<std::unique_ptr<MockServer>> Start(const MockServerOptions& options = {});

  MockServer(const MockServer&) = delete;
  MockServer& operator=(const MockServer&) = delete;
  ~MockServer();

  /// Every backend, as ClientOptions::target takes it: "127.0.0.1:41233,127.0.0.1:41234". A target names one
  /// unix socket or none: where the first backend is one, it is that; others are left out.
  std::string target() const;

  /// As MockServerOptions::listen, with the real ports.
  const std::vector<std::string>& addresses() const;

  /// Replaces the faults; their counters start anew. Errors: INVALID_ARGUMENT names the one that is wrong,
  /// FAILED_PRECONDITION the one that needs MockServerOptions::connection_faults; then nothing changes.
  absl::Status SetFaults(const std::vector<std::string>& faults);
  void ClearFaults();

  /// Replaces the scenarios, in the words of a scenario file. Errors: INVALID_ARGUMENT, a line for each
  /// error.
  absl::Status SetScenario(std::string_view text);

  /// What health checks are told.
  void SetServing(bool serving);

  /// Sends the clients of all open connections away; their calls go on. Errors: FAILED_PRECONDITION without
  /// MockServerOptions::connection_faults.
  absl::Status Goaway();

  /// The calls seen so far, in the order they began. Empty if they are not recorded.
  std::vector<MockCall> calls() const;

  /// Compares the calls with what was expected; what does not hold, a line each, empty if all does:
  ///
  ///     EXPECT_EQ(server->Complaints({"lookup,courier_id=courier-42,status=OK,count=1"}), "");
  ///
  /// An expectation is lookup|assign|update[,key=value...], as for `dispatch-mock ctl verify`.
  std::string Complaints(const std::vector<std::string>& expectations) const;

  /// Back to how it was started; decisions and calls are forgotten.
  absl::Status Reset();

  /// Stops accepting, lets open calls end for at most `grace`, then cancels them. May be called again.
  void Stop(std::chrono::milliseconds grace = std::chrono::milliseconds(0));

 private:
  class Implementation;

  explicit MockServer(std::unique_ptr<Implementation> implementation);

  std::unique_ptr<Implementation> implementation_;
};

}  // namespace DISPATCHCTL_ABI
}  // namespace dispatchctl
