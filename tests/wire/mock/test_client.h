#pragma once

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "dispatchpb/dispatch.grpc.pb.h"
#include "mock-server/server/mock_server.h"

namespace dispatchctl::mock {

// No test waits longer: a hang is a failure.
inline constexpr std::chrono::seconds kTestDeadline{60};

// Long enough for an answer on a loaded machine, short enough to wait out where none comes.
inline constexpr std::chrono::milliseconds kNoAnswer{500};

// A condition that other threads bring about.
template <typename Condition>
bool Await(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + kTestDeadline;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

// A status as text, to compare and to print: "5: courier c-9 not found".
inline std::string Text(const grpc::Status& status) {
  if (status.ok()) return "OK";
  return std::to_string(status.error_code()) + ": " + status.error_message();
}

inline std::unique_ptr<MockServer> StartServer(MockServerOptions options = {}) {
  absl::StatusOr<std::unique_ptr<MockServer>> server = MockServer::Start(std::move(options));
  EXPECT_TRUE(server.ok()) << server.status();
  return server.ok() ? *std::move(server) : nullptr;
}

inline std::unique_ptr<grpc::ClientContext> MakeContext(std::chrono::milliseconds timeout = kTestDeadline) {
  auto context = std::make_unique<grpc::ClientContext>();
  context->set_deadline(std::chrono::system_clock::now() + timeout);
  return context;
}

inline dispatchpb::AssignmentUpdate MakeUpdate(std::string assignment_id,
                                               std::string courier_id = "courier-42") {
  dispatchpb::AssignmentUpdate update;
  update.set_assignment_id(std::move(assignment_id));
  update.set_courier_id(std::move(courier_id));
  update.set_destination_zone("zone-7");
  return update;
}

// gRPC's own client, a connection each.
class TestClient {
 public:
  explicit TestClient(const std::string& target, grpc::ChannelArguments arguments = {}) {
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    channel_ = grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments);
    stub_ = dispatchpb::DispatchGateway::NewStub(channel_);
  }

  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }
  dispatchpb::DispatchGateway::Stub& stub() { return *stub_; }

  grpc::Status Lookup(const std::string& id, dispatchpb::CourierStatusReply* reply = nullptr,
                      std::chrono::milliseconds timeout = kTestDeadline) {
    const auto context = MakeContext(timeout);
    dispatchpb::CourierLookupRequest request;
    request.set_courier_id(id);
    dispatchpb::CourierStatusReply ignored;
    return stub_->GetCourierStatus(context.get(), request, reply == nullptr ? &ignored : reply);
  }

 private:
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<dispatchpb::DispatchGateway::Stub> stub_;
};

class TestStream {
 public:
  explicit TestStream(TestClient& client) : stream_(client.stub().StreamAssignments(context_.get())) {}

  bool Write(const dispatchpb::AssignmentUpdate& update, grpc::WriteOptions options = {}) {
    return stream_->Write(update, options);
  }
  bool Read(dispatchpb::AssignmentResult& result) { return stream_->Read(&result); }
  void HalfClose() { stream_->WritesDone(); }
  void Cancel() { context_->TryCancel(); }

  // Results not read before are dropped, as gRPC demands to be read.
  grpc::Status Finish() {
    dispatchpb::AssignmentResult rest;
    while (stream_->Read(&rest)) {
    }
    return stream_->Finish();
  }

 private:
  std::unique_ptr<grpc::ClientContext> context_ = MakeContext();
  std::unique_ptr<grpc::ClientReaderWriter<dispatchpb::AssignmentUpdate, dispatchpb::AssignmentResult>>
      stream_;
};

// Sends all, half-closes and reads to the end: "id+" for accepted, "id-" for rejected, then the status.
inline std::vector<std::string> Exchange(TestClient& client,
                                         const std::vector<dispatchpb::AssignmentUpdate>& updates) {
  TestStream stream(client);
  for (const dispatchpb::AssignmentUpdate& update : updates) stream.Write(update);
  stream.HalfClose();
  std::vector<std::string> told;
  dispatchpb::AssignmentResult result;
  while (stream.Read(result)) told.push_back(result.assignment_id() + (result.accepted() ? "+" : "-"));
  told.push_back(Text(stream.Finish()));
  return told;
}

}  // namespace dispatchctl::mock
