#include <array>

#include "config/command_options.h"
#include "config/option_values.h"

namespace dispatchctl::cli {
namespace {

constexpr std::array kDescribeOptions{
    OptionSpec{.name = "json-schema",
               .help = "print JSON Schema of messages instead of .proto text",
               .arity = OptionArity::kFlag,
               .apply = [](CommandLine& line,
                           std::string_view v) { return ApplyBool(v, line.describe.json_schema); }},
};

}  // namespace

std::span<const OptionSpec> DescribeOptionTable() {
  return kDescribeOptions;
}

}  // namespace dispatchctl::cli
