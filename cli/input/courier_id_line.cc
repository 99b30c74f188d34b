#include "input/courier_id_line.h"

#include <dispatchctl/validation.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>

namespace dispatchctl::cli {
namespace {

std::optional<std::string> IdFromJson(std::string_view text) {
  const auto object = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return std::nullopt;
  for (const char* name : {"courier_id", "courierId"}) {
    const auto field = object.find(name);
    if (field != object.end() && field->is_string()) return field->get<std::string>();
  }
  return std::nullopt;
}

}  // namespace

absl::StatusOr<std::string> CourierIdOf(std::string_view line) {
  if (const std::size_t invalid = FindInvalidUtf8(line); invalid != std::string_view::npos) {
    return absl::DataLossError(fmt::format("column {}: invalid UTF-8", invalid + 1));
  }
  if (const std::size_t nul = line.find('\0'); nul != std::string_view::npos) {
    return absl::DataLossError(fmt::format("column {}: NUL byte", nul + 1));
  }
  if (line.front() != '{') return std::string(line);
  std::optional<std::string> courier_id = IdFromJson(line);
  if (courier_id.has_value()) return *std::move(courier_id);
  return absl::InvalidArgumentError("expected an id, or an object with a string \"courier_id\"");
}

}  // namespace dispatchctl::cli
