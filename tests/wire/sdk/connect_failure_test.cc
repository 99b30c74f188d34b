// Each way of not getting connected, told apart from the others.

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "service.h"

namespace dispatchctl {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

// A TCP port that takes connections and never says a word; or, once closed, one that refuses them.
class SilentPort {
 public:
  SilentPort() : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(listen(fd_, 16), 0);
    socklen_t length = sizeof(address);
    EXPECT_EQ(getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &length), 0);
    port_ = ntohs(address.sin_port);
  }
  ~SilentPort() { Close(); }
  SilentPort(const SilentPort&) = delete;
  SilentPort& operator=(const SilentPort&) = delete;

  void Close() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }
  std::string target() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  int fd_;
  int port_ = 0;
};

struct Failure {
  absl::Status status;
  CallReport report;
};

Failure Fail(ClientOptions options) {
  const Client client = Service::Connect(std::move(options));
  Failure failure;
  failure.status = client.GetCourierStatus("courier-1", {}, &failure.report).status();
  return failure;
}

TEST(ConnectFailure, Refused) {
  SilentPort port;
  port.Close();
  ClientOptions options;
  options.target = port.target();
  const Failure failure = Fail(options);
  EXPECT_EQ(failure.status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(failure.report.phase, Phase::kConnect);
  EXPECT_EQ(failure.status.message(), "cannot connect to " + port.target() + ": Connection refused");
}

TEST(ConnectFailure, F13ServerThatSaysNothingIsGivenUpAtTheConnectTimeout) {
  SilentPort port;
  for (const auto security : {TransportSecurity::kPlaintext, TransportSecurity::kTls}) {
    ClientOptions options;
    options.target = port.target();
    options.security = security;
    options.connect_timeout = milliseconds(300);
    const Failure failure = Fail(options);
    EXPECT_EQ(failure.status.code(), absl::StatusCode::kUnavailable) << failure.status;
    EXPECT_EQ(failure.report.phase, security == TransportSecurity::kTls ? Phase::kTls : Phase::kConnect);
    EXPECT_THAT(std::string(failure.status.message()), HasSubstr("timed out"));
    EXPECT_GE(failure.report.elapsed, milliseconds(300));
    EXPECT_LT(failure.report.elapsed, seconds(9));
  }
}

TEST(ConnectFailure, DeadlineWhileConnectingIsNotTakenForASlowAnswer) {
  SilentPort port;
  ClientOptions options;
  options.target = port.target();
  options.call_defaults.total_timeout = milliseconds(100);
  const Failure failure = Fail(options);
  EXPECT_EQ(failure.status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(failure.report.phase, Phase::kConnect);
  EXPECT_THAT(std::string(failure.status.message()), HasSubstr("no connection to " + port.target()));
}

TEST(ConnectFailure, F26TlsToAPlaintextServer) {
  Service service;
  ClientOptions options;
  options.target = service.target();
  options.security = TransportSecurity::kTls;
  const Failure failure = Fail(options);
  EXPECT_EQ(failure.report.phase, Phase::kTls);
  EXPECT_THAT(std::string(failure.status.message()), HasSubstr("wrong version number"));
  EXPECT_FALSE(failure.report.retryable);
}

TEST(ConnectFailure, F28UnknownHost) {
  ClientOptions options;
  options.target = "no-such-host.invalid:443";
  options.connect_timeout = seconds(2);
  const Failure failure = Fail(options);
  EXPECT_EQ(failure.status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(failure.report.phase, Phase::kResolve);
  EXPECT_THAT(std::string(failure.status.message()), HasSubstr("cannot resolve no-such-host.invalid"));
}

TEST(ConnectFailure, MissingUnixSocket) {
  ClientOptions options;
  options.target = "unix:/nonexistent/dispatch.sock";
  const Failure failure = Fail(options);
  EXPECT_EQ(failure.report.phase, Phase::kConnect);
  EXPECT_THAT(std::string(failure.status.message()), HasSubstr("No such file"));
}

TEST(ConnectFailure, OfAStreamIsItsStatus) {
  SilentPort port;
  port.Close();
  ClientOptions options;
  options.target = port.target();
  CallReport report;
  StreamOptions stream_options;
  stream_options.on_result = [](AssignmentOutcome&&) {};
  stream_options.on_finished = [&](const absl::Status&, const CallReport& finished) { report = finished; };
  auto stream = Service::Connect(options).StreamAssignments(std::move(stream_options));
  ASSERT_TRUE(stream.ok());
  (*stream)->Submit({"a-1", "courier-1", "z"}).IgnoreError();
  EXPECT_EQ((*stream)->Finish().message(), "cannot connect to " + port.target() + ": Connection refused");
  EXPECT_EQ(report.phase, Phase::kConnect);
}

}  // namespace
}  // namespace dispatchctl
