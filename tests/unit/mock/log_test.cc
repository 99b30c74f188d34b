#include "mock-server/main/log.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace dispatchctl::mock {
namespace {

TEST(LogText, IsTheRestOfAJsonObject) {
  const std::vector<LogField> fields = {
      {"code", "OK"}, {"listen", std::int64_t{1}}, {"duration_ms", 0.25}, {"error", "say \"no\"\n"}};
  const std::string text = LogText(LogFormat::kJson, "call ended", fields);
  EXPECT_EQ(text,
            R"("message":"call ended","code":"OK","listen":1,"duration_ms":0.250,"error":"say \"no\"\n"})");
  EXPECT_TRUE(nlohmann::json::accept("{" + text));
}

TEST(LogText, StaysJsonWhateverIsLogged) {
  const std::vector<LogField> fields = {{"peer", "\xff\xfe"}};
  EXPECT_TRUE(nlohmann::json::accept("{" + LogText(LogFormat::kJson, "\x01\xc3", fields)));
}

TEST(LogText, QuotesOnlyWhatPeopleWouldMisread) {
  const std::vector<LogField> fields = {{"peer", "ipv4:127.0.0.1:7"},
                                        {"error", "not found"},
                                        {"empty", ""},
                                        {"equals", "a=b"},
                                        {"line", "a\nb"}};
  EXPECT_EQ(LogText(LogFormat::kText, "call ended", fields),
            R"(call ended peer=ipv4:127.0.0.1:7 error="not found" empty="" equals="a=b" line="a\nb")");
  EXPECT_EQ(LogText(LogFormat::kText, "stopped", {}), "stopped");
}

}  // namespace
}  // namespace dispatchctl::mock
