#include "mock-server/faults/fault_rule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace dispatchctl::mock {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using testing::AllOf;
using testing::HasSubstr;

FaultRule ParsedRule(std::string_view spec) {
  const absl::StatusOr<FaultRule> rule = ParseFault(spec);
  EXPECT_TRUE(rule.ok()) << rule.status();
  return rule.ok() ? *rule : FaultRule();
}

TEST(FaultRule, ReadsEveryKindWithItsArgument) {
  EXPECT_EQ(ParsedRule("latency=50ms").latency, milliseconds(50));
  EXPECT_EQ(ParsedRule("latency=250us").latency, microseconds(250));
  EXPECT_EQ(ParsedRule("status=UNAVAILABLE").code, absl::StatusCode::kUnavailable);
  EXPECT_EQ(ParsedRule("status=CANCELLED").code, absl::StatusCode::kCancelled);
  EXPECT_EQ(ParsedRule("status=UNAUTHENTICATED").code, absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(ParsedRule("hang").kind, FaultKind::kHang);
  EXPECT_EQ(ParsedRule("big-message=5MiB").bytes, 5U * 1024 * 1024);
  EXPECT_EQ(ParsedRule("big-message=1GiB").bytes, 1024U * 1024 * 1024);
  EXPECT_EQ(ParsedRule("headers=16KiB").bytes, 16U * 1024);
  EXPECT_EQ(ParsedRule("headers=100").bytes, 100U);
  EXPECT_EQ(ParsedRule("headers=100B").bytes, 100U);
  EXPECT_EQ(ParsedRule("bad-utf8").kind, FaultKind::kBadUtf8);
  EXPECT_EQ(ParsedRule("bad-bytes").kind, FaultKind::kBadBytes);
  const FaultRule close = ParsedRule("close-after=100:DATA_LOSS");
  EXPECT_EQ(close.count, 100U);
  EXPECT_EQ(close.code, absl::StatusCode::kDataLoss);
  EXPECT_EQ(ParsedRule("clean-close-after=10").count, 10U);
  EXPECT_EQ(ParsedRule("duplicate=5").count, 5U);
  EXPECT_EQ(ParsedRule("drop-result=7").count, 7U);
  EXPECT_EQ(ParsedRule("unknown-id=3").count, 3U);
  EXPECT_EQ(ParsedRule("reorder=4").count, 4U);
  EXPECT_EQ(ParsedRule("slow-read").count, 0U);
  EXPECT_EQ(ParsedRule("slow-read=20").count, 20U);
  EXPECT_EQ(ParsedRule("goaway-after=50").count, 50U);
  EXPECT_EQ(ParsedRule("tcp-reset-after=1MiB").bytes, 1024U * 1024);
  EXPECT_EQ(ParsedRule("tcp-reset-after=0").bytes, 0U);
  EXPECT_EQ(ParsedRule("refuse").kind, FaultKind::kRefuse);
  EXPECT_EQ(ParsedRule("drip=100B/s").bytes, 100U);
  EXPECT_EQ(ParsedRule("drip=2KiB/s").bytes, 2048U);
  EXPECT_EQ(ParsedRule("bad-bytes-after=10").bytes, 10U);
  EXPECT_EQ(ParsedRule("blackhole").bytes, 0U);
  const FaultRule blackhole = ParsedRule("blackhole-after=1KiB,nth=2,listen=1");
  EXPECT_EQ(blackhole.kind, FaultKind::kBlackhole);
  EXPECT_EQ(blackhole.bytes, 1024U);
}

TEST(FaultRule, ReadsEveryKey) {
  const FaultRule rule = ParsedRule(
      "status=RESOURCE_EXHAUSTED,method=assign,courier_id=courier-4*,assignment_id=a-[12],zone=zone-7,listen="
      "1,nth=2,"
      "nth-message=3,prob=0.5,every=4,first=5,after=6,max=7,message=come back later,pushback=500");
  EXPECT_EQ(rule.method, Method::kAssign);
  EXPECT_EQ(rule.courier_id, "courier-4*");
  EXPECT_EQ(rule.assignment_id, "a-[12]");
  EXPECT_EQ(rule.zone, "zone-7");
  EXPECT_EQ(rule.listen, 1U);
  EXPECT_EQ(rule.nth, 2U);
  EXPECT_EQ(rule.nth_message, 3U);
  EXPECT_EQ(rule.probability, 0.5);
  EXPECT_EQ(rule.every, 4U);
  EXPECT_EQ(rule.first, 5U);
  EXPECT_EQ(rule.after, 6U);
  EXPECT_EQ(rule.max, 7U);
  EXPECT_EQ(rule.message, "come back later");
  EXPECT_EQ(rule.pushback, "500");
}

TEST(FaultRule, HasNoLimitsByDefault) {
  const FaultRule rule = ParsedRule("hang");
  EXPECT_EQ(rule.spec, "hang");
  EXPECT_FALSE(rule.method.has_value());
  EXPECT_FALSE(rule.listen.has_value());
  EXPECT_FALSE(rule.pushback.has_value());
  EXPECT_EQ(rule.probability, 1);
  EXPECT_EQ(rule.every, 1U);
  EXPECT_EQ(rule.first + rule.after + rule.max + rule.nth + rule.nth_message, 0U);
}

TEST(FaultRule, TakesADurationAsMillisecondsOfPushback) {
  EXPECT_EQ(ParsedRule("status=UNAVAILABLE,pushback=500ms").pushback, "500");
  EXPECT_EQ(ParsedRule("status=UNAVAILABLE,pushback=1.5s").pushback, "1500");
  EXPECT_EQ(ParsedRule("status=UNAVAILABLE,pushback=-1").pushback, "-1");
  EXPECT_EQ(ParsedRule("status=UNAVAILABLE,pushback=abc").pushback, "abc");
  EXPECT_EQ(ParsedRule("status=UNAVAILABLE,pushback=").pushback, "");
}

struct BadSpec {
  const char* spec;
  const char* word;
  const char* remedy;
};

class BadFaultRule : public testing::TestWithParam<BadSpec> {};

TEST_P(BadFaultRule, NamesTheSpecTheWordAndWhatIsAllowed) {
  const absl::Status status = ParseFault(GetParam().spec).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("fault '" + std::string(GetParam().spec) + "': "), HasSubstr(GetParam().word),
                    HasSubstr(GetParam().remedy)));
}

