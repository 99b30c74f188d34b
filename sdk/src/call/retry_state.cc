#include "call/retry_state.h"

#include <charconv>

#include "call/backoff.h"

namespace dispatchctl::internal {
std::optional<Pushback> ParsePushback(std::optional<std::string_view> header_value) {
  if (!header_value) return std::nullopt;
  std::int64_t milliseconds = 0;
  const char* const end = header_value->data() + header_value->size();
  const auto [parsed_to, error] = std::from_chars(header_value->data(), end, milliseconds);
  if (error != std::errc() || parsed_to != end || milliseconds < 0) return Pushback{};
  return Pushback{std::chrono::milliseconds(milliseconds)};
}

bool IsRetryable(const AttemptFailure& failure, const CallRetryPolicy& policy) {
  if (failure.never_retry || failure.code == absl::StatusCode::kOk) return false;
  if (failure.attempt_timed_out) return true;
  switch (failure.code) {
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kCancelled:
      if (!failure.from_server) return false;
      break;
    case absl::StatusCode::kResourceExhausted:
      if (!failure.from_server) return false;
      if (failure.pushback && !failure.pushback->Forbids()) return true;
      break;
    default:
      break;
  }
  return (policy.retryable_codes & CodeBit(failure.code)) != 0;
}

RetryState::Decision RetryState::OnFailure(const AttemptFailure& failure, int attempts, RetryBudget& budget,
                                           Time now, Time deadline, double unit_random) {
  const bool forbidden = failure.pushback && failure.pushback->Forbids();
  const bool retryable = IsRetryable(failure, policy_);
  // A server that wants no retry is in need of fewer calls, whatever its code.
  bool budget_allows = false;
  if (forbidden || retryable) budget_allows = failure.charged ? budget.OnFailure() : budget.MayHedge();
  if (!retryable) return {false, {}, "not retryable"};
  if (forbidden) return {false, {}, "the server asked not to retry"};
  if (attempts >= policy_.max_attempts) return {false, {}, "no attempts left"};
  if (!budget_allows) return {false, {}, "the retry budget is used up"};

  constexpr const char* kTooLate = "the next attempt would start after the deadline";
  const std::chrono::nanoseconds left = deadline - now;
  std::chrono::nanoseconds delay;
  if (failure.pushback) {
    // In milliseconds first: a server may name more of them than there are nanoseconds to count.
    if (*failure.pushback->delay > std::chrono::floor<std::chrono::milliseconds>(left))
      return {false, {}, kTooLate};
    delay = *failure.pushback->delay;
    backoffs_ = 0;
  } else {
    delay = BackoffDelay(policy_, ++backoffs_, unit_random);
  }
  if (delay >= left) return {false, {}, kTooLate};
  return {true, delay, ""};
}

}  // namespace dispatchctl::internal
