#include "commands/assign_feed.h"

#include <dispatchctl/validation.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <vector>

#include "pipe.h"
#include "temporary_directory.h"

namespace dispatchctl::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Takes what the contract allows, as long as there is room.
class FakeStream final : public AssignmentStream {
 public:
  absl::Status TrySubmit(AssignmentUpdate& update, std::uint64_t tag) override {
    if (ended) return absl::FailedPreconditionError("ended");
    if (absl::Status status = ValidateUpdate(update); !status.ok()) return status;
    if (room == 0) return absl::Status(absl::StatusCode::kResourceExhausted, "");
    --room;
    ids.push_back(update.assignment_id);
    lines.push_back(LinePlace::Unpack(tag).line);
    return absl::OkStatus();
  }
  absl::Status Submit(AssignmentUpdate /*update*/, std::uint64_t /*tag*/) override {
    return absl::OkStatus();
  }
  std::optional<AssignmentOutcome> Next() override { return std::nullopt; }
  void CloseSubmissions() override { closed = true; }
  absl::Status Finish() override { return absl::OkStatus(); }
  void Cancel() override {}
  std::vector<UnacknowledgedAssignment> Unacknowledged() const override { return {}; }
  StreamStatistics statistics() const override { return {}; }

  std::size_t room = 1000;
  bool ended = false;
  bool closed = false;
  std::vector<std::string> ids;
  std::vector<std::uint64_t> lines;
};

class AssignFeedTest : public ::testing::Test {
 protected:
  void Input(const std::string& content) {
    ASSERT_FALSE(files_.Open({directory_.Write("assign_feed.ndjson", content)}).has_value());
  }

  static std::string Good(const std::string& id) {
    return R"({"assignment_id":")" + id + R"(","courier_id":"c","destination_zone":"z"})" + "\n";
  }

