#include "stream/stream_shard.h"

#include <random>
#include <utility>

#include "call/authorization.h"

namespace dispatchctl::internal {

// A call of the shard's, and who tells the machine what happens to it.
class StreamShard::UnderlyingCall final : public AssignmentCallHandler {
 public:
  UnderlyingCall(StreamShard& shard, Generation generation, int number)
      : shard_(shard), generation_(generation), number_(number) {}

  void Start(Channel& channel, const AttemptOptions& options, TokenFile::Token token) {
    token_ = std::move(token);
    call_ = channel.MakeAssignmentCall(shard_.core_->loop(), options, *this);
    call_->Start();
  }

  AssignmentCall& call() { return *call_; }
  Generation generation() const { return generation_; }
  int number() const { return number_; }
  Clock::time_point started() const { return started_; }
  const TokenFile::Token& token() const { return token_; }

  void OnStarted() override { shard_.OnCallStarted(); }
  void OnWritable() override { shard_.machine_.Writable(generation_, Clock::now()); }
  void OnResult(AssignmentResult& result) override {
    shard_.machine_.Result(generation_, result, Clock::now());
  }
  void OnUndecodable() override { shard_.machine_.Undecodable(generation_); }
  void OnEnd(AttemptEnd end) override { shard_.OnCallEnd(std::move(end)); }

 private:
  StreamShard& shard_;
  const Generation generation_;
  const int number_;  // among the attempts of the whole stream
  const Clock::time_point started_ = Clock::now();
  TokenFile::Token token_;  // null: it carries none
  std::unique_ptr<AssignmentCall> call_;
};

StreamShard::StreamShard(std::shared_ptr<ClientCore> core, StreamShardOwner& owner, const Settings& settings,
                         std::size_t index)
    : core_(std::move(core)),
      owner_(owner),
      settings_(settings),
      index_(index),
      machine_(settings.policy, *this, [random = std::minstd_rand(std::random_device()())]() mutable {
        return std::uniform_real_distribution<double>()(random);
      }) {}

StreamShard::~StreamShard() = default;

bool StreamShard::Push(AssignmentUpdate& update, std::uint64_t tag) {
  bool wake_up;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (sealed_) return false;
    pending_.push_back({std::move(update), tag});
    ++submitted_;
    wake_up = std::exchange(hungry_, false);
  }
  if (wake_up) core_->loop().Schedule(shared_from_this());
  return true;
}

std::uint64_t StreamShard::submitted() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return submitted_;
}

void StreamShard::Run() {
  if (machine_.finished()) return;
  if (waiting_for_names_) {
    ChooseEndpoint();
  } else {
    machine_.Pump(Clock::now());
  }
}

