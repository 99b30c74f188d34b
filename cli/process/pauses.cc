#include "process/pauses.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <optional>
#include <utility>

#include "output/run_errors.h"
#include "process/feed_loop.h"

namespace dispatchctl::cli {

bool Pauses::WaitUntil(Clock::time_point end, int wakeup_fd) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
    std::array<pollfd, 3> fds{{{signals_.fd(), POLLIN, 0},
                               {records_.error_number() == 0 ? records_.fd() : -1, 0, 0},
                               {wakeup_fd, POLLIN, 0}}};
    const int ready =
        ::poll(fds.data(), fds.size(), static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000)));
    if (ready > 0 && fds[0].revents != 0) signal_ = signals_.Take();
    if (ready > 0 && (fds[1].revents & (POLLERR | POLLHUP)) != 0) records_.Fail(EPIPE);
    if (signal_ != 0 || records_.error_number() != 0) return false;
    if ((ready > 0 && fds[2].revents != 0) || Clock::now() >= end) return true;
  }
}

std::vector<ErrorReport> Pauses::FinishRecords() {
  FeedLoopResult outcome;
  outcome.signal = signal_;
  cli::FinishRecords(records_, signals_, outcome);
  std::vector<ErrorReport> errors;
  if (outcome.signal != 0) errors.push_back(InterruptedError(outcome.signal, {}));
  if (auto error = OutputFailure(records_)) errors.push_back(*std::move(error));
  return errors;
}

}  // namespace dispatchctl::cli
