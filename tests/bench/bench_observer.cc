// What an observer costs a call: without one, the tests of a pointer; with one, all that the library does to
// tell it of a call with one attempt, which sends a traceparent.
#include <benchmark/benchmark.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "observe/observation.h"

namespace {

using dispatchctl::AttemptEnded;
using dispatchctl::AttemptStarted;
using dispatchctl::CallEnded;
using dispatchctl::CallObserver;
using dispatchctl::CallReport;
using dispatchctl::CallStarted;
using dispatchctl::Metadata;
using dispatchctl::Observer;
using dispatchctl::TraceContext;
using dispatchctl::internal::Observation;
using dispatchctl::internal::ObservedCall;

class CountingObserver final : public Observer {
 public:
  std::unique_ptr<CallObserver> OnCallStarted(const CallStarted&) override {
    class Call final : public CallObserver {
     public:
      explicit Call(CountingObserver& counts) : counts_(counts) {}
      void OnAttemptStarted(const AttemptStarted&,
                            std::vector<std::pair<std::string, std::string>>& headers) override {
        headers.emplace_back("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
      }
      void OnAttemptEnded(const AttemptEnded&) override { counts_.attempts_.fetch_add(1); }
      void OnEnded(const CallEnded&) override { counts_.calls_.fetch_add(1); }

     private:
      CountingObserver& counts_;
    };
    return std::make_unique<Call>(*this);
  }

 private:
  std::atomic<std::uint64_t> attempts_{0};
  std::atomic<std::uint64_t> calls_{0};
};

// As LookupCall does.
void Call(Observation* observation) {
  static const TraceContext kNone;
  static const Metadata kMetadata;
  static const absl::Status kOk;
  static const CallReport kReport;
  static const std::string kEndpoint = "127.0.0.1:50051";
  ObservedCall observed =
      ObservedCall::Start(observation, "dispatchpb.DispatchGateway/GetCourierStatus", kNone);
  benchmark::DoNotOptimize(observed);
  Metadata headers;
  if (observed) {
    headers = observed.OnAttemptStarted({.number = 1, .endpoint = kEndpoint}, kNone, kMetadata, kMetadata);
  }
  benchmark::DoNotOptimize(headers);
  if (observed) {
    observed.OnAttemptEnded(
        {.number = 1, .endpoint = kEndpoint, .status = kOk, .elapsed = std::chrono::microseconds(50)});
  }
  if (observed) observed.OnEnded({.status = kOk, .report = kReport});
}

void WithoutObserver(benchmark::State& state) {
  for (auto _ : state) Call(nullptr);
}
BENCHMARK(WithoutObserver);

void WithObserver(benchmark::State& state) {
  static Observation observation(std::make_shared<CountingObserver>(), "127.0.0.1:50051", nullptr);
  for (auto _ : state) Call(&observation);
}
BENCHMARK(WithObserver)->Threads(1)->Threads(2);

}  // namespace

BENCHMARK_MAIN();
