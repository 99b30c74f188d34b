#include "transport/loop_thread.h"

#include <utility>

#include "transport/background_thread.h"

namespace dispatchctl::internal {

LoopThread::LoopThread(std::function<bool()> may_doze)
    : loop_(std::make_shared<EventLoop>()),
      thread_(StartBackgroundThread([loop = loop_, may_doze = std::move(may_doze)] {
        if (may_doze == nullptr) {
          loop->Run();
        } else {
          loop->RunDozing(may_doze);
        }
      })) {}

LoopThread::~LoopThread() {
  loop_->Shutdown();
  JoinOrDetach(thread_);
}

}  // namespace dispatchctl::internal
