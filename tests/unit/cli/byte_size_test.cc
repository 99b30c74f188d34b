#include "config/byte_size.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <utility>

namespace dispatchctl::cli {
namespace {

TEST(ByteSize, ReadsBytesAndUnits) {
  const std::pair<std::string_view, std::size_t> good[] = {
      {"0", 0},          {"4096", 4096},       {"512B", 512},    {"64KiB", 65536},
      {"1MiB", 1048576}, {"1GiB", 1073741824}, {"10kB", 10'000}, {"2MB", 2'000'000}};
  for (const auto& [text, bytes] : good) {
    const auto size = ParseByteSize(text);
    ASSERT_TRUE(size.ok()) << text;
    EXPECT_EQ(*size, bytes) << text;
  }
}

TEST(ByteSize, RefusesEverythingElse) {
  for (const std::string_view text : {"", "MiB", "-1", "+1", "1.5MiB", "1 MiB", "1mib", "1K", "1kib", "0x10",
                                      "99999999999999999999", "99999999999GiB"}) {
    EXPECT_FALSE(ParseByteSize(text).ok()) << text;
  }
}

}  // namespace
}  // namespace dispatchctl::cli
