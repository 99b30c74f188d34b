#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "commands/assign_feed.h"
#include "commands/assign_results.h"
#include "commands/client_setup.h"
#include "commands/command.h"
#include "output/assign_summary.h"
#include "output/make_format.h"
#include "output/run_errors.h"
#include "output/unacknowledged_file.h"
#include "text/quantity.h"

namespace dispatchctl::cli {
namespace {

using Clock = std::chrono::steady_clock;

std::optional<ErrorReport> CheckOperands(const CommandLine& line) {
  const std::vector<std::string>& files = line.assign.files;
  if (files.empty())
    return UsageError("no input given", "name a file with -f FILE, or -f - for standard input");
  if (std::count(files.begin(), files.end(), "-") > 1) {
    return UsageError("standard input can be read once only");
  }
  return std::nullopt;
}

// One run of assign: what the two threads share while it lasts, and what it comes to.
class AssignSession {
 public:
  AssignSession(CommandContext& context, ClientOptions client_options)
      : context_(context),
        client_options_(std::move(client_options)),
        options_(context.line.assign),
        files_(options_.max_line),
        records_(STDOUT_FILENO,
                 MakeFormat(context.output, AssignColumns(context.output, options_.detail), /*single=*/false,
                            context.terminal.output_color),
                 [this] { wakeup_.Notify(); }),
        feed_(options_, files_, records_, context.console, signals_.fd(), finished_),
        results_(records_, options_.detail) {}

  std::optional<ErrorReport> Start() {
    if (auto error = files_.Open(options_.files)) return error;
    if (options_.dry_run) return std::nullopt;
    if (auto error = ConnectClient(context_, std::move(client_options_))) return error;
    opened_ = Clock::now();

    StreamOptions stream;
    stream.window = options_.window;
    stream.streams = options_.streams;
    stream.resume = !options_.no_resume;
    stream.total_timeout = context_.line.global.timeout;
    stream.on_result = [this](AssignmentOutcome&& outcome) { results_.OnResult(outcome); };
    stream.on_batch_end = [this] { records_.Flush(); };
    stream.on_writable = [this] { wakeup_.Notify(); };
    stream.on_finished = [this](const absl::Status& status, const CallReport& report) {
      OnFinished(status, report);
    };
    auto opened = context_.client->StreamAssignments(std::move(stream));
    if (!opened.ok()) return OptionError(opened.status());
    stream_ = *std::move(opened);
    feed_.Attach(*stream_);
    return std::nullopt;
  }

  void Run() {
    FeedLoop loop(feed_, records_, signals_, wakeup_, finished_,
                  {.drain_timeout = options_.drain_timeout,
                   .on_interrupt = [this](int signal) { TellDraining(signal); }});
    outcome_ = loop.Run();
    if (!outcome_.unfinished) FinishRecords(records_, signals_, outcome_);
  }

  /// True: the SDK's thread may still be at work on this object, which must then live as long as the process.
  bool unfinished() const { return outcome_.unfinished; }

  CommandResult Conclude() {
    if (outcome_.leave_at_once) return InterruptedError(outcome_.signal, {});
    if (stream_ != nullptr) unacknowledged_ = stream_->Unacknowledged();
    std::vector<ErrorReport> errors;
    AddInterruption(errors);
    if (!options_.unacknowledged_file.empty() && stream_ != nullptr) {
      if (auto error = WriteUnacknowledged(options_.unacknowledged_file, unacknowledged_)) {
        errors.push_back(*std::move(error));
      }
    }
    AddStreamError(errors);
    if (feed_.input_error().has_value()) errors.push_back(*feed_.input_error());
    const AssignSummary summary = Summarize();
    AddCounts(summary, errors);
    NameUnacknowledged();
    Print(summary);
    return Gravest(errors);
  }

 private:
  void OnFinished(const absl::Status& status, const CallReport& report) {
    if (context_.trace != nullptr) {
      context_.trace->Add({.method = kAssignMethod,
                           .courier_id = {},
                           .started = opened_,
                           .status = status,
                           .report = report});
    }
    {
      const std::lock_guard lock(mutex_);
      status_ = status;
      report_ = report;
    }
    finished_.store(true, std::memory_order_release);
    wakeup_.Notify();
  }

  void TellDraining(int signal) const {
    context_.console.Note(fmt::format(
        "assign: {}: reading stopped, waiting up to {:.3g}s for results; a second signal ends it at once",
        SignalName(signal), std::chrono::duration<double>(options_.drain_timeout).count()));
  }

  void AddInterruption(std::vector<ErrorReport>& errors) const {
    const std::string rest = unacknowledged_.empty() ? std::string() : UnacknowledgedCount();
    if (outcome_.signal != 0) errors.push_back(InterruptedError(outcome_.signal, rest));
    if (auto error = OutputFailure(records_)) {
      // Assignments were made that nobody heard of: worth a word, where lookups end in silence.
      if (error->message.empty() && !rest.empty()) {
        error->message = fmt::format("the reader of stdout has gone; {}", rest);
      }
      errors.push_back(*std::move(error));
    }
  }

  std::string UnacknowledgedCount() const {
    return fmt::format("{} unacknowledged", Plural(unacknowledged_.size(), "assignment"));
  }

