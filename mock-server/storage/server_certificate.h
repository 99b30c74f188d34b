#pragma once

#include <string>

#include "absl/status/status.h"

namespace dispatchctl::mock {

// Files of PEM that a server proves its name with.
struct CertificateFiles {
  std::string certificate_path;  // the chain, its own first; empty: no TLS
  std::string key_path;
  // The authorities that clients' certificates must come from. Empty: clients need none.
  std::string client_ca_path;
};

// What they hold.
struct ServerCertificate {
  std::string chain;
  std::string key;
  std::string client_roots;
};

// Whether a server can work with it. INVALID_ARGUMENT names the file that is wrong.
absl::Status CheckServerCertificate(const ServerCertificate& certificate, const CertificateFiles& files);

}  // namespace dispatchctl::mock
