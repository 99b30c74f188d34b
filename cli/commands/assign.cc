#include <fmt/format.h>
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

#include "checkpoint/results_file.h"
#include "commands/assign_feed.h"
#include "commands/assign_results.h"
#include "commands/client_setup.h"
#include "commands/command.h"
#include "commands/outage_notice.h"
#include "commands/stream_end.h"
#include "output/assign_summary.h"
#include "output/field_selection.h"
#include "output/make_format.h"
#include "output/progress_text.h"
#include "output/run_errors.h"
#include "output/unacknowledged_file.h"
#include "process/file_syncer.h"
#include "process/interrupt_notice.h"
#include "text/quantity.h"

namespace dispatchctl::cli {
namespace {

using Clock = std::chrono::steady_clock;

// What is over sooner needs no word of its progress.
constexpr std::chrono::seconds kProgressAfter{1};

std::optional<ErrorReport> CheckOperands(const CommandLine& line) {
  const std::vector<std::string>& files = line.assign.files;
  if (files.empty())
    return UsageError("no input given", "name a file with -f FILE, or -f - for standard input");
  if (std::count(files.begin(), files.end(), "-") > 1) {
    return UsageError("standard input can be read once only");
  }
  const AssignOptions& options = line.assign;
  if (options.continue_out && options.out_file.empty()) {
    return UsageError("--continue goes with --out FILE, the file to go on with");
  }
  if (options.continue_out && !line.global.fields.empty()) {
    return UsageError("--continue reads whole results only", "leave --fields away");
  }
  if (options.continue_out && line.global.output != OutputFormat::kAuto &&
      line.global.output != OutputFormat::kNdjson) {
    return UsageError("--continue reads results as NDJSON only", "leave -o/--output away, or make it ndjson");
  }
  if (!options.csv_map.empty() && options.input_format == InputFormat::kNdjson) {
    return UsageError("--csv-map is for CSV, not for --in ndjson");
  }
  return std::nullopt;
}

std::uint64_t RandomSeed() {
  std::random_device device;
  return std::uint64_t{device()} << 32U | device();
}

// The file of --out, or null. A dry run leaves it alone.
std::optional<ErrorReport> OpenResultsFile(const CommandContext& context,
                                           std::unique_ptr<ResultsFile>& file) {
  const AssignOptions& options = context.line.assign;
  if (options.out_file.empty() || options.dry_run) return std::nullopt;
  // What an earlier run has left may take seconds to read.
  const InterruptNotice notice([&context](int signal) {
    const ErrorReport error = InterruptedError(signal, {});
    return context.json_errors ? TerminalErrorJson(error)
                               : TerminalErrorText("assign", error, context.terminal.error_color);
  });
  file = std::make_unique<ResultsFile>();
  if (auto error =
          file->Open(options.out_file,
                     {.go_on = options.continue_out, .ordered = options.ordered, .seed = RandomSeed()})) {
    return error;
  }
  if (!file->lock_problem().empty()) {
    context.console.Warn(fmt::format("{} cannot be locked ({}): let nobody else write to it", file->path(),
                                     file->lock_problem()));
  }
  if (file->before().torn_bytes != 0) {
    context.console.Note(
        fmt::format("{}: cut off {} of a torn end", file->path(), Plural(file->before().torn_bytes, "byte")));
  }
  return std::nullopt;
}

// One run of assign: what the two threads share while it lasts, and what it comes to.
class AssignSession {
 public:
  /// Without a `file`, results go to stdout.
  AssignSession(CommandContext& context, ClientOptions client_options, InputFiles files,
                std::unique_ptr<ResultsFile> file)
      : context_(context),
        client_options_(std::move(client_options)),
        options_(context.line.assign),
        files_(std::move(files)),
        file_(std::move(file)),
        records_(file_ != nullptr ? file_->fd() : STDOUT_FILENO, Format(), [this] { wakeup_.Notify(); }),
        results_(records_,
                 {.detail = options_.detail,
                  .ordered_window =
                      options_.ordered && !options_.dry_run ? std::optional(options_.window) : std::nullopt,
                  .on_room = [this] { wakeup_.Notify(); }}),
        outage_(context.console),
        end_(context.trace.get()),
        feed_({.assign = options_,
               .answered = file_ != nullptr ? file_->answered() : nullptr,
               .interrupt_fd = signals_.fd()},
              files_, records_, results_, context.console, finished_) {}

