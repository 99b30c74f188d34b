#include <dispatchctl/connection_diagnosis.h>
#include <dispatchctl/health.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "commands/client_setup.h"
#include "commands/command.h"
#include "commands/connect_diagnosis.h"
#include "config/flag_names.h"
#include "output/duration_field.h"
#include "output/field_selection.h"
#include "output/hints.h"
#include "output/make_format.h"
#include "output/record_stream.h"
#include "output/run_errors.h"
#include "text/quantity.h"

namespace dispatchctl::cli {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

// No courier has it: that the service says so shows that it works.
constexpr const char* kDoctorProbe = "dispatchctl-doctor";

constexpr milliseconds kLookInterval{1};
constexpr std::chrono::days kSoon{30};

// One line of the report.
struct Finding {
  std::string_view phase;
  std::string endpoint = {};
  bool ok = false;
  std::optional<nanoseconds> elapsed = std::nullopt;
  std::string detail = {};
  std::string hint = {};
  std::optional<std::chrono::system_clock::time_point> expires = std::nullopt;  // of a certificate
};

std::vector<Column> FindingColumns(OutputFormat format) {
  std::vector<Column> columns{{.name = "phase", .least_width = 7},
                              {.name = "endpoint", .least_width = 21},
                              {.name = "ok", .least_width = 5}};
  const bool table = format == OutputFormat::kTable;
  columns.push_back({.name = DurationFieldName(format, "elapsed"), .least_width = 10});
  if (!table) columns.push_back({.name = "expires"});
  columns.push_back({.name = "detail"});
  if (!table) columns.push_back({.name = "hint"});
  return columns;
}

class Doctor {
 public:
  explicit Doctor(CommandContext& context)
      : context_(context),
        records_(STDOUT_FILENO, MakeFormat(context.output, FindingColumns(context.output), /*single=*/false,
                                           context.terminal.output_color, context.line.global.fields)) {}

  CommandResult Run() {
    if (auto error = MakeClientOptions(context_.line.global, options_)) return error;
    if (auto error = ConnectClient(context_, options_)) return error;
    Call();
    const std::vector<EndpointStatus> endpoints = context_.client->Endpoints();
    TellResolved(endpoints);
    for (const EndpointStatus& endpoint : endpoints) Examine(endpoint);
    if (!endpoints.empty()) TellCall();
    records_.Finish();

    std::vector<ErrorReport> errors;
    if (auto error = OutputFailure(records_)) errors.push_back(*std::move(error));
    if (!answered_) {
      errors.push_back(CallError());
    } else if (problems_ != 0) {
      ErrorReport error;
      error.kind = ErrorKind::kPartial;
      error.phase = PhaseName(Phase::kConnect);
      error.message =
          fmt::format("the service answers, but there is trouble with {}", Plural(problems_, "endpoint"));
      errors.push_back(std::move(error));
    }
    return Gravest(errors);
  }

 private:
  // A lookup, and meanwhile an eye on when the target is resolved.
  void Call() {
    CallOptions call;
    call.total_timeout = context_.line.global.timeout.value_or(context_.line.global.connect_timeout);
    // The callback's too: it may still be at it when the end has been seen here.
    const auto ended = std::make_shared<std::promise<void>>();
    const std::future<void> end = ended->get_future();
    const Clock::time_point begin = Clock::now();
    context_.client->GetCourierStatusAsync(
        kDoctorProbe, call, [this, ended](absl::StatusOr<CourierStatus> status, const CallReport& report) {
          status_ = status.status();
          report_ = report;
          ended->set_value();
        });
    while (context_.client->Endpoints().empty() && end.wait_for(kLookInterval) != std::future_status::ready) {
    }
    resolving_ = Clock::now() - begin;
    end.wait();
    answered_ = status_.ok() || (absl::IsNotFound(status_) && report_.origin == Origin::kServer);
  }

  void TellResolved(const std::vector<EndpointStatus>& endpoints) {
    // What only gRPC resolves is an endpoint all the same.
    const bool resolved = answered_ || report_.phase != Phase::kResolve;
    Finding finding{.phase = "resolve", .ok = resolved && !endpoints.empty(), .elapsed = resolving_};
    if (finding.ok) {
      finding.detail =
          fmt::format("{} stands for {}", context_.line.global.server, Plural(endpoints.size(), "endpoint"));
    } else {
      const ErrorReport error = CallError();
      finding.detail = error.message;
      finding.hint = error.hint;
    }
    Tell(finding);
  }

