#pragma once

#include <absl/status/statusor.h>
#include <dispatchctl/call_options.h>
#include <dispatchctl/client.h>
#include <dispatchctl/lookup.h>

#include <string>
#include <vector>

#include "gateway/requester.h"

namespace bff {

/// Looks a courier up; cancels the call when the requester goes.
dispatchctl::LookupItem LookUp(const dispatchctl::Client& client, const std::string& courier_id,
                               const dispatchctl::CallOptions& options, Requester& requester);

/// Looks couriers up, all at once, and gives their results in the order of the ids; cancels what is under way
/// when the requester goes. Errors: INVALID_ARGUMENT naming the option.
absl::StatusOr<std::vector<dispatchctl::LookupItem>> LookUpAll(const dispatchctl::Client& client,
                                                               const std::vector<std::string>& courier_ids,
                                                               const dispatchctl::CallOptions& options,
                                                               Requester& requester);

}  // namespace bff
