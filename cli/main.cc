#include <absl/synchronization/mutex.h>
#include <malloc.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include "commands/command.h"
#include "commands/completion.h"
#include "commands/connect_diagnosis.h"
#include "config/command_line.h"
#include "config/config_store.h"
#include "config/option_table.h"
#include "process/exit.h"

namespace {

using namespace dispatchctl::cli;

// How long telemetry may keep a process that is done, or that was told to end.
constexpr std::chrono::seconds kExportTimeout{5};
constexpr std::chrono::seconds kHurriedExportTimeout{1};

// Before any library's own initialisation, as some open descriptors there.
[[gnu::section(".preinit_array"), gnu::used]] void (*const occupy_descriptors)() = OccupyStandardDescriptors;

// Many calls, or messages, one after another.
bool IsLongRunning(const CommandLine& line) {
  if (line.command == Command::kAssign || line.command == Command::kBench) return true;
  const std::vector<LookupSource>& ids = line.lookup.sources;
  return line.command == Command::kLookup && !ids.empty() && (ids.size() > 1 || ids.front().is_file);
}

// What libraries do unasked, and would cost or disturb.
void TameLibraries(const CommandLine& line) {
  // What makes one call and ends has no use for a part of the heap for each of gRPC's threads: they would
  // cost a twentieth of its time in pages.
  if (!IsLongRunning(line)) ::mallopt(M_ARENA_MAX, 1);
  // Debian's abseil looks for lock cycles at every lock, which takes a tenth of a stream's throughput.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  if (line.global.verbosity < 2) ::setenv("GRPC_VERBOSITY", "NONE", 0);
}

CommandResult RunCommand(CommandContext& context) {
  const GlobalOptions& global = context.line.global;
  if (global.help) return RunHelp(context);
  if (global.version) return RunVersion(context);
  // Only those that talk to a server are about to meet them.
  const CommandSpec* const command = FindCommand(context.line.command);
  if (command != nullptr && command->uses_context) TameLibraries(context.line);
  switch (context.line.command) {
    case Command::kLookup:
      return RunLookup(context);
    case Command::kAssign:
      return RunAssign(context);
    case Command::kBench:
      return RunBench(context);
    case Command::kEndpoints:
      return RunEndpoints(context);
    case Command::kHealth:
      return RunHealth(context);
    case Command::kDoctor:
      return RunDoctor(context);
    case Command::kDescribe:
      return RunDescribe(context);
    case Command::kContext:
      return RunContext(context);
    case Command::kCompletion:
      return RunCompletion(context);
    case Command::kVersion:
      return RunVersion(context);
    case Command::kHelp:
    case Command::kNone:
      break;
  }
  return RunHelp(context);
}

CommandResult RunGuarded(CommandContext& context) {
  try {
    return RunCommand(context);
  } catch (const std::exception& error) {
    return InternalError(error.what());
  }
}

void Report(const CommandContext& context, const ErrorReport& error) {
  if (error.message.empty()) return;
  WriteToStderr(context.json_errors ? TerminalErrorJson(error)
                                    : TerminalErrorText(CommandName(context.line.command), error,
                                                        context.terminal.error_color));
}

}  // namespace

int main(int argc, char** argv) {
  // A reader that goes away is an error of write(2) like any other, until the very end.
  std::signal(SIGPIPE, SIG_IGN);

  const Environment environment = ProcessEnvironment();
  if (argc > 1 && argv[1] == kCompleteCommand) {
    const std::vector<std::string_view> words(argv + 2, argv + argc);
    EndProcess(RunComplete(words, environment).has_value() ? 1 : 0, 0);
  }
  const ParsedCommandLine parsed = ParseCommandLine(argc, argv, environment, ReadConfigFile);
  const GlobalOptions& global = parsed.line.global;
  const Terminal terminal = InspectTerminal(global.color, environment);
  const OutputFormat output = ResolveOutputFormat(global.output, terminal.output_is_terminal);
  const Console console(global.quiet, global.verbosity);
  for (const std::string& warning : parsed.warnings) console.Warn(warning);
  CommandContext context{.line = parsed.line,
                         .environment = environment,
                         .flag_settings = parsed.flags,
                         .environment_settings = parsed.environment,
                         .terminal = terminal,
                         .output = output,
                         .json_errors = WantsJsonErrors(global.error_format, output),
                         .console = console,
                         .trace = {},
                         .telemetry = {},
                         .status_cache = {},
                         .client = {}};

  CommandResult result = parsed.error.has_value() ? parsed.error : RunGuarded(context);
  if (context.telemetry != nullptr) {
    const bool in_a_hurry = result.has_value() && result->signal != 0;
    context.telemetry->Finish(in_a_hurry ? kHurriedExportTimeout : kExportTimeout, console);
  }
  if (!result.has_value()) EndProcess(0, 0);
  ExplainConnectError(global, console, *result);
  Report(context, *result);
  EndProcess(ExitCodeOf(*result), result->signal);
}