  // Of what only gRPC resolves, it alone knows the servers.
  static bool LeftToGrpc(const EndpointStatus& endpoint) {
    return endpoint.address.find("://") != std::string::npos;
  }

  void Examine(const EndpointStatus& endpoint) {
    if (LeftToGrpc(endpoint)) {
      if (!TellGrpcsConnection(endpoint) || !TellHealth(endpoint)) ++problems_;
      return;
    }
    const bool tls = UsesTls(context_.line.global);
    const auto timeout = std::chrono::ceil<milliseconds>(context_.line.global.connect_timeout);
    const ConnectionDiagnosis diagnosis =
        tls ? DiagnoseTls(options_, endpoint.address, timeout) : DiagnosePlaintext(endpoint.address, timeout);
    ListChain(context_.console, diagnosis);
    const bool good = TellConnect(endpoint, diagnosis) && (!tls || TellTls(endpoint, diagnosis)) &&
                      TellHttp2(endpoint, diagnosis) && TellHealth(endpoint);
    if (!good) ++problems_;
  }

  bool TellGrpcsConnection(const EndpointStatus& endpoint) {
    Finding finding{.phase = "connect",
                    .endpoint = endpoint.address,
                    .ok = answered_ || endpoint.state == EndpointState::kReady};
    finding.detail = finding.ok ? "connected by gRPC" : "not connected by gRPC, which alone resolves it";
    Tell(finding);
    return finding.ok;
  }

  bool TellConnect(const EndpointStatus& endpoint, const ConnectionDiagnosis& diagnosis) {
    Finding finding{.phase = "connect", .endpoint = endpoint.address};
    finding.ok = diagnosis.problem != ConnectionProblem::kNotConnected &&
                 diagnosis.problem != ConnectionProblem::kLocalFiles;
    if (finding.ok) {
      finding.elapsed = diagnosis.connect_time;
      finding.detail = "connected";
    } else {
      finding.detail = WithFlagName(diagnosis.cause);
    }
    Tell(finding);
    return finding.ok;
  }

  bool TellTls(const EndpointStatus& endpoint, const ConnectionDiagnosis& diagnosis) {
    Finding finding{.phase = "tls", .endpoint = endpoint.address};
    // What comes of HTTP/2 within TLS is the next step's.
    finding.ok =
        diagnosis.problem == ConnectionProblem::kNone || (!diagnosis.alpn.empty() && InHttp2(diagnosis));
    if (diagnosis.handshake_time.count() != 0) finding.elapsed = diagnosis.handshake_time;
    finding.detail = finding.ok ? fmt::format("{}, ALPN {}", diagnosis.protocol, diagnosis.alpn)
                                : WithFlagName(diagnosis.cause);
    if (!diagnosis.chain.empty()) {
      finding.expires = diagnosis.chain.front().not_after;
      for (const CertificateSummary& certificate : diagnosis.chain) {
        finding.expires = std::min(*finding.expires, certificate.not_after);
      }
      finding.detail += fmt::format(", {} from {}, expires {}", diagnosis.chain.front().subject,
                                    diagnosis.chain.front().issuer, UtcDay(*finding.expires));
    }
    finding.hint = finding.ok ? HintOnExpiry(finding.expires) : HintFor(diagnosis.problem);
    Tell(finding);
    return finding.ok;
  }

  // The server speaks something, but not HTTP/2, or says nothing.
  static bool InHttp2(const ConnectionDiagnosis& diagnosis) {
    return diagnosis.settings_time.count() != 0 && (diagnosis.problem == ConnectionProblem::kNoHttp2 ||
                                                    diagnosis.problem == ConnectionProblem::kTimedOut);
  }

  bool TellHttp2(const EndpointStatus& endpoint, const ConnectionDiagnosis& diagnosis) {
    Finding finding{.phase = "http2", .endpoint = endpoint.address, .ok = diagnosis.http2.has_value()};
    if (diagnosis.settings_time.count() != 0) finding.elapsed = diagnosis.settings_time;
    if (finding.ok) {
      const Http2Settings& settings = *diagnosis.http2;
      const std::string calls =
          settings.max_concurrent_streams.has_value()
              ? fmt::format("at most {}", Plural(*settings.max_concurrent_streams, "call"))
              : std::string("any number of calls");
      finding.detail = fmt::format("{} at once, window {} bytes, frames {} bytes", calls,
                                   Grouped(settings.initial_window_size), Grouped(settings.max_frame_size));
    } else if (endpoint.state == EndpointState::kReady) {
      // An endpoint of another kind than can be examined here.
      finding.ok = true;
      finding.detail = "connected by gRPC";
    } else {
      finding.detail = diagnosis.cause;
      finding.hint = HintFor(diagnosis.problem);
    }
    Tell(finding);
    return finding.ok;
  }

