#include "dispatchctl/service_config.h"

#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace dispatchctl {
namespace {

using absl::StatusCode;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;
using testing::ElementsAre;

ServiceConfig Parse(std::string_view json) {
  absl::StatusOr<ServiceConfig> config = ParseServiceConfig(json);
  if (!config.ok()) {
    ADD_FAILURE() << config.status();
    return {};
  }
  return *std::move(config);
}

std::string ConfigError(std::string_view json) {
  const absl::StatusOr<ServiceConfig> config = ParseServiceConfig(json);
  EXPECT_EQ(config.status().code(), StatusCode::kInvalidArgument) << json;
  return std::string(config.status().message());
}

// A config for all lookups with these members besides the name.
std::string ForLookups(const std::string& members) {
  return absl::StrCat(R"({"methodConfig":[{"name":[{"service":"dispatchpb.DispatchGateway"}],)", members,
                      "}]}");
}

// A retry policy with one member in place of the usual one; an empty value leaves it out.
std::string Retrying(const std::string& member = "", const std::string& value = "") {
  std::string members;
  for (const auto& [name, usual] : std::initializer_list<std::pair<std::string, std::string>>{
           {"maxAttempts", "3"},
           {"initialBackoff", R"("0.1s")"},
           {"maxBackoff", R"("2s")"},
           {"backoffMultiplier", "1.5"},
           {"retryableStatusCodes", R"(["UNAVAILABLE"])"}}) {
    if (name == member && value.empty()) continue;
    if (!members.empty()) members += ",";
    absl::StrAppend(&members, "\"", name, "\":", name == member ? value : usual);
  }
  return ForLookups(absl::StrCat(R"("retryPolicy":{)", members, "}"));
}

TEST(ParseServiceConfig, ReadsWhatItKnows) {
  const ServiceConfig config = Parse(R"({
    "loadBalancingConfig": [{"round_robin": {}}],
    "methodConfig": [{
      "name": [{"service": "dispatchpb.DispatchGateway", "method": "GetCourierStatus"}],
      "waitForReady": true,
      "timeout": "1.5s",
      "maxRequestMessageBytes": 1000,
      "retryPolicy": {
        "maxAttempts": 4,
        "initialBackoff": "0.01s",
        "maxBackoff": "1s",
        "backoffMultiplier": 2,
        "retryableStatusCodes": ["UNAVAILABLE", "aborted", 8, "Unavailable"]
      }
    }],
    "retryThrottling": {"maxTokens": 100, "tokenRatio": 0.5},
    "healthCheckConfig": {"serviceName": "x"}
  })");
  EXPECT_EQ(config.timeout, milliseconds(1500));
  EXPECT_EQ(config.wait_for_ready, true);
  ASSERT_TRUE(config.retry.has_value());
  EXPECT_EQ(config.retry->max_attempts, 4);
  EXPECT_EQ(config.retry->initial_backoff, milliseconds(10));
  EXPECT_EQ(config.retry->max_backoff, seconds(1));
  EXPECT_EQ(config.retry->backoff_multiplier, 2);
  EXPECT_THAT(config.retry->retryable_codes,
              ElementsAre(StatusCode::kUnavailable, StatusCode::kAborted, StatusCode::kResourceExhausted));
  ASSERT_TRUE(config.throttling.has_value());
  EXPECT_EQ(config.throttling->max_tokens, 100);
  EXPECT_EQ(config.throttling->token_ratio, 0.5);
  EXPECT_EQ(config.throttling->min_concurrent, RetryThrottling{}.min_concurrent);
  EXPECT_EQ(config.throttling->max_concurrent_ratio, RetryThrottling{}.max_concurrent_ratio);
  EXPECT_EQ(config.load_balancing, LoadBalancing::kRoundRobin);
}

