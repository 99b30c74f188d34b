#include "dispatchctl/observer.h"

namespace dispatchctl {
inline namespace DISPATCHCTL_ABI {

CallObserver::~CallObserver() = default;
void CallObserver::OnAttemptStarted(const AttemptStarted&,
                                    std::vector<std::pair<std::string, std::string>>&) {}
void CallObserver::OnAttemptEnded(const AttemptEnded&) {}
void CallObserver::OnBackoff(const Backoff&) {}
void CallObserver::OnStreamOpened(const StreamProgress&) {}
void CallObserver::OnStreamInterrupted(const StreamProgress&) {}
void CallObserver::OnStreamResumed(const StreamProgress&) {}
void CallObserver::OnStreamEnded(const StreamProgress&) {}
void CallObserver::OnEnded(const CallEnded&) {}

Observer::~Observer() = default;
std::unique_ptr<CallObserver> Observer::OnCallStarted(const CallStarted&) {
  return nullptr;
}
void Observer::OnEndpointAdded(const EndpointAdded&) {}
void Observer::OnEndpointRemoved(const EndpointRemoved&) {}
void Observer::OnConnectivityChanged(const ConnectivityChanged&) {}
void Observer::OnBreakerChanged(const BreakerChanged&) {}

}  // namespace DISPATCHCTL_ABI
}  // namespace dispatchctl
