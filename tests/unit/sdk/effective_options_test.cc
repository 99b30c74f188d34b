#include "call/effective_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <type_traits>
#include <utility>

namespace dispatchctl::internal {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

EffectiveOptions DefaultsOf(const CallOptions& call_defaults) {
  ClientOptions options;
  options.call_defaults = call_defaults;
  return internal::DefaultsOf(options);
}

TEST(Resolve, PrefersTheCallThenTheClientThenTheBuiltIn) {
  CallOptions none;
  CallOptions client;
  client.total_timeout = seconds(3);
  client.attempt_timeout = seconds(1);
  client.wait_for_ready = true;
  CallOptions call;
  call.total_timeout = seconds(2);
  call.wait_for_ready = false;

  const EffectiveOptions built_in;
  const EffectiveOptions of_client = DefaultsOf(client);
  EXPECT_EQ(Resolve(none, built_in)->total_timeout, kDefaultTotalTimeout);
  EXPECT_FALSE(Resolve(none, built_in)->attempt_timeout.has_value());
  EXPECT_EQ(Resolve(none, of_client)->total_timeout, seconds(3));
  EXPECT_TRUE(Resolve(none, of_client)->wait_for_ready);
  EXPECT_EQ(Resolve(call, of_client)->total_timeout, seconds(2));
  EXPECT_EQ(Resolve(call, of_client)->attempt_timeout, seconds(1));
  EXPECT_FALSE(Resolve(call, of_client)->wait_for_ready);
}

TEST(Resolve, RefusesTimeoutsThatAreNotPositive) {
  CallOptions call;
  call.total_timeout = seconds(0);
  EXPECT_THAT(std::string(Resolve(call, {}).status().message()), HasSubstr("total_timeout"));
  call = {};
  call.attempt_timeout = seconds(-1);
  EXPECT_THAT(std::string(Resolve(call, {}).status().message()), HasSubstr("attempt_timeout"));
}

TEST(Resolve, PutsMetadataIntoWireForm) {
  CallOptions call;
  call.metadata = {{"X-Tenant", "blue"}};
  EXPECT_THAT(Resolve(call, {})->metadata, ElementsAre(Pair("x-tenant", "blue")));
  call.metadata = {{"bad key", "v"}};
  EXPECT_EQ(Resolve(call, {}).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(Resolve, TakesEachPolicyWholeFromWhoSetsIt) {
  CallOptions client;
  client.retry = RetryPolicy{};
  client.retry->max_attempts = 7;
  client.retry->retryable_codes = {absl::StatusCode::kAborted};
  client.hedging = HedgingPolicy{};
  client.hedging->mode = HedgingMode::kAutomatic;
  client.hedging->max_hedges = 3;
  client.stale_if_error = seconds(30);
  CallOptions call;
  call.retry = RetryPolicy{};
  call.retry->initial_backoff = milliseconds(1);
  call.hedging = HedgingPolicy{};
  call.hedging->mode = HedgingMode::kFixed;
  call.hedging->delay = milliseconds(5);
  call.stale_if_error = seconds(1);

  const EffectiveOptions built_in = DefaultsOf(CallOptions{});
  EXPECT_EQ(built_in.retry.max_attempts, RetryPolicy{}.max_attempts);
  EXPECT_EQ(built_in.retry.retryable_codes, CodeBit(absl::StatusCode::kUnavailable));
  EXPECT_EQ(built_in.hedging.mode, HedgingMode::kOff);
  EXPECT_FALSE(built_in.stale_if_error.has_value());

  const EffectiveOptions of_client = DefaultsOf(client);
  EXPECT_EQ(of_client.retry.max_attempts, 7);
  EXPECT_EQ(of_client.retry.retryable_codes, CodeBit(absl::StatusCode::kAborted));
  EXPECT_EQ(of_client.hedging.mode, HedgingMode::kAutomatic);
  EXPECT_EQ(of_client.hedging.max_hedges, 3);
  EXPECT_EQ(of_client.stale_if_error, seconds(30));

  const EffectiveOptions of_call = *Resolve(call, of_client);
  EXPECT_EQ(of_call.retry.max_attempts, RetryPolicy{}.max_attempts) << "not mixed with the client's";
  EXPECT_EQ(of_call.retry.initial_backoff, milliseconds(1));
  EXPECT_EQ(of_call.hedging.mode, HedgingMode::kFixed);
  EXPECT_EQ(of_call.hedging.delay, milliseconds(5));
  EXPECT_EQ(of_call.hedging.max_hedges, 1);
  EXPECT_EQ(of_call.stale_if_error, seconds(1));
}

TEST(Resolve, TakesTheTraceContextWholeFromWhoNamesATrace) {
  const TraceContext of_client = {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "vendor=1"};
  const TraceContext of_call = {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"};
  ClientOptions options;
  options.call_defaults.trace_context = of_client;
  const EffectiveOptions defaults = internal::DefaultsOf(options);
  EXPECT_EQ(Resolve({.total_timeout = seconds(1)}, defaults)->trace_context.tracestate, "vendor=1");
  EXPECT_EQ(Resolve({.trace_context = of_call}, defaults)->trace_context.traceparent, of_call.traceparent);
  EXPECT_EQ(Resolve({.trace_context = of_call}, defaults)->trace_context.tracestate, "");

  EXPECT_THAT(std::string(Resolve({.trace_context = {"00"}}, defaults).status().message()),
              testing::HasSubstr("traceparent"));
  options.call_defaults.trace_context.traceparent.clear();
  EXPECT_THAT(std::string(ValidateClientOptions(options).message()), testing::HasSubstr("tracestate"));
}

TEST(DefaultsOf, StandOnTheClientsOptions) {
  ClientOptions options;
  EXPECT_FALSE(internal::DefaultsOf(options).stale_if_error.has_value());
  EXPECT_EQ(internal::DefaultsOf(options).total_timeout, kDefaultTotalTimeout);
  options.fallback.stale_if_error = seconds(60);
  options.call_defaults.total_timeout = seconds(2);
  options.call_defaults.attempt_timeout = seconds(1);
  options.call_defaults.wait_for_ready = true;
  options.call_defaults.retry = RetryPolicy{};
  options.call_defaults.retry->max_attempts = 2;
  options.call_defaults.metadata = {{"x-tenant", "blue"}};
  const EffectiveOptions defaults = internal::DefaultsOf(options);
  const EffectiveOptions plain = *Resolve({}, defaults);
  EXPECT_EQ(plain.stale_if_error, seconds(60));
  EXPECT_EQ(plain.total_timeout, seconds(2));
  EXPECT_EQ(plain.attempt_timeout, seconds(1));
  EXPECT_TRUE(plain.wait_for_ready);
  EXPECT_EQ(plain.retry.max_attempts, 2);
  EXPECT_TRUE(plain.metadata.empty()) << "the client adds its own";

  CallOptions call;
  call.stale_if_error = seconds(5);
  call.wait_for_ready = false;
  call.metadata = {{"X-Zone", "1"}};
  const EffectiveOptions of_call = *Resolve(call, defaults);
  EXPECT_EQ(of_call.stale_if_error, seconds(5));
  EXPECT_FALSE(of_call.wait_for_ready);
  EXPECT_EQ(of_call.total_timeout, seconds(2));
  EXPECT_THAT(of_call.metadata, ElementsAre(Pair("x-zone", "1")));

  options.call_defaults.stale_if_error = seconds(20);
  EXPECT_EQ(internal::DefaultsOf(options).stale_if_error, seconds(20)) << "call_defaults before fallback";
}

// Copied for each call: nothing in it may allocate as long as a call has no metadata.
static_assert(std::is_trivially_copyable_v<CallRetryPolicy>);
static_assert(std::is_trivially_copyable_v<HedgingPolicy>);

TEST(DefaultsOf, CostACallNoMemory) {
  ClientOptions options;
  options.call_defaults.retry = RetryPolicy{};
  options.call_defaults.metadata = {{"x-tenant", "blue"}};
  const EffectiveOptions defaults = internal::DefaultsOf(options);
  EXPECT_EQ(defaults.metadata.capacity(), 0U);
  EXPECT_EQ(Resolve({}, defaults)->metadata.capacity(), 0U);
}

TEST(SetsNothing, IsTrueOnlyOfOptionsThatAreAllUnset) {
  EXPECT_TRUE(SetsNothing({}));
  using Setter = void (*)(CallOptions&);
  const Setter setters[] = {[](CallOptions& call) { call.total_timeout = seconds(1); },
                            [](CallOptions& call) { call.attempt_timeout = seconds(1); },
                            [](CallOptions& call) { call.wait_for_ready = false; },
                            [](CallOptions& call) { call.retry = RetryPolicy{}; },
                            [](CallOptions& call) { call.hedging = HedgingPolicy{}; },
                            [](CallOptions& call) { call.stale_if_error = seconds(1); },
                            [](CallOptions& call) {
                              call.metadata = {{"x-zone", "1"}};
                            },
                            [](CallOptions& call) { call.trace_context.traceparent = "00"; },
                            [](CallOptions& call) { call.trace_context.tracestate = "a=1"; }};
  for (const Setter set : setters) {
    CallOptions call;
    set(call);
    EXPECT_FALSE(SetsNothing(call)) << "option " << &set - setters;
  }
}

std::string ErrorOf(const ClientOptions& options) {
  const absl::Status status = ValidateClientOptions(options);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  return std::string(status.message());
}

TEST(ValidateClientOptions, NamesTheOption) {
  EXPECT_TRUE(ValidateClientOptions({}).ok());
  ClientOptions options;
  options.connect_timeout = milliseconds(99);
  EXPECT_THAT(ErrorOf(options), HasSubstr("connect_timeout"));
  options = {};
  options.keepalive_time = seconds(9);
  EXPECT_THAT(ErrorOf(options), HasSubstr("keepalive_time"));
  options = {};
  options.max_receive_bytes = 0;
  EXPECT_THAT(ErrorOf(options), HasSubstr("max_receive_bytes"));
  options = {};
  options.tls.certificate_file = "client.pem";
  EXPECT_THAT(ErrorOf(options), HasSubstr("private_key_file"));
  options = {};
  options.user_agent = "two\nlines";
  EXPECT_THAT(ErrorOf(options), HasSubstr("user_agent"));
  options = {};
  options.authority = "a b";
  EXPECT_THAT(ErrorOf(options), HasSubstr("authority"));
  options = {};
  options.call_defaults.total_timeout = seconds(0);
  EXPECT_THAT(ErrorOf(options), HasSubstr("total_timeout"));
}

constexpr double kNotANumber = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinite = std::numeric_limits<double>::infinity();

TEST(ValidateClientOptions, NamesThePolicysOption) {
  const std::pair<std::function<void(ClientOptions&)>, const char*> kWrong[] = {
      {[](ClientOptions& o) { o.resolve_interval = milliseconds(99); },
       "resolve_interval is less than 100 ms or more than 24 days"},
      {[](ClientOptions& o) { o.resolve_interval = milliseconds::max(); },
       "resolve_interval is less than 100 ms or more than 24 days"},
      {[](ClientOptions& o) { o.breaker.open_timeout_jitter = -0.1; },
       "breaker.open_timeout_jitter is not between 0 and 1"},
      {[](ClientOptions& o) { o.breaker.open_timeout_jitter = 1.1; },
       "breaker.open_timeout_jitter is not between 0 and 1"},
      {[](ClientOptions& o) { o.breaker.open_timeout_jitter = kNotANumber; },
       "breaker.open_timeout_jitter is not between 0 and 1"},
      {[](ClientOptions& o) { o.throttling.max_tokens = 0; },
       "throttling.max_tokens is not between 0.001 and 1000"},
      {[](ClientOptions& o) { o.throttling.max_tokens = 1001; },
       "throttling.max_tokens is not between 0.001 and 1000"},
      {[](ClientOptions& o) { o.throttling.token_ratio = 0; }, "throttling.token_ratio is less than 0.001"},
      {[](ClientOptions& o) { o.throttling.token_ratio = kInfinite; },
       "throttling.token_ratio is less than 0.001"},
      {[](ClientOptions& o) { o.throttling.min_concurrent = -1; },
       "throttling.min_concurrent is less than zero"},
      {[](ClientOptions& o) { o.throttling.max_concurrent_ratio = -0.1; },
       "throttling.max_concurrent_ratio is not between 0 and 1"},
      {[](ClientOptions& o) { o.throttling.max_concurrent_ratio = 1.1; },
       "throttling.max_concurrent_ratio is not between 0 and 1"},
      {[](ClientOptions& o) { o.fallback.stale_if_error = seconds(0); },
       "fallback.stale_if_error is not greater than zero"},
      {[](ClientOptions& o) { o.fallback.capacity = 0; }, "fallback.capacity is zero"},
      {[](ClientOptions& o) { o.call_defaults.stale_if_error = seconds(-1); },
       "stale_if_error is not greater than zero"},
  };
  for (const auto& [spoil, error] : kWrong) {
    ClientOptions options;
    spoil(options);
    EXPECT_EQ(ErrorOf(options), error);
  }
}

TEST(ValidateClientOptions, TakesThePoliciesToTheirBounds) {
  ClientOptions options;
  options.resolve_interval = milliseconds(100);
  options.breaker.open_timeout_jitter = 1;
  options.throttling = {1000, 5000, 0, 1};
  options.fallback.capacity = 1;
  options.fallback.stale_if_error = std::chrono::nanoseconds(1);
  EXPECT_TRUE(ValidateClientOptions(options).ok()) << ValidateClientOptions(options);
  options.breaker.open_timeout_jitter = 0;
  options.throttling = {0.001, 0.001, 0, 0};
  EXPECT_TRUE(ValidateClientOptions(options).ok()) << ValidateClientOptions(options);
}

// A call's own options and the client's defaults are held to the same.
TEST(CallPolicies, AreRefusedByTheNameOfTheOption) {
  const std::pair<std::function<void(RetryPolicy&)>, const char*> kRetries[] = {
      {[](RetryPolicy& p) { p.max_attempts = 0; }, "retry.max_attempts is not between 1 and 100"},
      {[](RetryPolicy& p) { p.max_attempts = 101; }, "retry.max_attempts is not between 1 and 100"},
      {[](RetryPolicy& p) { p.initial_backoff = milliseconds(0); },
       "retry.initial_backoff is not greater than zero"},
      {[](RetryPolicy& p) { p.max_backoff = milliseconds(0); }, "retry.max_backoff is not greater than zero"},
      {[](RetryPolicy& p) { p.backoff_multiplier = 0; }, "retry.backoff_multiplier is not greater than zero"},
      {[](RetryPolicy& p) { p.backoff_multiplier = kNotANumber; },
       "retry.backoff_multiplier is not greater than zero"},
      {[](RetryPolicy& p) { p.backoff_multiplier = kInfinite; },
       "retry.backoff_multiplier is not greater than zero"},
      {[](RetryPolicy& p) { p.retryable_codes.push_back(absl::StatusCode::kOk); },
       "retry.retryable_codes has 0, which is not the code of a failure"},
      {[](RetryPolicy& p) { p.retryable_codes = {static_cast<absl::StatusCode>(17)}; },
       "retry.retryable_codes has 17, which is not the code of a failure"},
  };
  const std::pair<std::function<void(HedgingPolicy&)>, const char*> kHedges[] = {
      {[](HedgingPolicy& p) { p.delay = milliseconds(-1); }, "hedging.delay is less than zero"},
      {[](HedgingPolicy& p) { p.max_hedges = 0; }, "hedging.max_hedges is not between 1 and 10"},
      {[](HedgingPolicy& p) { p.max_hedges = 11; }, "hedging.max_hedges is not between 1 and 10"},
      {[](HedgingPolicy& p) { p.max_ratio = -0.1; }, "hedging.max_ratio is not between 0 and 1"},
      {[](HedgingPolicy& p) { p.max_ratio = 1.1; }, "hedging.max_ratio is not between 0 and 1"},
      {[](HedgingPolicy& p) { p.max_ratio = kNotANumber; }, "hedging.max_ratio is not between 0 and 1"},
  };
  const auto expect_refused = [](const CallOptions& call, const char* error) {
    const absl::Status status = Resolve(call, EffectiveOptions{}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(std::string(status.message()), error);
    ClientOptions options;
    options.call_defaults = call;
    EXPECT_EQ(ErrorOf(options), error);
  };
  for (const auto& [spoil, error] : kRetries) {
    CallOptions call;
    spoil(call.retry.emplace());
    expect_refused(call, error);
  }
  for (const auto& [spoil, error] : kHedges) {
    CallOptions call;
    spoil(call.hedging.emplace());
    expect_refused(call, error);
  }
  CallOptions call;
  call.stale_if_error = seconds(0);
  expect_refused(call, "stale_if_error is not greater than zero");
}

TEST(CallPolicies, AreTakenToTheirBounds) {
  CallOptions call;
  RetryPolicy& retry = call.retry.emplace();
  retry.max_attempts = 100;
  retry.initial_backoff = retry.max_backoff = std::chrono::nanoseconds(1);
  retry.backoff_multiplier = 0.01;
  retry.retryable_codes.clear();
  HedgingPolicy& hedging = call.hedging.emplace();
  hedging.max_hedges = 10;
  hedging.max_ratio = 1;
  EXPECT_TRUE(Resolve(call, {}).ok());
  retry.max_attempts = 1;
  retry.retryable_codes = {absl::StatusCode::kUnauthenticated, absl::StatusCode::kCancelled};
  hedging.max_ratio = 0;
  EXPECT_TRUE(Resolve(call, {}).ok());
}

}  // namespace
}  // namespace dispatchctl::internal
