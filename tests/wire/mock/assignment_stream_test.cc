#include <fmt/format.h>
#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/slowdown.h"
#include "tests/wire/mock/test_client.h"

namespace dispatchctl::mock {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(AssignmentStream, AnswersEachUpdateInOrder) {
  const auto server = StartServer();
  TestClient client(server->addresses()[0]);
  EXPECT_THAT(Exchange(client, {MakeUpdate("a-1"), MakeUpdate("a-2", "courier-3"),
                                MakeUpdate("a-3", "nobody"), MakeUpdate("a-4")}),
              ElementsAre("a-1+", "a-2-", "a-3-", "a-4+", "OK"));
  EXPECT_EQ(server->streams(0), 1U);
  EXPECT_EQ(server->updates(0), 4U);
}

TEST(AssignmentStream, EndsWellWithoutAnyUpdate) {
  const auto server = StartServer();
  TestClient client(server->addresses()[0]);
  EXPECT_THAT(Exchange(client, {}), ElementsAre("OK"));
}

// Nothing may be held back while the client waits for it.
TEST(AssignmentStream, AnswersBeforeTheNextUpdate) {
  const auto server = StartServer();
  TestClient client(server->addresses()[0]);
  TestStream stream(client);
  dispatchpb::AssignmentResult result;
  for (int i = 0; i < 100; ++i) {
    const std::string id = "a-" + std::to_string(i);
    ASSERT_TRUE(stream.Write(MakeUpdate(id)));
    ASSERT_TRUE(stream.Read(result));
    ASSERT_EQ(result.assignment_id(), id);
  }
  stream.HalfClose();
  EXPECT_EQ(Text(stream.Finish()), "OK");
}

TEST(AssignmentStream, NamesTheEmptyFieldAfterTheResultsBefore) {
  const auto server = StartServer();
  TestClient client(server->addresses()[0]);
  EXPECT_THAT(Exchange(client, {MakeUpdate("a-1"), MakeUpdate(""), MakeUpdate("a-3")}),
              ElementsAre("a-1+", "3: assignment_id is empty"));
  EXPECT_THAT(Exchange(client, {MakeUpdate("b-1", "")}), ElementsAre("3: courier_id is empty"));
}

TEST(AssignmentStream, EndsWithWhatTheDirectorySays) {
  class Broken final : public CourierDirectory {
   public:
    absl::StatusOr<Courier> Find(std::string_view id) const override {
      if (id == "broken") return absl::UnavailableError("down for repairs");
      return CourierNotFound(id);
    }
  };
  MockServerOptions options;
  options.directory = std::make_shared<Broken>();
  const auto server = StartServer(options);
  TestClient client(server->addresses()[0]);
  EXPECT_THAT(Exchange(client, {MakeUpdate("a-1", "c"), MakeUpdate("a-2", "broken")}),
              ElementsAre("a-1-", "14: down for repairs"));
}

// gRPC's message reader would take it for the end of the stream, and the client would hear OK.
TEST(AssignmentStream, RefusesAnUpdateThatDoesNotParse) {
  const auto server = StartServer();
  TestClient client(server->addresses()[0]);
  TestStream stream(client);
  stream.Write(MakeUpdate("a-1"));
  stream.Write(MakeUpdate("\xff"));
  dispatchpb::AssignmentResult result;
  ASSERT_TRUE(stream.Read(result));
  EXPECT_FALSE(stream.Read(result));
  EXPECT_EQ(Text(stream.Finish()), "13: the message is not a valid AssignmentUpdate");
}

TEST(AssignmentStream, RepeatsADecisionOnAnyStreamAndBackend) {
  const std::string path = fmt::format("{}replay.{}.ndjson", testing::TempDir(), getpid());
  MockServerOptions options;
  options.listen = {"127.0.0.1:0", "127.0.0.1:0"};
  options.journal_path = path;
  {
    const auto server = StartServer(options);
    TestClient first(server->addresses()[0]);
    TestClient second(server->addresses()[1]);
    EXPECT_THAT(Exchange(first, {MakeUpdate("a-1"), MakeUpdate("a-1", "nobody")}),
                ElementsAre("a-1+", "a-1+", "OK"));
    EXPECT_THAT(Exchange(second, {MakeUpdate("a-1", "nobody"), MakeUpdate("a-2", "nobody")}),
                ElementsAre("a-1+", "a-2-", "OK"));
    options.listen = server->addresses();
  }
  std::vector<std::string> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  std::remove(path.c_str());
  const auto line = [&](int n, int backend, std::string_view id, std::string_view courier, bool accepted,
                        bool replay) {
    return fmt::format(
        R"({{"n":{},"listen":"{}","assignment_id":"{}","courier_id":"{}","destination_zone":"zone-7","accepted":{},"replay":{}}})",
        n, options.listen[static_cast<std::size_t>(backend)], id, courier, accepted, replay);
  };
  EXPECT_THAT(
      lines,
      ElementsAre(line(1, 0, "a-1", "courier-42", true, false), line(2, 0, "a-1", "nobody", true, true),
                  line(3, 1, "a-1", "nobody", true, true), line(4, 1, "a-2", "nobody", false, false)));
}

TEST(AssignmentStream, WritesTheJournalBeforeTheResult) {
  const std::string path = fmt::format("{}before.{}.ndjson", testing::TempDir(), getpid());
  MockServerOptions options;
  options.journal_path = path;
  const auto server = StartServer(options);
  TestClient client(server->addresses()[0]);
  TestStream stream(client);
  std::ifstream file(path);
  dispatchpb::AssignmentResult result;
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(stream.Write(MakeUpdate("a-" + std::to_string(i))));
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(stream.Read(result));
    std::string line;
    ASSERT_TRUE(std::getline(file, line)) << i;
    EXPECT_THAT(line, HasSubstr(fmt::format(R"("assignment_id":"{}")", result.assignment_id())));
  }
  std::remove(path.c_str());
  stream.HalfClose();
  EXPECT_EQ(Text(stream.Finish()), "OK");
}

