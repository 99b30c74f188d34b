#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "dispatchpb/dispatch.pb.h"
#include "mock-server/domain/authenticator.h"
#include "mock-server/domain/dispatcher.h"

namespace dispatchctl::mock {

grpc::Status ToGrpcStatus(const absl::Status& status);

// The contract's messages on one side, the domain on the other, and nothing in between.
class DispatchAdapter {
 public:
  // `listen` is the backend's address. Null authenticator: whoever calls may do everything; it must outlive
  // the adapter.
  explicit DispatchAdapter(std::string listen, Authenticator* authenticator = nullptr);

  // Whether the caller may do what `scope` says.
  grpc::Status Authorize(const grpc::ServerContext& context, Scope scope) const;

  absl::Status GetCourierStatus(const Dispatcher& dispatcher, const dispatchpb::CourierLookupRequest& request,
                                dispatchpb::CourierStatusReply& reply) const;

  // Leaves the update without its id, which moves to the result. The result may be sent after the
  // dispatcher's Commit().
  absl::Status Review(Dispatcher& dispatcher, dispatchpb::AssignmentUpdate& update,
                      dispatchpb::AssignmentResult& result) const;

 private:
  std::string listen_;
  Authenticator* authenticator_;
};

}  // namespace dispatchctl::mock
