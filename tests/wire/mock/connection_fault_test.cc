// Each fault of connections as a client meets it, and as the bytes on a bare socket show it.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "mock-server/faults/descriptor.h"
#include "tests/wire/mock/test_client.h"

namespace dispatchctl::mock {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::MatchesRegex;
using Clock = std::chrono::steady_clock;

std::unique_ptr<MockServer> StartRelayed(std::vector<std::string> faults,
                                         std::vector<std::string> listen = {"127.0.0.1:0"}) {
  MockServerOptions options;
  options.listen = std::move(listen);
  options.faults = std::move(faults);
  options.connection_faults = true;
  return StartServer(std::move(options));
}

// A client that connects again at once after a failure.
TestClient QuickClient(const std::string& target) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 1);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 10'000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 10);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  return TestClient(target, arguments);
}

// A bare connection to "127.0.0.1:port" or "unix:PATH".
class BareClient {
 public:
  explicit BareClient(const std::string& target) {
    sockaddr_storage storage{};
    socklen_t size = 0;
    if (target.starts_with("unix:")) {
      auto& address = reinterpret_cast<sockaddr_un&>(storage);
      address.sun_family = AF_UNIX;
      std::memcpy(address.sun_path, target.data() + 5, target.size() - 5);
      size = sizeof address;
    } else {
      auto& address = reinterpret_cast<sockaddr_in&>(storage);
      address.sin_family = AF_INET;
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(target.substr(target.rfind(':') + 1))));
      size = sizeof address;
    }
    socket_ = Descriptor(socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    error_ = connect(socket_.get(), reinterpret_cast<const sockaddr*>(&storage), size) == 0 ? 0 : errno;
  }

  // Of the connect.
  int error() const { return error_; }

  // As an HTTP/2 client begins.
  void Greet() {
    constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    const std::string greeting = std::string(kPreface) + std::string("\0\0\0\4\0\0\0\0\0", 9);
    EXPECT_EQ(send(socket_.get(), greeting.data(), greeting.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(greeting.size()));
  }

  // Up to so many bytes; less at the end, at an error (then error() is of the receive), or when for so long
  // nothing comes.
  std::string Receive(std::size_t size, milliseconds patience = kTestDeadline) {
    std::string received;
    while (received.size() < size) {
      pollfd wait{socket_.get(), POLLIN, 0};
      if (poll(&wait, 1, static_cast<int>(patience.count())) == 0) break;
      char c = 0;
      const ssize_t count = recv(socket_.get(), &c, 1, 0);
      error_ = count < 0 ? errno : 0;
      if (count <= 0) break;
      received += c;
    }
    return received;
  }

 private:
  Descriptor socket_;
  int error_ = 0;
};

TEST(Relay, PassesEverythingOn) {
  const std::string path = fmt::format("{}relay.{}.sock", testing::TempDir(), getpid());
  auto server = StartRelayed({}, {"127.0.0.1:0", "unix:" + path, "localhost:0"});
  EXPECT_THAT(server->addresses(), ElementsAre(MatchesRegex("127\\.0\\.0\\.1:[1-9][0-9]*"), "unix:" + path,
                                               MatchesRegex("localhost:[1-9][0-9]*")));
  const std::string& by_name = server->addresses()[2];
  for (const std::string& target :
       {server->addresses()[0], server->addresses()[1], "127.0.0.1" + by_name.substr(by_name.rfind(':'))}) {
    TestClient client(target);
    EXPECT_EQ(Text(client.Lookup("courier-42")), "OK");
    EXPECT_EQ(Text(client.Lookup("nobody")), "5: courier nobody not found");
    std::vector<dispatchpb::AssignmentUpdate> updates;
    std::vector<std::string> expected;
    for (int i = 0; i < 3000; ++i) {
      updates.push_back(MakeUpdate(std::to_string(i)));
      expected.push_back(std::to_string(i) + "+");
    }
    expected.emplace_back("OK");
    EXPECT_EQ(Exchange(client, updates), expected);
  }
  server.reset();
  EXPECT_NE(access(path.c_str(), F_OK), 0);
}

// A writer ahead of its reader is stopped, and loses nothing.
TEST(Relay, PassesLargeMessagesBothWays) {
  const auto server = StartRelayed({"big-message=3MiB"});
  TestClient client(server->addresses()[0]);
  dispatchpb::CourierStatusReply reply;
  EXPECT_EQ(Text(client.Lookup("courier-42", &reply)), "OK");
  EXPECT_GT(reply.ByteSizeLong(), 3U * 1024 * 1024);
  dispatchpb::AssignmentUpdate update = MakeUpdate("a-1");
  update.set_destination_zone(std::string(3 * 1024 * 1024, 'x'));
  server->ClearFaults();
  EXPECT_THAT(Exchange(client, {update, update}), ElementsAre("a-1+", "a-1+", "OK"));
}

