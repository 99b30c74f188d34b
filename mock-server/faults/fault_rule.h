#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace dispatchctl::mock {

enum class FaultKind {
  kLatency,
  kStatus,
  kHang,
  kBigMessage,
  kBadUtf8,
  kBadBytes,
  kHeaders,
  kCloseAfter,
  kCleanCloseAfter,
  kDuplicate,
  kDropResult,
  kUnknownId,
  kReorder,
  kSlowRead,
  kGoawayAfter,
  kTcpResetAfter,
  kRefuse,
  kDrip,
  kBadBytesAfter,
  kBlackhole,
};

// How many kinds there are.
inline constexpr std::size_t kFaultKinds = static_cast<std::size_t>(FaultKind::kBlackhole) + 1;

enum class Method { kLookup, kAssign };

// "dispatchpb.DispatchGateway/GetCourierStatus".
constexpr std::string_view MethodName(Method method) {
  return method == Method::kLookup ? "dispatchpb.DispatchGateway/GetCourierStatus"
                                   : "dispatchpb.DispatchGateway/StreamAssignments";
}

// What a rule is asked about: a lookup, a stream of assignments as a whole, one update of it, or a
// connection.
enum class FaultScope { kLookup, kStream, kUpdate, kConnection };

// What is to go wrong, for whom and how often. As text: KIND[=ARG][,key=value...], for example
// "status=UNAVAILABLE,every=3,listen=1".
struct FaultRule {
  std::string spec;
  FaultKind kind = FaultKind::kLatency;

  // The argument, as far as the kind has one.
  std::chrono::microseconds latency{0};
  std::uint64_t count = 0;
  std::uint64_t bytes = 0;
  absl::StatusCode code = absl::StatusCode::kOk;
  std::string message;
  // The value of grpc-retry-pushback-ms: a duration in milliseconds, anything else as it was given.
  std::optional<std::string> pushback;

  // Whom: all that is given must match. Ids and zones are globs as of fnmatch(3); empty: any.
  std::optional<Method> method;
  std::string courier_id;
  std::string assignment_id;
  std::string zone;
  // Which backend: an index into MockServer::addresses().
  std::optional<std::size_t> listen;
  // The nth call, stream or connection, from 1, of those the rule selects otherwise; 0: any.
  std::uint64_t nth = 0;
  // The nth update of its stream, from 1; 0: any.
  std::uint64_t nth_message = 0;

  // How often: of those selected, the first `after` are skipped, then each `every`th meets the fault with
  // this probability, until `first` have met it (0: no limit). No more than `max` are under it at once (0: no
  // limit).
  double probability = 1;
  std::uint64_t every = 1;
  std::uint64_t first = 0;
  std::uint64_t after = 0;
  std::uint64_t max = 0;

  bool AppliesTo(FaultScope scope) const;
};

// The word for it in a rule's text, such as "latency".
std::string_view FaultName(FaultKind kind);

// INVALID_ARGUMENT names the spec, the word in it that is wrong, and what is allowed there.
absl::StatusOr<FaultRule> ParseFault(std::string_view spec);

// Faults that a call asks for itself. INVALID_ARGUMENT as above, and for faults of connections, which concern
// other calls too.
absl::StatusOr<std::vector<FaultRule>> ParseCallFaults(const std::vector<std::string>& specs);

// Which calls are meant, and how often: "METHOD[,key=value...]" with the keys of lookups or of whole streams,
// as the rule of a fault that could be of both. INVALID_ARGUMENT names the word that is wrong and what is
// allowed.
absl::StatusOr<FaultRule> ParseCallSelection(std::string_view words);

}  // namespace dispatchctl::mock
