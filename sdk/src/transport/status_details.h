#pragma once

#include <absl/status/status.h>

#include <string_view>

namespace dispatchctl::internal {

// Adds the details of a google.rpc.Status, as servers send it in grpc-status-details-bin, to the status: each
// as a payload, its bytes under its type's URL. What cannot be read is left out, and of several of one type
// the first stays. Nothing for a status that is OK.
void AttachDetails(std::string_view rich_status, absl::Status& status);

}  // namespace dispatchctl::internal
