#include "mock-server/server/admin_client.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <utility>

#include "mock-server/server/admin.grpc.pb.h"
#include "mock-server/server/listen_address.h"

namespace dispatchctl::mock {
namespace {

namespace v1 = dispatchmock::admin::v1;

absl::Status FromGrpc(const grpc::Status& status) {
  return {static_cast<absl::StatusCode>(status.error_code()), status.error_message()};
}

}  // namespace

class AdminClient::Impl {
 public:
  Impl(const std::string& target, std::chrono::milliseconds timeout) : timeout_(timeout) {
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(-1);
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    channel_ = grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments);
    stub_ = v1::MockAdmin::NewStub(channel_);
  }

  template <typename Request, typename Reply>
  absl::Status Call(grpc::Status (v1::MockAdmin::Stub::*method)(grpc::ClientContext*, const Request&, Reply*),
                    const Request& request, Reply& reply) {
    grpc::ClientContext context;
    context.set_deadline(Deadline());
    return FromGrpc((*stub_.*method)(&context, request, &reply));
  }

  std::chrono::system_clock::time_point Deadline() const {
    return std::chrono::system_clock::now() + timeout_;
  }
  v1::MockAdmin::Stub& stub() { return *stub_; }
  bool connected() const { return channel_->GetState(false) == GRPC_CHANNEL_READY; }

 private:
  const std::chrono::milliseconds timeout_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::MockAdmin::Stub> stub_;
};

absl::StatusOr<std::unique_ptr<AdminClient>> AdminClient::Make(const std::string& address,
                                                               std::chrono::milliseconds timeout) {
  const absl::StatusOr<ListenAddress> parsed = ListenAddress::Parse(address);
  if (!parsed.ok()) return parsed.status();
  return std::unique_ptr<AdminClient>(new AdminClient(std::make_unique<Impl>(parsed->ToString(), timeout)));
}

AdminClient::AdminClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

AdminClient::~AdminClient() = default;

absl::Status AdminClient::SetFaults(const v1::SetFaultsRequest& request, v1::FaultList& reply) {
  return impl_->Call(&v1::MockAdmin::Stub::SetFaults, request, reply);
}

absl::Status AdminClient::ListFaults(const v1::ListFaultsRequest& request, v1::FaultList& reply) {
  return impl_->Call(&v1::MockAdmin::Stub::ListFaults, request, reply);
}

absl::Status AdminClient::SetScenarios(const v1::SetScenariosRequest& request, v1::SetScenariosReply& reply) {
  return impl_->Call(&v1::MockAdmin::Stub::SetScenarios, request, reply);
}

absl::Status AdminClient::Reset(const v1::ResetRequest& request) {
  v1::ResetReply reply;
  return impl_->Call(&v1::MockAdmin::Stub::Reset, request, reply);
}

absl::Status AdminClient::ListCalls(const v1::ListCallsRequest& request, std::vector<v1::Call>& calls,
                                    v1::CallCounts& counts) {
  grpc::ClientContext context;
  context.set_deadline(impl_->Deadline());
  const auto reader = impl_->stub().ListCalls(&context, request);
  v1::ListCallsReply reply;
  while (reader->Read(&reply)) {
    if (reply.has_call()) calls.push_back(std::move(*reply.mutable_call()));
    if (reply.has_counts()) counts = reply.counts();
  }
  return FromGrpc(reader->Finish());
}

absl::Status AdminClient::Verify(const v1::VerifyRequest& request, v1::VerifyReply& reply) {
  return impl_->Call(&v1::MockAdmin::Stub::Verify, request, reply);
}

absl::Status AdminClient::SetHealth(const v1::SetHealthRequest& request, v1::HealthList& reply) {
  return impl_->Call(&v1::MockAdmin::Stub::SetHealth, request, reply);
}

absl::Status AdminClient::Goaway(const v1::GoawayRequest& request) {
  v1::GoawayReply reply;
  return impl_->Call(&v1::MockAdmin::Stub::Goaway, request, reply);
}

absl::Status AdminClient::Stop() {
  v1::StopReply reply;
  return impl_->Call(&v1::MockAdmin::Stub::Stop, v1::StopRequest(), reply);
}

bool AdminClient::connected() const {
  return impl_->connected();
}

}  // namespace dispatchctl::mock
