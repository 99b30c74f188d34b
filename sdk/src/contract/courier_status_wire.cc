#include "contract/courier_status_wire.h"

#include <cstddef>
#include <string>

namespace dispatchctl::internal {
namespace {

// A field's number and wire type; the latter is 2, length-delimited.
constexpr char Tag(int number) {
  return static_cast<char>(number << 3 | 2);
}

std::string* FieldOf(char tag, CourierStatus& status) {
  switch (tag) {
    case Tag(1):
      return &status.courier_id;
    case Tag(2):
      return &status.transport_mode;
    case Tag(3):
      return &status.availability;
    case Tag(5):
      return &status.current_zone;
    default:
      return nullptr;
  }
}

bool IsAscii(std::string_view text) {
  unsigned char all = 0;
  for (const char c : text) all |= static_cast<unsigned char>(c);
  return all < 0x80;
}

}  // namespace

bool ReadPlainCourierStatus(std::string_view bytes, CourierStatus& status) {
  // Tags, lengths of one byte and plain text: none has the highest bit.
  if (!IsAscii(bytes)) return false;
  status.courier_id.clear();
  status.transport_mode.clear();
  status.availability.clear();
  status.current_zone.clear();
  while (!bytes.empty()) {
    std::string* const field = FieldOf(bytes[0], status);
    if (field == nullptr || bytes.size() < 2) return false;
    const auto length = static_cast<std::size_t>(bytes[1]);
    bytes.remove_prefix(2);
    if (bytes.size() < length) return false;
    field->assign(bytes.data(), length);
    bytes.remove_prefix(length);
  }
  return true;
}

}  // namespace dispatchctl::internal