INSTANTIATE_TEST_SUITE_P(
    Specs, BadFaultRule,
    testing::Values(
        BadSpec{"", "'' is not a fault", "use latency, status, hang"},
        BadSpec{"explode", "'explode' is not a fault", "use latency, status, hang"},
        BadSpec{"latency", "latency needs an argument", "latency=50ms"}, BadSpec{"latency=", "''", "250ms"},
        BadSpec{"latency=5", "'5' has no unit", "5ms"},
        BadSpec{"latency=5ms,", "'' is not known", "use method, courier_id"},
        BadSpec{"status", "status needs an argument", "status=UNAVAILABLE"},
        BadSpec{"status=OK", "'OK' is not a status to fail with", "CANCELLED, UNKNOWN"},
        BadSpec{"status=unavailable", "'unavailable'", "UNAVAILABLE"},
        BadSpec{"status=14", "'14'", "UNAVAILABLE"}, BadSpec{"hang=1", "hang takes no argument", ""},
        BadSpec{"bad-utf8=1", "bad-utf8 takes no argument", ""},
        BadSpec{"big-message", "big-message needs an argument", "16KiB"},
        BadSpec{"big-message=5MB", "'5MB' is not a size", "5MiB"},
        BadSpec{"big-message=x", "'x' is not a size", "5MiB"},
        BadSpec{"big-message=0", "'0' is not from 1B", "1024MiB"},
        BadSpec{"big-message=2GiB", "'2GiB' is not from 1B", "1024MiB"},
        BadSpec{"headers=2MiB", "'2MiB' is not from 1B", "1MiB"},
        BadSpec{"headers=18446744073709551616", "is not a size", "16KiB"},
        BadSpec{"close-after=10", "close-after needs an argument", "close-after=100:UNAVAILABLE"},
        BadSpec{"close-after=x:UNAVAILABLE", "'x'", "whole number from 0"},
        BadSpec{"close-after=1:NO", "'NO' is not a status", "UNAVAILABLE"},
        BadSpec{"duplicate", "duplicate needs an argument", "duplicate=10"},
        BadSpec{"duplicate=0", "'0'", "whole number from 1"},
        BadSpec{"drop-result=-1", "'-1'", "whole number from 1"},
        BadSpec{"slow-read=x", "'x'", "whole number from 0"},
        BadSpec{"drip", "drip needs an argument", "drip=100B/s"},
        BadSpec{"drip=100", "'100' is not a rate", "100B/s"}, BadSpec{"drip=0B/s", "'0B' is not from 1B", ""},
        BadSpec{"tcp-reset-after", "tcp-reset-after needs an argument", "tcp-reset-after=1MiB"},
        BadSpec{"blackhole=1", "blackhole takes no argument", ""},
        BadSpec{"refuse,method=lookup", "refuse concerns a connection", "method"},
        BadSpec{"goaway-after=1,courier_id=c", "goaway-after concerns a connection", "courier_id"},
        BadSpec{"hang,frist=1", "'frist' is not known", "first"},
        BadSpec{"hang,first", "first needs a value", "first="},
        BadSpec{"hang,first=0", "first: '0'", "from 1"}, BadSpec{"hang,every=0", "every: '0'", "from 1"},
        BadSpec{"hang,nth=0", "nth: '0'", "from 1"}, BadSpec{"hang,max=x", "max: 'x'", "from 1"},
        BadSpec{"hang,after=-1", "after: '-1'", "from 0"},
        BadSpec{"hang,prob=1.1", "prob: '1.1'", "from 0 to 1"},
        BadSpec{"hang,prob=nan", "prob: 'nan'", "from 0 to 1"},
        BadSpec{"hang,prob=", "prob: ''", "from 0 to 1"}, BadSpec{"hang,listen=-1", "listen: '-1'", "from 0"},
        BadSpec{"hang,method=both", "method: 'both'", "lookup or assign"},
        BadSpec{"hang,courier_id=", "courier_id is empty", ""},
        BadSpec{"hang,first=1,first=2", "first is given twice", ""},
        BadSpec{"hang,message=x", "hang sends no status", "status and close-after"},
        BadSpec{"hang,pushback=1", "hang sends no status", "status and close-after"},
        BadSpec{"status=UNKNOWN,pushback=\x01", "pushback", "printable ASCII"},
        BadSpec{"duplicate=2,method=lookup", "duplicate is for streams", "method=lookup"},
        BadSpec{"hang,method=lookup,zone=z", "zone", "method=lookup"},
        BadSpec{"close-after=1:UNKNOWN,zone=z", "close-after concerns a stream as a whole", "zone"},
        BadSpec{"slow-read,courier_id=c", "slow-read concerns a stream as a whole", "courier_id"},
        BadSpec{"headers=1KiB,method=assign,courier_id=c", "headers concerns a stream as a whole",
                "courier_id"}));