TEST(Relay, NamesAPortThatIsTaken) {
  const auto server = StartServer();
  MockServerOptions options;
  options.listen = server->addresses();
  options.connection_faults = true;
  EXPECT_EQ(MockServer::Start(options).status(),
            absl::UnavailableError(
                fmt::format("cannot listen on {}: Address already in use", server->addresses()[0])));
}

TEST(Relay, LetsAnOpenStreamFinishAtTheShutdownAndRefusesOthers) {
  const auto server = StartRelayed({});
  TestClient client(server->addresses()[0]);
  TestStream stream(client);
  dispatchpb::AssignmentResult result;
  ASSERT_TRUE(stream.Write(MakeUpdate("a-1")));
  ASSERT_TRUE(stream.Read(result));
  std::thread shutdown([&] { server->Shutdown(kTestDeadline); });
  EXPECT_TRUE(Await([&] { return BareClient(server->addresses()[0]).error() == ECONNREFUSED; }));
  ASSERT_TRUE(stream.Write(MakeUpdate("a-2")));
  ASSERT_TRUE(stream.Read(result));
  stream.HalfClose();
  EXPECT_EQ(Text(stream.Finish()), "OK");
  shutdown.join();
}

TEST(Relay, EndsUnderLoad) {
  for (int i = 0; i < 5; ++i) {
    const auto server = StartRelayed({});
    std::vector<std::thread> clients;
    for (int c = 0; c < 3; ++c) {
      clients.emplace_back([&server] {
        TestClient client(server->addresses()[0]);
        while (client.Lookup("courier-42").error_code() != grpc::UNAVAILABLE) {
        }
      });
    }
    EXPECT_TRUE(Await([&] { return server->lookups(0) > 20; }));
    server->Shutdown(milliseconds(i % 2));
    for (std::thread& client : clients) client.join();
  }
}

TEST(ConnectionFault, TakesARelay) {
  const auto server = StartServer();
  EXPECT_EQ(
      server->SetFaults({"hang", "refuse"}),
      absl::FailedPreconditionError("fault 'refuse' takes a server that was started with connection_faults"));
  MockServerOptions options;
  options.faults = {"blackhole,nth=1000"};
  const auto relayed = StartServer(options);
  EXPECT_EQ(relayed->SetFaults({"refuse"}), absl::OkStatus());
}

TEST(ConnectionFault, GoawayMovesLookupsToANewConnectionWithoutAnError) {
  const auto server = StartRelayed({"goaway-after=3"});
  TestClient client = QuickClient(server->addresses()[0]);
  for (int i = 0; i < 30; ++i) EXPECT_EQ(Text(client.Lookup("courier-42")), "OK") << i;
  EXPECT_GE(server->fault_counts()[0].matched, 5U);
}

TEST(ConnectionFault, GoawayLetsAnOpenStreamFinish) {
  const auto server = StartRelayed({"goaway-after=2,first=1"});
  TestClient client = QuickClient(server->addresses()[0]);
  auto stream = std::make_unique<TestStream>(client);
  dispatchpb::AssignmentResult result;
  for (int i = 1; i <= 5; ++i) {
    ASSERT_TRUE(stream->Write(MakeUpdate("a-" + std::to_string(i))));
    ASSERT_TRUE(stream->Read(result));
  }
  // What begins now does so on another connection.
  EXPECT_TRUE(Await([&] {
    EXPECT_EQ(Text(client.Lookup("courier-42")), "OK");
    return server->fault_counts()[0].matched == 2;
  }));
  ASSERT_TRUE(stream->Write(MakeUpdate("a-6")));
  ASSERT_TRUE(stream->Read(result));
  EXPECT_EQ(result.assignment_id(), "a-6");
  stream->HalfClose();
  EXPECT_EQ(Text(stream->Finish()), "OK");
  // The client closes what it was sent away from, once it has no call there.
  stream.reset();
  EXPECT_TRUE(Await([&] { return server->fault_counts()[0].under_way == 0; }));
}

TEST(ConnectionFault, TcpResetComesAfterSoManyBytes) {
  const auto server = StartRelayed({"tcp-reset-after=0,nth=1", "tcp-reset-after=40,nth=2"});
  BareClient at_once(server->addresses()[0]);
  EXPECT_EQ(at_once.Receive(1), "");
  EXPECT_EQ(at_once.error(), ECONNRESET);
  BareClient later(server->addresses()[0]);
  later.Greet();
  later.Receive(1000);
  EXPECT_EQ(later.error(), ECONNRESET);
}

