#pragma once

#include <absl/status/status.h>
#include <dispatchctl/call_report.h>

#include <string>
#include <string_view>
#include <vector>

namespace dispatchctl::cli {

/// Every attempt of a call, oldest first. A call whose first attempt answered has the one that its report
/// leaves out, with the time of the whole call.
std::vector<AttemptReport> AttemptsOf(const absl::Status& status, const CallReport& report);

/// How a result came about, for people: a line for each attempt, then one for the call.
std::vector<std::string> CallStory(std::string_view courier_id, const absl::Status& status,
                                   const CallReport& report);

}  // namespace dispatchctl::cli
