#pragma once

#include <dispatchctl/observer.h>

#include <chrono>
#include <memory>

#include "telemetry/plugin.h"
#include "terminal/console.h"

namespace dispatchctl::cli {

/// The telemetry of this run, exported by the plugin.
class Telemetry {
 public:
  /// Loads the plugin. Null, with a warning: it is not there or could not be started.
  static std::unique_ptr<Telemetry> Start(const TelemetrySignals& signals, const Console& console);

  std::shared_ptr<Observer> observer() { return exporter_.observer(); }

  /// Exports what is left, for at most `timeout`; a warning says what could not be. Once, when no call is
  /// under way any more.
  void Finish(std::chrono::milliseconds timeout, const Console& console);

 private:
  explicit Telemetry(TelemetryExporter& exporter) : exporter_(exporter) {}

  TelemetryExporter& exporter_;  // lives as long as the process
};

}  // namespace dispatchctl::cli