TEST(ParseServiceConfig, LeavesUnsetWhatIsNotSaid) {
  for (const char* json :
       {"{}", R"({"methodConfig":[]})",
        R"({"methodConfig":null,"retryThrottling":null,"loadBalancingConfig":null})",
        R"({"methodConfig":[{"name":[{}]}]})",
        R"({"methodConfig":[{"name":[{}],"timeout":null,"waitForReady":null,"retryPolicy":null}]})",
        R"({"unknown":[1,{"retryPolicy":2}]})"}) {
    const ServiceConfig config = Parse(json);
    EXPECT_FALSE(config.timeout.has_value()) << json;
    EXPECT_FALSE(config.wait_for_ready.has_value()) << json;
    EXPECT_FALSE(config.retry.has_value()) << json;
    EXPECT_FALSE(config.throttling.has_value()) << json;
    EXPECT_FALSE(config.load_balancing.has_value()) << json;
  }
}

TEST(ParseServiceConfig, TakesTheNameThatFitsBest) {
  constexpr const char* kMethod =
      R"({"name":[{"service":"dispatchpb.DispatchGateway","method":"GetCourierStatus"}],"timeout":"1s"})";
  constexpr const char* kService =
      R"({"name":[{"service":"dispatchpb.DispatchGateway"}],"timeout":"2s","waitForReady":true})";
  constexpr const char* kDefault = R"({"name":[{"service":"","method":""}],"timeout":"3s"})";
  constexpr const char* kOthers =
      R"({"name":[{"service":"other.Service"},{"service":"other.Service","method":"GetCourierStatus"},)"
      R"({"service":"dispatchpb.DispatchGateway","method":"StreamAssignments"}],"timeout":"4s"})";
  constexpr const char* kNameless = R"({"timeout":"5s"})";
  const auto timeout = [](std::initializer_list<const char*> configs) {
    std::string json;
    for (const char* config : configs) {
      if (!json.empty()) json += ',';
      json += config;
    }
    return Parse(absl::StrCat(R"({"methodConfig":[)", json, "]}")).timeout;
  };
  EXPECT_EQ(timeout({kMethod, kService, kDefault, kOthers, kNameless}), seconds(1));
  EXPECT_EQ(timeout({kOthers, kDefault, kService, kMethod}), seconds(1));
  EXPECT_EQ(timeout({kDefault, kService, kOthers}), seconds(2));
  EXPECT_EQ(timeout({kService, kDefault}), seconds(2));
  EXPECT_EQ(timeout({kOthers, kDefault}), seconds(3));
  EXPECT_EQ(timeout({kOthers, kNameless}), std::nullopt);
  // One entry counts, as a whole: nothing is taken over from a less specific one.
  EXPECT_EQ(Parse(absl::StrCat(R"({"methodConfig":[)", kMethod, ",", kService, "]}")).wait_for_ready,
            std::nullopt);
  EXPECT_EQ(
      Parse(
          R"({"methodConfig":[{"name":[{"service":"a"},{"service":"dispatchpb.DispatchGateway"},{"service":"b"}],"timeout":"6s"}]})")
          .timeout,
      seconds(6));
}

TEST(ParseServiceConfig, ReadsDurations) {
  const struct {
    const char* text;
    nanoseconds value;
  } kDurations[] = {
      {"1s", seconds(1)},
      {"0.5s", milliseconds(500)},
      {"1.000000001s", seconds(1) + nanoseconds(1)},
      {"0.000000001s", nanoseconds(1)},
      {"00012.340s", milliseconds(12'340)},
      {"9223372035s", seconds(9'223'372'035)},
  };
  for (const auto& duration : kDurations) {
    EXPECT_EQ(Parse(ForLookups(absl::StrCat(R"("timeout":")", duration.text, "\""))).timeout, duration.value);
  }
  for (const char* text : {"", "s", "1", "1ms", "1 s", " 1s", "+1s", "1.s", ".5s", "1.0000000001s", "1,5s",
                           "1e3s", "-s", "--1s", "1.-5s", "infs", "1.5.5s", "0x1s"}) {
    EXPECT_EQ(ConfigError(ForLookups(absl::StrCat(R"("timeout":")", text, "\""))),
              R"(methodConfig[0].timeout: is not a duration like "1.5s")")
        << text;
  }
  EXPECT_EQ(ConfigError(ForLookups(R"("timeout":5)")),
            R"(methodConfig[0].timeout: is not a duration like "1.5s")");
  for (const char* text : {"0s", "0.000s", "-1s", "-0.5s"}) {
    EXPECT_EQ(ConfigError(ForLookups(absl::StrCat(R"("timeout":")", text, "\""))),
              "methodConfig[0].timeout: is not greater than zero")
        << text;
  }
  for (const char* text : {"9223372036s", "315576000000s", "99999999999999999999999s"}) {
    EXPECT_EQ(ConfigError(ForLookups(absl::StrCat(R"("timeout":")", text, "\""))),
              "methodConfig[0].timeout: is more than 292 years")
        << text;
  }
}

