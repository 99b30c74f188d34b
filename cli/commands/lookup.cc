#include <dispatchctl/validation.h>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "commands/client_setup.h"
#include "commands/command.h"
#include "commands/lookup_feed.h"
#include "commands/lookup_records.h"
#include "output/make_format.h"
#include "output/run_errors.h"
#include "process/interrupt_notice.h"

namespace dispatchctl::cli {
namespace {

// Longer lines cannot be ids, whatever they are.
constexpr std::size_t kMaxIdLine = std::size_t{64} << 10U;

// Lookups change nothing: who interrupts them does not want to wait.
constexpr std::chrono::seconds kInterruptGrace{1};

CallOptions MakeCallOptions(const GlobalOptions& global) {
  CallOptions options;
  options.total_timeout = global.timeout;
  return options;
}

std::optional<ErrorReport> CheckOperands(const LookupOptions& options) {
  if (options.sources.empty()) {
    return UsageError("no courier id given", "name ids, or read them with -f FILE (-f - for standard input)");
  }
  int stdin_uses = 0;
  for (const LookupSource& source : options.sources) {
    if (source.is_file) {
      stdin_uses += source.text == "-" ? 1 : 0;
      continue;
    }
    const absl::Status status = ValidateId("courier id", source.text);
    if (!status.ok()) return UsageError(std::string(status.message()));
  }
  if (stdin_uses > 1) return UsageError("standard input can be read once only");
  return std::nullopt;
}

CommandResult LookUpOne(CommandContext& context, const std::string& courier_id) {
  const InterruptNotice notice([&context](int signal) {
    const ErrorReport error = InterruptedError(signal, {});
    return context.json_errors ? TerminalErrorJson(error)
                               : TerminalErrorText("lookup", error, context.terminal.error_color);
  });
  if (auto error = ConnectClient(context)) return error;
  CallReport report;
  const absl::StatusOr<CourierStatus> status =
      context.client->GetCourierStatus(courier_id, MakeCallOptions(context.line.global), &report);
  context.console.Detail(fmt::format("{} attempts, endpoint {}, {:.3f} ms", report.attempts,
                                     report.endpoint.empty() ? "none" : report.endpoint,
                                     std::chrono::duration<double, std::milli>(report.elapsed).count()));
  if (!status.ok()) {
    return LookupError(courier_id, status.status(), report, IdentityOf(context.line.global, kLookupMethod));
  }
  RecordStream records(STDOUT_FILENO, MakeFormat(context.output, LookupColumns(), /*single=*/true,
                                                 context.terminal.output_color));
  WriteCourier(records, *status);
  records.Finish();
  return OutputFailure(records);
}

// What came of many lookups. The SDK's thread counts, the main thread asks at the end.
class LookupTally {
 public:
  void AddSuccess() {
    const std::lock_guard lock(mutex_);
    ++total_;
  }

  void AddFailure(const ErrorReport& error) {
    const std::lock_guard lock(mutex_);
    ++total_;
    if (++failed_ == 1) first_ = error;
    if (error.kind == ErrorKind::kConnect) ++never_connected_;
  }

  std::optional<ErrorReport> Verdict() const {
    const std::lock_guard lock(mutex_);
    if (failed_ == 0) return std::nullopt;
    // With one id, or without a server, there is one thing to say.
    if (total_ == 1 || never_connected_ == total_) return first_;
    ErrorReport error;
    error.kind = ErrorKind::kPartial;
    error.message = fmt::format("{} of {} lookups failed", failed_, total_);
    return error;
  }

 private:
  mutable std::mutex mutex_;
  std::uint64_t total_ = 0;
  std::uint64_t failed_ = 0;
  std::uint64_t never_connected_ = 0;
  ErrorReport first_;
};

// A lookup of many ids: what the two threads share while it runs.
class LookupSession {
 public:
  explicit LookupSession(CommandContext& context)
      : context_(context),
        identity_(IdentityOf(context.line.global, kLookupMethod)),
        files_(kMaxIdLine),
        feed_(context.line.lookup.sources, files_),
        records_(STDOUT_FILENO,
                 MakeFormat(context.output, LookupColumns(), /*single=*/false, context.terminal.output_color),
                 [this] { wakeup_.Notify(); }) {}

