#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/status/statusor.h"
#include "mock-server/domain/courier.h"

namespace dispatchctl::mock {

// Where couriers are looked up. A status other than NOT_FOUND becomes the answer of the call that asked,
// code and message unchanged, so that a test's own directory can script any failure.
class CourierDirectory {
 public:
  CourierDirectory() = default;
  CourierDirectory(const CourierDirectory&) = delete;
  CourierDirectory& operator=(const CourierDirectory&) = delete;
  CourierDirectory(CourierDirectory&&) = delete;
  CourierDirectory& operator=(CourierDirectory&&) = delete;
  virtual ~CourierDirectory() = default;

  // Runs on the server's completion-queue threads, on several at once when there are several backends.
  // While it blocks, its backend answers nobody.
  virtual absl::StatusOr<Courier> Find(std::string_view courier_id) const = 0;
};

class InMemoryCourierDirectory final : public CourierDirectory {
 public:
  // Of two couriers with one id the first counts.
  explicit InMemoryCourierDirectory(std::vector<Courier> couriers);

  absl::StatusOr<Courier> Find(std::string_view courier_id) const override;

 private:
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };

  std::unordered_map<std::string, Courier, Hash, std::equal_to<>> couriers_;
};

// NOT_FOUND as every directory words it.
absl::Status CourierNotFound(std::string_view courier_id);

// courier-1 ... courier-1000; courier-42 is an available bike in zone-7.
std::vector<Courier> BuiltInFleet();

}  // namespace dispatchctl::mock