TEST(ParseServiceConfig, CountsAttemptsToAHundredRatherThanFive) {
  const std::pair<const char*, int> kAttempts[] = {
      {"2", 2},     {"6", 6},       {"100", 100},
      {"101", 100}, {"\"7\"", 7},   {"4.0", 4},
      {"4e0", 4},   {"1e300", 100}, {"18446744073709551615", 100}};
  for (const auto& [text, attempts] : kAttempts) {
    EXPECT_EQ(Parse(Retrying("maxAttempts", text)).retry->max_attempts, attempts) << text;
  }
}

TEST(ParseServiceConfig, ReadsCodesByNameInAnyCaseOrByNumber) {
  constexpr const char* kNames[] = {
      "cancelled",      "Unknown",           "INVALID_ARGUMENT",   "deadline_exceeded",   "NOT_FOUND",
      "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED",
      "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "unavailable",         "DATA_LOSS",
      "unauthenticated"};
  int number = 0;
  for (const char* name : kNames) {
    ++number;
    const auto code = static_cast<StatusCode>(number);
    EXPECT_THAT(
        Parse(Retrying("retryableStatusCodes", absl::StrCat("[\"", name, "\"]"))).retry->retryable_codes,
        ElementsAre(code));
    EXPECT_THAT(
        Parse(Retrying("retryableStatusCodes", absl::StrCat("[", number, "]"))).retry->retryable_codes,
        ElementsAre(code));
  }
}