TEST(FaultRule, KnowsWhatItConcerns) {
  struct Case {
    const char* spec;
    bool lookup;
    bool stream;
    bool update;
    bool connection = false;
  };
  for (const Case& each : {
           Case{"latency=1ms", true, false, true},
           Case{"latency=1ms,method=lookup", true, false, false},
           Case{"latency=1ms,method=assign", false, false, true},
           Case{"status=UNKNOWN", true, true, false},
           Case{"status=UNKNOWN,courier_id=c", true, false, true},
           Case{"status=UNKNOWN,assignment_id=a", false, false, true},
           Case{"status=UNKNOWN,nth-message=2", false, false, true},
           Case{"hang,zone=z", false, false, true},
           Case{"hang,method=assign", false, true, false},
           Case{"bad-bytes", true, false, true},
           Case{"headers=1KiB", true, true, false},
           Case{"headers=1KiB,courier_id=c", true, false, false},
           Case{"close-after=1:UNKNOWN", false, true, false},
           Case{"duplicate=1", false, false, true},
           Case{"reorder=2", false, true, false},
           Case{"goaway-after=2", false, false, false, true},
           Case{"blackhole", false, false, false, true},
           Case{"blackhole-after=2", false, false, false, true},
       }) {
    const FaultRule rule = ParsedRule(each.spec);
    EXPECT_EQ(rule.AppliesTo(FaultScope::kLookup), each.lookup) << each.spec;
    EXPECT_EQ(rule.AppliesTo(FaultScope::kStream), each.stream) << each.spec;
    EXPECT_EQ(rule.AppliesTo(FaultScope::kUpdate), each.update) << each.spec;
    EXPECT_EQ(rule.AppliesTo(FaultScope::kConnection), each.connection) << each.spec;
  }
}

TEST(ParseCallFaults, TakesWhatConcernsTheCall) {
  const auto rules = ParseCallFaults({"latency=1ms", "drop-result=2"});
  ASSERT_TRUE(rules.ok()) << rules.status();
  EXPECT_EQ(rules->size(), 2U);
  EXPECT_EQ(
      ParseCallFaults({"latency=1ms", "refuse"}).status(),
      absl::InvalidArgumentError("fault 'refuse' concerns a connection and all its calls; a call cannot ask "
                                 "for it, --fault can"));
  EXPECT_EQ(ParseCallFaults({"hang,nonsense=1"}).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace dispatchctl::mock