  std::optional<ErrorReport> Start() {
    const LookupOptions& options = context_.line.lookup;
    std::vector<std::string> paths;
    for (const LookupSource& source : options.sources) {
      if (source.is_file) paths.push_back(source.text);
    }
    if (auto error = files_.Open(paths)) return error;
    if (auto error = ConnectClient(context_)) return error;

    BulkLookupOptions bulk;
    bulk.max_in_flight = options.parallel;
    bulk.ordered = !options.unordered;
    bulk.call = MakeCallOptions(context_.line.global);
    bulk.on_result = [this](LookupItem&& item) { OnResult(item); };
    bulk.on_batch_end = [this] { records_.Flush(); };
    bulk.on_writable = [this] { wakeup_.Notify(); };
    bulk.on_finished = [this] {
      finished_.store(true, std::memory_order_release);
      wakeup_.Notify();
    };
    absl::StatusOr<std::unique_ptr<BulkLookup>> lookup = context_.client->StartBulkLookup(std::move(bulk));
    if (!lookup.ok()) return OptionError(lookup.status());
    lookup_ = *std::move(lookup);
    feed_.Attach(*lookup_);
    return std::nullopt;
  }

  /// True: the SDK's thread may still be at work on this object, which must then live as long as the process.
  bool Run() {
    FeedLoop loop(feed_, records_, signals_, wakeup_, finished_, {.drain_timeout = kInterruptGrace});
    outcome_ = loop.Run();
    if (outcome_.unfinished) return true;
    FinishRecords(records_, signals_, outcome_);
    return false;
  }

  CommandResult Verdict() const {
    std::vector<ErrorReport> errors;
    if (outcome_.signal != 0) errors.push_back(InterruptedError(outcome_.signal, {}));
    if (auto error = OutputFailure(records_)) errors.push_back(*std::move(error));
    if (feed_.read_error().has_value()) errors.push_back(*feed_.read_error());
    if (auto error = tally_.Verdict()) errors.push_back(*std::move(error));
    return Gravest(errors);
  }

 private:
  // On the SDK's thread.
  void OnResult(const LookupItem& item) {
    if (item.status.ok()) {
      tally_.AddSuccess();
      WriteCourier(records_, *item.status);
      return;
    }
    if (const std::optional<BadLookupLine> bad = feed_.TakeBadLine(item.tag)) {
      tally_.AddFailure(bad->error);
      WriteLookupFailure(records_, bad->courier_id, bad->line, bad->error);
      return;
    }
    const ErrorReport error = LookupError(item.courier_id, item.status.status(), item.report, identity_);
    tally_.AddFailure(error);
    WriteLookupFailure(records_, item.courier_id, 0, error);
  }

  CommandContext& context_;
  const RpcIdentity identity_;
  const SignalQueue signals_;
  const Wakeup wakeup_;
  std::atomic<bool> finished_{false};
  InputFiles files_;
  LookupFeed feed_;
  RecordStream records_;
  LookupTally tally_;
  FeedLoopResult outcome_;
  std::unique_ptr<BulkLookup> lookup_;  // goes first: no callback runs after that
};

CommandResult LookUpMany(CommandContext& context) {
  auto session = std::make_unique<LookupSession>(context);
  if (auto error = session->Start()) return error;
  const bool still_used = session->Run();
  CommandResult result = session->Verdict();
  if (still_used) static_cast<void>(session.release());
  return result;
}

}  // namespace

CommandResult RunLookup(CommandContext& context) {
  const LookupOptions& options = context.line.lookup;
  if (auto error = CheckOperands(options)) return error;
  if (options.sources.size() == 1 && !options.sources.front().is_file) {
    return LookUpOne(context, options.sources.front().text);
  }
  return LookUpMany(context);
}

}  // namespace dispatchctl::cli
