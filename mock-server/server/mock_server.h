#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "mock-server/domain/acceptance_rule.h"
#include "mock-server/domain/courier_directory.h"
#include "mock-server/faults/fault_engine.h"
#include "mock-server/faults/scenario.h"
#include "mock-server/observation/server_observer.h"
#include "mock-server/recording/call_record.h"
#include "mock-server/recording/verification.h"
#include "mock-server/storage/server_certificate.h"

namespace dispatchctl::mock {

enum class LogLevel { kInfo, kWarning, kError };

struct MockServerOptions {
  // One backend each: host:port (port 0: any free one), [v6]:port or unix:PATH.
  std::vector<std::string> listen = {"127.0.0.1:0"};
  // Null: the built-in fleet.
  std::shared_ptr<const CourierDirectory> directory;
  AcceptanceRule accept;
  std::uint64_t seed = 1;
  // Empty: no journal.
  std::string journal_path;
  // Each lookup and each result is held back for `latency`, more or less up to `jitter`. Results keep their
  // order.
  std::chrono::microseconds latency{0};
  std::chrono::microseconds jitter{0};
  // What is to go wrong, as --fault has it: KIND[=ARG][,key=value...]; dispatch-mock(1) lists the words.
  std::vector<std::string> faults;
  // What happens to calls in order, from LoadScenarios() or ParseScenarios(). SetFaults() leaves them alone.
  ScenarioFile scenarios;
  // Whether calls may ask for faults of their own: each x-mock-fault in their metadata is one, as in `faults`
  // but for those of connections. Else the key means nothing.
  bool metadata_faults = false;
  // What calls() may remember, in bytes and for each session; 0: calls are not recorded.
  std::size_t record_bytes = 0;
  // How many sessions there may be. Calls that name one in x-mock-session have faults, scenarios, decisions
  // and records apart from all others, which begin as the server did. 0: the key means nothing.
  std::size_t max_sessions = 0;
  // Where dispatchmock.admin.v1.MockAdmin is served: as in `listen`. Empty: nowhere.
  std::string admin;
  // Called from a thread of the server's own when somebody asks for the end over the admin service; it is not
  // the thread to call Shutdown() from. Null: who asks is refused.
  std::function<void()> on_stop;
  // Whether SetFaults() may set faults of connections: they take a relay in front of every backend. Always
  // true when `faults` has one of them.
  bool connection_faults = false;
  // 0: connections live for ever. Calls still open `max_connection_age_grace` later are ended.
  std::chrono::milliseconds max_connection_age{0};
  std::chrono::milliseconds max_connection_age_grace{std::chrono::seconds(5)};
  // Per connection; 0: no limit.
  int max_concurrent_streams = 0;
  // Clients that ping more often are sent away with too_many_pings.
  std::chrono::milliseconds keepalive_min{std::chrono::seconds(10)};
  bool reflection = true;
  // With a certificate every backend speaks TLS, version 1.2 or later, and nothing else. The files are looked
  // at again at every handshake: connections that are made later get what they then hold.
  CertificateFiles tls;
  // Empty: nobody is asked who he is. Else lookups and streams take a bearer token from this file, which
  // AcceptedTokens::Parse() describes, with the scope `lookup` or `assign`; it is looked at again at every
  // call. Health and reflection stay open to everybody, as those who watch a server have no token.
  std::string token_path;
  // Per backend. More than one costs throughput unless cores are plenty and connections many.
  int completion_queues = 1;
  // Called from the server's threads. Null: nothing is logged.
  std::function<void(LogLevel, std::string_view)> log;
  // Told of calls, decisions and faults; lives as long as the server. Null: nobody, which costs nothing.
  std::shared_ptr<ServerObserver> observer;
};

// The mock server as a library: every backend is a gRPC server of its own; all share the directory, the
// decisions already taken and the journal.
class MockServer {
 public:
  // Listens on every address, or on none. INVALID_ARGUMENT: the options make no sense; UNAVAILABLE: an
  // address cannot be listened on; FAILED_PRECONDITION: a file of certificates, keys or tokens cannot be
  // used; INTERNAL: the journal cannot be opened.
  static absl::StatusOr<std::unique_ptr<MockServer>> Start(MockServerOptions options);

