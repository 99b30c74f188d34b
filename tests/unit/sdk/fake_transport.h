#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "call/client_core.h"
#include "dispatchctl/validation.h"
#include "endpoints/endpoint_pool.h"
#include "transport/channel.h"
#include "transport/event_loop.h"

namespace dispatchctl::internal {

// Runs `function` on the loop's thread.
inline void Post(EventLoop& loop, std::function<void()> function) {
  class FunctionTask final : public Task {
   public:
    explicit FunctionTask(std::function<void()> body) : body_(std::move(body)) {}
    void Run() override { body_(); }

   private:
    std::function<void()> body_;
  };
  loop.Schedule(std::make_shared<FunctionTask>(std::move(function)));
}

class FakeChannel;

// What the server behind one address does. Shared with the test, which may change it between calls.
struct FakeServer {
  std::mutex mutex;  // guards all below
  Connectivity connectivity = Connectivity::kReady;
  std::vector<FakeChannel*> channels;
  int connects = 0;                                // times a connection was asked for while there was none
  std::optional<Clock::time_point> watched_until;  // of the last watch
  // Answers in order; the last one stays.
  std::deque<AttemptEnd> lookup_ends{{absl::OkStatus(), Phase::kCall, Origin::kServer}};
  bool lookup_hangs = false;  // until it is cancelled
  int lookups = 0;
  Metadata last_metadata;
  std::vector<std::string> authorizations;            // of lookups and streams; "" for none
  std::optional<std::string> accepted_authorization;  // of lookups; unset: any
  bool confidential = true;
  std::optional<Clock::time_point> last_deadline;

  std::optional<absl::StatusOr<ServingStatus>> health = ServingStatus::kServing;  // unset: no answer comes
  std::vector<std::string> health_services;                                       // asked for

  // A stream fails with this before it starts, if set.
  std::optional<AttemptEnd> stream_refusal;
  AttemptEnd stream_end{absl::OkStatus(), Phase::kStream, Origin::kServer};
  std::size_t end_stream_after = ~std::size_t{0};  // results
  bool answer_updates = true;
  std::string break_on;     // the stream ends when this id arrives
  std::string undecodable;  // this id gets a result that cannot be decoded
  int streams = 0;          // started
  std::vector<AssignmentUpdate> updates;
  std::vector<bool> more;
  int half_closes = 0;
};

inline AttemptEnd Refused(const std::string& name) {
  return {absl::UnavailableError("cannot connect to " + name + ": Connection refused"), Phase::kConnect,
          Origin::kLocal};
}

class FakeLookup final : public LookupAttempt {
 public:
  FakeLookup(FakeServer& server, EventLoop& loop, LookupHandler& handler, std::string courier_id,
             std::string authorization)
      : server_(server),
        loop_(loop),
        handler_(handler),
        courier_id_(std::move(courier_id)),
        authorization_(std::move(authorization)) {}

  void Start() override {
    bool answer_now;
    AttemptEnd end;
    {
      const std::lock_guard<std::mutex> lock(server_.mutex);
      ++server_.lookups;
      started_ = true;
      answer_now = !server_.lookup_hangs || cancelled_;
      answered_ = answer_now;
      end = cancelled_ ? Cancelled() : server_.lookup_ends.front();
      if (!cancelled_ && server_.lookup_ends.size() > 1) server_.lookup_ends.pop_front();
      if (server_.accepted_authorization && *server_.accepted_authorization != authorization_) {
        end = {absl::UnauthenticatedError("who is there?"), Phase::kCall, Origin::kServer};
      }
    }
    if (answer_now) Answer(std::move(end));
  }

  void Cancel() override {
    {
      const std::lock_guard<std::mutex> lock(server_.mutex);
      cancelled_ = true;
      if (!started_ || !server_.lookup_hangs || std::exchange(answered_, true)) return;
    }
    Answer(Cancelled());
  }

  void Release() override { delete this; }

 private:
  static AttemptEnd Cancelled() { return {absl::CancelledError("CANCELLED"), Phase::kCall, Origin::kLocal}; }

  void Answer(AttemptEnd end) {
    Post(loop_, [this, end = std::move(end)]() mutable {
      CourierStatus reply;
      if (end.status.ok()) reply.courier_id = courier_id_;
      handler_.OnLookupDone(std::move(end), std::move(reply));
    });
  }

  FakeServer& server_;
  EventLoop& loop_;
  LookupHandler& handler_;
  const std::string courier_id_;
  const std::string authorization_;
  bool started_ = false;
  bool cancelled_ = false;
  bool answered_ = false;
};

// Completes each operation by itself, one turn of the loop later.
class FakeAssignmentCall final : public AssignmentCall {
 public:
  FakeAssignmentCall(FakeServer& server, EventLoop& loop, AssignmentCallHandler& handler)
      : server_(server), loop_(loop), handler_(handler) {}

