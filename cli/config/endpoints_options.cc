#include <array>

#include "config/command_options.h"
#include "config/option_values.h"

namespace dispatchctl::cli {
namespace {

using namespace std::chrono_literals;

constexpr std::array kEndpointsOptions{
    OptionSpec{
        .name = "watch",
        .help = "list them again and again, each time with the time",
        .arity = OptionArity::kFlag,
        .apply = [](CommandLine& line, std::string_view v) { return ApplyBool(v, line.endpoints.watch); }},
    OptionSpec{.name = "interval",
               .value_name = "DUR",
               .help = "how often --watch lists them, at least 10ms (default 2s)",
               .built_in = "2s",
               .apply = [](CommandLine& line,
                           std::string_view v) { return ApplyDuration(v, 10ms, line.endpoints.interval); }},
};

}  // namespace

std::span<const OptionSpec> EndpointsOptionTable() {
  return kEndpointsOptions;
}

}  // namespace dispatchctl::cli
