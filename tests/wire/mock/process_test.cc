// dispatch-mock as a process: what it prints, how it ends and what it leaves behind.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "dispatchpb/dispatch.grpc.pb.h"

namespace dispatchctl::mock {
namespace {

using testing::HasSubstr;
using Json = nlohmann::json;

class Process {
 public:
  explicit Process(std::vector<std::string> arguments) {
    std::array<int, 2> out{};
    std::array<int, 2> err{};
    EXPECT_EQ(pipe2(out.data(), O_CLOEXEC), 0);
    EXPECT_EQ(pipe2(err.data(), O_CLOEXEC), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, err[1], STDERR_FILENO);
    arguments.insert(arguments.begin(), DISPATCH_MOCK_BINARY);
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    EXPECT_EQ(posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(out[1]);
    close(err[1]);
    out_ = out[0];
    err_ = err[0];
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  Process(Process&&) = delete;
  Process& operator=(Process&&) = delete;
  ~Process() {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      Wait();
    }
    close(out_);
    close(err_);
  }

  pid_t pid() const { return pid_; }
  // Never to -1, which would be every process there is.
  void Signal(int number) const {
    if (pid_ > 0) kill(pid_, number);
  }

  Json Ready() const {
    const std::string line = ReadLine(out_);
    return Json::parse(line, nullptr, false);
  }
  std::string ErrorLine() const { return ReadLine(err_); }
  std::string Errors() const { return ReadAll(err_); }
  std::string Output() const { return ReadAll(out_); }

  // The exit code, or minus the signal.
  int Wait() {
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

 private:
  static std::string ReadLine(int descriptor) {
    std::string line;
    char c = 0;
    while (read(descriptor, &c, 1) == 1) {
      if (c == '\n') return line;
      line += c;
    }
    return line;
  }
  static std::string ReadAll(int descriptor) {
    std::string text;
    char c = 0;
    while (read(descriptor, &c, 1) == 1) text += c;
    return text;
  }

  pid_t pid_ = -1;
  int out_ = -1;
  int err_ = -1;
};

class DispatchMock : public testing::Test {
 protected:
  ~DispatchMock() override {
    for (const std::string& path : files_) unlink(path.c_str());
  }

  std::string Path(const std::string& name) {
    files_.push_back(testing::TempDir() + "process." + std::to_string(getpid()) + "." + name);
    return files_.back();
  }

  static std::string Text(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }

 private:
  std::vector<std::string> files_;
};

std::unique_ptr<dispatchpb::DispatchGateway::Stub> MakeStub(const Json& ready) {
  return dispatchpb::DispatchGateway::NewStub(
      grpc::CreateChannel(ready["listen"][0].get<std::string>(), grpc::InsecureChannelCredentials()));
}

grpc::Status Lookup(dispatchpb::DispatchGateway::Stub& stub, const std::string& id,
                    dispatchpb::CourierStatusReply& reply) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
  dispatchpb::CourierLookupRequest request;
  request.set_courier_id(id);
  return stub.GetCourierStatus(&context, request, &reply);
}

TEST_F(DispatchMock, SaysWhenItIsReadyAndStopsWith0) {
  Process mock({"serve", "--listen", "127.0.0.1:0", "--listen", "127.0.0.1:0", "--seed", "7"});
  const Json ready = mock.Ready();
  EXPECT_EQ(ready["event"], "ready");
  EXPECT_EQ(ready["listen"].size(), 2U);
  EXPECT_TRUE(ready["admin"].is_null());
  EXPECT_TRUE(ready["metrics"].is_null());
  EXPECT_EQ(ready["pid"], mock.pid());
  EXPECT_EQ(ready["seed"], 7);
  dispatchpb::CourierStatusReply reply;
  EXPECT_TRUE(Lookup(*MakeStub(ready), "courier-42", reply).ok());
  EXPECT_EQ(reply.current_zone(), "zone-7");
  mock.Signal(SIGTERM);
  EXPECT_EQ(mock.Wait(), 0);
  EXPECT_EQ(mock.Output(), "");
}

TEST_F(DispatchMock, StopsOnSigintToo) {
  Process mock({"serve", "--listen", "127.0.0.1:0"});
  mock.Ready();
  mock.Signal(SIGINT);
  EXPECT_EQ(mock.Wait(), 0);
}

TEST_F(DispatchMock, ServesCouriersFromAFile) {
  const std::string path = Path("couriers.csv");
  std::ofstream(path) << "courier_id,transport_mode\nc-1,tandem\n";
  Process mock({"serve", "--listen", "127.0.0.1:0", "--couriers", path});
  const auto stub = MakeStub(mock.Ready());
  dispatchpb::CourierStatusReply reply;
  EXPECT_TRUE(Lookup(*stub, "c-1", reply).ok());
  EXPECT_EQ(reply.transport_mode(), "tandem");
  EXPECT_EQ(Lookup(*stub, "courier-42", reply).error_code(), grpc::NOT_FOUND);
}

TEST_F(DispatchMock, WritesTheReadyFileAndRemovesItAgain) {
  const std::string path = Path("ready");
  Process mock({"serve", "--listen", "127.0.0.1:0", "--ready-file", path});
  const Json ready = mock.Ready();
  EXPECT_EQ(Json::parse(Text(path)), ready);
  mock.Signal(SIGTERM);
  EXPECT_EQ(mock.Wait(), 0);
  struct stat status {};
  EXPECT_NE(stat(path.c_str(), &status), 0);
}

TEST_F(DispatchMock, APortThatIsTakenIsExit1AtOnce) {
  Process first({"serve", "--listen", "127.0.0.1:0"});
  const std::string address = first.Ready()["listen"][0];
  Process second({"serve", "--listen", address});
  EXPECT_EQ(second.Wait(), 1);
  EXPECT_EQ(second.Errors(), "dispatch-mock: cannot listen on " + address + ": Address already in use\n");
  EXPECT_EQ(second.Output(), "");
}

TEST_F(DispatchMock, F38AJournalThatCannotBeOpenedIsExit1) {
  Process mock({"serve", "--listen", "127.0.0.1:0", "--journal", "/nonexistent/journal"});
  EXPECT_EQ(mock.Wait(), 1);
  EXPECT_THAT(mock.Errors(), HasSubstr("/nonexistent/journal"));
}

TEST_F(DispatchMock, ABadCouriersFileIsExit3) {
  const std::string path = Path("couriers.json");
  std::ofstream(path) << "[{\"courier_id\":\n7}]";
  Process mock({"serve", "--listen", "127.0.0.1:0", "--couriers", path});
  EXPECT_EQ(mock.Wait(), 3);
  EXPECT_EQ(mock.Errors(), "dispatch-mock: " + path + ":2: courier_id: is a number, not a string\n");
}

TEST_F(DispatchMock, ChecksFilesWithoutServing) {
  const std::string good = Path("good");
  std::ofstream(good) << "scenario lookup\nexpect\nhang\n";
  Process well({"check", good});
  EXPECT_EQ(well.Wait(), 0);
  EXPECT_EQ(well.Output() + well.Errors(), "");

  const std::string bad = Path("bad");
  std::ofstream(bad) << "scenario lookup\nexpect zone=z\nexplode\n";
  const std::string couriers = Path("couriers.csv");
  std::ofstream(couriers) << "courier_id,colour\n";
  Process ill({"check", good, bad, couriers});
  EXPECT_EQ(ill.Wait(), 3);
  const std::string errors = ill.Errors();
  EXPECT_THAT(errors, HasSubstr("dispatch-mock: " + bad + ":2: expect: 'zone' is not known"));
  EXPECT_THAT(errors, HasSubstr("dispatch-mock: " + bad + ":3: fault 'explode'"));
  EXPECT_THAT(errors, HasSubstr("dispatch-mock: " + couriers + ":1: colour: there is no such field"));
}

TEST_F(DispatchMock, PlaysAScenario) {
  const std::string path = Path("scenario");
  std::ofstream(path)
      << "scenario lookup\nexpect\nstatus=ABORTED,message=first\nexpect\nreply transport_mode=tandem\n";
  Process mock({"serve", "--listen", "127.0.0.1:0", "--scenario", path});
  const auto stub = MakeStub(mock.Ready());
  dispatchpb::CourierStatusReply reply;
  EXPECT_EQ(Lookup(*stub, "courier-42", reply).error_message(), "first");
  EXPECT_TRUE(Lookup(*stub, "courier-42", reply).ok());
  EXPECT_EQ(reply.transport_mode(), "tandem");
  std::ofstream(path) << "scenario lookup\n";
  Process refused({"serve", "--listen", "127.0.0.1:0", "--scenario", path});
  EXPECT_EQ(refused.Wait(), 3);
  EXPECT_EQ(refused.Errors(), "dispatch-mock: " + path + ":1: the scenario has no step; add an expect\n");
}

TEST_F(DispatchMock, AUsageErrorIsExit2) {
  Process mock({"serve", "--grace", "5"});
  EXPECT_EQ(mock.Wait(), 2);
  EXPECT_THAT(mock.Errors(), HasSubstr("--grace"));
}

TEST_F(DispatchMock, LogsJsonWhenAsked) {
  Process mock({"serve", "--listen", "127.0.0.1:0", "--log-format", "json"});
  mock.Ready();
  mock.Signal(SIGTERM);
  const Json line = Json::parse(mock.ErrorLine(), nullptr, false);
  EXPECT_EQ(line["level"], "info");
  EXPECT_THAT(line["message"].get<std::string>(), HasSubstr("stopping"));
  EXPECT_EQ(mock.Wait(), 0);
}

// With a stream open, which the grace would wait for.
TEST_F(DispatchMock, ASecondSignalLeavesAtOnce) {
  const std::string path = Path("sock");
  Process mock({"serve", "--listen", "unix:" + path, "--grace", "1h"});
  const auto stub = MakeStub(mock.Ready());
  grpc::ClientContext context;
  const auto stream = stub->StreamAssignments(&context);
  dispatchpb::AssignmentUpdate update;
  update.set_assignment_id("a-1");
  update.set_courier_id("courier-42");
  dispatchpb::AssignmentResult result;
  ASSERT_TRUE(stream->Write(update));
  ASSERT_TRUE(stream->Read(&result));
  mock.Signal(SIGTERM);
  EXPECT_THAT(mock.ErrorLine(), HasSubstr("stopping"));
  struct stat status {};
  EXPECT_NE(lstat(path.c_str(), &status), 0);
  update.set_assignment_id("a-2");
  ASSERT_TRUE(stream->Write(update));
  ASSERT_TRUE(stream->Read(&result));
  mock.Signal(SIGINT);
  EXPECT_EQ(mock.Wait(), -SIGINT);
  EXPECT_FALSE(stream->Read(&result));
  EXPECT_EQ(stream->Finish().error_code(), grpc::UNAVAILABLE);
}

// The two at once: the shutdown has hardly begun, and the stream would hold it up.
TEST_F(DispatchMock, TwoSignalsLeaveNoSocketBehind) {
  for (const char* fault : {"hang,nth=1000", "blackhole,nth=1000"}) {
    const std::string path = Path("sock");
    Process mock({"serve", "--listen", "unix:" + path, "--grace", "1h", "--fault", fault});
    const auto stub = MakeStub(mock.Ready());
    grpc::ClientContext context;
    const auto stream = stub->StreamAssignments(&context);
    dispatchpb::AssignmentUpdate update;
    update.set_assignment_id("a-1");
    update.set_courier_id("courier-42");
    dispatchpb::AssignmentResult result;
    ASSERT_TRUE(stream->Write(update));
    ASSERT_TRUE(stream->Read(&result));
    mock.Signal(SIGTERM);
    mock.Signal(SIGINT);
    EXPECT_THAT(mock.Wait(), testing::AnyOf(-SIGTERM, -SIGINT));
    struct stat status {};
    EXPECT_NE(lstat(path.c_str(), &status), 0) << fault;
    EXPECT_FALSE(stream->Read(&result));
    stream->Finish();
  }
}

TEST_F(DispatchMock, MeetsTheFaultsOfItsCommandLine) {
  Process mock({"serve", "--listen", "127.0.0.1:0", "--listen", "127.0.0.1:0", "--fault",
                "status=UNAVAILABLE,first=1,message=not today", "--fault", "refuse,listen=1"});
  const Json ready = mock.Ready();
  const auto stub = MakeStub(ready);
  dispatchpb::CourierStatusReply reply;
  EXPECT_EQ(Lookup(*stub, "courier-42", reply).error_message(), "not today");
  EXPECT_TRUE(Lookup(*stub, "courier-42", reply).ok());
  const auto refused = dispatchpb::DispatchGateway::NewStub(
      grpc::CreateChannel(ready["listen"][1].get<std::string>(), grpc::InsecureChannelCredentials()));
  EXPECT_THAT(Lookup(*refused, "courier-42", reply).error_message(), HasSubstr("Connection refused"));
}

TEST_F(DispatchMock, AFaultThatMakesNoSenseIsExit2) {
  Process mock({"serve", "--listen", "127.0.0.1:0", "--fault", "hang,listen=1"});
  EXPECT_EQ(mock.Wait(), 2);
  EXPECT_EQ(mock.Errors(),
            "dispatch-mock: fault 'hang,listen=1': listen: there is no backend 1; use 0 to 0\n");
}

TEST_F(DispatchMock, KeepsItsJournalAfterKill9) {
  const std::string path = Path("journal.ndjson");
  Process mock({"serve", "--listen", "127.0.0.1:0", "--journal", path});
  const auto stub = MakeStub(mock.Ready());
  grpc::ClientContext context;
  const auto stream = stub->StreamAssignments(&context);
  dispatchpb::AssignmentUpdate update;
  update.set_courier_id("courier-42");
  dispatchpb::AssignmentResult result;
  for (int i = 0; i < 100; ++i) {
    update.set_assignment_id("a-" + std::to_string(i));
    ASSERT_TRUE(stream->Write(update));
    ASSERT_TRUE(stream->Read(&result));
  }
  mock.Signal(SIGKILL);
  EXPECT_EQ(mock.Wait(), -SIGKILL);
  stream->Finish();
  std::ifstream file(path);
  int n = 0;
  for (std::string line; std::getline(file, line);) EXPECT_EQ(Json::parse(line)["n"], ++n);
  EXPECT_EQ(n, 100);
}

}  // namespace
}  // namespace dispatchctl::mock