  // What the stream itself ended with, unless we ended it.
  void AddStreamError(std::vector<ErrorReport>& errors) {
    if (stream_ == nullptr || !errors.empty()) return;
    const std::lock_guard lock(mutex_);
    ErrorReport error = RpcError(status_, report_, IdentityOf(context_.line.global, kAssignMethod));
    if (error.kind != ErrorKind::kConnect && error.phase == PhaseName(Phase::kCall)) {
      error.phase = PhaseName(Phase::kStream);
    }
    const bool unsent = !outcome_.input_ended && feed_.HasUnsent();
    if (status_.ok()) {
      if (unacknowledged_.empty() && !unsent) return;
      error.message = "the server ended the stream before the end of the input";
      error.code = absl::StatusCode::kUnavailable;
      error.hint.clear();
    }
    // A lost connection says nothing of what was asked for; what it leaves behind does.
    const bool lost = status_.ok() || ConnectionWasLost(status_, report_);
    if (lost) error.origin = Origin::kLocal;
    if (error.kind == ErrorKind::kRpc && lost && (!unacknowledged_.empty() || unsent)) {
      error.kind = ErrorKind::kStream;
    }
    if (!unacknowledged_.empty() && error.message.find("unacknowledged") == std::string::npos) {
      error.message += "; " + UnacknowledgedCount();
    }
    errors.push_back(std::move(error));
  }

  AssignSummary Summarize() const {
    AssignSummary summary;
    results_.AddTo(summary);
    if (stream_ != nullptr) {
      const StreamStatistics statistics = stream_->statistics();
      summary.sent = statistics.submitted;
      summary.acknowledged = statistics.acknowledged;
      summary.resent = statistics.resent;
      summary.unknown_results = statistics.unknown_results;
      summary.reconnects = statistics.reconnects;
    }
    summary.failed = feed_.reported();
    summary.skipped = feed_.skipped();
    summary.unacknowledged = unacknowledged_.size();
    summary.elapsed = Clock::now() - started_;
    return summary;
  }

  void AddCounts(const AssignSummary& summary, std::vector<ErrorReport>& errors) const {
    if (summary.failed + summary.skipped != 0) {
      ErrorReport error;
      error.kind = ErrorKind::kPartial;
      error.phase = PhaseName(Phase::kArguments);
      error.message =
          fmt::format("{} could not be used: {} skipped, {} reported",
                      Plural(summary.failed + summary.skipped, "line"), summary.skipped, summary.failed);
      errors.push_back(std::move(error));
    }
    if (options_.fail_on == FailOn::kRejected && summary.rejected != 0) {
      ErrorReport error;
      error.kind = ErrorKind::kNegative;
      error.phase = PhaseName(Phase::kStream);
      error.origin = Origin::kServer;
      error.message = fmt::format("{} rejected", Plural(summary.rejected, "assignment"));
      errors.push_back(std::move(error));
    }
  }

  void NameUnacknowledged() const {
    constexpr std::size_t kMostNamed = 10;
    const std::size_t named =
        context_.console.verbose() ? unacknowledged_.size() : std::min(unacknowledged_.size(), kMostNamed);
    for (std::size_t i = 0; i < named; ++i) {
      context_.console.Note(fmt::format("unacknowledged: {} ({})", unacknowledged_[i].update.assignment_id,
                                        files_.Describe(LinePlace::Unpack(unacknowledged_[i].tag))));
    }
    if (named < unacknowledged_.size()) {
      context_.console.Note(fmt::format("unacknowledged: {} more", unacknowledged_.size() - named));
    }
  }

  void Print(const AssignSummary& summary) const {
    if (options_.dry_run) {
      context_.console.Note(fmt::format("dry run: {} valid, {} skipped, {} reported; nothing was sent",
                                        Plural(feed_.handed_in(), "assignment"), summary.skipped,
                                        summary.failed));
    }
    SummaryFormat format = options_.summary;
    if (format == SummaryFormat::kAuto) {
      format = context_.terminal.error_is_terminal && !context_.console.quiet() && !options_.dry_run
                   ? SummaryFormat::kText
                   : SummaryFormat::kNone;
    }
    if (format == SummaryFormat::kText) WriteToStderr(AssignSummaryText(summary));
    if (format == SummaryFormat::kJson) WriteToStderr(AssignSummaryJson(summary));
  }

  CommandContext& context_;
  ClientOptions client_options_;
  const AssignOptions& options_;
  const Clock::time_point started_ = Clock::now();
  Clock::time_point opened_;
  const SignalQueue signals_;
  const Wakeup wakeup_;
  std::atomic<bool> finished_{false};
  InputFiles files_;
  RecordStream records_;
  AssignFeed feed_;
  AssignResults results_;
  FeedLoopResult outcome_;
  std::vector<UnacknowledgedAssignment> unacknowledged_;

  std::mutex mutex_;
  absl::Status status_;
  CallReport report_;

  std::unique_ptr<AssignmentStream> stream_;  // goes first: no callback runs after that
};

}  // namespace

CommandResult RunAssign(CommandContext& context) {
  if (auto error = CheckOperands(context.line)) return error;
  ClientOptions client_options;
  if (!context.line.assign.dry_run) {
    if (auto error = MakeClientOptions(context.line.global, client_options)) return error;
    if (auto error = OpenTrace(context)) return error;
  }
  auto session = std::make_unique<AssignSession>(context, std::move(client_options));
  if (auto error = session->Start()) return error;
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
