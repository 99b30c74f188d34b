#include "call/effective_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dispatchctl::internal {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

TEST(Resolve, PrefersTheCallThenTheClientThenTheBuiltIn) {
  CallOptions none;
  CallOptions client;
  client.total_timeout = seconds(3);
  client.attempt_timeout = seconds(1);
  client.wait_for_ready = true;
  CallOptions call;
  call.total_timeout = seconds(2);
  call.wait_for_ready = false;

  EXPECT_EQ(Resolve(none, none)->total_timeout, kDefaultTotalTimeout);
  EXPECT_FALSE(Resolve(none, none)->attempt_timeout.has_value());
  EXPECT_EQ(Resolve(none, client)->total_timeout, seconds(3));
  EXPECT_TRUE(Resolve(none, client)->wait_for_ready);
  EXPECT_EQ(Resolve(call, client)->total_timeout, seconds(2));
  EXPECT_EQ(Resolve(call, client)->attempt_timeout, seconds(1));
  EXPECT_FALSE(Resolve(call, client)->wait_for_ready);
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

}  // namespace
}  // namespace dispatchctl::internal
