// Clients and servers of this version beside those of an earlier and of a later one, over real connections.
// The other versions are made from this one's descriptor, as an edit of the file would make them.

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/dynamic_message.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "dispatchctl/client.h"
#include "dispatchpb/dispatch.grpc.pb.h"
#include "tests/wire/sdk/mock_process.h"

namespace dispatchctl {
namespace {

using google::protobuf::FieldDescriptorProto;
using google::protobuf::FileDescriptorProto;
using google::protobuf::Message;

// One version of the contract, with messages made at run time.
class Version {
 public:
  explicit Version(const std::function<void(FileDescriptorProto&)>& edit) {
    FileDescriptorProto file;
    dispatchpb::CourierStatusReply::descriptor()->file()->CopyTo(&file);
    edit(file);
    EXPECT_NE(pool_.BuildFile(file), nullptr);
  }

  std::unique_ptr<Message> New(const std::string& name) {
    return std::unique_ptr<Message>(
        factory_.GetPrototype(pool_.FindMessageTypeByName("dispatchpb." + name))->New());
  }

 private:
  google::protobuf::DescriptorPool pool_;
  google::protobuf::DynamicMessageFactory factory_;
};

google::protobuf::DescriptorProto& MessageOf(FileDescriptorProto& file, const std::string& name) {
  for (auto& message : *file.mutable_message_type()) {
    if (message.name() == name) return message;
  }
  ADD_FAILURE() << "the contract has no " << name;
  return *file.add_message_type();
}

void AddStringField(FileDescriptorProto& file, const std::string& message, const std::string& name,
                    int number) {
  FieldDescriptorProto& field = *MessageOf(file, message).add_field();
  field.set_name(name);
  field.set_number(number);
  field.set_type(FieldDescriptorProto::TYPE_STRING);
  field.set_label(FieldDescriptorProto::LABEL_OPTIONAL);
}

// Each message with one field more.
Version Later() {
  return Version([](FileDescriptorProto& file) {
    AddStringField(file, "CourierLookupRequest", "depot", 2);
    AddStringField(file, "CourierStatusReply", "battery", 6);
    AddStringField(file, "AssignmentUpdate", "priority", 4);
    AddStringField(file, "AssignmentResult", "reason", 3);
  });
}

// Before current_zone.
Version Earlier() {
  return Version([](FileDescriptorProto& file) {
    auto& fields = *MessageOf(file, "CourierStatusReply").mutable_field();
    ASSERT_EQ(fields.rbegin()->name(), "current_zone");
    fields.RemoveLast();
  });
}

void Set(Message& message, const std::string& field, const std::string& value) {
  const auto* descriptor = message.GetDescriptor()->FindFieldByName(field);
  ASSERT_NE(descriptor, nullptr) << field;
  message.GetReflection()->SetString(&message, descriptor, value);
}

std::string Get(const Message& message, const std::string& field) {
  const auto* descriptor = message.GetDescriptor()->FindFieldByName(field);
  if (descriptor == nullptr) return "there is no field " + field;
  return message.GetReflection()->GetString(message, descriptor);
}

grpc::ByteBuffer ToBuffer(const Message& message) {
  const grpc::Slice slice(message.SerializeAsString());
  return {&slice, 1};
}

void FromBuffer(const grpc::ByteBuffer& buffer, Message& message) {
  grpc::Slice slice;
  ASSERT_TRUE(buffer.DumpToSingleSlice(&slice).ok());
  ASSERT_TRUE(message.ParseFromArray(slice.begin(), static_cast<int>(slice.size())));
}

using RawService = dispatchpb::DispatchGateway::WithRawCallbackMethod_GetCourierStatus<
    dispatchpb::DispatchGateway::WithRawCallbackMethod_StreamAssignments<
        dispatchpb::DispatchGateway::Service>>;

// A server of another version, which answers everything with all the fields its version has.
class OtherServer final : public RawService {
 public:
  // The version must outlive the server.
  explicit OtherServer(Version* version) : version_(version) {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    target_ = "127.0.0.1:" + std::to_string(port);
  }
  OtherServer(const OtherServer&) = delete;
  OtherServer& operator=(const OtherServer&) = delete;
  OtherServer(OtherServer&&) = delete;
  OtherServer& operator=(OtherServer&&) = delete;
  ~OtherServer() override { server_->Shutdown(std::chrono::system_clock::now()); }

  const std::string& target() const { return target_; }

