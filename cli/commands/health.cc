#include <dispatchctl/health.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "commands/client_setup.h"
#include "commands/command.h"
#include "commands/connect_diagnosis.h"
#include "output/duration_field.h"
#include "output/field_selection.h"
#include "output/make_format.h"
#include "output/run_errors.h"
#include "process/pauses.h"
#include "process/signal_queue.h"
#include "process/wakeup.h"
#include "text/quantity.h"

namespace dispatchctl::cli {
namespace {

using Clock = std::chrono::steady_clock;

// A table names the service only where there is one to name.
std::vector<Column> HealthColumns(OutputFormat format, const HealthCheckOptions& options) {
  std::vector<Column> columns;
  if (options.watch) columns.push_back({.name = "time", .least_width = 24});
  columns.push_back({.name = "endpoint", .least_width = 21});
  if (format != OutputFormat::kTable || !options.service.empty()) {
    columns.push_back({.name = "service", .least_width = options.service.size()});
  }
  columns.push_back({.name = "status", .least_width = 15});
  columns.push_back({.name = DurationFieldName(format, "elapsed"), .least_width = 10});
  return columns;
}

// What the last answers come to.
struct Verdict {
  std::size_t endpoints = 0;
  std::size_t failed = 0;
  std::size_t not_serving = 0;
  std::optional<ErrorReport> error;  // of the first that failed
};

class HealthSession {
 public:
  using Answers = absl::StatusOr<std::vector<EndpointHealth>>;

  explicit HealthSession(CommandContext& context)
      : context_(context),
        options_(context.line.health),
        identity_(IdentityOf(context.line.global, kHealthMethod)),
        records_(STDOUT_FILENO,
                 MakeFormat(context.output, HealthColumns(context.output, options_),
                            /*single=*/false, context.terminal.output_color, context.line.global.fields)),
        pauses_(signals_, records_) {}

  CommandResult Run() {
    ClientOptions client_options;
    if (auto error = MakeClientOptions(context_.line.global, client_options)) return error;
    if (auto error = ConnectClient(context_, std::move(client_options))) return error;
    do {
      const Clock::time_point begin = Clock::now();
      std::optional<Answers> answers = Ask();
      if (!answers.has_value()) break;
      Tell(*answers);
      next_ = begin + options_.interval;
    } while (options_.watch && pauses_.WaitUntil(next_));
    std::vector<ErrorReport> errors = pauses_.FinishRecords();
    if (pauses_.signal() == 0) AddVerdict(errors);
    return Gravest(errors);
  }

 private:
  // Nothing when there is nothing to go on for.
  std::optional<Answers> Ask() {
    wakeup_.Clear();
    std::future<Answers> asked = std::async(std::launch::async, [this] {
      const auto timeout = context_.line.global.timeout.value_or(context_.line.global.connect_timeout);
      Answers answers = context_.client->CheckHealth({.service = options_.service, .timeout = timeout});
      wakeup_.Notify();
      return answers;
    });
    const bool go_on = pauses_.WaitUntil(Clock::time_point::max(), wakeup_.fd());
    if (go_on) return asked.get();
    // It ends at once then, as it is told to.
    static_cast<void>(context_.client->Shutdown(std::chrono::nanoseconds(0)));
    asked.wait();
    return std::nullopt;
  }

  void Tell(const Answers& answers) {
    verdict_ = {};
    if (!answers.ok()) {
      CallReport report;
      report.phase = Phase::kResolve;
      Fail(RpcError(answers.status(), report, identity_), "");
    } else {
      verdict_.endpoints = answers->size();
      for (const EndpointHealth& health : *answers) {
        if (!health.status.ok()) {
          Fail(RpcError(health.status.status(), health.report, identity_), health.report.endpoint);
          continue;
        }
        if (*health.status != ServingStatus::kServing) ++verdict_.not_serving;
        if (IsNews(health.report.endpoint, std::string(ServingStatusName(*health.status)))) Write(health);
      }
    }
    records_.Flush(signals_.fd());
  }

  void Fail(ErrorReport error, const std::string& endpoint) {
    ++verdict_.failed;
    if (!options_.watch) ExplainConnectError(context_.line.global, context_.console, error);
    // Without endpoints there is no record to print, but who watches is to know.
    if (IsNews(endpoint, error.message) && (options_.watch || !endpoint.empty())) {
      records_.Write([&](RecordFormat& format, std::string& out) {
        WriteTime(format, out);
        if (!endpoint.empty()) format.TextField(out, "endpoint", endpoint);
        format.Error(out, error);
      });
    }
    if (!verdict_.error.has_value()) verdict_.error = std::move(error);
  }

  // Remembers what is said of each endpoint. Whoever does not watch is told everything.
  bool IsNews(const std::string& endpoint, const std::string& what) {
    std::string& before = told_[endpoint];
    if (options_.watch && before == what) return false;
    before = what;
    return true;
  }

  void WriteTime(RecordFormat& format, std::string& out) const {
    if (options_.watch) format.TextField(out, "time", UtcTime(std::chrono::system_clock::now()));
  }

  void Write(const EndpointHealth& health) {
    const bool in_table = context_.output == OutputFormat::kTable;
    records_.Write([&](RecordFormat& format, std::string& out) {
      WriteTime(format, out);
      format.TextField(out, "endpoint", health.report.endpoint);
      if (!in_table || !options_.service.empty()) format.TextField(out, "service", options_.service);
      format.TextField(out, "status", ServingStatusName(*health.status));
      WriteDuration(format, out, context_.output, "elapsed", health.report.elapsed);
    });
  }

  void AddVerdict(std::vector<ErrorReport>& errors) const {
    // Where all fail there is one thing to say.
    if (verdict_.failed != 0 && verdict_.failed >= verdict_.endpoints) {
      errors.push_back(*verdict_.error);
      return;
    }
    ErrorReport error;
    if (verdict_.failed != 0) {
      error.kind = ErrorKind::kPartial;
      error.message =
          fmt::format("{} of {} could not be asked", verdict_.failed, Plural(verdict_.endpoints, "endpoint"));
      errors.push_back(error);
    }
    if (verdict_.not_serving != 0) {
      error.kind = ErrorKind::kNegative;
      error.message =
          fmt::format("{} of {} not serving", verdict_.not_serving, Plural(verdict_.endpoints, "endpoint"));
      errors.push_back(error);
    }
  }

  CommandContext& context_;
  const HealthCheckOptions& options_;
  const RpcIdentity identity_;
  const SignalQueue signals_;
  const Wakeup wakeup_;
  RecordStream records_;
  Pauses pauses_;
  Clock::time_point next_;
  std::map<std::string, std::string> told_;
  Verdict verdict_;
};

}  // namespace

CommandResult RunHealth(CommandContext& context) {
  const std::vector<Column> columns = HealthColumns(context.output, context.line.health);
  if (auto error = CheckFields(context.line.global.fields, columns)) return error;
  return HealthSession(context).Run();
}

}  // namespace dispatchctl::cli
