#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>
#include <thread>

#include "tests/wire/mock/test_client.h"

namespace dispatchctl::mock {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::MatchesRegex;
using Clock = std::chrono::steady_clock;

absl::Status StartError(std::vector<std::string> listen) {
  MockServerOptions options;
  options.listen = std::move(listen);
  return MockServer::Start(options).status();
}

MockServerOptions ListenOn(std::vector<std::string> listen) {
  MockServerOptions options;
  options.listen = std::move(listen);
  return options;
}

TEST(Listen, TellsTheRealPorts) {
  const auto server = StartServer(ListenOn({"127.0.0.1:0", "localhost:0"}));
  EXPECT_THAT(server->addresses(), ElementsAre(MatchesRegex("127\\.0\\.0\\.1:[1-9][0-9]*"),
                                               MatchesRegex("localhost:[1-9][0-9]*")));
  for (const std::string& address : server->addresses()) {
    // Not by name: c-ares 1.18 leaks ten bytes when it resolves localhost.
    TestClient client("ipv4:127.0.0.1" + address.substr(address.rfind(':')));
    EXPECT_EQ(Text(client.Lookup("courier-42")), "OK") << address;
  }
}

TEST(Listen, NamesAPortThatIsTaken) {
  const auto server = StartServer();
  const std::string& address = server->addresses()[0];
  EXPECT_EQ(StartError({"127.0.0.1:0", address}),
            absl::UnavailableError(fmt::format("cannot listen on {}: Address already in use", address)));
}

TEST(Listen, NamesAHostItCannotResolve) {
  EXPECT_THAT(std::string(StartError({"no.such.host.invalid:0"}).message()),
              HasSubstr("cannot listen on no.such.host.invalid:0: "));
}

TEST(Listen, RefusesWhatIsNoAddress) {
  for (const char* text :
       {"", "50051", "localhost", "localhost:", "localhost:x", "localhost:65536", ":0", "::1:0", "unix:"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(StartError({text}))) << text;
  }
  EXPECT_TRUE(absl::IsInvalidArgument(StartError({})));
}

class UnixListen : public testing::Test {
 protected:
  ~UnixListen() override { unlink(path_.c_str()); }

