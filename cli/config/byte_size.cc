#include "config/byte_size.h"

#include <array>
#include <charconv>
#include <limits>
#include <system_error>
#include <utility>

namespace dispatchctl::cli {
namespace {

constexpr std::array<std::pair<std::string_view, std::size_t>, 8> kByteUnits{{{"", 1},
                                                                              {"B", 1},
                                                                              {"KiB", std::size_t{1} << 10U},
                                                                              {"MiB", std::size_t{1} << 20U},
                                                                              {"GiB", std::size_t{1} << 30U},
                                                                              {"kB", 1'000},
                                                                              {"MB", 1'000'000},
                                                                              {"GB", 1'000'000'000}}};

}  // namespace

absl::StatusOr<std::size_t> ParseByteSize(std::string_view text) {
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc::result_out_of_range) return absl::InvalidArgumentError("the size is too large");
  const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  if (error == std::errc{}) {
    for (const auto& [name, bytes] : kByteUnits) {
      if (unit != name) continue;
      if (number > std::numeric_limits<std::size_t>::max() / bytes) {
        return absl::InvalidArgumentError("the size is too large");
      }
      return number * bytes;
    }
  }
  return absl::InvalidArgumentError("not a size: expected bytes or a unit, such as 1MiB, 64KiB or 4096");
}

}  // namespace dispatchctl::cli
