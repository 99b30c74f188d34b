#include "transport/tls_material.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <openssl/err.h>

#include <utility>
#include <vector>

#include "contract/text.h"
#include "transport/openssl_handles.h"

namespace dispatchctl::internal {
namespace {

constexpr std::string_view kCaFile = "tls.ca_file";
constexpr std::string_view kCertificateFile = "tls.certificate_file";
constexpr std::string_view kPrivateKeyFile = "tls.private_key_file";

// The largest bundles of roots have some 200 KiB.
constexpr std::size_t kMostPemBytes = std::size_t{4} << 20U;

absl::Status Unusable(std::string_view option, const std::string& path, std::string_view what) {
  return absl::FailedPreconditionError(absl::StrCat(View(option), ": ", Quoted(path), " ", View(what)));
}

// Every certificate of the file must be one; gRPC would stop at the first that is not.
absl::Status CheckCertificates(std::string_view option, const std::string& path, std::string_view pem,
                               CertificateHandle* first) {
  if (!absl::StrContains(View(pem), "-----BEGIN ")) return Unusable(option, path, "is not a PEM file");
  const BioHandle bio = ReadFrom(pem);
  for (int count = 0;; ++count) {
    CertificateHandle certificate(PEM_read_bio_X509_AUX(bio.get(), nullptr, nullptr, nullptr));
    if (certificate == nullptr) {
      const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
      ERR_clear_error();
      if (!at_end) {
        return Unusable(option, path,
                        absl::StrCat("has a certificate that cannot be read: number ", count + 1));
      }
      return count > 0 ? absl::OkStatus() : Unusable(option, path, "holds no certificate");
    }
    if (count == 0 && first != nullptr) *first = std::move(certificate);
  }
}

// Instead of asking for it at the terminal.
int NoPassphrase(char*, int, int, void*) {
  return 0;
}

absl::Status CheckKey(const std::string& path, std::string_view pem, KeyHandle& key) {
  if (!absl::StrContains(View(pem), "-----BEGIN "))
    return Unusable(kPrivateKeyFile, path, "is not a PEM file");
  key.reset(PEM_read_bio_PrivateKey(ReadFrom(pem).get(), nullptr, NoPassphrase, nullptr));
  ERR_clear_error();
  if (key != nullptr) return absl::OkStatus();
  if (absl::StrContains(View(pem), "ENCRYPTED")) {
    return Unusable(kPrivateKeyFile, path, "is encrypted, and nobody can be asked for its passphrase");
  }
  return Unusable(kPrivateKeyFile, path, "holds no private key that can be read");
}

std::vector<WatchedFiles::File> FilesOf(const TlsOptions& options) {
  std::vector<WatchedFiles::File> files;
  if (!options.ca_file.empty()) files.push_back({kCaFile, options.ca_file});
  if (!options.certificate_file.empty()) files.push_back({kCertificateFile, options.certificate_file});
  if (!options.private_key_file.empty()) files.push_back({kPrivateKeyFile, options.private_key_file});
  return files;
}

// The order is FilesOf's.
TlsMaterial MaterialOf(const TlsOptions& options, WatchedFiles::Contents contents) {
  TlsMaterial material;
  std::size_t next = 0;
  if (!options.ca_file.empty()) material.roots = std::move(contents[next++]);
  if (!options.certificate_file.empty()) material.certificate_chain = std::move(contents[next++]);
  if (!options.private_key_file.empty()) material.private_key = std::move(contents[next++]);
  return material;
}

}  // namespace

absl::Status CheckTlsMaterial(const TlsMaterial& material, const TlsOptions& options) {
  if (!options.ca_file.empty()) {
    if (absl::Status status = CheckCertificates(kCaFile, options.ca_file, material.roots, nullptr);
        !status.ok()) {
      return status;
    }
  }
  if (options.certificate_file.empty()) return absl::OkStatus();
  CertificateHandle certificate;
  if (absl::Status status = CheckCertificates(kCertificateFile, options.certificate_file,
                                              material.certificate_chain, &certificate);
      !status.ok()) {
    return status;
  }
  KeyHandle key;
  if (absl::Status status = CheckKey(options.private_key_file, material.private_key, key); !status.ok()) {
    return status;
  }
  const bool match = X509_check_private_key(certificate.get(), key.get()) == 1;
  ERR_clear_error();
  if (match) return absl::OkStatus();
  return Unusable(
      kPrivateKeyFile, options.private_key_file,
      absl::StrCat("is not the key of the first certificate in ", Quoted(options.certificate_file)));
}

TlsFiles::TlsFiles(const TlsOptions& options, std::function<void(std::string_view)> warn)
    : options_(options),
      warn_(std::move(warn)),
      any_(!FilesOf(options).empty()),
      files_(FilesOf(options), kMostPemBytes),
      material_(std::make_shared<const TlsMaterial>()) {}

absl::StatusOr<std::unique_ptr<TlsFiles>> TlsFiles::Open(const TlsOptions& options,
                                                         std::function<void(std::string_view)> warn,
                                                         Time now) {
  std::unique_ptr<TlsFiles> files(new TlsFiles(options, std::move(warn)));
  const std::lock_guard<std::mutex> lock(files->mutex_);
  if (absl::Status status = files->Refresh(now, /*now_or_never=*/true); !status.ok()) return status;
  return files;
}

absl::Status TlsFiles::Refresh(Time now, bool now_or_never) {
  if (!any_) return absl::OkStatus();
  std::optional<absl::StatusOr<WatchedFiles::Contents>> contents = files_.Poll(now, now_or_never);
  if (!contents) return absl::OkStatus();
  if (!contents->ok()) return contents->status();
  TlsMaterial material = MaterialOf(options_, **std::move(contents));
  if (absl::Status status = CheckTlsMaterial(material, options_); !status.ok()) return status;
  material_ = std::make_shared<const TlsMaterial>(std::move(material));
  return absl::OkStatus();
}

std::shared_ptr<const TlsMaterial> TlsFiles::Get(Time now) {
  absl::Status problem;
  std::shared_ptr<const TlsMaterial> material;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    problem = Refresh(now, /*now_or_never=*/false);
    material = material_;
  }
  if (!problem.ok() && warn_) {
    warn_(View(absl::string_view(absl::StrCat(problem.message(), "; what was read before stays in use"))));
  }
  return material;
}

}  // namespace dispatchctl::internal
