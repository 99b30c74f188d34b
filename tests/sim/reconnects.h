#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace dispatchctl::sim {

// What a server sees of many clients that have lost it at once.
struct Reconnects {
  static constexpr std::chrono::milliseconds kSlot{10};

  std::vector<std::uint64_t> attempts;  // by the slot of time since the loss

  std::uint64_t total = 0;
  std::uint64_t at_once = 0;         // in the first slot
  std::uint64_t busiest_slot = 0;    // of the later ones
  std::uint64_t busiest_second = 0;  // any hundred later slots in a row
  std::chrono::nanoseconds all_back{0};
};

struct Loss {
  std::size_t clients = 10000;
  std::chrono::nanoseconds away = std::chrono::seconds(5);  // before the server takes connections again
  std::uint64_t seed = 1;
};

// Connections of channels. `spread`: false: as gRPC core would make them by itself.
Reconnects ReconnectChannels(const Loss& loss, bool spread);

// Calls that resumable streams open, each by a StreamMachine with the defaults.
Reconnects ReopenStreams(const Loss& loss);

}  // namespace dispatchctl::sim
