#include <dispatchctl/validation.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "bench/assign_load.h"
#include "bench/lookup_load.h"
#include "bench/paced_feed.h"
#include "bench/report_formats.h"
#include "bench/subjects.h"
#include "bench/tally.h"
#include "commands/client_setup.h"
#include "commands/command.h"
#include "commands/endpoint_wait.h"
#include "commands/lookup_observer.h"
#include "commands/stream_end.h"
#include "output/progress_text.h"
#include "output/run_errors.h"
#include "process/feed_loop.h"
#include "process/pauses.h"
#include "text/quantity.h"

namespace dispatchctl::cli {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::nanoseconds;

constexpr double kUsualRate = 100.0;
constexpr std::chrono::seconds kUsualDuration{10};
// Enough for a second of silence at ten thousand calls a second.
constexpr std::size_t kUsualConcurrency = 10'000;
constexpr std::size_t kUsualWindow = 4096;
// As long as lookups have by default.
constexpr std::chrono::seconds kUsualAnswerTimeout{10};
// Calls that fall due within it cost one waking of this thread and of the SDK's, which cost as much as the
// call itself. It is worth that only where several do.
constexpr std::chrono::microseconds kTimeStep{250};
constexpr double kFastRate = 4000.0;
// Starts that are late by this share of what calls take are worth a warning.
constexpr double kNotableDelay = 0.1;

std::string_view NameOf(BenchWork work) {
  return work == BenchWork::kAssign ? "assign" : "lookup";
}

// Passes a text on that is a whole already.
class VerbatimFormat final : public RecordFormat {
 public:
  void Begin(std::string& /*out*/) override {}
  void StartRecord(std::string& /*out*/) override {}
  void TextField(std::string& out, std::string_view /*name*/, std::string_view value) override {
    out += value;
  }
  void BoolField(std::string& /*out*/, std::string_view /*name*/, bool /*value*/) override {}
  void NumberField(std::string& /*out*/, std::string_view /*name*/, std::uint64_t /*value*/) override {}
  void NullField(std::string& /*out*/, std::string_view /*name*/) override {}
  void Error(std::string& /*out*/, const ErrorReport& /*error*/) override {}
  void EndRecord(std::string& /*out*/) override {}
  void End(std::string& /*out*/) override {}
};

std::optional<ErrorReport> CheckLookup(const BenchOptions& options) {
  const char* misplaced = options.window.has_value()    ? "--window"
                          : options.streams.has_value() ? "--streams"
                          : options.zone_given          ? "--zone"
                                                        : nullptr;
  if (misplaced == nullptr) return std::nullopt;
  return UsageError(fmt::format("{} is for bench assign", misplaced),
                    options.window.has_value() ? "bound lookups with --concurrency" : "");
}

std::optional<ErrorReport> CheckAssign(const BenchOptions& options) {
  if (options.window.has_value() && options.concurrency.has_value()) {
    return UsageError("--window and --concurrency are two names of one bound: give one of them");
  }
  if (!IsValidUtf8(options.zone)) return UsageError("--zone is not UTF-8");
  return std::nullopt;
}

// The options with the operands among them, or what is wrong with them.
std::optional<ErrorReport> ReadOptions(const CommandLine& line, BenchOptions& options) {
  constexpr const char* kHint = "bench lookup, or bench assign; see 'dispatchctl bench --help'";
  options = line.bench;
  if (line.operands.empty()) return UsageError("nothing to measure given", kHint);
  const std::string& work = line.operands.front();
  if (work != "lookup" && work != "assign") {
    return UsageError(fmt::format("cannot measure '{}'", work), kHint);
  }
  options.work = work == "assign" ? BenchWork::kAssign : BenchWork::kLookup;
  options.courier_ids.assign(line.operands.begin() + 1, line.operands.end());
  for (const std::string& id : options.courier_ids) {
    const absl::Status status = ValidateId("courier id", id);
    if (!status.ok()) return UsageError(std::string(status.message()));
  }
  if (std::count(options.files.begin(), options.files.end(), "-") > 1) {
    return UsageError("standard input can be read once only");
  }
  return options.work == BenchWork::kAssign ? CheckAssign(options) : CheckLookup(options);
}

BenchPlan PlanOf(const BenchOptions& options) {
  BenchPlan plan{
      .rate = options.rate, .warmup = options.warmup, .duration = options.duration, .count = options.count};
  const bool bounded = options.concurrency.has_value() || options.window.has_value();
  if (!plan.rate.has_value() && !bounded) plan.rate = kUsualRate;
  if (!plan.duration.has_value() && !plan.count.has_value()) plan.duration = kUsualDuration;
  return plan;
}

std::size_t ConcurrencyOf(const BenchOptions& options) {
  if (options.window.has_value()) return *options.window;
  return options.concurrency.value_or(options.work == BenchWork::kAssign ? kUsualWindow : kUsualConcurrency);
}

// What a service answers is measured, not what this client makes of it.
void MeasureEachAttempt(const GlobalOptions& global, ClientOptions& options) {
  if (!global.max_attempts.has_value() && global.service_config_file.empty()) {
    // A hedge is an attempt, too.
    const bool hedged = global.hedge.has_value() && global.hedge->mode != HedgingMode::kOff;
    options.call_defaults.retry = RetryPolicy{.max_attempts = hedged ? 1 + global.hedge->max_hedges : 1};
  }
  options.breaker.enabled = false;
  options.fallback = {};
}

// Assignments of this name were never decided before.
std::string RunName() {
  return fmt::format("bench-{:08x}", std::random_device{}());
}

// One run of bench: what the two threads share while it lasts, and what it comes to.
class BenchSession {
 public:
  BenchSession(CommandContext& context, BenchOptions options, std::vector<BenchSubject> subjects)
      : context_(context),
        options_(std::move(options)),
        subjects_(std::move(subjects)),
        plan_(PlanOf(options_)),
        concurrency_(ConcurrencyOf(options_)),
        records_(STDOUT_FILENO, std::make_unique<VerbatimFormat>(), [this] { wakeup_.Notify(); }),
        pauses_(signals_, records_),
        observer_(context.console, context.trace.get()),
        stream_end_(context.trace.get()) {}

