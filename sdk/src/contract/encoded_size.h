#pragma once

#include <cstddef>
#include <string_view>

#include "dispatchctl/assignment.h"

namespace dispatchctl::internal {

// The bytes of an update on the wire, without gRPC's own framing.
inline std::size_t EncodedSize(const AssignmentUpdate& update) {
  std::size_t size = 0;
  VisitFields(update, [&](std::string_view, const auto& field) {
    if (field.empty()) return;
    size += 2 + field.size();  // the field's number and one byte of its length
    for (std::size_t length = field.size() >> 7U; length != 0; length >>= 7U) ++size;
  });
  return size;
}

}  // namespace dispatchctl::internal
