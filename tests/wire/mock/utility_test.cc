#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "mock-server/adapter/utility.pb.h"
#include "tests/wire/mock/test_client.h"

namespace dispatchctl::mock {
namespace {

using testing::ElementsAre;
using testing::UnorderedElementsAre;

constexpr const char* kCheck = "/grpc.health.v1.Health/Check";
constexpr const char* kWatch = "/grpc.health.v1.Health/Watch";
constexpr const char* kReflect = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";

std::string Bytes(grpc::ByteBuffer& buffer) {
  grpc::Slice slice;
  EXPECT_TRUE(buffer.DumpToSingleSlice(&slice).ok());
  return {reinterpret_cast<const char*>(slice.begin()), slice.size()};
}

// Calls any method with raw bytes, so that what is on the wire is checked and not our idea of it.
class RawCall {
 public:
  RawCall(TestClient& client, const std::string& method) : stub_(client.channel()) {
    call_ = stub_.PrepareCall(context_.get(), method, &queue_);
    call_->StartCall(nullptr);
    Await();
  }
  RawCall(const RawCall&) = delete;
  RawCall& operator=(const RawCall&) = delete;
  RawCall(RawCall&&) = delete;
  RawCall& operator=(RawCall&&) = delete;
  ~RawCall() {
    queue_.Shutdown();
    void* tag = nullptr;
    bool ok = false;
    while (queue_.Next(&tag, &ok)) {
    }
  }

  void Write(std::string_view bytes) {
    const grpc::Slice slice(bytes.data(), bytes.size());
    call_->Write(grpc::ByteBuffer(&slice, 1), nullptr);
    Await();
  }
  void HalfClose() {
    call_->WritesDone(nullptr);
    Await();
  }
  // "end" at the end.
  std::string Read() {
    grpc::ByteBuffer buffer;
    call_->Read(&buffer, nullptr);
    return Await() ? Bytes(buffer) : "end";
  }
  void Cancel() { context_->TryCancel(); }
  std::string Finish() {
    grpc::Status status;
    call_->Finish(&status, nullptr);
    Await();
    return Text(status);
  }

 private:
  bool Await() {
    void* tag = nullptr;
    bool ok = false;
    EXPECT_TRUE(queue_.Next(&tag, &ok));
    return ok;
  }

