#pragma once

#include "mock-server/main/command_line.h"

namespace dispatchctl::mock {

// `dispatch-mock ctl`: asks, prints the answer on stdout or the error on stderr, and says what the process is
// to end with: 0, 2 usage, 3 a file, 5 never connected, 7 a verification that does not hold, 64+N gRPC status
// N.
int RunCtl(const CtlCommand& command);

}  // namespace dispatchctl::mock
