#pragma once

#include <dispatchctl/client.h>

#include <memory>
#include <optional>

#include "config/environment.h"
#include "config/options.h"
#include "config/setting.h"
#include "fallback/status_cache.h"
#include "output/error_report.h"
#include "output/trace_file.h"
#include "telemetry/telemetry.h"
#include "terminal/console.h"
#include "terminal/terminal.h"

namespace dispatchctl::cli {

/// What a command runs in. Lives as long as the process.
struct CommandContext {
  const CommandLine& line;
  const Environment& environment;
  const Settings& flag_settings;         ///< the global options of the command line
  const Settings& environment_settings;  ///< those of the environment
  Terminal terminal;
  OutputFormat output;  ///< never kAuto
  bool json_errors;
  const Console& console;
  std::unique_ptr<TraceFile> trace;           ///< null without --trace
  std::unique_ptr<Telemetry> telemetry;       ///< null: the environment asks for none
  std::shared_ptr<StatusCache> status_cache;  ///< null without --stale-if-error
  std::optional<Client> client;  ///< kept here, so that a process that just ends need not take it apart
};

/// What a command ends with: nothing when all went well, else the terminal error. An error without a message
/// is not shown.
using CommandResult = std::optional<ErrorReport>;

CommandResult RunLookup(CommandContext& context);
CommandResult RunAssign(CommandContext& context);
CommandResult RunBench(CommandContext& context);
CommandResult RunEndpoints(CommandContext& context);
CommandResult RunHealth(CommandContext& context);
CommandResult RunDoctor(CommandContext& context);
CommandResult RunDescribe(const CommandContext& context);
CommandResult RunContext(const CommandContext& context);
CommandResult RunCompletion(const CommandContext& context);
CommandResult RunHelp(const CommandContext& context);
CommandResult RunVersion(const CommandContext& context);

/// "lookup" and so on; empty for none.
std::string_view CommandName(Command command);

}  // namespace dispatchctl::cli