  std::optional<ErrorReport> Start(ClientOptions client_options) {
    MeasureEachAttempt(context_.line.global, client_options);
    if (auto error = ConnectClient(context_, std::move(client_options))) return error;
    auto error = WaitForEndpoints(*context_.client, context_.line.global, [this](nanoseconds time) {
      return pauses_.WaitUntil(Clock::now() + time);
    });
    if (pauses_.signal() != 0) return InterruptedError(pauses_.signal(), {});
    if (error.has_value()) return error;
    return options_.work == BenchWork::kAssign ? OpenAssign() : OpenLookup();
  }

  void Run() {
    // The kernel may otherwise wake this thread 50 us late, to save wakings.
    ::prctl(PR_SET_TIMERSLACK, 1);
    FeedLoop::Options options{.drain_timeout = kInterruptGrace,
                              .on_interrupt = [this](int signal) { OnInterrupt(signal); },
                              .time_step = TimeStep()};
    if (ShowsProgress()) {
      options.tick_interval = kProgressInterval;
      options.on_tick = [this] { DrawProgress(); };
    }
    // Lookups have deadlines of their own.
    if (assign_ != nullptr) options.finish_timeout = AnswerTimeout();
    started_at_ = std::chrono::system_clock::now();
    feed_.emplace(plan_, load());
    outcome_ = FeedLoop(*feed_, records_, signals_, wakeup_, finished_, std::move(options)).Run();
    context_.console.ClearStatus();
    if (!stopped_.has_value()) stopped_ = feed_->Elapsed();
  }

  /// True: the SDK's thread may still be at work on this object, which must then live as long as the process.
  bool unfinished() const { return outcome_.unfinished; }

  CommandResult Conclude() {
    if (outcome_.leave_at_once) return InterruptedError(outcome_.signal, {});
    std::vector<ErrorReport> errors;
    if (records_.error_number() == 0) {
      if (!outcome_.unfinished) AddStreamError(errors);
      AddOverdue();
      const BenchReport report = MakeReport();
      Print(report);
      TellLate(report);
      AddVerdicts(report, errors);
    }
    if (outcome_.signal != 0) errors.insert(errors.begin(), InterruptedError(outcome_.signal, {}));
    if (auto error = OutputFailure(records_)) errors.push_back(*std::move(error));
    return Gravest(errors);
  }

 private:
  Load& load() {
    if (assign_ != nullptr) return *assign_;
    return *lookup_;
  }

  std::optional<ErrorReport> OpenLookup() {
    lookup_ = std::make_unique<LookupLoad>(
        LookupLoad::Options{.concurrency = concurrency_,
                            .open = plan_.rate.has_value(),
                            .warmup = plan_.warmup,
                            .identity = IdentityOf(context_.line.global, kLookupMethod),
                            .on_room = [this] { wakeup_.Notify(); },
                            .on_finished = [this] { Finish(); }},
        subjects_, observer_, tally_);
    return lookup_->Open(*context_.client);
  }

