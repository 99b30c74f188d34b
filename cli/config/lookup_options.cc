#include <array>

#include "config/command_options.h"
#include "config/option_values.h"

namespace dispatchctl::cli {
namespace {

constexpr std::array kLookupOptions{
    OptionSpec{.name = "file",
               .letter = 'f',
               .value_name = "FILE|-",
               .help = "read courier ids from FILE, one a line; - is standard input; repeatable",
               .arity = OptionArity::kRepeated,
               .kind = ValueKind::kFile,
               .apply =
                   [](CommandLine& line, std::string_view v) {
                     line.lookup.sources.push_back({.text = std::string(v), .is_file = true});
                     return v.empty() ? absl::InvalidArgumentError("must not be empty") : absl::OkStatus();
                   }},
    OptionSpec{.name = "parallel",
               .value_name = "N",
               .help = "most lookups in flight at once (default 64)",
               .kind = ValueKind::kNumber,
               .built_in = "64",
               .apply = [](CommandLine& line,
                           std::string_view v) { return ApplyNumber(v, 1, 65'536, line.lookup.parallel); }},
    OptionSpec{
        .name = "unordered",
        .help = "print each result as it comes, not in the order of the ids",
        .arity = OptionArity::kFlag,
        .apply = [](CommandLine& line, std::string_view v) { return ApplyBool(v, line.lookup.unordered); }},
};

}  // namespace

std::span<const OptionSpec> LookupOptionTable() {
  return kLookupOptions;
}

}  // namespace dispatchctl::cli
