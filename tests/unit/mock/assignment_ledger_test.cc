#include "mock-server/domain/assignment_ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace dispatchctl::mock {
namespace {

struct Line {
  std::string assignment_id;
  bool accepted;
  bool replay;

  friend bool operator==(const Line&, const Line&) = default;
};

class FakeJournal final : public AssignmentJournal {
 public:
  absl::Status Append(const JournalEntry& entry) override {
    const std::scoped_lock lock(mutex_);
    if (!failure.ok()) return failure;
    lines.push_back(
        {std::string(entry.update.assignment_id), entry.decision.accepted, entry.decision.replay});
    return absl::OkStatus();
  }
  absl::Status Commit() override { return failure; }

  absl::Status failure;
  std::vector<Line> lines;

 private:
  std::mutex mutex_;
};

AssignmentUpdate UpdateOf(std::string_view id) {
  return {.assignment_id = id, .courier_id = "c-1", .destination_zone = "z-1"};
}

TEST(AssignmentLedger, KnowsNothingOfANewId) {
  AssignmentLedger ledger(nullptr);
  EXPECT_EQ(ledger.Replay(UpdateOf("a-1"), "here").value(), std::nullopt);
}

TEST(AssignmentLedger, RepeatsTheDecisionTaken) {
  AssignmentLedger ledger(nullptr);
  EXPECT_FALSE(ledger.Record(UpdateOf("yes"), "here", true)->replay);
  EXPECT_FALSE(ledger.Record(UpdateOf("no"), "here", false)->replay);

  const Decision yes = ledger.Replay(UpdateOf("yes"), "here")->value();
  EXPECT_TRUE(yes.accepted);
  EXPECT_TRUE(yes.replay);
  const Decision no = ledger.Replay(UpdateOf("no"), "here")->value();
  EXPECT_FALSE(no.accepted);
  EXPECT_TRUE(no.replay);
}

TEST(AssignmentLedger, TheFirstDecisionCounts) {
  AssignmentLedger ledger(nullptr);
  ASSERT_TRUE(ledger.Record(UpdateOf("a-1"), "here", true).ok());
  const Decision second = ledger.Record(UpdateOf("a-1"), "here", false).value();
  EXPECT_TRUE(second.accepted);
  EXPECT_TRUE(second.replay);
}

TEST(AssignmentLedger, JournalsEachReviewOnce) {
  FakeJournal journal;
  AssignmentLedger ledger(&journal);
  ASSERT_TRUE(ledger.Replay(UpdateOf("a-1"), "here").ok());
  ASSERT_TRUE(ledger.Record(UpdateOf("a-1"), "here", true).ok());
  ASSERT_TRUE(ledger.Replay(UpdateOf("a-1"), "here").ok());
  EXPECT_THAT(journal.lines, testing::ElementsAre(Line{"a-1", true, false}, Line{"a-1", true, true}));
}

TEST(AssignmentLedger, DoesNotRememberWhatTheJournalRefused) {
  FakeJournal journal;
  AssignmentLedger ledger(&journal);
  journal.failure = absl::InternalError("disk full");
  EXPECT_EQ(ledger.Record(UpdateOf("a-1"), "here", true).status(), journal.failure);
  EXPECT_EQ(ledger.Commit(), journal.failure);
  journal.failure = absl::OkStatus();
  EXPECT_EQ(ledger.Replay(UpdateOf("a-1"), "here").value(), std::nullopt);
}

TEST(AssignmentLedger, KeepsAMillionIdsApart) {
  AssignmentLedger ledger(nullptr);
  constexpr int kIds = 1'000'000;
  for (int i = 0; i < kIds; ++i) {
    ASSERT_FALSE(ledger.Record(UpdateOf("a-" + std::to_string(i)), "here", i % 3 == 0)->replay) << i;
  }
  for (int i = 0; i < kIds; ++i) {
    const auto decision = ledger.Replay(UpdateOf("a-" + std::to_string(i)), "here").value();
    ASSERT_TRUE(decision.has_value()) << i;
    ASSERT_EQ(decision->accepted, i % 3 == 0) << i;
  }
}

TEST(AssignmentLedger, ThreadsThatRaceForAnIdAgree) {
  FakeJournal journal;
  AssignmentLedger ledger(&journal);
  constexpr int kThreads = 4;
  constexpr int kIds = 2000;
  std::atomic<int> first_decisions{0};
  std::vector<std::vector<bool>> told(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kIds; ++i) {
        const Decision decision =
            ledger.Record(UpdateOf("a-" + std::to_string(i)), "here", t % 2 == 0).value();
        told[static_cast<std::size_t>(t)].push_back(decision.accepted);
        if (!decision.replay) ++first_decisions;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();

  EXPECT_EQ(first_decisions, kIds);
  for (const std::vector<bool>& each : told) EXPECT_EQ(each, told.front());
  std::set<std::string> seen;
  for (const Line& line : journal.lines) {
    EXPECT_EQ(seen.insert(line.assignment_id).second, !line.replay) << line.assignment_id;
  }
}

TEST(AssignmentLedger, ForgetsWhenAsked) {
  AssignmentLedger ledger(nullptr);
  EXPECT_FALSE(ledger.Record(UpdateOf("a-1"), "here", false)->replay);
  EXPECT_TRUE(ledger.Record(UpdateOf("a-1"), "here", true)->replay);
  ledger.Forget();
  EXPECT_EQ(*ledger.Replay(UpdateOf("a-1"), "here"), std::nullopt);
  EXPECT_TRUE(ledger.Record(UpdateOf("a-1"), "here", true)->accepted);
}

}  // namespace
}  // namespace dispatchctl::mock
