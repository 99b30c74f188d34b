#pragma once

#include <functional>
#include <thread>

namespace dispatchctl::internal {

// A thread that takes no signals: an application that waits for its own must get them.
std::thread StartBackgroundThread(std::function<void()> body);

// Joins `thread`, or lets it go when it is the calling one.
void JoinOrDetach(std::thread& thread);

}  // namespace dispatchctl::internal
