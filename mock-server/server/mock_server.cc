#include "mock-server/server/mock_server.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string>
#include <thread>
#include <utility>

#include "mock-server/adapter/call_records.h"
#include "mock-server/adapter/health_board.h"
#include "mock-server/server/admin_server.h"
#include "mock-server/server/backend.h"
#include "mock-server/server/listen_address.h"
#include "mock-server/server/server_credentials.h"
#include "mock-server/sessions/session_table.h"
#include "mock-server/storage/file_journal.h"
#include "mock-server/storage/token_file.h"

namespace dispatchctl::mock {
namespace {

// Logs the first failure; every call that meets it afterwards fails with it anyway.
class LoggedJournal final : public AssignmentJournal {
 public:
  LoggedJournal(std::unique_ptr<AssignmentJournal> journal,
                std::function<void(LogLevel, std::string_view)> log)
      : journal_(std::move(journal)), log_(std::move(log)) {}

  absl::Status Append(const JournalEntry& entry) override { return Logged(journal_->Append(entry)); }
  absl::Status Commit() override { return Logged(journal_->Commit()); }

 private:
  absl::Status Logged(absl::Status status) {
    if (!status.ok() && log_) {
      std::call_once(logged_, [&] { log_(LogLevel::kError, std::string(status.message())); });
    }
    return status;
  }

  std::unique_ptr<AssignmentJournal> journal_;
  std::function<void(LogLevel, std::string_view)> log_;
  std::once_flag logged_;
};

absl::StatusOr<std::vector<FaultRule>> ParseFaults(const std::vector<std::string>& specs,
                                                   std::size_t backends) {
  std::vector<FaultRule> rules;
  for (const std::string& spec : specs) {
    absl::StatusOr<FaultRule> rule = ParseFault(spec);
    if (!rule.ok()) return rule.status();
    if (rule->listen.value_or(0) >= backends) {
      return absl::InvalidArgumentError(fmt::format("fault '{}': listen: there is no backend {}; use 0 to {}",
                                                    spec, *rule->listen, backends - 1));
    }
    rules.push_back(*std::move(rule));
  }
  return rules;
}

// Null: there is none.
const FaultRule* FirstOfConnections(const std::vector<FaultRule>& rules) {
  const auto found = std::find_if(rules.begin(), rules.end(), [](const FaultRule& rule) {
    return rule.AppliesTo(FaultScope::kConnection);
  });
  return found == rules.end() ? nullptr : &*found;
}

absl::Status CheckScenarios(const ScenarioFile& file, std::size_t backends) {
  if (!file.errors.empty())
    return absl::InvalidArgumentError(fmt::format("{}", fmt::join(file.errors, "\n")));
  for (const Scenario& scenario : file.scenarios) {
    if (scenario.selection.listen.value_or(0) < backends) continue;
    return absl::InvalidArgumentError(fmt::format("scenario {}: listen: there is no backend {}; use 0 to {}",
                                                  scenario.where, *scenario.selection.listen, backends - 1));
  }
  return absl::OkStatus();
}

}  // namespace

class MockServer::Impl {
 public:
  absl::StatusOr<std::shared_ptr<Session>> FindSession(std::string_view name) const {
    std::shared_ptr<Session> session = sessions->Find(name);
    if (session != nullptr) return session;
    return absl::FailedPreconditionError(
        fmt::format("there is no session '{}': sessions are not served", name));
  }

  // Checked for that session.
  absl::StatusOr<std::vector<FaultRule>> Parse(const std::vector<std::string>& specs,
                                               const Session& session) const {
    absl::StatusOr<std::vector<FaultRule>> rules = ParseFaults(specs, addresses.size());
    if (!rules.ok()) return rules.status();
    const FaultRule* rule = FirstOfConnections(*rules);
    if (rule != nullptr && !relayed) {
      return absl::FailedPreconditionError(
          fmt::format("fault '{}' takes a server that was started with connection_faults", rule->spec));
    }
    if (rule != nullptr && !session.name().empty()) {
      return absl::InvalidArgumentError(
          fmt::format("fault '{}' concerns a connection, which belongs to no session", rule->spec));
    }
    return rules;
  }