  grpc::ServerUnaryReactor* GetCourierStatus(grpc::CallbackServerContext* context,
                                             const grpc::ByteBuffer* request,
                                             grpc::ByteBuffer* reply) override {
    const auto asked = version_->New("CourierLookupRequest");
    FromBuffer(*request, *asked);
    const auto answer = version_->New("CourierStatusReply");
    FillIn(*answer);
    Set(*answer, "courier_id", Get(*asked, "courier_id"));
    *reply = ToBuffer(*answer);
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* StreamAssignments(
      grpc::CallbackServerContext* /*context*/) override {
    return new Stream(version_);
  }

 private:
  class Stream final : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
   public:
    explicit Stream(Version* version) : version_(version) { StartRead(&buffer_); }

    void OnReadDone(bool ok) override {
      if (!ok) return Finish(grpc::Status::OK);
      const auto update = version_->New("AssignmentUpdate");
      FromBuffer(buffer_, *update);
      const auto result = version_->New("AssignmentResult");
      FillIn(*result);
      Set(*result, "assignment_id", Get(*update, "assignment_id"));
      buffer_ = ToBuffer(*result);
      StartWrite(&buffer_);
    }
    void OnWriteDone(bool ok) override {
      if (!ok) return Finish(grpc::Status::CANCELLED);
      StartRead(&buffer_);
    }
    void OnDone() override { delete this; }

   private:
    Version* version_;
    grpc::ByteBuffer buffer_;
  };

  static void FillIn(Message& message) {
    for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
      const auto* field = message.GetDescriptor()->field(i);
      if (field->type() == google::protobuf::FieldDescriptor::TYPE_BOOL) {
        message.GetReflection()->SetBool(&message, field, true);
      } else {
        message.GetReflection()->SetString(&message, field, "some " + field->name());
      }
    }
  }

  Version* version_;
  std::string target_;
  std::unique_ptr<grpc::Server> server_;
};

// A client of another version, which sends and reads messages of its own.
class OtherClient {
 public:
  explicit OtherClient(const std::string& target)
      : stub_(grpc::CreateChannel(target, grpc::InsecureChannelCredentials())) {}

  grpc::Status Call(const std::string& method, const Message& request, Message& reply) {
    grpc::ClientContext context;
    SetDeadline(context);
    const auto call =
        stub_.PrepareUnaryCall(&context, "/dispatchpb.DispatchGateway/" + method, ToBuffer(request), &queue_);
    call->StartCall();
    grpc::ByteBuffer buffer;
    grpc::Status status;
    call->Finish(&buffer, &status, this);
    EXPECT_TRUE(Await());
    if (status.ok()) FromBuffer(buffer, reply);
    return status;
  }

  // Sends the updates and reads as many results.
  grpc::Status Stream(const std::vector<std::unique_ptr<Message>>& updates,
                      const std::vector<std::unique_ptr<Message>>& results) {
    grpc::ClientContext context;
    SetDeadline(context);
    const auto call = stub_.PrepareCall(&context, "/dispatchpb.DispatchGateway/StreamAssignments", &queue_);
    call->StartCall(this);
    EXPECT_TRUE(Await());
    for (std::size_t i = 0; i < updates.size(); ++i) {
      call->Write(ToBuffer(*updates[i]), this);
      EXPECT_TRUE(Await());
      grpc::ByteBuffer buffer;
      call->Read(&buffer, this);
      if (!Await()) break;
      FromBuffer(buffer, *results[i]);
    }
    call->WritesDone(this);
    Await();
    grpc::Status status;
    call->Finish(&status, this);
    EXPECT_TRUE(Await());
    return status;
  }

 private:
  static void SetDeadline(grpc::ClientContext& context) {
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
    context.set_wait_for_ready(true);
  }

  bool Await() {
    void* tag = nullptr;
    bool ok = false;
    return queue_.Next(&tag, &ok) && ok;
  }

