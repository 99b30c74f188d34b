#pragma once

#include <absl/status/status.h>

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "dispatchctl/observer.h"
#include "dispatchctl/validation.h"

namespace dispatchctl::internal {

// What keeps a client's observer from harm to the client: it hears one thing at a time of the endpoints, in
// the order in which they happened and with no lock held, and what it throws goes no further. Thread-safe.
class Observation {
 public:
  // `observer` is not null; `on_warning` may be.
  Observation(std::shared_ptr<Observer> observer, std::string target,
              std::function<void(std::string_view)> on_warning);
  Observation(const Observation&) = delete;
  Observation& operator=(const Observation&) = delete;

  // Under whatever lock makes the order. Flush follows, without it.
  void NoteAdded(const std::string& endpoint) { Note({endpoint, Added{}}); }
  void NoteRemoved(const std::string& endpoint, EndpointState state) { Note({endpoint, Removed{state}}); }
  void Note(const std::string& endpoint, EndpointState from, EndpointState to) {
    Note({endpoint, States<EndpointState>{from, to}});
  }
  void Note(const std::string& endpoint, BreakerState from, BreakerState to) {
    Note({endpoint, States<BreakerState>{from, to}});
  }

  // Tells what has been noted, unless another thread is at it already.
  void Flush();

 private:
  friend class ObservedCall;

  struct Added {};
  struct Removed {
    EndpointState state;
  };
  template <class State>
  struct States {
    State from;
    State to;
  };
  struct Event {
    std::string endpoint;
    std::variant<Added, Removed, States<EndpointState>, States<BreakerState>> what;
  };

  void Note(Event event);
  void Tell(const Event& event);

  // Calls `body`. False: it has thrown.
  template <class Body>
  bool Guard(Body&& body) {
    try {
      body();
      return true;
    } catch (...) {
      OnException();
      return false;
    }
  }
  // In a handler.
  void OnException();
  void WarnOnce(std::atomic<bool>& warned, std::string_view text);

  const std::shared_ptr<Observer> observer_;
  const std::string target_;
  const std::function<void(std::string_view)> on_warning_;
  std::atomic<bool> exception_told_{false};
  std::atomic<bool> header_told_{false};

  std::mutex mutex_;  // guards the block below; no other is taken with it
  std::deque<Event> events_;
  bool telling_ = false;
};

// One call as its observer sees it; empty when there is none. Used by one thread at a time, with no lock
// held.
class ObservedCall {
 public:
  ObservedCall() = default;

  // `observation` may be null, and must outlive the call.
  static ObservedCall Start(Observation* observation, std::string_view method, const TraceContext& parent) {
    return observation == nullptr ? ObservedCall() : ObservedCall(*observation, method, parent);
  }

  explicit operator bool() const { return observer_ != nullptr; }

  // What is sent with the attempt alone, besides `metadata` and `default_metadata`, which are in wire form:
  // the headers of the observer, if there is one, which is told of the attempt; and the trace that the call's
  // options name, where neither the observer nor the metadata speaks for the attempt.
  Metadata OnAttemptStarted(const AttemptStarted& attempt, const TraceContext& trace_context,
                            const Metadata& metadata, const Metadata& default_metadata);

  // The rest only where there is an observer.

  void OnAttemptEnded(const AttemptEnded& attempt);
  void OnBackoff(const Backoff& backoff);
  using StreamEvent = void (CallObserver::*)(const StreamProgress&);
  void OnStream(StreamEvent event, const StreamProgress& progress);
  // Nothing follows.
  void OnEnded(const CallEnded& call);

 private:
  ObservedCall(Observation& observation, std::string_view method, const TraceContext& parent);

  Metadata HeadersOfObserver(const AttemptStarted& attempt, const Metadata& metadata,
                             const Metadata& default_metadata);

  Observation* observation_ = nullptr;
  std::unique_ptr<CallObserver> observer_;
};

}  // namespace dispatchctl::internal