TEST(ParseServiceConfig, NamesTheMemberOfTheRetryPolicyThatIsWrong) {
  const struct {
    const char* member;
    const char* value;
    const char* error;
  } kWrong[] = {
      {"maxAttempts", "", "maxAttempts: is missing"},
      {"maxAttempts", "null", "maxAttempts: is missing"},
      {"maxAttempts", "1", "maxAttempts: is not a whole number greater than 1"},
      {"maxAttempts", "0", "maxAttempts: is not a whole number greater than 1"},
      {"maxAttempts", "-3", "maxAttempts: is not a whole number greater than 1"},
      {"maxAttempts", "2.5", "maxAttempts: is not a whole number greater than 1"},
      {"maxAttempts", "\"many\"", "maxAttempts: is not a number"},
      {"maxAttempts", "\"nan\"", "maxAttempts: is not a finite number"},
      {"maxAttempts", "true", "maxAttempts: is not a number"},
      {"initialBackoff", "", "initialBackoff: is missing"},
      {"initialBackoff", "0.1", "initialBackoff: is not a duration like \"1.5s\""},
      {"initialBackoff", "\"0s\"", "initialBackoff: is not greater than zero"},
      {"maxBackoff", "", "maxBackoff: is missing"},
      {"maxBackoff", "\"-1s\"", "maxBackoff: is not greater than zero"},
      {"backoffMultiplier", "", "backoffMultiplier: is missing"},
      {"backoffMultiplier", "0", "backoffMultiplier: is not greater than zero"},
      {"backoffMultiplier", "-1", "backoffMultiplier: is not greater than zero"},
      {"backoffMultiplier", "\"inf\"", "backoffMultiplier: is not a finite number"},
      {"backoffMultiplier", "[]", "backoffMultiplier: is not a number"},
      {"retryableStatusCodes", "", "retryableStatusCodes: is missing"},
      {"retryableStatusCodes", "[]", "retryableStatusCodes: is empty"},
      {"retryableStatusCodes", "\"UNAVAILABLE\"", "retryableStatusCodes: is not an array"},
      {"retryableStatusCodes", "[14,\"OK\"]", "retryableStatusCodes[1]: is OK, which is no failure to retry"},
      {"retryableStatusCodes", "[0]", "retryableStatusCodes[0]: is OK, which is no failure to retry"},
      {"retryableStatusCodes", "[17]",
       "retryableStatusCodes[0]: is not a status code, which is a name like UNAVAILABLE or a number from 1 "
       "to 16"},
      {"retryableStatusCodes", "[-1]",
       "retryableStatusCodes[0]: is not a status code, which is a name like UNAVAILABLE or a number from 1 "
       "to 16"},
      {"retryableStatusCodes", "[14.0]",
       "retryableStatusCodes[0]: is not a status code, which is a name like UNAVAILABLE or a number from 1 "
       "to 16"},
      {"retryableStatusCodes", "[\"UNAVAIL\"]",
       "retryableStatusCodes[0]: is not a status code, which is a name like UNAVAILABLE or a number from 1 "
       "to 16"},
      {"retryableStatusCodes", "[18446744073709551615]",
       "retryableStatusCodes[0]: is not a status code, which is a name like UNAVAILABLE or a number from 1 "
       "to 16"},
  };
  for (const auto& wrong : kWrong) {
    EXPECT_EQ(ConfigError(Retrying(wrong.member, wrong.value)),
              absl::StrCat("methodConfig[0].retryPolicy.", wrong.error));
  }
  EXPECT_EQ(ConfigError(ForLookups(R"("retryPolicy":[])")), "methodConfig[0].retryPolicy: is not an object");
  EXPECT_EQ(Parse(Retrying("backoffMultiplier", "\"1.25\"")).retry->backoff_multiplier, 1.25);
}

