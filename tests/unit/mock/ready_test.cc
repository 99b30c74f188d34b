#include "mock-server/main/ready.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>

namespace dispatchctl::mock {
namespace {

TEST(ReadyLine, IsTheDocumentedObject) {
  EXPECT_EQ(ReadyLine({"127.0.0.1:41233"}, "", "", 7, 123),
            R"({"event":"ready","listen":["127.0.0.1:41233"],"admin":null,"metrics":null,"pid":123,"seed":7})"
            "\n");
  EXPECT_EQ(
      ReadyLine({"unix:/s"}, "127.0.0.1:7", "127.0.0.1:8", 7, 123),
      R"({"event":"ready","listen":["unix:/s"],"admin":"127.0.0.1:7","metrics":"127.0.0.1:8","pid":123,"seed":7})"
      "\n");
}

TEST(ReadyFile, ReplacesAnOlderOne) {
  const std::string path = testing::TempDir() + "ready." + std::to_string(getpid());
  std::ofstream(path) << "something much longer than the new text";
  EXPECT_TRUE(WriteReadyFile(path, "new\n").ok());
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  std::remove(path.c_str());
  EXPECT_EQ(text.str(), "new\n");
}

TEST(ReadyFile, NamesThePathItCannotWrite) {
  const absl::Status status = WriteReadyFile("/nonexistent/ready", "new\n");
  EXPECT_EQ(status, absl::InternalError("cannot write /nonexistent/ready: No such file or directory"));
}

}  // namespace
}  // namespace dispatchctl::mock