// Updates one by one until the stream fails; the status it ends with.
grpc::Status ExchangeUntilItFails(TestClient& client) {
  TestStream stream(client);
  dispatchpb::AssignmentResult result;
  for (int i = 0; i < 10'000; ++i) {
    if (!stream.Write(MakeUpdate(std::to_string(i))) || !stream.Read(result)) return stream.Finish();
  }
  return grpc::Status::OK;
}

TEST(ConnectionFault, TcpResetFailsTheCallAndIsOver) {
  const auto server = StartRelayed({"tcp-reset-after=1KiB,first=1"});
  TestClient client = QuickClient(server->addresses()[0]);
  EXPECT_EQ(ExchangeUntilItFails(client).error_code(), grpc::UNAVAILABLE);
  EXPECT_TRUE(Await([&] { return client.Lookup("courier-42").ok(); }));
  for (int i = 0; i < 100; ++i) EXPECT_EQ(Text(client.Lookup("courier-42")), "OK");
}

TEST(ConnectionFault, TcpResetComesInTheMiddleOfAReply) {
  const auto server = StartRelayed({"tcp-reset-after=1MiB,first=1", "big-message=2MiB"});
  TestClient client = QuickClient(server->addresses()[0]);
  EXPECT_EQ(client.Lookup("courier-42").error_code(), grpc::UNAVAILABLE);
  EXPECT_TRUE(Await([&] { return client.Lookup("courier-42").ok(); }));
}

TEST(ConnectionFault, RefuseLeavesNobodyListening) {
  const std::string path = fmt::format("{}refuse.{}.sock", testing::TempDir(), getpid());
  const auto server = StartRelayed({"refuse"}, {"127.0.0.1:0", "unix:" + path});
  for (const std::string& address : server->addresses()) {
    EXPECT_EQ(BareClient(address).error(), ECONNREFUSED) << address;
    EXPECT_EQ(TestClient(address).Lookup("courier-42").error_code(), grpc::UNAVAILABLE);
  }
  server->ClearFaults();
  for (const std::string& address : server->addresses()) {
    EXPECT_TRUE(Await([&] { return BareClient(address).error() == 0; })) << address;
    EXPECT_EQ(Text(TestClient(address).Lookup("courier-42")), "OK");
  }
  ASSERT_EQ(server->SetFaults({"refuse,listen=1"}), absl::OkStatus());
  EXPECT_TRUE(Await([&] { return BareClient(server->addresses()[1]).error() == ECONNREFUSED; }));
  EXPECT_EQ(BareClient(server->addresses()[0]).error(), 0);
}

TEST(ConnectionFault, RefuseLeavesOpenConnectionsAlone) {
  const auto server = StartRelayed({"refuse,after=1"});
  TestClient client(server->addresses()[0]);
  EXPECT_EQ(Text(client.Lookup("courier-42")), "OK");
  EXPECT_EQ(BareClient(server->addresses()[0]).error(), ECONNREFUSED);
  EXPECT_EQ(Text(client.Lookup("courier-42")), "OK");
}

TEST(ConnectionFault, RefuseThatIsCountedResets) {
  const auto server = StartRelayed({"refuse,first=2"});
  for (int i = 0; i < 2; ++i) {
    BareClient client(server->addresses()[0]);
    EXPECT_EQ(client.Receive(1), "");
    EXPECT_EQ(client.error(), ECONNRESET);
  }
  TestClient client(server->addresses()[0]);
  EXPECT_EQ(Text(client.Lookup("courier-42")), "OK");
}

TEST(ConnectionFault, DripIsAsSlowAsAsked) {
  const auto server = StartRelayed({"drip=20B/s"});
  BareClient client(server->addresses()[0]);
  const Clock::time_point start = Clock::now();
  client.Greet();
  EXPECT_EQ(client.Receive(20).size(), 20U);
  // One portion less than a second's worth: what gathers while nobody sends.
  EXPECT_GE(Clock::now() - start, milliseconds(800));
  TestClient late(server->addresses()[0]);
  EXPECT_EQ(late.Lookup("courier-42", nullptr, kNoAnswer).error_code(), grpc::DEADLINE_EXCEEDED);
}

TEST(ConnectionFault, DripLosesNothing) {
  const auto server = StartRelayed({"drip=10KiB/s"});
  TestClient client(server->addresses()[0]);
  std::vector<dispatchpb::AssignmentUpdate> updates;
  std::vector<std::string> expected;
  for (int i = 0; i < 300; ++i) {
    updates.push_back(MakeUpdate(std::to_string(i)));
    expected.push_back(std::to_string(i) + "+");
  }
  expected.emplace_back("OK");
  EXPECT_EQ(Exchange(client, updates), expected);
}

