#include "mock-server/domain/courier_directory.h"

#include <fmt/format.h>

#include <array>
#include <utility>

namespace dispatchctl::mock {

InMemoryCourierDirectory::InMemoryCourierDirectory(std::vector<Courier> couriers) {
  couriers_.reserve(couriers.size());
  for (Courier& courier : couriers) {
    std::string id = courier.courier_id;
    couriers_.try_emplace(std::move(id), std::move(courier));
  }
}

absl::StatusOr<Courier> InMemoryCourierDirectory::Find(std::string_view courier_id) const {
  const auto found = couriers_.find(courier_id);
  if (found == couriers_.end()) return CourierNotFound(courier_id);
  return found->second;
}

absl::Status CourierNotFound(std::string_view courier_id) {
  return absl::NotFoundError(fmt::format("courier {} not found", courier_id));
}

std::vector<Courier> BuiltInFleet() {
  constexpr int kSize = 1000;
  constexpr int kZones = 35;
  constexpr std::array kModes = {"van", "car", "bike", "scooter"};
  // Four in five are available.
  constexpr std::array kAvailability = {"available", "available", "available", "busy",      "available",
                                        "available", "available", "available", "available", "offline"};
  std::vector<Courier> fleet;
  fleet.reserve(kSize);
  for (int number = 1; number <= kSize; ++number) {
    const auto n = static_cast<std::size_t>(number);
    fleet.push_back({.courier_id = fmt::format("courier-{}", number),
                     .transport_mode = kModes[n % kModes.size()],
                     .availability = kAvailability[n % kAvailability.size()],
                     .current_zone = fmt::format("zone-{}", (number - 1) % kZones + 1)});
  }
  return fleet;
}

}  // namespace dispatchctl::mock