  std::optional<ErrorReport> Start() {
    if (options_.dry_run) return std::nullopt;
    if (auto error = ConnectClient(context_, std::move(client_options_))) return error;
    end_.Open();

    StreamOptions stream;
    stream.window = options_.window;
    stream.streams = options_.streams;
    stream.resume = !options_.no_resume;
    stream.total_timeout = context_.line.global.timeout;
    stream.on_result = [this](AssignmentOutcome&& outcome) { results_.OnResult(std::move(outcome)); };
    stream.on_batch_end = [this] { records_.Flush(); };
    stream.on_writable = [this] { wakeup_.Notify(); };
    stream.on_interruption = [this](const StreamInterruption& interruption) {
      outage_.OnInterruption(interruption, Clock::now());
    };
    stream.on_finished = [this](const absl::Status& status, const CallReport& report) {
      OnFinished(status, report);
    };
    auto opened = context_.client->StreamAssignments(std::move(stream));
    if (!opened.ok()) return OptionError(opened.status());
    stream_ = *std::move(opened);
    feed_.Attach(*stream_);
    if (file_ != nullptr && file_->is_regular()) {
      syncer_.emplace(file_->fd(),
                      FileSyncer::Options{.written = [this] { return records_.written(); },
                                          .on_failure = [this](int error) { records_.Fail(error); }});
    }
    return std::nullopt;
  }

  void Run() {
    FeedLoop::Options options{.drain_timeout = options_.drain_timeout,
                              .on_interrupt = [this](int signal) { TellDraining(signal); }};
    options.tick_interval = kProgressInterval;
    options.on_tick = [this, shows_progress = ShowsProgress()] {
      outage_.Tick(Clock::now());
      if (shows_progress) DrawProgress();
    };
    outcome_ = FeedLoop(feed_, records_, signals_, wakeup_, finished_, std::move(options)).Run();
    context_.console.ClearStatus();
    if (outcome_.unfinished) return;
    held_back_ = results_.held_back();
    // In a file they would stand where others belong.
    if (file_ == nullptr) results_.PrintHeldBack();
    FinishRecords(records_, signals_, outcome_);
    if (!syncer_.has_value()) return;
    if (const int error_number = syncer_->Finish(); error_number != 0) records_.Fail(error_number);
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
    TellUnused();
    const AssignSummary summary = Summarize();
    AddCounts(summary, errors);
    NameUnacknowledged();
    Print(summary);
    return Gravest(errors);
  }

 private:
  void OnFinished(const absl::Status& status, const CallReport& report) {
    end_.Set(status, report);
    finished_.store(true, std::memory_order_release);
    wakeup_.Notify();
  }

  std::unique_ptr<RecordFormat> Format() const {
    const bool may_choose = file_ != nullptr && context_.line.global.output == OutputFormat::kAuto;
    const OutputFormat format = may_choose ? OutputFormat::kNdjson : context_.output;
    return MakeFormat(format, AssignColumns(format, options_.detail), /*single=*/false,
                      file_ == nullptr && context_.terminal.output_color, context_.line.global.fields);
  }

  // Records on the same terminal would tear it apart, and so would gRPC's own messages.
  bool ShowsProgress() const {
    const bool alone = file_ != nullptr || options_.dry_run || !context_.terminal.output_is_terminal;
    return context_.terminal.error_can_erase && alone && !context_.console.quiet() &&
           context_.line.global.verbosity < 2;
  }

  void DrawProgress() {
    const Clock::time_point now = Clock::now();
    const std::uint64_t count = options_.dry_run ? feed_.handed_in() : results_.count();
    const double rate = rate_.Update(now, count);
    if (now - started_ < kProgressAfter) return;
    context_.console.ShowStatus(ProgressText(count, options_.dry_run ? "checked" : "results", rate,
                                             files_.Progress(), ErrorColumns()));
  }

  // What somebody who goes on with a file should know.
  void TellUnused() const {
    if (file_ == nullptr) return;
    if (held_back_ != 0) {
      context_.console.Note(fmt::format(
          "{} not written to {}, as an assignment before them has none; --continue asks for them again",
          Plural(held_back_, "result"), file_->path()));
    }
    const Answered* answered = file_->answered();
    if (answered == nullptr || answered->left() == 0) return;
    if (!outcome_.input_ended || feed_.input_error().has_value()) return;
    context_.console.Warn(fmt::format("{} in {} answer nothing in this input",
                                      Plural(answered->left(), "result"), file_->path()));
  }

