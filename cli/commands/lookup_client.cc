#include "commands/lookup_client.h"

#include <fmt/format.h>

#include <memory>
#include <string>
#include <utility>

#include "commands/client_setup.h"
#include "fallback/cache_file.h"
#include "fallback/status_cache.h"

namespace dispatchctl::cli {
namespace {

// Two statuses of one courier are of one service only if both of these are the same.
std::string CacheName(const GlobalOptions& global) {
  return global.authority.empty() ? global.server
                                  : fmt::format("{} authority {}", global.server, global.authority);
}

void OpenStatusCache(CommandContext& context, ClientOptions& options) {
  const GlobalOptions& global = context.line.global;
  if (!global.stale_if_error.has_value()) return;
  const std::string service = CacheName(global);
  std::string path = StatusCachePath(service, context.environment);
  if (path.empty()) {
    context.console.Warn(
        "--stale-if-error: neither XDG_CACHE_HOME nor HOME holds an absolute path: statuses are not kept");
  }
  context.status_cache = std::make_shared<StatusCache>(
      std::move(path), service, [] { return std::chrono::system_clock::now(); },
      [&console = context.console](std::string_view text) { console.Warn(text); });
  options.fallback.store = context.status_cache;
}

}  // namespace

std::optional<ErrorReport> ConnectForLookups(CommandContext& context) {
  ClientOptions options;
  if (auto error = MakeClientOptions(context.line.global, options)) return error;
  OpenStatusCache(context, options);
  return ConnectClient(context, std::move(options));
}

std::optional<std::chrono::nanoseconds> StaleAge(const CallReport& report) {
  if (!report.stale) return std::nullopt;
  return report.stale_age;
}

}  // namespace dispatchctl::cli
