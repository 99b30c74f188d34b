#include <array>

#include "config/command_options.h"
#include "config/option_values.h"

namespace dispatchctl::cli {
namespace {

using namespace std::chrono_literals;

constexpr std::array kHealthOptions{
    OptionSpec{
        .name = "service",
        .value_name = "NAME",
        .help = "the service asked for, such as dispatchpb.DispatchGateway; default: the server as a whole",
        .apply = [](CommandLine& line, std::string_view v) { return ApplyText(v, line.health.service); }},
    OptionSpec{
        .name = "watch",
        .help = "go on asking, and print what changes, each time with the time",
        .arity = OptionArity::kFlag,
        .apply = [](CommandLine& line, std::string_view v) { return ApplyBool(v, line.health.watch); }},
    OptionSpec{.name = "interval",
               .value_name = "DUR",
               .help = "how often --watch asks, at least 10ms (default 2s)",
               .apply = [](CommandLine& line,
                           std::string_view v) { return ApplyDuration(v, 10ms, line.health.interval); }},
};

}  // namespace

std::span<const OptionSpec> HealthOptionTable() {
  return kHealthOptions;
}

}  // namespace dispatchctl::cli
