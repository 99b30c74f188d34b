#pragma once

#include <atomic>
#include <cstdint>

namespace dispatchctl::internal {

// Where decisions get their chance from. Implementations say whether threads may share them.
class RandomSource {
 public:
  RandomSource() = default;
  RandomSource(const RandomSource&) = delete;
  RandomSource& operator=(const RandomSource&) = delete;
  virtual ~RandomSource() = default;

  // Any 64-bit number, each as likely as the others.
  virtual std::uint64_t Next() = 0;

  // 0 to 1, 1 excluded.
  double Unit() { return static_cast<double>(Next() >> 11U) * 0x1.0p-53; }

  // 0 to `bound`, which is excluded; `bound` from 1 to 2^32.
  std::uint64_t Below(std::uint64_t bound) { return ((Next() >> 32U) * bound) >> 32U; }
};

// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014) over a counter that
// threads share. Thread-safe and lock-free; a sequence of one thread depends on nothing but the seed.
class AtomicRandom final : public RandomSource {
 public:
  explicit AtomicRandom(std::uint64_t seed) : state_(seed) {}

  std::uint64_t Next() override {
    std::uint64_t z = state_.fetch_add(kGoldenGamma, std::memory_order_relaxed) + kGoldenGamma;
    z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31U);
  }

 private:
  static constexpr std::uint64_t kGoldenGamma = 0x9E3779B97F4A7C15U;

  std::atomic<std::uint64_t> state_;
};

}  // namespace dispatchctl::internal
