#include "observe/observation.h"

#include <absl/status/statusor.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <exception>

#include "contract/text.h"

namespace dispatchctl::internal {
namespace {

bool HasKey(const Metadata& metadata, std::string_view key) {
  return std::any_of(metadata.begin(), metadata.end(), [&](const auto& entry) { return entry.first == key; });
}

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <class... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

}  // namespace

Observation::Observation(std::shared_ptr<Observer> observer, std::string target,
                         std::function<void(std::string_view)> on_warning)
    : observer_(std::move(observer)), target_(std::move(target)), on_warning_(std::move(on_warning)) {}

void Observation::Note(Event event) {
  const std::lock_guard<std::mutex> lock(mutex_);
  events_.push_back(std::move(event));
}

void Observation::Flush() {
  std::unique_lock<std::mutex> lock(mutex_);
  if (telling_) return;
  telling_ = true;
  while (!events_.empty()) {
    const Event event = std::move(events_.front());
    events_.pop_front();
    lock.unlock();
    Guard([&] { Tell(event); });
    lock.lock();
  }
  telling_ = false;
}

void Observation::Tell(const Event& event) {
  std::visit(Overloaded{[&](Added) {
                          observer_->OnEndpointAdded({target_, event.endpoint});
                        },
                        [&](Removed removed) {
                          observer_->OnEndpointRemoved({target_, event.endpoint, removed.state});
                        },
                        [&](const States<EndpointState>& states) {
                          observer_->OnConnectivityChanged({target_, event.endpoint, states.from, states.to});
                        },
                        [&](const States<BreakerState>& states) {
                          observer_->OnBreakerChanged({target_, event.endpoint, states.from, states.to});
                        }},
             event.what);
}

void Observation::OnException() {
  std::string what = "something that is no std::exception";
  try {
    throw;
  } catch (const std::exception& exception) {
    what = Quoted(exception.what());
  } catch (...) {
  }
  WarnOnce(exception_told_, absl::StrCat("an observer has thrown ", what, ", which is ignored"));
}

void Observation::WarnOnce(std::atomic<bool>& warned, std::string_view text) {
  if (!warned.exchange(true) && on_warning_) on_warning_(text);
}

ObservedCall::ObservedCall(Observation& observation, std::string_view method, const TraceContext& parent)
    : observation_(&observation) {
  observation.Guard([&] {
    observer_ = observation.observer_->OnCallStarted(
        {.method = method, .target = observation.target_, .parent = parent});
  });
}

Metadata ObservedCall::OnAttemptStarted(const AttemptStarted& attempt, const TraceContext& trace_context,
                                        const Metadata& metadata, const Metadata& default_metadata) {
  Metadata headers;
  if (observer_ != nullptr) headers = HeadersOfObserver(attempt, metadata, default_metadata);
  if (trace_context.traceparent.empty()) return headers;
  for (const auto& given : {std::cref(headers), std::cref(metadata), std::cref(default_metadata)}) {
    if (HasKey(given, "traceparent")) return headers;
  }
  headers.emplace_back("traceparent", trace_context.traceparent);
  if (!trace_context.tracestate.empty()) headers.emplace_back("tracestate", trace_context.tracestate);
  return headers;
}

Metadata ObservedCall::HeadersOfObserver(const AttemptStarted& attempt, const Metadata& metadata,
                                         const Metadata& default_metadata) {
  Metadata headers;
  if (!observation_->Guard([&] { observer_->OnAttemptStarted(attempt, headers); })) headers.clear();
  std::erase_if(headers, [&](auto& header) {
    // gRPC aborts on what is not legal.
    absl::StatusOr<std::pair<std::string, std::string>> legal =
        NormalizeMetadataEntry(header.first, header.second);
    if (!legal.ok()) {
      observation_->WarnOnce(observation_->header_told_,
                             absl::StrCat("an observer's header is not sent: ", legal.status().message()));
      return true;
    }
    header = *std::move(legal);
    return header.first == "authorization" || HasKey(metadata, header.first) ||
           HasKey(default_metadata, header.first);
  });
  return headers;
}

void ObservedCall::OnAttemptEnded(const AttemptEnded& attempt) {
  observation_->Guard([&] { observer_->OnAttemptEnded(attempt); });
}

void ObservedCall::OnBackoff(const Backoff& backoff) {
  observation_->Guard([&] { observer_->OnBackoff(backoff); });
}

void ObservedCall::OnStream(StreamEvent event, const StreamProgress& progress) {
  observation_->Guard([&] { (observer_.get()->*event)(progress); });
}

void ObservedCall::OnEnded(const CallEnded& call) {
  observation_->Guard([&] { observer_->OnEnded(call); });
  observer_.reset();
}

}  // namespace dispatchctl::internal
