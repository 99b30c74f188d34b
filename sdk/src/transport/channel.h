#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "dispatchctl/assignment.h"
#include "dispatchctl/call_report.h"
#include "dispatchctl/courier_status.h"
#include "dispatchctl/endpoint_status.h"
#include "dispatchctl/health.h"
#include "dispatchctl/validation.h"
#include "transport/event_loop.h"

namespace dispatchctl::internal {

// Where one endpoint is.
struct Address {
  std::string uri;   // as gRPC wants it: "ipv4:127.0.0.1:50051", "unix:/run/dispatch.sock"
  std::string name;  // for people: "127.0.0.1:50051", "unix:/run/dispatch.sock"

  friend bool operator==(const Address&, const Address&) = default;
};

// How one attempt is made. What it points to must outlive the attempt.
struct AttemptOptions {
  std::optional<Clock::time_point> deadline;
  bool wait_for_ready = false;
  const Metadata* default_metadata = nullptr;
  const Metadata* metadata = nullptr;
  const Metadata* attempt_metadata = nullptr;  // of this attempt alone; null: none
  const std::string* authorization = nullptr;  // value of that metadata; null: none
};

// How an attempt ended.
struct AttemptEnd {
  absl::Status status;
  Phase phase = Phase::kCall;
  Origin origin = Origin::kLocal;
  // Of a failure: the server's grpc-retry-pushback-ms. Negative: not to be tried again.
  std::optional<std::chrono::milliseconds> pushback = std::nullopt;
  // Of UNAUTHENTICATED: there is another token by now, and it has not been tried.
  bool has_new_token = false;
  // No server has looked at the call: it was turned away with its connection.
  bool unseen = false;
};

class LookupHandler {
 public:
  // On the loop's thread, exactly once. The attempt may be destroyed from inside.
  virtual void OnLookupDone(AttemptEnd end, CourierStatus&& reply) = 0;

 protected:
  ~LookupHandler() = default;
};

// One attempt of GetCourierStatus. Released before Start, or once its handler has been called; no later than
// its channel goes.
class LookupAttempt {
 public:
  // From any thread; the handler may have been called before it returns, so it is the caller's last use.
  virtual void Start() = 0;

  // From any thread, while the attempt exists.
  virtual void Cancel() = 0;

  // Ends the attempt's life. Instead of a destructor, as its parts may serve again.
  virtual void Release() = 0;

 protected:
  ~LookupAttempt() = default;
};

struct ReleaseLookupAttempt {
  void operator()(LookupAttempt* attempt) const { attempt->Release(); }
};
using LookupAttemptPtr = std::unique_ptr<LookupAttempt, ReleaseLookupAttempt>;

class AssignmentCallHandler {
 public:
  // All on the loop's thread. Either the call is up, or OnEnd follows.
  virtual void OnStarted() = 0;
  // The update handed to Write is with gRPC; the next may follow.
  virtual void OnWritable() = 0;
  virtual void OnResult(AssignmentResult& result) = 0;
  // A result that could not be decoded. Neither it nor what comes after it is handed out; the call goes on
  // until it is cancelled. Once.
  virtual void OnUndecodable() = 0;
  // Last call. The AssignmentCall may be destroyed from inside.
  virtual void OnEnd(AttemptEnd end) = 0;

 protected:
  ~AssignmentCallHandler() = default;
};

// One StreamAssignments call. All members belong to the loop's thread. Destroyed before Start, or once OnEnd
// has been called.
class AssignmentCall {
 public:
  virtual ~AssignmentCall() = default;

  virtual void Start() = 0;

  // Only when started and no other write is under way. With `more`, another update is written at once after
  // this one, so that both may share a packet.
  virtual void Write(const AssignmentUpdate& update, bool more) = 0;

  // At most once, after the last write was taken.
  virtual void HalfClose() = 0;

  virtual void Cancel() = 0;
};

class HealthCheckHandler {
 public:
  // On the loop's thread, exactly once. `status` is the server's when `end` is OK. The check may be destroyed
  // only after that.
  virtual void OnHealthCheckDone(AttemptEnd end, ServingStatus status) = 0;

 protected:
  ~HealthCheckHandler() = default;
};

// One grpc.health.v1 Check call. Destroyed before Start, or once its handler has returned.
class HealthCheck {
 public:
  virtual ~HealthCheck() = default;
  virtual void Start() = 0;
  // From any thread.
  virtual void Cancel() = 0;
};

using Connectivity = EndpointState;

// A connection to one address. Thread-safe.
class Channel {
 public:
  virtual ~Channel() = default;

  // True when nobody but the server, or who has access to this machine, can read what goes over it: TLS,
  // loopback or a unix socket.
  virtual bool confidential() const = 0;

  virtual Connectivity state(bool try_to_connect) = 0;

  // Has `completion` called on the loop's thread once the state is no longer `seen`, `until` has come, if
  // set, or the channel is going; it may be called sooner. False: the loop has been shut down, and nothing
  // will be called.
  virtual bool Watch(EventLoop& loop, Connectivity seen, std::optional<Clock::time_point> until,
                     Completion& completion) = 0;

  virtual LookupAttemptPtr MakeLookup(EventLoop& loop, std::string_view courier_id,
                                      const AttemptOptions& options, LookupHandler& handler) = 0;

  virtual std::unique_ptr<AssignmentCall> MakeAssignmentCall(EventLoop& loop, const AttemptOptions& options,
                                                             AssignmentCallHandler& handler) = 0;

  virtual std::unique_ptr<HealthCheck> MakeHealthCheck(EventLoop& loop, std::string_view service,
                                                       const AttemptOptions& options,
                                                       HealthCheckHandler& handler) = 0;
};

// What a channel is for. Streams have connections of their own, so that they cannot use up the HTTP/2 streams
// that lookups need.
enum class ChannelUse { kLookups, kStreams };

// Makes the channels of one client, all with the same settings. Thread-safe.
class ChannelFactory {
 public:
  virtual ~ChannelFactory() = default;

  // `authority` is the host and port of the logical target, whose host TLS verifies. Empty: gRPC's own
  // choice.
  virtual std::unique_ptr<Channel> Create(const Address& address, const std::string& authority) = 0;
};

}  // namespace dispatchctl::internal
