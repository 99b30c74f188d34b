#include "dispatchctl/connection_diagnosis.h"

#include <absl/status/status.h>
#include <absl/strings/escaping.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/strip.h>
#include <absl/time/time.h>
#include <arpa/inet.h>
#include <openssl/err.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <ctime>
#include <utility>

#include "contract/text.h"
#include "endpoints/target.h"
#include "transport/diagnosis_socket.h"
#include "transport/http2_settings.h"
#include "transport/openssl_handles.h"
#include "transport/tls_material.h"

namespace dispatchctl {
inline namespace DISPATCHCTL_ABI {
namespace {

using internal::Quoted;
using internal::View;
using Clock = std::chrono::steady_clock;

// Of names and certificates that are shown.
constexpr std::size_t kMostNames = 100;
constexpr int kMostCertificates = 20;

// More than any server's settings take.
constexpr std::size_t kChunk = 1024;

// OpenSSL writes without MSG_NOSIGNAL; what becomes of SIGPIPE is the application's business.
class NoBrokenPipeSignal {
 public:
  NoBrokenPipeSignal() {
    sigset_t pending;
    ::sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGPIPE) == 1;
    sigemptyset(&set_);
    sigaddset(&set_, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &set_, &before_);
  }
  ~NoBrokenPipeSignal() {
    constexpr timespec kNow{0, 0};
    if (!was_pending_) ::sigtimedwait(&set_, nullptr, &kNow);
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  NoBrokenPipeSignal(const NoBrokenPipeSignal&) = delete;
  NoBrokenPipeSignal& operator=(const NoBrokenPipeSignal&) = delete;

 private:
  sigset_t set_;
  sigset_t before_;
  bool was_pending_;
};

std::string HostOf(std::string_view authority) {
  absl::string_view host = View(authority);
  host = host.substr(0, host.rfind(':'));
  if (absl::ConsumePrefix(&host, "[")) absl::ConsumeSuffix(&host, "]");
  return std::string(host);
}

// As the channels have it: the override, else the host of the target that the endpoint belongs to.
std::string ServerNameFor(const ClientOptions& options, std::string_view endpoint) {
  if (!options.tls.server_name.empty()) return options.tls.server_name;
  const absl::StatusOr<internal::Target> target = internal::ParseTarget(options.target);
  if (!target.ok()) return {};
  for (const internal::EndpointAddress& address : target->addresses) {
    if (address.address.name == endpoint) {
      return absl::StrContains(address.authority, ':') ? HostOf(address.authority) : address.authority;
    }
  }
  return target->names.empty() ? std::string() : target->names.front().host;
}

std::string Printable(std::string_view text) {
  return absl::CHexEscape(View(text));
}

std::string NameText(const X509_NAME* name) {
  const internal::BioHandle bio(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return Printable({data, static_cast<std::size_t>(std::max(size, 0L))});
}

std::chrono::system_clock::time_point TimeOf(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return {};
  return std::chrono::system_clock::from_time_t(::timegm(&parts));
}

std::vector<std::string> NamesOf(const X509* certificate) {
  std::vector<std::string> names;
  auto* const alternatives =
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(alternatives) && names.size() < kMostNames; ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(alternatives, i);
    if (name->type == GEN_DNS) {
      names.push_back(Printable({reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName)),
                                 static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName))}));
    } else if (name->type == GEN_IPADD) {
      const int family = ASN1_STRING_length(name->d.iPAddress) == 4 ? AF_INET : AF_INET6;
      if (family == AF_INET6 && ASN1_STRING_length(name->d.iPAddress) != 16) continue;
      std::array<char, INET6_ADDRSTRLEN> text{};
      ::inet_ntop(family, ASN1_STRING_get0_data(name->d.iPAddress), text.data(), text.size());
      names.emplace_back(text.data());
    }
  }
  GENERAL_NAMES_free(alternatives);
  return names;
}

