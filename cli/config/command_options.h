#pragma once

#include <span>

#include "config/option_table.h"

namespace dispatchctl::cli {

// The options of each command that has some, a file each.

std::span<const OptionSpec> AssignOptionTable();
std::span<const OptionSpec> DescribeOptionTable();
std::span<const OptionSpec> EndpointsOptionTable();
std::span<const OptionSpec> HealthOptionTable();
std::span<const OptionSpec> LookupOptionTable();

}  // namespace dispatchctl::cli
