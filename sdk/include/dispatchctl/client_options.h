#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
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

class Observer;  // <dispatchctl/observer.h>

/// Whether calls go over TLS.
enum class TransportSecurity {
  kAutomatic,  ///< plaintext to loopback addresses, "localhost" and unix sockets; TLS to everything else
  kPlaintext,
  kTls,
};

/// True when everything that `target` (as in ClientOptions::target) names is a loopback address, "localhost"
/// or a unix socket: what kAutomatic goes by. False for a target that cannot be read.
DISPATCHCTL_EXPORT bool IsLocalTarget(std::string_view target);

/// How TLS is done; version 1.2 at the least. Files are PEM.
///
/// They are read when the client is created, and looked at again at most once a second while it is in use:
/// once all of them fit together after a change, new connections use what they hold, and calls move to such a
/// connection as soon as it is up. Calls under way stay where they are. A replacement that cannot be used
/// (half written, not PEM, a key that is another certificate's) is told to ClientOptions::on_warning, and
/// what was read before stays in use. The system's roots are read once.
///
/// gRPC 1.51's own FileWatcherCertificateProvider is not used: it takes a thread for each client and hands on
/// whatever a file holds, so that one bad write ends all connecting.
struct TlsOptions {
  std::string ca_file = {};           ///< empty: the system's roots
  std::string certificate_file = {};  ///< client certificate chain; goes with private_key_file
  std::string private_key_file = {};  ///< not encrypted; see CheckSecretFile
  std::string server_name = {};       ///< name to verify and to send as SNI; empty: the target's host
};

/// What a Client is made from.
struct ClientOptions {
  /// Where the service is: `host:port`, `dns:///host:port`, `ipv4:a:port,b:port`, `ipv6:[a]:port`, a
  /// comma-separated list of `host:port`, `unix:PATH`, or a scheme gRPC resolves itself (`xds:///name`).
  std::string target = {};

  TransportSecurity security = TransportSecurity::kAutomatic;  ///< whether TLS is spoken
  TlsOptions tls = {};                                         ///< where TLS is spoken: how

  /// A file with a bearer token in it, and nothing else but white space around it; at most 16 KiB. Sent with
  /// every call as `authorization: Bearer TOKEN`, unless the call's own metadata has an authorization. Empty:
  /// none is sent.
  ///
  /// Looked at again at most once a second, and when the server answers UNAUTHENTICATED: if it then holds
  /// another token, the call is made once more with that one, whatever the retry policy says; a stream is
  /// resumed once without a result in between. A file that has become unusable is told to on_warning, and the
  /// token read before stays in use. A pipe is read once.
  ///
  /// Goes over TLS, to loopback addresses and over unix sockets only: a call that would carry it elsewhere
  /// fails with FAILED_PRECONDITION before anything is sent.
  std::string token_file = {};

  /// Told, in a sentence, what does not stop calls but wants a person's attention: files of certificates,
  /// keys or tokens that have been replaced by something unusable. Never contains a secret. Called from any
  /// thread that makes a call or serves one, one at a time; must not use the client.
  std::function<void(std::string_view)> on_warning = nullptr;

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

  LoadBalancing load_balancing = LoadBalancing::kRoundRobin;  ///< how calls are spread over the endpoints

  /// How often names are resolved again, 100 ms or more; besides, at once (but at most every second) when an
  /// endpoint fails. An empty or failing answer leaves the endpoints as they are.
  std::chrono::milliseconds resolve_interval{10000};

  /// Each endpoint has a breaker of its own.
  CircuitBreakerOptions breaker = {};

  /// Shared by all calls of the client.
  RetryThrottling throttling = {};

  FallbackOptions fallback = {};  ///< last known statuses in place of errors

  /// Put in front of gRPC's own user agent, e.g. "fleet-ui/2.1".
  std::string user_agent = {};

  /// Options of calls that do not set their own.
  CallOptions call_defaults = {};

  /// Is told what the client does. Null: nobody is.
  std::shared_ptr<Observer> observer = nullptr;
};

}  // namespace DISPATCHCTL_ABI
}  // namespace dispatchctl
