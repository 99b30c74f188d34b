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
#include "commands/lookup_client.h"
#include "commands/lookup_feed.h"
#include "commands/lookup_observer.h"
#include "commands/lookup_records.h"
#include "commands/lookup_tally.h"
#include "commands/lookup_watch.h"
#include "fallback/status_cache.h"
#include "output/field_selection.h"
#include "output/make_format.h"
#include "output/run_errors.h"
#include "process/feed_loop.h"
#include "process/interrupt_notice.h"
#include "text/quantity.h"

namespace dispatchctl::cli {
namespace {

// Lookups change nothing: who interrupts them does not want to wait.

std::optional<ErrorReport> CheckWatch(const WatchOptions& watch) {
  const bool has_details = watch.changes_only || watch.longest.has_value() || !watch.until.empty();
  if (!watch.on && has_details) {
    return UsageError("--changes-only, --until and --for go with --watch", "add --watch");
  }
  return std::nullopt;
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
  return CheckWatch(options.watch);
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
  RecordStream records(
      STDOUT_FILENO, MakeFormat(context.output, LookupColumns(may_be_stale, /*timed=*/false), /*single=*/true,
                                context.terminal.output_color, context.line.global.fields));
  WriteCourier(records, *status, StaleAge(report));
  records.Finish();
  return OutputFailure(records);
}

// A lookup of many ids: what the two threads share while it runs.
class LookupSession {
 public:
  explicit LookupSession(CommandContext& context)
      : context_(context),
        identity_(IdentityOf(context.line.global, kLookupMethod)),
        files_(kMaxIdLine),
        feed_(context.line.lookup.sources, files_),
        records_(STDOUT_FILENO,
                 MakeFormat(context.output,
                            LookupColumns(context.line.global.stale_if_error.has_value(), /*timed=*/false),
                            /*single=*/false, context.terminal.output_color, context.line.global.fields),
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
  const bool may_be_stale = context.line.global.stale_if_error.has_value();
  if (auto error = CheckFields(context.line.global.fields, LookupColumns(may_be_stale, options.watch.on))) {
    return error;
  }
  if (auto error = OpenTrace(context)) return error;
  bool unfinished = false;
  const bool single = options.sources.size() == 1 && !options.sources.front().is_file;
  CommandResult result = options.watch.on ? WatchLookups(context)
                         : single         ? LookUpOne(context, options.sources.front().text)
                                          : LookUpMany(context, unfinished);
  if (context.status_cache != nullptr) context.status_cache->Save();
  // It may be just the trace's reader that it is waiting for.
  return unfinished ? result : ConcludeTrace(context, std::move(result));
}

}  // namespace dispatchctl::cli
