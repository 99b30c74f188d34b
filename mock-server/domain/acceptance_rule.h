#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"
#include "mock-server/domain/courier.h"

namespace dispatchctl::mock {

// Decides whether an assignment is accepted. Pure: the same seed, assignment and courier give the same answer
// in any order and in any process.
class AcceptanceRule {
 public:
  // Accepts when the courier exists and is available.
  AcceptanceRule() = default;

  static AcceptanceRule Available() { return {}; }
  // Accepts unknown couriers too.
  static AcceptanceRule Always();
  static AcceptanceRule Never();
  // Accepts known couriers with this probability, 0 to 1, drawn from the seed and the assignment's id.
  static AcceptanceRule WithProbability(double probability);

  // "available", "always", "never" or "prob=P".
  static absl::StatusOr<AcceptanceRule> Parse(std::string_view text);

  // `courier` is null for an unknown one.
  bool Accepts(std::uint64_t seed, std::string_view assignment_id, const Courier* courier) const;

 private:
  enum class Kind { kAvailable, kAlways, kNever, kProbability };

  AcceptanceRule(Kind kind, double probability) : kind_(kind), probability_(probability) {}

  Kind kind_ = Kind::kAvailable;
  double probability_ = 1;
};

}  // namespace dispatchctl::mock
