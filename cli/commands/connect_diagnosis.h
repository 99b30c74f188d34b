#pragma once

#include <dispatchctl/connection_diagnosis.h>

#include "config/options.h"
#include "output/error_report.h"
#include "terminal/console.h"

namespace dispatchctl::cli {

/// Where a connection has failed in or for want of TLS, has the client look again at what the server does,
/// and puts into `error` the cause that gRPC does not tell. With -v the certificates are listed too.
///
/// Takes no longer than what is left of the connect time-out. Other errors stay as they are.
void ExplainConnectError(const GlobalOptions& global, const Console& console, ErrorReport& error);

/// With -v, the certificates that the server has shown.
void ListChain(const Console& console, const ConnectionDiagnosis& diagnosis);

}  // namespace dispatchctl::cli
