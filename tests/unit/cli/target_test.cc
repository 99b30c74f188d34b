#include "config/target.h"

#include <gtest/gtest.h>

namespace dispatchctl::cli {
namespace {

TEST(LocalTarget, LoopbackAndUnixSocketsAreLocal) {
  for (const std::string_view target :
       {"localhost:1", "LOCALHOST:1", "127.0.0.1:50051", "127.1.2.3:1", "[::1]:1", "dns:///localhost:1",
        "dns://8.8.8.8/localhost:1", "dns:localhost:1", "ipv4:127.0.0.1:1", "ipv4:127.0.0.1:1,127.0.0.1:2",
        "ipv6:[::1]:1", "unix:/run/dispatch.sock", "unix:relative", "127.0.0.1:1,localhost:2"}) {
    EXPECT_TRUE(IsLocalTarget(target)) << target;
  }
}

TEST(LocalTarget, EverythingElseIsNot) {
  for (const std::string_view target :
       {"", "example.com:443", "10.0.0.1:1", "[fe80::1]:1", "dns:///example.com:1",
        "ipv4:127.0.0.1:1,10.0.0.1:1", "xds:///dispatch", "127.example.com:1", "localhost.example.com:1",
        "localhost:1,example.com:1", "dns://127.0.0.1/example.com:1"}) {
    EXPECT_FALSE(IsLocalTarget(target)) << target;
  }
}

}  // namespace
}  // namespace dispatchctl::cli