CertificateSummary Summarize(const X509* certificate) {
  return {.subject = NameText(X509_get_subject_name(certificate)),
          .issuer = NameText(X509_get_issuer_name(certificate)),
          .names = NamesOf(certificate),
          .not_before = TimeOf(X509_get0_notBefore(certificate)),
          .not_after = TimeOf(X509_get0_notAfter(certificate))};
}

std::string Day(std::chrono::system_clock::time_point time) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", absl::FromChrono(time), absl::UTCTimeZone());
}

// The first error of the verification, and what it was about.
struct VerifyFailure {
  int error = X509_V_OK;
  CertificateSummary certificate;
};

// False: what stopped it is in `out`.
bool ConnectFor(internal::DiagnosisSocket& socket, std::string_view endpoint, ConnectionDiagnosis& out) {
  const Clock::time_point begin = Clock::now();
  const absl::Status connected = socket.Connect(endpoint);
  out.connect_time = Clock::now() - begin;
  if (connected.ok()) return true;
  out.problem = absl::IsUnavailable(connected) ? ConnectionProblem::kNotConnected : ConnectionProblem::kOther;
  out.cause = std::string(connected.message());
  return false;
}

// What became of reading a server's settings.
std::string_view NotHttp2(std::string_view answer) {
  return absl::StartsWith(View(answer), "HTTP/1.")
             ? "the server speaks HTTP/1.1 where HTTP/2 was expected"
             : "the server does not speak HTTP/2: its answer does not begin with settings";
}

// A diagnosis in TLS under way.
class TlsProbe {
 public:
  TlsProbe(const ClientOptions& options, std::string_view endpoint, std::chrono::milliseconds timeout)
      : options_(options), endpoint_(endpoint), socket_(Clock::now() + timeout) {
    out_.server_name = ServerNameFor(options, endpoint);
  }

  ConnectionDiagnosis Run() {
    const NoBrokenPipeSignal no_signal;
    ERR_clear_error();
    const absl::StatusOr<std::unique_ptr<internal::TlsFiles>> files =
        internal::TlsFiles::Open(options_.tls, nullptr, Clock::now());
    if (!files.ok()) return Found(ConnectionProblem::kLocalFiles, View(files.status().message()));
    const std::shared_ptr<const internal::TlsMaterial> material = (*files)->Get(Clock::now());
    if (ConnectFor(socket_, endpoint_, out_)) Speak(*material);
    ERR_clear_error();
    return out_;
  }

 private:
  const ConnectionDiagnosis& Found(ConnectionProblem problem, std::string_view cause) {
    out_.problem = problem;
    out_.cause = cause;
    return out_;
  }

  static int OnVerify(int ok, X509_STORE_CTX* store) {
    if (ok == 1) return 1;
    const auto* const ssl =
        static_cast<const SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
    auto* const failure = static_cast<VerifyFailure*>(SSL_get_app_data(ssl));
    if (failure->error == X509_V_OK) {
      failure->error = X509_STORE_CTX_get_error(store);
      if (const X509* current = X509_STORE_CTX_get_current_cert(store)) {
        failure->certificate = Summarize(current);
      }
    }
    // Goes on, so that the rest can be looked at; nothing is sent over a connection that failed.
    return 1;
  }

