#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace dispatchctl::mock {

// One call as people read it.
struct CallRecord {
  using Time = std::chrono::system_clock::time_point;

  struct Message {
    bool from_client = false;
    Time at;
    // One object, field names as in the contract. Empty: it does not parse or is longer than 64 KiB.
    std::string json;
    // On the wire.
    std::size_t bytes = 0;
  };
  struct End {
    Time at;
    absl::StatusCode code = absl::StatusCode::kOk;
    std::string message;
  };

  // From 1, in the order the calls began.
  std::uint64_t number = 0;
  // "dispatchpb.DispatchGateway/GetCourierStatus".
  std::string method;
  // The backend's index.
  std::size_t listen = 0;
  // As gRPC names it: "ipv4:127.0.0.1:40212".
  std::string peer;
  // What the client sent. Instead of a secret stands "[redacted]", instead of a binary value "[16 bytes]".
  std::vector<std::pair<std::string, std::string>> metadata;
  Time started;
  std::vector<Message> messages;
  // How many that came before those in `messages` were dropped, as the log is bounded.
  std::uint64_t dropped_messages = 0;
  // Nothing while the call is open.
  std::optional<End> end;
};

struct CallList {
  // The latest ones, in the order they began.
  std::vector<CallRecord> calls;
  // What the log had no room for any more.
  std::uint64_t dropped_calls = 0;
  std::uint64_t dropped_messages = 0;
};

}  // namespace dispatchctl::mock
