#include <dispatchctl/tls_diagnosis.h>
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
constexpr const char* kProbe = "dispatchctl-doctor";

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
  columns.push_back({.name = table ? "time" : "elapsed_us", .least_width = 10});
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
                                           context.terminal.output_color)) {}

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
        kProbe, call, [this, ended](absl::StatusOr<CourierStatus> status, const CallReport& report) {
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
    Finding finding{.phase = "resolve", .ok = !endpoints.empty(), .elapsed = resolving_};
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

  void Examine(const EndpointStatus& endpoint) {
    const bool good = UsesTls(context_.line.global) ? ExamineTls(endpoint) : ExaminePlaintext(endpoint);
    if (!good) ++problems_;
  }

  bool ExaminePlaintext(const EndpointStatus& endpoint) {
    Finding finding{.phase = "connect", .endpoint = endpoint.address};
    finding.ok = endpoint.state == EndpointState::kReady || endpoint.successes != 0;
    finding.detail = finding.ok ? "plaintext HTTP/2" : endpoint.last_error;
    if (finding.detail.empty()) finding.detail = WhyNotConnected(endpoint);
    Tell(finding);
    return finding.ok;
  }

  // No call has been there to be told.
  std::string WhyNotConnected(const EndpointStatus& endpoint) const {
    const TlsDiagnosis diagnosis = Diagnose(endpoint);
    if (diagnosis.problem == TlsProblem::kNotConnected) return diagnosis.cause;
    return fmt::format("not connected: {}", EndpointStateName(endpoint.state));
  }

  TlsDiagnosis Diagnose(const EndpointStatus& endpoint) const {
    return DiagnoseTls(options_, endpoint.address,
                       std::chrono::ceil<milliseconds>(context_.line.global.connect_timeout));
  }

  bool ExamineTls(const EndpointStatus& endpoint) {
    const TlsDiagnosis diagnosis = Diagnose(endpoint);
    const bool connected =
        diagnosis.connect_time.count() != 0 && diagnosis.problem != TlsProblem::kNotConnected;
    Finding tcp{.phase = "connect", .endpoint = endpoint.address, .ok = connected};
    if (connected) {
      tcp.elapsed = diagnosis.connect_time;
      tcp.detail = "connected";
    } else {
      tcp.detail = diagnosis.cause;
    }
    Tell(tcp);
    if (!connected) return false;

    Finding tls{.phase = "tls", .endpoint = endpoint.address, .ok = diagnosis.problem == TlsProblem::kNone};
    if (diagnosis.handshake_time.count() != 0) tls.elapsed = diagnosis.handshake_time;
    if (!diagnosis.protocol.empty()) tls.detail = diagnosis.protocol;
    if (!diagnosis.alpn.empty()) tls.detail += ", " + diagnosis.alpn;
    if (!tls.ok) tls.detail = WithFlagName(diagnosis.cause);
    if (!diagnosis.chain.empty()) {
      tls.expires = diagnosis.chain.front().not_after;
      for (const CertificateSummary& certificate : diagnosis.chain) {
        tls.expires = std::min(*tls.expires, certificate.not_after);
      }
      tls.detail += fmt::format(", {}, expires {}", diagnosis.chain.front().subject, UtcDay(*tls.expires));
    }
    tls.hint = tls.ok ? HintOnExpiry(tls.expires) : HintFor(diagnosis.problem);
    Tell(tls);
    return tls.ok;
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
      if (table) {
        format.TextField(out, "time", finding.elapsed.has_value() ? Milliseconds(*finding.elapsed) : "-");
      } else if (finding.elapsed.has_value()) {
        const auto elapsed = std::chrono::duration_cast<std::chrono::microseconds>(*finding.elapsed);
        format.NumberField(out, "elapsed_us", static_cast<std::uint64_t>(elapsed.count()));
      } else {
        format.NullField(out, "elapsed_us");
      }
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
  absl::Status status_;
  CallReport report_;
  bool answered_ = false;
  std::optional<ErrorReport> error_;
  std::uint64_t problems_ = 0;
};

}  // namespace

CommandResult RunDoctor(CommandContext& context) {
  return Doctor(context).Run();
}

}  // namespace dispatchctl::cli
