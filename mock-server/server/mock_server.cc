#include "mock-server/server/mock_server.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <thread>
#include <utility>

#include "mock-server/domain/dispatcher.h"
#include "mock-server/server/backend.h"
#include "mock-server/server/listen_address.h"
#include "mock-server/server/server_credentials.h"
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

}  // namespace

class MockServer::Impl {
 public:
  Impl(std::uint64_t seed, std::vector<Scenario> scenarios) : faults(seed, std::move(scenarios)) {}

  void SetFaults(std::vector<FaultRule> rules) {
    faults.Set(std::move(rules));
    for (const auto& backend : backends) backend->FaultsChanged();
  }

  FaultEngine faults;
  bool relayed = false;
  std::unique_ptr<AssignmentJournal> journal;
  std::unique_ptr<Dispatcher> dispatcher;
  std::unique_ptr<Authenticator> authenticator;  // null: everybody may do everything
  std::vector<std::unique_ptr<Backend>> backends;
  std::vector<std::string> addresses;
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

  for (const Scenario& scenario : options.scenarios) {
    if (scenario.selection.listen.value_or(0) < listen.size()) continue;
    return absl::InvalidArgumentError(fmt::format("scenario {}: listen: there is no backend {}; use 0 to {}",
                                                  scenario.where, *scenario.selection.listen,
                                                  listen.size() - 1));
  }
  absl::StatusOr<std::vector<FaultRule>> faults = ParseFaults(options.faults, listen.size());
  if (!faults.ok()) return faults.status();

  auto impl = std::make_unique<Impl>(options.seed, std::move(options.scenarios));
  impl->relayed = options.connection_faults || FirstOfConnections(*faults) != nullptr;
  impl->faults.Set(*std::move(faults));
  if (!options.journal_path.empty()) {
    absl::StatusOr<std::unique_ptr<FileJournal>> journal = FileJournal::Open(options.journal_path);
    if (!journal.ok()) return journal.status();
    impl->journal = std::make_unique<LoggedJournal>(*std::move(journal), options.log);
  }
  if (options.directory == nullptr)
    options.directory = std::make_shared<InMemoryCourierDirectory>(BuiltInFleet());
  impl->dispatcher =
      std::make_unique<Dispatcher>(options.directory, options.accept, options.seed, impl->journal.get());
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
        Backend::Start(impl->backends.size(), address, options, delay_seed, impl->dispatcher.get(),
                       &impl->faults, impl->relayed, std::move(credentials), impl->authenticator.get());
    if (!backend.ok()) return backend.status();
    delay_seed += static_cast<std::uint64_t>(options.completion_queues);
    impl->addresses.push_back((*backend)->address());
    impl->backends.push_back(*std::move(backend));
  }
  return std::unique_ptr<MockServer>(new MockServer(std::move(impl)));
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
}

void MockServer::Shutdown(std::chrono::milliseconds grace) {
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

absl::Status MockServer::SetFaults(const std::vector<std::string>& specs) {
  absl::StatusOr<std::vector<FaultRule>> rules = ParseFaults(specs, impl_->addresses.size());
  if (!rules.ok()) return rules.status();
  if (const FaultRule* rule = FirstOfConnections(*rules); rule != nullptr && !impl_->relayed) {
    return absl::FailedPreconditionError(
        fmt::format("fault '{}' takes a server that was started with connection_faults", rule->spec));
  }
  impl_->SetFaults(*std::move(rules));
  return absl::OkStatus();
}

void MockServer::ClearFaults() {
  impl_->SetFaults({});
}

std::vector<FaultCount> MockServer::fault_counts() const {
  return impl_->faults.Counts();
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
