#pragma once

#include <absl/status/status.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dispatchctl/assignment.h"
#include "dispatchctl/call_report.h"
#include "dispatchctl/export.h"
#include "dispatchctl/validation.h"

namespace dispatchctl {
inline namespace DISPATCHCTL_ABI {

/// One answered assignment.
struct AssignmentOutcome {
  AssignmentResult result;
  AssignmentUpdate update;              ///< as submitted
  std::uint64_t tag = 0;                ///< as submitted
  std::chrono::nanoseconds latency{0};  ///< from its last write to its result
  int attempt = 1;                      ///< how many streams it was written to
  std::string_view endpoint;            ///< who answered; valid until the callback returns or the next Next()
};

/// An assignment without an answer when its stream ended.
struct UnacknowledgedAssignment {
  AssignmentUpdate update;
  std::uint64_t tag = 0;
};

/// Counts over the life of one AssignmentStream.
struct StreamStatistics {
  std::uint64_t submitted = 0;        ///< accepted by Submit or TrySubmit
  std::uint64_t acknowledged = 0;     ///< answered
  std::uint64_t resent = 0;           ///< written again to a later stream
  std::uint64_t unknown_results = 0;  ///< results for an id that was not outstanding, ignored
  std::uint64_t reconnects = 0;       ///< streams opened after the first
};

struct StreamOptions {
  /// Most assignments handed in and not yet answered (and, with Next(), not yet taken). 1 to 1,048,576.
  std::size_t window = 4096;

  /// Bound of the stream's whole life. Unset: none.
  std::optional<std::chrono::nanoseconds> total_timeout;

  /// Sent in addition to ClientOptions::call_defaults.metadata.
  Metadata metadata;

  /// Called for each result, on the client's own thread, one at a time; must not block for long, as nothing
  /// else is read meanwhile. Unset: results are taken with Next().
  std::function<void(AssignmentOutcome&&)> on_result;

  /// Called after one or more on_result calls when no further completion is waiting: the moment to flush.
  std::function<void()> on_batch_end;

  /// Called on the client's own thread when TrySubmit has room again after it had none.
  std::function<void()> on_writable;

  /// Called once, on the client's own thread, when the stream has ended: after its last result, with its
  /// status.
  std::function<void(const absl::Status&, const CallReport&)> on_finished;
};

/// A bidirectional stream of assignments: each submitted update gets exactly one result or is listed as
/// unacknowledged when the stream ends.
///
/// Thread safety: one submitting thread, one thread calling Next, Cancel from any thread. The destructor
/// cancels; it waits for a callback that is running, never for the network. It may run inside a callback of
/// this stream.
class DISPATCHCTL_EXPORT AssignmentStream {
 public:
  virtual ~AssignmentStream() = default;

  /// Hands in one update; moves from it only when OK is returned.
  /// Errors: RESOURCE_EXHAUSTED (without message) when the window is full, wait for on_writable;
  /// INVALID_ARGUMENT naming the field; FAILED_PRECONDITION after CloseSubmissions or once the stream has
  /// ended.
  virtual absl::Status TrySubmit(AssignmentUpdate& update, std::uint64_t tag) = 0;

  /// Like TrySubmit, but waits while the window is full. Not from a callback.
  virtual absl::Status Submit(AssignmentUpdate update, std::uint64_t tag = 0) = 0;

  /// The next result, in the order the server gave them; waits for it. nullopt: the stream has ended, see
  /// Finish. Only where StreamOptions::on_result is unset, and not from a callback.
  virtual std::optional<AssignmentOutcome> Next() = 0;

  /// No more updates: half-closes once everything is written, then the stream ends when everything is
  /// answered.
  virtual void CloseSubmissions() = 0;

  /// CloseSubmissions, then waits for the end and gives its status. OK: every update was answered. In pull
  /// mode, results not yet taken are still there for Next(). Not from a callback.
  virtual absl::Status Finish() = 0;

  /// Ends the stream with CANCELLED. Returns at once; may be called in any state.
  virtual void Cancel() = 0;

  /// What was submitted and not answered, in submission order. Complete once the stream has ended.
  virtual std::vector<UnacknowledgedAssignment> Unacknowledged() const = 0;

  virtual StreamStatistics statistics() const = 0;
};

}  // namespace DISPATCHCTL_ABI
}  // namespace dispatchctl
