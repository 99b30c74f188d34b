#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "mock-server/faults/descriptor.h"
#include "mock-server/server/listen_address.h"
#include "mock-server/server/unix_socket.h"

namespace dispatchctl::mock {

// An address of this process's own where it can stop listening, so that clients are refused, and listen
// again.
class Listener {
 public:
  // UNAVAILABLE: the address is taken or not to be had.
  static absl::StatusOr<std::unique_ptr<Listener>> Reserve(const ListenAddress& address);

  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  Listener(Listener&&) = delete;
  Listener& operator=(Listener&&) = delete;
  ~Listener() = default;

  // With the port that was really bound.
  std::string address() const;

  // Sockets that listen, for as long as they are open.
  absl::StatusOr<std::vector<Descriptor>> Open();

  // Removes a Unix socket's name, for good. From any thread.
  void Remove();

 private:
  explicit Listener(ListenAddress address) : address_(std::move(address)) {}

  absl::StatusOr<std::vector<Descriptor>> OpenUnix();

  ListenAddress address_;
  int port_ = 0;
  // Bound and not listening: nobody else gets the port meanwhile.
  std::vector<Descriptor> reserved_;
  std::mutex mutex_;
  bool removed_ = false;
  std::optional<UnixSocket> socket_;
};

}  // namespace dispatchctl::mock
