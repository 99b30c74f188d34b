#include "stream/stream_driver.h"

#include <absl/strings/str_cat.h>
#include <absl/time/time.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "call/effective_options.h"
#include "call/retryable.h"
#include "call/room.h"
#include "contract/text.h"
#include "stream/outbox.h"

namespace dispatchctl::internal {
namespace {

constexpr std::size_t kMostWindow = 1U << 20U;

bool FailedBeforeSending(Phase phase) {
  return phase == Phase::kConnect || phase == Phase::kTls;
}

// Runs an outbox on gRPC. All its work is on the loop's thread: submitted updates wait in a queue, are
// written as fast as the call takes them, and leave the outbox with their result. Keeps itself alive until
// its last callback.
class Driver final : public Task,
                     private Timer,
                     private IdleListener,
                     private AssignmentCallHandler,
                     public std::enable_shared_from_this<Driver> {
 public:
  Driver(std::shared_ptr<ClientCore> core, StreamOptions options, Metadata metadata)
      : core_(std::move(core)),
        options_(std::move(options)),
        metadata_(std::move(metadata)),
        started_(Clock::now()),
        room_(options_.window),
        outbox_(options_.window) {
    if (options_.total_timeout) deadline_ = started_ + *options_.total_timeout;
  }

  void Open() {
    keep_alive_ = shared_from_this();
    core_->loop().Schedule(shared_from_this());
  }

  absl::Status TrySubmit(AssignmentUpdate& update, std::uint64_t tag) {
    if (closed_.load()) return Closed();
    if (absl::Status status = ValidateUpdate(update); !status.ok()) return status;
    if (!room_.TryTake()) return absl::Status(absl::StatusCode::kResourceExhausted, "");
    return Push(update, tag);
  }

  absl::Status Submit(AssignmentUpdate update, std::uint64_t tag) {
    if (closed_.load()) return Closed();
    if (absl::Status status = ValidateUpdate(update); !status.ok()) return status;
    if (!room_.Take()) return Closed();
    return Push(update, tag);
  }

  std::optional<AssignmentOutcome> Next() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return !results_.empty() || ended_; });
    if (results_.empty()) return std::nullopt;
    AssignmentOutcome next = std::move(results_.front());
    results_.pop_front();
    lock.unlock();
    if (room_.GiveBack()) {
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
    const std::lock_guard<std::mutex> lock(mutex_);
    StreamStatistics out = statistics_;
    out.submitted = submitted_;
    return out;
  }

  // On the loop's thread.
  void Run() override {
    if (call_over_) return;
    if (tell_writable_.exchange(false)) TellWritable();
    if (cancelled_.load()) {
      CancelCall();
      return;
    }
    if (call_ == nullptr) {
      OpenCall(waited_for_resolving_);
    } else if (writable_) {
      WriteNext();
    }
  }

 private:
  static absl::Status Closed() {
    return absl::FailedPreconditionError("the stream takes no more assignments");
  }

