#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "mock-server/faults/descriptor.h"

namespace dispatchctl::mock {

// The port a TCP socket is bound to.
int PortOf(int descriptor);

// host:port, [v6]:port or unix:PATH.
class ListenAddress {
 public:
  static absl::StatusOr<ListenAddress> Parse(std::string_view text);

  bool is_unix() const { return !path_.empty(); }
  // Whether only this machine can reach it: a Unix socket, localhost or a loopback address.
  bool is_local() const;
  const std::string& host() const { return host_; }
  std::uint16_t port() const { return port_; }
  const std::string& path() const { return path_; }

  // The same with the port that was really bound.
  std::string WithPort(int port) const;
  std::string ToString() const { return is_unix() ? "unix:" + path_ : WithPort(port_); }

  // A socket bound to each address the host stands for, all to one port, which is chosen if `port` is 0.
  // UNAVAILABLE with the operating system's reason when one cannot be bound. gRPC itself only logs the
  // reason, and starts on half of a name's addresses when the other half is taken. For host:port only.
  absl::StatusOr<std::vector<Descriptor>> Bind(int port) const;
  absl::Status CheckBindable() const { return Bind(port_).status(); }

 private:
  std::string host_;  // without brackets
  std::uint16_t port_ = 0;
  std::string path_;
};

}  // namespace dispatchctl::mock
