#include "commands/lookup_client.h"

#include <fmt/format.h>

#include <chrono>
#include <ctime>
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

// The wall clock as it stands now, moved on by a clock that nobody sets and that runs while the machine
// sleeps: whoever sets the wall clock makes no status older or younger.
StatusCache::WallClock MakeUnsettableClock() {
  const auto since_boot = [] {
    timespec now{};
    ::clock_gettime(CLOCK_BOOTTIME, &now);
    return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
  };
  return [since_boot, wall = std::chrono::system_clock::now(), start = since_boot()] {
    return wall + std::chrono::duration_cast<std::chrono::system_clock::duration>(since_boot() - start);
  };
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
      std::move(path), service, MakeUnsettableClock(),
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
