#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace dispatchctl::mock {

// host:port, [v6]:port or unix:PATH.
class ListenAddress {
 public:
  static absl::StatusOr<ListenAddress> Parse(std::string_view text);

  bool is_unix() const { return !path_.empty(); }
  const std::string& host() const { return host_; }
  std::uint16_t port() const { return port_; }
  const std::string& path() const { return path_; }

  // The same with the port that was really bound.
  std::string WithPort(int port) const;
  std::string ToString() const { return is_unix() ? "unix:" + path_ : WithPort(port_); }

  // UNAVAILABLE with the operating system's reason when the address cannot be bound. gRPC itself only logs
  // the reason, and starts on half of a name's addresses when the other half is taken. For host:port only.
  absl::Status CheckBindable() const;

 private:
  std::string host_;  // without brackets
  std::uint16_t port_ = 0;
  std::string path_;
};

}  // namespace dispatchctl::mock