void StreamShard::TakeSubmitted() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    hungry_ = pending_.empty();
    if (hungry_) {
      if (!sealed_ && !owner_.closed()) return;
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

void StreamShard::OpenCall(Generation generation, bool new_round) {
  generation_ = generation;
  if (new_round) {
    tried_.clear();
    lost_ = endpoint_;
  } else {
    tried_.push_back(endpoint_);
  }
  ChooseEndpoint();
}

void StreamShard::ChooseEndpoint() {
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
  absl::StatusOr<TokenFile::Token> token = TokenFor(core_->lookups().token.get(), settings_.metadata, channel,
                                                    pick.endpoint->name(), Clock::now());
  if (!token.ok()) {
    machine_.CannotConnect(generation_, {token.status(), Phase::kArguments, Origin::kLocal}, Clock::now());
    return;
  }
  endpoint_ = std::move(pick.endpoint);
  endpoint_name_ = owner_.OnAttempt(endpoint_->name());
  AttemptOptions attempt_options;
  attempt_options.deadline = settings_.deadline;
  attempt_options.default_metadata = &core_->default_metadata();
  attempt_options.metadata = &settings_.metadata;
  attempt_options.authorization = token->get();
  call_ = std::make_unique<UnderlyingCall>(*this, generation_, owner_.attempts());
  Metadata headers;
  if (owner_.observed() || !settings_.trace_context.traceparent.empty()) {
    headers = owner_.observed().OnAttemptStarted({.number = call_->number(),
                                                  .endpoint = endpoint_name_,
                                                  .hedge = false,
                                                  .started = call_->started() - settings_.started},
                                                 settings_.trace_context, settings_.metadata,
                                                 core_->default_metadata());
    attempt_options.attempt_metadata = &headers;
  }
  call_->Start(channel, attempt_options, *std::move(token));
}

void StreamShard::Observe(ObservedCall::StreamEvent event, const absl::Status& status) {
  if (!owner_.observed()) return;
  StreamStatistics statistics = machine_.statistics();
  statistics.submitted = submitted();
  owner_.observed().OnStream(event, {.stream = index_,
                                     .endpoint = endpoint_name_,
                                     .status = status,
                                     .unacknowledged = machine_.outbox().size(),
                                     .statistics = statistics});
}

EndpointPool::Pick StreamShard::Pick() const {
  EndpointPool& pool = core_->pool();
  TriedEndpoints passed_over = tried_;
  if (lost_ != nullptr) passed_over.push_back(lost_);
  // Shards spread over the endpoints, as long as that costs none of them a try of one that is down.
  TriedEndpoints apart = owner_.EndpointsBeside(*this);
  if (!apart.empty()) {
    apart.insert(apart.end(), passed_over.begin(), passed_over.end());
    if (pool.HasUntried(apart)) return pool.PickFor(ChannelUse::kStreams, apart, waited_for_names_);
  }
  // The endpoint that was lost is chosen again only where there is no other.
  if (lost_ != nullptr) {
    EndpointPool::Pick other = pool.PickFor(ChannelUse::kStreams, passed_over, waited_for_names_);
    if (other.endpoint != nullptr || other.resolving) return other;
  }
  return pool.PickFor(ChannelUse::kStreams, tried_, waited_for_names_);
}

void StreamShard::StopWaitingForNames() {
  if (std::exchange(waiting_for_names_, false)) core_->pool().StopWaiting(shared_from_this());
}

void StreamShard::Write(const AssignmentUpdate& update, bool more) {
  call_->call().Write(update, more);
}

void StreamShard::HalfClose() {
  call_->call().HalfClose();
}

void StreamShard::CancelCall() {
  if (call_ != nullptr) {
    call_->call().Cancel();
    return;
  }
  StopWaitingForNames();
  machine_.CannotConnect(generation_, {absl::CancelledError(), Phase::kResolve, Origin::kLocal},
                         Clock::now());
}

void StreamShard::BackingOff(std::chrono::nanoseconds delay) {
  if (ObservedCall& observed = owner_.observed()) {
    observed.OnBackoff({.after_attempt = owner_.attempts(), .delay = delay});
  }
}

void StreamShard::StartTimer(Outbox::Time when) {
  StopTimer();
  core_->loop().StartTimer(*this, when);
}

void StreamShard::StopTimer() {
  core_->loop().CancelTimer(*this);
}

void StreamShard::OnTimer() {
  machine_.TimerFired(Clock::now());
}

void StreamShard::Deliver(Outbox::Acknowledged&& acknowledged, AssignmentResult& result, Outbox::Time now) {
  AssignmentOutcome outcome;
  outcome.result.assignment_id.swap(result.assignment_id);
  outcome.result.accepted = result.accepted;
  outcome.update = std::move(acknowledged.update);
  outcome.tag = acknowledged.tag;
  outcome.latency = now - acknowledged.written_at;
  outcome.attempt = acknowledged.attempts;
  outcome.endpoint = endpoint_name_;
  owner_.OnOutcome(std::move(outcome));
}

void StreamShard::OnCallStarted() {
  connected_ = true;
  const bool first = !std::exchange(opened_, true);
  Observe(first ? &CallObserver::OnStreamOpened : &CallObserver::OnStreamResumed, absl::OkStatus());
  if (std::exchange(interrupted_, false)) {
    owner_.OnInterruption({.resumed = true,
                           .endpoint = endpoint_name_,
                           .status = absl::OkStatus(),
                           .unacknowledged = machine_.outbox().size()});
  }
  machine_.Connected(call_->generation(), Clock::now());
}

void StreamShard::OnCallEnd(AttemptEnd end) {
  // What the machine makes of it may be the last deed.
  const std::shared_ptr<StreamShard> self = shared_from_this();
  const absl::Status status = end.status;
  const bool was_connected = std::exchange(connected_, false);
  const std::unique_ptr<UnderlyingCall> ended = std::move(call_);
  if (ObservedCall& observed = owner_.observed()) {
    observed.OnAttemptEnded({.number = ended->number(),
                             .endpoint = endpoint_name_,
                             .hedge = false,
                             .status = end.status,
                             .elapsed = Clock::now() - ended->started()});
  }
  owner_.OnAttemptEnd(endpoint_name_, end.status, ended->started());
  // Once without a result in between.
  const std::uint64_t acknowledged = machine_.statistics().acknowledged;
  if (token_replaced_at_ != acknowledged &&
      MayTryOtherToken(end, core_->lookups().token.get(), ended->token(), Clock::now())) {
    end.has_new_token = true;
    token_replaced_at_ = acknowledged;
  }
  machine_.Ended(ended->generation(), std::move(end), Clock::now());
  if (machine_.finished() || !was_connected) return;
  interrupted_ = true;
  Observe(&CallObserver::OnStreamInterrupted, status);
  owner_.OnInterruption({.resumed = false,
                         .endpoint = endpoint_name_,
                         .status = status,
                         .unacknowledged = machine_.outbox().size()});
}

void StreamShard::Seal() {
  owner_.OnSealed();
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    sealed_ = true;
  }
  TakeSubmitted();
}

void StreamShard::Finish(AttemptEnd end) {
  Observe(&CallObserver::OnStreamEnded, end.status);
  owner_.OnShardEnd(*this, std::move(end));
}

}  // namespace dispatchctl::internal
