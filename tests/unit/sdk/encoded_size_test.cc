#include "contract/encoded_size.h"

#include <gtest/gtest.h>

#include <string>

namespace dispatchctl::internal {
namespace {

TEST(EncodedSize, CountsWhatTheContractsEncodingTakes) {
  EXPECT_EQ(EncodedSize({"", "", ""}), 0U);
  EXPECT_EQ(EncodedSize({"a", "", ""}), 3U);
  EXPECT_EQ(EncodedSize({"a", "bc", "def"}), 3U + 4U + 5U);
  EXPECT_EQ(EncodedSize({std::string(127, 'a'), "", ""}), 129U);
  EXPECT_EQ(EncodedSize({std::string(128, 'a'), "", ""}), 131U);
  EXPECT_EQ(EncodedSize({std::string(16384, 'a'), "", ""}), 16388U);
}

}  // namespace
}  // namespace dispatchctl::internal