  bool TellHealth(const EndpointStatus& endpoint) {
    const EndpointHealth* health = HealthOf(endpoint.address);
    if (health == nullptr) return true;
    Finding finding{.phase = "health", .endpoint = endpoint.address, .elapsed = health->report.elapsed};
    const absl::Status status = health->status.status();
    if (status.ok()) {
      finding.ok = *health->status == ServingStatus::kServing;
      finding.detail = ServingStatusName(*health->status);
      if (!finding.ok) finding.hint = "the server is up, but not ready to serve: ask who runs it";
    } else if (absl::IsUnimplemented(status)) {
      finding.ok = true;
      finding.detail = "the server offers no health checks";
    } else {
      const ErrorReport error =
          RpcError(status, health->report, IdentityOf(context_.line.global, kHealthMethod));
      finding.detail = error.message;
      finding.hint = error.hint;
    }
    Tell(finding);
    return finding.ok;
  }

  const EndpointHealth* HealthOf(const std::string& address) {
    if (!health_.has_value()) {
      const auto timeout = context_.line.global.timeout.value_or(context_.line.global.connect_timeout);
      auto answers = context_.client->CheckHealth({.timeout = timeout});
      health_ = answers.ok() ? *std::move(answers) : std::vector<EndpointHealth>();
    }
    for (const EndpointHealth& health : *health_) {
      if (health.report.endpoint == address) return &health;
    }
    return nullptr;
  }

  static std::string HintOnExpiry(std::optional<std::chrono::system_clock::time_point> expires) {
    if (!expires.has_value()) return {};
    const auto left = std::chrono::floor<std::chrono::days>(*expires - std::chrono::system_clock::now());
    if (left > kSoon) return {};
    return fmt::format("the certificate expires in {}: renew it",
                       Plural(static_cast<std::uint64_t>(std::max<std::int64_t>(left.count(), 0)), "day"));
  }

  void TellCall() {
    Finding finding{
        .phase = "rpc", .endpoint = report_.endpoint, .ok = answered_, .elapsed = report_.elapsed};
    if (answered_) {
      finding.detail = "the service answers";
    } else {
      const ErrorReport error = CallError();
      finding.detail = error.message;
      finding.hint = error.hint;
    }
    Tell(finding);
  }

  ErrorReport CallError() {
    if (!error_.has_value()) {
      error_ = RpcError(status_, report_, IdentityOf(context_.line.global, kLookupMethod));
      ExplainConnectError(context_.line.global, context_.console, *error_);
    }
    return *error_;
  }

  void Tell(const Finding& finding) {
    const bool table = context_.output == OutputFormat::kTable;
    records_.Write([&](RecordFormat& format, std::string& out) {
      format.TextField(out, "phase", finding.phase);
      format.TextField(out, "endpoint", finding.endpoint.empty() && table ? "-" : finding.endpoint);
      format.BoolField(out, "ok", finding.ok);
      WriteDuration(format, out, context_.output, "elapsed", finding.elapsed);
      if (!table && finding.expires.has_value()) {
        format.TextField(out, "expires", UtcDay(*finding.expires));
      } else if (!table) {
        format.NullField(out, "expires");
      }
      format.TextField(out, "detail", finding.detail);
      if (!table && finding.hint.empty()) {
        format.NullField(out, "hint");
      } else if (!table) {
        format.TextField(out, "hint", finding.hint);
      }
    });
    records_.Flush();
    if (table && !finding.hint.empty())
      context_.console.Note(fmt::format("{}: {}", finding.phase, finding.hint));
  }

  CommandContext& context_;
  ClientOptions options_;
  RecordStream records_;
  nanoseconds resolving_{0};
  std::optional<std::vector<EndpointHealth>> health_;  // unset: not asked for yet
  absl::Status status_;
  CallReport report_;
  bool answered_ = false;
  std::optional<ErrorReport> error_;
  std::uint64_t problems_ = 0;
};

}  // namespace

CommandResult RunDoctor(CommandContext& context) {
  if (auto error = CheckFields(context.line.global.fields, FindingColumns(context.output))) return error;
  return Doctor(context).Run();
}

}  // namespace dispatchctl::cli
