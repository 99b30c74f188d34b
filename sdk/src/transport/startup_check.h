#pragma once

#include <absl/status/status.h>

namespace dispatchctl::internal {

// Whether this process may still have what core takes when it starts, which aborts or waits for ever where it
// gets none. Asked of the system until it is OK, then never again. Errors: UNAVAILABLE with the reason.
absl::Status CheckCoreCanStart();

}  // namespace dispatchctl::internal
