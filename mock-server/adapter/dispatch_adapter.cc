#include "mock-server/adapter/dispatch_adapter.h"

#include <string_view>
#include <utility>

#include "absl/status/statusor.h"

namespace dispatchctl::mock {

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  return {static_cast<grpc::StatusCode>(status.raw_code()),
          std::string(status.message().data(), status.message().size())};
}

DispatchAdapter::DispatchAdapter(std::string listen, Authenticator* authenticator)
    : listen_(std::move(listen)), authenticator_(authenticator) {}

grpc::Status DispatchAdapter::Authorize(const grpc::ServerContext& context, Scope scope) const {
  if (authenticator_ == nullptr) return grpc::Status::OK;
  const auto& metadata = context.client_metadata();
  const auto found = metadata.find("authorization");
  const std::string_view authorization = found == metadata.end()
                                             ? std::string_view()
                                             : std::string_view(found->second.data(), found->second.size());
  return ToGrpcStatus(authenticator_->Authorize(authorization, scope));
}

absl::Status DispatchAdapter::GetCourierStatus(const Dispatcher& dispatcher,
                                               const dispatchpb::CourierLookupRequest& request,
                                               dispatchpb::CourierStatusReply& reply) const {
  absl::StatusOr<Courier> courier = dispatcher.Lookup(request.courier_id());
  if (!courier.ok()) return courier.status();
  reply.set_courier_id(std::move(courier->courier_id));
  reply.set_transport_mode(std::move(courier->transport_mode));
  reply.set_availability(std::move(courier->availability));
  reply.set_current_zone(std::move(courier->current_zone));
  return absl::OkStatus();
}

absl::Status DispatchAdapter::Review(Dispatcher& dispatcher, dispatchpb::AssignmentUpdate& update,
                                     dispatchpb::AssignmentResult& result) const {
  const absl::StatusOr<Decision> decision = dispatcher.Review({.assignment_id = update.assignment_id(),
                                                               .courier_id = update.courier_id(),
                                                               .destination_zone = update.destination_zone()},
                                                              listen_);
  if (!decision.ok()) return decision.status();
  // A swap keeps both strings' memory in use for the next message.
  result.mutable_assignment_id()->swap(*update.mutable_assignment_id());
  result.set_accepted(decision->accepted);
  return absl::OkStatus();
}

}  // namespace dispatchctl::mock
