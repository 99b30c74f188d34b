#pragma once

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <vector>

#include "checkpoint/answered.h"

namespace dispatchctl::cli {

/// How often each assignment has been answered, in at most 16 bytes for a line of the results file.
///
/// Ids are known by 96 bits of their hash (XXH3): among ten million answered and as many new ids, the odds
/// that one is taken for another are 1 in 10^15.
class AnsweredIndex final : public Answered {
 public:
  static constexpr std::size_t kBytesPerLine = 16;

  /// `seed` should be random: then nobody can make up ids that are taken for each other. Memory for `lines`
  /// lines is taken from `memory` at once.
  AnsweredIndex(std::size_t lines, std::uint64_t seed,
                std::pmr::memory_resource* memory = std::pmr::get_default_resource());

  /// Before Finish.
  void AddResult(std::string_view assignment_id);
  void AddFailure(std::uint64_t line);

  /// Before the first Take.
  void Finish();

  Verdict TakeResult(std::string_view assignment_id) override;
  Verdict TakeFailure(std::uint64_t line) override;
  void PassFailure(std::uint64_t line) override { TakeFailure(line); }
  std::uint64_t left() const override { return left_; }

 private:
  struct Entry {
    std::uint64_t high = 0;
    std::uint32_t low = 0;
    std::uint32_t count = 0;
  };
  static_assert(sizeof(Entry) == kBytesPerLine);

  static bool Before(const Entry& a, const Entry& b) {
    return a.high != b.high ? a.high < b.high : a.low < b.low;
  }
  Entry ResultKey(std::string_view assignment_id) const;
  Entry FailureKey(std::uint64_t line) const;
  void Add(Entry key);
  Verdict Take(const Entry& key);

  const std::uint64_t seed_;
  std::uint64_t left_ = 0;
  std::pmr::vector<Entry> entries_;  // in order after Finish
};

}  // namespace dispatchctl::cli