  // Moves from `update` only when it was taken.
  absl::Status Push(AssignmentUpdate& update, std::uint64_t tag) {
    bool wake_up;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (sealed_) return Closed();
      pending_.push_back({std::move(update), tag});
      ++submitted_;
      wake_up = std::exchange(hungry_, false);
    }
    if (wake_up) core_->loop().Schedule(shared_from_this());
    return absl::OkStatus();
  }

  // Moves what was submitted into the outbox. False: there was nothing.
  bool TakePending() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      hungry_ = pending_.empty();
      if (hungry_) return false;
      taken_.swap(pending_);
    }
    for (UnacknowledgedAssignment& taken : taken_) outbox_.Add(std::move(taken.update), taken.tag);
    taken_.clear();
    return true;
  }

  void OpenCall(bool waited_for_resolving) {
    EndpointPool::Pick pick = core_->pool().PickFor(ChannelUse::kStreams, tried_, waited_for_resolving);
    if (pick.resolving) {
      waited_for_resolving_ = true;
      if (deadline_) core_->loop().StartTimer(*this, *deadline_);
      core_->pool().WhenResolved(core_->loop(), shared_from_this());
      return;
    }
    if (deadline_) core_->loop().CancelTimer(*this);
    if (pick.endpoint == nullptr) {
      End(tried_.empty() ? AttemptEnd{std::move(pick.status), Phase::kResolve, Origin::kLocal}
                         : std::move(last_failure_));
      return;
    }
    endpoint_ = std::move(pick.endpoint);
    ++report_.attempts;
    AttemptOptions attempt_options;
    attempt_options.deadline = deadline_;
    attempt_options.default_metadata = &core_->default_metadata();
    attempt_options.metadata = &metadata_;
    call_ =
        endpoint_->channel(ChannelUse::kStreams).MakeAssignmentCall(core_->loop(), attempt_options, *this);
    call_->Start();
  }

  void OnStarted() override {
    writable_ = true;
    WriteNext();
  }

  void OnWritable() override {
    writable_ = true;
    WriteNext();
  }

  void WriteNext() {
    if (!outbox_.has_unwritten() && !TakePending()) {
      // Everything that was submitted before the closing is in the outbox by now, or TakePending had found
      // it.
      if (closed_.load() && !half_closed_ && !HasPending()) {
        half_closed_ = true;
        writable_ = false;
        call_->HalfClose();
      }
      return;
    }
    writable_ = false;
    const AssignmentUpdate& update = outbox_.TakeNextToWrite(Clock::now());
    const bool more = outbox_.has_unwritten() || TakePending();
    call_->Write(update, more);
  }

  bool HasPending() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return !pending_.empty();
  }

  void OnResult(AssignmentResult& result) override {
    std::optional<Outbox::Acknowledged> acknowledged = outbox_.Acknowledge(result.assignment_id);
    if (!acknowledged) {
      ++counts_.unknown_results;
      return;
    }
    ++counts_.acknowledged;
    AssignmentOutcome outcome;
    outcome.result.assignment_id.swap(result.assignment_id);
    outcome.result.accepted = result.accepted;
    outcome.update = std::move(acknowledged->update);
    outcome.tag = acknowledged->tag;
    outcome.latency = Clock::now() - acknowledged->written_at;
    outcome.attempt = acknowledged->attempts;
    outcome.endpoint = endpoint_->name();
    if (!std::exchange(batch_open_, true)) core_->loop().CallWhenIdle(*this);
    if (!options_.on_result) {
      const std::lock_guard<std::mutex> lock(mutex_);
      results_.push_back(std::move(outcome));
      changed_.notify_all();
      return;
    }
    if (abandoned_.load()) return;
    const bool tell = room_.GiveBack();
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
    const std::lock_guard<std::mutex> lock(mutex_);
    statistics_ = counts_;
    statistics_.resent = outbox_.resent();
  }

  void OnEnd(AttemptEnd end) override {
    call_.reset();
    writable_ = false;
    if (FailedBeforeSending(end.phase) && !cancelled_.load()) {
      report_.history.push_back({endpoint_->name(), end.status, {}, Clock::now() - started_, false});
      tried_.push_back(endpoint_);
      last_failure_ = std::move(end);
      outbox_.Rewind();
      half_closed_ = false;
      OpenCall(/*waited_for_resolving=*/true);
      return;
    }
    End(std::move(end));
  }

  void OnTimer() override {
    End({absl::DeadlineExceededError(absl::StrCat(
             "target not resolved within ", absl::FormatDuration(absl::FromChrono(*options_.total_timeout)))),
         Phase::kResolve, Origin::kLocal});
  }

  void CancelCall() {
    if (call_ != nullptr) {
      call_->Cancel();
      return;
    }
    if (deadline_) core_->loop().CancelTimer(*this);
    End({absl::CancelledError("cancelled before it was connected"), Phase::kConnect, Origin::kLocal});
  }

  // What a status means for the stream as a whole.
  AttemptEnd Judge(AttemptEnd end) const {
    if (!end.status.ok()) return end;
    if (outbox_.size() != 0) {
      end.status = absl::UnavailableError(
          absl::StrCat("the server ended the stream with ", outbox_.size(), " assignments unacknowledged"));
    } else if (!half_closed_) {
      end.status = absl::UnavailableError("the server ended the stream before the input had ended");
    }
    if (!end.status.ok()) end.origin = Origin::kLocal;
    return end;
  }

  // From here on nothing that was accepted can be missing from the outbox.
  void Seal() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      sealed_ = true;
    }
    TakePending();
  }

  void End(AttemptEnd end) {
    call_over_ = true;
    closed_.store(true);
    room_.Close();
    Seal();
    end = Judge(std::move(end));
    if (batch_open_) {
      core_->loop().CancelIdleCall(*this);
      OnIdle();
    }
    PublishCounts();
    report_.phase = end.phase;
    report_.origin = end.origin;
    report_.retryable = IsRetryable(end.status.code(), end.phase);
    report_.elapsed = Clock::now() - started_;
    if (endpoint_ != nullptr) report_.endpoint = endpoint_->name();
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      status_ = end.status;
      unacknowledged_ = outbox_.Unacknowledged();
    }
    if (!abandoned_.load() && options_.on_finished) options_.on_finished(end.status, report_);
    const std::shared_ptr<Driver> last = std::move(keep_alive_);
    const std::lock_guard<std::mutex> lock(mutex_);
    ended_ = true;
    changed_.notify_all();
  }

  const std::shared_ptr<ClientCore> core_;
  const StreamOptions options_;
  const Metadata metadata_;
  const Clock::time_point started_;
  std::optional<Clock::time_point> deadline_;
  Room room_;
  std::atomic<bool> closed_{false};
  std::atomic<bool> cancelled_{false};
  std::atomic<bool> abandoned_{false};
  std::atomic<bool> tell_writable_{false};

  mutable std::mutex mutex_;  // guards the block below
  std::condition_variable changed_;
  std::vector<UnacknowledgedAssignment> pending_;
  bool sealed_ = false;
  bool hungry_ = false;  // the loop's thread found nothing to write and must be woken
  std::deque<AssignmentOutcome> results_;
  std::uint64_t submitted_ = 0;
  StreamStatistics statistics_;
  std::vector<UnacknowledgedAssignment> unacknowledged_;
  absl::Status status_;
  bool ended_ = false;

  // The loop's thread only.
  Outbox outbox_;
  std::vector<UnacknowledgedAssignment> taken_;
  StreamStatistics counts_;
  CallReport report_;
  TriedEndpoints tried_;
  AttemptEnd last_failure_;
  std::shared_ptr<Endpoint> endpoint_;
  std::unique_ptr<AssignmentCall> call_;
  bool waited_for_resolving_ = false;
  bool writable_ = false;
  bool half_closed_ = false;
  bool batch_open_ = false;
  bool call_over_ = false;
  std::shared_ptr<Driver> keep_alive_;
};

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
  if (options.window == 0 || options.window > kMostWindow) {
    return absl::InvalidArgumentError("window is not between 1 and 1048576");
  }
  if (options.total_timeout && *options.total_timeout <= std::chrono::nanoseconds::zero()) {
    return absl::InvalidArgumentError("total_timeout is not greater than zero");
  }
  absl::StatusOr<Metadata> metadata = NormalizeMetadata(options.metadata);
  if (!metadata.ok()) return metadata.status();
  auto driver = std::make_shared<Driver>(std::move(core), std::move(options), *std::move(metadata));
  driver->Open();
  return std::make_unique<AssignmentStreamHandle>(std::move(driver));
}

}  // namespace dispatchctl::internal
