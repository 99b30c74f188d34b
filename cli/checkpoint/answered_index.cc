#include "checkpoint/answered_index.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>

namespace dispatchctl::cli {
namespace {

// Narrower than this, halving is as good as guessing.
constexpr std::size_t kGuessAbove = 32;

}  // namespace

AnsweredIndex::AnsweredIndex(std::size_t lines, std::uint64_t seed, std::pmr::memory_resource* memory)
    : seed_(seed), entries_(memory) {
  entries_.reserve(lines);
}

AnsweredIndex::Entry AnsweredIndex::ResultKey(std::string_view assignment_id) const {
  const XXH128_hash_t hash = XXH3_128bits_withSeed(assignment_id.data(), assignment_id.size(), seed_);
  return {.high = hash.high64, .low = static_cast<std::uint32_t>(hash.low64), .count = 1};
}

AnsweredIndex::Entry AnsweredIndex::FailureKey(std::uint64_t line) const {
  const XXH128_hash_t hash = XXH3_128bits_withSeed(&line, sizeof line, ~seed_);
  return {.high = hash.high64, .low = static_cast<std::uint32_t>(hash.low64), .count = 1};
}

void AnsweredIndex::Add(Entry key) {
  entries_.push_back(key);
  ++left_;
}

void AnsweredIndex::AddResult(std::string_view assignment_id) {
  Add(ResultKey(assignment_id));
}

void AnsweredIndex::AddFailure(std::uint64_t line) {
  Add(FailureKey(line));
}

void AnsweredIndex::Finish() {
  std::sort(entries_.begin(), entries_.end(), Before);
  auto merged = entries_.begin();
  for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
    if (merged != entry && !Before(*merged, *entry)) {
      ++merged->count;
    } else if (entry != entries_.begin()) {
      *++merged = *entry;
    }
  }
  if (!entries_.empty()) entries_.erase(merged + 1, entries_.end());
}

// Hashes are spread evenly, so that a hash's value tells about where it stands.
Answered::Verdict AnsweredIndex::Take(const Entry& key) {
  auto first = entries_.begin();
  auto last = entries_.end();
  while (static_cast<std::size_t>(last - first) > kGuessAbove) {
    const std::uint64_t lowest = first->high;
    const std::uint64_t highest = (last - 1)->high;
    if (key.high < lowest || key.high > highest) return Verdict::kNew;
    if (lowest == highest) break;
    const double share = static_cast<double>(key.high - lowest) / static_cast<double>(highest - lowest);
    const auto size = last - first;
    const auto guess = std::min(static_cast<std::ptrdiff_t>(share * static_cast<double>(size)), size - 1);
    // A step to the side of the guess mostly puts the key between two bounds.
    const auto margin = static_cast<std::ptrdiff_t>(kGuessAbove) / 4;
    const auto low = first + std::max<std::ptrdiff_t>(guess - margin, 0);
    const auto high = first + std::min<std::ptrdiff_t>(guess + margin, size - 1);
    if (Before(key, *low)) {
      last = low;
    } else if (Before(*high, key)) {
      first = high + 1;
    } else {
      first = low;
      last = high + 1;
    }
  }
  const auto found = std::lower_bound(first, last, key, Before);
  if (found == last || Before(key, *found) || found->count == 0) return Verdict::kNew;
  --found->count;
  --left_;
  return Verdict::kAnswered;
}

Answered::Verdict AnsweredIndex::TakeResult(std::string_view assignment_id) {
  return left_ == 0 ? Verdict::kNew : Take(ResultKey(assignment_id));
}

Answered::Verdict AnsweredIndex::TakeFailure(std::uint64_t line) {
  return left_ == 0 ? Verdict::kNew : Take(FailureKey(line));
}

}  // namespace dispatchctl::cli
