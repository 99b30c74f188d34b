#include "mock-server/domain/acceptance_rule.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

namespace dispatchctl::mock {
namespace {

// FNV-1a with a finalizer (Steele et al., SplitMix64). Written out because a standard library's hash may
// differ from the next one's, and a seed must mean the same decisions everywhere.
std::uint64_t StableHash(std::uint64_t seed, std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325U ^ seed;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  hash = (hash ^ (hash >> 30U)) * 0xbf58476d1ce4e5b9U;
  hash = (hash ^ (hash >> 27U)) * 0x94d049bb133111ebU;
  return hash ^ (hash >> 31U);
}

}  // namespace

AcceptanceRule AcceptanceRule::Always() {
  return {Kind::kAlways, 1};
}
AcceptanceRule AcceptanceRule::Never() {
  return {Kind::kNever, 0};
}
AcceptanceRule AcceptanceRule::WithProbability(double probability) {
  return {Kind::kProbability, probability};
}

absl::StatusOr<AcceptanceRule> AcceptanceRule::Parse(std::string_view text) {
  if (text == "available") return Available();
  if (text == "always") return Always();
  if (text == "never") return Never();
  constexpr std::string_view kPrefix = "prob=";
  if (text.starts_with(kPrefix)) {
    const std::string_view number = text.substr(kPrefix.size());
    double probability = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), probability);
    if (error == std::errc() && end == number.data() + number.size() && probability >= 0 &&
        probability <= 1) {
      return WithProbability(probability);
    }
    return absl::InvalidArgumentError(fmt::format("'{}' is not a probability from 0 to 1", number));
  }
  return absl::InvalidArgumentError(fmt::format("'{}' is none of available, always, never, prob=P", text));
}

bool AcceptanceRule::Accepts(std::uint64_t seed, std::string_view assignment_id,
                             const Courier* courier) const {
  switch (kind_) {
    case Kind::kAlways:
      return true;
    case Kind::kNever:
      return false;
    case Kind::kAvailable:
      return courier != nullptr && courier->availability == "available";
    case Kind::kProbability:
      break;
  }
  if (courier == nullptr) return false;
  const auto draw =
      static_cast<double>(StableHash(seed, assignment_id) >> 11U);  // 53 bits: exact in a double
  return std::ldexp(draw, -53) < probability_;
}

}  // namespace dispatchctl::mock
