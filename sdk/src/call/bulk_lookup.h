#pragma once

#include <absl/status/statusor.h>

#include <memory>

#include "call/client_core.h"
#include "call/effective_options.h"
#include "dispatchctl/lookup.h"

namespace dispatchctl::internal {

// Errors: INVALID_ARGUMENT naming the option.
absl::StatusOr<std::unique_ptr<BulkLookup>> MakeBulkLookup(std::shared_ptr<ClientCore> core,
                                                           BulkLookupOptions options,
                                                           EffectiveOptions call_options);

}  // namespace dispatchctl::internal
