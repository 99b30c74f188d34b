#pragma once

#include <absl/status/statusor.h>

#include <memory>

#include "dispatchctl/client_options.h"
#include "transport/channel.h"

namespace dispatchctl::internal {

// `use_tls` is what TransportSecurity comes to for the target. Errors: FAILED_PRECONDITION naming the
// certificate or key file that cannot be used; as CheckCoreCanStart's.
absl::StatusOr<std::unique_ptr<ChannelFactory>> MakeGrpcChannelFactory(const ClientOptions& options,
                                                                       bool use_tls);

}  // namespace dispatchctl::internal
