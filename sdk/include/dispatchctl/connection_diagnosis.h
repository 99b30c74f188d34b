#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dispatchctl/client_options.h"
#include "dispatchctl/export.h"

namespace dispatchctl {
inline namespace DISPATCHCTL_ABI {

/// What keeps a connection from coming about.
enum class ConnectionProblem {
  kNone,                      ///< HTTP/2 is up, over TLS where that was asked for
  kLocalFiles,                ///< a certificate or key file of this side cannot be used
  kNotConnected,              ///< no TCP connection, or no Unix socket
  kTimedOut,                  ///< TCP is up, the handshake did not end in time
  kNotTls,                    ///< the server does not speak TLS
  kClosed,                    ///< the server closed the connection without a word
  kProtocolVersion,           ///< the server speaks no TLS 1.2 or later
  kUntrusted,                 ///< its certificate comes from an authority that is not trusted here
  kSelfSigned,                ///< its certificate is its own authority, and not trusted here
  kExpired,                   ///< its certificate, or one above it, has expired
  kNotYetValid,               ///< its certificate, or one above it, is for later
  kWrongName,                 ///< its certificate is for other names
  kClientCertificateMissing,  ///< it wants a client certificate, and this side has none
  kClientCertificateRefused,  ///< it does not accept the client certificate
  kNoHttp2,                   ///< the server does not offer HTTP/2, or speaks something else
  kTlsExpected,               ///< the server speaks TLS, and was spoken to in plaintext
  kOther,
};

/// "none", "local_files", "not_connected" and so on.
DISPATCHCTL_EXPORT std::string_view ConnectionProblemName(ConnectionProblem problem);

/// One certificate. Text from the peer, with control characters and bytes beyond ASCII escaped.
struct CertificateSummary {
  std::string subject;                               ///< "CN=dispatch.example,O=Example"
  std::string issuer;                                ///< likewise
  std::vector<std::string> names;                    ///< DNS names and IP addresses it is for
  std::chrono::system_clock::time_point not_before;  ///< valid from here
  std::chrono::system_clock::time_point not_after;   ///< valid up to here
};

/// What a server says of its HTTP/2 connections (RFC 9113, section 6.5.2); what it leaves out has the
/// protocol's own value.
struct Http2Settings {
  std::optional<std::uint32_t> max_concurrent_streams = std::nullopt;  ///< unset: any number
  std::uint32_t initial_window_size = 65'535;                          ///< bytes
  std::uint32_t max_frame_size = 16'384;                               ///< bytes
  std::optional<std::uint32_t> max_header_list_size = std::nullopt;    ///< bytes; unset: any
};

/// What a connection of its own has found out.
struct ConnectionDiagnosis {
  ConnectionProblem problem = ConnectionProblem::kOther;  ///< kNone: the connection is good
  std::string cause;                           ///< a sentence for people; empty when there is no problem
  std::string server_name;                     ///< what the certificate was verified against
  std::string protocol;                        ///< "TLSv1.3"; empty before the handshake
  std::string alpn;                            ///< "h2"; empty: nothing was agreed on
  std::vector<CertificateSummary> chain;       ///< as the server sent it, its own first
  std::chrono::nanoseconds connect_time{0};    ///< of TCP
  std::chrono::nanoseconds handshake_time{0};  ///< of TLS
  std::chrono::nanoseconds settings_time{0};   ///< until the server's HTTP/2 settings were here
  std::optional<Http2Settings> http2;          ///< unset: it did not come to that
};

/// Makes a connection to `endpoint`, as CallReport::endpoint names it ("127.0.0.1:443", "[::1]:443",
/// "unix:PATH"), with the certificates and the server name of `options`, and says what comes of it: the
/// transport of a client only says that the handshake failed. Sends HTTP/2's preface and no call.
///
/// Blocks for at most `timeout`. Errors of any kind are in the diagnosis. Thread-safe; needs no client.
DISPATCHCTL_EXPORT ConnectionDiagnosis DiagnoseTls(const ClientOptions& options, std::string_view endpoint,
                                                   std::chrono::milliseconds timeout);

/// The same in plaintext: is somebody there, and does it speak HTTP/2?
DISPATCHCTL_EXPORT ConnectionDiagnosis DiagnosePlaintext(std::string_view endpoint,
                                                         std::chrono::milliseconds timeout);

}  // namespace DISPATCHCTL_ABI
}  // namespace dispatchctl