  grpc::CompletionQueue queue_;
  grpc::GenericStub stub_;
};

Client Connect(const std::string& target) {
  ClientOptions options;
  options.target = target;
  auto client = Client::Create(std::move(options));
  EXPECT_TRUE(client.ok()) << client.status();
  return *std::move(client);
}

TEST(Evolution, ThisClientReadsALaterServersReplies) {
  Version later = Later();
  const OtherServer server(&later);
  const auto status = Connect(server.target()).GetCourierStatus("courier-1");
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(*status,
            (CourierStatus{"courier-1", "some transport_mode", "some availability", "some current_zone"}));
}

TEST(Evolution, ThisClientReadsALaterServersResults) {
  Version later = Later();
  const OtherServer server(&later);
  auto stream = Connect(server.target()).StreamAssignments();
  ASSERT_TRUE(stream.ok()) << stream.status();
  for (const std::string id : {"a-1", "a-2"}) {
    ASSERT_TRUE((*stream)->Submit({id, "courier-1", "zone-1"}).ok());
    const auto outcome = (*stream)->Next();
    ASSERT_TRUE(outcome.has_value());
    EXPECT_EQ(outcome->result, (AssignmentResult{id, true}));
  }
  EXPECT_EQ((*stream)->Finish(), absl::OkStatus());
  EXPECT_EQ((*stream)->statistics().undecodable_results, 0U);
}

TEST(Evolution, ThisClientReadsAnEarlierServersRepliesWithoutTheField) {
  Version earlier = Earlier();
  const OtherServer server(&earlier);
  const auto status = Connect(server.target()).GetCourierStatus("courier-1");
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(*status, (CourierStatus{"courier-1", "some transport_mode", "some availability", ""}));
}

TEST(Evolution, ThisServerAnswersALaterClient) {
  const MockProcess server({});
  Version later = Later();
  OtherClient client(server.address());

  const auto request = later.New("CourierLookupRequest");
  Set(*request, "courier_id", "courier-42");
  Set(*request, "depot", "north");
  const auto reply = later.New("CourierStatusReply");
  const grpc::Status status = client.Call("GetCourierStatus", *request, *reply);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(Get(*reply, "courier_id"), "courier-42");
  EXPECT_EQ(Get(*reply, "current_zone"), "zone-7");
  EXPECT_EQ(Get(*reply, "battery"), "") << "the server does not know the field";
}

TEST(Evolution, ThisServerReviewsALaterClientsUpdates) {
  const MockProcess server({});
  Version later = Later();
  std::vector<std::unique_ptr<Message>> updates;
  std::vector<std::unique_ptr<Message>> results;
  for (const std::string id : {"a-1", "a-2"}) {
    updates.push_back(later.New("AssignmentUpdate"));
    Set(*updates.back(), "assignment_id", id);
    Set(*updates.back(), "courier_id", "courier-42");
    Set(*updates.back(), "priority", "high");
    results.push_back(later.New("AssignmentResult"));
  }
  const grpc::Status status = OtherClient(server.address()).Stream(updates, results);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(Get(*results[0], "assignment_id"), "a-1");
  EXPECT_EQ(Get(*results[1], "assignment_id"), "a-2");
  EXPECT_EQ(Get(*results[1], "reason"), "");
}

TEST(Evolution, ThisServerAnswersAnEarlierClient) {
  const MockProcess server({});
  Version earlier = Earlier();
  const auto request = earlier.New("CourierLookupRequest");
  Set(*request, "courier_id", "courier-42");
  const auto reply = earlier.New("CourierStatusReply");
  const grpc::Status status = OtherClient(server.address()).Call("GetCourierStatus", *request, *reply);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(Get(*reply, "transport_mode"), "bike");
  EXPECT_FALSE(reply->GetReflection()->GetUnknownFields(*reply).empty()) << "the zone is there, unread";
}

TEST(Evolution, ALaterMethodIsUnimplementedHere) {
  const MockProcess server({});
  Version later = Later();
  const auto request = later.New("CourierLookupRequest");
  const auto reply = later.New("CourierStatusReply");
  EXPECT_EQ(OtherClient(server.address()).Call("RecallCourier", *request, *reply).error_code(),
            grpc::StatusCode::UNIMPLEMENTED);
}

// What this version passes on keeps what it does not know.
TEST(Evolution, UnknownFieldsAreKeptOnTheWayThrough) {
  Version later = Later();
  const auto sent = later.New("CourierStatusReply");
  Set(*sent, "courier_id", "courier-1");
  Set(*sent, "battery", "80 %");
  dispatchpb::CourierStatusReply here;
  ASSERT_TRUE(here.ParseFromString(sent->SerializeAsString()));
  here.set_current_zone("zone-2");
  const auto received = later.New("CourierStatusReply");
  ASSERT_TRUE(received->ParseFromString(here.SerializeAsString()));
  EXPECT_EQ(Get(*received, "battery"), "80 %");
  EXPECT_EQ(Get(*received, "current_zone"), "zone-2");
}

}  // namespace
}  // namespace dispatchctl
