#include "telemetry/telemetry.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <future>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

namespace dispatchctl::cli {
namespace {

// Beside the program, wherever both were moved to.
std::string PluginPath() {
  std::array<char, PATH_MAX> program{};
  const ssize_t size = ::readlink("/proc/self/exe", program.data(), program.size());
  const std::string_view path(program.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  return fmt::format("{}/{}", path.substr(0, path.rfind('/')), DISPATCHCTL_TELEMETRY_PLUGIN);
}

}  // namespace

std::unique_ptr<Telemetry> Telemetry::Start(const TelemetrySignals& signals, const Console& console) {
  const std::string path = PluginPath();
  if (::access(path.c_str(), F_OK) != 0) {
    console.Warn(fmt::format(
        "no telemetry is exported: {} is not there; it is built where opentelemetry-cpp is installed "
        "(scripts/setup --otel), and OTEL_SDK_DISABLED=true does without it",
        path));
    return nullptr;
  }
  // Never closed: its threads end with the process.
  void* const plugin = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (plugin == nullptr) {
    console.Warn(fmt::format(
        "no telemetry is exported: {}; its libraries are in the package opentelemetry-cpp", ::dlerror()));
    return nullptr;
  }
  const auto start = reinterpret_cast<StartTelemetryExporter>(::dlsym(plugin, kStartTelemetryExporter));
  if (start == nullptr) {
    console.Warn(fmt::format("no telemetry is exported: {} is of another version", path));
    return nullptr;
  }
  TelemetryExporter* const exporter = start(signals);
  if (exporter == nullptr) {
    console.Warn(fmt::format("no telemetry is exported: {} could not be started", path));
    return nullptr;
  }
  return std::unique_ptr<Telemetry>(new Telemetry(*exporter));
}

void Telemetry::Finish(std::chrono::milliseconds timeout, const Console& console) {
  // A thread that the process can leave behind: not every part of an export keeps to a time.
  std::packaged_task<std::string()> finish(
      [&exporter = exporter_, timeout] { return exporter.Finish(timeout); });
  std::future<std::string> finished = finish.get_future();
  std::thread(std::move(finish)).detach();
  if (finished.wait_for(timeout) != std::future_status::ready) {
    console.Warn(fmt::format("telemetry was not exported within {} ms", timeout.count()));
    return;
  }
  const std::string problem = finished.get();
  if (!problem.empty()) console.Warn(fmt::format("telemetry was not exported: {}", problem));
}

}  // namespace dispatchctl::cli
