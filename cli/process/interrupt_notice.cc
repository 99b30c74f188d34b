#include "process/interrupt_notice.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstddef>
#include <cstring>

namespace dispatchctl::cli {
namespace {

constexpr std::array kSignals{SIGINT, SIGTERM, SIGHUP};
constexpr std::size_t kMostText = 2048;

struct Notice {
  std::array<char, kMostText> text{};
  std::size_t size = 0;
};

// A handler can reach nothing but static storage.
std::array<Notice, kSignals.size()> notices;

extern "C" void PrintNotice(int signal) {
  const auto* const found = std::find(kSignals.begin(), kSignals.end(), signal);
  if (found != kSignals.end()) {
    const Notice& notice = notices[static_cast<std::size_t>(found - kSignals.begin())];
    [[maybe_unused]] const ssize_t ignored = ::write(STDERR_FILENO, notice.text.data(), notice.size);
  }
  // The handler was installed for one time only: the default action takes the second.
  ::raise(signal);
}

}  // namespace

InterruptNotice::InterruptNotice(const std::function<std::string(int)>& text_for) {
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    const std::string text = text_for(kSignals[i]);
    if (text.size() > kMostText) continue;
    std::memcpy(notices[i].text.data(), text.data(), text.size());
    notices[i].size = text.size();

    struct sigaction previous {};
    if (::sigaction(kSignals[i], nullptr, &previous) != 0 || previous.sa_handler == SIG_IGN) continue;
    struct sigaction action {};
    action.sa_handler = PrintNotice;
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    sigemptyset(&action.sa_mask);
    ::sigaction(kSignals[i], &action, nullptr);
  }
}

InterruptNotice::~InterruptNotice() {
  for (const int signal : kSignals) {
    struct sigaction current {};
    if (::sigaction(signal, nullptr, &current) != 0 || current.sa_handler != PrintNotice) continue;
    current.sa_handler = SIG_DFL;
    ::sigaction(signal, &current, nullptr);
  }
}

}  // namespace dispatchctl::cli
