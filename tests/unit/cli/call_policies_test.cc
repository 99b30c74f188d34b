#include "config/call_policies.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "temporary_directory.h"

namespace dispatchctl::cli {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

ServiceConfig Config() {
  ServiceConfig config;
  config.timeout = 3s;
  config.wait_for_ready = true;
  config.retry.emplace();
  config.retry->max_attempts = 7;
  config.retry->initial_backoff = 11ms;
  config.throttling.emplace();
  config.throttling->max_tokens = 42;
  config.load_balancing = LoadBalancing::kLeastRequest;
  return config;
}

TEST(ApplyCallPolicies, LeavesTheSdksDefaultsAlone) {
  ClientOptions options;
  ApplyCallPolicies({}, {}, options);
  const CallOptions& call = options.call_defaults;
  EXPECT_FALSE(call.total_timeout.has_value());
  EXPECT_FALSE(call.attempt_timeout.has_value());
  EXPECT_FALSE(call.wait_for_ready.has_value());
  EXPECT_FALSE(call.retry.has_value());
  EXPECT_FALSE(call.hedging.has_value());
  EXPECT_EQ(options.load_balancing, ClientOptions{}.load_balancing);
  EXPECT_FALSE(options.fallback.stale_if_error.has_value());
}

TEST(ApplyCallPolicies, TakesTheServiceConfig) {
  ClientOptions options;
  ApplyCallPolicies({}, Config(), options);
  EXPECT_EQ(options.call_defaults.total_timeout, 3s);
  EXPECT_EQ(options.call_defaults.wait_for_ready, true);
  EXPECT_EQ(options.call_defaults.retry->max_attempts, 7);
  EXPECT_EQ(options.throttling.max_tokens, 42);
  EXPECT_EQ(options.load_balancing, LoadBalancing::kLeastRequest);
}

TEST(ApplyCallPolicies, OptionsBeatTheServiceConfig) {
  GlobalOptions global;
  global.timeout = 1s;
  global.attempt_timeout = 100ms;
  global.max_attempts = 2;
  global.wait_for_ready = false;
  global.load_balancing = LoadBalancing::kRingHash;
  global.hedge = HedgingPolicy{.mode = HedgingMode::kFixed, .delay = 5ms};
  global.stale_if_error = 1h;
  ClientOptions options;
  ApplyCallPolicies(global, Config(), options);
  const CallOptions& call = options.call_defaults;
  EXPECT_EQ(call.total_timeout, 1s);
  EXPECT_EQ(call.attempt_timeout, 100ms);
  EXPECT_EQ(call.wait_for_ready, false);
  EXPECT_EQ(call.retry->max_attempts, 2);
  // The rest of the policy stays the file's.
  EXPECT_EQ(call.retry->initial_backoff, 11ms);
  EXPECT_EQ(call.hedging->mode, HedgingMode::kFixed);
  EXPECT_EQ(call.hedging->delay, 5ms);
  EXPECT_EQ(options.load_balancing, LoadBalancing::kRingHash);
  EXPECT_EQ(options.fallback.stale_if_error, 1h);
}

TEST(ApplyCallPolicies, AttemptsAloneKeepTheSdksPolicy) {
  GlobalOptions global;
  global.max_attempts = 1;
  ClientOptions options;
  ApplyCallPolicies(global, {}, options);
  EXPECT_EQ(options.call_defaults.retry->max_attempts, 1);
  EXPECT_EQ(options.call_defaults.retry->initial_backoff, RetryPolicy{}.initial_backoff);
}

TEST(ReadServiceConfig, NamesTheFileAndTheMember) {
  const TemporaryDirectory directory;
  const auto good = ReadServiceConfig(directory.Write("good", R"({"loadBalancingPolicy":"pick_first"})"));
  ASSERT_TRUE(good.ok()) << good.status();
  EXPECT_EQ(good->load_balancing, LoadBalancing::kPickFirst);

  const auto bad = ReadServiceConfig(directory.Write("bad", R"({"retryThrottling":{"maxTokens":-1}})"));
  EXPECT_EQ(bad.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(bad.status().message()), HasSubstr(directory.Path("bad") + ": retryThrottling"));

  const auto missing = ReadServiceConfig(directory.Path("missing"));
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(missing.status().message()), HasSubstr("missing: No such file"));
}

}  // namespace
}  // namespace dispatchctl::cli
