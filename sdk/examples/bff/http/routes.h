#pragma once

#include <dispatchctl/client.h>

#include "http/server.h"
#include "mapping/call_context.h"
#include "mapping/readiness.h"

namespace bff {

/// What the routes stand on. All outlive the server.
struct RouteDependencies {
  const dispatchctl::Client& client;
  Readiness& readiness;
  TimeoutLimits lookup_limits;
  TimeoutLimits stream_limits;
};

/// Gives `server` its endpoints, see README.md, and the page.
void AddRoutes(HttpServer& server, const RouteDependencies& dependencies);

}  // namespace bff
