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
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "call/authorization.h"
#include "call/effective_options.h"
#include "call/retryable.h"
#include "contract/text.h"
#include "stream/stream_machine.h"
#include "stream/submission_room.h"

namespace dispatchctl::internal {
namespace {

using std::chrono::nanoseconds;

// Of attempts in the report of a stream that was lost again and again.
constexpr std::size_t kLongestHistory = 64;

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

// Runs a stream machine on gRPC. All its work is on the loop's thread: submitted updates wait in a queue
// until the machine takes them. Keeps itself alive until its last callback.
class Driver final : public Task,
                     private Timer,
                     private IdleListener,
                     private StreamActions,
                     public std::enable_shared_from_this<Driver> {
 public:
  Driver(std::shared_ptr<ClientCore> core, StreamOptions options, Metadata metadata)
      : core_(std::move(core)),
        options_(std::move(options)),
        metadata_(std::move(metadata)),
        policy_(PolicyOf(options_)),
        most_update_bytes_(std::min(options_.max_update_bytes, options_.max_outstanding_bytes)),
        started_(Clock::now()),
        room_(options_.window, options_.max_outstanding_bytes),
        machine_(policy_, *this, [random = std::minstd_rand(std::random_device()())]() mutable {
          return std::uniform_real_distribution<double>()(random);
        }) {
    if (policy_.total_timeout) deadline_ = started_ + *policy_.total_timeout;
  }

  void Open() {
    keep_alive_ = shared_from_this();
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
    const std::lock_guard<std::mutex> lock(mutex_);
    StreamStatistics out = statistics_;
    out.submitted = submitted_;
    return out;
  }

  // On the loop's thread.
  void Run() override {
    if (machine_.finished()) return;
    if (tell_writable_.exchange(false)) TellWritable();
    if (cancelled_.load()) {
      machine_.Cancel();
    } else if (machine_.state() == StreamState::kIdle) {
      machine_.Start(started_);
    } else if (waiting_for_names_) {
      ChooseEndpoint();
    } else {
      machine_.Pump(Clock::now());
    }
  }

 private:
  // A call of the stream's, and who tells the machine what happens to it.
  class UnderlyingCall final : public AssignmentCallHandler {
   public:
    UnderlyingCall(Driver& driver, Generation generation) : driver_(driver), generation_(generation) {}

    void Start(Channel& channel, const AttemptOptions& options, TokenFile::Token token) {
      token_ = std::move(token);
      call_ = channel.MakeAssignmentCall(driver_.core_->loop(), options, *this);
      call_->Start();
    }

    AssignmentCall& call() { return *call_; }
    Generation generation() const { return generation_; }
    Clock::time_point started() const { return started_; }
    const TokenFile::Token& token() const { return token_; }

    void OnStarted() override { driver_.machine_.Connected(generation_, Clock::now()); }
    void OnWritable() override { driver_.machine_.Writable(generation_, Clock::now()); }
    void OnResult(AssignmentResult& result) override {
      driver_.machine_.Result(generation_, result, Clock::now());
    }
    void OnUndecodable() override { driver_.machine_.Undecodable(generation_); }
    void OnEnd(AttemptEnd end) override { driver_.OnCallEnd(std::move(end)); }

   private:
    Driver& driver_;
    const Generation generation_;
    const Clock::time_point started_ = Clock::now();
    TokenFile::Token token_;  // null: it carries none
    std::unique_ptr<AssignmentCall> call_;
  };

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

  void TakeSubmitted() override {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      hungry_ = pending_.empty();
      if (hungry_) {
        if (!closed_.load()) return;
        sealed_ = true;
      }
      taken_.swap(pending_);
    }
    if (taken_.empty()) {
      machine_.EndInput();
      return;
    }
    for (UnacknowledgedAssignment& taken : taken_) machine_.Submit(std::move(taken.update), taken.tag);
    taken_.clear();
  }

  void OpenCall(Generation generation, bool new_round) override {
    generation_ = generation;
    if (new_round) {
      tried_.clear();
      lost_ = endpoint_;
    } else {
      tried_.push_back(endpoint_);
    }
    PublishCounts();
    ChooseEndpoint();
  }

  void ChooseEndpoint() {
    EndpointPool::Pick pick = Pick();
    if (pick.resolving) {
      StopWaitingForNames();
      waiting_for_names_ = true;
      waited_for_names_ = true;
      core_->pool().WhenResolved(core_->loop(), shared_from_this());
      return;
    }
    waiting_for_names_ = false;
    if (pick.endpoint == nullptr) {
      machine_.CannotConnect(generation_, {std::move(pick.status), Phase::kResolve, Origin::kLocal},
                             Clock::now());
      return;
    }
    Channel& channel = pick.endpoint->channel(ChannelUse::kStreams);
    absl::StatusOr<TokenFile::Token> token =
        TokenFor(core_->lookups().token.get(), metadata_, channel, pick.endpoint->name(), Clock::now());
    if (!token.ok()) {
      machine_.CannotConnect(generation_, {token.status(), Phase::kArguments, Origin::kLocal}, Clock::now());
      return;
    }
    endpoint_ = std::move(pick.endpoint);
    endpoint_name_ = *endpoint_names_.insert(endpoint_->name()).first;
    ++report_.attempts;
    AttemptOptions attempt_options;
    attempt_options.deadline = deadline_;
    attempt_options.default_metadata = &core_->default_metadata();
    attempt_options.metadata = &metadata_;
    attempt_options.authorization = token->get();
    call_ = std::make_unique<UnderlyingCall>(*this, generation_);
    call_->Start(channel, attempt_options, *std::move(token));
  }

