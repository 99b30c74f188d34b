// What a breaker adds to each attempt: nanoseconds and allocations, on one thread and on sixteen. With more
// threads than cores, the CPU column is the cost of one operation.

#include <benchmark/benchmark.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <new>

#include "endpoints/circuit_breaker.h"

namespace {

// Of this thread: the benchmark's own threads come and go.
thread_local std::uint64_t allocations = 0;

void* Allocate(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size > 0 ? size : 1)) return memory;
  std::abort();
}

}  // namespace

void* operator new(std::size_t size) {
  return Allocate(size);
}
void* operator new[](std::size_t size) {
  return Allocate(size);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace dispatchctl::internal {
namespace {

using Time = CircuitBreaker::Time;

constexpr Time kStart{std::chrono::hours(1)};

double Middle() {
  return 0.5;
}

CircuitBreaker& Closed() {
  static CircuitBreaker breaker(CircuitBreakerOptions{}, kStart, Middle);
  return breaker;
}

CircuitBreaker& Open() {
  static CircuitBreaker breaker = [] {
    CircuitBreakerOptions options;
    options.open_timeout = std::chrono::hours(24 * 365);
    return CircuitBreaker(options, kStart, Middle);
  }();
  return breaker;
}

// Reports what is allocated between its construction and its end, per iteration.
class Allocations {
 public:
  explicit Allocations(benchmark::State& state) : state_(state), before_(allocations) {}
  Allocations(const Allocations&) = delete;
  Allocations& operator=(const Allocations&) = delete;
  ~Allocations() {
    state_.counters["allocations"] =
        benchmark::Counter(static_cast<double>(allocations - before_), benchmark::Counter::kAvgIterations);
  }

 private:
  benchmark::State& state_;
  const std::uint64_t before_;
};

// For scale: what it costs to ask for the two times that admission and verdict are told.
void Clock(benchmark::State& state) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(std::chrono::steady_clock::now());
    benchmark::DoNotOptimize(std::chrono::steady_clock::now());
  }
}

void AdmissionAndSuccess(benchmark::State& state) {
  CircuitBreaker& breaker = Closed();
  Time now = kStart;
  const Allocations counted(state);
  for (auto _ : state) {
    CircuitBreaker::Permit permit = breaker.Admit(now);
    permit.Done(Verdict::kSuccess, now);
    now += std::chrono::nanoseconds(100);  // so that buckets change as in life
  }
}

void AdmissionAndFailure(benchmark::State& state) {
  static CircuitBreaker breaker = [] {
    CircuitBreakerOptions options;
    options.ready_to_trip = [](const BreakerCounts&) { return false; };
    return CircuitBreaker(options, kStart, Middle);
  }();
  const Allocations counted(state);
  for (auto _ : state) breaker.Admit(kStart).Done(Verdict::kFailure, kStart);
}

void RefusalOfAnOpenBreaker(benchmark::State& state) {
  CircuitBreaker& breaker = Open();
  if (state.thread_index() == 0) {
    while (CircuitBreaker::Permit permit = breaker.Admit(kStart)) permit.Done(Verdict::kFailure, kStart);
  }
  const Allocations counted(state);
  for (auto _ : state) benchmark::DoNotOptimize(breaker.Admit(kStart).refusal());
}

void LookOfABalancer(benchmark::State& state) {
  const CircuitBreaker& breaker = Closed();
  const Allocations counted(state);
  for (auto _ : state) benchmark::DoNotOptimize(breaker.WouldAdmit(kStart));
}

BENCHMARK(Clock)->Threads(1);
BENCHMARK(AdmissionAndSuccess)->Threads(1)->Threads(16);
BENCHMARK(AdmissionAndFailure)->Threads(1)->Threads(16);
BENCHMARK(RefusalOfAnOpenBreaker)->Threads(1)->Threads(16);
BENCHMARK(LookOfABalancer)->Threads(1)->Threads(16);

}  // namespace
}  // namespace dispatchctl::internal

BENCHMARK_MAIN();
