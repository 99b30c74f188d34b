#pragma once

#include <string>

namespace dispatchctl::mock {

struct Courier {
  std::string courier_id;
  std::string transport_mode;
  std::string availability;
  std::string current_zone;

  friend bool operator==(const Courier&, const Courier&) = default;
};

}  // namespace dispatchctl::mock
