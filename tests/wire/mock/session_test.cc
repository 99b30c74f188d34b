// What calls say about themselves in their metadata: the session they belong to, and faults of their own.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/wire/mock/test_client.h"

namespace dispatchctl::mock {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;
using testing::StartsWith;

using Metadata = std::vector<std::pair<std::string, std::string>>;

std::unique_ptr<grpc::ClientContext> ContextWith(const Metadata& metadata) {
  auto context = MakeContext();
  for (const auto& [key, value] : metadata) context->AddMetadata(key, value);
  return context;
}

std::string Lookup(TestClient& client, const std::string& id, const Metadata& metadata) {
  const auto context = ContextWith(metadata);
  dispatchpb::CourierLookupRequest request;
  request.set_courier_id(id);
  dispatchpb::CourierStatusReply reply;
  return Text(client.stub().GetCourierStatus(context.get(), request, &reply));
}

// As Exchange() does, with metadata.
std::vector<std::string> Assign(TestClient& client, const std::vector<std::string>& ids,
                                const Metadata& metadata) {
  const auto context = ContextWith(metadata);
  const auto stream = client.stub().StreamAssignments(context.get());
  for (const std::string& id : ids) stream->Write(MakeUpdate(id));
  stream->WritesDone();
  std::vector<std::string> told;
  dispatchpb::AssignmentResult result;
  while (stream->Read(&result)) told.push_back(result.assignment_id() + (result.accepted() ? "+" : "-"));
  told.push_back(Text(stream->Finish()));
  return told;
}

class MetadataFaults : public testing::Test {
 protected:
  MetadataFaults() {
    MockServerOptions options;
    options.metadata_faults = true;
    options.faults = {"latency=1ms,courier_id=courier-9"};
    server_ = StartServer(std::move(options));
    client_.emplace(server_->addresses()[0]);
  }

  std::unique_ptr<MockServer> server_;
  std::optional<TestClient> client_;
};

TEST_F(MetadataFaults, StrikeTheCallThatAsksForThem) {
  EXPECT_EQ(Lookup(*client_, "courier-42", {{"x-mock-fault", "status=ABORTED,message=asked for"}}),
            "10: asked for");
  EXPECT_EQ(Lookup(*client_, "courier-42", {}), "OK");
  EXPECT_THAT(Assign(*client_, {"a-1", "a-2", "a-3"},
                     {{"x-mock-fault", "drop-result=2"}, {"x-mock-fault", "duplicate=3"}}),
              ElementsAre("a-1+", "a-3+", "a-3+", "OK"));
  EXPECT_THAT(Assign(*client_, {"a-1", "a-2"}, {{"x-mock-fault", "close-after=1:UNAVAILABLE,message=gone"}}),
              ElementsAre("a-1+", "14: gone"));
  EXPECT_THAT(Assign(*client_, {"a-1", "a-2"}, {}), ElementsAre("a-1+", "a-2+", "OK"));
}

TEST_F(MetadataFaults, AddToTheServersOwn) {
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(Lookup(*client_, "courier-9", {{"x-mock-fault", "latency=30ms"}}), "OK");
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(31));
  EXPECT_EQ(server_->fault_counts()[0].fired, 1U);
}

TEST_F(MetadataFaults, ThatAreWrongEndTheCall) {
  EXPECT_THAT(Lookup(*client_, "courier-42", {{"x-mock-fault", "explode"}}),
              StartsWith("3: x-mock-fault: fault 'explode': 'explode' is not a fault; use latency"));
  EXPECT_THAT(
      Lookup(*client_, "courier-42", {{"x-mock-fault", "hang"}, {"x-mock-fault", "tcp-reset-after=1KiB"}}),
      StartsWith("3: x-mock-fault: fault 'tcp-reset-after=1KiB' concerns a connection"));
  EXPECT_THAT(Assign(*client_, {"a-1"}, {{"x-mock-fault", "latency=5"}}),
              ElementsAre(StartsWith("3: x-mock-fault: fault 'latency=5': latency: '5' has no unit")));
}

TEST_F(MetadataFaults, HangEndsWithTheCall) {
  const auto context = ContextWith({{"x-mock-fault", "hang"}});
  context->set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(50));
  dispatchpb::CourierLookupRequest request;
  request.set_courier_id("courier-42");
  dispatchpb::CourierStatusReply reply;
  EXPECT_EQ(client_->stub().GetCourierStatus(context.get(), request, &reply).error_code(),
            grpc::DEADLINE_EXCEEDED);
  server_->Shutdown(kTestDeadline);
}