  // Text from files that CheckTlsMaterial has let pass.
  static void Configure(SSL_CTX* context, const internal::TlsMaterial& material) {
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, OnVerify);
    if (material.roots.empty()) {
      SSL_CTX_set_default_verify_paths(context);
    } else {
      const internal::BioHandle bio = internal::ReadFrom(material.roots);
      while (const internal::CertificateHandle root{
          PEM_read_bio_X509_AUX(bio.get(), nullptr, nullptr, nullptr)}) {
        X509_STORE_add_cert(SSL_CTX_get_cert_store(context), root.get());
      }
    }
    if (!material.certificate_chain.empty()) {
      const internal::BioHandle bio = internal::ReadFrom(material.certificate_chain);
      const internal::CertificateHandle leaf(PEM_read_bio_X509_AUX(bio.get(), nullptr, nullptr, nullptr));
      SSL_CTX_use_certificate(context, leaf.get());
      while (X509* const issuer = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) {
        SSL_CTX_add_extra_chain_cert(context, issuer);
      }
      const internal::KeyHandle key(
          PEM_read_bio_PrivateKey(internal::ReadFrom(material.private_key).get(), nullptr, nullptr, nullptr));
      SSL_CTX_use_PrivateKey(context, key.get());
    }
    ERR_clear_error();
  }

  static int OnCertificateRequest(SSL*, void* asked) {
    *static_cast<bool*>(asked) = true;
    return 1;
  }

  void Speak(const internal::TlsMaterial& material) {
    const Clock::time_point begin = Clock::now();
    const internal::SslContextHandle context(SSL_CTX_new(TLS_client_method()));
    Configure(context.get(), material);
    SSL_CTX_set_cert_cb(context.get(), OnCertificateRequest, &asked_for_certificate_);
    const internal::SslHandle ssl(SSL_new(context.get()));
    SSL_set_app_data(ssl.get(), &verify_);
    constexpr std::array<unsigned char, 3> kAlpn{2, 'h', '2'};
    SSL_set_alpn_protos(ssl.get(), kAlpn.data(), kAlpn.size());
    if (!out_.server_name.empty()) {
      // Of addresses no SNI is sent (RFC 6066, section 3).
      if (internal::IsIpLiteral(out_.server_name)) {
        X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), out_.server_name.c_str());
      } else {
        SSL_set_tlsext_host_name(ssl.get(), out_.server_name.c_str());
        SSL_set1_host(ssl.get(), out_.server_name.c_str());
      }
    }
    SSL_set_fd(ssl.get(), socket_.fd());
    SSL_set_connect_state(ssl.get());

    const Result handshake = Drive(ssl.get(), [&] { return SSL_do_handshake(ssl.get()); });
    out_.handshake_time = Clock::now() - begin;
    Describe(ssl.get());
    if (verify_.error != X509_V_OK) {
      ExplainVerification();
      return;
    }
    if (handshake != Result::kDone) {
      ExplainEnd(handshake, /*handshake=*/true);
      return;
    }
    if (out_.alpn != "h2") {
      Found(ConnectionProblem::kNoHttp2, "the server speaks TLS, but does not offer HTTP/2 (ALPN h2)");
      return;
    }
    ReadSettings(ssl.get());
  }

  // With TLS 1.3 a server's verdict on the client's certificate comes here, after the client's handshake.
  void ReadSettings(SSL* ssl) {
    const Clock::time_point begin = Clock::now();
    Result result = Drive(
        ssl, [&] { return SSL_write(ssl, internal::kHttp2Preface.data(), internal::kHttp2Preface.size()); });
    internal::Http2SettingsReader reader;
    auto state = internal::Http2SettingsReader::State::kNeedsMore;
    while (result == Result::kDone && state == internal::Http2SettingsReader::State::kNeedsMore) {
      std::array<char, kChunk> answer{};
      int size = 0;
      result = Drive(ssl, [&] { return size = SSL_read(ssl, answer.data(), answer.size()); });
      if (result == Result::kDone) state = reader.Feed({answer.data(), static_cast<std::size_t>(size)});
    }
    out_.settings_time = Clock::now() - begin;
    if (result != Result::kDone) {
      ExplainEnd(result, /*handshake=*/false);
    } else if (state == internal::Http2SettingsReader::State::kNotHttp2) {
      Found(ConnectionProblem::kNoHttp2, NotHttp2(reader.bytes()));
    } else {
      out_.http2 = reader.settings();
      Found(ConnectionProblem::kNone, "");
    }
  }

  enum class Result { kDone, kTimedOut, kClosed, kFailed };

  template <class Step>
  Result Drive(SSL* ssl, Step step) {
    for (;;) {
      ERR_clear_error();
      errno = 0;
      const int outcome = step();
      if (outcome > 0) return Result::kDone;
      const int error = errno;
      switch (SSL_get_error(ssl, outcome)) {
        case SSL_ERROR_WANT_READ:
          if (!socket_.Wait(POLLIN)) return Result::kTimedOut;
          break;
        case SSL_ERROR_WANT_WRITE:
          if (!socket_.Wait(POLLOUT)) return Result::kTimedOut;
          break;
        case SSL_ERROR_ZERO_RETURN:
          return Result::kClosed;
        case SSL_ERROR_SYSCALL:
          system_error_ = error;
          return Result::kClosed;
        default:
          error_ = ERR_peek_error();
          return ERR_GET_REASON(error_) == SSL_R_UNEXPECTED_EOF_WHILE_READING ? Result::kClosed
                                                                              : Result::kFailed;
      }
    }
  }

  void Describe(SSL* ssl) {
    if (SSL_is_init_finished(ssl) == 1) out_.protocol = SSL_get_version(ssl);
    const unsigned char* alpn = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(ssl, &alpn, &size);
    out_.alpn = Printable({reinterpret_cast<const char*>(alpn), size});
    STACK_OF(X509)* const chain = SSL_get_peer_cert_chain(ssl);
    for (int i = 0; i < sk_X509_num(chain) && i < kMostCertificates; ++i) {
      out_.chain.push_back(Summarize(sk_X509_value(chain, i)));
    }
  }

  std::string Whose(const CertificateSummary& certificate) const {
    const bool leaf = !out_.chain.empty() && certificate.subject == out_.chain.front().subject &&
                      certificate.not_after == out_.chain.front().not_after;
    return absl::StrCat(leaf ? "the server's certificate" : "a certificate in the server's chain", " (",
                        certificate.subject, ")");
  }

  void ExplainVerification() {
    const CertificateSummary& certificate = verify_.certificate;
    const std::string whose = Whose(certificate);
    switch (verify_.error) {
      case X509_V_ERR_CERT_HAS_EXPIRED:
        Found(ConnectionProblem::kExpired, absl::StrCat(whose, " expired on ", Day(certificate.not_after)));
        return;
      case X509_V_ERR_CERT_NOT_YET_VALID:
        Found(ConnectionProblem::kNotYetValid,
              absl::StrCat(whose, " is not valid before ", Day(certificate.not_before)));
        return;
      case X509_V_ERR_HOSTNAME_MISMATCH:
      case X509_V_ERR_IP_ADDRESS_MISMATCH:
        Found(ConnectionProblem::kWrongName,
              absl::StrCat(
                  whose, " is for ",
                  certificate.names.empty() ? "no name at all" : absl::StrJoin(certificate.names, ", "),
                  ", not for ", out_.server_name));
        return;
      case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        Found(ConnectionProblem::kSelfSigned,
              absl::StrCat(whose, " is self-signed, and not among the certificates that ", Trusting()));
        return;
      case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
      case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
      case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      case X509_V_ERR_CERT_SIGNATURE_FAILURE:
        Found(ConnectionProblem::kUntrusted,
              absl::StrCat(whose, " comes from ", certificate.issuer,
                           ", which is not among the authorities that ", Trusting()));
        return;
      default:
        Found(ConnectionProblem::kUntrusted,
              absl::StrCat(whose, " cannot be verified: ", X509_verify_cert_error_string(verify_.error)));
    }
  }

  std::string Trusting() const {
    return options_.tls.ca_file.empty() ? std::string("this system trusts")
                                        : absl::StrCat(Quoted(options_.tls.ca_file), " has");
  }

  void ExplainEnd(Result result, bool handshake) {
    const bool sent_certificate = !options_.tls.certificate_file.empty();
    if (result == Result::kTimedOut) {
      Found(ConnectionProblem::kTimedOut, handshake ? "timed out during the TLS handshake"
                                                    : "timed out waiting for the server's HTTP/2 settings");
    } else if (result == Result::kClosed) {
      // What gRPC's servers do instead of sending an alert.
      if (asked_for_certificate_ && sent_certificate) {
        Found(ConnectionProblem::kClientCertificateRefused,
              absl::StrCat("it seems that the server does not accept the client certificate in ",
                           Quoted(options_.tls.certificate_file),
                           " (it closed the connection after asking for one)"));
      } else if (asked_for_certificate_) {
        Found(ConnectionProblem::kClientCertificateMissing,
              "the server asked for a client certificate, and closed the connection without one");
      } else if (system_error_ != 0) {
        Found(ConnectionProblem::kClosed,
              absl::StrCat("the connection broke during the TLS handshake: ", std::strerror(system_error_)));
      } else {
        Found(ConnectionProblem::kClosed, "the server closed the connection during the TLS handshake");
      }
    } else {
      ExplainError(sent_certificate);
    }
  }

  void ExplainError(bool sent_certificate) {
    const int reason = ERR_GET_REASON(error_);
    const char* const text = ERR_reason_error_string(error_);
    const std::string said = text == nullptr ? std::string("unknown TLS error") : std::string(text);
    switch (reason) {
      case SSL_R_WRONG_VERSION_NUMBER:
      case SSL_R_PACKET_LENGTH_TOO_LONG:
      case SSL_R_HTTP_REQUEST:
      case SSL_R_HTTPS_PROXY_REQUEST:
      case SSL_R_UNEXPECTED_MESSAGE:
      case SSL_R_RECORD_LENGTH_MISMATCH:
        Found(ConnectionProblem::kNotTls, "the server does not speak TLS: its answer is not a TLS record");
        return;
      case SSL_R_UNSUPPORTED_PROTOCOL:
      case SSL_R_UNKNOWN_SSL_VERSION:
      case SSL_R_WRONG_SSL_VERSION:
      case SSL_R_VERSION_TOO_LOW:
      case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
        Found(ConnectionProblem::kProtocolVersion,
              "the server speaks no TLS 1.2 or later, and older versions are not safe to use");
        return;
      case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
        Found(ConnectionProblem::kClientCertificateMissing, "the server wants a client certificate");
        return;
      case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
      case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
      case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
      case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
      case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
      case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
      case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
      case SSL_R_TLSV1_ALERT_DECRYPT_ERROR:
        if (!sent_certificate) {
          Found(ConnectionProblem::kClientCertificateMissing,
                absl::StrCat("the server wants a client certificate (it said: ", said, ")"));
        } else {
          Found(ConnectionProblem::kClientCertificateRefused,
                absl::StrCat("the server does not accept the client certificate in ",
                             Quoted(options_.tls.certificate_file), " (it said: ", said, ")"));
        }
        return;
      case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
        // What servers of TLS 1.2 say to a client without a certificate.
        if (!sent_certificate) {
          Found(ConnectionProblem::kClientCertificateMissing,
                "the server broke the handshake off; it may want a client certificate");
          return;
        }
        break;
      case SSL_AD_REASON_OFFSET + SSL_AD_NO_APPLICATION_PROTOCOL:
        Found(ConnectionProblem::kNoHttp2, "the server speaks TLS, but does not offer HTTP/2 (ALPN h2)");
        return;
      default:
        break;
    }
    Found(ConnectionProblem::kOther, absl::StrCat("the TLS handshake failed: ", said));
  }

  const ClientOptions& options_;
  const std::string_view endpoint_;
  internal::DiagnosisSocket socket_;
  ConnectionDiagnosis out_;
  VerifyFailure verify_;
  unsigned long error_ = 0;
  int system_error_ = 0;
  bool asked_for_certificate_ = false;
};

