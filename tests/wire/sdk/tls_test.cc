// Certificates and tokens that are replaced under running clients and servers.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "certificates.h"
#include "dispatchctl/connection_diagnosis.h"
#include "service.h"

namespace dispatchctl {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// A bound that only a failure reaches.
constexpr seconds kPatience{60};

// What was said, from whatever thread.
class Sayings {
 public:
  void Add(std::string_view text) {
    const std::lock_guard<std::mutex> lock(mutex_);
    said_.emplace_back(text);
  }
  std::vector<std::string> all() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return said_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> said_;
};

class TlsTest : public testing::Test {
 protected:
  TlsTest() {
    WritePair("server", authority_.Sign("first server"));
    WritePair("client", authority_.Sign("first client"));
    files_.Write("authority.pem", authority_.certificate());
    files_.Write("clients.pem", authority_.certificate());
  }

  void WritePair(const std::string& name, const CertificatePair& pair) const {
    files_.Write(name + "-key.pem", pair.key);
    files_.Write(name + ".pem", pair.certificate);
  }

  mock::MockServerOptions ServerOptions(bool client_certificates = false) {
    mock::MockServerOptions options;
    options.tls.certificate_path = files_.Path("server.pem");
    options.tls.key_path = files_.Path("server-key.pem");
    if (client_certificates) options.tls.client_ca_path = files_.Path("clients.pem");
    options.log = [this](mock::LogLevel, std::string_view text) { log_.Add(text); };
    return options;
  }

  ClientOptions Options(const Service& service, bool client_certificate = false) {
    ClientOptions options;
    options.target = service.target();
    options.security = TransportSecurity::kTls;
    options.tls.ca_file = files_.Path("authority.pem");
    if (client_certificate) {
      options.tls.certificate_file = files_.Path("client.pem");
      options.tls.private_key_file = files_.Path("client-key.pem");
    }
    options.on_warning = [this](std::string_view text) { warnings_.Add(text); };
    return options;
  }

  static absl::Status LookUp(const Client& client) { return client.GetCourierStatus("courier-42").status(); }

  // Looks up until `wanted` is so, as what a client does with new files is done when it is used.
  static bool LookUpUntil(const Client& client, const std::function<bool(const absl::Status&)>& wanted) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < deadline) {
      if (wanted(LookUp(client))) return true;
      std::this_thread::yield();
    }
    return false;
  }

  const TestFiles files_;
  const CertificateAuthority authority_{"authority"};
  const CertificateAuthority stranger_{"stranger"};
  Sayings log_;
  Sayings warnings_;
};

TEST_F(TlsTest, AnswersOverTls) {
  const Service service(ServerOptions());
  EXPECT_EQ(LookUp(Service::Connect(Options(service))), absl::OkStatus());
  EXPECT_THAT(warnings_.all(), IsEmpty());
}

TEST_F(TlsTest, RelayedBackendsSpeakTlsToo) {
  mock::MockServerOptions options = ServerOptions();
  options.connection_faults = true;
  const Service service(std::move(options));
  EXPECT_EQ(LookUp(Service::Connect(Options(service))), absl::OkStatus());
}

TEST_F(TlsTest, ServerUsesReplacedFilesForNewConnectionsAndKeepsTheOldOnes) {
  const Service service(ServerOptions());
  const Client before = Service::Connect(Options(service));
  EXPECT_EQ(LookUp(before), absl::OkStatus());
  WritePair("server", stranger_.Sign("second server"));
  EXPECT_EQ(LookUp(before), absl::OkStatus());
  EXPECT_FALSE(LookUp(Service::Connect(Options(service))).ok());
  ClientOptions options = Options(service);
  options.tls.ca_file = files_.Write("stranger.pem", stranger_.certificate());
  EXPECT_EQ(LookUp(Service::Connect(options)), absl::OkStatus());
}