  // The endpoint that was lost is chosen again only where there is no other.
  EndpointPool::Pick Pick() {
    if (lost_ != nullptr) {
      TriedEndpoints passed_over = tried_;
      passed_over.push_back(lost_);
      EndpointPool::Pick other = core_->pool().PickFor(ChannelUse::kStreams, passed_over, waited_for_names_);
      if (other.endpoint != nullptr || other.resolving) return other;
    }
    return core_->pool().PickFor(ChannelUse::kStreams, tried_, waited_for_names_);
  }

  void StopWaitingForNames() {
    if (std::exchange(waiting_for_names_, false)) core_->pool().StopWaiting(shared_from_this());
  }

  void Write(const AssignmentUpdate& update, bool more) override { call_->call().Write(update, more); }

  void HalfClose() override { call_->call().HalfClose(); }

  void CancelCall() override {
    if (call_ != nullptr) {
      call_->call().Cancel();
      return;
    }
    StopWaitingForNames();
    machine_.CannotConnect(generation_, {absl::CancelledError(), Phase::kResolve, Origin::kLocal},
                           Clock::now());
  }

  void Deliver(Outbox::Acknowledged&& acknowledged, AssignmentResult& result, Outbox::Time now) override {
    AssignmentOutcome outcome;
    outcome.result.assignment_id.swap(result.assignment_id);
    outcome.result.accepted = result.accepted;
    outcome.update = std::move(acknowledged.update);
    outcome.tag = acknowledged.tag;
    outcome.latency = now - acknowledged.written_at;
    outcome.attempt = acknowledged.attempts;
    outcome.endpoint = endpoint_name_;
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
    const StreamStatistics statistics = machine_.statistics();
    const std::lock_guard<std::mutex> lock(mutex_);
    statistics_ = statistics;
  }

  void OnCallEnd(AttemptEnd end) {
    const std::unique_ptr<UnderlyingCall> ended = std::move(call_);
    if (!end.status.ok() || !report_.history.empty()) Remember(*ended, end.status);
    // Once without a result in between.
    const std::uint64_t acknowledged = machine_.statistics().acknowledged;
    if (token_replaced_at_ != acknowledged &&
        MayTryOtherToken(end, core_->lookups().token.get(), ended->token(), Clock::now())) {
      end.has_new_token = true;
      token_replaced_at_ = acknowledged;
    }
    machine_.Ended(ended->generation(), std::move(end), Clock::now());
  }

  void Remember(const UnderlyingCall& ended, const absl::Status& status) {
    if (report_.history.size() == kLongestHistory) report_.history.erase(report_.history.begin());
    report_.history.push_back({endpoint_->name(), status, ended.started() - started_,
                               Clock::now() - ended.started(), /*hedge=*/false});
  }

  void StartTimer(Outbox::Time when) override {
    StopTimer();
    core_->loop().StartTimer(*this, when);
  }

  void StopTimer() override { core_->loop().CancelTimer(*this); }

  void OnTimer() override { machine_.TimerFired(Clock::now()); }

  void Seal() override {
    closed_.store(true);
    room_.Close();
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      sealed_ = true;
    }
    TakeSubmitted();
  }

  void Finish(AttemptEnd end) override {
    if (batch_open_) {
      core_->loop().CancelIdleCall(*this);
      OnIdle();
    }
    PublishCounts();
    report_.phase = end.phase;
    report_.origin = end.origin;
    report_.retryable = IsRetryable(end.status.code(), end.phase, end.origin);
    report_.elapsed = Clock::now() - started_;
    report_.endpoint = endpoint_name_;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      status_ = end.status;
      unacknowledged_ = machine_.outbox().Unacknowledged();
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
  const StreamPolicy policy_;
  const std::size_t most_update_bytes_;
  const Clock::time_point started_;
  std::optional<Clock::time_point> deadline_;
  SubmissionRoom room_;
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
  StreamMachine machine_;
  std::vector<UnacknowledgedAssignment> taken_;
  CallReport report_;
  Generation generation_ = 0;  // of the call that is open or to be opened
  TriedEndpoints tried_;       // in this round
  std::shared_ptr<Endpoint> lost_;
  std::shared_ptr<Endpoint> endpoint_;
  // Outcomes name endpoints that may be gone by the time they are taken.
  std::set<std::string> endpoint_names_;
  std::string_view endpoint_name_;
  std::unique_ptr<UnderlyingCall> call_;
  std::optional<std::uint64_t> token_replaced_at_;  // how many results there were then
  bool waiting_for_names_ = false;
  bool waited_for_names_ = false;
  bool batch_open_ = false;
  std::shared_ptr<Driver> keep_alive_;
};

absl::Status Validate(const StreamOptions& options) {
  const auto invalid = [](std::string_view what) { return absl::InvalidArgumentError(View(what)); };
  constexpr nanoseconds kZero{0};
  if (options.window == 0 || options.window > SubmissionRoom::kMostUpdates) {
    return invalid("window is not between 1 and 1048576");
  }
  if (options.max_outstanding_bytes == 0 || options.max_outstanding_bytes > SubmissionRoom::kMostBytes) {
    return invalid("max_outstanding_bytes is not between 1 and 2^40");
  }
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
  return absl::OkStatus();
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
  auto driver = std::make_shared<Driver>(std::move(core), std::move(options), *std::move(metadata));
  driver->Open();
  return std::make_unique<AssignmentStreamHandle>(std::move(driver));
}

}  // namespace dispatchctl::internal
