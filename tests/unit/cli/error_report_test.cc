#include "output/error_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <csignal>
#include <nlohmann/json.hpp>

#include "output/run_errors.h"

namespace dispatchctl::cli {
namespace {

using ::testing::HasSubstr;

ErrorReport OfKind(ErrorKind kind) {
  ErrorReport error;
  error.kind = kind;
  return error;
}

ErrorReport Rpc(absl::StatusCode code) {
  ErrorReport error = OfKind(ErrorKind::kRpc);
  error.code = code;
  return error;
}

TEST(ExitCode, FollowsTheTable) {
  EXPECT_EQ(ExitCodeOf(OfKind(ErrorKind::kInternal)), 1);
  EXPECT_EQ(ExitCodeOf(OfKind(ErrorKind::kOutput)), 1);
  EXPECT_EQ(ExitCodeOf(OfKind(ErrorKind::kUsage)), 2);
  EXPECT_EQ(ExitCodeOf(OfKind(ErrorKind::kConfig)), 3);
  EXPECT_EQ(ExitCodeOf(OfKind(ErrorKind::kInput)), 4);
  EXPECT_EQ(ExitCodeOf(OfKind(ErrorKind::kConnect)), 5);
  EXPECT_EQ(ExitCodeOf(OfKind(ErrorKind::kPartial)), 6);
  EXPECT_EQ(ExitCodeOf(OfKind(ErrorKind::kNegative)), 7);
  EXPECT_EQ(ExitCodeOf(OfKind(ErrorKind::kStream)), 8);
  EXPECT_EQ(ExitCodeOf(Rpc(absl::StatusCode::kCancelled)), 65);
  EXPECT_EQ(ExitCodeOf(Rpc(absl::StatusCode::kNotFound)), 69);
  EXPECT_EQ(ExitCodeOf(Rpc(absl::StatusCode::kUnauthenticated)), 80);
  EXPECT_EQ(ExitCodeOf(InterruptedError(SIGINT, {})), 130);
  EXPECT_EQ(ExitCodeOf(InterruptedError(SIGTERM, {})), 143);
  ErrorReport pipe = OfKind(ErrorKind::kOutput);
  pipe.signal = SIGPIPE;
  EXPECT_EQ(ExitCodeOf(pipe), 141);
}

TEST(ExitCode, TheGraverDecides) {
  // From the gravest down.
  const std::vector<ErrorReport> order{InterruptedError(SIGINT, {}), OfKind(ErrorKind::kOutput),
                                       OfKind(ErrorKind::kConfig),   Rpc(absl::StatusCode::kUnavailable),
                                       OfKind(ErrorKind::kStream),   OfKind(ErrorKind::kInput),
                                       OfKind(ErrorKind::kPartial),  OfKind(ErrorKind::kNegative)};
  for (std::size_t i = 0; i < order.size(); ++i) {
    for (std::size_t j = i; j < order.size(); ++j) {
      EXPECT_EQ(&Graver(order[i], order[j]), &order[i]) << i << " " << j;
      if (i == j) continue;
      EXPECT_EQ(&Graver(order[j], order[i]), &order[i]) << i << " " << j;
    }
  }
  EXPECT_EQ(Gravest({order[7], order[4], order[6]})->kind, ErrorKind::kStream);
  EXPECT_FALSE(Gravest({}).has_value());
}

TEST(ErrorReport, JsonHasEveryKeyInTheContractsOrder) {
  ErrorReport error = Rpc(absl::StatusCode::kNotFound);
  error.message = "courier c-9 not found";
  error.origin = Origin::kServer;
  error.method = "dispatchpb.DispatchGateway/GetCourierStatus";
  error.target = "localhost:1";
  error.peer = "127.0.0.1:1";
  error.attempts = 1;
  error.elapsed_ms = 12.3999;
  EXPECT_EQ(TerminalErrorJson(error),
            R"({"error":{"kind":"rpc","code":"NOT_FOUND","number":5,"message":"courier c-9 not found",)"
            R"("phase":"call","origin":"server","method":"dispatchpb.DispatchGateway/GetCourierStatus",)"
            R"("target":"localhost:1","peer":"127.0.0.1:1","attempts":1,"elapsed_ms":12.4,"retryable":false,)"
            R"("details":[],"hint":null},"exit_code":69,"v":1})"
            "\n");
}

TEST(ErrorReport, WhatDoesNotApplyIsNull) {
  const auto object = nlohmann::json::parse(TerminalErrorJson(UsageError("bad", "try harder")));
  for (const char* key : {"code", "number", "method", "target", "peer", "attempts", "elapsed_ms"}) {
    EXPECT_TRUE(object["error"][key].is_null()) << key;
  }
  EXPECT_EQ(object["error"]["kind"], "usage");
  EXPECT_EQ(object["error"]["phase"], "args");
  EXPECT_EQ(object["error"]["hint"], "try harder");
  EXPECT_EQ(object["exit_code"], 2);
}

TEST(ErrorReport, JsonStaysValidWhateverTheServerSays) {
  ErrorReport error = Rpc(absl::StatusCode::kUnknown);
  error.message = "bad \xFF byte\nand \"quotes\"";
  error.details = {{"type.googleapis.com/x", std::string("\x00\x01", 2)}};
  const std::string text = TerminalErrorJson(error);
  EXPECT_EQ(text.find('\n'), text.size() - 1);
  const auto object = nlohmann::json::parse(text);
  EXPECT_EQ(object["error"]["details"][0]["value_base64"], "AAE=");
}

TEST(ErrorReport, TextNamesTheCommandAndTheCode) {
  ErrorReport error = Rpc(absl::StatusCode::kNotFound);
  error.message = "courier c-9 not found";
  EXPECT_EQ(TerminalErrorText("lookup", error, false),
            "dispatchctl: lookup: courier c-9 not found (NOT_FOUND)\n");
  error.hint = "look elsewhere";
  EXPECT_EQ(TerminalErrorText("lookup", error, false),
            "dispatchctl: lookup: courier c-9 not found (NOT_FOUND)\nhint: look elsewhere\n");
  EXPECT_EQ(TerminalErrorText("", UsageError("no command given"), false), "dispatchctl: no command given\n");
  EXPECT_THAT(TerminalErrorText("lookup", error, true), HasSubstr("\x1b["));
}

TEST(ErrorReport, TextIsSafeForTerminals) {
  EXPECT_EQ(TerminalErrorText("x", UsageError("a\x1b[2J\nb"), false), "dispatchctl: x: a\\x1b[2J\\x0ab\n");
}

TEST(ErrorReport, OutputErrorsNameTheFile) {
  EXPECT_EQ(OutputError("stdout", ENOSPC).message, "cannot write to stdout: No space left on device");
}

TEST(StatusCodeName, UnknownNumbersAreUnknown) {
  EXPECT_EQ(StatusCodeName(absl::StatusCode::kCancelled), "CANCELLED");
  EXPECT_EQ(StatusCodeName(static_cast<absl::StatusCode>(99)), "UNKNOWN");
}

}  // namespace
}  // namespace dispatchctl::cli
