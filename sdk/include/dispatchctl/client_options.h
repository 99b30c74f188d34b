#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "dispatchctl/call_options.h"
#include "dispatchctl/circuit_breaker.h"
#include "dispatchctl/export.h"
#include "dispatchctl/fallback.h"
#include "dispatchctl/load_balancing.h"
#include "dispatchctl/retry.h"

namespace dispatchctl {
inline namespace DISPATCHCTL_ABI {

enum class TransportSecurity {
  kAutomatic,  ///< plaintext to loopback addresses, "localhost" and unix sockets; TLS to everything else
  kPlaintext,
  kTls,
};

/// True when everything that `target` (as in ClientOptions::target) names is a loopback address, "localhost"
/// or a unix socket: what kAutomatic goes by. False for a target that cannot be read.
DISPATCHCTL_EXPORT bool IsLocalTarget(std::string_view target);

/// Files are PEM and are read when the client is created.
struct TlsOptions {
  std::string ca_file = {};           ///< empty: the system's roots
  std::string certificate_file = {};  ///< client certificate chain; goes with private_key_file
  std::string private_key_file = {};
  std::string server_name = {};  ///< name to verify and to send as SNI; empty: the target's host
};

/// What a Client is made from.
struct ClientOptions {
  /// Where the service is: `host:port`, `dns:///host:port`, `ipv4:a:port,b:port`, `ipv6:[a]:port`, a
  /// comma-separated list of `host:port`, `unix:PATH`, or a scheme gRPC resolves itself (`xds:///name`).
  std::string target = {};

  TransportSecurity security = TransportSecurity::kAutomatic;
  TlsOptions tls = {};

  /// The :authority of every call. Empty: the target's host and port ("localhost" for a unix socket).
  std::string authority = {};

  /// Bound of resolving the target, and of each connection with its TLS and HTTP/2 handshakes. At least 100
  /// ms.
  std::chrono::milliseconds connect_timeout{5000};

  /// HTTP/2 keepalive ping interval while calls are open. At least 10 s; unset: no pings. A connection whose
  /// server leaves a ping without an answer for 3 s is given up.
  std::optional<std::chrono::milliseconds> keepalive_time = std::nullopt;

  /// Largest message accepted from the server, in bytes.
  std::size_t max_receive_bytes = 4U << 20U;

  LoadBalancing load_balancing = LoadBalancing::kRoundRobin;

  /// How often names are resolved again, 100 ms or more; besides, at once (but at most every second) when an
  /// endpoint fails. An empty or failing answer leaves the endpoints as they are.
  std::chrono::milliseconds resolve_interval{10000};

  /// Each endpoint has a breaker of its own.
  CircuitBreakerOptions breaker = {};

  /// Shared by all calls of the client.
  RetryThrottling throttling = {};

  FallbackOptions fallback = {};

  /// Put in front of gRPC's own user agent, e.g. "fleet-ui/2.1".
  std::string user_agent = {};

  /// Options of calls that do not set their own.
  CallOptions call_defaults = {};
};

}  // namespace DISPATCHCTL_ABI
}  // namespace dispatchctl
