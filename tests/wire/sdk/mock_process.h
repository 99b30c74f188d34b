#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dispatchctl {

// A dispatch-mock of its own process, which can be killed as no server in this process can.
class MockProcess {
 public:
  // Ready when it returns. `arguments` follow "serve --listen 127.0.0.1:0".
  explicit MockProcess(std::vector<std::string> arguments) : arguments_(std::move(arguments)) { Start({}); }
  MockProcess(const MockProcess&) = delete;
  MockProcess& operator=(const MockProcess&) = delete;
  ~MockProcess() { Stop(SIGKILL); }

  // "127.0.0.1:41233"; empty: it did not start.
  const std::string& address() const { return address_; }

  // Ends it by the signal and waits until it is gone.
  void Stop(int signal_number) {
    if (pid_ > 0) {
      kill(pid_, signal_number);
      while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
      }
      pid_ = -1;
    }
    if (output_ >= 0) close(output_);
    output_ = -1;
  }

  // Starts it again on the same port. `more` follows the arguments.
  void Start(const std::vector<std::string>& more) {
    std::vector<std::string> words = {DISPATCH_MOCK_PROGRAM, "serve", "--listen",
                                      address_.empty() ? "127.0.0.1:0" : address_};
    words.insert(words.end(), arguments_.begin(), arguments_.end());
    words.insert(words.end(), more.begin(), more.end());
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);

    int ends[2] = {-1, -1};
    ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
    output_ = ends[0];
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    const int error = posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    ASSERT_EQ(error, 0) << DISPATCH_MOCK_PROGRAM;
    AwaitReadyLine();
  }

 private:
  void AwaitReadyLine() {
    constexpr int kPatienceMs = 60'000;
    std::string line;
    std::array<char, 512> buffer{};
    while (line.find('\n') == std::string::npos) {
      pollfd wait{output_, POLLIN, 0};
      ASSERT_EQ(poll(&wait, 1, kPatienceMs), 1) << "no ready line";
      const ssize_t size = read(output_, buffer.data(), buffer.size());
      ASSERT_GT(size, 0) << "dispatch-mock ended before it was ready";
      line.append(buffer.data(), static_cast<std::size_t>(size));
    }
    constexpr std::string_view kBefore = R"("listen":[")";
    const std::size_t begin = line.find(kBefore);
    ASSERT_NE(begin, std::string::npos) << line;
    address_ = line.substr(begin + kBefore.size());
    address_.erase(address_.find('"'));
  }

  const std::vector<std::string> arguments_;
  std::string address_;
  pid_t pid_ = -1;
  int output_ = -1;
};

}  // namespace dispatchctl
