#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>
#include <grpcpp/support/sync_stream.h>

#include "mock-server/server/admin.grpc.pb.h"

namespace dispatchctl::mock {

class MockServer;

// The admin service's messages on one side, the server's own methods on the other, and nothing in between.
class AdminService final : public dispatchmock::admin::v1::MockAdmin::Service {
 public:
  explicit AdminService(MockServer* server) : server_(server) {}

  grpc::Status SetFaults(grpc::ServerContext* context,
                         const dispatchmock::admin::v1::SetFaultsRequest* request,
                         dispatchmock::admin::v1::FaultList* reply) override;
  grpc::Status ListFaults(grpc::ServerContext* context,
                          const dispatchmock::admin::v1::ListFaultsRequest* request,
                          dispatchmock::admin::v1::FaultList* reply) override;
  grpc::Status SetScenarios(grpc::ServerContext* context,
                            const dispatchmock::admin::v1::SetScenariosRequest* request,
                            dispatchmock::admin::v1::SetScenariosReply* reply) override;
  grpc::Status Reset(grpc::ServerContext* context, const dispatchmock::admin::v1::ResetRequest* request,
                     dispatchmock::admin::v1::ResetReply* reply) override;
  grpc::Status ListCalls(grpc::ServerContext* context,
                         const dispatchmock::admin::v1::ListCallsRequest* request,
                         grpc::ServerWriter<dispatchmock::admin::v1::ListCallsReply>* writer) override;
  grpc::Status Verify(grpc::ServerContext* context, const dispatchmock::admin::v1::VerifyRequest* request,
                      dispatchmock::admin::v1::VerifyReply* reply) override;
  grpc::Status SetHealth(grpc::ServerContext* context,
                         const dispatchmock::admin::v1::SetHealthRequest* request,
                         dispatchmock::admin::v1::HealthList* reply) override;
  grpc::Status Goaway(grpc::ServerContext* context, const dispatchmock::admin::v1::GoawayRequest* request,
                      dispatchmock::admin::v1::GoawayReply* reply) override;
  grpc::Status Stop(grpc::ServerContext* context, const dispatchmock::admin::v1::StopRequest* request,
                    dispatchmock::admin::v1::StopReply* reply) override;

 private:
  MockServer* const server_;
};

}  // namespace dispatchctl::mock
