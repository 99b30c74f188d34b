#include "mock-server/adapter/health_board.h"

#include "dispatchpb/dispatch.grpc.pb.h"

namespace dispatchctl::mock {

HealthBoard::HealthBoard() {
  Reset();
}

void HealthBoard::Set(std::string_view service, bool serving) {
  const std::lock_guard lock(mutex_);
  services_.insert_or_assign(std::string(service), serving);
}

void HealthBoard::SetAll(bool serving) {
  const std::lock_guard lock(mutex_);
  for (auto& [service, value] : services_) value = serving;
}

void HealthBoard::Reset() {
  const std::lock_guard lock(mutex_);
  services_ = {{"", true}, {dispatchpb::DispatchGateway::service_full_name(), true}};
}

std::optional<bool> HealthBoard::Serving(std::string_view service) const {
  const std::lock_guard lock(mutex_);
  const auto found = services_.find(service);
  if (found == services_.end()) return std::nullopt;
  return found->second;
}

std::map<std::string, bool, std::less<>> HealthBoard::all() const {
  const std::lock_guard lock(mutex_);
  return services_;
}

}  // namespace dispatchctl::mock