  void Start() override {
    Post(loop_, [this] {
      std::optional<AttemptEnd> refusal;
      {
        const std::lock_guard<std::mutex> lock(server_.mutex);
        refusal = server_.stream_refusal;
        if (!refusal) ++server_.streams;
      }
      if (refusal || cancelled_) {
        End(refusal ? *refusal : Cancelled());
        return;
      }
      handler_.OnStarted();
    });
  }

  void Write(const AssignmentUpdate& update, bool more) override {
    bool answer;
    bool breaks;
    bool undecodable;
    {
      const std::lock_guard<std::mutex> lock(server_.mutex);
      server_.updates.push_back(update);
      server_.more.push_back(more);
      answer = server_.answer_updates;
      breaks = update.assignment_id == server_.break_on;
      undecodable = update.assignment_id == server_.undecodable;
    }
    if (ended_) return;
    Post(loop_, [this, id = update.assignment_id, answer, breaks, undecodable] {
      if (ended_) return;
      if (breaks) {
        EndAsScripted();
        return;
      }
      if (undecodable) {
        handler_.OnUndecodable();
      } else if (answer) {
        AssignmentResult result{id, true};
        handler_.OnResult(result);
        ++results_;
        if (results_ >= EndAfter()) {
          EndAsScripted();
          return;
        }
      }
      handler_.OnWritable();
    });
  }

  void HalfClose() override {
    {
      const std::lock_guard<std::mutex> lock(server_.mutex);
      ++server_.half_closes;
    }
    if (ended_) return;
    Post(loop_, [this] { EndAsScripted(); });
  }

  void Cancel() override {
    if (std::exchange(cancelled_, true)) return;
    Post(loop_, [this] { End(Cancelled()); });
  }

 private:
  static AttemptEnd Cancelled() {
    return {absl::CancelledError("CANCELLED"), Phase::kStream, Origin::kLocal};
  }

  std::size_t EndAfter() const {
    const std::lock_guard<std::mutex> lock(server_.mutex);
    return server_.end_stream_after;
  }

  void EndAsScripted() {
    AttemptEnd end;
    {
      const std::lock_guard<std::mutex> lock(server_.mutex);
      end = server_.stream_end;
    }
    End(std::move(end));
  }

  void End(AttemptEnd end) {
    if (std::exchange(ended_, true)) return;
    // One turn later, so that nothing posted before is left behind when the driver lets go of the call.
    Post(loop_, [this, end = std::move(end)]() mutable { handler_.OnEnd(std::move(end)); });
  }

  FakeServer& server_;
  EventLoop& loop_;
  AssignmentCallHandler& handler_;
  std::size_t results_ = 0;
  bool cancelled_ = false;
  bool ended_ = false;
};

// Answers as the server's `health` has it; held back while that is unset.
class FakeHealthCheck final : public HealthCheck {
 public:
  FakeHealthCheck(FakeServer& server, EventLoop& loop, std::string service, HealthCheckHandler& handler)
      : server_(server), loop_(loop), service_(std::move(service)), handler_(handler) {}

  void Start() override {
    AttemptEnd end;
    ServingStatus status = ServingStatus::kUnknown;
    {
      const std::lock_guard<std::mutex> lock(server_.mutex);
      server_.health_services.push_back(service_);
      if (!server_.health.has_value()) return;
      end = {server_.health->status(), Phase::kCall, Origin::kServer};
      if (server_.health->ok()) status = **server_.health;
    }
    Post(loop_, [this, end = std::move(end), status]() mutable {
      handler_.OnHealthCheckDone(std::move(end), status);
    });
  }

  void Cancel() override {
    Post(loop_, [this] {
      handler_.OnHealthCheckDone({absl::CancelledError("CANCELLED"), Phase::kCall, Origin::kLocal},
                                 ServingStatus::kUnknown);
    });
  }

 private:
  FakeServer& server_;
  EventLoop& loop_;
  const std::string service_;
  HealthCheckHandler& handler_;
};

class FakeChannel final : public Channel {
 public:
  explicit FakeChannel(FakeServer& server) : server_(server) {
    const std::lock_guard<std::mutex> lock(server_.mutex);
    server_.channels.push_back(this);
  }

  ~FakeChannel() override {
    const std::lock_guard<std::mutex> lock(server_.mutex);
    std::erase(server_.channels, this);
    NotifyWatchers();
  }

  bool confidential() const override { return server_.confidential; }

  Connectivity state(bool try_to_connect) override {
    const std::lock_guard<std::mutex> lock(server_.mutex);
    if (try_to_connect && server_.connectivity == Connectivity::kIdle) ++server_.connects;
    return server_.connectivity;
  }

