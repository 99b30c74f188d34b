#include "endpoints/target.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dispatchctl::internal {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Target Parsed(std::string_view text) {
  auto target = ParseTarget(text);
  EXPECT_TRUE(target.ok()) << text << ": " << target.status();
  return target.ok() ? *std::move(target) : Target{};
}

std::string TargetError(std::string_view text) {
  const auto target = ParseTarget(text);
  EXPECT_EQ(target.status().code(), absl::StatusCode::kInvalidArgument) << text;
  return std::string(target.status().message());
}

EndpointAddress Ip(std::string uri, const std::string& name) {
  return {{std::move(uri), name}, name};
}

TEST(ParseTarget, LeavesANameToBeResolved) {
  for (const char* text :
       {"dispatch.example:443", "dns:///dispatch.example:443", "dns:dispatch.example:443"}) {
    const Target target = Parsed(text);
    EXPECT_THAT(target.names, ElementsAre(HostAndPort{"dispatch.example", 443})) << text;
    EXPECT_THAT(target.addresses, IsEmpty());
    EXPECT_FALSE(target.local);
  }
}

TEST(ParseTarget, TakesAddressesAsTheyStand) {
  EXPECT_THAT(Parsed("127.0.0.1:50051").addresses,
              ElementsAre(Ip("ipv4:127.0.0.1:50051", "127.0.0.1:50051")));
  EXPECT_THAT(Parsed("[::1]:50051").addresses, ElementsAre(Ip("ipv6:%5B::1%5D:50051", "[::1]:50051")));
  EXPECT_THAT(Parsed("dns:///10.0.0.1:1").addresses, ElementsAre(Ip("ipv4:10.0.0.1:1", "10.0.0.1:1")));
}

TEST(ParseTarget, TakesSeveralAddresses) {
  EXPECT_THAT(Parsed("ipv4:10.0.0.1:1,10.0.0.2:2").addresses,
              ElementsAre(Ip("ipv4:10.0.0.1:1", "10.0.0.1:1"), Ip("ipv4:10.0.0.2:2", "10.0.0.2:2")));
  EXPECT_THAT(Parsed("ipv6:[::1]:1,[::2]:2").addresses,
              ElementsAre(Ip("ipv6:%5B::1%5D:1", "[::1]:1"), Ip("ipv6:%5B::2%5D:2", "[::2]:2")));
  const Target mixed = Parsed("10.0.0.1:1,backup.example:2");
  EXPECT_THAT(mixed.addresses, ElementsAre(Ip("ipv4:10.0.0.1:1", "10.0.0.1:1")));
  EXPECT_THAT(mixed.names, ElementsAre(HostAndPort{"backup.example", 2}));
}

TEST(ParseTarget, TakesUnixSockets) {
  const EndpointAddress expected{{"unix:/run/dispatch.sock", "unix:/run/dispatch.sock"}, "localhost"};
  EXPECT_THAT(Parsed("unix:/run/dispatch.sock").addresses, ElementsAre(expected));
  EXPECT_THAT(Parsed("unix:///run/dispatch.sock").addresses, ElementsAre(expected));
  EXPECT_EQ(Parsed("unix:relative+path").addresses[0].address.uri, "unix:relative%2Bpath");
}

TEST(ParseTarget, PassesOtherSchemesToGrpc) {
  const EndpointAddress expected{{"xds:///dispatch", "xds:///dispatch"}, "dispatch"};
  EXPECT_THAT(Parsed("xds:///dispatch").addresses, ElementsAre(expected));
  EXPECT_EQ(Parsed("xds://authority/dispatch:80").addresses[0].authority, "dispatch:80");
  EXPECT_EQ(Parsed("other:///dispatch").addresses[0].authority, "");
}

TEST(ParseTarget, KnowsWhatStaysOnThisMachine) {
  for (const char* text : {"127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "localhost:1", "LocalHost:1", "unix:/x",
                           "ipv4:127.0.0.1:1,127.0.0.2:1", "localhost:1,127.0.0.1:2"}) {
    EXPECT_TRUE(Parsed(text).local) << text;
  }
  for (const char* text : {"10.0.0.1:1", "localhost.example:1", "127.0.0.1:1,10.0.0.1:1", "xds:///localhost",
                           "[::2]:1", "127.example:1"}) {
    EXPECT_FALSE(Parsed(text).local) << text;
  }
}

TEST(ParseTarget, SaysWhatIsWrong) {
  EXPECT_THAT(TargetError(""), HasSubstr("empty"));
  EXPECT_THAT(TargetError("dispatch.example"), HasSubstr("write host:port"));
  EXPECT_THAT(TargetError(":50051"), HasSubstr("no host"));
  EXPECT_THAT(TargetError("::1"), HasSubstr("brackets"));
  EXPECT_THAT(TargetError("[::1]"), HasSubstr("no port"));
  EXPECT_THAT(TargetError("[::1:50051"), HasSubstr("']'"));
  EXPECT_THAT(TargetError("[nonsense]:1"), HasSubstr("IPv6"));
  EXPECT_THAT(TargetError("unix:"), HasSubstr("unix:PATH"));
  EXPECT_THAT(TargetError("dns://8.8.8.8/h:1"), HasSubstr("not supported"));
  EXPECT_THAT(TargetError("ipv4:example.org:1"), HasSubstr("IPv4"));
  EXPECT_THAT(TargetError("ipv6:127.0.0.1:1"), HasSubstr("IPv6"));
  EXPECT_THAT(TargetError("a b:1"), HasSubstr("white space"));
  EXPECT_THAT(TargetError("a;b:1"), HasSubstr("host name"));
  for (const char* text : {"h:", "h:0", "h:65536", "h:1x", "h:-1", "h:999999", "h:1,"}) TargetError(text);
}

TEST(ParseTarget, QuotesTheTargetWithoutItsControlCharacters) {
  EXPECT_THAT(TargetError("evil\x1b[31m:1"), HasSubstr("\\x1b"));
}

}  // namespace
}  // namespace dispatchctl::internal