  std::optional<ErrorReport> OpenAssign() {
    stream_end_.Open();
    assign_ = std::make_unique<AssignLoad>(
        AssignLoad::Options{.window = concurrency_,
                            .streams = options_.streams.value_or(1),
                            .open = plan_.rate.has_value(),
                            .warmup = plan_.warmup,
                            .id_prefix = RunName(),
                            .on_room = [this] { wakeup_.Notify(); },
                            .on_finished = [this](const absl::Status& status,
                                                  const CallReport& report) { OnStreamEnd(status, report); }},
        subjects_, tally_);
    return assign_->Open(*context_.client);
  }

  void OnStreamEnd(const absl::Status& status, const CallReport& report) {
    stream_end_.Set(status, report);
    Finish();
  }

  void Finish() {
    finished_.store(true, std::memory_order_release);
    wakeup_.Notify();
  }

  nanoseconds AnswerTimeout() const { return context_.line.global.timeout.value_or(kUsualAnswerTimeout); }

  nanoseconds TimeStep() const { return plan_.rate.value_or(0.0) > kFastRate ? kTimeStep : nanoseconds(1); }

  void OnInterrupt(int signal) {
    stopped_ = feed_->Elapsed();
    context_.console.Note(fmt::format(
        "bench: {}: nothing more is started, waiting up to {} for answers; a second signal ends it "
        "at once",
        SignalName(signal), Approximate(kInterruptGrace)));
  }

  // gRPC's own messages would tear it apart.
  bool ShowsProgress() const {
    return context_.terminal.error_can_erase && !context_.console.quiet() &&
           context_.line.global.verbosity == 0;
  }

  void DrawProgress() {
    const BenchGlance glance = tally_.Glance();
    const double rate = recent_rate_.Update(Clock::now(), glance.ended);
    std::string text =
        ProgressText(glance.ended, "answers", rate, feed_->schedule().Progress(feed_->Elapsed()),
                     /*columns=*/0);
    if (glance.p50.count() != 0) {
      text += fmt::format("  p50 {}  p99 {}", Approximate(glance.p50), Approximate(glance.p99));
    }
    if (glance.errors != 0) text += fmt::format("  {}", Plural(glance.errors, "error"));
    // A line that is full wraps, and cannot be erased any more.
    if (const std::size_t columns = ErrorColumns(); text.size() >= columns) text.resize(columns - 1);
    context_.console.ShowStatus(text);
  }

  // What the streams ended with, unless we ended them; and what they left without a decision.
  void AddStreamError(std::vector<ErrorReport>& errors) {
    if (assign_ == nullptr) return;
    if (outcome_.signal != 0) return assign_->Settle({});
    if (outcome_.finish_timed_out) {
      return assign_->Settle(StatusCodeName(absl::StatusCode::kDeadlineExceeded));
    }
    const absl::Status status = stream_end_.status();
    const CallReport report = stream_end_.report();
    if (status.ok()) return;
    assign_->Settle(FailureCode(status, report));
    ErrorReport error = RpcError(status, report, IdentityOf(context_.line.global, kAssignMethod));
    if (error.phase == PhaseName(Phase::kCall)) error.phase = PhaseName(Phase::kStream);
    errors.push_back(std::move(error));
    stream_lost_ = true;
  }

  // Calls that were due and never started: for want of room, or as the user wanted no more of them.
  void AddOverdue() {
    // Less than that may just not have had its turn yet.
    const std::uint64_t overdue = feed_->schedule().Overdue(*stopped_ - kLate);
    if (outcome_.signal != 0) {
      tally_.AddUnfinished(overdue);
    } else {
      tally_.AddFailures(kNotStarted, overdue);
    }
  }

  BenchReport MakeReport() const {
    BenchReport report{.work = NameOf(options_.work),
                       .target = context_.line.global.server,
                       .plan = plan_,
                       .concurrency = concurrency_,
                       .started_at = started_at_,
                       .partial = outcome_.signal != 0 || stream_lost_,
                       .counts = tally_.Counts()};
    if (assign_ != nullptr) {
      const StreamStatistics statistics = assign_->statistics();
      report.streams = options_.streams.value_or(1);
      report.resent = statistics.resent;
      report.reconnects = statistics.reconnects;
    }
    const Clock::time_point measured_from = feed_->begin() + plan_.warmup;
    report.elapsed =
        std::max<nanoseconds>(tally_.last_end().value_or(Clock::now()) - measured_from, nanoseconds(0));
    for (const Threshold& threshold : options_.thresholds)
      report.thresholds.push_back(Judge(threshold, report));
    return report;
  }

  void Print(const BenchReport& report) {
    records_.Write([&](RecordFormat& format, std::string& out) { format.TextField(out, {}, TextOf(report)); },
                   signals_.fd());
    FinishRecords(records_, signals_, outcome_);
  }

