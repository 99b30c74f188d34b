#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_split.h"
#include "absl/synchronization/mutex.h"
#include "mock-server/faults/scenario.h"
#include "mock-server/main/call_logger.h"
#include "mock-server/main/command_line.h"
#include "mock-server/main/ctl.h"
#include "mock-server/main/exit_code.h"
#include "mock-server/main/log.h"
#include "mock-server/main/ready.h"
#include "mock-server/metrics/prometheus_metrics.h"
#include "mock-server/observation/observer_list.h"
#include "mock-server/server/listen_address.h"
#include "mock-server/server/mock_server.h"
#include "mock-server/storage/courier_file.h"

namespace dispatchctl::mock {
namespace {

// Each line of the message for itself.
int Fail(int code, absl::string_view message) {
  for (const absl::string_view line : absl::StrSplit(message, '\n')) {
    std::fprintf(stderr, "dispatch-mock: %.*s\n", static_cast<int>(line.size()), line.data());
  }
  return code;
}

// SIGTERM and SIGINT as something to wait for. Made before any thread, so that all inherit the blocked
// signals.
class StopSignals {
 public:
  StopSignals() {
    sigemptyset(&set_);
    sigaddset(&set_, SIGTERM);
    sigaddset(&set_, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set_, nullptr);
    descriptor_ = signalfd(-1, &set_, SFD_CLOEXEC);
  }
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;
  StopSignals(StopSignals&&) = delete;
  StopSignals& operator=(StopSignals&&) = delete;
  ~StopSignals() { close(descriptor_); }

  // The signal, or 0 when `other` became readable first.
  int Wait(int other = -1) const {
    std::array<pollfd, 2> waits = {pollfd{descriptor_, POLLIN, 0}, pollfd{other, POLLIN, 0}};
    while (poll(waits.data(), waits.size(), -1) < 0 && errno == EINTR) {
    }
    if ((waits[0].revents & POLLIN) == 0) return 0;
    signalfd_siginfo info{};
    return read(descriptor_, &info, sizeof info) == sizeof info ? static_cast<int>(info.ssi_signo) : 0;
  }

  // Ends the process by the signal, as if it had never been blocked.
  void Die(int signal_number) const {
    std::signal(signal_number, SIG_DFL);
    std::raise(signal_number);
    pthread_sigmask(SIG_UNBLOCK, &set_, nullptr);
  }

