#pragma once

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>

namespace dispatchctl {

// A certificate for localhost and 127.0.0.1 with its key, made on the spot, as PEM.
struct CertificatePair {
  std::string certificate;
  std::string key;
};

// Signs certificates that are valid from an hour ago until tomorrow.
class CertificateAuthority {
 public:
  explicit CertificateAuthority(const std::string& name)
      : key_(EVP_EC_gen("P-256"), EVP_PKEY_free), certificate_(Make(name, key_.get(), /*authority=*/true)) {}

  std::string certificate() const { return Pem(certificate_.get()); }

  CertificatePair Sign(const std::string& name) const {
    const Key key(EVP_EC_gen("P-256"), EVP_PKEY_free);
    return {Pem(Make(name, key.get(), /*authority=*/false).get()), Pem(key.get())};
  }

 private:
  using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
  using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;

  Certificate Make(const std::string& name, EVP_PKEY* key, bool authority) const {
    constexpr long kHour = 3600;
    Certificate out(X509_new(), X509_free);
    X509_set_version(out.get(), X509_VERSION_3);
    std::array<unsigned char, 8> serial{};
    EXPECT_EQ(RAND_bytes(serial.data(), serial.size()), 1);
    serial[0] &= 0x7FU;
    BIGNUM* const number = BN_bin2bn(serial.data(), serial.size(), nullptr);
    BN_to_ASN1_INTEGER(number, X509_get_serialNumber(out.get()));
    BN_free(number);
    X509_gmtime_adj(X509_getm_notBefore(out.get()), -kHour);
    X509_gmtime_adj(X509_getm_notAfter(out.get()), 24 * kHour);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(out.get()), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    X509_set_issuer_name(out.get(), X509_get_subject_name(authority ? out.get() : certificate_.get()));
    X509_set_pubkey(out.get(), key);
    AddExtension(out.get(), NID_basic_constraints, authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
    if (!authority) AddExtension(out.get(), NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
    EXPECT_GT(X509_sign(out.get(), key_.get(), EVP_sha256()), 0);
    return out;
  }

  static void AddExtension(X509* certificate, int nid, const char* value) {
    X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value);
    EXPECT_EQ(X509_add_ext(certificate, extension, -1), 1);
    X509_EXTENSION_free(extension);
  }

  static std::string Pem(X509* certificate) {
    return Collect([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate); });
  }
  static std::string Pem(EVP_PKEY* key) {
    return Collect(
        [&](BIO* bio) { return PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr); });
  }

  template <class Writer>
  static std::string Collect(Writer writer) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), BIO_free);
    EXPECT_EQ(writer(bio.get()), 1);
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &data);
    return {data, static_cast<std::size_t>(size)};
  }

  const Key key_;
  const Certificate certificate_;
};

// Files of one test's own. They go with the object.
class TestFiles {
 public:
  TestFiles() : folder_(testing::TempDir() + "dispatchctl.XXXXXX") {
    if (mkdtemp(folder_.data()) == nullptr) ADD_FAILURE() << "cannot make " << folder_;
  }
  ~TestFiles() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  TestFiles(const TestFiles&) = delete;
  TestFiles& operator=(const TestFiles&) = delete;

  std::string Path(std::string_view name) const { return folder_ + "/" + std::string(name); }

  // In one step, as who replaces a file under a running process should.
  std::string Write(std::string_view name, std::string_view content) const {
    const std::string next = Path("next");
    std::ofstream(next) << content;
    std::filesystem::rename(next, Path(name));
    return Path(name);
  }

 private:
  std::string folder_;
};

}  // namespace dispatchctl