// A diagnosis in plaintext under way.
class PlaintextProbe {
 public:
  PlaintextProbe(std::string_view endpoint, std::chrono::milliseconds timeout)
      : endpoint_(endpoint), socket_(Clock::now() + timeout) {}

  ConnectionDiagnosis Run() {
    if (!ConnectFor(socket_, endpoint_, out_)) return out_;
    const Clock::time_point begin = Clock::now();
    ReadSettings();
    out_.settings_time = Clock::now() - begin;
    return out_;
  }

 private:
  // The first byte of a TLS alert.
  static constexpr char kTlsAlert = 21;

  void Found(ConnectionProblem problem, std::string_view cause) {
    out_.problem = problem;
    out_.cause = cause;
  }

  void ReadSettings() {
    // So little goes into the buffer of a new connection at once.
    ::send(socket_.fd(), internal::kHttp2Preface.data(), internal::kHttp2Preface.size(), MSG_NOSIGNAL);
    internal::Http2SettingsReader reader;
    for (;;) {
      if (!socket_.Wait(POLLIN)) {
        Found(ConnectionProblem::kTimedOut, "timed out waiting for the server's HTTP/2 settings");
        return;
      }
      std::array<char, kChunk> answer{};
      const ssize_t size = ::recv(socket_.fd(), answer.data(), answer.size(), 0);
      if (size < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (size < 0) {
        Found(
            ConnectionProblem::kClosed,
            absl::StrCat("the connection broke before the server's HTTP/2 settings: ", std::strerror(errno)));
        return;
      }
      if (size == 0) {
        Explain(reader.bytes());
        return;
      }
      switch (reader.Feed({answer.data(), static_cast<std::size_t>(size)})) {
        case internal::Http2SettingsReader::State::kNeedsMore:
          break;
        case internal::Http2SettingsReader::State::kNotHttp2:
          Explain(reader.bytes());
          return;
        case internal::Http2SettingsReader::State::kDone:
          out_.http2 = reader.settings();
          Found(ConnectionProblem::kNone, "");
          return;
      }
    }
  }

  // What said no settings.
  void Explain(std::string_view answer) {
    if (answer.empty()) {
      Found(ConnectionProblem::kClosed, "the server closed the connection without a word; it may expect TLS");
    } else if (answer.front() == kTlsAlert) {
      Found(ConnectionProblem::kTlsExpected, "the server speaks TLS, and was spoken to in plaintext");
    } else {
      Found(ConnectionProblem::kNoHttp2, NotHttp2(answer));
    }
  }

  const std::string_view endpoint_;
  internal::DiagnosisSocket socket_;
  ConnectionDiagnosis out_;
};

}  // namespace

