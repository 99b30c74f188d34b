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
#include "commands/lookup_observer.h"
#include "commands/lookup_records.h"
#include "fallback/cache_file.h"
#include "fallback/status_cache.h"
#include "output/make_format.h"
#include "output/run_errors.h"
#include "process/interrupt_notice.h"
#include "text/quantity.h"

namespace dispatchctl::cli {
namespace {

// Longer lines cannot be ids, whatever they are.
constexpr std::size_t kMaxIdLine = std::size_t{64} << 10U;

// Lookups change nothing: who interrupts them does not want to wait.
constexpr std::chrono::seconds kInterruptGrace{1};

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
  if (auto error = ConnectForLookups(context)) return error;
  const auto started = std::chrono::steady_clock::now();
  CallReport report;
  const absl::StatusOr<CourierStatus> status = context.client->GetCourierStatus(courier_id, {}, &report);
  LookupObserver(context.console, context.trace.get()).OnLookup(courier_id, started, status.status(), report);
  if (!status.ok()) {
    return LookupError(courier_id, status.status(), report, IdentityOf(context.line.global, kLookupMethod));
  }
  if (report.stale) {
    context.console.Note(fmt::format("{}: last known status, {} old, in place of: {} ({})", courier_id,
                                     Seconds(report.stale_age), std::string(report.stale_error.message()),
                                     StatusCodeName(report.stale_error.code())));
  }
  const bool may_be_stale = context.status_cache != nullptr;
  RecordStream records(STDOUT_FILENO, MakeFormat(context.output, LookupColumns(may_be_stale), /*single=*/true,
                                                 context.terminal.output_color));
  WriteCourier(records, *status, StaleAge(report));
  records.Finish();
  return OutputFailure(records);
}

// What came of many lookups. The SDK's thread counts, the main thread asks at the end.
class LookupTally {
 public:
  void AddSuccess(std::optional<std::chrono::nanoseconds> stale_age) {
    const std::lock_guard lock(mutex_);
    ++total_;
    if (!stale_age.has_value()) return;
    ++stale_;
    oldest_ = std::max(oldest_, *stale_age);
  }

  void AddFailure(const ErrorReport& error) {
    const std::lock_guard lock(mutex_);
    ++total_;
    if (++failed_ == 1) first_ = error;
    if (error.kind == ErrorKind::kConnect) ++never_connected_;
  }

  /// What is to be said of last known statuses; empty when there were none.
  std::string StaleNote() const {
    const std::lock_guard lock(mutex_);
    if (stale_ == 0) return {};
    return fmt::format("{} of {} are last known statuses, the oldest {} old", stale_, total_,
                       Seconds(oldest_));
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
  std::uint64_t stale_ = 0;
  std::chrono::nanoseconds oldest_{0};
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
                 MakeFormat(context.output, LookupColumns(context.line.global.stale_if_error.has_value()),
                            /*single=*/false, context.terminal.output_color),
                 [this] { wakeup_.Notify(); }),
        observer_(context.console, context.trace.get()) {}

  std::optional<ErrorReport> Start() {
    const LookupOptions& options = context_.line.lookup;
    std::vector<std::string> paths;
    for (const LookupSource& source : options.sources) {
      if (source.is_file) paths.push_back(source.text);
    }
    if (auto error = files_.Open(paths)) return error;
    if (auto error = ConnectForLookups(context_)) return error;

    BulkLookupOptions bulk;
    bulk.max_in_flight = options.parallel;
    bulk.ordered = !options.unordered;
    bulk.on_result = [this](LookupItem&& item) { OnResult(item); };
    bulk.on_batch_end = [this] {
      records_.Flush();
      observer_.Flush();
    };
    bulk.on_writable = [this] { wakeup_.Notify(); };
    bulk.on_finished = [this] {
      finished_.store(true, std::memory_order_release);
      wakeup_.Notify();
    };
    absl::StatusOr<std::unique_ptr<BulkLookup>> lookup = context_.client->StartBulkLookup(std::move(bulk));
    if (!lookup.ok()) return OptionError(lookup.status());
    lookup_ = *std::move(lookup);
    if (observer_.traces()) {
      timed_.Attach(*lookup_);
      feed_.Attach(timed_);
    } else {
      feed_.Attach(*lookup_);
    }
    return std::nullopt;
  }

  /// True: the SDK's thread may still be at work on this object, which must then live as long as the process.
  bool Run() {
    FeedLoop loop(feed_, records_, signals_, wakeup_, finished_, {.drain_timeout = kInterruptGrace});
    outcome_ = loop.Run();
    if (outcome_.unfinished) return true;
    FinishRecords(records_, signals_, outcome_);
    if (const std::string note = tally_.StaleNote(); !note.empty()) context_.console.Note(note);
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
    const auto started =
        observer_.traces() ? timed_.TakeStart(item.tag) : TimedBulkLookup::Clock::time_point();
    if (item.status.ok()) {
      observer_.OnLookup(item.courier_id, started, absl::OkStatus(), item.report);
      tally_.AddSuccess(StaleAge(item.report));
      WriteCourier(records_, *item.status, StaleAge(item.report));
      return;
    }
    if (const std::optional<BadLookupLine> bad = feed_.TakeBadLine(item.tag)) {
      tally_.AddFailure(bad->error);
      WriteLookupFailure(records_, bad->courier_id, bad->line, bad->error);
      return;
    }
    observer_.OnLookup(item.courier_id, started, item.status.status(), item.report);
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
  const LookupObserver observer_;
  TimedBulkLookup timed_;
  LookupTally tally_;
  FeedLoopResult outcome_;
  std::unique_ptr<BulkLookup> lookup_;  // goes first: no callback runs after that
};

// `unfinished`: the SDK's thread may still be at work on what is in `context`.
CommandResult LookUpMany(CommandContext& context, bool& unfinished) {
  auto session = std::make_unique<LookupSession>(context);
  if (auto error = session->Start()) return error;
  unfinished = session->Run();
  CommandResult result = session->Verdict();
  if (unfinished) static_cast<void>(session.release());
  return result;
}

}  // namespace

CommandResult RunLookup(CommandContext& context) {
  const LookupOptions& options = context.line.lookup;
  if (auto error = CheckOperands(options)) return error;
  if (auto error = OpenTrace(context)) return error;
  bool unfinished = false;
  const bool single = options.sources.size() == 1 && !options.sources.front().is_file;
  CommandResult result =
      single ? LookUpOne(context, options.sources.front().text) : LookUpMany(context, unfinished);
  if (context.status_cache != nullptr) context.status_cache->Save();
  // It may be just the trace's reader that it is waiting for.
  return unfinished ? result : ConcludeTrace(context, std::move(result));
}

}  // namespace dispatchctl::cli
