#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory_resource>
#include <string>

#include "checkpoint/answered_index.h"
#include "checkpoint/answered_prefix.h"
#include "temporary_directory.h"

namespace dispatchctl::cli {
namespace {

using ::testing::HasSubstr;
using Verdict = Answered::Verdict;

constexpr std::uint64_t kSeed = 42;

class CountingMemory final : public std::pmr::memory_resource {
 public:
  std::size_t peak() const { return peak_; }

 private:
  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    used_ += bytes;
    peak_ = std::max(peak_, used_);
    return std::pmr::new_delete_resource()->allocate(bytes, alignment);
  }
  void do_deallocate(void* memory, std::size_t bytes, std::size_t alignment) override {
    used_ -= bytes;
    std::pmr::new_delete_resource()->deallocate(memory, bytes, alignment);
  }
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }

  std::size_t used_ = 0;
  std::size_t peak_ = 0;
};

TEST(AnsweredIndex, RepeatedIdsAreCounted) {
  AnsweredIndex index(3, kSeed);
  for (const char* id : {"x", "y", "x"}) index.AddResult(id);
  index.Finish();
  EXPECT_EQ(index.left(), 3U);
  EXPECT_EQ(index.TakeResult("x"), Verdict::kAnswered);
  EXPECT_EQ(index.TakeResult("x"), Verdict::kAnswered);
  EXPECT_EQ(index.TakeResult("x"), Verdict::kNew);
  EXPECT_EQ(index.TakeResult("z"), Verdict::kNew);
  EXPECT_EQ(index.left(), 1U);
  EXPECT_EQ(index.TakeResult("y"), Verdict::kAnswered);
  EXPECT_EQ(index.left(), 0U);
}

TEST(AnsweredIndex, LinesAreNoIds) {
  AnsweredIndex index(2, kSeed);
  index.AddFailure(7);
  index.AddResult("8");
  index.Finish();
  EXPECT_EQ(index.TakeResult("7"), Verdict::kNew);
  EXPECT_EQ(index.TakeFailure(8), Verdict::kNew);
  EXPECT_EQ(index.TakeFailure(7), Verdict::kAnswered);
  EXPECT_EQ(index.TakeFailure(7), Verdict::kNew);
}

TEST(AnsweredIndex, AnEmptyOneAnswersNothing) {
  AnsweredIndex index(0, kSeed);
  index.Finish();
  EXPECT_EQ(index.TakeResult("x"), Verdict::kNew);
}

TEST(AnsweredIndex, FindsEachOfManyInSixteenBytesALine) {
  constexpr std::size_t kIds = 100'000;
  constexpr std::size_t kRepeats = 3;
  CountingMemory memory;
  AnsweredIndex index(kIds * kRepeats, kSeed, &memory);
  for (std::size_t round = 0; round < kRepeats; ++round) {
    for (std::size_t i = 0; i < kIds; ++i) index.AddResult("a-" + std::to_string(i * 2));
  }
  index.Finish();
  for (std::size_t round = 0; round < kRepeats; ++round) {
    for (std::size_t i = 0; i < kIds; ++i) {
      ASSERT_EQ(index.TakeResult("a-" + std::to_string(i * 2)), Verdict::kAnswered) << i;
      ASSERT_EQ(index.TakeResult("a-" + std::to_string(i * 2 + 1)), Verdict::kNew) << i;
    }
  }
  EXPECT_EQ(index.TakeResult("a-0"), Verdict::kNew);
  EXPECT_EQ(index.left(), 0U);
  EXPECT_LE(memory.peak(), kIds * kRepeats * AnsweredIndex::kBytesPerLine);
}

class AnsweredPrefixTest : public ::testing::Test {
 protected:
  AnsweredPrefix Open(const std::string& content, std::uint64_t lines) {
    const std::string path = directory_.Write("results", content);
    return {UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC)), "results", lines};
  }

  static std::string Result(const std::string& id) {
    return R"({"assignment_id":")" + id + "\",\"accepted\":true}\n";
  }
  static std::string Failure(int line) {
    return "{\"line\":" + std::to_string(line) + ",\"error\":{\"kind\":\"input\"}}\n";
  }

  const TemporaryDirectory directory_;
};

TEST_F(AnsweredPrefixTest, FollowsTheInput) {
  AnsweredPrefix prefix = Open(Result("a") + Failure(2) + Result("a") + Result("later"), 3);
  EXPECT_EQ(prefix.TakeResult("a"), Verdict::kAnswered);
  EXPECT_EQ(prefix.TakeFailure(2), Verdict::kAnswered);
  EXPECT_EQ(prefix.left(), 1U);
  EXPECT_EQ(prefix.TakeResult("a"), Verdict::kAnswered);
  EXPECT_EQ(prefix.TakeResult("later"), Verdict::kNew);
  EXPECT_EQ(prefix.left(), 0U);
}

TEST_F(AnsweredPrefixTest, AnotherInputIsNoticed) {
  AnsweredPrefix prefix = Open(Result("a") + Result("b"), 2);
  EXPECT_EQ(prefix.TakeResult("a"), Verdict::kAnswered);
  EXPECT_EQ(prefix.TakeResult("c"), Verdict::kMismatch);
  EXPECT_EQ(prefix.mismatch(), "results:2 answers \"b\", not \"c\"");
  EXPECT_EQ(prefix.TakeFailure(2), Verdict::kMismatch);
}

TEST_F(AnsweredPrefixTest, ALineThatWasRepairedIsNoticed) {
  AnsweredPrefix prefix = Open(Failure(1), 1);
  EXPECT_EQ(prefix.TakeResult("a"), Verdict::kMismatch);
  EXPECT_THAT(prefix.mismatch(), HasSubstr("results:1 has the error of line 1"));
}

TEST_F(AnsweredPrefixTest, SkippingTakesWhatWasReportedBefore) {
  AnsweredPrefix prefix = Open(Failure(2) + Result("a"), 2);
  prefix.PassFailure(1);
  EXPECT_EQ(prefix.left(), 2U);
  prefix.PassFailure(2);
  EXPECT_EQ(prefix.left(), 1U);
  prefix.PassFailure(2);
  EXPECT_EQ(prefix.TakeResult("a"), Verdict::kAnswered);
}

}  // namespace
}  // namespace dispatchctl::cli
