#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dispatchctl/assignment_stream.h"
#include "dispatchctl/call_options.h"
#include "dispatchctl/call_report.h"
#include "dispatchctl/client_options.h"
#include "dispatchctl/courier_status.h"
#include "dispatchctl/endpoint_status.h"
#include "dispatchctl/export.h"
#include "dispatchctl/health.h"
#include "dispatchctl/lookup.h"

/// The client library of the Dispatch service; Client is where it begins.
namespace dispatchctl {
inline namespace DISPATCHCTL_ABI {

/// What a Client talks through, and the seam for test doubles. All members are safe from any thread.
class DISPATCHCTL_EXPORT Connection {
 public:
  virtual ~Connection() = default;

  /// As Client's; `report` may be null.
  virtual absl::StatusOr<CourierStatus> GetCourierStatus(std::string_view courier_id,
                                                         const CallOptions& options, CallReport* report) = 0;
  /// As Client's.
  virtual CallHandle GetCourierStatusAsync(std::string_view courier_id, const CallOptions& options,
                                           LookupCallback callback) = 0;
  /// As Client's.
  virtual absl::StatusOr<std::unique_ptr<BulkLookup>> StartBulkLookup(BulkLookupOptions options) = 0;
  /// As Client's.
  virtual absl::StatusOr<std::unique_ptr<AssignmentStream>> StreamAssignments(StreamOptions options) = 0;
  /// As Client's.
  virtual std::vector<EndpointStatus> Endpoints() = 0;
  /// As Client's.
  virtual absl::StatusOr<std::vector<EndpointHealth>> CheckHealth(const HealthOptions& options) = 0;
  /// As Client's.
  virtual absl::Status Shutdown(std::chrono::nanoseconds timeout) = 0;
};

/// The Dispatch service's client.
///
/// Cheap to copy: copies share connections. Thread safety: all members may be called from any thread. The
/// last copy's destructor cancels calls in flight, whose callbacks run with CANCELLED before it returns; it
/// may itself run inside a callback. Create clients after fork(), never before.
class DISPATCHCTL_EXPORT Client {
 public:
  /// Makes a client; nothing is resolved or connected before the first call.
  /// Errors: INVALID_ARGUMENT naming the option; FAILED_PRECONDITION for a certificate or key file that is
  /// unusable; UNAVAILABLE when this process can have no more file descriptors or threads.
  static absl::StatusOr<Client> Create(ClientOptions options);

  /// A client of the given connection, e.g. a test double. `connection` must not be null.
  explicit Client(std::shared_ptr<Connection> connection) : connection_(std::move(connection)) {}

  /// Looks one courier up; blocks until the answer or the deadline.
  ///
  /// Errors: INVALID_ARGUMENT for an unusable id or option, before anything is sent; the server's own status
  /// (NOT_FOUND for an unknown courier); UNAVAILABLE when no endpoint could be reached; DEADLINE_EXCEEDED.
  /// `report`, when given, says how the result came about.
  absl::StatusOr<CourierStatus> GetCourierStatus(std::string_view courier_id, const CallOptions& options = {},
                                                 CallReport* report = nullptr) const {
    return connection_->GetCourierStatus(courier_id, options, report);
  }

  /// Starts one lookup; `callback` gets its end on the client's own thread. Same errors as the blocking form,
  /// through the callback.
  CallHandle GetCourierStatusAsync(std::string_view courier_id, const CallOptions& options,
                                   LookupCallback callback) const {
    return connection_->GetCourierStatusAsync(courier_id, options, std::move(callback));
  }

  /// Starts a lookup of many couriers. Errors: INVALID_ARGUMENT naming the option.
  absl::StatusOr<std::unique_ptr<BulkLookup>> StartBulkLookup(BulkLookupOptions options) const {
    return connection_->StartBulkLookup(std::move(options));
  }

  /// Looks up every id that `source` gives (nullopt ends it) and hands each result to `sink`, which runs on
  /// the client's own thread. `source` runs on this thread and may block. `options.on_result` must be unset.
  /// Returns when the last result has been handed over. Errors: INVALID_ARGUMENT naming the option.
  absl::Status LookupMany(const std::function<std::optional<std::string>()>& source,
                          std::function<void(LookupItem&&)> sink, BulkLookupOptions options = {}) const;

  /// Opens a stream of assignments. Connecting goes on in the background: its failure is the stream's status.
  /// Errors: INVALID_ARGUMENT naming the option.
  absl::StatusOr<std::unique_ptr<AssignmentStream>> StreamAssignments(StreamOptions options = {}) const {
    return connection_->StreamAssignments(std::move(options));
  }

  /// What the client knows of its endpoints now, in the order of the target; connecting to those it has none
  /// of is begun. Empty: the target has not been resolved, which is begun too.
  std::vector<EndpointStatus> Endpoints() const { return connection_->Endpoints(); }

  /// Asks every endpoint, all at once and over the connections that lookups use, how it is by grpc.health.v1;
  /// blocks until all have answered or the time-out. What they say changes nothing in where calls go.
  ///
  /// In the order of the target. Errors: why no endpoint is known; INVALID_ARGUMENT naming the option;
  /// CANCELLED after Shutdown. What keeps a single endpoint from answering is in its EndpointHealth.
  absl::StatusOr<std::vector<EndpointHealth>> CheckHealth(const HealthOptions& options = {}) const {
    return connection_->CheckHealth(options);
  }

  /// Takes no more calls, lets lookups in flight end for at most `timeout`, then cancels them. Calls made
  /// from now on fail with CANCELLED. Streams are not waited for: finish or cancel them first; one that loses
  /// its connection from now on ends. OK: all ended by themselves. Errors: DEADLINE_EXCEEDED when some had to
  /// be cancelled; FAILED_PRECONDITION inside a callback, where nothing can be waited for.
  absl::Status Shutdown(std::chrono::nanoseconds timeout) const { return connection_->Shutdown(timeout); }

  /// True when both share the same connections.
  friend bool operator==(const Client& a, const Client& b) { return a.connection_ == b.connection_; }
  /// True when they do not.
  friend bool operator!=(const Client& a, const Client& b) { return !(a == b); }

 private:
  std::shared_ptr<Connection> connection_;
};

}  // namespace DISPATCHCTL_ABI
}  // namespace dispatchctl
