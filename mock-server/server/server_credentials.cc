#include "mock-server/server/server_credentials.h"

#include <fmt/format.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>

#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "mock-server/storage/changing_files.h"

namespace dispatchctl::mock {
namespace {

std::vector<std::string> Paths(const CertificateFiles& files) {
  std::vector<std::string> paths{files.certificate_path, files.key_path};
  if (!files.client_ca_path.empty()) paths.push_back(files.client_ca_path);
  return paths;
}

// gRPC's C++ interface has no server credentials that ask for the certificate at each handshake; its C
// interface has.
class ChangingCredentials final : public grpc::ServerCredentials {
 public:
  ChangingCredentials(CertificateFiles files, std::function<void(std::string_view)> complain)
      : files_(std::move(files)), complain_(std::move(complain)), watched_(Paths(files_)) {}
  ~ChangingCredentials() override {
    if (credentials_ != nullptr) grpc_server_credentials_release(credentials_);
  }
  ChangingCredentials(const ChangingCredentials&) = delete;
  ChangingCredentials& operator=(const ChangingCredentials&) = delete;
  ChangingCredentials(ChangingCredentials&&) = delete;
  ChangingCredentials& operator=(ChangingCredentials&&) = delete;

  absl::Status Open() {
    // gRPC fetches the first one by itself.
    absl::StatusOr<std::optional<ServerCertificate>> first = Refresh();
    if (!first.ok()) return first.status();
    first_ = *std::move(first);
    const auto clients = files_.client_ca_path.empty()
                             ? GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE
                             : GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY;
    credentials_ = grpc_ssl_server_credentials_create_with_options(
        grpc_ssl_server_credentials_create_options_using_config_fetcher(clients, Fetch, this));
    return absl::OkStatus();
  }

  void SetAuthMetadataProcessor(const std::shared_ptr<grpc::AuthMetadataProcessor>&) override {}

 private:
  int AddPortToServer(const std::string& address, grpc_server* server) override {
    return grpc_server_add_http2_port(server, address.c_str(), credentials_);
  }

  // At the start of every handshake, on one of gRPC's threads.
  static grpc_ssl_certificate_config_reload_status Fetch(void* self,
                                                         grpc_ssl_server_certificate_config** config) {
    return static_cast<ChangingCredentials*>(self)->Fetch(config);
  }

  grpc_ssl_certificate_config_reload_status Fetch(grpc_ssl_server_certificate_config** config) {
    const std::lock_guard<std::mutex> lock(mutex_);
    std::optional<ServerCertificate> certificate = std::exchange(first_, std::nullopt);
    if (!certificate.has_value()) {
      absl::StatusOr<std::optional<ServerCertificate>> refreshed = Refresh();
      if (!refreshed.ok()) {
        if (complain_) {
          complain_(fmt::format("{}; the certificate read before stays in use",
                                std::string(refreshed.status().message())));
        }
        return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
      }
      certificate = *std::move(refreshed);
    }
    if (!certificate.has_value()) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    const grpc_ssl_pem_key_cert_pair pair{certificate->key.c_str(), certificate->chain.c_str()};
    // gRPC wants roots even where it asks no client for a certificate, and has no use for them.
    const std::string& roots = files_.client_ca_path.empty() ? certificate->chain : certificate->client_roots;
    *config = grpc_ssl_server_certificate_config_create(roots.c_str(), &pair, 1);
    return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
  }

  // Nothing: it is what it was.
  absl::StatusOr<std::optional<ServerCertificate>> Refresh() {
    std::optional<absl::StatusOr<ChangingFiles::Contents>> contents = watched_.Poll();
    if (!contents.has_value()) return std::nullopt;
    if (!contents->ok()) return contents->status();
    ServerCertificate certificate{.chain = (**contents)[0], .key = (**contents)[1], .client_roots = {}};
    if (!files_.client_ca_path.empty()) certificate.client_roots = (**contents)[2];
    if (absl::Status status = CheckServerCertificate(certificate, files_); !status.ok()) return status;
    return certificate;
  }

  const CertificateFiles files_;
  const std::function<void(std::string_view)> complain_;
  std::mutex mutex_;  // guards both below
  ChangingFiles watched_;
  std::optional<ServerCertificate> first_;  // until gRPC has it
  grpc_server_credentials* credentials_ = nullptr;
};

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(
    CertificateFiles files, std::function<void(std::string_view)> complain) {
  auto credentials = std::make_shared<ChangingCredentials>(std::move(files), std::move(complain));
  if (absl::Status status = credentials->Open(); !status.ok()) return status;
  return credentials;
}

}  // namespace dispatchctl::mock
