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
#include "dispatchctl/trace_context.h"
#include "dispatchctl/validation.h"

namespace dispatchctl {
inline namespace DISPATCHCTL_ABI {

/// One answered assignment.
struct AssignmentOutcome {
  AssignmentResult result;              ///< the server's decision
  AssignmentUpdate update;              ///< as submitted
  std::uint64_t tag = 0;                ///< as submitted
  std::chrono::nanoseconds latency{0};  ///< from its last write to its result
  int attempt = 1;                      ///< how many streams it was written to
  std::string_view endpoint;            ///< who answered; valid until the callback returns or the next Next()
};

/// An assignment without an answer when its stream ended.
struct UnacknowledgedAssignment {
  AssignmentUpdate update;  ///< as submitted
  std::uint64_t tag = 0;    ///< as submitted
};

/// Counts over the life of one AssignmentStream.
struct StreamStatistics {
  std::uint64_t submitted = 0;            ///< accepted by Submit or TrySubmit
  std::uint64_t acknowledged = 0;         ///< answered
  std::uint64_t resent = 0;               ///< written again to a later stream
  std::uint64_t unknown_results = 0;      ///< results for an id that was not outstanding, ignored
  std::uint64_t reconnects = 0;           ///< connected again after the stream was lost
  std::uint64_t undecodable_results = 0;  ///< results that could not be read, whose stream was replaced
};

/// A stream that goes on by itself has lost its server, or has one again.
struct StreamInterruption {
  bool resumed = false;            ///< false: it was lost, and looks for a server to go on with
  std::string_view endpoint;       ///< that was lost, or that it goes on with; valid during the call
  absl::Status status;             ///< why it was lost; of a resumption OK
  std::size_t unacknowledged = 0;  ///< assignments that have no result yet
};

/// How a stream of assignments is made.
struct StreamOptions {
  /// How many underlying streams share the work, each on an endpoint of its own as long as there are enough:
  /// 1 to 64. The assignments of one courier all go over the same one, so they are sent, and where the server
  /// answers in order are answered, in the order submitted. What an endpoint is slow to answer holds up only
  /// its own couriers, until it fills the window, which is shared. When one ends for good, the others answer
  /// what they were given before the whole ends with its status.
  std::size_t streams = 1;

  /// Most assignments handed in and not yet answered (and, with Next(), not yet taken). 1 to 1,048,576.
  std::size_t window = 4096;

  /// Most bytes of assignments, as on the wire, handed in and not yet answered. 1 to 2^40.
  std::size_t max_outstanding_bytes = std::size_t{64} << 20U;

  /// Largest assignment accepted, in bytes on the wire; the server's limit should not be smaller, as what it
  /// cannot receive breaks the stream each time. 1 or more; no more than max_outstanding_bytes are accepted.
  std::size_t max_update_bytes = std::size_t{4} << 20U;

  /// Whether a stream that was lost is opened again on any healthy endpoint, another one where there is any.
  /// What has no result yet is then sent again, byte for byte and in order, before anything new: the server
  /// may see an assignment twice, and must answer it with the decision already taken; the caller gets one
  /// result.
  ///
  /// Lost is a stream that ended with UNAVAILABLE, ABORTED, INTERNAL or UNKNOWN, with RESOURCE_EXHAUSTED
  /// where the server said when to come back, with UNAUTHENTICATED where ClientOptions::token_file then holds
  /// another token, or with OK too early. Any other status is final, as is the
  /// server's word not to come back (`grpc-retry-pushback-ms`). A stream that could not be opened at all ends
  /// once each endpoint was tried.
  bool resume = true;

  /// The delay before the n-th reconnect without a result in between is
  /// min(initial_reconnect_backoff * reconnect_backoff_multiplier^(n-1), max_reconnect_backoff), more or less
  /// by up to 20 % (gRFC A6), or what the server said. It starts over with a result, not with a connection: a
  /// server that accepts and closes is not hammered. Greater than zero; the multiplier 1 or more.
  std::chrono::nanoseconds initial_reconnect_backoff = std::chrono::milliseconds(50);
  /// See initial_reconnect_backoff.
  std::chrono::nanoseconds max_reconnect_backoff = std::chrono::seconds(3);
  /// See initial_reconnect_backoff.
  double reconnect_backoff_multiplier = 2.0;

  /// How long after a loss the stream goes on looking for an endpoint that can be connected to, before it
  /// ends with the last error. Greater than zero; unset: for ever.
  std::optional<std::chrono::nanoseconds> reconnect_timeout = std::chrono::minutes(5);

  /// A connected stream that gives no result for this long while it owes one counts as lost. More than the
  /// server ever takes to decide. Greater than zero; unset: such a stream is waited for.
  std::optional<std::chrono::nanoseconds> idle_timeout = std::chrono::seconds(30);

  /// After this many reconnects in a row of which each took assignments and gave no result, the stream ends,
  /// naming the first assignment without one: something in it may break the server each time. 0: never.
  int poison_limit = 5;

  /// Bound of the stream's whole life. Unset: none. No reconnect is waited for that could only come later.
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

  /// Called on the client's own thread when one of the underlying streams was lost and is to be resumed, and
  /// again when it is connected; once each, however many attempts that takes. Not for the end of the stream.
  std::function<void(const StreamInterruption&)> on_interruption;

  /// Called once, on the client's own thread, when the stream has ended: after its last result, with its
  /// status. The report counts every attempt and keeps the latest 64.
  std::function<void(const absl::Status&, const CallReport&)> on_finished;

  /// As CallOptions::trace_context. Unset: that of ClientOptions::call_defaults.
  TraceContext trace_context = {};
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
  /// Errors: RESOURCE_EXHAUSTED (without message) when the window or max_outstanding_bytes is full, wait for
  /// on_writable; INVALID_ARGUMENT naming the field, or the size when it is too large; FAILED_PRECONDITION
  /// after CloseSubmissions or once the stream has ended.
  virtual absl::Status TrySubmit(AssignmentUpdate& update, std::uint64_t tag) = 0;

  /// Like TrySubmit, but waits for room. Not from a callback.
  virtual absl::Status Submit(AssignmentUpdate update, std::uint64_t tag = 0) = 0;

  /// The next result, in the order the server gave them; waits for it. nullopt: the stream has ended, see
  /// Finish. Only where StreamOptions::on_result is unset, and not from a callback.
  virtual std::optional<AssignmentOutcome> Next() = 0;

  /// No more updates: half-closes once everything is written, then the stream ends when everything is
  /// answered.
  virtual void CloseSubmissions() = 0;

  /// CloseSubmissions, then waits for the end and gives its status. OK: every update was answered. Anything
  /// else: the last error's code; what it left behind is in Unacknowledged(). In pull mode, results not yet
  /// taken are still there for Next(). Not from a callback.
  virtual absl::Status Finish() = 0;

  /// Ends the stream with CANCELLED. Returns at once; may be called in any state.
  virtual void Cancel() = 0;

  /// What was submitted and not answered, in submission order (with several streams: that of each courier).
  /// Complete once the stream has ended.
  virtual std::vector<UnacknowledgedAssignment> Unacknowledged() const = 0;

  /// Counts so far; of the whole stream once it has ended. May be called in any state.
  virtual StreamStatistics statistics() const = 0;
};

}  // namespace DISPATCHCTL_ABI
}  // namespace dispatchctl
