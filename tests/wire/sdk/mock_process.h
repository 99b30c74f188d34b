#pragma once

#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

namespace dispatchctl {

// dispatch-mock as a process, which a test can kill and start again on the same port.
class MockProcess {
 public:
  explicit MockProcess(std::vector<std::string> arguments = {}) : arguments_(std::move(arguments)) {
    Start("127.0.0.1:0");
  }
  MockProcess(const MockProcess&) = delete;
  MockProcess& operator=(const MockProcess&) = delete;
  ~MockProcess() { Kill(); }

  // "127.0.0.1:41233"
  const std::string& address() const { return address_; }

  void Kill() { End(SIGKILL); }
  // Lets open calls finish.
  void Terminate() { End(SIGTERM); }
  // After Kill or Terminate.
  void Restart() { Start(address_); }
  void RestartWith(std::vector<std::string> arguments) {
    arguments_ = std::move(arguments);
    Restart();
  }

 private:
  void Start(const std::string& listen) {
    std::array<int, 2> out{};
    ASSERT_EQ(pipe2(out.data(), O_CLOEXEC), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    std::vector<std::string> words{DISPATCH_MOCK_BINARY, "serve", "--listen", listen};
    words.insert(words.end(), arguments_.begin(), arguments_.end());
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    const int error = posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    close(out[1]);
    ASSERT_EQ(error, 0);
    FILE* const stream = fdopen(out[0], "r");
    char line[512] = {};
    const bool ready = std::fgets(line, sizeof(line), stream) != nullptr;
    std::fclose(stream);
    ASSERT_TRUE(ready) << "dispatch-mock did not start on " << listen;
    address_ = nlohmann::json::parse(line).at("listen").at(0).get<std::string>();
  }

  void End(int signal) {
    // Never to -1, which would be every process there is.
    if (pid_ <= 0) return;
    kill(pid_, signal);
    waitpid(std::exchange(pid_, -1), nullptr, 0);
  }

  std::vector<std::string> arguments_;
  std::string address_;
  pid_t pid_ = -1;
};

}  // namespace dispatchctl