  // `until` comes when the test says so.
  bool Watch(EventLoop& loop, Connectivity seen, std::optional<Clock::time_point> until,
             Completion& completion) override {
    const std::lock_guard<std::mutex> lock(server_.mutex);
    server_.watched_until = until;
    watchers_.push_back({&loop, &completion});
    if (seen != server_.connectivity) NotifyWatchers();
    return true;
  }

  // With the server's mutex held.
  void NotifyWatchers() {
    for (const Watcher& watcher : std::exchange(watchers_, {})) {
      Post(*watcher.loop, [completion = watcher.completion] { completion->OnCompletion(true); });
    }
  }

  LookupAttemptPtr MakeLookup(EventLoop& loop, std::string_view courier_id, const AttemptOptions& options,
                              LookupHandler& handler) override {
    const std::lock_guard<std::mutex> lock(server_.mutex);
    server_.last_deadline = options.deadline;
    server_.authorizations.push_back(AuthorizationOf(options));
    server_.last_metadata = MetadataOf(options);
    return LookupAttemptPtr(
        new FakeLookup(server_, loop, handler, std::string(courier_id), AuthorizationOf(options)));
  }

  std::unique_ptr<AssignmentCall> MakeAssignmentCall(EventLoop& loop, const AttemptOptions& options,
                                                     AssignmentCallHandler& handler) override {
    NoteAuthorization(options);
    {
      const std::lock_guard<std::mutex> lock(server_.mutex);
      server_.last_metadata = MetadataOf(options);
    }
    return std::make_unique<FakeAssignmentCall>(server_, loop, handler);
  }

  std::unique_ptr<HealthCheck> MakeHealthCheck(EventLoop& loop, std::string_view service,
                                               const AttemptOptions& options,
                                               HealthCheckHandler& handler) override {
    NoteAuthorization(options);
    return std::make_unique<FakeHealthCheck>(server_, loop, std::string(service), handler);
  }

 private:
  struct Watcher {
    EventLoop* loop;
    Completion* completion;
  };

  static Metadata MetadataOf(const AttemptOptions& options) {
    Metadata all;
    for (const Metadata* part : {options.default_metadata, options.metadata, options.attempt_metadata}) {
      if (part != nullptr) all.insert(all.end(), part->begin(), part->end());
    }
    return all;
  }

  static std::string AuthorizationOf(const AttemptOptions& options) {
    return options.authorization == nullptr ? std::string() : *options.authorization;
  }

  void NoteAuthorization(const AttemptOptions& options) {
    const std::lock_guard<std::mutex> lock(server_.mutex);
    server_.authorizations.push_back(AuthorizationOf(options));
  }

  FakeServer& server_;
  std::vector<Watcher> watchers_;  // guarded by the server's mutex
};

// Changes the state of a server's connections and tells who watches them.
inline void SetConnectivity(FakeServer& server, Connectivity connectivity) {
  const std::lock_guard<std::mutex> lock(server.mutex);
  server.connectivity = connectivity;
  for (FakeChannel* channel : server.channels) channel->NotifyWatchers();
}

// Runs `loop` on this thread until what was posted to it before has been done.
inline void Settle(EventLoop& loop) {
  // What is done may post more.
  for (int i = 0; i < 4; ++i) {
    bool done = false;
    Post(loop, [&] { done = true; });
    loop.RunUntil(done);
  }
}

// Servers by the name of their address.
using FakeServers = std::map<std::string, FakeServer>;

// Shares the servers with the test: a client that was destroyed inside a callback ends after the test has.
class FakeChannelFactory final : public ChannelFactory {
 public:
  explicit FakeChannelFactory(std::shared_ptr<FakeServers> servers) : servers_(std::move(servers)) {}

  std::unique_ptr<Channel> Create(const Address& address, const std::string&) override {
    return std::make_unique<FakeChannel>((*servers_)[address.name]);
  }

 private:
  const std::shared_ptr<FakeServers> servers_;
};

inline Target FakeTarget(const std::vector<std::string>& names) {
  Target target;
  for (const std::string& name : names) target.addresses.push_back({{"ipv4:" + name, name}, name});
  return target;
}

// A client's core on fake servers, whose connections are watched on its own thread.
inline std::shared_ptr<ClientCore> MakeFakeCore(std::shared_ptr<FakeServers> servers, Target target,
                                                std::unique_ptr<Resolver> resolver = nullptr,
                                                const EndpointPoolOptions& options = {},
                                                const RetryThrottling& throttling = {}) {
  auto core = std::make_shared<ClientCore>(Metadata{}, throttling, options.seed);
  core->lookups().pool = EndpointPool::Make(
      std::move(target), std::move(resolver), std::make_unique<FakeChannelFactory>(std::move(servers)),
      options, [watched = core.get()]() -> EventLoop& { return watched->loop(); });
  return core;
}

}  // namespace dispatchctl::internal
