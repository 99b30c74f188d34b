#include "transport/status_details.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace dispatchctl::internal {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

std::string Field(int number, const std::string& value) {
  return std::string(1, static_cast<char>(number << 3 | 2)) + static_cast<char>(value.size()) + value;
}

std::string Detail(const std::string& type, const std::string& value) {
  return Field(3, Field(1, type) + Field(2, value));
}

std::vector<std::pair<std::string, std::string>> DetailsFrom(const std::string& rich_status) {
  absl::Status status = absl::ResourceExhaustedError("slow down");
  AttachDetails(rich_status, status);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(status.message(), "slow down");
  std::vector<std::pair<std::string, std::string>> details;
  status.ForEachPayload([&](absl::string_view type, const absl::Cord& value) {
    details.emplace_back(std::string(type), std::string(value));
  });
  return details;
}

TEST(StatusDetails, ArePayloadsByTheirType) {
  const std::string code("\x08\x08", 2);
  const auto details = DetailsFrom(code + Field(2, "slow down") + Detail("t/A", "a") + Detail("t/B", ""));
  EXPECT_THAT(details, testing::UnorderedElementsAre(Pair("t/A", "a"), Pair("t/B", "")));
}

TEST(StatusDetails, OfOneTypeAreTheFirst) {
  EXPECT_THAT(DetailsFrom(Detail("t/A", "first") + Detail("t/A", "second")),
              ElementsAre(Pair("t/A", "first")));
}

TEST(StatusDetails, ThatCannotBeReadAreLeftOut) {
  EXPECT_THAT(DetailsFrom(""), IsEmpty());
  EXPECT_THAT(DetailsFrom("\xff\xff"), IsEmpty());
  EXPECT_THAT(DetailsFrom(Detail("", "nameless")), IsEmpty());
  EXPECT_THAT(DetailsFrom(Detail("t/A", "a") + "\x1a\x7f"), ElementsAre(Pair("t/A", "a"))) << "it is cut off";
  EXPECT_THAT(DetailsFrom(Field(3, "\xff") + Detail("t/A", "a")), ElementsAre(Pair("t/A", "a")));
}

TEST(StatusDetails, OfASuccessAreNone) {
  absl::Status status;
  AttachDetails(Detail("t/A", "a"), status);
  EXPECT_TRUE(status.ok());
}

}  // namespace
}  // namespace dispatchctl::internal