  const std::string path_ = fmt::format("{}mock.{}.sock", testing::TempDir(), getpid());
};

TEST_F(UnixListen, IsForTheOwnerAloneAndGoneAfterwards) {
  auto server = StartServer(ListenOn({"unix:" + path_}));
  EXPECT_THAT(server->addresses(), ElementsAre("unix:" + path_));
  struct stat status {};
  ASSERT_EQ(lstat(path_.c_str(), &status), 0);
  EXPECT_TRUE(S_ISSOCK(status.st_mode));
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  TestClient client("unix:" + path_);
  EXPECT_EQ(Text(client.Lookup("courier-42")), "OK");
  server.reset();
  EXPECT_NE(lstat(path_.c_str(), &status), 0);
}

TEST_F(UnixListen, ReplacesAStaleSocket) {
  const int stale = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  ASSERT_LT(path_.size(), sizeof address.sun_path);
  std::memcpy(address.sun_path, path_.data(), path_.size());
  ASSERT_EQ(bind(stale, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  close(stale);
  const auto server = StartServer(ListenOn({"unix:" + path_}));
  ASSERT_NE(server, nullptr);
  TestClient client("unix:" + path_);
  EXPECT_EQ(Text(client.Lookup("courier-42")), "OK");
}

TEST_F(UnixListen, LeavesALiveSocketAlone) {
  const auto first = StartServer(ListenOn({"unix:" + path_}));
  EXPECT_EQ(StartError({"unix:" + path_}),
            absl::UnavailableError(
                fmt::format("cannot listen on unix:{}: another server is listening there", path_)));
  TestClient client("unix:" + path_);
  EXPECT_EQ(Text(client.Lookup("courier-42")), "OK");
}

TEST_F(UnixListen, LeavesAnotherFileAlone) {
  std::ofstream(path_) << "precious";
  EXPECT_EQ(StartError({"unix:" + path_}),
            absl::UnavailableError(
                fmt::format("cannot listen on unix:{}: the file exists and is not a socket", path_)));
  std::string text;
  std::ifstream(path_) >> text;
  EXPECT_EQ(text, "precious");
}

TEST_F(UnixListen, NamesAPathThatIsTooLong) {
  EXPECT_THAT(std::string(StartError({"unix:/tmp/" + std::string(200, 'x')}).message()),
              HasSubstr("the path is too long"));
}

TEST_F(UnixListen, DoesNotRemoveASocketThatIsNoLongerItsOwn) {
  auto first = StartServer(ListenOn({"unix:" + path_}));
  ASSERT_EQ(unlink(path_.c_str()), 0);
  const auto second = StartServer(ListenOn({"unix:" + path_}));
  first.reset();
  TestClient client("unix:" + path_);
  EXPECT_EQ(Text(client.Lookup("courier-42")), "OK");
}

TEST(Journal, ThatCannotBeOpenedIsAnError) {
  MockServerOptions options;
  options.journal_path = "/nonexistent/journal";
  EXPECT_EQ(MockServer::Start(options).status(),
            absl::InternalError("journal: cannot open /nonexistent/journal: No such file or directory"));
}

// A connection of its own each time: one that is open already may still be served.
void AwaitRefusal(const std::string& target) {
  const Clock::time_point deadline = Clock::now() + kTestDeadline;
  while (Clock::now() < deadline) {
    TestClient client(target);
    if (client.Lookup("courier-42").error_code() == grpc::UNAVAILABLE) return;
  }
  ADD_FAILURE() << "the server still accepts";
}

TEST(Shutdown, LetsAnOpenStreamFinish) {
  const auto server = StartServer();
  TestClient client(server->addresses()[0]);
  TestStream stream(client);
  dispatchpb::AssignmentResult result;
  ASSERT_TRUE(stream.Write(MakeUpdate("a-1")));
  ASSERT_TRUE(stream.Read(result));
  std::thread shutdown([&] { server->Shutdown(kTestDeadline); });
  AwaitRefusal(server->addresses()[0]);
  ASSERT_TRUE(stream.Write(MakeUpdate("a-2")));
  ASSERT_TRUE(stream.Read(result));
  EXPECT_EQ(result.assignment_id(), "a-2");
  stream.HalfClose();
  EXPECT_EQ(Text(stream.Finish()), "OK");
  shutdown.join();
}

TEST(Shutdown, CancelsWhatOutlastsTheGrace) {
  const auto server = StartServer();
  TestClient client(server->addresses()[0]);
  TestStream stream(client);
  dispatchpb::AssignmentResult result;
  ASSERT_TRUE(stream.Write(MakeUpdate("a-1")));
  ASSERT_TRUE(stream.Read(result));
  const Clock::time_point start = Clock::now();
  server->Shutdown(milliseconds(50));
  const Clock::duration elapsed = Clock::now() - start;
  EXPECT_GE(elapsed, milliseconds(50));
  EXPECT_LT(elapsed, seconds(20));
  EXPECT_FALSE(stream.Read(result));
  EXPECT_FALSE(stream.Finish().ok());
}

TEST(Shutdown, DoesNotWaitForDelayedAnswers) {
  MockServerOptions options;
  options.latency = hours(1);
  auto server = StartServer(options);
  TestClient client(server->addresses()[0]);
  TestStream stream(client);
  ASSERT_TRUE(stream.Write(MakeUpdate("a-1")));
  std::thread lookup([&] { EXPECT_EQ(client.Lookup("courier-42").error_code(), grpc::UNAVAILABLE); });
  while (server->lookups(0) == 0 || server->updates(0) == 0) std::this_thread::yield();
  server.reset();
  lookup.join();
  EXPECT_FALSE(stream.Finish().ok());
}

TEST(Shutdown, OfOneBackendLeavesTheOthers) {
  const auto server = StartServer(ListenOn({"127.0.0.1:0", "127.0.0.1:0"}));
  TestClient first(server->addresses()[0]);
  TestClient second(server->addresses()[1]);
  ASSERT_EQ(Text(first.Lookup("courier-42")), "OK");
  server->ShutdownBackend(0);
  EXPECT_EQ(first.Lookup("courier-42").error_code(), grpc::UNAVAILABLE);
  EXPECT_EQ(Text(second.Lookup("courier-42")), "OK");
  EXPECT_EQ(server->lookups(0), 1U);
}

TEST(Shutdown, TwiceIsHarmless) {
  const auto server = StartServer();
  server->Shutdown();
  server->Shutdown(seconds(1));
}

TEST(Shutdown, UnderLoad) {
  for (int i = 0; i < 10; ++i) {
    auto server = StartServer();
    std::vector<std::thread> clients;
    for (int c = 0; c < 3; ++c) {
      clients.emplace_back([&server, c, target = server->addresses()[0]] {
        TestClient client(target);
        TestStream stream(client);
        dispatchpb::AssignmentResult result;
        for (int n = 0;; ++n) {
          if (client.Lookup("courier-42").error_code() == grpc::UNAVAILABLE) return;
          stream.Write(MakeUpdate(fmt::format("{}-{}", c, n)));
          if (c != 0) stream.Read(result);
        }
      });
    }
    while (server->lookups(0) < 20) std::this_thread::yield();
    server->Shutdown(milliseconds(i % 2));
    for (std::thread& client : clients) client.join();
  }
}

TEST(Limits, ConcurrentStreamsWaitTheirTurn) {
  MockServerOptions options;
  options.max_concurrent_streams = 1;
  const auto server = StartServer(options);
  TestClient client(server->addresses()[0]);
  ASSERT_EQ(Text(client.Lookup("courier-42")), "OK");  // the limit is known from now on
  TestStream stream(client);
  dispatchpb::AssignmentResult result;
  ASSERT_TRUE(stream.Write(MakeUpdate("a-1")));
  ASSERT_TRUE(stream.Read(result));
  EXPECT_EQ(client.Lookup("courier-42", nullptr, milliseconds(50)).error_code(), grpc::DEADLINE_EXCEEDED);
  stream.HalfClose();
  EXPECT_EQ(Text(stream.Finish()), "OK");
  EXPECT_EQ(Text(client.Lookup("courier-42")), "OK");
}

TEST(Limits, ConnectionAgeEndsAConnection) {
  MockServerOptions options;
  options.max_connection_age = milliseconds(50);
  options.max_connection_age_grace = milliseconds(50);
  const auto server = StartServer(options);
  TestClient client(server->addresses()[0]);
  TestStream stream(client);
  EXPECT_EQ(stream.Finish().error_code(), grpc::UNAVAILABLE);
}

TEST(Limits, TooManyPingsAreSentAway) {
  MockServerOptions options;
  options.keepalive_min = hours(1);
  const auto server = StartServer(options);
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 20);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  TestClient client(server->addresses()[0], arguments);
  TestStream stream(client);
  const grpc::Status status = stream.Finish();
  EXPECT_EQ(status.error_code(), grpc::UNAVAILABLE);
  EXPECT_THAT(status.error_message(), HasSubstr("Too many pings"));
}

}  // namespace
}  // namespace dispatchctl::mock