  MockServer(const MockServer&) = delete;
  MockServer& operator=(const MockServer&) = delete;
  MockServer(MockServer&&) = delete;
  MockServer& operator=(MockServer&&) = delete;
  // Shuts down with no grace.
  ~MockServer();

  // As `listen`, with the real ports: "127.0.0.1:41233" or "unix:PATH". Usable as a client's target.
  const std::vector<std::string>& addresses() const;

  // Removes the names of Unix sockets, so that a process that may have to end at once leaves none behind.
  // Nobody can connect to them any more. Not while Shutdown() runs.
  void RemoveUnixSockets();

  // Stops accepting, tells clients to go away, lets open calls finish for at most `grace`, then cancels them.
  // Returns when nothing runs any more. Safe to call twice and from any thread that is not the server's own.
  void Shutdown(std::chrono::milliseconds grace = std::chrono::milliseconds(0));
  // The same for one backend; the others go on.
  void ShutdownBackend(std::size_t backend, std::chrono::milliseconds grace = std::chrono::milliseconds(0));

  // Replaces the faults; their counters start anew. Calls and streams that have met a fault stay under it,
  // and faults of a whole stream are for streams that begin later. Faults of connections are for those that
  // are open, too. INVALID_ARGUMENT names the spec that is wrong, FAILED_PRECONDITION the one that takes
  // `connection_faults`; then nothing changes. Safe from any thread, as all that follows.
  //
  // `session` is the name of one; "" is what calls belong to that name none. FAILED_PRECONDITION, or nothing
  // where there is no status, if sessions are not served.
  absl::Status SetFaults(const std::vector<std::string>& specs, std::string_view session = {});
  // Adds faults behind those there are, which keep their counters.
  absl::Status AddFaults(const std::vector<std::string>& specs, std::string_view session = {});
  void ClearFaults(std::string_view session = {});
  // How often each fault has been met since it was set, in the order given.
  std::vector<FaultCount> fault_counts(std::string_view session = {}) const;

  // Replaces the scenarios; they begin anew, and streams go on with what they have begun. INVALID_ARGUMENT
  // has the file's errors.
  absl::Status SetScenarios(ScenarioFile scenarios, std::string_view session = {});

  // Faults and scenarios as at the start, their counters at nothing; decisions and calls forgotten. Of the
  // unnamed session the health, too.
  absl::Status Reset(std::string_view session = {});
  // The unnamed session, and no other there is.
  void ResetAll();
  // Those there are, the latest used first.
  std::vector<std::string> sessions() const;

  // FAILED_PRECONDITION: calls are not recorded.
  absl::StatusOr<CallList> calls(std::string_view session = {}) const;
  // Compares the calls with what was expected, such as "lookup,courier_id=courier-42,count=2" (see
  // ParseExpectation()); in a test:
  //
  //   EXPECT_EQ(server->Complaints({"lookup,courier_id=courier-42"}), "");
  //
  // INVALID_ARGUMENT names the expectation that is wrong, FAILED_PRECONDITION: calls are not recorded.
  absl::StatusOr<Verification> Verify(const std::vector<std::string>& expectations,
                                      VerifyOptions options = {}, std::string_view session = {}) const;
  // The same as text: what does not hold, a line each, or why it could not be verified. Empty if all holds.
  std::string Complaints(const std::vector<std::string>& expectations, VerifyOptions options = {},
                         std::string_view session = {}) const;

  // What health checks and watches are told of a service, "" for the server as a whole; without one, of all.
  void SetHealth(bool serving, std::optional<std::string_view> service = {});
  // By service.
  std::map<std::string, bool, std::less<>> health() const;

  // Sends the clients of one backend's open connections away with a GOAWAY, or those of all; calls that are
  // open go on. FAILED_PRECONDITION without `connection_faults`, INVALID_ARGUMENT if there is no such
  // backend.
  absl::Status Goaway(std::optional<std::size_t> backend = {});

  // With the real port; empty: not served.
  const std::string& admin_address() const;
  // Asks for the end as the admin service does. FAILED_PRECONDITION without `on_stop`.
  absl::Status RequestStop();

  // What has arrived since the start. `backend` is an index into addresses().
  std::uint64_t lookups(std::size_t backend) const;
  std::uint64_t streams(std::size_t backend) const;
  std::uint64_t updates(std::size_t backend) const;

 private:
  class Impl;

  explicit MockServer(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace dispatchctl::mock