TEST(ParseServiceConfig, NamesWhatElseIsWrong) {
  const std::pair<const char*, const char*> kWrong[] = {
      {"[]", "a service config is a JSON object"},
      {"7", "a service config is a JSON object"},
      {R"({"methodConfig":{}})", "methodConfig: is not an array"},
      {R"({"methodConfig":[7]})", "methodConfig[0]: is not an object"},
      {R"({"methodConfig":[{"name":{}}]})", "methodConfig[0].name: is not an array"},
      {R"({"methodConfig":[{"name":[{},"x"]}]})", "methodConfig[0].name[1]: is not an object"},
      {R"({"methodConfig":[{"name":[{"service":1}]}]})", "methodConfig[0].name[0].service: is not a string"},
      {R"({"methodConfig":[{"name":[{"service":"a","method":[]}]}]})",
       "methodConfig[0].name[0].method: is not a string"},
      {R"({"methodConfig":[{"name":[{"method":"m"}]}]})",
       "methodConfig[0].name[0]: has a method but no service"},
      {R"({"methodConfig":[{"name":[{"service":"a"}]},{"name":[{"service":"b"},{"service":"a","method":""}]}]})",
       R"(methodConfig[1].name[1]: "a/" is named twice)"},
      {R"({"methodConfig":[{"name":[{}]},{"name":[{}]}]})", R"(methodConfig[1].name[0]: "/" is named twice)"},
      {R"({"methodConfig":[{"name":[{}],"waitForReady":"yes"}]})",
       "methodConfig[0].waitForReady: is neither true nor false"},
      {R"({"methodConfig":[{},{"name":[{"service":"other"}],"timeout":1}]})",
       R"(methodConfig[1].timeout: is not a duration like "1.5s")"},
      {R"({"methodConfig":[{"retryPolicy":{}}]})", "methodConfig[0].retryPolicy.maxAttempts: is missing"},
      {R"({"retryThrottling":[]})", "retryThrottling: is not an object"},
      {R"({"retryThrottling":{"tokenRatio":1}})", "retryThrottling.maxTokens: is missing"},
      {R"({"retryThrottling":{"maxTokens":10}})", "retryThrottling.tokenRatio: is missing"},
      {R"({"retryThrottling":{"maxTokens":0,"tokenRatio":1}})",
       "retryThrottling.maxTokens: is less than 0.001"},
      {R"({"retryThrottling":{"maxTokens":1000.5,"tokenRatio":1}})",
       "retryThrottling.maxTokens: is more than 1000"},
      {R"({"retryThrottling":{"maxTokens":10,"tokenRatio":0}})",
       "retryThrottling.tokenRatio: is less than 0.001"},
      {R"({"retryThrottling":{"maxTokens":10,"tokenRatio":-0.1}})",
       "retryThrottling.tokenRatio: is less than 0.001"},
      {R"({"retryThrottling":{"maxTokens":{},"tokenRatio":1}})",
       "retryThrottling.maxTokens: is not a number"},
      {R"({"loadBalancingConfig":{}})", "loadBalancingConfig: is not an array"},
      {R"({"loadBalancingConfig":[]})", "loadBalancingConfig: names no policy that is known"},
      {R"({"loadBalancingConfig":[{"grpclb":{}}]})", "loadBalancingConfig: names no policy that is known"},
      {R"({"loadBalancingConfig":["round_robin"]})",
       "loadBalancingConfig[0]: is not an object with one member"},
      {R"({"loadBalancingConfig":[{}]})", "loadBalancingConfig[0]: is not an object with one member"},
      {R"({"loadBalancingConfig":[{"a":{}},{"round_robin":{},"pick_first":{}}]})",
       "loadBalancingConfig[1]: is not an object with one member"},
      {R"({"loadBalancingConfig":[{"round_robin":1}]})",
       "loadBalancingConfig[0].round_robin: is not an object"},
      {R"({"loadBalancingConfig":[{"a\u0001":1}]})", R"(loadBalancingConfig[0].a\x01: is not an object)"},
      {R"({"loadBalancingPolicy":1})", "loadBalancingPolicy: is not a string"},
      {R"({"loadBalancingPolicy":"best"})", R"(loadBalancingPolicy: "best" is not a policy that is known)"},
  };
  for (const auto& [json, error] : kWrong) EXPECT_EQ(ConfigError(json), error) << json;
}

TEST(ParseServiceConfig, TakesTokensToTheirBounds) {
  const ServiceConfig most = Parse(R"({"retryThrottling":{"maxTokens":1000,"tokenRatio":7}})");
  EXPECT_EQ(most.throttling->max_tokens, 1000);
  EXPECT_EQ(most.throttling->token_ratio, 7);
  EXPECT_EQ(Parse(R"({"retryThrottling":{"maxTokens":"0.001","tokenRatio":0.001}})").throttling->max_tokens,
            0.001);
}

TEST(ParseServiceConfig, TakesTheFirstBalancingPolicyThatIsKnown) {
  const std::pair<const char*, LoadBalancing> kPolicies[] = {
      {R"({"loadBalancingConfig":[{"xds_wrr_locality_experimental":{}},{"pick_first":{"shuffleAddressList":true}},{"round_robin":{}}]})",
       LoadBalancing::kPickFirst},
      {R"({"loadBalancingConfig":[{"round_robin":{}},{"pick_first":{}}]})", LoadBalancing::kRoundRobin},
      {R"({"loadBalancingConfig":[{"weighted_round_robin":{}}]})", LoadBalancing::kWeightedRoundRobin},
      {R"({"loadBalancingConfig":[{"least_request_experimental":{"choiceCount":2}}]})",
       LoadBalancing::kLeastRequest},
      {R"({"loadBalancingConfig":[{"least_request":{}}]})", LoadBalancing::kLeastRequest},
      {R"({"loadBalancingConfig":[{"ring_hash_experimental":{"minRingSize":10}}]})",
       LoadBalancing::kRingHash},
      {R"({"loadBalancingConfig":[{"ring_hash":{}}]})", LoadBalancing::kRingHash},
      {R"({"loadBalancingPolicy":"pick_first"})", LoadBalancing::kPickFirst},
      {R"({"loadBalancingPolicy":"ROUND_ROBIN"})", LoadBalancing::kRoundRobin},
      {R"({"loadBalancingPolicy":"pick_first","loadBalancingConfig":[{"ring_hash":{}}]})",
       LoadBalancing::kRingHash},
  };
  for (const auto& [json, policy] : kPolicies) EXPECT_EQ(Parse(json).load_balancing, policy) << json;
}

