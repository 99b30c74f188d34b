#include "transport/grpc_lookup.h"

#include <grpcpp/client_context.h>

#include <string>
#include <utility>

#include "transport/grpc_context.h"
#include "transport/status_mapping.h"
#include "transport/thread_annotations.h"

namespace dispatchctl::internal {
namespace {

class GrpcLookup final : public LookupAttempt, private Completion {
 public:
  GrpcLookup(const LookupTarget& target, EventLoop& loop, std::string_view courier_id,
             const AttemptOptions& options, LookupHandler& handler)
      : target_(target), queue_(loop.queue()), handler_(handler) {
    request_.set_courier_id(courier_id.data(), courier_id.size());
    ApplyOptions(options, context_);
  }

  void Start() override {
    reader_ = target_.stub.PrepareAsyncGetCourierStatus(&context_, request_, &queue_);
    Completion* tag = this;
    HandOver(tag);
    reader_->StartCall();
    reader_->Finish(&reply_, &status_, tag);
  }

  void Cancel() override { context_.TryCancel(); }

 private:
  void OnCompletion(bool ok) override {
    AttemptEnd end = DescribeEnd(status_, context_, target_.endpoint, target_.tls);
    // The status is the server's, which knows nothing of it.
    if (!ok && status_.ok()) end = UnparsableReply();
    CourierStatus reply;
    if (end.status.ok()) {
      reply.courier_id = std::move(*reply_.mutable_courier_id());
      reply.transport_mode = std::move(*reply_.mutable_transport_mode());
      reply.availability = std::move(*reply_.mutable_availability());
      reply.current_zone = std::move(*reply_.mutable_current_zone());
    }
    handler_.OnLookupDone(std::move(end), std::move(reply));
  }

  const LookupTarget target_;
  grpc::CompletionQueue& queue_;
  LookupHandler& handler_;
  grpc::ClientContext context_;
  dispatchpb::CourierLookupRequest request_;
  dispatchpb::CourierStatusReply reply_;
  grpc::Status status_;
  std::unique_ptr<grpc::ClientAsyncResponseReader<dispatchpb::CourierStatusReply>> reader_;
};

}  // namespace

std::unique_ptr<LookupAttempt> MakeGrpcLookup(const LookupTarget& target, EventLoop& loop,
                                              std::string_view courier_id, const AttemptOptions& options,
                                              LookupHandler& handler) {
  return std::make_unique<GrpcLookup>(target, loop, courier_id, options, handler);
}

}  // namespace dispatchctl::internal
