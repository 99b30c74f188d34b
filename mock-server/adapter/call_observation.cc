#include "mock-server/adapter/call_observation.h"

namespace dispatchctl::mock {

CallObservation::CallObservation(ServerObserver* observer, Method method, std::size_t listen,
                                 const grpc::ServerContext& context)
    : observer_(observer), method_(method), listen_(listen), started_(Clock::now()) {
  if (observer_->AsksWhoCalls()) {
    peer_ = context.peer();
    const auto& metadata = context.client_metadata();
    if (const auto found = metadata.find("traceparent"); found != metadata.end())
      traceparent_.assign(found->second.data(), found->second.size());
  }
  observer_->CallStarted(method, listen);
}

void CallObservation::Ended(const grpc::Status& status) {
  if (ended_) return;
  ended_ = true;
  observer_->CallEnded({.method = method_,
                        .listen = listen_,
                        .code = static_cast<absl::StatusCode>(status.error_code()),
                        .message = status.error_message(),
                        .duration = Clock::now() - started_,
                        .peer = peer_,
                        .traceparent = traceparent_});
}

}  // namespace dispatchctl::mock
