#pragma once

#include <absl/status/status.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dispatchctl/call_report.h"
#include "dispatchctl/endpoint_status.h"
#include "dispatchctl/export.h"
#include "dispatchctl/trace_context.h"

namespace dispatchctl {
inline namespace DISPATCHCTL_ABI {

struct StreamStatistics;  // <dispatchctl/assignment_stream.h>

// What the events below refer to is valid during the call that tells of them.

/// A lookup begins, or a stream of assignments.
struct CallStarted {
  std::string_view method;     ///< "dispatchpb.DispatchGateway/GetCourierStatus" or ".../StreamAssignments"
  std::string_view target;     ///< ClientOptions::target
  const TraceContext& parent;  ///< the call's options say it belongs there; empty: they do not say
};

/// An attempt is about to be sent. Of a stream: one of the underlying streams is about to be opened, or
/// opened again.
struct AttemptStarted {
  int number = 1;                       ///< from 1, over the whole call
  std::string_view endpoint;            ///< e.g. "127.0.0.1:50051"
  bool hedge = false;                   ///< sent while another was under way
  std::chrono::nanoseconds started{0};  ///< since the call's start
};

/// An attempt has ended.
struct AttemptEnded {
  int number = 1;                       ///< AttemptStarted::number
  std::string_view endpoint;            ///< AttemptStarted::endpoint
  bool hedge = false;                   ///< AttemptStarted::hedge
  const absl::Status& status;           ///< CANCELLED: also when another attempt has ended the call
  std::chrono::nanoseconds elapsed{0};  ///< since the attempt's start
};

/// A pause before the next attempt, or before a stream is opened again.
struct Backoff {
  int after_attempt = 1;              ///< number of the last attempt started
  std::chrono::nanoseconds delay{0};  ///< its length
};

/// What has become of one of a stream's underlying streams.
struct StreamProgress {
  std::size_t stream = 0;              ///< which one, from 0 to below StreamOptions::streams
  std::string_view endpoint;           ///< empty: there never was one
  const absl::Status& status;          ///< why it was interrupted, or ended; else OK
  std::size_t unacknowledged = 0;      ///< assignments handed to it that have no result yet
  const StreamStatistics& statistics;  ///< its own, so far
};

/// A call has ended, and so have its attempts.
struct CallEnded {
  const absl::Status& status;                    ///< OK also for a stale answer: see report.stale
  const CallReport& report;                      ///< what the caller gets, too
  const StreamStatistics* statistics = nullptr;  ///< of a stream, all of it; null: the call was a lookup
};

/// An address that the client's target means, from now on.
struct EndpointAdded {
  std::string_view target;    ///< ClientOptions::target
  std::string_view endpoint;  ///< e.g. "127.0.0.1:50051"
};

/// An address that it means no longer.
struct EndpointRemoved {
  std::string_view target;                     ///< ClientOptions::target
  std::string_view endpoint;                   ///< EndpointAdded::endpoint
  EndpointState state = EndpointState::kIdle;  ///< of its connection, as told last
};

/// An endpoint's circuit breaker is in another state.
struct BreakerChanged {
  std::string_view target;                    ///< ClientOptions::target
  std::string_view endpoint;                  ///< EndpointAdded::endpoint
  BreakerState from = BreakerState::kClosed;  ///< the state it was in
  BreakerState to = BreakerState::kClosed;    ///< the state it is in now
};

/// The state of the connection that lookups use; at first it is idle.
struct ConnectivityChanged {
  std::string_view target;                    ///< ClientOptions::target
  std::string_view endpoint;                  ///< EndpointAdded::endpoint
  EndpointState from = EndpointState::kIdle;  ///< the state it was in
  EndpointState to = EndpointState::kIdle;    ///< the state it is in now
};

/// Is told of one call, from Observer::OnCallStarted on.
///
/// Order: attempts start and end, OnEnded is last, and the object is destroyed right after it. With hedging,
/// several attempts are under way at once. A pause follows the end of the attempt that made it necessary. Of
/// a stream that is lost, the attempt's end comes first, then the pause, then OnStreamInterrupted.
///
/// Threads: one call at a time for one object. It starts on the thread that makes the call, and goes on there
/// or on the client's own thread; the latter waits while an observer takes its time, and every other call of
/// the client with it.
class DISPATCHCTL_EXPORT CallObserver {
 public:
  CallObserver() = default;
  CallObserver(const CallObserver&) = delete;
  CallObserver& operator=(const CallObserver&) = delete;
  virtual ~CallObserver();

  /// `headers` is empty, and what is added to it is sent with this attempt alone; a key that ends in "-bin"
  /// takes any bytes. Not sent are keys that the call's own metadata has, "authorization", and what is not
  /// legal as metadata, of which ClientOptions::on_warning is told once. With a "traceparent", the parent of
  /// the call's options is not sent.
  virtual void OnAttemptStarted(const AttemptStarted& attempt,
                                std::vector<std::pair<std::string, std::string>>& headers);
  /// The attempt that OnAttemptStarted told of.
  virtual void OnAttemptEnded(const AttemptEnded& attempt);
  /// A pause begins.
  virtual void OnBackoff(const Backoff& backoff);

  /// Of streams only, as the next three: one of the underlying streams has its first connection.
  virtual void OnStreamOpened(const StreamProgress& stream);
  /// Any number of times: it was lost, and looks for a server to go on with.
  virtual void OnStreamInterrupted(const StreamProgress& stream);
  /// It goes on.
  virtual void OnStreamResumed(const StreamProgress& stream);
  /// Of each of the underlying streams, also of one that was never opened; the last of its events.
  virtual void OnStreamEnded(const StreamProgress& stream);

  /// The last of all.
  virtual void OnEnded(const CallEnded& call);
};

/// Is told what a client does: for metrics, traces and logs. Given with ClientOptions::observer, and may be
/// given to several clients. What it does not override is not its concern.
///
/// Not observed are health checks, and calls that are refused before anything is done for them: for an
/// unusable id or option, or after Shutdown.
///
/// Exceptions: one that is thrown by any function is caught and goes no further; neither the call nor what is
/// told later is changed by it, except that headers of OnAttemptStarted are not sent and that a call whose
/// OnCallStarted threw is not observed. ClientOptions::on_warning is told of the first one. Destructors must
/// not throw.
///
/// No function may block, or use the client. Lifetime: the client keeps its observer until the last of its
/// calls has ended, which may be later than its last copy's destructor when that runs inside a callback; the
/// observer's destructor may therefore run on the client's own thread. A CallObserver never outlives it.
///
/// Cost: without an observer, a test of a pointer at each event. With one, what it does itself and less than
/// a microsecond a call, see docs/performance.md.
class DISPATCHCTL_EXPORT Observer {
 public:
  Observer() = default;
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;
  virtual ~Observer();

  /// Runs on the thread that makes the call, so that what it keeps for the thread is that of the caller;
  /// lookups of a BulkLookup start on the client's own thread. Any number of calls at once. Null: nothing
  /// more is told of this call.
  virtual std::unique_ptr<CallObserver> OnCallStarted(const CallStarted& call);

  /// This and the rest come from any thread, one call at a time for one client, in the order in which it
  /// happened, though perhaps a little later. Endpoints that the target spells out are added while the client
  /// is created.
  virtual void OnEndpointAdded(const EndpointAdded& endpoint);
  /// Also of those that are left when the client goes.
  virtual void OnEndpointRemoved(const EndpointRemoved& endpoint);
  /// The connection of an endpoint came, went or is being made.
  virtual void OnConnectivityChanged(const ConnectivityChanged& change);
  /// May still come after the endpoint was removed, as long as attempts are under way.
  virtual void OnBreakerChanged(const BreakerChanged& change);
};

}  // namespace DISPATCHCTL_ABI
}  // namespace dispatchctl
