#include "commands/lookup_feed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "temporary_directory.h"

namespace dispatchctl::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

class FakeLookup final : public BulkLookup {
 public:
  absl::Status TrySubmit(std::string_view courier_id, std::uint64_t tag) override {
    if (room == 0) return absl::Status(absl::StatusCode::kResourceExhausted, "");
    --room;
    ids.emplace_back(std::string(courier_id), tag);
    return absl::OkStatus();
  }
  absl::Status Submit(std::string_view /*courier_id*/, std::uint64_t /*tag*/) override {
    return absl::OkStatus();
  }
  void CloseSubmissions() override {}
  void Finish() override {}
  void Cancel() override {}

  std::size_t room = 1000;
  std::vector<std::pair<std::string, std::uint64_t>> ids;
};

class LookupFeedTest : public ::testing::Test {
 protected:
  std::string MakeFile(const std::string& name, const std::string& content) {
    std::string path = directory_.Write(name, content);
    paths_.push_back(path);
    return path;
  }

  Feed::Wants PumpAll() {
    if (!std::exchange(opened_, true)) {
      EXPECT_FALSE(files_.Open(paths_).has_value());
      feed_.Attach(lookup_);
    }
    Feed::Wants wants = feed_.Pump(false);
    for (int i = 0; i < 10'000 && wants == Feed::Wants::kInput; ++i) wants = feed_.Pump(true);
    return wants;
  }

  std::vector<std::string> Ids() const {
    std::vector<std::string> ids;
    for (const auto& [id, tag] : lookup_.ids) ids.push_back(id);
    return ids;
  }

  const TemporaryDirectory directory_;
  std::vector<LookupSource> sources_;
  std::vector<std::string> paths_;
  bool opened_ = false;
  InputFiles files_{100};
  FakeLookup lookup_;
  LookupFeed feed_{sources_, files_};
};

TEST_F(LookupFeedTest, KeepsTheOrderOfIdsAndFiles) {
  sources_ = {
      {"a", false}, {MakeFile("ids1", "b\r\n\nc"), true}, {"d", false}, {MakeFile("ids2", "e\n"), true}};
  EXPECT_EQ(PumpAll(), Feed::Wants::kEnd);
  EXPECT_THAT(Ids(), ElementsAre("a", "b", "c", "d", "e"));
}

TEST_F(LookupFeedTest, WaitsForRoomWithoutLosingIds) {
  sources_ = {{"a", false}, {MakeFile("ids1", "b\nc\n"), true}, {"d", false}};
  lookup_.room = 1;
  EXPECT_EQ(PumpAll(), Feed::Wants::kRoom);
  for (int i = 0; i < 3; ++i) {
    lookup_.room = 1;
    PumpAll();
  }
  EXPECT_THAT(lookup_.ids, ElementsAre(Pair("a", 1), Pair("b", 2), Pair("c", 3), Pair("d", 4)));
}

TEST_F(LookupFeedTest, JsonLinesGiveTheirId) {
  sources_ = {
      {MakeFile("ids1", "{\"courier_id\":\"a\",\"availability\":\"busy\"}\n{\"courierId\":\"b\"}\n"), true}};
  EXPECT_EQ(PumpAll(), Feed::Wants::kEnd);
  EXPECT_THAT(Ids(), ElementsAre("a", "b"));
}

TEST_F(LookupFeedTest, BadLinesKeepTheirPlaceAndTheirReason) {
  sources_ = {{MakeFile("ids1", "ok\n" + std::string(200, 'x') + "\nbad\xFF\n{broken\nnul" +
                                    std::string(1, '\0') + "\n"),
               true}};
  EXPECT_EQ(PumpAll(), Feed::Wants::kEnd);
  EXPECT_THAT(lookup_.ids, ElementsAre(Pair("ok", 1), Pair("", 2), Pair("", 3), Pair("", 4), Pair("", 5)));
  EXPECT_FALSE(feed_.TakeBadLine(1).has_value());
  EXPECT_THAT(feed_.TakeBadLine(2)->error.message, HasSubstr("ids1:2: line too long"));
  EXPECT_THAT(feed_.TakeBadLine(3)->error.message, HasSubstr("ids1:3: column 4: invalid UTF-8"));
  EXPECT_THAT(feed_.TakeBadLine(4)->error.message, HasSubstr("ids1:4: expected an id"));
  EXPECT_THAT(feed_.TakeBadLine(5)->error.message, HasSubstr("ids1:5: column 4: NUL"));
  EXPECT_FALSE(feed_.TakeBadLine(5).has_value());
}

}  // namespace
}  // namespace dispatchctl::cli
