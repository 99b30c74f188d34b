#include "commands/endpoint_records.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "output/make_format.h"
#include "text/quantity.h"
#include "pipe.h"

namespace dispatchctl::cli {
namespace {

using namespace std::chrono_literals;
using ::testing::EndsWith;
using ::testing::HasSubstr;

constexpr std::chrono::system_clock::time_point kTime{1'700'000'000'123ms};

EndpointStatus Endpoint() {
  EndpointStatus endpoint;
  endpoint.address = "127.0.0.1:1";
  endpoint.state = EndpointState::kReady;
  endpoint.breaker = BreakerState::kHalfOpen;
  endpoint.in_flight = 3;
  endpoint.successes = 10;
  endpoint.failures = 2;
  endpoint.rejections = 4;
  endpoint.latency = 1500us;
  endpoint.slow = true;
  endpoint.last_error = "UNAVAILABLE: \"gone\"";
  return endpoint;
}

std::string Text(OutputFormat format, const EndpointStatus& endpoint,
                 std::optional<std::chrono::system_clock::time_point> time = std::nullopt) {
  Pipe pipe;
  RecordStream records(pipe.writer.get(),
                       MakeFormat(format, EndpointColumns(format, time.has_value()), false, false));
  WriteEndpoint(records, format, endpoint, time);
  records.Finish();
  pipe.writer = UniqueFd();
  return pipe.Drain();
}

TEST(EndpointRecord, HasEverythingInJson) {
  const auto record = nlohmann::ordered_json::parse(Text(OutputFormat::kNdjson, Endpoint()));
  EXPECT_EQ(record.dump(), R"({"address":"127.0.0.1:1","state":"ready","breaker":"half-open","in_flight":3,)"
                           R"("latency_us":1500,"successes":10,"failures":2,"rejections":4,"slow":true,)"
                           R"("last_error":"UNAVAILABLE: \"gone\""})");
}

TEST(EndpointRecord, HasEveryFieldWithoutALatencyToo) {
  EndpointStatus endpoint = Endpoint();
  endpoint.latency.reset();
  EXPECT_TRUE(nlohmann::json::parse(Text(OutputFormat::kNdjson, endpoint)).at("latency_us").is_null());
  EXPECT_THAT(Text(OutputFormat::kCsv, endpoint), HasSubstr("half-open,3,,10,2,4,true,"));
  EXPECT_THAT(Text(OutputFormat::kTable, endpoint), HasSubstr("half-open  3          -           10"));
}

TEST(EndpointRecord, TableIsShort) {
  const std::string text = Text(OutputFormat::kTable, Endpoint());
  EXPECT_THAT(text, HasSubstr("LATENCY     SUCCESSES  FAILURES\n"));
  EXPECT_THAT(text, EndsWith("1.500 ms    10         2\n"));
}

TEST(EndpointRecord, MayHaveItsTime) {
  const auto record = nlohmann::ordered_json::parse(Text(OutputFormat::kNdjson, Endpoint(), kTime));
  EXPECT_EQ(record.begin().key(), "time");
  EXPECT_EQ(record["time"], "2023-11-14T22:13:20.123Z");
  EXPECT_THAT(Text(OutputFormat::kCsv, Endpoint(), kTime), HasSubstr("time,address,state"));
}

TEST(UtcTime, HasThreeDigitsAndAZ) {
  EXPECT_EQ(UtcTime(std::chrono::system_clock::time_point()), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(UtcTime(kTime), "2023-11-14T22:13:20.123Z");
}

}  // namespace
}  // namespace dispatchctl::cli
