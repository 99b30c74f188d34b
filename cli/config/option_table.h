#pragma once

#include <absl/status/status.h>

#include <span>
#include <string>
#include <string_view>

#include "config/options.h"

namespace dispatchctl::cli {

enum class OptionArity {
  kFlag,      ///< present or not; the environment may say true or false
  kCount,     ///< a flag that counts
  kValue,     ///< one value, the last one given wins
  kRepeated,  ///< each value counts
};

/// What a value is, where more than checking it depends on that.
enum class ValueKind {
  kText,
  kNumber,       ///< in a configuration file it may stand without quotes
  kFile,         ///< the name of a file; in a configuration file, relative to that one
  kHeader,       ///< "key: value", or "@" and the name of a file
  kContextName,  ///< one of the contexts of the configuration file
  kOptionName,   ///< one of the global options, without the dashes
};

/// One option: parsing, help, the environment, contexts and completion are all made from this.
struct OptionSpec {
  std::string_view name;          ///< without the dashes
  char letter = '\0';             ///< short form, if any
  std::string_view value_name{};  ///< as help shows it; empty for flags
  std::string_view help;
  OptionArity arity = OptionArity::kValue;
  bool secret = false;          ///< its value must never be repeated to the user
  std::string_view excludes{};  ///< an option that makes no sense beside this one
  ValueKind kind = ValueKind::kText;
  std::span<const std::string_view> choices{};  ///< what it may be, or the words among that
  std::string_view built_in{};                  ///< what holds when nobody gives it
  bool in_context = true;                       ///< of a global option: it may stand in a context

  /// Stores one value. Errors: INVALID_ARGUMENT saying what is wrong, without repeating the value.
  absl::Status (*apply)(CommandLine& line, std::string_view value);
};

/// Accepted before and after the command, and from the environment.
std::span<const OptionSpec> GlobalOptionTable();

/// Those of one command; empty for commands that have none.
std::span<const OptionSpec> CommandOptionTable(Command command);

/// As many operands as there are.
inline constexpr int kAnyNumber = 1 << 28;

/// A word that a command's first operand may be.
struct OperandWord {
  std::string_view name;
  std::string_view operands{};  ///< those that follow it, as the usage line shows them
  std::string_view help;
  int least_operands = 0;  ///< of those that follow it
  int most_operands = 0;
  ValueKind kind = ValueKind::kText;  ///< what they are
};

/// A command as the command line names it.
struct CommandSpec {
  Command command;
  std::string_view name;
  std::string_view operands{};  ///< as the usage line shows them
  std::string_view help;
  int most_operands = 0;
  std::span<const OperandWord> words{};  ///< where the first operand is one of a few
  bool uses_context = true;              ///< it takes global options from the context in use
  std::span<const OptionSpec> (*options)();
};

std::span<const CommandSpec> CommandTable();

/// That of one command; null for none.
const CommandSpec* FindCommand(Command command);

/// The global option of that name, without the dashes; null when there is none.
const OptionSpec* FindGlobalOption(std::string_view name);

/// "DISPATCHCTL_MAX_RECV_BYTES" for max-recv-bytes.
std::string EnvironmentVariable(const OptionSpec& spec);

/// "-s/--server", or "--tls" where there is no short form.
std::string OptionLabel(const OptionSpec& spec);

}  // namespace dispatchctl::cli