TEST(AssignmentStream, F38FailsWhenTheJournalCannotBeWritten) {
  std::vector<std::string> logged;
  MockServerOptions options;
  options.journal_path = "/dev/full";
  options.log = [&logged](LogLevel level, std::string_view message) {
    if (level == LogLevel::kError) logged.emplace_back(message);
  };
  auto server = StartServer(options);
  TestClient client(server->addresses()[0]);
  const std::string cause = "journal: cannot write /dev/full: No space left on device";
  EXPECT_THAT(Exchange(client, {MakeUpdate("a-1"), MakeUpdate("a-2")}), ElementsAre("13: " + cause));
  EXPECT_THAT(Exchange(client, {MakeUpdate("a-1")}), ElementsAre("13: " + cause));
  EXPECT_EQ(Text(client.Lookup("courier-42")), "OK");
  server.reset();
  EXPECT_THAT(logged, ElementsAre(cause));
}

// Two bursts on a stream of their own. All that is ready at once is corked by both ends, and nothing of it
// may get stuck, least of all on the first write of a stream.
void ExchangeBursts(TestClient& client, int size) {
  TestStream stream(client);
  for (int burst = 0; burst < 2; ++burst) {
    for (int i = 0; i < size; ++i) {
      grpc::WriteOptions options;
      const bool first_write = burst == 0 && i == 0;
      if (i + 1 < size && !first_write) options.set_buffer_hint();
      ASSERT_TRUE(stream.Write(MakeUpdate(fmt::format("{}-{}-{}", size, burst, i)), options));
    }
    dispatchpb::AssignmentResult result;
    for (int i = 0; i < size; ++i) {
      ASSERT_TRUE(stream.Read(result)) << size;
      ASSERT_EQ(result.assignment_id(), fmt::format("{}-{}-{}", size, burst, i));
    }
  }
  stream.HalfClose();
  ASSERT_EQ(Text(stream.Finish()), "OK") << size;
}

TEST(AssignmentStream, GetsBurstsOfEverySizeThrough) {
  const auto server = StartServer();
  TestClient client(server->addresses()[0]);
  for (int size = 1; size <= 1000; size += kSlowdown) ASSERT_NO_FATAL_FAILURE(ExchangeBursts(client, size));
}

// The client's receive window is as small as gRPC makes it: the server's writes stop in the middle of a
// burst.
TEST(AssignmentStream, GetsBurstsThroughATinyWindow) {
  const auto server = StartServer();
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 1);
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  TestClient client(server->addresses()[0], arguments);
  for (int size = 1; size <= 1000; size = size * 4 / 3 + 1)
    ASSERT_NO_FATAL_FAILURE(ExchangeBursts(client, size));
}