  std::unique_ptr<grpc::ClientContext> context_ = MakeContext();
  grpc::CompletionQueue queue_;
  grpc::GenericStub stub_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_;
};

std::vector<std::string> Call(TestClient& client, const char* method, std::string_view request) {
  RawCall call(client, method);
  call.Write(request);
  call.HalfClose();
  std::vector<std::string> replies;
  for (std::string reply = call.Read(); reply != "end"; reply = call.Read()) replies.push_back(reply);
  replies.push_back(call.Finish());
  return replies;
}

// A field 1 of type string.
std::string Service(std::string_view name) {
  return std::string{'\x0a', static_cast<char>(name.size())}.append(name);
}

const std::string kServing = "\x08\x01";
const std::string kNotServing = "\x08\x02";
const std::string kServiceUnknown = "\x08\x03";

TEST(Health, IsServingForTheServerAndTheService) {
  const auto server = StartServer();
  TestClient client(server->addresses()[0]);
  EXPECT_THAT(Call(client, kCheck, ""), ElementsAre(kServing, "OK"));
  EXPECT_THAT(Call(client, kCheck, Service("dispatchpb.DispatchGateway")), ElementsAre(kServing, "OK"));
}

TEST(Health, DoesNotKnowOtherServices) {
  const auto server = StartServer();
  TestClient client(server->addresses()[0]);
  EXPECT_THAT(Call(client, kCheck, Service("nonesuch")), ElementsAre("5: there is no service 'nonesuch'"));
  RawCall watch(client, kWatch);
  watch.Write(Service("nonesuch"));
  watch.HalfClose();
  EXPECT_EQ(watch.Read(), kServiceUnknown);
  watch.Cancel();
  EXPECT_EQ(watch.Read(), "end");
}

TEST(Health, WatchHearsOfTheShutdownAndDoesNotHoldItUp) {
  const auto server = StartServer();
  TestClient client(server->addresses()[0]);
  RawCall watch(client, kWatch);
  watch.Write("");
  watch.HalfClose();
  EXPECT_EQ(watch.Read(), kServing);
  const auto start = std::chrono::steady_clock::now();
  server->Shutdown(kTestDeadline);
  EXPECT_LT(std::chrono::steady_clock::now() - start, kTestDeadline / 2);
  EXPECT_EQ(watch.Read(), kNotServing);
  EXPECT_EQ(watch.Read(), "end");
  EXPECT_EQ(watch.Finish(), "14: the server is shutting down");
}

TEST(Health, WatchHearsOfChanges) {
  const auto server = StartServer();
  TestClient client(server->addresses()[0]);
  RawCall watch(client, kWatch);
  watch.Write(Service("dispatchpb.DispatchGateway"));
  watch.HalfClose();
  EXPECT_EQ(watch.Read(), kServing);
  RawCall other(client, kWatch);
  other.Write(Service("mine"));
  other.HalfClose();
  EXPECT_EQ(other.Read(), kServiceUnknown);
  server->SetHealth(false);
  EXPECT_EQ(watch.Read(), kNotServing);
  EXPECT_THAT(Call(client, kCheck, ""), ElementsAre(kNotServing, "OK"));
  server->SetHealth(true, "mine");
  EXPECT_EQ(other.Read(), kServing);
  EXPECT_THAT(Call(client, kCheck, Service("mine")), ElementsAre(kServing, "OK"));
  server->SetHealth(true, "dispatchpb.DispatchGateway");
  EXPECT_EQ(watch.Read(), kServing);
  EXPECT_THAT(Call(client, kCheck, ""), ElementsAre(kNotServing, "OK"));
  ASSERT_TRUE(server->Reset().ok());
  EXPECT_EQ(other.Read(), kServiceUnknown);
  EXPECT_THAT(Call(client, kCheck, ""), ElementsAre(kServing, "OK"));
}

TEST(Health, WatchEndsWithItsClient) {
  const auto server = StartServer();
  for (int i = 0; i < 20; ++i) {
    TestClient client(server->addresses()[0]);
    RawCall watch(client, kWatch);
    watch.Write("");
    if (i % 2 == 0) {
      EXPECT_EQ(watch.Read(), kServing);
    }
    watch.Cancel();
  }
}

TEST(Health, RefusesWhatDoesNotParse) {
  const auto server = StartServer();
  TestClient client(server->addresses()[0]);
  EXPECT_THAT(Call(client, kCheck, "\x0a\x7f"), ElementsAre("13: the request does not parse"));
  RawCall nothing(client, kCheck);
  nothing.HalfClose();
  EXPECT_EQ(nothing.Read(), "end");
  EXPECT_EQ(nothing.Finish(), "13: there is no request");
}

TEST(UnknownMethod, IsUnimplemented) {
  const auto server = StartServer();
  TestClient client(server->addresses()[0]);
  EXPECT_THAT(Call(client, "/dispatchpb.DispatchGateway/Nonesuch", ""),
              ElementsAre("12: there is no method /dispatchpb.DispatchGateway/Nonesuch"));
}

wire::ReflectionReply Ask(TestClient& client, const wire::ReflectionRequest& request) {
  const std::vector<std::string> replies = Call(client, kReflect, request.SerializeAsString());
  EXPECT_EQ(replies.size(), 2U);
  EXPECT_EQ(replies.back(), "OK");
  wire::ReflectionReply reply;
  EXPECT_TRUE(reply.ParseFromString(replies.front()));
  EXPECT_EQ(reply.original_request().SerializeAsString(), request.SerializeAsString());
  return reply;
}

TEST(Reflection, ListsTheServices) {
  const auto server = StartServer();
  TestClient client(server->addresses()[0]);
  // list_services = 7 asked for; list_services_response = 6 of {service = 1 {name = 1}} wanted.
  const std::string request = "\x3a\x01*";
  const std::string gateway = Service("dispatchpb.DispatchGateway");
  const std::string health = Service("grpc.health.v1.Health");
  const std::string services = Service(gateway) + Service(health);
  const std::string expected = std::string{'\x12', static_cast<char>(request.size())} + request +
                               std::string{'\x32', static_cast<char>(services.size())} + services;
  for (const char* method : {kReflect, "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"}) {
    EXPECT_THAT(Call(client, method, request), ElementsAre(expected, "OK"));
  }
}

TEST(Reflection, DescribesBothServicesCompletely) {
  const auto server = StartServer();
  TestClient client(server->addresses()[0]);
  for (const std::string symbol : {"dispatchpb.DispatchGateway", "grpc.health.v1.Health"}) {
    wire::ReflectionRequest request;
    request.set_file_containing_symbol(symbol);
    const wire::ReflectionReply reply = Ask(client, request);
    google::protobuf::DescriptorPool pool;
    for (const std::string& bytes : reply.file_descriptor_response().file_descriptor_proto()) {
      google::protobuf::FileDescriptorProto file;
      ASSERT_TRUE(file.ParseFromString(bytes));
      ASSERT_NE(pool.BuildFile(file), nullptr);
    }
    const google::protobuf::ServiceDescriptor* service = pool.FindServiceByName(symbol);
    ASSERT_NE(service, nullptr) << symbol;
    EXPECT_EQ(service->method_count(), 2);
  }
}

TEST(Reflection, FindsFilesAndTypes) {
  const auto server = StartServer();
  TestClient client(server->addresses()[0]);
  wire::ReflectionRequest request;
  request.set_file_by_filename("dispatchpb/dispatch.proto");
  EXPECT_EQ(Ask(client, request).file_descriptor_response().file_descriptor_proto_size(), 1);
  request.set_all_extension_numbers_of_type("dispatchpb.AssignmentUpdate");
  EXPECT_EQ(Ask(client, request).all_extension_numbers_response().base_type_name(),
            "dispatchpb.AssignmentUpdate");
}

TEST(Reflection, SaysWhatItDoesNotHave) {
  const auto server = StartServer();
  TestClient client(server->addresses()[0]);
  wire::ReflectionRequest request;
  EXPECT_EQ(Ask(client, request).error_response().error_code(), grpc::INVALID_ARGUMENT);
  request.set_file_by_filename("nonesuch.proto");
  EXPECT_EQ(Ask(client, request).error_response().error_code(), grpc::NOT_FOUND);
  request.set_file_containing_symbol("nonesuch");
  EXPECT_EQ(Ask(client, request).error_response().error_code(), grpc::NOT_FOUND);
  request.set_all_extension_numbers_of_type("nonesuch");
  EXPECT_EQ(Ask(client, request).error_response().error_code(), grpc::NOT_FOUND);
  request.mutable_file_containing_extension()->set_containing_type("dispatchpb.AssignmentUpdate");
  EXPECT_EQ(Ask(client, request).error_response().error_code(), grpc::NOT_FOUND);
}

TEST(Reflection, AnswersSeveralQuestionsOnOneCall) {
  const auto server = StartServer();
  TestClient client(server->addresses()[0]);
  RawCall call(client, kReflect);
  for (int i = 0; i < 3; ++i) {
    call.Write("\x3a\x01*");
    EXPECT_NE(call.Read(), "end");
  }
  call.HalfClose();
  EXPECT_EQ(call.Read(), "end");
  EXPECT_EQ(call.Finish(), "OK");
}

TEST(Reflection, CanBeSwitchedOff) {
  MockServerOptions options;
  options.reflection = false;
  const auto server = StartServer(options);
  TestClient client(server->addresses()[0]);
  EXPECT_THAT(Call(client, kReflect, ""), ElementsAre(std::string("12: there is no method ") + kReflect));
  EXPECT_THAT(Call(client, kCheck, ""), ElementsAre(kServing, "OK"));
}

}  // namespace
}  // namespace dispatchctl::mock