TEST_F(TlsTest, ServerKeepsItsFilesUntilTheNextOnesFitTogether) {
  const Service service(ServerOptions());
  const CertificatePair next = stranger_.Sign("second server");
  files_.Write("server.pem", next.certificate);
  EXPECT_EQ(LookUp(Service::Connect(Options(service))), absl::OkStatus());
  EXPECT_THAT(log_.all(), testing::Contains(AllOf(HasSubstr("server-key.pem"), HasSubstr("stays in use"))));
  files_.Write("server-key.pem", next.key);
  EXPECT_FALSE(LookUp(Service::Connect(Options(service))).ok());
}

TEST_F(TlsTest, ServerTurnsClientsAwayWhoseAuthorityWasReplaced) {
  const Service service(ServerOptions(/*client_certificates=*/true));
  EXPECT_EQ(LookUp(Service::Connect(Options(service, /*client_certificate=*/true))), absl::OkStatus());
  EXPECT_FALSE(LookUp(Service::Connect(Options(service))).ok());
  files_.Write("clients.pem", stranger_.certificate());
  EXPECT_FALSE(LookUp(Service::Connect(Options(service, /*client_certificate=*/true))).ok());
}

TEST_F(TlsTest, ClientUsesReplacedFilesForNewConnections) {
  const Service first(ServerOptions(/*client_certificates=*/true));
  const Client client = Service::Connect(Options(first, /*client_certificate=*/true));
  EXPECT_EQ(LookUp(client), absl::OkStatus());
  // From now on the server takes clients of another authority only.
  files_.Write("clients.pem", stranger_.certificate());
  WritePair("client", stranger_.Sign("second client"));
  const Client witness = Service::Connect(Options(first, /*client_certificate=*/true));
  EXPECT_EQ(LookUp(witness), absl::OkStatus());
  // The old one would be refused: answers over a connection that is made anew say that the new one is used.
  const Client late = Service::Connect(Options(first, /*client_certificate=*/true));
  EXPECT_EQ(LookUp(late), absl::OkStatus());
  EXPECT_THAT(warnings_.all(), IsEmpty());
}

TEST_F(TlsTest, ClientMovesToAConnectionWithReplacedFilesWithoutAFailedCall) {
  // Connections end, so that one is made anew after the change, whatever the client does.
  mock::MockServerOptions server_options = ServerOptions(/*client_certificates=*/true);
  server_options.max_connection_age = milliseconds(200);
  const Service service(std::move(server_options));
  const Client client = Service::Connect(Options(service, /*client_certificate=*/true));
  EXPECT_EQ(LookUp(client), absl::OkStatus());

  // Both are accepted for as long as the client needs to see the change.
  files_.Write("clients.pem", authority_.certificate() + stranger_.certificate());
  WritePair("client", stranger_.Sign("second client"));
  const auto seen = std::chrono::steady_clock::now() + milliseconds(2500);
  EXPECT_TRUE(LookUpUntil(client, [&](const absl::Status& status) {
    EXPECT_EQ(status, absl::OkStatus());
    return std::chrono::steady_clock::now() > seen;
  }));
  files_.Write("clients.pem", stranger_.certificate());
  const auto aged = std::chrono::steady_clock::now() + milliseconds(1000);
  EXPECT_TRUE(LookUpUntil(client, [&](const absl::Status& status) {
    EXPECT_EQ(status, absl::OkStatus());
    return std::chrono::steady_clock::now() > aged;
  }));
}

TEST_F(TlsTest, ClientKeepsItsFilesWhenTheNextAreUnusable) {
  mock::MockServerOptions server_options = ServerOptions(/*client_certificates=*/true);
  server_options.max_connection_age = milliseconds(200);
  const Service service(std::move(server_options));
  const Client client = Service::Connect(Options(service, /*client_certificate=*/true));
  EXPECT_EQ(LookUp(client), absl::OkStatus());
  files_.Write("client-key.pem", stranger_.Sign("another").key);
  EXPECT_TRUE(LookUpUntil(client, [&](const absl::Status& status) {
    EXPECT_EQ(status, absl::OkStatus());
    return !warnings_.all().empty();
  }));
  EXPECT_THAT(warnings_.all(), SizeIs(1));
  EXPECT_THAT(warnings_.all().front(), AllOf(HasSubstr("tls.private_key_file"), HasSubstr("client-key.pem"),
                                             HasSubstr("stays in use")));
  files_.Write("authority.pem", "-----BEGIN CERTIFICATE-----\nhalf");
  EXPECT_TRUE(LookUpUntil(client, [&](const absl::Status& status) {
    EXPECT_EQ(status, absl::OkStatus());
    return warnings_.all().size() == 2;
  }));
}