 private:
  sigset_t set_{};
  int descriptor_ = -1;
};

// Whether only this machine can reach it.
bool IsLocal(const std::string& address) {
  const absl::StatusOr<ListenAddress> parsed = ListenAddress::Parse(address);
  return parsed.ok() && parsed->is_local();
}

int Serve(ServeCommand command) {
  const auto log = std::make_shared<const Log>(command.log_format);
  command.server.log = [log](LogLevel level, std::string_view message) { log->Write(level, message); };
  if (!command.couriers_path.empty()) {
    absl::StatusOr<std::vector<Courier>> couriers = LoadCouriers(command.couriers_path);
    if (!couriers.ok()) return Fail(kFileError, couriers.status().message());
    command.server.directory = std::make_shared<InMemoryCourierDirectory>(*std::move(couriers));
  }
  if (!command.scenario_path.empty()) {
    absl::StatusOr<ScenarioFile> scenarios = LoadScenarios(command.scenario_path);
    if (!scenarios.ok()) return Fail(kFileError, scenarios.status().message());
    command.server.scenarios = *std::move(scenarios);
  }
  const auto grace = std::chrono::ceil<std::chrono::milliseconds>(command.grace);
  command.server.max_connection_age_grace = grace;

  const StopSignals signals;
  const int stop = eventfd(0, EFD_CLOEXEC);
  command.server.on_stop = [stop] { eventfd_write(stop, 1); };
  std::vector<std::shared_ptr<ServerObserver>> observers;
  if (command.log_calls != LoggedCalls::kNone)
    observers.push_back(std::make_shared<CallLogger>(log, command.log_calls));
  std::string metrics_address;
  if (!command.metrics.empty()) {
    auto metrics = std::make_shared<PrometheusMetrics>(command.server.listen.size(), DISPATCHCTL_VERSION);
    absl::StatusOr<std::string> address = metrics->Expose(command.metrics);
    if (!address.ok()) return Fail(kRuntimeError, address.status().message());
    metrics_address = *std::move(address);
    observers.push_back(std::move(metrics));
  }
  command.server.observer = ObserverList::Of(std::move(observers));
  const std::uint64_t seed = command.server.seed;
  absl::StatusOr<std::unique_ptr<MockServer>> server = MockServer::Start(std::move(command.server));
  if (!server.ok()) {
    const int code = absl::IsInvalidArgument(server.status())      ? kUsageError
                     : absl::IsFailedPrecondition(server.status()) ? kFileError
                                                                   : kRuntimeError;
    return Fail(code, server.status().message());
  }
  const std::string ready =
      ReadyLine((*server)->addresses(), (*server)->admin_address(), metrics_address, seed, getpid());
  if (!command.ready_file.empty()) {
    if (const absl::Status status = WriteReadyFile(command.ready_file, ready); !status.ok()) {
      return Fail(kRuntimeError, status.message());
    }
  }
  if (std::fputs(ready.c_str(), stdout) < 0 || std::fflush(stdout) != 0) {
    return Fail(kRuntimeError, "cannot write the ready line to stdout");
  }

  if (const std::string& admin = (*server)->admin_address(); !admin.empty() && !IsLocal(admin)) {
    log->Write(
        LogLevel::kWarning,
        fmt::format("the admin service at {} takes orders from whoever reaches it, unencrypted", admin));
  }

  const int first = signals.Wait(stop);
  // Before a second signal can end the process.
  (*server)->RemoveUnixSockets();
  log->Write(LogLevel::kInfo, fmt::format("{}: stopping, calls may go on for {} ms",
                                          first == 0 ? "admin" : strsignal(first), grace.count()));
  const int stopped = eventfd(0, EFD_CLOEXEC);
  std::thread shutdown([&server, grace, stopped] {
    (*server)->Shutdown(grace);
    eventfd_write(stopped, 1);
  });
  if (const int second = signals.Wait(stopped); second != 0) signals.Die(second);
  shutdown.join();
  close(stopped);
  server->reset();
  close(stop);
  if (!command.ready_file.empty()) unlink(command.ready_file.c_str());
  log->Write(LogLevel::kInfo, "stopped");
  return EXIT_SUCCESS;
}

// The errors of every file; nothing when there are none.
int Check(const CheckCommand& command) {
  int code = EXIT_SUCCESS;
  for (const std::string& path : command.paths) {
    const bool couriers = path.ends_with(".json") || path.ends_with(".csv");
    const absl::Status status = couriers ? LoadCouriers(path).status() : LoadScenarios(path).status();
    if (!status.ok()) code = Fail(kFileError, status.message());
  }
  return code;
}

int Main(int argc, const char* const* argv) {
  // gRPC's own log lines would not be in our format. Set in the environment, it counts.
  setenv("GRPC_VERBOSITY", "NONE", 0);
  // A write to a journal without a reader or beyond a limit is an error to report, not to die of.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  // Debian's abseil looks for lock cycles in release builds too, which costs a tenth of the throughput.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);

  std::variant<ServeCommand, CheckCommand, CtlCommand, ExitNow> command = ParseCommandLine(argc, argv);
  if (const auto* exit = std::get_if<ExitNow>(&command)) return exit->code;
  if (const auto* ctl = std::get_if<CtlCommand>(&command)) return RunCtl(*ctl);
  if (const auto* check = std::get_if<CheckCommand>(&command)) return Check(*check);
  return Serve(std::get<ServeCommand>(std::move(command)));
}

}  // namespace
}  // namespace dispatchctl::mock

int main(int argc, char** argv) {
  try {
    return dispatchctl::mock::Main(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "dispatch-mock: %s\n", error.what());
    return 1;
  }
}
