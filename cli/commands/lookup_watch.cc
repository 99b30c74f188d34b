#include "commands/lookup_watch.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <future>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "commands/client_setup.h"
#include "commands/lookup_client.h"
#include "commands/lookup_feed.h"
#include "commands/lookup_observer.h"
#include "commands/lookup_records.h"
#include "commands/lookup_tally.h"
#include "commands/watched_statuses.h"
#include "fallback/status_cache.h"
#include "input/input_files.h"
#include "output/make_format.h"
#include "output/run_errors.h"
#include "process/feed_loop.h"
#include "process/pauses.h"
#include "process/signal_queue.h"
#include "process/wakeup.h"
#include "text/quantity.h"

namespace dispatchctl::cli {
namespace {

using Clock = std::chrono::steady_clock;

// Keeps the ids that a feed hands in, instead of looking them up.
class IdCollection final : public BulkLookup {
 public:
  absl::Status TrySubmit(std::string_view courier_id, std::uint64_t tag) override {
    return Submit(courier_id, tag);
  }
  absl::Status Submit(std::string_view courier_id, std::uint64_t tag) override {
    if (courier_id.empty() && !bad_tag_.has_value()) bad_tag_ = tag;
    ids_.emplace_back(courier_id);
    return absl::OkStatus();
  }
  void CloseSubmissions() override {}
  void Finish() override {}
  void Cancel() override {}

  std::vector<std::string> TakeIds() { return std::move(ids_); }

  /// Of the first line without a usable id.
  std::optional<std::uint64_t> bad_tag() const { return bad_tag_; }

 private:
  std::vector<std::string> ids_;
  std::optional<std::uint64_t> bad_tag_;
};

// All of them before the first lookup: what comes from a pipe can be read once only.
std::optional<ErrorReport> ReadIds(const LookupOptions& options, const SignalQueue& signals, int& signal,
                                   std::vector<std::string>& ids) {
  std::vector<std::string> paths;
  for (const LookupSource& source : options.sources) {
    if (source.is_file) paths.push_back(source.text);
  }
  InputFiles files(kMaxIdLine);
  if (auto error = files.Open(paths)) return error;
  LookupFeed feed(options.sources, files);
  IdCollection collection;
  feed.Attach(collection);
  for (bool readable = false; feed.Pump(readable) == Feed::Wants::kInput;) {
    std::array<pollfd, 2> fds{{{signals.fd(), POLLIN, 0}, {feed.input_fd(), POLLIN, 0}}};
    if (::poll(fds.data(), fds.size(), -1) < 0) continue;
    if (fds[0].revents != 0 && (signal = signals.Take()) != 0) return std::nullopt;
    readable = fds[1].revents != 0;
  }
  if (feed.read_error().has_value()) return feed.read_error();
  if (const std::optional<std::uint64_t> bad = collection.bad_tag()) return feed.TakeBadLine(*bad)->error;
  ids = collection.TakeIds();
  return std::nullopt;
}

class WatchSession {
 public:
  explicit WatchSession(CommandContext& context)
      : context_(context),
        options_(context.line.lookup),
        identity_(IdentityOf(context.line.global, kLookupMethod)),
        records_(STDOUT_FILENO,
                 MakeFormat(context.output,
                            LookupColumns(context.line.global.stale_if_error.has_value(), /*timed=*/true),
                            /*single=*/false, context.terminal.output_color, context.line.global.fields)),
        pauses_(signals_, records_),
        observer_(context.console, context.trace.get()) {}

  CommandResult Run() {
    int signal = 0;
    if (auto error = ReadIds(options_, signals_, signal, ids_)) return error;
    if (signal != 0) return InterruptedError(signal, {});
    if (auto error = ConnectForLookups(context_)) return error;
    statuses_.emplace(options_.watch.until, ids_.size());
    Watch();
    std::vector<ErrorReport> errors = pauses_.FinishRecords();
    if (errors.empty()) {
      if (auto error = Verdict()) errors.push_back(*std::move(error));
    }
    return Gravest(errors);
  }

 private:
  // Until it is over, whatever the reason.
  void Watch() {
    const Clock::time_point end = options_.watch.longest.has_value() ? Clock::now() + *options_.watch.longest
                                                                     : Clock::time_point::max();
    for (Clock::time_point next = Clock::now();;) {
      next += options_.watch.interval;
      if (!LookUpAll(end) || statuses_->IsMet()) return;
      // What took longer than an interval is not made up for.
      next = std::max(next, Clock::now());
      if (!pauses_.WaitUntil(std::min(next, end)) || Clock::now() >= end) return;
    }
  }

  // False when it was stopped on the way.
  bool LookUpAll(Clock::time_point end) {
    wakeup_.Clear();
    tally_.Clear();
    finished_.store(false);
    std::future<void> round = std::async(std::launch::async, [this] {
      std::size_t next = 0;
      const auto source = [this, &next]() -> std::optional<std::string> {
        return next < ids_.size() ? std::optional(ids_[next++]) : std::nullopt;
      };
      static_cast<void>(
          context_.client->LookupMany(source, [this](LookupItem&& item) { OnResult(item); },
                                      {.max_in_flight = options_.parallel, .ordered = !options_.unordered}));
      finished_.store(true);
      wakeup_.Notify();
    });
    pauses_.WaitUntil(end, wakeup_.fd());
    if (!finished_.load()) {
      stopping_.store(true);
      static_cast<void>(context_.client->Shutdown(std::chrono::nanoseconds(0)));
    }
    round.wait();
    records_.Flush(signals_.fd());
    observer_.Flush();
    return !stopping_.load();
  }

  // On the SDK's thread.
  void OnResult(const LookupItem& item) {
    if (stopping_.load()) return;
    const bool news = statuses_->Update(item.tag, item.status);
    const bool wanted = news || !options_.watch.changes_only;
    observer_.OnLookup(item.courier_id, Clock::now() - item.report.elapsed, item.status.status(),
                       item.report);
    const auto now = std::chrono::system_clock::now();
    if (item.status.ok()) {
      tally_.AddSuccess(StaleAge(item.report));
      if (wanted) WriteCourier(records_, *item.status, StaleAge(item.report), now);
      return;
    }
    const ErrorReport error = LookupError(item.courier_id, item.status.status(), item.report, identity_);
    tally_.AddFailure(error);
    if (wanted) WriteLookupFailure(records_, item.courier_id, 0, error, now);
  }

  // Of a watch that nobody has stopped.
  std::optional<ErrorReport> Verdict() const {
    if (options_.watch.until.empty()) return tally_.Verdict();
    if (statuses_->IsMet()) return std::nullopt;
    ErrorReport error;
    error.kind = ErrorKind::kNegative;
    error.message = fmt::format("--until was not met within {}: {}", Seconds(*options_.watch.longest),
                                statuses_->WhatIsMissing());
    return error;
  }

  CommandContext& context_;
  const LookupOptions& options_;
  const RpcIdentity identity_;
  const SignalQueue signals_;
  const Wakeup wakeup_;
  RecordStream records_;
  Pauses pauses_;
  const LookupObserver observer_;
  std::vector<std::string> ids_;
  std::optional<WatchedStatuses> statuses_;
  LookupTally tally_;
  std::atomic<bool> finished_{false};
  std::atomic<bool> stopping_{false};
};

}  // namespace

CommandResult WatchLookups(CommandContext& context) {
  return WatchSession(context).Run();
}

}  // namespace dispatchctl::cli
