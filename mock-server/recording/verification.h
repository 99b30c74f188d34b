#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace dispatchctl::mock {

// What can be expected: a lookup, a stream of assignments as a whole, or one update of it.
enum class EventKind { kLookup, kAssign, kUpdate };

// Something that has arrived.
struct CallEvent {
  EventKind kind = EventKind::kLookup;
  // The call's number, from 1, and the update's place in its stream, from 1.
  std::uint64_t call = 0;
  std::uint64_t update = 0;
  std::size_t listen = 0;
  std::string courier_id;
  std::string assignment_id;
  std::string zone;
  // The name of the call's final status; empty while it is open, and for updates.
  std::string status;
};

// What should have arrived, and how often. As text: lookup|assign|update[,key=value...] with the globs
// courier_id, assignment_id and zone, listen, status=NAME, and count=N, N.., ..N or N..M (default: 1..).
struct Expectation {
  std::string text;
  EventKind kind = EventKind::kLookup;
  // Globs as of fnmatch(3); empty: any.
  std::string courier_id;
  std::string assignment_id;
  std::string zone;
  std::string status;
  std::optional<std::size_t> listen;
  std::uint64_t least = 1;
  std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
};

// INVALID_ARGUMENT names the expectation, the word in it that is wrong, and what is allowed there.
absl::StatusOr<Expectation> ParseExpectation(std::string_view text);

struct VerifyOptions {
  // What the expectations are about came in their order: after the least that one asks for, the next one's.
  bool in_order = false;
  // Nothing came that no expectation is about. A stream is expected, too, where its updates are; and an
  // update where its stream is, if no expectation is about updates.
  bool nothing_else = false;
};

struct Verification {
  struct Finding {
    std::string expected;
    std::string actual;
    bool holds = false;
  };

  bool holds = true;
  // One for each expectation, in their order; then one for the order and one for what was not kept, where
  // they matter.
  std::vector<Finding> findings;
  // What nothing_else is broken by, each with the nearest expectations and why each missed; the first 20.
  std::vector<std::string> unexpected;
  std::uint64_t unexpected_count = 0;

  // What does not hold, a line each; empty if all does.
  std::string Complaints() const;
};

// Pure. `events` are in the order of arrival; `dropped` says that some are not there any more, of which
// nothing can be verified.
Verification Verify(const std::vector<CallEvent>& events, const std::vector<Expectation>& expectations,
                    VerifyOptions options, bool dropped);

}  // namespace dispatchctl::mock
