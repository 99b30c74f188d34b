#include "dispatchctl/mock_server.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "mock-server/domain/acceptance_rule.h"
#include "mock-server/domain/courier_directory.h"
#include "mock-server/faults/scenario.h"
#include "mock-server/recording/call_record.h"
#include "mock-server/server/mock_server.h"
#include "mock-server/storage/courier_file.h"

namespace dispatchctl {
inline namespace DISPATCHCTL_ABI {
namespace {

// An unusable file is the same kind of error whatever is in it.
absl::Status FileError(absl::string_view option, const absl::Status& status) {
  return absl::FailedPreconditionError(absl::StrCat(option, ": ", status.message()));
}

absl::Status Validate(const MockServerOptions& options) {
  if (options.latency.count() < 0) return absl::InvalidArgumentError("latency: must not be negative");
  if (options.jitter.count() < 0) return absl::InvalidArgumentError("jitter: must not be negative");
  if (options.max_connection_age.count() < 0) {
    return absl::InvalidArgumentError("max_connection_age: must not be negative");
  }
  if (options.max_concurrent_streams < 0) {
    return absl::InvalidArgumentError("max_concurrent_streams: must not be negative");
  }
  if (options.keepalive_min.count() <= 0) {
    return absl::InvalidArgumentError("keepalive_min: must be greater than zero");
  }
  if (options.tls_certificate_file.empty() != options.tls_key_file.empty()) {
    return absl::InvalidArgumentError("tls_certificate_file and tls_key_file: give both or none");
  }
  if (!options.client_ca_file.empty() && options.tls_certificate_file.empty()) {
    return absl::InvalidArgumentError("client_ca_file: needs tls_certificate_file and tls_key_file");
  }
  return absl::OkStatus();
}

absl::StatusOr<mock::MockServerOptions> Read(const MockServerOptions& options) {
  if (absl::Status status = Validate(options); !status.ok()) return status;
  mock::MockServerOptions read;
  read.listen = options.listen;
  absl::StatusOr<mock::AcceptanceRule> accept = mock::AcceptanceRule::Parse(options.accept);
  if (!accept.ok()) return absl::InvalidArgumentError(absl::StrCat("accept: ", accept.status().message()));
  read.accept = *accept;
  if (!options.couriers_file.empty()) {
    absl::StatusOr<std::vector<mock::Courier>> couriers = mock::LoadCouriers(options.couriers_file);
    if (!couriers.ok()) return FileError("couriers_file", couriers.status());
    read.directory = std::make_shared<mock::InMemoryCourierDirectory>(*std::move(couriers));
  }
  if (!options.scenario_file.empty()) {
    absl::StatusOr<mock::ScenarioFile> scenarios = mock::LoadScenarios(options.scenario_file);
    if (!scenarios.ok()) return FileError("scenario_file", scenarios.status());
    read.scenarios = *std::move(scenarios);
  }
  read.seed = options.seed;
  read.journal_path = options.journal_file;
  read.latency = options.latency;
  read.jitter = options.jitter;
  read.faults = options.faults;
  read.metadata_faults = options.allow_metadata_faults;
  read.record_bytes = options.record_bytes;
  read.connection_faults = options.connection_faults;
  read.max_connection_age = options.max_connection_age;
  read.max_concurrent_streams = options.max_concurrent_streams;
  read.keepalive_min = options.keepalive_min;
  read.tls.certificate_path = options.tls_certificate_file;
  read.tls.key_path = options.tls_key_file;
  read.tls.client_ca_path = options.client_ca_file;
  read.token_path = options.token_file;
  return read;
}

MockCall Translate(mock::CallRecord&& record) {
  MockCall call;
  call.number = record.number;
  call.method = std::move(record.method);
  call.backend = record.listen;
  call.metadata = std::move(record.metadata);
  for (mock::CallRecord::Message& message : record.messages) {
    (message.from_client ? call.requests : call.responses).push_back(std::move(message.json));
  }
  if (record.end) call.status = absl::Status(record.end->code, record.end->message);
  return call;
}

}  // namespace

class MockServer::Implementation {
 public:
  explicit Implementation(std::unique_ptr<mock::MockServer> server) : server_(std::move(server)) {}

  mock::MockServer& server() const { return *server_; }

 private:
  std::unique_ptr<mock::MockServer> server_;
};

absl::StatusOr<std::unique_ptr<MockServer>> MockServer::Start(const MockServerOptions& options) {
  absl::StatusOr<mock::MockServerOptions> read = Read(options);
  if (!read.ok()) return read.status();
  absl::StatusOr<std::unique_ptr<mock::MockServer>> server = mock::MockServer::Start(*std::move(read));
  if (!server.ok()) return server.status();
  return std::unique_ptr<MockServer>(new MockServer(std::make_unique<Implementation>(*std::move(server))));
}

MockServer::MockServer(std::unique_ptr<Implementation> implementation)
    : implementation_(std::move(implementation)) {}

MockServer::~MockServer() = default;

std::string MockServer::target() const {
  const auto is_unix = [](const std::string& address) { return absl::StartsWith(address, "unix:"); };
  std::vector<std::string> named = addresses();
  if (!named.empty() && is_unix(named.front())) return named.front();
  named.erase(std::remove_if(named.begin(), named.end(), is_unix), named.end());
  return absl::StrJoin(named, ",");
}

const std::vector<std::string>& MockServer::addresses() const {
  return implementation_->server().addresses();
}

absl::Status MockServer::SetFaults(const std::vector<std::string>& faults) {
  return implementation_->server().SetFaults(faults);
}

void MockServer::ClearFaults() {
  implementation_->server().ClearFaults();
}

absl::Status MockServer::SetScenario(std::string_view text) {
  return implementation_->server().SetScenarios(mock::ParseScenarios(text, "scenario"));
}

void MockServer::SetServing(bool serving) {
  implementation_->server().SetHealth(serving);
}

absl::Status MockServer::Goaway() {
  return implementation_->server().Goaway();
}

std::vector<MockCall> MockServer::calls() const {
  std::vector<MockCall> calls;
  if (absl::StatusOr<mock::CallList> list = implementation_->server().calls(); list.ok()) {
    for (mock::CallRecord& record : list->calls) calls.push_back(Translate(std::move(record)));
  }
  return calls;
}

std::string MockServer::Complaints(const std::vector<std::string>& expectations) const {
  return implementation_->server().Complaints(expectations);
}

absl::Status MockServer::Reset() {
  return implementation_->server().Reset();
}

void MockServer::Stop(std::chrono::milliseconds grace) {
  implementation_->server().Shutdown(grace);
}

}  // namespace DISPATCHCTL_ABI
}  // namespace dispatchctl