TEST(MetadataFaultsOff, MeanNothing) {
  const auto server = StartServer();
  TestClient client(server->addresses()[0]);
  EXPECT_EQ(Lookup(client, "courier-42", {{"x-mock-fault", "status=ABORTED"}}), "OK");
  EXPECT_EQ(Lookup(client, "courier-42", {{"x-mock-fault", "explode"}, {"x-mock-session", "s"}}), "OK");
  EXPECT_THAT(Assign(client, {"a-1"}, {{"x-mock-fault", "drop-result=1"}}), ElementsAre("a-1+", "OK"));
  EXPECT_EQ(server->SetFaults({}, "s"),
            absl::FailedPreconditionError("there is no session 's': sessions are not served"));
  EXPECT_EQ(server->calls().status(),
            absl::FailedPreconditionError("calls are not recorded: record_bytes is 0"));
}

class Sessions : public testing::Test {
 protected:
  Sessions() {
    MockServerOptions options;
    options.max_sessions = 2;
    options.record_bytes = 1U << 20U;
    server_ = StartServer(std::move(options));
    client_.emplace(server_->addresses()[0]);
  }

  static Metadata In(const std::string& session) { return {{"x-mock-session", session}}; }

  std::unique_ptr<MockServer> server_;
  std::optional<TestClient> client_;
};

TEST_F(Sessions, HaveFaultsScenariosAndCallsApart) {
  ASSERT_TRUE(server_->SetFaults({"status=ABORTED,message=a"}, "a").ok());
  ASSERT_TRUE(
      server_->SetScenarios(ParseScenarios("scenario lookup\nexpect\nreply current_zone=moon\n", "p"), "b")
          .ok());
  EXPECT_EQ(Lookup(*client_, "courier-1", In("a")), "10: a");
  EXPECT_EQ(Lookup(*client_, "courier-2", In("b")), "OK");
  EXPECT_EQ(Lookup(*client_, "courier-3", {}), "OK");
  EXPECT_EQ(server_->Complaints({"lookup,courier_id=courier-1,status=ABORTED,count=1"},
                                {.nothing_else = true}, "a"),
            "");
  EXPECT_EQ(server_->Complaints({"lookup,courier_id=courier-2,count=1"}, {.nothing_else = true}, "b"), "");
  EXPECT_EQ(server_->Complaints({"lookup,courier_id=courier-3,count=1"}, {.nothing_else = true}), "");
  const auto calls = server_->calls("b");
  ASSERT_TRUE(calls.ok());
  ASSERT_THAT(calls->calls, SizeIs(1));
  EXPECT_THAT(calls->calls[0].messages[1].json, HasSubstr(R"("current_zone":"moon")"));
  EXPECT_THAT(server_->sessions(), testing::UnorderedElementsAre("a", "b"));
}

TEST_F(Sessions, TakeDecisionsOfTheirOwn) {
  MockServerOptions options;
  options.max_sessions = 2;
  options.journal_path = testing::TempDir() + "session_test." + std::to_string(getpid());
  const std::string path = options.journal_path;
  const auto server = StartServer(std::move(options));
  TestClient client(server->addresses()[0]);
  for (const Metadata& metadata : {In("a"), In("a"), In("b"), Metadata{}}) {
    EXPECT_THAT(Assign(client, {"a-1"}, metadata), ElementsAre("a-1+", "OK"));
  }
  std::vector<std::string> replays;
  std::ifstream journal(path);
  for (std::string line; std::getline(journal, line);)
    replays.push_back(line.substr(line.find("\"replay\"")));
  unlink(path.c_str());
  EXPECT_THAT(replays,
              ElementsAre("\"replay\":false}", "\"replay\":true}", "\"replay\":false}", "\"replay\":false}"));
}

