#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "commands/client_setup.h"
#include "commands/command.h"
#include "commands/endpoint_records.h"
#include "commands/endpoint_wait.h"
#include "output/field_selection.h"
#include "output/make_format.h"
#include "output/run_errors.h"
#include "process/pauses.h"
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
        records_(STDOUT_FILENO,
                 MakeFormat(context.output, EndpointColumns(context.output, options_.watch),
                            /*single=*/false, context.terminal.output_color, context.line.global.fields)),
        pauses_(signals_, records_) {}

  CommandResult Run() {
    ClientOptions client_options;
    if (auto error = MakeClientOptions(context_.line.global, client_options)) return error;
    if (auto error = ConnectClient(context_, std::move(client_options))) return error;
    std::optional<ErrorReport> unreachable =
        WaitForEndpoints(*context_.client, context_.line.global,
                         [this](auto time) { return pauses_.WaitUntil(Clock::now() + time); });
    List();
    // Who watches may be waiting for the server to come.
    while (options_.watch && pauses_.WaitUntil(Clock::now() + options_.interval)) List();
    std::vector<ErrorReport> errors = pauses_.FinishRecords();
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

  CommandContext& context_;
  const EndpointsOptions& options_;
  const SignalQueue signals_;
  RecordStream records_;
  Pauses pauses_;
};

}  // namespace

CommandResult RunEndpoints(CommandContext& context) {
  const std::vector<Column> columns = EndpointColumns(context.output, context.line.endpoints.watch);
  if (auto error = CheckFields(context.line.global.fields, columns)) return error;
  return EndpointsSession(context).Run();
}

}  // namespace dispatchctl::cli
