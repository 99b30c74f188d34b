#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <gmock/gmock.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "dispatchctl/assignment_stream.h"
#include "dispatchctl/client.h"
#include "dispatchctl/export.h"
#include "dispatchctl/health.h"
#include "dispatchctl/lookup.h"

namespace dispatchctl {
inline namespace DISPATCHCTL_ABI {

/// GoogleMock double of a Connection: `Client(std::make_shared<MockConnection>())` is a client without a
/// network. What is called without an expectation or ON_CALL fails with UNKNOWN, or returns OK or nothing
/// where there is no value to give; the callback of an asynchronous lookup is the test's to call. Thread
/// safety: as of GoogleMock, calls from any thread, expectations before them.
class MockConnection : public Connection {
 public:
  MOCK_METHOD(absl::StatusOr<CourierStatus>, GetCourierStatus,
              (std::string_view courier_id, const CallOptions& options, CallReport* report), (override));
  MOCK_METHOD(CallHandle, GetCourierStatusAsync,
              (std::string_view courier_id, const CallOptions& options, LookupCallback callback), (override));
  MOCK_METHOD(absl::StatusOr<std::unique_ptr<BulkLookup>>, StartBulkLookup, (BulkLookupOptions options),
              (override));
  MOCK_METHOD(absl::StatusOr<std::unique_ptr<AssignmentStream>>, StreamAssignments, (StreamOptions options),
              (override));
  MOCK_METHOD(std::vector<EndpointStatus>, Endpoints, (), (override));
  MOCK_METHOD(absl::StatusOr<std::vector<EndpointHealth>>, CheckHealth, (const HealthOptions& options),
              (override));
  MOCK_METHOD(absl::Status, Shutdown, (std::chrono::nanoseconds timeout), (override));
};

/// GoogleMock double of a stream, for MockConnection::StreamAssignments to return. Unless told otherwise it
/// accepts every update, gives no result and ends with OK. The callbacks of StreamOptions are the test's to
/// call.
class MockAssignmentStream : public AssignmentStream {
 public:
  MOCK_METHOD(absl::Status, TrySubmit, (AssignmentUpdate & update, std::uint64_t tag), (override));
  MOCK_METHOD(absl::Status, Submit, (AssignmentUpdate update, std::uint64_t tag), (override));
  MOCK_METHOD(std::optional<AssignmentOutcome>, Next, (), (override));
  MOCK_METHOD(void, CloseSubmissions, (), (override));
  MOCK_METHOD(absl::Status, Finish, (), (override));
  MOCK_METHOD(void, Cancel, (), (override));
  MOCK_METHOD(std::vector<UnacknowledgedAssignment>, Unacknowledged, (), (const, override));
  MOCK_METHOD(StreamStatistics, statistics, (), (const, override));
};

/// GoogleMock double of a lookup of many, for MockConnection::StartBulkLookup to return. The callbacks of
/// BulkLookupOptions are the test's to call.
class MockBulkLookup : public BulkLookup {
 public:
  MOCK_METHOD(absl::Status, TrySubmit, (std::string_view courier_id, std::uint64_t tag), (override));
  MOCK_METHOD(absl::Status, Submit, (std::string_view courier_id, std::uint64_t tag), (override));
  MOCK_METHOD(void, CloseSubmissions, (), (override));
  MOCK_METHOD(void, Finish, (), (override));
  MOCK_METHOD(void, Cancel, (), (override));
};

}  // namespace DISPATCHCTL_ABI
}  // namespace dispatchctl
