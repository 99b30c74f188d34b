#pragma once

#include <grpcpp/client_context.h>

#include "transport/channel.h"

namespace dispatchctl::internal {

// Puts deadline, metadata and flags of an attempt into its context. Metadata must have been normalised: gRPC
// aborts on an illegal entry.
void ApplyOptions(const AttemptOptions& options, grpc::ClientContext& context);

}  // namespace dispatchctl::internal
