#pragma once

#include <string_view>

namespace dispatchctl::internal {

// As on the wire, and as people write them.
inline constexpr char kLookupPath[] = "/dispatchpb.DispatchGateway/GetCourierStatus";
inline constexpr char kAssignPath[] = "/dispatchpb.DispatchGateway/StreamAssignments";
inline constexpr std::string_view kLookupMethod = std::string_view(kLookupPath).substr(1);
inline constexpr std::string_view kAssignMethod = std::string_view(kAssignPath).substr(1);

}  // namespace dispatchctl::internal