  void FaultsChanged() {
    for (const auto& backend : backends) backend->FaultsChanged();
  }
  void HealthChanged() {
    for (const auto& backend : backends) backend->HealthChanged();
  }

  bool relayed = false;
  std::function<void()> on_stop;
  std::shared_ptr<ServerObserver> observer;
  std::unique_ptr<AssignmentJournal> journal;
  std::unique_ptr<SessionTable> sessions;
  HealthBoard health;
  std::unique_ptr<Authenticator> authenticator;  // null: everybody may do everything
  std::vector<std::unique_ptr<Backend>> backends;
  std::vector<std::string> addresses;
  std::unique_ptr<AdminServer> admin;
  std::string admin_address;
};

absl::StatusOr<std::unique_ptr<MockServer>> MockServer::Start(MockServerOptions options) {
  if (options.listen.empty()) return absl::InvalidArgumentError("there is no address to listen on");
  if (options.completion_queues < 1) return absl::InvalidArgumentError("completion_queues is below 1");
  if (options.tls.certificate_path.empty() != options.tls.key_path.empty()) {
    return absl::InvalidArgumentError("a certificate and its key go together");
  }
  if (options.tls.certificate_path.empty() && !options.tls.client_ca_path.empty()) {
    return absl::InvalidArgumentError(
        "clients' certificates take TLS: there is no certificate of the server's");
  }
  if (options.latency.count() < 0 || options.jitter.count() < 0) {
    return absl::InvalidArgumentError("latency or jitter is negative");
  }
  std::vector<ListenAddress> listen;
  for (const std::string& text : options.listen) {
    absl::StatusOr<ListenAddress> address = ListenAddress::Parse(text);
    if (!address.ok()) return address.status();
    listen.push_back(*std::move(address));
  }

  if (absl::Status status = CheckScenarios(options.scenarios, listen.size()); !status.ok()) return status;
  absl::StatusOr<std::vector<FaultRule>> faults = ParseFaults(options.faults, listen.size());
  if (!faults.ok()) return faults.status();

  auto impl = std::make_unique<Impl>();
  impl->relayed = options.connection_faults || FirstOfConnections(*faults) != nullptr;
  impl->on_stop = options.on_stop;
  impl->observer = options.observer;
  if (!options.journal_path.empty()) {
    absl::StatusOr<std::unique_ptr<FileJournal>> journal = FileJournal::Open(options.journal_path);
    if (!journal.ok()) return journal.status();
    impl->journal = std::make_unique<LoggedJournal>(*std::move(journal), options.log);
  }
  if (options.directory == nullptr)
    options.directory = std::make_shared<InMemoryCourierDirectory>(BuiltInFleet());
  impl->sessions = std::make_unique<SessionTable>(SessionStart{.directory = options.directory,
                                                               .accept = options.accept,
                                                               .seed = options.seed,
                                                               .journal = impl->journal.get(),
                                                               .faults = *std::move(faults),
                                                               .scenarios = std::move(options.scenarios),
                                                               .record_bytes = options.record_bytes,
                                                               .observer = options.observer.get()},
                                                  options.max_sessions);
  const auto complain = [log = options.log](std::string_view text) {
    if (log) log(LogLevel::kWarning, text);
  };
  if (!options.token_path.empty()) {
    absl::StatusOr<std::unique_ptr<TokenFile>> tokens = TokenFile::Open(options.token_path, complain);
    if (!tokens.ok()) return absl::FailedPreconditionError(tokens.status().message());
    impl->authenticator = *std::move(tokens);
  }
  std::uint64_t delay_seed = options.seed;
  for (const ListenAddress& address : listen) {
    // Of its own, as they tell each change once.
    std::shared_ptr<grpc::ServerCredentials> credentials = grpc::InsecureServerCredentials();
    if (!options.tls.certificate_path.empty()) {
      absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> made =
          MakeServerCredentials(options.tls, complain);
      if (!made.ok()) return absl::FailedPreconditionError(made.status().message());
      credentials = *std::move(made);
    }
    absl::StatusOr<std::unique_ptr<Backend>> backend =
        Backend::Start(impl->backends.size(), address, options, delay_seed, impl->sessions.get(),
                       &impl->health, impl->relayed, std::move(credentials), impl->authenticator.get());
    if (!backend.ok()) return backend.status();
    delay_seed += static_cast<std::uint64_t>(options.completion_queues);
    impl->addresses.push_back((*backend)->address());
    impl->backends.push_back(*std::move(backend));
  }
  std::unique_ptr<MockServer> server(new MockServer(std::move(impl)));
  if (!options.admin.empty()) {
    absl::StatusOr<std::unique_ptr<AdminServer>> admin = AdminServer::Start(options.admin, server.get());
    if (!admin.ok()) return admin.status();
    server->impl_->admin = *std::move(admin);
    server->impl_->admin_address = server->impl_->admin->address();
  }
  return server;
}

MockServer::MockServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

MockServer::~MockServer() {
  Shutdown();
}

const std::vector<std::string>& MockServer::addresses() const {
  return impl_->addresses;
}

void MockServer::RemoveUnixSockets() {
  for (const auto& backend : impl_->backends) backend->RemoveSocket();
  if (impl_->admin != nullptr) impl_->admin->RemoveSocket();
}

void MockServer::Shutdown(std::chrono::milliseconds grace) {
  // First: its connections are served by the backends' threads.
  if (impl_->admin != nullptr) impl_->admin->Shutdown();
  // At the same time: the grace is one for all, and none goes on accepting while another ends.
  std::vector<std::thread> threads;
  for (std::size_t i = 1; i < impl_->backends.size(); ++i) {
    threads.emplace_back([this, i, grace] { impl_->backends[i]->Shutdown(grace); });
  }
  impl_->backends.front()->Shutdown(grace);
  for (std::thread& thread : threads) thread.join();
}

void MockServer::ShutdownBackend(std::size_t backend, std::chrono::milliseconds grace) {
  impl_->backends.at(backend)->Shutdown(grace);
}

absl::Status MockServer::SetFaults(const std::vector<std::string>& specs, std::string_view session) {
  const absl::StatusOr<std::shared_ptr<Session>> found = impl_->FindSession(session);
  if (!found.ok()) return found.status();
  absl::StatusOr<std::vector<FaultRule>> rules = impl_->Parse(specs, **found);
  if (!rules.ok()) return rules.status();
  (*found)->faults().Set(*std::move(rules));
  impl_->FaultsChanged();
  return absl::OkStatus();
}

absl::Status MockServer::AddFaults(const std::vector<std::string>& specs, std::string_view session) {
  const absl::StatusOr<std::shared_ptr<Session>> found = impl_->FindSession(session);
  if (!found.ok()) return found.status();
  absl::StatusOr<std::vector<FaultRule>> rules = impl_->Parse(specs, **found);
  if (!rules.ok()) return rules.status();
  (*found)->faults().Add(*std::move(rules));
  impl_->FaultsChanged();
  return absl::OkStatus();
}

void MockServer::ClearFaults(std::string_view session) {
  const std::shared_ptr<Session> found = impl_->sessions->Find(session);
  if (found == nullptr) return;
  found->faults().Set({});
  impl_->FaultsChanged();
}

std::vector<FaultCount> MockServer::fault_counts(std::string_view session) const {
  const std::shared_ptr<Session> found = impl_->sessions->Find(session);
  return found == nullptr ? std::vector<FaultCount>() : found->faults().Counts();
}

absl::Status MockServer::SetScenarios(ScenarioFile scenarios, std::string_view session) {
  const absl::StatusOr<std::shared_ptr<Session>> found = impl_->FindSession(session);
  if (!found.ok()) return found.status();
  if (absl::Status status = CheckScenarios(scenarios, impl_->addresses.size()); !status.ok()) return status;
  (*found)->faults().SetScenarios(std::move(scenarios));
  return absl::OkStatus();
}

absl::Status MockServer::Reset(std::string_view session) {
  const absl::StatusOr<std::shared_ptr<Session>> found = impl_->FindSession(session);
  if (!found.ok()) return found.status();
  impl_->sessions->Reset(**found);
  if (!session.empty()) return absl::OkStatus();
  impl_->FaultsChanged();
  impl_->health.Reset();
  impl_->HealthChanged();
  return absl::OkStatus();
}

void MockServer::ResetAll() {
  impl_->sessions->ResetAll();
  impl_->FaultsChanged();
  impl_->health.Reset();
  impl_->HealthChanged();
}

std::vector<std::string> MockServer::sessions() const {
  return impl_->sessions->names();
}

absl::StatusOr<CallList> MockServer::calls(std::string_view session) const {
  const absl::StatusOr<std::shared_ptr<Session>> found = impl_->FindSession(session);
  if (!found.ok()) return found.status();
  const CallLog* log = (*found)->log();
  if (log == nullptr) return absl::FailedPreconditionError("calls are not recorded: record_bytes is 0");
  return ToCallList(log->calls());
}

absl::StatusOr<Verification> MockServer::Verify(const std::vector<std::string>& expectations,
                                                VerifyOptions options, std::string_view session) const {
  std::vector<Expectation> parsed;
  for (const std::string& text : expectations) {
    absl::StatusOr<Expectation> expectation = ParseExpectation(text);
    if (!expectation.ok()) return expectation.status();
    parsed.push_back(*std::move(expectation));
  }
  const absl::StatusOr<std::shared_ptr<Session>> found = impl_->FindSession(session);
  if (!found.ok()) return found.status();
  const CallLog* log = (*found)->log();
  if (log == nullptr) return absl::FailedPreconditionError("calls are not recorded: record_bytes is 0");
  const CallLog::Snapshot snapshot = log->calls();
  return dispatchctl::mock::Verify(EventsOf(snapshot), parsed, options,
                                   snapshot.dropped_calls + snapshot.dropped_messages > 0);
}

std::string MockServer::Complaints(const std::vector<std::string>& expectations, VerifyOptions options,
                                   std::string_view session) const {
  const absl::StatusOr<Verification> verification = Verify(expectations, options, session);
  return verification.ok() ? verification->Complaints() : std::string(verification.status().message());
}

void MockServer::SetHealth(bool serving, std::optional<std::string_view> service) {
  if (service.has_value()) {
    impl_->health.Set(*service, serving);
  } else {
    impl_->health.SetAll(serving);
  }
  impl_->HealthChanged();
}

std::map<std::string, bool, std::less<>> MockServer::health() const {
  return impl_->health.all();
}

absl::Status MockServer::Goaway(std::optional<std::size_t> backend) {
  if (backend.value_or(0) >= impl_->backends.size()) {
    return absl::InvalidArgumentError(
        fmt::format("listen: there is no backend {}; use 0 to {}", *backend, impl_->backends.size() - 1));
  }
  if (!impl_->relayed)
    return absl::FailedPreconditionError("a GOAWAY takes a server that was started with connection_faults");
  for (std::size_t i = 0; i < impl_->backends.size(); ++i) {
    if (backend.value_or(i) == i) impl_->backends[i]->Goaway();
  }
  return absl::OkStatus();
}

const std::string& MockServer::admin_address() const {
  return impl_->admin_address;
}

absl::Status MockServer::RequestStop() {
  if (impl_->on_stop == nullptr)
    return absl::FailedPreconditionError("this server is ended by the program it is part of");
  impl_->on_stop();
  return absl::OkStatus();
}

std::uint64_t MockServer::lookups(std::size_t backend) const {
  return impl_->backends.at(backend)->counters().lookups.load(std::memory_order_relaxed);
}

std::uint64_t MockServer::streams(std::size_t backend) const {
  return impl_->backends.at(backend)->counters().streams.load(std::memory_order_relaxed);
}

std::uint64_t MockServer::updates(std::size_t backend) const {
  return impl_->backends.at(backend)->counters().updates.load(std::memory_order_relaxed);
}

}  // namespace dispatchctl::mock