TEST_F(Sessions, AreResetAlone) {
  ASSERT_TRUE(server_->SetFaults({"status=ABORTED"}, "a").ok());
  ASSERT_TRUE(server_->SetFaults({"status=DATA_LOSS"}, "b").ok());
  Lookup(*client_, "courier-1", In("a"));
  Lookup(*client_, "courier-1", In("b"));
  ASSERT_TRUE(server_->Reset("a").ok());
  EXPECT_THAT(server_->calls("a")->calls, IsEmpty());
  EXPECT_THAT(server_->calls("b")->calls, SizeIs(1));
  EXPECT_EQ(Lookup(*client_, "courier-1", In("a")), "OK");
  EXPECT_THAT(Lookup(*client_, "courier-1", In("b")), StartsWith("15: "));
  server_->ResetAll();
  EXPECT_EQ(Lookup(*client_, "courier-1", In("b")), "OK");
}

TEST_F(Sessions, AreBoundedInNumber) {
  ASSERT_TRUE(server_->SetFaults({"status=ABORTED"}, "a").ok());
  EXPECT_EQ(Lookup(*client_, "courier-1", In("b")), "OK");
  EXPECT_EQ(Lookup(*client_, "courier-1", In("c")), "OK");
  EXPECT_THAT(server_->sessions(), ElementsAre("c", "b"));
  EXPECT_EQ(Lookup(*client_, "courier-1", In("a")), "OK");
}