TEST_F(TlsTest, ClientOfAServerWithANewAuthorityConnectsOnceItsOwnFileSaysSo) {
  mock::MockServerOptions server_options = ServerOptions();
  server_options.max_connection_age = milliseconds(200);
  const Service service(std::move(server_options));
  const Client client = Service::Connect(Options(service));
  EXPECT_EQ(LookUp(client), absl::OkStatus());
  WritePair("server", stranger_.Sign("second server"));
  EXPECT_TRUE(LookUpUntil(client, [](const absl::Status& status) { return !status.ok(); }));
  files_.Write("authority.pem", stranger_.certificate());
  EXPECT_TRUE(LookUpUntil(client, [](const absl::Status& status) { return status.ok(); }));
}

TEST_F(TlsTest, EveryEndpointOfAPoolFollows) {
  mock::MockServerOptions server_options = ServerOptions();
  server_options.listen.assign(3, "127.0.0.1:0");
  server_options.max_connection_age = milliseconds(200);
  const Service service(std::move(server_options));
  const Client client = Service::Connect(Options(service));
  EXPECT_EQ(LookUp(client), absl::OkStatus());
  WritePair("server", stranger_.Sign("second server"));
  files_.Write("authority.pem", stranger_.certificate());
  // By then none has a connection that was made before.
  const auto aged = std::chrono::steady_clock::now() + seconds(2);
  EXPECT_TRUE(LookUpUntil(client, [&](const absl::Status&) {
    const std::vector<EndpointStatus> endpoints = client.Endpoints();
    return std::chrono::steady_clock::now() > aged &&
           std::all_of(endpoints.begin(), endpoints.end(), [](const EndpointStatus& endpoint) {
             return endpoint.state == EndpointState::kReady;
           });
  }));
  EXPECT_EQ(LookUp(client), absl::OkStatus());
}

TEST_F(TlsTest, DiagnosisTellsTheChain) {
  const Service service(ServerOptions());
  const ConnectionDiagnosis diagnosis = DiagnoseTls(Options(service), service.target(), kPatience);
  EXPECT_EQ(diagnosis.problem, ConnectionProblem::kNone) << diagnosis.cause;
  EXPECT_EQ(diagnosis.cause, "");
  EXPECT_EQ(diagnosis.protocol, "TLSv1.3");
  EXPECT_EQ(diagnosis.alpn, "h2");
  EXPECT_EQ(diagnosis.server_name, "127.0.0.1");
  ASSERT_THAT(diagnosis.chain, SizeIs(1));
  EXPECT_EQ(diagnosis.chain[0].subject, "CN=first server");
  EXPECT_EQ(diagnosis.chain[0].issuer, "CN=authority");
  EXPECT_THAT(diagnosis.chain[0].names, testing::ElementsAre("localhost", "127.0.0.1"));
  EXPECT_LT(diagnosis.chain[0].not_before, std::chrono::system_clock::now());
  EXPECT_GT(diagnosis.chain[0].not_after, std::chrono::system_clock::now() + std::chrono::hours(20));
}

TEST_F(TlsTest, DiagnosisOfAServerThatIsNotThere) {
  ClientOptions options;
  options.target = "unix:" + files_.Path("none");
  EXPECT_EQ(DiagnoseTls(options, options.target, kPatience).problem, ConnectionProblem::kNotConnected);
  EXPECT_EQ(DiagnoseTls(options, "xds:///name", kPatience).problem, ConnectionProblem::kOther);
}

class TokenTest : public TlsTest {
 protected:
  TokenTest() {
    files_.Write("accepted", "one lookup,assign\n");
    files_.Write("token", "one\n");
  }

