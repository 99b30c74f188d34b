#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dispatchctl/client_options.h"
#include "dispatchctl/export.h"

namespace dispatchctl {
inline namespace DISPATCHCTL_ABI {

/// What keeps a TLS connection from coming about.
enum class TlsProblem {
  kNone,                      ///< TLS and HTTP/2 are up
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
  kNoHttp2,                   ///< TLS is up, but the server does not offer HTTP/2
  kOther,
};

/// "none", "local_files", "not_connected" and so on.
DISPATCHCTL_EXPORT std::string_view TlsProblemName(TlsProblem problem);

/// One certificate. Text from the peer, with control characters and bytes beyond ASCII escaped.
struct CertificateSummary {
  std::string subject;             ///< "CN=dispatch.example,O=Example"
  std::string issuer;              ///< likewise
  std::vector<std::string> names;  ///< DNS names and IP addresses it is for
  std::chrono::system_clock::time_point not_before;
  std::chrono::system_clock::time_point not_after;
};

/// What a handshake of its own has found out.
struct TlsDiagnosis {
  TlsProblem problem = TlsProblem::kOther;
  std::string cause;                         ///< a sentence for people; empty when there is no problem
  std::string server_name;                   ///< what the certificate was verified against
  std::string protocol;                      ///< "TLSv1.3"; empty before the handshake
  std::string alpn;                          ///< "h2"; empty: nothing was agreed on
  std::vector<CertificateSummary> chain;     ///< as the server sent it, its own first
  std::chrono::nanoseconds connect_time{0};  ///< of TCP
  std::chrono::nanoseconds handshake_time{0};
};

/// Makes a connection to `endpoint`, as CallReport::endpoint names it ("127.0.0.1:443", "[::1]:443",
/// "unix:PATH"), with the certificates and the server name of `options`, and says what comes of it: the
/// transport of a client only says that the handshake failed. Sends HTTP/2's preface and no call.
///
/// Blocks for at most `timeout`. Errors of any kind are in the diagnosis. Thread-safe; needs no client.
DISPATCHCTL_EXPORT TlsDiagnosis DiagnoseTls(const ClientOptions& options, std::string_view endpoint,
                                            std::chrono::milliseconds timeout);

}  // namespace DISPATCHCTL_ABI
}  // namespace dispatchctl
