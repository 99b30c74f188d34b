#include "call/client_core.h"

namespace dispatchctl::internal {
namespace {

// A cancelled call ends without the network; only a callback that blocks can take longer.
constexpr std::chrono::seconds kCancelBound{1};

}  // namespace

absl::Status ClientCore::Shutdown(Time deadline) {
  async_calls_->Close();
  owned_calls_->Close();
  const bool async_ended = async_calls_->WaitUntilEmpty(deadline);
  const bool owned_ended = owned_calls_->WaitUntilEmpty(deadline);
  if (async_ended && owned_ended) {
    pool().Stop();
    return absl::OkStatus();
  }
  async_calls_->CancelAll();
  owned_calls_->CancelAll();
  const Time bound = std::chrono::steady_clock::now() + kCancelBound;
  async_calls_->WaitUntilEmpty(bound);
  owned_calls_->WaitUntilEmpty(bound);
  pool().Stop();
  return absl::DeadlineExceededError("calls that had not ended were cancelled");
}

}  // namespace dispatchctl::internal
