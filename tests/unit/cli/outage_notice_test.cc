#include "commands/outage_notice.h"

#include <absl/status/status.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <string>

namespace dispatchctl::cli {
namespace {

using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class OutageNoticeTest : public ::testing::Test {
 protected:
  void Lose(milliseconds at) {
    notice_.OnInterruption({.resumed = false,
                            .endpoint = "a:1",
                            .status = absl::UnavailableError("socket closed"),
                            .unacknowledged = 7},
                           start_ + at);
  }

  void Resume(milliseconds at) {
    notice_.OnInterruption({.resumed = true, .endpoint = "b:2", .status = {}, .unacknowledged = 7},
                           start_ + at);
  }

  void Tick(milliseconds at) { notice_.Tick(start_ + at); }

  static std::string Said(const std::function<void()>& deed) {
    ::testing::internal::CaptureStderr();
    deed();
    return ::testing::internal::GetCapturedStderr();
  }

 private:
  const OutageNotice::Clock::time_point start_{};
  Console console_{/*quiet=*/false, /*verbosity=*/0};
  OutageNotice notice_{console_};
};

TEST_F(OutageNoticeTest, SaysNothingOfWhatIsShorterThanASecond) {
  EXPECT_THAT(Said([&] {
                Lose(milliseconds(0));
                Tick(milliseconds(999));
                Resume(milliseconds(999));
                Tick(milliseconds(5000));
              }),
              IsEmpty());
}

TEST_F(OutageNoticeTest, TellsOnceWhatItWaitsForAndWithWhomItGoesOn) {
  Lose(milliseconds(0));
  EXPECT_THAT(Said([&] { Tick(milliseconds(1000)); }),
              AllOf(HasSubstr("waiting for a server"), HasSubstr("a:1 was lost: socket closed"),
                    HasSubstr("7 assignments")));
  EXPECT_THAT(Said([&] { Tick(milliseconds(2000)); }), IsEmpty());
  EXPECT_THAT(Said([&] { Resume(milliseconds(3000)); }),
              AllOf(HasSubstr("goes on with b:2"), HasSubstr("3")));
}

TEST_F(OutageNoticeTest, GoesOnOnlyWhenEveryStreamDoes) {
  Lose(milliseconds(0));
  Lose(milliseconds(100));
  EXPECT_THAT(Said([&] { Tick(milliseconds(1500)); }), HasSubstr("waiting"));
  EXPECT_THAT(Said([&] { Resume(milliseconds(1600)); }), IsEmpty());
  EXPECT_THAT(Said([&] { Resume(milliseconds(1700)); }), HasSubstr("goes on"));
}

TEST_F(OutageNoticeTest, CountsEachOutageFromItsOwnBeginning) {
  Lose(milliseconds(0));
  Resume(milliseconds(500));
  Lose(milliseconds(900));
  EXPECT_THAT(Said([&] { Tick(milliseconds(1800)); }), IsEmpty());
  EXPECT_THAT(Said([&] { Tick(milliseconds(1900)); }), HasSubstr("waiting"));
}

}  // namespace
}  // namespace dispatchctl::cli
