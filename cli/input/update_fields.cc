#include "input/update_fields.h"

#include <dispatchctl/validation.h>
#include <fmt/format.h>

#include <cctype>
#include <cstddef>

#include "config/suggestion.h"
#include "text/escape.h"

namespace dispatchctl::cli {
namespace {

std::string CamelCase(std::string_view snake) {
  std::string camel;
  bool upper = false;
  for (const char c : snake) {
    if (c == '_') {
      upper = true;
      continue;
    }
    camel += upper ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
    upper = false;
  }
  return camel;
}

}  // namespace

std::vector<UpdateField> UpdateFields() {
  std::vector<UpdateField> fields;
  AssignmentUpdate full;
  VisitFields(full, [&fields](std::string_view name, auto& field) {
    fields.push_back({.snake = std::string(name), .camel = CamelCase(name)});
    if constexpr (std::is_same_v<std::decay_t<decltype(field)>, std::string>) field = "x";
  });
  // What the contract does not accept empty may not be left out either.
  for (std::size_t i = 0; i < fields.size(); ++i) {
    AssignmentUpdate without = full;
    std::size_t index = 0;
    VisitFields(without, [&](std::string_view /*name*/, auto& field) {
      if (index++ == i) field = std::decay_t<decltype(field)>();
    });
    fields[i].required = !ValidateUpdate(without).ok();
  }
  return fields;
}

std::string UnknownName(std::string_view what, std::string_view name,
                        const std::vector<UpdateField>& fields) {
  std::vector<std::string_view> known;
  known.reserve(fields.size());
  for (const UpdateField& field : fields) known.push_back(field.snake);
  const std::string_view nearest = NearestMatch(name, known);
  std::string text = fmt::format("unknown {} {}", what, QuotedExcerpt(name));
  if (!nearest.empty()) text += fmt::format(", did you mean \"{}\"?", nearest);
  return text;
}

}  // namespace dispatchctl::cli
