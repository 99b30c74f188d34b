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

/// One option: parsing, help and the environment are all made from this.
struct OptionSpec {
  std::string_view name;          ///< without the dashes
  char letter = '\0';             ///< short form, if any
  std::string_view value_name{};  ///< as help shows it; empty for flags
  std::string_view help;
  OptionArity arity = OptionArity::kValue;
  bool secret = false;          ///< its value must never be repeated to the user
  std::string_view excludes{};  ///< an option that makes no sense beside this one

  /// Stores one value. Errors: INVALID_ARGUMENT saying what is wrong, without repeating the value.
  absl::Status (*apply)(CommandLine& line, std::string_view value);
};

/// Accepted before and after the command, and from the environment.
std::span<const OptionSpec> GlobalOptionTable();

/// Those of one command; empty for commands that have none.
std::span<const OptionSpec> CommandOptionTable(Command command);

/// As many operands as there are.
inline constexpr int kAnyNumber = 1 << 28;

/// A command as the command line names it.
struct CommandSpec {
  Command command;
  std::string_view name;
  std::string_view operands{};  ///< as the usage line shows them
  std::string_view help;
  int most_operands = 0;
  std::span<const OptionSpec> (*options)();
};

std::span<const CommandSpec> CommandTable();

/// "DISPATCHCTL_MAX_RECV_BYTES" for max-recv-bytes.
std::string EnvironmentVariable(const OptionSpec& spec);

/// "-s/--server", or "--tls" where there is no short form.
std::string OptionLabel(const OptionSpec& spec);

}  // namespace dispatchctl::cli
