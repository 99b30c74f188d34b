#pragma once

// What the program and its telemetry plugin know of each other. The plugin brings OpenTelemetry's libraries,
// and with them a protobuf of their own: loaded with dlopen's RTLD_LOCAL it never meets the one that is
// linked into the program. Neither side shows the other anything of gRPC or protobuf, and no exception passes
// between them. Both are built together: the name of the function that starts the plugin has the version of
// the interface in it.

#include <dispatchctl/observer.h>

#include <chrono>
#include <memory>
#include <string>

namespace dispatchctl::cli {

/// What is to be exported; where to and how, the plugin reads from the OTEL_* variables itself.
struct TelemetrySignals {
  bool traces = false;
  bool metrics = false;
};

/// Telemetry that is exported.
class TelemetryExporter {
 public:
  virtual ~TelemetryExporter() = default;

  /// For ClientOptions::observer. May be used for as long as the process lives.
  virtual std::shared_ptr<Observer> observer() = 0;

  /// Exports what there is, for at most about `timeout`, and stops. Gives what went wrong since the start, in
  /// a sentence; empty: nothing did.
  virtual std::string Finish(std::chrono::milliseconds timeout) noexcept = 0;
};

/// Null: it could not be started. Never destroyed.
using StartTelemetryExporter = TelemetryExporter* (*)(const TelemetrySignals& signals) noexcept;

inline constexpr char kStartTelemetryExporter[] = "dispatchctl_start_telemetry_exporter_v0_1";

}  // namespace dispatchctl::cli