// The server stops reading when its results are not read: it never has more than its bound of them, plus what
// the two windows and buffers of 64 KiB hold.
TEST(AssignmentStream, WaitsForAReaderWhoDoesNotRead) {
  const auto server = StartServer();
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  TestClient client(server->addresses()[0], arguments);
  TestStream stream(client);
  constexpr std::uint64_t kUpdates = 30'000 / kSlowdown;
  constexpr std::uint64_t kBound = 1024 + 256;
  const std::string padding(1000, 'x');
  std::thread writer([&] {
    for (std::uint64_t i = 0; i < kUpdates; ++i) stream.Write(MakeUpdate(fmt::format("{}-{}", i, padding)));
    stream.HalfClose();
  });
  while (server->updates(0) < 1024) std::this_thread::yield();
  dispatchpb::AssignmentResult result;
  std::uint64_t received = 0;
  std::uint64_t most_behind = 0;
  while (stream.Read(result)) {
    most_behind = std::max(most_behind, server->updates(0) - received);
    ASSERT_TRUE(result.assignment_id().starts_with(fmt::format("{}-x", received)));
    ++received;
  }
  writer.join();
  EXPECT_EQ(received, kUpdates);
  EXPECT_LE(most_behind, kBound);
  EXPECT_EQ(Text(stream.Finish()), "OK");
}

TEST(AssignmentStream, ManyStreamsAtOnce) {
  const auto server = StartServer();
  constexpr int kStreams = 50;
  constexpr int kUpdates = 200;
  TestClient client(server->addresses()[0]);
  std::vector<std::unique_ptr<TestStream>> streams;
  for (int s = 0; s < kStreams; ++s) streams.push_back(std::make_unique<TestStream>(client));
  for (int i = 0; i < kUpdates; ++i) {
    for (int s = 0; s < kStreams; ++s) {
      ASSERT_TRUE(streams[static_cast<std::size_t>(s)]->Write(MakeUpdate(fmt::format("{}-{}", s, i))));
    }
  }
  dispatchpb::AssignmentResult result;
  for (int s = 0; s < kStreams; ++s) {
    TestStream& stream = *streams[static_cast<std::size_t>(s)];
    stream.HalfClose();
    for (int i = 0; i < kUpdates; ++i) {
      ASSERT_TRUE(stream.Read(result));
      ASSERT_EQ(result.assignment_id(), fmt::format("{}-{}", s, i));
    }
    ASSERT_EQ(Text(stream.Finish()), "OK");
  }
  EXPECT_EQ(server->streams(0), static_cast<std::uint64_t>(kStreams));
}

TEST(AssignmentStream, KeepsItsOrderThroughLatencyAndJitter) {
  MockServerOptions options;
  options.latency = milliseconds(5);
  options.jitter = milliseconds(5);
  const auto server = StartServer(options);
  TestClient client(server->addresses()[0]);
  std::vector<dispatchpb::AssignmentUpdate> updates;
  std::vector<std::string> expected;
  for (int i = 0; i < 1000; ++i) {
    updates.push_back(MakeUpdate("a-" + std::to_string(i)));
    expected.push_back("a-" + std::to_string(i) + "+");
  }
  expected.emplace_back("OK");
  EXPECT_EQ(Exchange(client, updates), expected);
}

TEST(AssignmentStream, HoldsEachResultBackForTheLatency) {
  MockServerOptions options;
  options.latency = milliseconds(50);
  const auto server = StartServer(options);
  TestClient client(server->addresses()[0]);
  TestStream stream(client);
  dispatchpb::AssignmentResult result;
  for (int i = 0; i < 3; ++i) {
    const auto start = std::chrono::steady_clock::now();
    ASSERT_TRUE(stream.Write(MakeUpdate("a-" + std::to_string(i))));
    ASSERT_TRUE(stream.Read(result));
    EXPECT_GE(std::chrono::steady_clock::now() - start, milliseconds(50));
  }
}

TEST(AssignmentStream, SurvivesClientsThatLeave) {
  MockServerOptions options;
  options.latency = milliseconds(1);
  const auto server = StartServer(options);
  for (int i = 0; i < 100; ++i) {
    TestClient client(server->addresses()[0]);
    TestStream stream(client);
    for (int k = 0; k < i; ++k) stream.Write(MakeUpdate(fmt::format("{}-{}", i, k)));
    dispatchpb::AssignmentResult result;
    if (i > 50) {
      ASSERT_TRUE(stream.Read(result));
    }
    if (i % 2 == 0) stream.HalfClose();
    stream.Cancel();
    EXPECT_EQ(stream.Finish().error_code(), grpc::CANCELLED);
  }
  TestClient client(server->addresses()[0]);
  EXPECT_THAT(Exchange(client, {MakeUpdate("last")}), ElementsAre("last+", "OK"));
}

}  // namespace
}  // namespace dispatchctl::mock
