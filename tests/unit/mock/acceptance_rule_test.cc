#include "mock-server/domain/acceptance_rule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace dispatchctl::mock {
namespace {

using testing::HasSubstr;

const Courier kAvailable{
    .courier_id = "c-1", .transport_mode = "bike", .availability = "available", .current_zone = ""};
const Courier kBusy{
    .courier_id = "c-2", .transport_mode = "bike", .availability = "busy", .current_zone = ""};

AcceptanceRule ParsedAcceptance(std::string_view text) {
  const absl::StatusOr<AcceptanceRule> rule = AcceptanceRule::Parse(text);
  EXPECT_TRUE(rule.ok()) << rule.status();
  return rule.ok() ? *rule : AcceptanceRule();
}

TEST(AcceptanceRule, AvailableAcceptsForAvailableCouriersOnly) {
  const AcceptanceRule rule = ParsedAcceptance("available");
  EXPECT_TRUE(rule.Accepts(1, "a-1", &kAvailable));
  EXPECT_FALSE(rule.Accepts(1, "a-1", &kBusy));
  EXPECT_FALSE(rule.Accepts(1, "a-1", nullptr));
}

TEST(AcceptanceRule, AvailableIsTheDefault) {
  EXPECT_TRUE(AcceptanceRule().Accepts(1, "a-1", &kAvailable));
  EXPECT_FALSE(AcceptanceRule().Accepts(1, "a-1", &kBusy));
}

TEST(AcceptanceRule, AlwaysAcceptsForUnknownCouriersToo) {
  const AcceptanceRule rule = ParsedAcceptance("always");
  EXPECT_TRUE(rule.Accepts(1, "a-1", &kBusy));
  EXPECT_TRUE(rule.Accepts(1, "a-1", nullptr));
}

TEST(AcceptanceRule, NeverAcceptsNothing) {
  EXPECT_FALSE(ParsedAcceptance("never").Accepts(1, "a-1", &kAvailable));
}

TEST(AcceptanceRule, ProbabilityIsMetOverManyIds) {
  const AcceptanceRule rule = ParsedAcceptance("prob=0.3");
  int accepted = 0;
  for (int i = 0; i < 100'000; ++i) {
    if (rule.Accepts(7, "a-" + std::to_string(i), &kBusy)) ++accepted;
  }
  EXPECT_NEAR(accepted, 30'000, 750);  // five standard deviations
}

TEST(AcceptanceRule, ProbabilityDependsOnSeedAndIdAlone) {
  const AcceptanceRule rule = ParsedAcceptance("prob=0.5");
  int differing = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::string id = "a-" + std::to_string(i);
    EXPECT_EQ(rule.Accepts(7, id, &kAvailable), rule.Accepts(7, id, &kBusy));
    if (rule.Accepts(7, id, &kBusy) != rule.Accepts(8, id, &kBusy)) ++differing;
  }
  EXPECT_NEAR(differing, 500, 80);
}

// A seed that is written down must mean the same decisions in the next version too.
TEST(AcceptanceRule, ProbabilityStaysTheSameAcrossVersions) {
  const AcceptanceRule rule = ParsedAcceptance("prob=0.5");
  std::string decisions;
  for (int i = 0; i < 16; ++i) {
    decisions += rule.Accepts(7, "a-" + std::to_string(i), &kAvailable) ? '1' : '0';
  }
  EXPECT_EQ(decisions, "1101101011100001");
}

TEST(AcceptanceRule, ProbabilityHasExactEnds) {
  for (int i = 0; i < 1000; ++i) {
    const std::string id = "a-" + std::to_string(i);
    EXPECT_TRUE(ParsedAcceptance("prob=1").Accepts(7, id, &kBusy));
    EXPECT_FALSE(ParsedAcceptance("prob=0").Accepts(7, id, &kBusy));
  }
}

TEST(AcceptanceRule, ProbabilityRejectsUnknownCouriers) {
  EXPECT_FALSE(ParsedAcceptance("prob=1").Accepts(7, "a-1", nullptr));
}

class BadAcceptanceRule : public testing::TestWithParam<const char*> {};

TEST_P(BadAcceptanceRule, IsRefusedByName) {
  const absl::StatusOr<AcceptanceRule> rule = AcceptanceRule::Parse(GetParam());
  ASSERT_FALSE(rule.ok());
  EXPECT_TRUE(absl::IsInvalidArgument(rule.status()));
  EXPECT_THAT(std::string(rule.status().message()), HasSubstr("'"));
}

INSTANTIATE_TEST_SUITE_P(Texts, BadAcceptanceRule,
                         testing::Values("", "Always", "prob", "prob=", "prob=x", "prob=1.1", "prob=-0.1",
                                         "prob=0.5x", "prob=nan"));

}  // namespace
}  // namespace dispatchctl::mock
