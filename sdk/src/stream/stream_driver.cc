#include "stream/stream_driver.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "call/effective_options.h"
#include "call/retryable.h"
#include "call/room.h"
#include "contract/encoded_size.h"
#include "contract/key_hash.h"
#include "contract/methods.h"
#include "contract/text.h"
#include "stream/stream_machine.h"
#include "stream/stream_shard.h"

namespace dispatchctl::internal {
namespace {

using std::chrono::nanoseconds;

// Of attempts in the report of a stream that was lost again and again.
constexpr std::size_t kLongestHistory = 64;

constexpr std::size_t kMostStreams = 64;

// So that adding it to a time cannot overflow.
constexpr std::chrono::hours kLongestWait{24 * 365};

StreamPolicy PolicyOf(const StreamOptions& options) {
  const auto bounded = [](std::optional<nanoseconds> wait) {
    return wait ? std::optional<nanoseconds>(std::min<nanoseconds>(*wait, kLongestWait)) : std::nullopt;
  };
  StreamPolicy policy;
  policy.resume = options.resume;
  policy.initial_backoff = *bounded(options.initial_reconnect_backoff);
  policy.max_backoff = *bounded(options.max_reconnect_backoff);
  policy.backoff_multiplier = options.reconnect_backoff_multiplier;
  policy.reconnect_timeout = bounded(options.reconnect_timeout);
  policy.idle_timeout = bounded(options.idle_timeout);
  policy.poison_limit = options.poison_limit;
  policy.total_timeout = bounded(options.total_timeout);
  return policy;
}

std::size_t ShardOf(std::string_view courier_id, std::size_t shards) {
  return shards == 1 ? 0 : KeyHash(courier_id) % shards;
}

// One stream for its user, whose updates go over one underlying stream or over several. Keeps itself alive
// until its last callback.
class Driver final : public Task,
                     private IdleListener,
                     private StreamShardOwner,
                     public std::enable_shared_from_this<Driver> {
 public:
  Driver(std::shared_ptr<ClientCore> core, StreamOptions options, Metadata metadata,
         const TraceContext& trace_context)
      : core_(std::move(core)),
        options_(std::move(options)),
        settings_(SettingsOf(options_, std::move(metadata), trace_context)),
        most_update_bytes_(std::min(options_.max_update_bytes, options_.max_outstanding_bytes)),
        room_(options_.window, options_.max_outstanding_bytes) {
    for (std::size_t i = 0; i < options_.streams; ++i) {
      shards_.push_back(
          std::make_shared<StreamShard>(core_, static_cast<StreamShardOwner&>(*this), settings_, i));
    }
  }

  void Open() {
    keep_alive_ = shared_from_this();
    observed_ =
        ObservedCall::Start(core_->lookups().observation.get(), kAssignMethod, settings_.trace_context);
    core_->loop().Schedule(shared_from_this());
  }

  absl::Status TrySubmit(AssignmentUpdate& update, std::uint64_t tag) {
    if (closed_.load()) return Closed();
    const std::size_t bytes = EncodedSize(update);
    if (absl::Status status = Check(update, bytes); !status.ok()) return status;
    if (!room_.TryTake(bytes)) return absl::Status(absl::StatusCode::kResourceExhausted, "");
    return Push(update, tag);
  }

  absl::Status Submit(AssignmentUpdate update, std::uint64_t tag) {
    if (closed_.load()) return Closed();
    const std::size_t bytes = EncodedSize(update);
    if (absl::Status status = Check(update, bytes); !status.ok()) return status;
    if (!room_.Take(bytes)) return Closed();
    return Push(update, tag);
  }

  std::optional<AssignmentOutcome> Next() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return !results_.empty() || ended_; });
    if (results_.empty()) return std::nullopt;
    AssignmentOutcome next = std::move(results_.front());
    results_.pop_front();
    lock.unlock();
    if (room_.GiveBack(EncodedSize(next.update))) {
      tell_writable_.store(true);
      core_->loop().Schedule(shared_from_this());
    }
    return next;
  }

  void CloseSubmissions() {
    closed_.store(true);
    core_->loop().Schedule(shared_from_this());
  }

  absl::Status AwaitEnd() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return ended_; });
    return status_;
  }

  void Cancel() {
    cancelled_.store(true);
    room_.Close();
    CloseSubmissions();
  }

  // The owner goes: no callback runs once this has returned.
  void Abandon() {
    const bool on_loop = core_->IsOwnThread();
    if (on_loop) {
      abandoned_.store(true);
      Cancel();
      return;
    }
    Cancel();
    AwaitEnd().IgnoreError();
  }

  std::vector<UnacknowledgedAssignment> Unacknowledged() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return unacknowledged_;
  }

  StreamStatistics statistics() const {
    StreamStatistics out;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      out = statistics_;
    }
    for (const auto& shard : shards_) out.submitted += shard->submitted();
    return out;
  }

  // On the loop's thread.
  void Run() override {
    if (ended_shards_ == shards_.size()) return;
    if (tell_writable_.exchange(false)) TellWritable();
    const bool start = !std::exchange(begun_, true);
    for (const auto& shard : shards_) {
      if (cancelled_.load()) {
        shard->Cancel();
      } else if (start) {
        shard->Start();
      } else {
        shard->Run();
      }
    }
  }

 private:
  static StreamShard::Settings SettingsOf(const StreamOptions& options, Metadata metadata,
                                          const TraceContext& trace_context) {
    StreamShard::Settings settings;
    settings.policy = PolicyOf(options);
    settings.started = Clock::now();
    if (settings.policy.total_timeout) settings.deadline = settings.started + *settings.policy.total_timeout;
    settings.metadata = std::move(metadata);
    settings.trace_context = trace_context;
    return settings;
  }

  static absl::Status Closed() {
    return absl::FailedPreconditionError("the stream takes no more assignments");
  }

  absl::Status Check(const AssignmentUpdate& update, std::size_t bytes) const {
    if (absl::Status status = ValidateUpdate(update); !status.ok()) return status;
    if (bytes <= most_update_bytes_) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat(
        "the assignment has ", bytes, " bytes on the wire, more than ", most_update_bytes_,
        options_.max_update_bytes <= options_.max_outstanding_bytes ? " (max_update_bytes)"
                                                                    : " (max_outstanding_bytes)"));
  }

  // Moves from `update` only when it was taken.
  absl::Status Push(AssignmentUpdate& update, std::uint64_t tag) {
    StreamShard& shard = *shards_[ShardOf(update.courier_id, shards_.size())];
    return shard.Push(update, tag) ? absl::OkStatus() : Closed();
  }

  bool closed() const override { return closed_.load(); }

  TriedEndpoints EndpointsBeside(const StreamShard& shard) const override {
    TriedEndpoints beside;
    for (const auto& other : shards_) {
      if (other.get() != &shard && other->endpoint() != nullptr && !other->machine().finished()) {
        beside.push_back(other->endpoint());
      }
    }
    return beside;
  }

  int attempts() const override { return report_.attempts; }
  ObservedCall& observed() override { return observed_; }

  std::string_view OnAttempt(std::string_view endpoint) override {
    ++report_.attempts;
    PublishCounts();
    return *endpoint_names_.emplace(endpoint).first;
  }

  void OnAttemptEnd(std::string_view endpoint, const absl::Status& status,
                    Clock::time_point started) override {
    if (status.ok() && report_.history.empty()) return;
    if (report_.history.size() == kLongestHistory) report_.history.erase(report_.history.begin());
    report_.history.push_back({std::string(endpoint), status, started - settings_.started,
                               Clock::now() - started, /*hedge=*/false});
  }

  void OnInterruption(const StreamInterruption& interruption) override {
    if (!abandoned_.load() && options_.on_interruption) options_.on_interruption(interruption);
  }

  void OnOutcome(AssignmentOutcome&& outcome) override {
    if (!std::exchange(batch_open_, true)) core_->loop().CallWhenIdle(*this);
    if (!options_.on_result) {
      const std::lock_guard<std::mutex> lock(mutex_);
      results_.push_back(std::move(outcome));
      changed_.notify_all();
      return;
    }
    if (abandoned_.load()) return;
    const bool tell = room_.GiveBack(EncodedSize(outcome.update));
    options_.on_result(std::move(outcome));
    if (tell) TellWritable();
  }

  void TellWritable() {
    if (!abandoned_.load() && options_.on_writable) options_.on_writable();
  }

  void OnIdle() override {
    batch_open_ = false;
    PublishCounts();
    if (!abandoned_.load() && options_.on_batch_end) options_.on_batch_end();
  }

  void PublishCounts() {
    StreamStatistics sum;
    for (const auto& shard : shards_) {
      const StreamStatistics part = shard->machine().statistics();
      sum.acknowledged += part.acknowledged;
      sum.resent += part.resent;
      sum.unknown_results += part.unknown_results;
      sum.reconnects += part.reconnects;
      sum.undecodable_results += part.undecodable_results;
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    statistics_ = sum;
  }

  void OnSealed() override {
    closed_.store(true);
    room_.Close();
  }

  // The others answer what they were given, and end.
  void OnShardEnd(const StreamShard& shard, AttemptEnd end) override {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      for (UnacknowledgedAssignment& left : shard.machine().outbox().Unacknowledged()) {
        unacknowledged_.push_back(std::move(left));
      }
    }
    if (ended_shards_++ == 0 || (end_.status.ok() && !end.status.ok())) {
      end_ = std::move(end);
      report_.endpoint = shard.endpoint_name();
    }
    if (ended_shards_ == shards_.size()) {
      Finish();
    } else {
      core_->loop().Schedule(shared_from_this());
    }
  }

  void Finish() {
    if (batch_open_) {
      core_->loop().CancelIdleCall(*this);
      OnIdle();
    }
    PublishCounts();
    report_.phase = end_.phase;
    report_.origin = end_.origin;
    report_.retryable = IsRetryable(end_.status.code(), end_.phase, end_.origin);
    if (end_.pushback && *end_.pushback >= std::chrono::milliseconds::zero())
      report_.retry_after = end_.pushback;
    report_.elapsed = Clock::now() - settings_.started;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      status_ = end_.status;
    }
    if (observed_) {
      const StreamStatistics counts = statistics();
      observed_.OnEnded({.status = end_.status, .report = report_, .statistics = &counts});
    }
    if (!abandoned_.load() && options_.on_finished) options_.on_finished(end_.status, report_);
    const std::shared_ptr<Driver> last = std::move(keep_alive_);
    const std::lock_guard<std::mutex> lock(mutex_);
    ended_ = true;
    changed_.notify_all();
  }

  const std::shared_ptr<ClientCore> core_;
  const StreamOptions options_;
  const StreamShard::Settings settings_;
  const std::size_t most_update_bytes_;
  Room room_;
  std::vector<std::shared_ptr<StreamShard>> shards_;
  std::atomic<bool> closed_{false};
  std::atomic<bool> cancelled_{false};
  std::atomic<bool> abandoned_{false};
  std::atomic<bool> tell_writable_{false};

  mutable std::mutex mutex_;  // guards the block below
  std::condition_variable changed_;
  std::deque<AssignmentOutcome> results_;
  StreamStatistics statistics_;
  std::vector<UnacknowledgedAssignment> unacknowledged_;
  absl::Status status_;
  bool ended_ = false;

  // The loop's thread only.
  bool begun_ = false;
  std::size_t ended_shards_ = 0;
  AttemptEnd end_;  // the stream's, once a shard has ended
  CallReport report_;
  ObservedCall observed_;
  // Outcomes name endpoints that may be gone by the time they are taken.
  std::set<std::string, std::less<>> endpoint_names_;
  bool batch_open_ = false;
  std::shared_ptr<Driver> keep_alive_;
};

