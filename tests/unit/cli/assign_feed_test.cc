#include "commands/assign_feed.h"

#include <dispatchctl/validation.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <vector>

#include "pipe.h"
#include "temporary_directory.h"

namespace dispatchctl::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

using TimePoint = AssignFeed::TimePoint;

// Has what an earlier run is said to have answered.
class FakeAnswered final : public Answered {
 public:
  Verdict TakeResult(std::string_view assignment_id) override {
    if (assignment_id == mismatch_id) return Verdict::kMismatch;
    return Take(ids, std::string(assignment_id));
  }
  Verdict TakeFailure(std::uint64_t line) override { return Take(lines, line); }
  void PassFailure(std::uint64_t line) override { Take(lines, line); }
  std::uint64_t left() const override { return ids.size() + lines.size(); }
  std::string mismatch() const override { return "out:1 answers something else"; }

  std::multiset<std::string> ids;
  std::multiset<std::uint64_t> lines;
  std::string mismatch_id;

 private:
  template <class Set, class Key>
  static Verdict Take(Set& set, const Key& key) {
    const auto found = set.find(key);
    if (found == set.end()) return Verdict::kNew;
    set.erase(found);
    return Verdict::kAnswered;
  }
};

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
    ASSERT_FALSE(files_.Open({directory_.Write("assign_feed", content)}).has_value());
  }

  static std::string Good(const std::string& id) {
    return R"({"assignment_id":")" + id + R"(","courier_id":"c","destination_zone":"z"})" + "\n";
  }

  // Made on first use, when the options are known.
  AssignFeed& feed() {
    if (!owned_feed_.has_value()) {
      results_.emplace(records_,
                       AssignResults::Options{
                           .ordered_window = options_.ordered ? std::optional(options_.window) : std::nullopt,
                           .on_room = [this] { ++room_; }});
      owned_feed_.emplace(
          AssignFeed::Options{
              .assign = options_,
              .answered = answered_.left() != 0 || !answered_.mismatch_id.empty() ? &answered_ : nullptr,
              .now = [this] { return now_; }},
          files_, records_, *results_, console_, finished_);
    }
    return *owned_feed_;
  }

  // Pumps until the feed wants something else than input, or ends.
  Feed::Wants PumpAll(bool with_stream = true) {
    if (with_stream) feed().Attach(stream_);
    Feed::Wants wants = feed().Pump(false);
    for (int i = 0; i < 10'000 && wants == Feed::Wants::kInput; ++i) wants = feed().Pump(true);
    return wants;
  }

  void Answer(const std::string& id, std::uint64_t line) {
    AssignmentOutcome outcome;
    outcome.result = {id, true};
    outcome.tag = LinePlace{.input = 0, .line = line}.Pack();
    results_->OnResult(std::move(outcome));
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
  FakeAnswered answered_;
  TimePoint now_{std::chrono::hours(1000)};
  int room_ = 0;
  std::optional<AssignResults> results_;
  std::optional<AssignFeed> owned_feed_;
};

TEST_F(AssignFeedTest, SendsWhatWasNotAnsweredBefore) {
  Input(Good("x") + Good("a") + Good("x") + Good("x") + Good("b"));
  answered_.ids = {"x", "x", "b", "elsewhere"};
  EXPECT_EQ(PumpAll(), Feed::Wants::kEnd);
  EXPECT_THAT(stream_.ids, ElementsAre("a", "x"));
  EXPECT_EQ(feed().answered_before(), 3U);
  EXPECT_EQ(answered_.left(), 1U);
}

TEST_F(AssignFeedTest, ALineReportedBeforeIsNotReportedAgain) {
  options_.bad_record = BadRecord::kReport;
  const std::string invalid = R"({"assignment_id":"x","courier_id":""})"
                              "\n";
  Input("{broken\n" + invalid + "{broken\n" + Good("x"));
  answered_.lines = {1, 2};
  answered_.ids = {"x"};
  EXPECT_EQ(PumpAll(), Feed::Wants::kEnd);
  EXPECT_THAT(stream_.ids, ::testing::IsEmpty());
  EXPECT_EQ(feed().reported(), 3U);
  EXPECT_EQ(feed().answered_before(), 3U);
  const std::string records = Records();
  EXPECT_THAT(records, HasSubstr("{\"line\":3,"));
  EXPECT_EQ(std::count(records.begin(), records.end(), '\n'), 1);
}

TEST_F(AssignFeedTest, ALineReportedBeforeAndSkippedNowIsUsedUp) {
  options_.bad_record = BadRecord::kSkip;
  Input("{broken\n");
  answered_.lines = {1};
  EXPECT_EQ(PumpAll(), Feed::Wants::kEnd);
  EXPECT_EQ(feed().skipped(), 1U);
  EXPECT_EQ(answered_.left(), 0U);
}

TEST_F(AssignFeedTest, AFileOfAnotherInputStopsItBeforeAnythingIsSent) {
  Input(Good("a") + Good("b"));
  answered_.mismatch_id = "a";
  EXPECT_EQ(PumpAll(), Feed::Wants::kEnd);
  EXPECT_THAT(stream_.ids, ::testing::IsEmpty());
  ASSERT_TRUE(feed().input_error().has_value());
  EXPECT_THAT(feed().input_error()->message, HasSubstr(":1: out:1 answers something else"));
}

TEST_F(AssignFeedTest, KeepsToTheRate) {
  options_.rate = 10.0;
  Input(Good("a") + Good("b") + Good("c"));
  EXPECT_EQ(PumpAll(), Feed::Wants::kTime);
  EXPECT_THAT(stream_.ids, ElementsAre("a"));
  EXPECT_EQ(feed().resume_time(), now_ + std::chrono::milliseconds(100));
  EXPECT_EQ(feed().Pump(false), Feed::Wants::kTime);
  now_ += std::chrono::milliseconds(100);
  EXPECT_EQ(feed().Pump(false), Feed::Wants::kTime);
  EXPECT_THAT(stream_.ids, ElementsAre("a", "b"));
}

TEST_F(AssignFeedTest, AFullWindowCostsNoTokenOfTheRate) {
  options_.rate = 10.0;
  Input(Good("a") + Good("b"));
  stream_.room = 0;
  EXPECT_EQ(PumpAll(), Feed::Wants::kRoom);
  stream_.room = 10;
  EXPECT_EQ(feed().Pump(false), Feed::Wants::kTime);
  EXPECT_THAT(stream_.ids, ElementsAre("a"));
}

TEST_F(AssignFeedTest, WhatWasAnsweredBeforeNeedsNoTokens) {
  options_.rate = 1.0;
  Input(Good("a") + Good("b") + Good("c"));
  answered_.ids = {"a", "b"};
  EXPECT_EQ(PumpAll(), Feed::Wants::kEnd);
  EXPECT_THAT(stream_.ids, ElementsAre("c"));
}

TEST_F(AssignFeedTest, OrderedResultsAndReportsComeInTheOrderOfTheInput) {
  options_.ordered = true;
  options_.window = 3;
  options_.bad_record = BadRecord::kReport;
  Input(Good("a") + "{broken\n" + Good("b") + Good("c"));
  EXPECT_EQ(PumpAll(), Feed::Wants::kRoom);
  EXPECT_THAT(stream_.ids, ElementsAre("a", "b"));
  Answer("b", 3);
  EXPECT_EQ(feed().Pump(false), Feed::Wants::kRoom);
  EXPECT_EQ(room_, 0);
  EXPECT_EQ(results_->held_back(), 2U);
  Answer("a", 1);
  EXPECT_EQ(room_, 1);
  EXPECT_EQ(PumpAll(), Feed::Wants::kEnd);
  Answer("c", 4);
  std::istringstream lines(Records());
  std::vector<std::string> ids;
  for (std::string line; std::getline(lines, line);) {
    const auto record = nlohmann::json::parse(line);
    ids.push_back(record.contains("error") ? "error" : record["assignment_id"].get<std::string>());
  }
  EXPECT_THAT(ids, ElementsAre("a", "error", "b", "c"));
}

TEST_F(AssignFeedTest, ASkippedLineHoldsNothingBack) {
  options_.ordered = true;
  options_.bad_record = BadRecord::kSkip;
  Input("{broken\n" + Good("") + Good("a"));
  EXPECT_EQ(PumpAll(), Feed::Wants::kEnd);
  EXPECT_EQ(feed().skipped(), 2U);
  Answer("a", 3);
  EXPECT_EQ(Records(), "{\"assignment_id\":\"a\",\"accepted\":true}\n");
}

TEST_F(AssignFeedTest, ReadsCsv) {
  Input("assignment_id,courier_id,destination_zone\na,c,z\n\"b\n\",c,z\nd,,z\n");
  EXPECT_EQ(PumpAll(), Feed::Wants::kEnd);
  EXPECT_THAT(stream_.ids, ElementsAre("a", "b\n"));
  EXPECT_THAT(stream_.lines, ElementsAre(2, 3));
  EXPECT_THAT(feed().input_error()->message, HasSubstr(":5: courier_id is empty"));
}

TEST_F(AssignFeedTest, ACsvHeaderThatMeansNothingStopsItWhateverIsDoneWithBadLines) {
  options_.bad_record = BadRecord::kSkip;
  options_.input_format = InputFormat::kCsv;
  Input("a,b\nc,d\n");
  EXPECT_EQ(PumpAll(), Feed::Wants::kEnd);
  ASSERT_TRUE(feed().input_error().has_value());
  EXPECT_THAT(feed().input_error()->message, HasSubstr(":1: unknown column \"a\""));
}

TEST_F(AssignFeedTest, HandsEveryLineInWithItsNumber) {
  Input(Good("a-1") + "\n  \n" + Good("a-2") + Good("a-3"));
  EXPECT_EQ(PumpAll(), Feed::Wants::kEnd);
  EXPECT_THAT(stream_.ids, ElementsAre("a-1", "a-2", "a-3"));
  EXPECT_THAT(stream_.lines, ElementsAre(1, 4, 5));
  EXPECT_EQ(feed().handed_in(), 3U);
  EXPECT_FALSE(feed().input_error().has_value());
}

TEST_F(AssignFeedTest, AFullWindowStopsTheReadingAndLosesNothing) {
  Input(Good("a-1") + Good("a-2") + Good("a-3"));
  stream_.room = 1;
  EXPECT_EQ(PumpAll(), Feed::Wants::kRoom);
  EXPECT_EQ(feed().Pump(false), Feed::Wants::kRoom);
  stream_.room = 1;
  EXPECT_EQ(feed().Pump(false), Feed::Wants::kRoom);
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
  ASSERT_TRUE(feed().input_error().has_value());
  EXPECT_THAT(feed().input_error()->message, HasSubstr("assign_feed:2: column 2:"));
  EXPECT_EQ(feed().input_error()->kind, ErrorKind::kInput);
}

TEST_F(AssignFeedTest, SkippingGoesOn) {
  options_.bad_record = BadRecord::kSkip;
  Input(Good("a-1") + "{broken\n" + Good("") + std::string(2000, 'x') + "\n" + Good("a-5"));
  EXPECT_EQ(PumpAll(), Feed::Wants::kEnd);
  EXPECT_THAT(stream_.ids, ElementsAre("a-1", "a-5"));
  EXPECT_EQ(feed().skipped(), 3U);
  EXPECT_EQ(Records(), "");
}

TEST_F(AssignFeedTest, ReportingSaysWhichLine) {
  options_.bad_record = BadRecord::kReport;
  Input("{broken\n" + Good("a-2") + R"({"assignment_id":"a-3","courier_id":""})" + "\n" +
        std::string(2000, 'x') + "\n");
  EXPECT_EQ(PumpAll(), Feed::Wants::kEnd);
  EXPECT_EQ(feed().reported(), 3U);
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
  EXPECT_TRUE(feed().HasUnsent());
}

TEST_F(AssignFeedTest, InputThatWasNeverReadCountsAsUnsent) {
  Input(Good("a-1"));
  EXPECT_TRUE(feed().HasUnsent());
}

TEST_F(AssignFeedTest, NothingIsUnsentAtTheEnd) {
  Input(Good("a-1"));
  EXPECT_EQ(PumpAll(), Feed::Wants::kEnd);
  EXPECT_FALSE(feed().HasUnsent());
}

TEST_F(AssignFeedTest, WithoutAStreamItOnlyChecks) {
  Input(Good("a-1") + R"({"assignment_id":"a-2","courier_id":""})" + "\n");
  EXPECT_EQ(PumpAll(/*with_stream=*/false), Feed::Wants::kEnd);
  EXPECT_EQ(feed().handed_in(), 1U);
  EXPECT_THAT(feed().input_error()->message, HasSubstr(":2: courier_id"));
  feed().CloseSubmissions();
  EXPECT_TRUE(finished_.load());
}

}  // namespace
}  // namespace dispatchctl::cli
