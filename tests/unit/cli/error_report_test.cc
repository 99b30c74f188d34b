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
  EXPECT_EQ(ExitCodeOf(InterruptedError(SIGHUP, {})), 129);
  EXPECT_EQ(ExitCodeOf(OfKind(ErrorKind::kInterrupted)), 130);
  EXPECT_EQ(ExitCodeOf(OfKind(ErrorKind::kRpc)), 66) << "without a code it is UNKNOWN";
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

TEST(ExitCode, IsThatOfTheFirstAmongEquals) {
  const std::vector<std::pair<ErrorReport, ErrorReport>> equals{
      {OfKind(ErrorKind::kInterrupted), InterruptedError(SIGINT, {})},
      {OfKind(ErrorKind::kOutput), OfKind(ErrorKind::kInternal)},
      {OfKind(ErrorKind::kUsage), OfKind(ErrorKind::kConfig)},
      {OfKind(ErrorKind::kConnect), Rpc(absl::StatusCode::kUnavailable)}};
  for (const auto& [a, b] : equals) {
    EXPECT_EQ(&Graver(a, b), &a) << ErrorKindName(a.kind);
    EXPECT_EQ(&Graver(b, a), &b) << ErrorKindName(b.kind);
  }
}

TEST(ErrorReport, NamesEveryKind) {
  EXPECT_EQ(ErrorKindName(ErrorKind::kUsage), "usage");
  EXPECT_EQ(ErrorKindName(ErrorKind::kConfig), "config");
  EXPECT_EQ(ErrorKindName(ErrorKind::kInput), "input");
  EXPECT_EQ(ErrorKindName(ErrorKind::kConnect), "connect");
  EXPECT_EQ(ErrorKindName(ErrorKind::kRpc), "rpc");
  EXPECT_EQ(ErrorKindName(ErrorKind::kStream), "stream");
  EXPECT_EQ(ErrorKindName(ErrorKind::kPartial), "partial");
  EXPECT_EQ(ErrorKindName(ErrorKind::kNegative), "negative");
  EXPECT_EQ(ErrorKindName(ErrorKind::kOutput), "output");
  EXPECT_EQ(ErrorKindName(ErrorKind::kInterrupted), "interrupted");
  EXPECT_EQ(ErrorKindName(ErrorKind::kInternal), "internal");
}

TEST(ErrorReport, IsMadeForWhatThisSideRefuses) {
  const auto expect = [](const ErrorReport& error, ErrorKind kind, std::string_view phase) {
    EXPECT_EQ(error.kind, kind);
    EXPECT_EQ(error.phase, phase);
    EXPECT_EQ(error.origin, Origin::kLocal);
  };
  expect(UsageError("bad"), ErrorKind::kUsage, "args");
  expect(ConfigError("bad"), ErrorKind::kConfig, "args");
  expect(InputError("bad"), ErrorKind::kInput, "args");
  expect(InternalError("bad"), ErrorKind::kInternal, "args");
  expect(OutputError("stdout", ENOSPC), ErrorKind::kOutput, "output");
  EXPECT_EQ(ConfigError("bad", "try").hint, "try");
  EXPECT_EQ(InputError("bad", "try").hint, "try");
  EXPECT_EQ(InternalError("bad").message, "bad");
}

TEST(ErrorReport, NamesTheSignalAndWhatWasLeftUndone) {
  EXPECT_EQ(InterruptedError(SIGINT, {}).message, "interrupted by SIGINT");
  EXPECT_EQ(InterruptedError(SIGTERM, "3 left").message, "interrupted by SIGTERM; 3 left");
  EXPECT_EQ(InterruptedError(SIGHUP, {}).message, "interrupted by SIGHUP");
  EXPECT_EQ(InterruptedError(SIGPIPE, {}).message, "interrupted by SIGPIPE");
  EXPECT_EQ(InterruptedError(SIGUSR1, {}).message, "interrupted by a signal");
  EXPECT_EQ(InterruptedError(SIGINT, {}).kind, ErrorKind::kInterrupted);
  EXPECT_EQ(InterruptedError(SIGINT, {}).phase, "drain");
}

TEST(ErrorReport, TellsAReaderThatWentAwayFromAFullDisk) {
  RecordStream records(-1, nullptr);
  EXPECT_FALSE(OutputFailure(records).has_value());
  EXPECT_FALSE(OutputFailure(records, "out.json").has_value());
  records.Fail(ENOSPC);
  EXPECT_EQ(OutputFailure(records)->message, "cannot write to stdout: No space left on device");
  EXPECT_EQ(OutputFailure(records)->signal, 0);
  EXPECT_EQ(OutputFailure(records, "out.json")->message, "cannot write to out.json: No space left on device");
  RecordStream unread(-1, nullptr);
  unread.Fail(EPIPE);
  EXPECT_EQ(OutputFailure(unread)->signal, SIGPIPE);
  EXPECT_EQ(OutputFailure(unread)->message, "");
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
    EXPECT_TRUE(object.at("error").at(key).is_null()) << key;
  }
  EXPECT_EQ(object["error"]["kind"], "usage");
  EXPECT_EQ(object["error"]["phase"], "args");
  EXPECT_EQ(object["error"]["hint"], "try harder");
  EXPECT_EQ(object["exit_code"], 2);
}

TEST(ErrorReport, JsonStaysValidWhateverTheServerSays) {
  ErrorReport error = Rpc(absl::StatusCode::kUnknown);
  error.message = "bad \xFF byte\nand \"quotes\" in Z\xC3\xBCrich";
  error.details = {{"type.googleapis.com/x", std::string("\x00\x01", 2)}};
  const std::string text = TerminalErrorJson(error);
  EXPECT_EQ(text.find('\n'), text.size() - 1);
  const auto object = nlohmann::json::parse(text);
  EXPECT_EQ(object["error"]["details"][0]["type"], "type.googleapis.com/x");
  EXPECT_EQ(object["error"]["details"][0]["value_base64"], "AAE=");
  EXPECT_THAT(text, HasSubstr("Z\xC3\xBCrich"));
  std::string inner = ">";
  AppendErrorObject(inner, error);
  EXPECT_EQ(nlohmann::json::parse(inner.substr(1)), object["error"]);
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
  EXPECT_EQ(TerminalErrorText("lookup", error, true),
            "\x1b[1;31mdispatchctl:\x1b[0m lookup: courier c-9 not found (NOT_FOUND)\n"
            "\x1b[36mhint:\x1b[0m look elsewhere\n");
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
