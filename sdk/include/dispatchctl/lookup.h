#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "dispatchctl/call_options.h"
#include "dispatchctl/call_report.h"
#include "dispatchctl/courier_status.h"
#include "dispatchctl/export.h"

namespace dispatchctl {

namespace internal {
class Cancellable;
}

inline namespace DISPATCHCTL_ABI {

/// Receives the end of an asynchronous lookup, exactly once, on the client's own thread. Must not block; may
/// start other calls. Called for every call that was started, cancelled ones included.
using LookupCallback = std::function<void(absl::StatusOr<CourierStatus>, const CallReport&)>;

/// Names a call in flight. Copyable; does not keep the call alive; all members may be called from any thread.
class DISPATCHCTL_EXPORT CallHandle {
 public:
  CallHandle() = default;
  /// For the client: callers get handles from Client::GetCourierStatusAsync.
  explicit CallHandle(std::weak_ptr<internal::Cancellable> call) : call_(std::move(call)) {}

  /// Ends the call with CANCELLED unless it has ended already. Returns at once.
  void Cancel();

 private:
  std::weak_ptr<internal::Cancellable> call_;
};

/// One finished lookup of many.
struct LookupItem {
  std::string courier_id = {};           ///< as given
  std::uint64_t tag = 0;                 ///< as given with the id
  absl::StatusOr<CourierStatus> status;  ///< same errors as of a single lookup
  CallReport report;                     ///< how the result came about
};

/// How a lookup of many is made.
struct BulkLookupOptions {
  /// Most lookups in flight at once, 1 to 65,536.
  std::size_t max_in_flight = 64;

  /// Deliver results in submission order; at most 16 * max_in_flight results wait for an earlier one.
  bool ordered = true;

  /// Options of each lookup.
  CallOptions call = {};

  /// Called for each finished lookup, on the client's own thread, one at a time. Required.
  std::function<void(LookupItem&&)> on_result = {};

  /// Called after one or more on_result calls when no further completion is waiting: the moment to flush.
  std::function<void()> on_batch_end = {};

  /// Called on the client's own thread when TrySubmit has room again after it had none.
  std::function<void()> on_writable = {};

  /// Called once, on the client's own thread, after the last result of a finished or cancelled bulk lookup.
  std::function<void()> on_finished = {};
};

/// Looks up any number of couriers with a bounded number in flight, sharing the client's connections.
///
/// Thread safety: one submitting thread; Cancel from any thread. Callbacks never run after the destructor has
/// returned. The destructor cancels what is in flight and waits for its callbacks, not for the network.
class DISPATCHCTL_EXPORT BulkLookup {
 public:
  virtual ~BulkLookup() = default;

  /// Hands in one id. Errors: RESOURCE_EXHAUSTED (without message) when there is no room, wait for
  /// on_writable; FAILED_PRECONDITION after CloseSubmissions or Cancel. An invalid id is accepted and gets
  /// its error as its result.
  virtual absl::Status TrySubmit(std::string_view courier_id, std::uint64_t tag) = 0;

  /// Like TrySubmit, but waits for room. Not from a callback.
  virtual absl::Status Submit(std::string_view courier_id, std::uint64_t tag) = 0;

  /// No more ids; on_finished follows when all are answered.
  virtual void CloseSubmissions() = 0;

  /// CloseSubmissions, then waits for on_finished to have returned. Not from a callback.
  virtual void Finish() = 0;

  /// Ends every lookup that is in flight or waiting with CANCELLED, then on_finished. Returns at once.
  virtual void Cancel() = 0;
};

}  // namespace DISPATCHCTL_ABI
}  // namespace dispatchctl