TEST(ParseServiceConfig, RefusesMembersGivenTwice) {
  const std::pair<const char*, const char*> kTwice[] = {
      {R"({"methodConfig":[],"methodConfig":[]})", "methodConfig: is given twice"},
      {R"({"methodConfig":[{"name":[]},{"name":[{"service":"a","service":"b"}]}]})",
       "methodConfig[1].name[0].service: is given twice"},
      {R"({"a":[1,[],{"b":{}},{"c":1,"d":{"e":[],"e":1}}]})", "a[3].d.e: is given twice"},
      {R"({"a":{"x":1},"b":{"x":1,"y":2,"x":3}})", "b.x: is given twice"},
      {R"({"a\u0007\"b":1,"a\u0007\"b":1})", R"(a\x07\"b: is given twice)"},
  };
  for (const auto& [json, error] : kTwice) EXPECT_EQ(ConfigError(json), error) << json;
  EXPECT_FALSE(Parse(R"({"a":{"x":1},"b":{"x":1},"c":[{"x":1},{"x":1}]})").timeout.has_value())
      << "the same name in two objects is fine";
}

TEST(ParseServiceConfig, SaysWhereBrokenJsonBreaks) {
  const std::pair<std::string, const char*> kBroken[] = {
      {"", "line 1, column 1: syntax error"},
      {"   ", "line 1, column 4: syntax error"},
      {"{", "line 1, column 2: syntax error"},
      {"{\n  \"timeout\": tru\n}", "line 2, column 17: syntax error"},
      {"{\n\n  \"a\": 1,\n}", "line 4, column 1: syntax error"},
      {"{} {}", "line 1, column 4: syntax error"},
      {"{'a': 1}", "line 1, column 2: syntax error"},
      {"{\"a\": 1e999}", "line 1, column 11: number overflow"},
      {"{\"a\": \"\xff\"}", "line 1, column 8: syntax error"},
      {"{\"a\": NaN}", "line 1, column 7: syntax error"},
      {"{\"a\": 1 /* one */}", "line 1, column 9: syntax error"},
      {std::string("{\"a\":\0 1}", 9), "line 1, column 6: syntax error"},
  };
  for (const auto& [json, error] : kBroken) {
    const std::string message = ConfigError(json);
    EXPECT_EQ(message.rfind(error, 0), 0U) << message << "\nfor " << json;
    for (char c : message) EXPECT_TRUE(c >= 0x20 && c <= 0x7E) << message;
    EXPECT_EQ(message.find("json.exception"), std::string::npos) << message;
  }
}

TEST(ParseServiceConfig, NeverRepeatsALongTextThatBreaksIt) {
  EXPECT_LT(ConfigError(absl::StrCat("{\"a\": ", std::string(100'000, 'x'))).size(), 300U);
  EXPECT_LT(ConfigError(absl::StrCat("{\"a\": \"", std::string(100'000, 'x'))).size(), 300U);
}

TEST(ParseServiceConfig, SurvivesDeepNesting) {
  const std::string deep = absl::StrCat("{\"a\":", std::string(100'000, '['), std::string(100'000, ']'), "}");
  EXPECT_FALSE(Parse(deep).timeout.has_value());
}

}  // namespace
}  // namespace dispatchctl
