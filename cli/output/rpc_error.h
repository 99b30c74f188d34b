#pragma once

#include <absl/status/status.h>
#include <dispatchctl/call_report.h>

#include <string>
#include <string_view>

#include "output/error_report.h"

namespace dispatchctl::cli {

/// Which call it was, for its errors.
struct RpcIdentity {
  std::string_view method;
  std::string target;
  bool tls = false;
  std::string token_file = {};
};

/// The error object of a failed call. Never having been connected is an error of its own kind.
ErrorReport RpcError(const absl::Status& status, const CallReport& report, const RpcIdentity& identity);

/// The same for one courier, which the message then names.
ErrorReport LookupError(std::string_view courier_id, const absl::Status& status, const CallReport& report,
                        const RpcIdentity& identity);

/// True when the connection broke, rather than the server having said something.
bool ConnectionWasLost(const absl::Status& status, const CallReport& report);

}  // namespace dispatchctl::cli
