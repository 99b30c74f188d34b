#include "transport/background_thread.h"

#include <pthread.h>

#include <csignal>
#include <utility>

namespace dispatchctl::internal {

namespace {

// The calling thread takes no signals meanwhile, nor do threads that it starts.
class NoSignals {
 public:
  NoSignals() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &previous_);
  }
  ~NoSignals() { pthread_sigmask(SIG_SETMASK, &previous_, nullptr); }
  NoSignals(const NoSignals&) = delete;
  NoSignals& operator=(const NoSignals&) = delete;

 private:
  sigset_t previous_{};
};

}  // namespace

std::thread StartBackgroundThread(std::function<void()> body) {
  const NoSignals while_it_starts;
  return std::thread(std::move(body));
}

void JoinOrDetach(std::thread& thread) {
  if (!thread.joinable()) return;
  if (thread.get_id() == std::this_thread::get_id()) {
    thread.detach();
  } else {
    thread.join();
  }
}

}  // namespace dispatchctl::internal
