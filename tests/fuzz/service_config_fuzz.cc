// gRPC service configs: what is accepted is within the bounds that gRFC A6 sets, and reads the same however
// it is written.

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "dispatchctl/service_config.h"
#include "fuzz_input.h"

using dispatchctl::ParseServiceConfig;
using dispatchctl::RetryPolicy;
using dispatchctl::ServiceConfig;
using dispatchctl::fuzz::AsText;
using dispatchctl::fuzz::Require;
using std::chrono::nanoseconds;

namespace {

void CheckRetry(const RetryPolicy& retry) {
  Require(retry.max_attempts >= 2 && retry.max_attempts <= 100, "attempts are bounded");
  Require(retry.initial_backoff > nanoseconds::zero() && retry.max_backoff > nanoseconds::zero(),
          "backoffs are positive");
  Require(retry.backoff_multiplier > 0, "the multiplier is positive");
  Require(!retry.retryable_codes.empty(), "some code is retried");
  for (const absl::StatusCode code : retry.retryable_codes) {
    Require(code > absl::StatusCode::kOk && code <= absl::StatusCode::kUnauthenticated, "codes are gRPC's");
    Require(std::count(retry.retryable_codes.begin(), retry.retryable_codes.end(), code) == 1,
            "each code is there once");
  }
}

bool Same(const ServiceConfig& a, const ServiceConfig& b) {
  if (a.retry.has_value() != b.retry.has_value() || a.throttling.has_value() != b.throttling.has_value())
    return false;
  if (a.retry &&
      (a.retry->max_attempts != b.retry->max_attempts ||
       a.retry->initial_backoff != b.retry->initial_backoff || a.retry->max_backoff != b.retry->max_backoff ||
       a.retry->retryable_codes != b.retry->retryable_codes))
    return false;
  return a.timeout == b.timeout && a.wait_for_ready == b.wait_for_ready &&
         a.load_balancing == b.load_balancing;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = AsText(data, size);
  const absl::StatusOr<ServiceConfig> config = ParseServiceConfig(text);
  if (!config.ok()) {
    Require(config.status().code() == absl::StatusCode::kInvalidArgument, "a bad config is INVALID_ARGUMENT");
    const std::string message(config.status().message());
    Require(!message.empty() &&
                std::all_of(message.begin(), message.end(), [](char c) { return c >= ' ' && c <= '~'; }),
            "an error can be shown");
    return 0;
  }
  if (config->timeout) Require(*config->timeout > nanoseconds::zero(), "the timeout is positive");
  if (config->retry) CheckRetry(*config->retry);
  if (config->throttling) {
    Require(config->throttling->max_tokens > 0 && config->throttling->max_tokens <= 1000,
            "tokens are bounded");
    Require(config->throttling->token_ratio > 0, "the ratio is positive");
  }
  // Sorts members and spaces them out.
  const absl::StatusOr<ServiceConfig> again = ParseServiceConfig(nlohmann::json::parse(text).dump(2));
  Require(again.ok() && Same(*config, *again), "a config reads the same however it is written");
  return 0;
}
