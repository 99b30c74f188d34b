#pragma once

#include <grpcpp/security/server_credentials.h>

#include <functional>
#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "mock-server/storage/server_certificate.h"

namespace dispatchctl::mock {

// TLS 1.2 or later with what `files` hold whenever a handshake begins; clients must have a certificate if
// there is a client_ca_path. A replacement that cannot be used is told to `complain`, once, and what was read
// before goes on being used. The credentials are for one port, and must outlive its server. INVALID_ARGUMENT
// names the file that cannot be used.
absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(
    CertificateFiles files, std::function<void(std::string_view)> complain);

}  // namespace dispatchctl::mock
