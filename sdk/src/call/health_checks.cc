#include "call/health_checks.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "call/authorization.h"
#include "call/retryable.h"

namespace dispatchctl::internal {

// One endpoint's.
class HealthChecks::Check final : private HealthCheckHandler {
 public:
  Check(HealthChecks& checks, std::shared_ptr<Endpoint> endpoint, EndpointHealth& out)
      : checks_(checks), endpoint_(std::move(endpoint)), out_(out) {
    out_.report.endpoint = endpoint_->name();
  }

  // False: it has ended at once.
  bool Start() {
    LookupEnvironment& environment = checks_.environment_;
    Channel& channel = endpoint_->channel(ChannelUse::kLookups);
    const absl::StatusOr<TokenFile::Token> token =
        TokenFor(environment.token.get(), environment.default_metadata, channel, endpoint_->name(), begin_);
    if (!token.ok()) {
      out_.status = token.status();
      return false;
    }
    AttemptOptions options;
    options.deadline = checks_.deadline_;
    options.default_metadata = &environment.default_metadata;
    options.authorization = token->get();
    token_ = *token;
    out_.report.attempts = 1;
    check_ = channel.MakeHealthCheck(checks_.loop_, checks_.options_.service, options, *this);
    check_->Start();
    return true;
  }

  void Cancel() {
    if (check_ != nullptr) check_->Cancel();
  }

 private:
  void OnHealthCheckDone(AttemptEnd end, ServingStatus status) override {
    out_.report.elapsed = Clock::now() - begin_;
    out_.report.phase = end.phase;
    out_.report.origin = end.origin;
    const bool service_unknown =
        end.origin == Origin::kServer && end.status.code() == absl::StatusCode::kNotFound;
    if (end.status.ok()) {
      out_.status = status;
    } else if (service_unknown) {
      out_.status = ServingStatus::kServiceUnknown;
    } else {
      out_.report.retryable = IsRetryable(end.status.code(), end.phase, end.origin);
      out_.status = std::move(end.status);
    }
    // The last use of this object.
    checks_.OnCheckDone();
  }

  HealthChecks& checks_;
  const std::shared_ptr<Endpoint> endpoint_;
  EndpointHealth& out_;
  const Clock::time_point begin_ = Clock::now();
  TokenFile::Token token_;
  std::unique_ptr<HealthCheck> check_;
};

// The pool tells that names have been resolved, or another thread that it is to end.
class HealthChecks::Turn final : public Task {
 public:
  explicit Turn(HealthChecks& checks) : checks_(&checks) {}
  void Run() override {
    if (checks_ != nullptr) checks_->Continue(/*waited=*/true);
  }
  // The loop may be in other hands when it comes to this task.
  void Detach() { checks_ = nullptr; }

 private:
  HealthChecks* checks_;
};

class HealthChecks::ResolvingTimer final : public Timer {
 public:
  explicit ResolvingTimer(HealthChecks& checks) : checks_(checks) {}
  void OnTimer() override {
    checks_.End(absl::DeadlineExceededError("timed out while the target's name was being resolved"));
  }

 private:
  HealthChecks& checks_;
};

HealthChecks::HealthChecks(LookupEnvironment& environment, EventLoop& loop, const HealthOptions& options)
    : environment_(environment),
      loop_(loop),
      options_(options),
      deadline_(Clock::now() + std::min<std::chrono::nanoseconds>(options.timeout, std::chrono::hours(24))),
      turn_(std::make_shared<Turn>(*this)),
      resolving_timer_(std::make_unique<ResolvingTimer>(*this)) {}

HealthChecks::~HealthChecks() {
  turn_->Detach();
}

absl::StatusOr<std::vector<EndpointHealth>> HealthChecks::Run() {
  loop_.StartTimer(*resolving_timer_, deadline_);
  Continue(/*waited=*/false);
  loop_.RunUntil(done_);
  loop_.CancelTimer(*resolving_timer_);
  environment_.pool->StopWaiting(turn_);
  if (!status_.ok()) return status_;
  return std::move(results_);
}

void HealthChecks::Cancel() {
  cancelled_.store(true);
  loop_.Schedule(turn_);
}

void HealthChecks::Continue(bool waited) {
  if (done_) return;
  if (cancelled_.load()) {
    if (!started_) End(absl::CancelledError("the client has been shut down"));
    for (const std::unique_ptr<Check>& check : checks_) check->Cancel();
    return;
  }
  if (started_) return;
  EndpointPool::Listing listing = environment_.pool->List(waited);
  if (listing.resolving) {
    environment_.pool->WhenResolved(loop_, turn_);
    return;
  }
  if (listing.endpoints.empty()) {
    End(std::move(listing.status));
    return;
  }
  started_ = true;
  loop_.CancelTimer(*resolving_timer_);
  results_.resize(listing.endpoints.size());
  for (std::size_t i = 0; i < results_.size(); ++i) {
    checks_.push_back(std::make_unique<Check>(*this, std::move(listing.endpoints[i]), results_[i]));
  }
  for (const std::unique_ptr<Check>& check : checks_) {
    if (check->Start()) ++under_way_;
  }
  done_ = under_way_ == 0;
}

void HealthChecks::End(absl::Status status) {
  status_ = std::move(status);
  done_ = true;
}

void HealthChecks::OnCheckDone() {
  if (--under_way_ == 0) done_ = true;
}

}  // namespace dispatchctl::internal
