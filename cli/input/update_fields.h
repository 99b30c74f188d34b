#pragma once

#include <dispatchctl/assignment.h>

#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace dispatchctl::cli {

/// One field of an assignment, as input names it.
struct UpdateField {
  std::string snake;
  std::string camel;
  bool required = false;  ///< a field that may not be empty may not be missing either

  bool Matches(std::string_view name) const { return name == snake || name == camel; }
};

/// Those of the SDK's VisitFields, in its order.
std::vector<UpdateField> UpdateFields();

/// "unknown WHAT \"zon\", did you mean \"zone\"?"
std::string UnknownName(std::string_view what, std::string_view name, const std::vector<UpdateField>& fields);

/// Keeps the strings' memory.
inline void ClearFields(AssignmentUpdate& update) {
  VisitFields(update, [](std::string_view /*name*/, auto& field) {
    if constexpr (std::is_same_v<std::decay_t<decltype(field)>, std::string>) {
      field.clear();
    } else {
      field = std::decay_t<decltype(field)>();
    }
  });
}

}  // namespace dispatchctl::cli