  mock::MockServerOptions ServerOptions() {
    mock::MockServerOptions options;
    options.token_path = files_.Path("accepted");
    return options;
  }

  ClientOptions Options() const {
    ClientOptions options;
    options.token_file = files_.Path("token");
    return options;
  }
};

TEST_F(TokenTest, F27IsRefreshedWhenTheServerRefusesIt) {
  const Service service(ServerOptions());
  const Client client = service.client(Options());
  EXPECT_EQ(LookUp(client), absl::OkStatus());
  files_.Write("accepted", "another lookup\n");
  files_.Write("token", "another\n");
  EXPECT_EQ(LookUp(client), absl::OkStatus());
}

TEST_F(TokenTest, F27RefusalIsFinalWhenThereIsNoOther) {
  const Service service(ServerOptions());
  const Client client = service.client(Options());
  files_.Write("accepted", "another lookup\n");
  CallReport report;
  EXPECT_EQ(client.GetCourierStatus("courier-1", {}, &report).status().code(),
            absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(report.attempts, 1);
}

TEST_F(TokenTest, ManyLookupsAtOnceOutliveAReplacement) {
  const Service service(ServerOptions());
  const Client client = service.client(Options());
  std::atomic<int> answered{0};
  std::atomic<int> failed{0};
  BulkLookupOptions options;
  options.max_in_flight = 64;
  options.on_result = [&](LookupItem&& item) {
    ++(item.status.ok() ? answered : failed);
    answered.notify_all();
  };
  auto lookup = client.StartBulkLookup(std::move(options));
  ASSERT_TRUE(lookup.ok());
  constexpr int kLookups = 5000;
  for (int i = 0; i < kLookups; ++i) {
    if (i == kLookups / 2) {
      // In this order no call is made that has no way to succeed.
      files_.Write("accepted", "one lookup\nanother lookup\n");
      files_.Write("token", "another\n");
      files_.Write("accepted", "another lookup\n");
    }
    ASSERT_TRUE((*lookup)->Submit("courier-1", 0).ok());
  }
  (*lookup)->Finish();
  EXPECT_EQ(answered.load(), kLookups);
  EXPECT_EQ(failed.load(), 0);
}

TEST_F(TokenTest, F27StreamsAreResumedWithTheNewOne) {
  mock::MockServerOptions server_options = ServerOptions();
  server_options.faults = {"close-after=2:UNAUTHENTICATED,first=1"};
  const Service service(std::move(server_options));
  const Client client = service.client(Options());
  auto stream = client.StreamAssignments();
  ASSERT_TRUE(stream.ok());
  ASSERT_TRUE((*stream)->Submit({"a-1", "courier-1", "z"}).ok());
  ASSERT_TRUE((*stream)->Next());
  files_.Write("accepted", "another assign\n");
  files_.Write("token", "another\n");
  for (const char* const id : {"a-2", "a-3"}) ASSERT_TRUE((*stream)->Submit({id, "courier-1", "z"}).ok());
  EXPECT_EQ((*stream)->Finish(), absl::OkStatus());
  EXPECT_EQ((*stream)->statistics().acknowledged, 3U);
}

TEST_F(TokenTest, ScopesSayWhoMayDoWhat) {
  files_.Write("accepted", "one lookup\n");
  const Service service(ServerOptions());
  const Client client = service.client(Options());
  EXPECT_EQ(LookUp(client), absl::OkStatus());
  auto stream = client.StreamAssignments();
  ASSERT_TRUE(stream.ok());
  (*stream)->Submit({"a-1", "courier-1", "z"}).IgnoreError();
  EXPECT_EQ((*stream)->Finish().code(), absl::StatusCode::kPermissionDenied);
}

TEST_F(TokenTest, AuthorizationBesideItIsRefused) {
  ClientOptions options = Options();
  options.target = "127.0.0.1:1";
  options.call_defaults.metadata = {{"Authorization", "Bearer x"}};
  EXPECT_EQ(Client::Create(options).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace dispatchctl
