#include "telemetry/telemetry_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dispatchctl::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::string kTraceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

class TelemetrySettingsTest : public testing::Test {
 protected:
  std::optional<TelemetrySignals> Wanted() {
    warnings_.clear();
    return WantedTelemetry(environment(), warnings_);
  }
  TraceContext Trace() {
    warnings_.clear();
    return TraceContextOf(environment(), warnings_);
  }

  std::map<std::string, std::string, std::less<>> variables_;
  std::vector<std::string> warnings_;

 private:
  Environment environment() const {
    return [this](std::string_view name) -> std::optional<std::string_view> {
      const auto found = variables_.find(name);
      if (found == variables_.end()) return std::nullopt;
      return found->second;
    };
  }
};

TEST_F(TelemetrySettingsTest, AskForNothingUnlessAnEndpointIsNamed) {
  EXPECT_FALSE(Wanted());
  variables_ = {{"OTEL_SERVICE_NAME", "x"}, {"OTEL_EXPORTER_OTLP_ENDPOINT", ""}};
  EXPECT_FALSE(Wanted());
  EXPECT_THAT(warnings_, IsEmpty());
}

TEST_F(TelemetrySettingsTest, AskForBothSignalsByOneEndpointAndForOneByItsOwn) {
  variables_ = {{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318"}};
  ASSERT_TRUE(Wanted());
  EXPECT_TRUE(Wanted()->traces);
  EXPECT_TRUE(Wanted()->metrics);
  variables_ = {{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://localhost:4318/v1/traces"}};
  ASSERT_TRUE(Wanted());
  EXPECT_TRUE(Wanted()->traces);
  EXPECT_FALSE(Wanted()->metrics);
}

TEST_F(TelemetrySettingsTest, LeaveOutWhatIsTurnedOff) {
  variables_ = {{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318"}, {"OTEL_TRACES_EXPORTER", "none"}};
  ASSERT_TRUE(Wanted());
  EXPECT_FALSE(Wanted()->traces);
  variables_["OTEL_METRICS_EXPORTER"] = "none";
  EXPECT_FALSE(Wanted());
  variables_ = {{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318"}, {"OTEL_SDK_DISABLED", "TRUE"}};
  EXPECT_FALSE(Wanted());
  variables_["OTEL_SDK_DISABLED"] = "false";
  EXPECT_TRUE(Wanted());
  EXPECT_THAT(warnings_, IsEmpty());
}

TEST_F(TelemetrySettingsTest, SayWhatIsNotSpoken) {
  variables_ = {{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4317"},
                {"OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"}};
  EXPECT_FALSE(Wanted());
  EXPECT_THAT(warnings_, ElementsAre(HasSubstr("OTEL_EXPORTER_OTLP_PROTOCOL is 'grpc'"),
                                     HasSubstr("OTEL_EXPORTER_OTLP_PROTOCOL is 'grpc'")));
  variables_["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"] = "http/json";
  variables_["OTEL_METRICS_EXPORTER"] = "prometheus";
  ASSERT_TRUE(Wanted());
  EXPECT_TRUE(Wanted()->traces);
  EXPECT_THAT(warnings_, ElementsAre(HasSubstr("OTEL_METRICS_EXPORTER is 'prometheus'")));
}

TEST_F(TelemetrySettingsTest, TakeTheTraceOfTheEnvironment) {
  EXPECT_EQ(Trace().traceparent, "");
  variables_ = {{"TRACEPARENT", kTraceparent}, {"TRACESTATE", "vendor=1"}};
  EXPECT_EQ(Trace().traceparent, kTraceparent);
  EXPECT_EQ(Trace().tracestate, "vendor=1");
  EXPECT_THAT(warnings_, IsEmpty());
}

TEST_F(TelemetrySettingsTest, IgnoreATraceThatIsNone) {
  variables_ = {{"TRACEPARENT", "00-x"}};
  EXPECT_EQ(Trace().traceparent, "");
  EXPECT_THAT(warnings_,
              ElementsAre(HasSubstr("TRACEPARENT and TRACESTATE are ignored: traceparent is not")));
  variables_ = {{"TRACESTATE", "vendor=1"}};
  EXPECT_EQ(Trace().tracestate, "");
  EXPECT_THAT(warnings_, IsEmpty()) << "it says nothing without the other";
}

}  // namespace
}  // namespace dispatchctl::cli