  // Pumps until the feed wants something else than input, or ends.
  Feed::Wants PumpAll(bool with_stream = true) {
    if (with_stream) feed_.Attach(stream_);
    Feed::Wants wants = feed_.Pump(false);
    for (int i = 0; i < 10'000 && wants == Feed::Wants::kInput; ++i) wants = feed_.Pump(true);
    return wants;
  }

  std::string Records() {
    records_.Finish();
    output_.writer = UniqueFd();
    return output_.Drain();
  }

  const TemporaryDirectory directory_;
  AssignOptions options_;
  InputFiles files_{1024};
  Pipe output_;
  RecordStream records_{output_.writer.get(), MakeNdjsonFormat()};
  Console console_{/*quiet=*/true, 0};
  std::atomic<bool> finished_{false};
  FakeStream stream_;
  AssignFeed feed_{options_, files_, records_, console_, -1, finished_};
};

TEST_F(AssignFeedTest, HandsEveryLineInWithItsNumber) {
  Input(Good("a-1") + "\n  \n" + Good("a-2") + Good("a-3"));
  EXPECT_EQ(PumpAll(), Feed::Wants::kEnd);
  EXPECT_THAT(stream_.ids, ElementsAre("a-1", "a-2", "a-3"));
  EXPECT_THAT(stream_.lines, ElementsAre(1, 4, 5));
  EXPECT_EQ(feed_.handed_in(), 3U);
  EXPECT_FALSE(feed_.input_error().has_value());
}

TEST_F(AssignFeedTest, AFullWindowStopsTheReadingAndLosesNothing) {
  Input(Good("a-1") + Good("a-2") + Good("a-3"));
  stream_.room = 1;
  EXPECT_EQ(PumpAll(), Feed::Wants::kRoom);
  EXPECT_EQ(feed_.Pump(false), Feed::Wants::kRoom);
  stream_.room = 1;
  EXPECT_EQ(feed_.Pump(false), Feed::Wants::kRoom);
  EXPECT_THAT(stream_.ids, ElementsAre("a-1", "a-2"));
  stream_.room = 10;
  EXPECT_EQ(PumpAll(), Feed::Wants::kEnd);
  EXPECT_THAT(stream_.ids, ElementsAre("a-1", "a-2", "a-3"));
  EXPECT_THAT(stream_.lines, ElementsAre(1, 2, 3));
}

TEST_F(AssignFeedTest, ABadLineStopsIt) {
  Input(Good("a-1") + "{broken\n" + Good("a-3"));
  EXPECT_EQ(PumpAll(), Feed::Wants::kEnd);
  EXPECT_THAT(stream_.ids, ElementsAre("a-1"));
  ASSERT_TRUE(feed_.input_error().has_value());
  EXPECT_THAT(feed_.input_error()->message, HasSubstr("assign_feed.ndjson:2: column 2:"));
  EXPECT_EQ(feed_.input_error()->kind, ErrorKind::kInput);
}

TEST_F(AssignFeedTest, SkippingGoesOn) {
  options_.bad_record = BadRecord::kSkip;
  Input(Good("a-1") + "{broken\n" + Good("") + std::string(2000, 'x') + "\n" + Good("a-5"));
  EXPECT_EQ(PumpAll(), Feed::Wants::kEnd);
  EXPECT_THAT(stream_.ids, ElementsAre("a-1", "a-5"));
  EXPECT_EQ(feed_.skipped(), 3U);
  EXPECT_EQ(Records(), "");
}

TEST_F(AssignFeedTest, ReportingSaysWhichLine) {
  options_.bad_record = BadRecord::kReport;
  Input("{broken\n" + Good("a-2") + R"({"assignment_id":"a-3","courier_id":""})" + "\n" +
        std::string(2000, 'x') + "\n");
  EXPECT_EQ(PumpAll(), Feed::Wants::kEnd);
  EXPECT_EQ(feed_.reported(), 3U);
  std::istringstream lines(Records());
  std::string line;
  std::getline(lines, line);
  const auto broken = nlohmann::json::parse(line);
  EXPECT_EQ(broken.size(), 2U);
  EXPECT_EQ(broken["line"], 1);
  EXPECT_EQ(broken["error"]["kind"], "input");
  std::getline(lines, line);
  const auto invalid = nlohmann::json::parse(line);
  EXPECT_EQ(invalid["assignment_id"], "a-3");
  EXPECT_EQ(invalid["line"], 3);
  EXPECT_THAT(invalid["error"]["message"].get<std::string>(), HasSubstr("courier_id"));
  std::getline(lines, line);
  EXPECT_EQ(nlohmann::json::parse(line)["line"], 4);
}

TEST_F(AssignFeedTest, AStreamThatHasEndedLeavesInputUnsent) {
  Input(Good("a-1"));
  stream_.ended = true;
  EXPECT_EQ(PumpAll(), Feed::Wants::kRoom);
  EXPECT_TRUE(feed_.HasUnsent());
}

TEST_F(AssignFeedTest, InputThatWasNeverReadCountsAsUnsent) {
  Input(Good("a-1"));
  EXPECT_TRUE(feed_.HasUnsent());
}

TEST_F(AssignFeedTest, NothingIsUnsentAtTheEnd) {
  Input(Good("a-1"));
  EXPECT_EQ(PumpAll(), Feed::Wants::kEnd);
  EXPECT_FALSE(feed_.HasUnsent());
}

TEST_F(AssignFeedTest, WithoutAStreamItOnlyChecks) {
  Input(Good("a-1") + R"({"assignment_id":"a-2","courier_id":""})" + "\n");
  EXPECT_EQ(PumpAll(/*with_stream=*/false), Feed::Wants::kEnd);
  EXPECT_EQ(feed_.handed_in(), 1U);
  EXPECT_THAT(feed_.input_error()->message, HasSubstr(":2: courier_id"));
  feed_.CloseSubmissions();
  EXPECT_TRUE(finished_.load());
}

}  // namespace
}  // namespace dispatchctl::cli