absl::Status Validate(const StreamOptions& options) {
  const auto invalid = [](std::string_view what) { return absl::InvalidArgumentError(View(what)); };
  constexpr nanoseconds kZero{0};
  if (options.window == 0 || options.window > Room::kMostItems) {
    return invalid("window is not between 1 and 1048576");
  }
  if (options.max_outstanding_bytes == 0 || options.max_outstanding_bytes > Room::kMostBytes) {
    return invalid("max_outstanding_bytes is not between 1 and 2^40");
  }
  if (options.streams == 0 || options.streams > kMostStreams)
    return invalid("streams is not between 1 and 64");
  if (options.max_update_bytes == 0) return invalid("max_update_bytes is zero");
  if (options.initial_reconnect_backoff <= kZero) {
    return invalid("initial_reconnect_backoff is not greater than zero");
  }
  if (options.max_reconnect_backoff <= kZero)
    return invalid("max_reconnect_backoff is not greater than zero");
  if (!(options.reconnect_backoff_multiplier >= 1)) return invalid("reconnect_backoff_multiplier is below 1");
  if (options.reconnect_timeout && *options.reconnect_timeout <= kZero) {
    return invalid("reconnect_timeout is not greater than zero");
  }
  if (options.idle_timeout && *options.idle_timeout <= kZero) {
    return invalid("idle_timeout is not greater than zero");
  }
  if (options.poison_limit < 0) return invalid("poison_limit is negative");
  if (options.total_timeout && *options.total_timeout <= kZero) {
    return invalid("total_timeout is not greater than zero");
  }
  return ValidateTraceContext(options.trace_context);
}

