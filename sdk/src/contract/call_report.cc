#include "dispatchctl/call_report.h"

namespace dispatchctl {
inline namespace DISPATCHCTL_ABI {

std::string_view PhaseName(Phase phase) {
  switch (phase) {
    case Phase::kArguments:
      return "args";
    case Phase::kResolve:
      return "resolve";
    case Phase::kConnect:
      return "connect";
    case Phase::kTls:
      return "tls";
    case Phase::kCall:
      return "call";
    case Phase::kStream:
      return "stream";
    case Phase::kDrain:
      return "drain";
  }
  return "unknown";
}

std::string_view OriginName(Origin origin) {
  return origin == Origin::kServer ? "server" : "local";
}

}  // namespace DISPATCHCTL_ABI
}  // namespace dispatchctl
