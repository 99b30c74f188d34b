#include "mock-server/storage/server_certificate.h"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>
#include <string_view>

namespace dispatchctl::mock {
namespace {

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

absl::Status Unusable(std::string_view path, std::string_view what) {
  ERR_clear_error();
  return absl::InvalidArgumentError(fmt::format("{}: {}", path, what));
}

Bio Open(const std::string& pem) {
  return {BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free};
}

// The first certificate of the file goes to `first`.
absl::Status CheckCertificates(const std::string& path, const std::string& pem, Certificate& first) {
  const Bio bio = Open(pem);
  for (int count = 0;; ++count) {
    Certificate certificate(PEM_read_bio_X509_AUX(bio.get(), nullptr, nullptr, nullptr), X509_free);
    if (certificate == nullptr) {
      if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
        return Unusable(path, fmt::format("certificate {} cannot be read", count + 1));
      }
      if (count == 0) return Unusable(path, "no PEM certificate in it");
      ERR_clear_error();
      return absl::OkStatus();
    }
    if (count == 0) first = std::move(certificate);
  }
}

}  // namespace

absl::Status CheckServerCertificate(const ServerCertificate& certificate, const CertificateFiles& files) {
  Certificate leaf(nullptr, X509_free);
  if (absl::Status status = CheckCertificates(files.certificate_path, certificate.chain, leaf);
      !status.ok()) {
    return status;
  }
  // Instead of asking at the terminal.
  const auto no_passphrase = [](char*, int, int, void*) { return 0; };
  const Key key(PEM_read_bio_PrivateKey(Open(certificate.key).get(), nullptr, no_passphrase, nullptr),
                EVP_PKEY_free);
  if (key == nullptr)
    return Unusable(files.key_path, "no private key in it that can be read without a passphrase");
  if (X509_check_private_key(leaf.get(), key.get()) != 1) {
    return Unusable(files.key_path,
                    fmt::format("not the key of the first certificate in {}", files.certificate_path));
  }
  if (files.client_ca_path.empty()) return absl::OkStatus();
  Certificate root(nullptr, X509_free);
  return CheckCertificates(files.client_ca_path, certificate.client_roots, root);
}

}  // namespace dispatchctl::mock
