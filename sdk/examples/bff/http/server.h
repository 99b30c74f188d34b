#pragma once

#include <httplib.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "http/connection.h"

namespace bff {

/// Bounds of what clients may take of an HttpServer.
struct HttpServerOptions {
  std::size_t max_connections = 64;      ///< a thread each; one more is answered 503
  std::size_t max_header_bytes = 32768;  ///< request line included
  std::chrono::milliseconds header_timeout{
      10000};  ///< from the first byte of a request to the end of its headers
  std::chrono::milliseconds idle_timeout{15000};   ///< between requests
  std::chrono::milliseconds write_timeout{30000};  ///< without a byte getting through
};

/// cpp-httplib's server on connections of our own, which it offers by the seam that its TLS server uses.
///
/// What that adds: reading and writing at the same time, calls that notice that their client has gone, bounds
/// on connections and headers, and an end that can be waited for. A connection ends after a request with a
/// body: what of it was not read can then never be taken for the next request.
class HttpServer : public httplib::Server {
 public:
  /// `on_listening` is called once connections are accepted.
  HttpServer(HttpServerOptions options, std::function<void()> on_listening);

  /// The connection of a request that is being handled. Valid until its handler, content provider included,
  /// has returned.
  Connection& ConnectionOf(const httplib::Request& request);

  /// Accepts no more, ends idle connections, and lets requests end. Once, after `on_listening`.
  void Drain();

  /// Ends every connection now.
  void Abort();

 private:
  class Registration;

  bool process_and_close_socket(socket_t socket) override;
  void Serve(Connection& connection);
  // False: the request is the connection's last.
  bool Begin(httplib::Request& request, Connection& connection);
  void Refuse(Connection& connection) const;

  const HttpServerOptions options_;
  std::thread::id accepting_thread_;
  std::mutex mutex_;
  std::set<Connection*> connections_;
  std::map<const httplib::Request*, Connection*> requests_;
  bool draining_ = false;
};

}  // namespace bff
