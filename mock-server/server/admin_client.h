#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mock-server/server/admin.pb.h"

namespace dispatchctl::mock {

// Talks to the admin service of a running mock, in the clear. One call at a time, each with the same
// time-out.
class AdminClient {
 public:
  // `address` as the ready line has it. INVALID_ARGUMENT: it is none.
  static absl::StatusOr<std::unique_ptr<AdminClient>> Make(const std::string& address,
                                                           std::chrono::milliseconds timeout);

  AdminClient(const AdminClient&) = delete;
  AdminClient& operator=(const AdminClient&) = delete;
  AdminClient(AdminClient&&) = delete;
  AdminClient& operator=(AdminClient&&) = delete;
  ~AdminClient();

  absl::Status SetFaults(const dispatchmock::admin::v1::SetFaultsRequest& request,
                         dispatchmock::admin::v1::FaultList& reply);
  absl::Status ListFaults(const dispatchmock::admin::v1::ListFaultsRequest& request,
                          dispatchmock::admin::v1::FaultList& reply);
  absl::Status SetScenarios(const dispatchmock::admin::v1::SetScenariosRequest& request,
                            dispatchmock::admin::v1::SetScenariosReply& reply);
  absl::Status Reset(const dispatchmock::admin::v1::ResetRequest& request);
  absl::Status ListCalls(const dispatchmock::admin::v1::ListCallsRequest& request,
                         std::vector<dispatchmock::admin::v1::Call>& calls,
                         dispatchmock::admin::v1::CallCounts& counts);
  absl::Status Verify(const dispatchmock::admin::v1::VerifyRequest& request,
                      dispatchmock::admin::v1::VerifyReply& reply);
  absl::Status SetHealth(const dispatchmock::admin::v1::SetHealthRequest& request,
                         dispatchmock::admin::v1::HealthList& reply);
  absl::Status Goaway(const dispatchmock::admin::v1::GoawayRequest& request);
  absl::Status Stop();

  // Of a call that failed: whether the server had been reached.
  bool connected() const;

 private:
  class Impl;

  explicit AdminClient(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace dispatchctl::mock
