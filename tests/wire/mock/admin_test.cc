// The admin service as its client meets it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "mock-server/server/admin_client.h"
#include "tests/wire/mock/test_client.h"

namespace dispatchctl::mock {
namespace {

namespace v1 = dispatchmock::admin::v1;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

std::unique_ptr<AdminClient> ClientFor(const MockServer& server) {
  auto client = AdminClient::Make(server.admin_address(), kTestDeadline);
  EXPECT_TRUE(client.ok()) << client.status();
  return client.ok() ? *std::move(client) : nullptr;
}

MockServerOptions WithAdmin() {
  MockServerOptions options;
  options.admin = "127.0.0.1:0";
  options.record_bytes = 1U << 20U;
  options.max_sessions = 8;
  return options;
}

class Admin : public testing::Test {
 protected:
  Admin() {
    MockServerOptions options = WithAdmin();
    options.listen = {"127.0.0.1:0", "127.0.0.1:0"};
    options.connection_faults = true;
    options.on_stop = [this] { stopped_.set_value(); };
    server_ = StartServer(std::move(options));
    admin_ = ClientFor(*server_);
    client_.emplace(server_->addresses()[0]);
  }

  std::promise<void> stopped_;
  std::unique_ptr<MockServer> server_;
  std::unique_ptr<AdminClient> admin_;
  std::optional<TestClient> client_;
};

TEST_F(Admin, SetsAddsListsAndClearsFaults) {
  v1::SetFaultsRequest request;
  v1::FaultList list;
  request.add_specs("status=ABORTED,every=2");
  ASSERT_TRUE(admin_->SetFaults(request, list).ok());
  EXPECT_EQ(Text(client_->Lookup("courier-1")), "OK");
  EXPECT_THAT(Text(client_->Lookup("courier-1")), StartsWith("10: "));
  request.clear_specs();
  request.add_specs("latency=1ms");
  request.set_add(true);
  list.Clear();
  ASSERT_TRUE(admin_->SetFaults(request, list).ok());
  ASSERT_THAT(list.faults(), SizeIs(2));
  EXPECT_EQ(list.faults(0).spec(), "status=ABORTED,every=2");
  EXPECT_EQ(list.faults(0).matched(), 2U);
  EXPECT_EQ(list.faults(0).fired(), 1U);
  EXPECT_EQ(list.faults(1).spec(), "latency=1ms");
  list.Clear();
  ASSERT_TRUE(admin_->SetFaults(v1::SetFaultsRequest(), list).ok());
  EXPECT_THAT(list.faults(), IsEmpty());
  ASSERT_TRUE(admin_->ListFaults(v1::ListFaultsRequest(), list).ok());
  EXPECT_THAT(list.faults(), IsEmpty());
  request.clear_specs();
  request.add_specs("explode");
  EXPECT_THAT(std::string(admin_->SetFaults(request, list).message()), StartsWith("fault 'explode'"));
}

TEST_F(Admin, SetsScenariosForASession) {
  v1::SetScenariosRequest request;
  v1::SetScenariosReply reply;
  request.set_session("s");
  request.set_text("scenario lookup\nexpect\nstatus=ABORTED\n");
  request.set_name("play");
  ASSERT_TRUE(admin_->SetScenarios(request, reply).ok());
  EXPECT_EQ(reply.scenarios(), 1U);
  EXPECT_EQ(Text(client_->Lookup("courier-1")), "OK");
  const auto context = MakeContext();
  context->AddMetadata("x-mock-session", "s");
  dispatchpb::CourierLookupRequest lookup;
  lookup.set_courier_id("courier-1");
  dispatchpb::CourierStatusReply answer;
  EXPECT_EQ(client_->stub().GetCourierStatus(context.get(), lookup, &answer).error_code(), grpc::ABORTED);
  request.set_text("scenario lookup\nexpect\nexplode\nhang,nth=1\n");
  const absl::Status wrong = admin_->SetScenarios(request, reply);
  EXPECT_EQ(wrong.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(wrong.message()), testing::AllOf(StartsWith("play:3: "), HasSubstr("\nplay:4: ")));
}

TEST_F(Admin, ListsCallsAndForgetsThem) {
  client_->Lookup("courier-42");
  Exchange(*client_, {MakeUpdate("a-1")});
  std::vector<v1::Call> calls;
  v1::CallCounts counts;
  ASSERT_TRUE(admin_->ListCalls(v1::ListCallsRequest(), calls, counts).ok());
  ASSERT_THAT(calls, SizeIs(2));
  EXPECT_EQ(counts.calls(), 2U);
  EXPECT_EQ(counts.dropped_calls(), 0U);
  EXPECT_EQ(calls[0].method(), "dispatchpb.DispatchGateway/GetCourierStatus");
  ASSERT_THAT(calls[0].messages(), SizeIs(2));
  EXPECT_EQ(calls[0].messages(0).json(), R"({"courier_id":"courier-42"})");
  EXPECT_GT(calls[0].started().seconds(), 1'700'000'000);
  EXPECT_EQ(calls[1].end().code(), 0);
  ASSERT_TRUE(admin_->Reset(v1::ResetRequest()).ok());
  calls.clear();
  ASSERT_TRUE(admin_->ListCalls(v1::ListCallsRequest(), calls, counts).ok());
  EXPECT_THAT(calls, IsEmpty());
}

TEST_F(Admin, VerifiesWithExpectedBesideActual) {
  client_->Lookup("courier-42");
  v1::VerifyRequest request;
  v1::VerifyReply reply;
  request.add_expectations("lookup,count=1");
  request.set_nothing_else(true);
  ASSERT_TRUE(admin_->Verify(request, reply).ok());
  EXPECT_TRUE(reply.holds());
  request.add_expectations("update,count=2");
  request.set_in_order(true);
  ASSERT_TRUE(admin_->Verify(request, reply).ok());
  EXPECT_FALSE(reply.holds());
  EXPECT_EQ(reply.findings(1).expected(), "update,count=2: 2");
  EXPECT_EQ(reply.findings(1).actual(), "0");
  request.add_expectations("lookup,nonsense=1");
  EXPECT_EQ(admin_->Verify(request, reply).code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(Admin, ChangesTheHealth) {
  v1::SetHealthRequest request;
  v1::HealthList list;
  ASSERT_TRUE(admin_->SetHealth(request, list).ok());
  ASSERT_THAT(list.services(), SizeIs(2));
  EXPECT_EQ(list.services(0).name(), "");
  EXPECT_TRUE(list.services(0).serving());
  request.set_change(v1::SetHealthRequest::NOT_SERVING);
  request.add_services("mine");
  list.Clear();
  ASSERT_TRUE(admin_->SetHealth(request, list).ok());
  ASSERT_THAT(list.services(), SizeIs(3));
  EXPECT_EQ(list.services(2).name(), "mine");
  EXPECT_FALSE(list.services(2).serving());
  EXPECT_TRUE(list.services(0).serving());
  ASSERT_TRUE(admin_->Reset(v1::ResetRequest()).ok());
  list.Clear();
  ASSERT_TRUE(admin_->SetHealth(v1::SetHealthRequest(), list).ok());
  EXPECT_THAT(list.services(), SizeIs(2));
}

TEST_F(Admin, SendsConnectionsAwayWhileTheirCallsGoOn) {
  TestStream stream(*client_);
  dispatchpb::AssignmentResult result;
  ASSERT_TRUE(stream.Write(MakeUpdate("a-1")));
  ASSERT_TRUE(stream.Read(result));
  const auto first = client_->channel()->GetState(false);
  EXPECT_EQ(first, GRPC_CHANNEL_READY);
  v1::GoawayRequest request;
  request.set_listen(1);
  ASSERT_TRUE(admin_->Goaway(request).ok());
  EXPECT_EQ(client_->channel()->GetState(false), GRPC_CHANNEL_READY);
  request.set_listen(0);
  ASSERT_TRUE(admin_->Goaway(request).ok());
  ASSERT_TRUE(client_->channel()->WaitForStateChange(GRPC_CHANNEL_READY,
                                                     std::chrono::system_clock::now() + kTestDeadline));
  ASSERT_TRUE(stream.Write(MakeUpdate("a-2")));
  ASSERT_TRUE(stream.Read(result));
  EXPECT_EQ(result.assignment_id(), "a-2");
  stream.HalfClose();
  EXPECT_TRUE(stream.Finish().ok());
  EXPECT_EQ(Text(client_->Lookup("courier-1")), "OK");
  request.set_listen(2);
  EXPECT_EQ(admin_->Goaway(request), absl::InvalidArgumentError("listen: there is no backend 2; use 0 to 1"));
}

TEST_F(Admin, AsksForTheEnd) {
  ASSERT_TRUE(admin_->Stop().ok());
  EXPECT_EQ(stopped_.get_future().wait_for(kTestDeadline), std::future_status::ready);
}

TEST_F(Admin, AnswersWhileLookupsGoOn) {
  std::thread load([this] {
    TestClient client(server_->addresses()[1]);
    for (int i = 0; i < 500; ++i) EXPECT_TRUE(client.Lookup("courier-1").ok());
  });
  for (int i = 0; i < 50; ++i) {
    v1::FaultList list;
    EXPECT_TRUE(admin_->ListFaults(v1::ListFaultsRequest(), list).ok());
  }
  load.join();
}

TEST_F(Admin, CannotBeReachedAfterTheShutdown) {
  server_->Shutdown();
  v1::FaultList list;
  EXPECT_EQ(admin_->ListFaults(v1::ListFaultsRequest(), list).code(), absl::StatusCode::kUnavailable);
  EXPECT_FALSE(admin_->connected());
}

TEST(AdminAddress, MayBeAUnixSocketForTheOwnerAlone) {
  MockServerOptions options = WithAdmin();
  const std::string path = testing::TempDir() + "admin." + std::to_string(getpid());
  options.admin = "unix:" + path;
  {
    const auto server = StartServer(std::move(options));
    EXPECT_EQ(server->admin_address(), "unix:" + path);
    struct stat status {};
    ASSERT_EQ(stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
    v1::FaultList list;
    EXPECT_TRUE(ClientFor(*server)->ListFaults(v1::ListFaultsRequest(), list).ok());
  }
  EXPECT_NE(access(path.c_str(), F_OK), 0);
}

TEST(AdminAddress, ThatIsTakenIsNamed) {
  const auto first = StartServer(WithAdmin());
  MockServerOptions options = WithAdmin();
  options.admin = first->admin_address();
  const absl::Status status = MockServer::Start(options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr(first->admin_address()));
}

TEST(AdminAddress, IsNoneUnlessAskedFor) {
  const auto server = StartServer();
  EXPECT_EQ(server->admin_address(), "");
  EXPECT_EQ(server->RequestStop(),
            absl::FailedPreconditionError("this server is ended by the program it is part of"));
  EXPECT_EQ(server->Goaway(),
            absl::FailedPreconditionError("a GOAWAY takes a server that was started with connection_faults"));
}

}  // namespace
}  // namespace dispatchctl::mock