TEST(ConnectionFault, BadBytesComeAfterSoManyGoodOnes) {
  const auto server = StartRelayed({"bad-bytes-after=11,first=1"});
  BareClient bare(server->addresses()[0]);
  bare.Greet();
  const std::string received = bare.Receive(27);
  BareClient whole(server->addresses()[0]);
  whole.Greet();
  EXPECT_EQ(received, whole.Receive(11) + std::string(16, '\xff'));
}

TEST(ConnectionFault, BadBytesFailTheCallAndAreOver) {
  const auto server = StartRelayed({"bad-bytes-after=1KiB,first=1"});
  TestClient client = QuickClient(server->addresses()[0]);
  const grpc::Status status = ExchangeUntilItFails(client);
  // gRPC's client calls a connection that breaks off like this by either name.
  EXPECT_THAT(status.error_code(), testing::AnyOf(grpc::UNKNOWN, grpc::UNAVAILABLE)) << Text(status);
  EXPECT_TRUE(Await([&] { return client.Lookup("courier-42").ok(); }));
  for (int i = 0; i < 100; ++i) EXPECT_EQ(Text(client.Lookup("courier-42")), "OK");
}

TEST(ConnectionFault, BlackholeKeepsTheConnectionAndSaysNothing) {
  const auto server = StartRelayed({"blackhole,first=1"});
  BareClient bare(server->addresses()[0]);
  EXPECT_EQ(bare.error(), 0);
  bare.Greet();
  EXPECT_EQ(bare.Receive(1, kNoAnswer), "");
  bare.Greet();
  EXPECT_EQ(bare.error(), 0);
  EXPECT_EQ(server->fault_counts()[0].under_way, 1U);
  TestClient client(server->addresses()[0]);
  EXPECT_EQ(Text(client.Lookup("courier-42")), "OK");
}

TEST(ConnectionFault, BlackholeEndsWithTheClient) {
  const auto server = StartRelayed({"blackhole"});
  {
    const BareClient bare(server->addresses()[0]);
    EXPECT_TRUE(Await([&] { return server->fault_counts()[0].under_way == 1; }));
  }
  EXPECT_TRUE(Await([&] { return server->fault_counts()[0].under_way == 0; }));
}

TEST(ConnectionFault, BlackholeAfterSoManyBytes) {
  const auto server = StartRelayed({"blackhole-after=2KiB"});
  TestClient client(server->addresses()[0]);
  int answered = 0;
  while (client.Lookup("courier-42", nullptr, kNoAnswer).ok()) ++answered;
  EXPECT_GT(answered, 2);
  EXPECT_LT(answered, 100);
}

// A client with keepalive finds out, and gets on elsewhere.
TEST(ConnectionFault, BlackholeStrikesOpenConnectionsWhenItIsSet) {
  MockServerOptions options;
  options.connection_faults = true;
  options.keepalive_min = milliseconds(1);
  const auto server = StartServer(options);
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 100);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 100);
  TestClient client(server->addresses()[0], arguments);
  TestStream stream(client);
  dispatchpb::AssignmentResult result;
  ASSERT_TRUE(stream.Write(MakeUpdate("a-1")));
  ASSERT_TRUE(stream.Read(result));
  ASSERT_EQ(server->SetFaults({"blackhole,first=1"}), absl::OkStatus());
  ASSERT_TRUE(Await([&] { return server->fault_counts()[0].under_way == 1; }));
  EXPECT_TRUE(stream.Write(MakeUpdate("a-2")));
  EXPECT_FALSE(stream.Read(result));
  EXPECT_EQ(stream.Finish().error_code(), grpc::UNAVAILABLE);
  EXPECT_EQ(server->updates(0), 1U);
  EXPECT_TRUE(Await([&] { return client.Lookup("courier-42").ok(); }));
}

TEST(ConnectionFault, IsForTheBackendThatIsNamed) {
  const auto server = StartRelayed({"tcp-reset-after=0,listen=1"}, {"127.0.0.1:0", "127.0.0.1:0"});
  EXPECT_EQ(Text(TestClient(server->addresses()[0]).Lookup("courier-42")), "OK");
  EXPECT_EQ(TestClient(server->addresses()[1]).Lookup("courier-42").error_code(), grpc::UNAVAILABLE);
}

TEST(ConnectionFault, ManyConnectionsAtOnce) {
  const auto server = StartRelayed({"tcp-reset-after=200,every=3"});
  std::vector<std::unique_ptr<BareClient>> idle;
  for (int i = 0; i < 300; ++i) idle.push_back(std::make_unique<BareClient>(server->addresses()[0]));
  TestClient client = QuickClient(server->addresses()[0]);
  EXPECT_TRUE(Await([&] { return client.Lookup("courier-42").ok(); }));
  for (const auto& each : idle) EXPECT_EQ(each->error(), 0);
}

}  // namespace
}  // namespace dispatchctl::mock