std::string_view ConnectionProblemName(ConnectionProblem problem) {
  switch (problem) {
    case ConnectionProblem::kNone:
      return "none";
    case ConnectionProblem::kLocalFiles:
      return "local_files";
    case ConnectionProblem::kNotConnected:
      return "not_connected";
    case ConnectionProblem::kTimedOut:
      return "timed_out";
    case ConnectionProblem::kNotTls:
      return "not_tls";
    case ConnectionProblem::kClosed:
      return "closed";
    case ConnectionProblem::kProtocolVersion:
      return "protocol_version";
    case ConnectionProblem::kUntrusted:
      return "untrusted";
    case ConnectionProblem::kSelfSigned:
      return "self_signed";
    case ConnectionProblem::kExpired:
      return "expired";
    case ConnectionProblem::kNotYetValid:
      return "not_yet_valid";
    case ConnectionProblem::kWrongName:
      return "wrong_name";
    case ConnectionProblem::kClientCertificateMissing:
      return "client_certificate_missing";
    case ConnectionProblem::kClientCertificateRefused:
      return "client_certificate_refused";
    case ConnectionProblem::kNoHttp2:
      return "no_http2";
    case ConnectionProblem::kTlsExpected:
      return "tls_expected";
    case ConnectionProblem::kOther:
      break;
  }
  return "other";
}

ConnectionDiagnosis DiagnoseTls(const ClientOptions& options, std::string_view endpoint,
                                std::chrono::milliseconds timeout) {
  return TlsProbe(options, endpoint, timeout).Run();
}

ConnectionDiagnosis DiagnosePlaintext(std::string_view endpoint, std::chrono::milliseconds timeout) {
  return PlaintextProbe(endpoint, timeout).Run();
}

}  // namespace DISPATCHCTL_ABI
}  // namespace dispatchctl
