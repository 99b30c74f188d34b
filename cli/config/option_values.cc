#include "config/option_values.h"

#include <absl/status/statusor.h>

#include <algorithm>
#include <charconv>
#include <system_error>

#include "config/byte_size.h"
#include "config/duration.h"

namespace dispatchctl::cli {

using std::chrono::nanoseconds;
using namespace std::chrono_literals;

absl::Status ApplyBool(std::string_view text, bool& out) {
  return ApplyChoice<bool>(text,
                           {{"true", true},
                            {"false", false},
                            {"1", true},
                            {"0", false},
                            {"yes", true},
                            {"no", false},
                            {"on", true},
                            {"off", false}},
                           out);
}

absl::Status ApplyDuration(std::string_view text, nanoseconds least, nanoseconds& out) {
  absl::StatusOr<nanoseconds> duration = ParseDuration(text);
  if (!duration.ok()) return std::move(duration).status();
  if (*duration < least) {
    return absl::InvalidArgumentError(
        least <= 1ns ? std::string("must be more than zero")
                     : fmt::format("must be at least {}ms",
                                   std::chrono::duration_cast<std::chrono::milliseconds>(least).count()));
  }
  out = *duration;
  return absl::OkStatus();
}

absl::Status ApplyOptionalDuration(std::string_view text, nanoseconds least,
                                   std::optional<nanoseconds>& out) {
  nanoseconds value{0};
  absl::Status status = ApplyDuration(text, least, value);
  if (status.ok()) out = value;
  return status;
}

absl::Status ApplySize(std::string_view text, std::size_t least, std::size_t most, std::size_t& out) {
  absl::StatusOr<std::size_t> size = ParseByteSize(text);
  if (!size.ok()) return std::move(size).status();
  if (*size < least || *size > most) {
    return absl::InvalidArgumentError(fmt::format("must be between {} and {} bytes", least, most));
  }
  out = *size;
  return absl::OkStatus();
}

absl::Status ApplyNumber(std::string_view text, std::size_t least, std::size_t most, std::size_t& out) {
  std::size_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || stop != end || number < least || number > most) {
    return absl::InvalidArgumentError(fmt::format("expected a number from {} to {}", least, most));
  }
  out = number;
  return absl::OkStatus();
}

absl::Status ApplyOptionalBool(std::string_view text, std::optional<bool>& out) {
  bool value = false;
  absl::Status status = ApplyBool(text, value);
  if (status.ok()) out = value;
  return status;
}

absl::Status ApplyText(std::string_view text, std::string& out) {
  if (text.empty()) return absl::InvalidArgumentError("must not be empty");
  out = text;
  return absl::OkStatus();
}

absl::Status ApplyNames(std::string_view text, std::vector<std::string>& out) {
  std::vector<std::string> names;
  for (std::string_view rest = text;;) {
    const std::size_t comma = rest.find(',');
    std::string name(rest.substr(0, comma));
    if (name.empty()) return absl::InvalidArgumentError("expected names with commas between them");
    if (std::find(names.begin(), names.end(), name) != names.end()) {
      return absl::InvalidArgumentError(fmt::format("{} is there twice", name));
    }
    names.push_back(std::move(name));
    if (comma == std::string_view::npos) break;
    rest.remove_prefix(comma + 1);
  }
  out = std::move(names);
  return absl::OkStatus();
}

}  // namespace dispatchctl::cli