TEST_F(Sessions, LetAStreamEndThatIsOpen) {
  const auto context = ContextWith(In("a"));
  const auto stream = client_->stub().StreamAssignments(context.get());
  dispatchpb::AssignmentResult result;
  ASSERT_TRUE(stream->Write(MakeUpdate("a-1")));
  ASSERT_TRUE(stream->Read(&result));
  for (const char* other : {"b", "c", "d"}) Lookup(*client_, "courier-1", In(other));
  ASSERT_TRUE(stream->Write(MakeUpdate("a-2")));
  ASSERT_TRUE(stream->Read(&result));
  stream->WritesDone();
  EXPECT_FALSE(stream->Read(&result));
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(Sessions, HaveNamesOfABoundedLength) {
  EXPECT_EQ(Lookup(*client_, "courier-1", In(std::string(256, 's'))), "OK");
  EXPECT_EQ(Lookup(*client_, "courier-1", In(std::string(257, 's'))),
            "3: x-mock-session: a session's name has at most 256 characters");
}

TEST_F(Sessions, HaveNoFaultsOfConnections) {
  MockServerOptions options;
  options.max_sessions = 1;
  options.connection_faults = true;
  const auto relayed = StartServer(std::move(options));
  EXPECT_EQ(relayed->SetFaults({"refuse"}, "a"),
            absl::InvalidArgumentError("fault 'refuse' concerns a connection, which belongs to no session"));
  EXPECT_EQ(server_->AddFaults({"refuse"}).code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(Sessions, RunSideBySide) {
  std::vector<std::thread> threads;
  for (const std::string name : {"a", "b"}) {
    threads.emplace_back([this, name] {
      TestClient client(server_->addresses()[0]);
      for (int i = 0; i < 50; ++i) {
        EXPECT_TRUE(server_->SetFaults({"status=ABORTED,message=" + name}, name).ok());
        EXPECT_EQ(Lookup(client, "courier-1", In(name)), "10: " + name);
        EXPECT_TRUE(server_->Reset(name).ok());
        EXPECT_EQ(Lookup(client, "courier-1", In(name)), "OK");
        EXPECT_EQ(server_->Complaints({"lookup,status=OK,count=1"}, {.nothing_else = true}, name), "");
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

class Calls : public testing::Test {
 protected:
  Calls() {
    MockServerOptions options;
    options.record_bytes = 1U << 20U;
    server_ = StartServer(std::move(options));
    client_.emplace(server_->addresses()[0]);
  }

  std::unique_ptr<MockServer> server_;
  std::optional<TestClient> client_;
};

TEST_F(Calls, HaveEveryMessageAndTheStatus) {
  const auto before = std::chrono::system_clock::now();
  EXPECT_EQ(Lookup(*client_, "courier-42",
                   {{"authorization", "Bearer abc"}, {"x-test", "t"}, {"trace-bin", "\1\2"}}),
            "OK");
  EXPECT_EQ(Lookup(*client_, "nobody", {}), "5: courier nobody not found");
  EXPECT_THAT(Assign(*client_, {"a-1", "a-2"}, {}), SizeIs(3));
  const auto list = server_->calls();
  ASSERT_TRUE(list.ok());
  ASSERT_THAT(list->calls, SizeIs(3));
  const CallRecord& lookup = list->calls[0];
  EXPECT_EQ(lookup.number, 1U);
  EXPECT_EQ(lookup.method, "dispatchpb.DispatchGateway/GetCourierStatus");
  EXPECT_THAT(lookup.peer, StartsWith("ipv4:127.0.0.1:"));
  EXPECT_THAT(lookup.metadata,
              AllOf(Contains(Pair("authorization", "[redacted]")), Contains(Pair("x-test", "t")),
                    Contains(Pair("trace-bin", "[2 bytes]"))));
  EXPECT_GE(lookup.started, before);
  ASSERT_THAT(lookup.messages, SizeIs(2));
  EXPECT_TRUE(lookup.messages[0].from_client);
  EXPECT_EQ(lookup.messages[0].json, R"({"courier_id":"courier-42"})");
  EXPECT_EQ(
      lookup.messages[1].json,
      R"({"courier_id":"courier-42","transport_mode":"bike","availability":"available","current_zone":"zone-7"})");
  ASSERT_TRUE(lookup.end.has_value());
  EXPECT_EQ(lookup.end->code, absl::StatusCode::kOk);
  EXPECT_EQ(list->calls[1].end->code, absl::StatusCode::kNotFound);
  EXPECT_EQ(list->calls[1].end->message, "courier nobody not found");
  EXPECT_THAT(list->calls[1].messages, SizeIs(1));
  EXPECT_THAT(list->calls[2].messages, SizeIs(4));
  EXPECT_EQ(list->calls[2].method, "dispatchpb.DispatchGateway/StreamAssignments");
  EXPECT_EQ(list->dropped_calls, 0U);
}

TEST_F(Calls, ShowWhatDoesNotParseByItsSize) {
  ASSERT_TRUE(server_->SetFaults({"bad-bytes,first=1"}).ok());
  EXPECT_THAT(Lookup(*client_, "courier-42", {}), StartsWith("12: "));
  const auto list = server_->calls();
  ASSERT_THAT(list->calls.at(0).messages, SizeIs(2));
  EXPECT_EQ(list->calls[0].messages[1].json, "");
  EXPECT_GT(list->calls[0].messages[1].bytes, 0U);
}

TEST_F(Calls, AreVerified) {
  Lookup(*client_, "courier-42", {});
  Assign(*client_, {"a-1", "a-2"}, {});
  EXPECT_EQ(server_->Complaints({"lookup,courier_id=courier-42,count=1", "update,assignment_id=a-1",
                                 "update,assignment_id=a-2"},
                                {.in_order = true, .nothing_else = true}),
            "");
  EXPECT_EQ(server_->Complaints({"lookup,courier_id=courier-43"}),
            "expected lookup,courier_id=courier-43: at least 1, got 0\n");
  EXPECT_EQ(server_->Complaints({"everything"}),
            "expectation 'everything': 'everything' is nothing to expect; use lookup, assign or update");
  ASSERT_TRUE(server_->Reset().ok());
  EXPECT_EQ(server_->Complaints({}, {.nothing_else = true}), "");
}

TEST_F(Calls, StayWithinTheirBound) {
  MockServerOptions options;
  options.record_bytes = 20'000;
  const auto server = StartServer(std::move(options));
  TestClient client(server->addresses()[0]);
  for (int i = 0; i < 200; ++i) Lookup(client, "courier-42", {});
  const auto list = server->calls();
  ASSERT_TRUE(list.ok());
  EXPECT_GT(list->dropped_calls, 100U);
  EXPECT_EQ(list->calls.size() + list->dropped_calls, 200U);
  EXPECT_EQ(list->calls.back().number, 200U);
  EXPECT_THAT(server->Complaints({"lookup"}), HasSubstr("some were dropped"));
}

TEST_F(Calls, OfACancelledStreamSayCancelled) {
  {
    TestStream stream(*client_);
    dispatchpb::AssignmentResult result;
    ASSERT_TRUE(stream.Write(MakeUpdate("a-1")));
    ASSERT_TRUE(stream.Read(result));
    EXPECT_EQ(server_->Complaints({"assign,status=OK,count=0", "update,count=1"}), "");
    stream.Cancel();
    EXPECT_EQ(stream.Finish().error_code(), grpc::CANCELLED);
  }
  server_->Shutdown();
  EXPECT_EQ(server_->Complaints({"assign,status=CANCELLED,count=1"}), "");
}

}  // namespace
}  // namespace dispatchctl::mock
