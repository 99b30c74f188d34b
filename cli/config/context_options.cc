#include <array>
#include <string>

#include "config/command_options.h"
#include "config/option_values.h"

namespace dispatchctl::cli {
namespace {

constexpr std::array kContextOptions{
    OptionSpec{
        .name = "origin",
        .help = "show: where each value comes from",
        .arity = OptionArity::kFlag,
        .apply = [](CommandLine& line, std::string_view v) { return ApplyBool(v, line.context.origin); }},
    OptionSpec{.name = "unset",
               .value_name = "OPTION",
               .help = "set: take this global option out of the context; repeatable",
               .arity = OptionArity::kRepeated,
               .kind = ValueKind::kOptionName,
               .apply =
                   [](CommandLine& line, std::string_view v) {
                     std::string name;
                     absl::Status status = ApplyText(v.substr(0, 2) == "--" ? v.substr(2) : v, name);
                     if (status.ok()) line.context.unset.push_back(std::move(name));
                     return status;
                   }},
    OptionSpec{
        .name = "force",
        .help = "delete: also the context in use",
        .arity = OptionArity::kFlag,
        .apply = [](CommandLine& line, std::string_view v) { return ApplyBool(v, line.context.force); }},
};

}  // namespace

std::span<const OptionSpec> ContextOptionTable() {
  return kContextOptions;
}

}  // namespace dispatchctl::cli