  std::string TextOf(const BenchReport& report) const {
    switch (context_.output) {
      case OutputFormat::kTable:
        return BenchText(
            report, {.unicode = LocaleIsUtf8(context_.environment), .color = context_.terminal.output_color});
      case OutputFormat::kCsv:
        return BenchCsv(report);
      default:
        return BenchJson(report);
    }
  }

  // A client that is itself the limit says so.
  void TellLate(const BenchReport& report) const {
    const BenchCounts& counts = report.counts;
    const nanoseconds delay = counts.start_delay.Quantile(0.99);
    if (delay <= kLate || delay <= counts.latency.Quantile(0.5) * kNotableDelay) return;
    const bool room = counts.waited * 2 > counts.late;
    context_.console.Warn(
        fmt::format("{} of {} were started late, at most by {}, as {}", Grouped(counts.late),
                    Grouped(counts.total()), Approximate(counts.start_delay.max()),
                    room ? fmt::format("{} were in flight ({})", Grouped(concurrency_),
                                       options_.window.has_value() ? "--window" : "--concurrency")
                         : std::string("this machine could not start them in time")));
  }

  void AddVerdicts(const BenchReport& report, std::vector<ErrorReport>& errors) const {
    const BenchCounts& counts = report.counts;
    const bool judged = std::any_of(options_.thresholds.begin(), options_.thresholds.end(), IsOnErrors);
    const bool never_connected = lookup_ != nullptr && counts.errors() != 0 &&
                                 counts.errors_by_code.contains(kNoConnection) &&
                                 counts.errors_by_code.find(kNoConnection)->second == counts.total();
    if (never_connected) {
      if (auto error = lookup_->first_connect_error()) errors.push_back(*std::move(error));
    } else if (counts.errors() != 0 && !judged) {
      ErrorReport error;
      error.kind = ErrorKind::kPartial;
      error.message =
          fmt::format("{} of {} {} failed: {}", counts.errors(), counts.total(),
                      options_.work == BenchWork::kAssign ? "assignments" : "lookups", ErrorsByCode(counts));
      error.hint = "--threshold 'errors<1%' says how many may";
      errors.push_back(std::move(error));
    }
    std::string missed;
    std::size_t count = 0;
    for (const ThresholdOutcome& outcome : report.thresholds) {
      if (outcome.met) continue;
      ++count;
      missed += fmt::format("{}{}", missed.empty() ? "" : "; ", MissedThreshold(outcome));
    }
    if (count == 0) return;
    ErrorReport error;
    error.kind = ErrorKind::kNegative;
    error.message =
        fmt::format("{} missed: {}", count == 1 ? "threshold" : fmt::format("{} thresholds", count), missed);
    // Of several errors only the gravest is shown.
    if (!errors.empty() || outcome_.signal != 0) context_.console.Note("bench: " + error.message);
    errors.push_back(std::move(error));
  }

  CommandContext& context_;
  const BenchOptions options_;
  const std::vector<BenchSubject> subjects_;
  const BenchPlan plan_;
  const std::size_t concurrency_;
  const SignalQueue signals_;
  const Wakeup wakeup_;
  std::atomic<bool> finished_{false};
  RecordStream records_;
  Pauses pauses_;  // before the first call
  const LookupObserver observer_;
  BenchTally tally_;
  StreamEnd stream_end_;
  RecentRate recent_rate_;
  std::chrono::system_clock::time_point started_at_;
  std::optional<nanoseconds> stopped_;  // no more calls were started from then on, counted from the begin
  FeedLoopResult outcome_;
  bool stream_lost_ = false;

  // They go first: no callback runs after that.
  std::optional<PacedFeed> feed_;
  std::unique_ptr<LookupLoad> lookup_;
  std::unique_ptr<AssignLoad> assign_;
};

}  // namespace

CommandResult RunBench(CommandContext& context) {
  if (!context.line.global.fields.empty()) {
    return UsageError("--fields picks fields of records, and bench prints one report",
                      "leave --fields away, and pick from -o json");
  }
  BenchOptions options;
  if (auto error = ReadOptions(context.line, options)) return error;
  ClientOptions client_options;
  if (auto error = MakeClientOptions(context.line.global, client_options)) return error;
  std::vector<BenchSubject> subjects;
  if (auto error = ReadSubjects(options, subjects)) return error;
  if (auto error = OpenTrace(context)) return error;
  auto session = std::make_unique<BenchSession>(context, std::move(options), std::move(subjects));
  if (auto error = session->Start(std::move(client_options))) return ConcludeTrace(context, std::move(error));
  session->Run();
  CommandResult result = session->Conclude();
  if (session->unfinished()) {
    static_cast<void>(session.release());
    // It may be just the trace's reader that it is waiting for.
    return result;
  }
  return ConcludeTrace(context, std::move(result));
}

}  // namespace dispatchctl::cli
