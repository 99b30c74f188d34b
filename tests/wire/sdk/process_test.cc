// The client in its process: children, broken pipes.

#include <dirent.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "mock_process.h"
#include "service.h"

namespace dispatchctl {
namespace {

using testing::Contains;
using testing::IsSubsetOf;
using testing::StartsWith;

AssignmentUpdate Update(std::uint64_t number) {
  return {.assignment_id = "a-" + std::to_string(number), .courier_id = "courier-1", .destination_zone = "z"};
}

// What this process has open: "socket:[4711]", "/dev/null", ...
std::set<std::string> OpenHere() {
  std::set<std::string> open;
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(opendir("/proc/self/fd"), closedir);
  while (const dirent* entry = readdir(folder.get())) {
    std::string target(256, '\0');
    const ssize_t length = readlinkat(dirfd(folder.get()), entry->d_name, target.data(), target.size());
    if (length > 0) open.insert(target.substr(0, static_cast<std::size_t>(length)));
  }
  return open;
}

// What a program has open that this process executes.
std::set<std::string> OpenInAChild() {
  std::set<std::string> open;
  const std::unique_ptr<FILE, int (*)(FILE*)> output(
      popen("for fd in /proc/self/fd/*; do readlink $fd; done", "r"), pclose);
  std::string line(512, '\0');
  while (fgets(line.data(), static_cast<int>(line.size()), output.get()) != nullptr) {
    open.insert(line.substr(0, line.find('\n')));
  }
  return open;
}

std::set<std::string> WithoutPipes(const std::set<std::string>& open) {
  std::set<std::string> rest;
  for (const std::string& target : open) {
    if (target.rfind("pipe:", 0) != 0 && target.rfind("/proc/", 0) != 0) rest.insert(target);
  }
  return rest;
}

ClientOptions To(const MockProcess& server) {
  ClientOptions options;
  options.target = server.address();
  return options;
}

TEST(Process, F35AProgramThatIsExecutedInheritsNothingOfTheClient) {
  const std::set<std::string> before = OpenHere();
  MockProcess server({});
  // By name too: the resolver has descriptors of its own.
  ClientOptions options = To(server);
  options.target = "localhost" + server.address().substr(server.address().rfind(':'));
  const Client client = Service::Connect(std::move(options));
  auto stream = client.StreamAssignments();
  ASSERT_TRUE(stream.ok()) << stream.status();
  ASSERT_TRUE((*stream)->Submit(Update(1)).ok());
  ASSERT_TRUE((*stream)->Next());
  ASSERT_TRUE(client.GetCourierStatus("courier-1").ok());
  EXPECT_THAT(OpenHere(), Contains(StartsWith("socket:")));
  EXPECT_THAT(WithoutPipes(OpenInAChild()), IsSubsetOf(before));
  EXPECT_EQ((*stream)->Finish(), absl::OkStatus());
}

TEST(Process, F35TheParentOfAForkGoesOn) {
  MockProcess server({});
  const Client client = Service::Connect(To(server));
  auto stream = client.StreamAssignments();
  ASSERT_TRUE(stream.ok()) << stream.status();
  std::vector<pid_t> children;
  for (std::uint64_t i = 0; i < 20; ++i) {
    ASSERT_TRUE((*stream)->Submit(Update(i)).ok());
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      // It has this process's sockets as long as it lives, and touches none.
      pause();
      _exit(0);
    }
    children.push_back(child);
    const auto outcome = (*stream)->Next();
    ASSERT_TRUE(outcome);
    EXPECT_EQ(outcome->result.assignment_id, Update(i).assignment_id);
    const auto status = client.GetCourierStatus("courier-1");
    EXPECT_TRUE(status.ok()) << status.status();
  }
  EXPECT_EQ((*stream)->Finish(), absl::OkStatus());
  EXPECT_EQ((*stream)->statistics().reconnects, 0U);
  for (const pid_t child : children) {
    kill(child, SIGKILL);
    EXPECT_EQ(waitpid(child, nullptr, 0), child);
  }
}

std::atomic<int> broken_pipes{0};

TEST(Process, F36PeersThatGoAwayRaiseNoSignal) {
  struct sigaction count {};
  count.sa_handler = [](int) { ++broken_pipes; };
  struct sigaction before {};
  ASSERT_EQ(sigaction(SIGPIPE, &count, &before), 0);
  MockProcess server({});
  const Client client = Service::Connect(To(server));
  constexpr std::uint64_t kUpdates = 20'000;
  StreamOptions options;
  std::atomic<std::uint64_t> answered{0};
  options.on_result = [&](AssignmentOutcome&&) { ++answered; };
  auto stream = client.StreamAssignments(std::move(options));
  ASSERT_TRUE(stream.ok()) << stream.status();
  std::thread writer([&] {
    for (std::uint64_t i = 0; i < kUpdates; ++i) {
      if (!(*stream)->Submit(Update(i), i).ok()) return;
    }
  });
  for (std::uint64_t kill = 1; kill <= 5; ++kill) {
    while (answered < kill * kUpdates / 10) std::this_thread::yield();
    server.Stop(SIGKILL);
    server.Start({});
  }
  writer.join();
  EXPECT_EQ((*stream)->Finish(), absl::OkStatus());
  EXPECT_EQ(answered, kUpdates);
  EXPECT_GE((*stream)->statistics().reconnects, 1U);
  EXPECT_EQ(broken_pipes, 0);
  sigaction(SIGPIPE, &before, nullptr);
}

}  // namespace
}  // namespace dispatchctl
