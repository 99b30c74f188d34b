#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include "call/effective_options.h"
#include "call/hedge_budget.h"
#include "call/retry_budget.h"
#include "dispatchctl/fallback.h"
#include "dispatchctl/retry.h"
#include "dispatchctl/validation.h"
#include "endpoints/endpoint_pool.h"
#include "endpoints/random.h"
#include "observe/observation.h"
#include "transport/token_file.h"

namespace dispatchctl::internal {

// What the lookups of one client share. Thread-safe.
struct LookupEnvironment {
  LookupEnvironment(Metadata metadata, const RetryThrottling& throttling, std::uint64_t seed)
      : default_metadata(std::move(metadata)), retry_budget(throttling), random(seed) {}

  const Metadata default_metadata;  // in wire form
  EffectiveOptions default_options;
  std::shared_ptr<EndpointPool> pool;
  RetryBudget retry_budget;
  HedgeBudget hedge_budget;
  AtomicRandom random;
  std::shared_ptr<FallbackStore> fallback;   // null: none
  std::unique_ptr<TokenFile> token;          // null: none
  std::shared_ptr<Observation> observation;  // null: none
  std::atomic<std::uint64_t> in_flight{0};
};

}  // namespace dispatchctl::internal