  void TellDraining(int signal) const {
    context_.console.Note(fmt::format(
        "assign: {}: reading stopped, waiting up to {:.3g}s for results; a second signal ends it at once",
        SignalName(signal), std::chrono::duration<double>(options_.drain_timeout).count()));
  }

  void AddInterruption(std::vector<ErrorReport>& errors) const {
    const std::string rest = unacknowledged_.empty() ? std::string() : UnacknowledgedCount();
    if (outcome_.signal != 0) errors.push_back(InterruptedError(outcome_.signal, rest));
    if (auto error = file_ != nullptr ? FileFailure() : OutputFailure(records_)) {
      // Assignments were made that nobody heard of: worth a word, where lookups end in silence.
      if (error->message.empty() && !rest.empty()) {
        error->message = fmt::format("the reader of stdout has gone; {}", rest);
      }
      errors.push_back(*std::move(error));
    }
  }

  std::optional<ErrorReport> FileFailure() const {
    std::optional<ErrorReport> error = OutputFailure(records_, file_->path());
    if (error.has_value() && file_->is_regular()) {
      error->hint = "what is in the file stays good: run the same command again with --continue";
    }
    return error;
  }

  std::string UnacknowledgedCount() const {
    return fmt::format("{} unacknowledged", Plural(unacknowledged_.size(), "assignment"));
  }

  // What the stream itself ended with, unless we ended it.
  void AddStreamError(std::vector<ErrorReport>& errors) {
    if (stream_ == nullptr || !errors.empty()) return;
    const absl::Status status = end_.status();
    const CallReport report = end_.report();
    ErrorReport error = RpcError(status, report, IdentityOf(context_.line.global, kAssignMethod));
    if (error.kind != ErrorKind::kConnect && error.phase == PhaseName(Phase::kCall)) {
      error.phase = PhaseName(Phase::kStream);
    }
    const bool unsent = !outcome_.input_ended && feed_.HasUnsent();
    if (status.ok()) {
      if (unacknowledged_.empty() && !unsent) return;
      error.message = "the server ended the stream before the end of the input";
      error.code = absl::StatusCode::kUnavailable;
      error.hint.clear();
    }
    // A lost connection says nothing of what was asked for; what it leaves behind does.
    const bool lost = status.ok() || ConnectionWasLost(status, report);
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
    if (options_.continue_out) summary.answered_before = feed_.answered_before();
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
    // One command run in several goes ends as if it had been run in one.
    const std::uint64_t before = file_ != nullptr ? file_->before().rejected : 0;
    if (options_.fail_on == FailOn::kRejected && summary.rejected + before != 0) {
      ErrorReport error;
      error.kind = ErrorKind::kNegative;
      error.phase = PhaseName(Phase::kStream);
      error.origin = Origin::kServer;
      error.message = fmt::format("{} rejected", Plural(summary.rejected + before, "assignment"));
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
  const SignalQueue signals_;
  const Wakeup wakeup_;
  std::atomic<bool> finished_{false};
  InputFiles files_;
  std::unique_ptr<ResultsFile> file_;
  RecordStream records_;
  AssignResults results_;
  OutageNotice outage_;
  StreamEnd end_;
  AssignFeed feed_;
  std::optional<FileSyncer> syncer_;
  RecentRate rate_;
  FeedLoopResult outcome_;
  std::size_t held_back_ = 0;
  std::vector<UnacknowledgedAssignment> unacknowledged_;

  std::unique_ptr<AssignmentStream> stream_;  // goes first: no callback runs after that
};

}  // namespace

CommandResult RunAssign(CommandContext& context) {
  if (auto error = CheckOperands(context.line)) return error;
  const AssignOptions& options = context.line.assign;
  if (auto error = CheckFields(context.line.global.fields, AssignColumns(context.output, options.detail))) {
    return error;
  }
  ClientOptions client_options;
  if (!options.dry_run) {
    if (auto error = MakeClientOptions(context.line.global, client_options)) return error;
    if (auto error = OpenTrace(context)) return error;
  }
  InputFiles files(context.line.assign.max_line);
  if (auto error = files.Open(context.line.assign.files)) return error;
  std::unique_ptr<ResultsFile> results_file;
  if (auto error = OpenResultsFile(context, results_file)) return error;
  auto session = std::make_unique<AssignSession>(context, std::move(client_options), std::move(files),
                                                 std::move(results_file));
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
