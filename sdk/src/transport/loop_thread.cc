#include "transport/loop_thread.h"

#include "transport/background_thread.h"

namespace dispatchctl::internal {

LoopThread::LoopThread()
    : loop_(std::make_shared<EventLoop>()), thread_(StartBackgroundThread([loop = loop_] { loop->Run(); })) {}

LoopThread::~LoopThread() {
  loop_->Shutdown();
  JoinOrDetach(thread_);
}

}  // namespace dispatchctl::internal
