#pragma once

#include <absl/status/statusor.h>

#include <memory>

#include "call/client_core.h"
#include "dispatchctl/assignment_stream.h"

namespace dispatchctl::internal {

// Errors: INVALID_ARGUMENT naming the option.
absl::StatusOr<std::unique_ptr<AssignmentStream>> MakeAssignmentStream(std::shared_ptr<ClientCore> core,
                                                                       StreamOptions options);

}  // namespace dispatchctl::internal
