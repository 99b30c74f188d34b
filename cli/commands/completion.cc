#include "commands/completion.h"

#include <fmt/format.h>

#include <string>
#include <vector>

#include "completion/candidates.h"
#include "completion/shell_scripts.h"
#include "config/config_location.h"
#include "config/config_store.h"
#include "config/option_table.h"
#include "config/suggestion.h"
#include "terminal/console.h"

namespace dispatchctl::cli {
namespace {

CommandResult Print(std::string_view text) {
  const int error_number = WriteToStdout(text);
  if (error_number != 0) return OutputError("stdout", error_number);
  return std::nullopt;
}

std::vector<std::string> ReadContextNames(std::string config_file, const Environment& environment) {
  GlobalOptions global;
  global.config_file = std::move(config_file);
  if (global.config_file.empty()) {
    global.config_file = environment(EnvironmentVariable(*FindGlobalOption("config"))).value_or("");
  }
  const ConfigLocation location = LocateConfig(global, environment);
  if (location.path.empty()) return {};
  const auto text = ReadConfigFile(location.path);
  if (!text.ok() || !text->has_value()) return {};
  std::vector<std::string> names;
  for (const ConfigContext& context : ParseConfig((*text)->text).contexts) {
    // Others could not be used, and might look like something else to a shell.
    if (ContextNameProblem(context.name).empty()) names.push_back(context.name);
  }
  return names;
}

}  // namespace

CommandResult RunCompletion(const CommandContext& context) {
  std::vector<std::string_view> shells;
  for (const OperandWord& word : FindCommand(Command::kCompletion)->words) shells.push_back(word.name);
  const std::string list = fmt::format("{}", fmt::join(shells, ", "));
  const std::vector<std::string>& operands = context.line.operands;
  if (operands.empty()) {
    return UsageError(fmt::format("for which shell? expected one of {}", list),
                      "see 'dispatchctl completion --help'");
  }
  const std::string_view script = CompletionScript(operands.front());
  if (!script.empty()) return Print(script);
  return UsageError(fmt::format("no completion for '{}': expected one of {}", operands.front(), list),
                    DidYouMean(operands.front(), shells, {}));
}

CommandResult RunComplete(std::span<const std::string_view> words, const Environment& environment) {
  const Completion completion = Complete(
      words, [&](const std::string& config_file) { return ReadContextNames(config_file, environment); });
  std::string text;
  for (const Candidate& candidate : completion.candidates) {
    text += fmt::format("{}\t{}\n", candidate.word, candidate.description);
  }
  if (!completion.files) {
    text += ":words\n";
  } else {
    text += completion.file_prefix.empty() ? ":files\n" : fmt::format(":files {}\n", completion.file_prefix);
  }
  return Print(text);
}

}  // namespace dispatchctl::cli
