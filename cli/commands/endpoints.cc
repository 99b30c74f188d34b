#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "commands/client_setup.h"
#include "commands/command.h"
#include "commands/endpoint_records.h"
#include "commands/endpoint_wait.h"
#include "output/make_format.h"
#include "output/run_errors.h"
#include "process/feed_loop.h"
#include "process/signal_queue.h"

namespace dispatchctl::cli {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

class EndpointsSession {
 public:
  explicit EndpointsSession(CommandContext& context)
      : context_(context),
        options_(context.line.endpoints),
        records_(STDOUT_FILENO, MakeFormat(context.output, EndpointColumns(context.output, options_.watch),
                                           /*single=*/false, context.terminal.output_color)) {}

  CommandResult Run() {
    ClientOptions client_options;
    if (auto error = MakeClientOptions(context_.line.global, client_options)) return error;
    if (auto error = ConnectClient(context_, std::move(client_options))) return error;
    std::optional<ErrorReport> unreachable =
        WaitForEndpoints(*context_.client, context_.line.global, [this](auto time) { return Pause(time); });
    List();
    // Who watches may be waiting for the server to come.
    while (options_.watch && Pause(options_.interval)) List();
    FeedLoopResult outcome;
    outcome.signal = signal_;
    FinishRecords(records_, signals_, outcome);

    std::vector<ErrorReport> errors;
    if (outcome.signal != 0) errors.push_back(InterruptedError(outcome.signal, {}));
    if (auto error = OutputFailure(records_)) errors.push_back(*std::move(error));
    if (unreachable.has_value() && !options_.watch) errors.push_back(*std::move(unreachable));
    return Gravest(errors);
  }

 private:
  void List() {
    std::optional<std::chrono::system_clock::time_point> time;
    if (options_.watch) time = std::chrono::system_clock::now();
    for (const EndpointStatus& endpoint : context_.client->Endpoints()) {
      WriteEndpoint(records_, context_.output, endpoint, time);
    }
    records_.Flush(signals_.fd());
  }

  // False when there is nothing to go on for: a signal, or a reader that went away.
  bool Pause(std::chrono::nanoseconds time) {
    const Clock::time_point end = Clock::now() + time;
    for (;;) {
      const auto left = std::chrono::ceil<milliseconds>(end - Clock::now()).count();
      std::array<pollfd, 2> fds{
          {{signals_.fd(), POLLIN, 0}, {records_.error_number() == 0 ? records_.fd() : -1, 0, 0}}};
      const int ready =
          ::poll(fds.data(), fds.size(), static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000)));
      if (ready > 0 && fds[0].revents != 0) signal_ = signals_.Take();
      if (ready > 0 && (fds[1].revents & (POLLERR | POLLHUP)) != 0) records_.Fail(EPIPE);
      if (signal_ != 0 || records_.error_number() != 0) return false;
      if (Clock::now() >= end) return true;
    }
  }

  CommandContext& context_;
  const EndpointsOptions& options_;
  const SignalQueue signals_;
  RecordStream records_;
  int signal_ = 0;
};

}  // namespace

CommandResult RunEndpoints(CommandContext& context) {
  return EndpointsSession(context).Run();
}

}  // namespace dispatchctl::cli