class AssignmentStreamHandle final : public AssignmentStream {
 public:
  explicit AssignmentStreamHandle(std::shared_ptr<Driver> driver) : driver_(std::move(driver)) {}
  ~AssignmentStreamHandle() override { driver_->Abandon(); }

  absl::Status TrySubmit(AssignmentUpdate& update, std::uint64_t tag) override {
    return driver_->TrySubmit(update, tag);
  }
  absl::Status Submit(AssignmentUpdate update, std::uint64_t tag) override {
    return driver_->Submit(std::move(update), tag);
  }
  std::optional<AssignmentOutcome> Next() override { return driver_->Next(); }
  void CloseSubmissions() override { driver_->CloseSubmissions(); }
  absl::Status Finish() override {
    driver_->CloseSubmissions();
    return driver_->AwaitEnd();
  }
  void Cancel() override { driver_->Cancel(); }
  std::vector<UnacknowledgedAssignment> Unacknowledged() const override { return driver_->Unacknowledged(); }
  StreamStatistics statistics() const override { return driver_->statistics(); }

 private:
  const std::shared_ptr<Driver> driver_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<AssignmentStream>> MakeAssignmentStream(std::shared_ptr<ClientCore> core,
                                                                       StreamOptions options) {
  if (absl::Status status = Validate(options); !status.ok()) return status;
  absl::StatusOr<Metadata> metadata = NormalizeMetadata(options.metadata);
  if (!metadata.ok()) return metadata.status();
  const TraceContext trace_context = options.trace_context.traceparent.empty()
                                         ? core->lookups().default_options.trace_context
                                         : options.trace_context;
  auto driver =
      std::make_shared<Driver>(std::move(core), std::move(options), *std::move(metadata), trace_context);
  driver->Open();
  return std::make_unique<AssignmentStreamHandle>(std::move(driver));
}

}  // namespace dispatchctl::internal
