#include "mock-server/recording/verification.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <fnmatch.h>

#include <algorithm>
#include <charconv>
#include <unordered_map>
#include <utility>

#include "absl/status/status.h"

namespace dispatchctl::mock {
namespace {

constexpr std::size_t kMostListed = 20;
constexpr std::size_t kMostNearest = 3;
constexpr std::uint64_t kNoLimit = std::numeric_limits<std::uint64_t>::max();

bool Matches(const std::string& glob, const std::string& text) {
  return glob.empty() || fnmatch(glob.c_str(), text.c_str(), 0) == 0;
}

std::string_view NameOf(EventKind kind) {
  return kind == EventKind::kLookup ? "lookup" : kind == EventKind::kAssign ? "assign" : "update";
}

std::string Describe(const CallEvent& event) {
  switch (event.kind) {
    case EventKind::kLookup:
      return fmt::format("lookup of '{}' (call {})", event.courier_id, event.call);
    case EventKind::kAssign:
      return fmt::format("assign (call {})", event.call);
    case EventKind::kUpdate:
      break;
  }
  return fmt::format("update '{}' of '{}' to '{}' (call {}, update {})", event.assignment_id,
                     event.courier_id, event.zone, event.call, event.update);
}

std::vector<std::string> Misses(const Expectation& expectation, const CallEvent& event) {
  std::vector<std::string> misses;
  if (expectation.kind != event.kind) {
    misses.push_back(fmt::format("is {}, expected {}", NameOf(event.kind), NameOf(expectation.kind)));
    return misses;
  }
  const auto compare = [&](std::string_view key, const std::string& glob, const std::string& text) {
    if (!Matches(glob, text)) misses.push_back(fmt::format("{} is '{}', expected '{}'", key, text, glob));
  };
  compare("courier_id", expectation.courier_id, event.courier_id);
  compare("assignment_id", expectation.assignment_id, event.assignment_id);
  compare("zone", expectation.zone, event.zone);
  if (!expectation.status.empty() && expectation.status != event.status) {
    misses.push_back(fmt::format("status is {}, expected {}", event.status.empty() ? "open" : event.status,
                                 expectation.status));
  }
  if (expectation.listen.value_or(event.listen) != event.listen)
    misses.push_back(fmt::format("listen is {}, expected {}", event.listen, *expectation.listen));
  return misses;
}

bool IsAbout(const Expectation& expectation, const CallEvent& event) {
  return expectation.kind == event.kind && Misses(expectation, event).empty();
}

std::string Nearest(const std::vector<Expectation>& expectations, const CallEvent& event) {
  std::vector<std::pair<std::size_t, std::string>> near;
  for (const Expectation& expectation : expectations) {
    const std::vector<std::string> misses = Misses(expectation, event);
    const std::size_t distance = misses.size() + (expectation.kind == event.kind ? 0 : 16);
    near.emplace_back(distance, fmt::format("'{}': {}", expectation.text, fmt::join(misses, ", ")));
  }
  if (near.empty()) return "nothing was expected";
  std::stable_sort(near.begin(), near.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  near.resize(std::min(near.size(), kMostNearest));
  std::vector<std::string_view> texts;
  for (const auto& [distance, text] : near) texts.emplace_back(text);
  return fmt::format("nearest: {}", fmt::join(texts, "; "));
}

std::string CountText(std::uint64_t least, std::uint64_t most) {
  if (least == most) return fmt::format("{}", least);
  if (most == kNoLimit) return fmt::format("at least {}", least);
  if (least == 0) return fmt::format("at most {}", most);
  return fmt::format("{} to {}", least, most);
}

// Where the order is broken; empty: nowhere.
std::string BrokenOrder(const std::vector<CallEvent>& events, const std::vector<Expectation>& expectations) {
  std::size_t next = 0;
  std::string after = "the beginning";
  for (const Expectation& expectation : expectations) {
    for (std::uint64_t found = 0; found < expectation.least; ++next) {
      if (next == events.size()) {
        return fmt::format("'{}': only {} of {} after {}", expectation.text, found, expectation.least, after);
      }
      if (!IsAbout(expectation, events[next])) continue;
      if (++found == expectation.least) after = Describe(events[next]);
    }
  }
  return {};
}

std::vector<bool> Expected(const std::vector<CallEvent>& events,
                           const std::vector<Expectation>& expectations) {
  const bool updates_matter =
      std::any_of(expectations.begin(), expectations.end(),
                  [](const Expectation& each) { return each.kind == EventKind::kUpdate; });
  std::vector<bool> expected(events.size());
  for (std::size_t i = 0; i < events.size(); ++i) {
    expected[i] = std::any_of(expectations.begin(), expectations.end(),
                              [&](const Expectation& each) { return IsAbout(each, events[i]); });
  }
  std::unordered_map<std::uint64_t, std::size_t> streams;
  for (std::size_t i = 0; i < events.size(); ++i) {
    if (events[i].kind == EventKind::kAssign) streams.emplace(events[i].call, i);
    const auto stream = streams.find(events[i].call);
    if (events[i].kind != EventKind::kUpdate || stream == streams.end()) continue;
    if (updates_matter) {
      expected[stream->second] = true;  // each update answers for itself
    } else if (expected[stream->second]) {
      expected[i] = true;
    }
  }
  return expected;
}

absl::Status WrongExpectation(std::string_view what) {
  return absl::InvalidArgumentError(absl::string_view(what.data(), what.size()));
}

bool ParseWhole(std::string_view text, std::uint64_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

bool ParseCount(std::string_view text, Expectation& expectation) {
  const std::size_t dots = text.find("..");
  if (dots == std::string_view::npos) {
    if (!ParseWhole(text, expectation.least)) return false;
    expectation.most = expectation.least;
    return true;
  }
  const std::string_view least = text.substr(0, dots);
  const std::string_view most = text.substr(dots + 2);
  expectation.least = 0;
  expectation.most = kNoLimit;
  if (least.empty() && most.empty()) return false;
  return (least.empty() || ParseWhole(least, expectation.least)) &&
         (most.empty() || ParseWhole(most, expectation.most)) && expectation.least <= expectation.most;
}

bool IsStatusName(std::string_view text) {
  for (int code = 0; code <= 16; ++code) {
    if (absl::StatusCodeToString(static_cast<absl::StatusCode>(code)) == std::string(text)) return true;
  }
  return false;
}

absl::Status ParseKey(std::string_view key, std::string_view value, Expectation& expectation) {
  const bool update = expectation.kind == EventKind::kUpdate;
  const auto only_for = [&](std::string_view kinds) {
    return WrongExpectation(
        fmt::format("{} is for {}; this is about {}", key, kinds, NameOf(expectation.kind)));
  };
  if (value.empty()) return WrongExpectation(fmt::format("{} is empty", key));
  if (key == "courier_id") {
    if (expectation.kind == EventKind::kAssign) return only_for("lookup and update");
    expectation.courier_id = value;
  } else if (key == "assignment_id") {
    if (!update) return only_for("update");
    expectation.assignment_id = value;
  } else if (key == "zone") {
    if (!update) return only_for("update");
    expectation.zone = value;
  } else if (key == "status") {
    if (update) return only_for("lookup and assign");
    if (!IsStatusName(value)) {
      return WrongExpectation(
          fmt::format("status: '{}' is not a status; use a name such as OK or NOT_FOUND", value));
    }
    expectation.status = value;
  } else if (key == "listen") {
    std::uint64_t index = 0;
    if (!ParseWhole(value, index))
      return WrongExpectation(fmt::format("listen: '{}' is not the index of a backend, from 0", value));
    expectation.listen = index;
  } else if (key == "count") {
    if (!ParseCount(value, expectation))
      return WrongExpectation(
          fmt::format("count: '{}' is not a count; use for example 2, 1.., ..3 or 1..3", value));
  } else {
    return WrongExpectation(
        fmt::format("'{}' is not known; use courier_id, assignment_id, zone, status, listen or count", key));
  }
  return absl::OkStatus();
}

absl::Status ParseWords(std::string_view text, Expectation& expectation) {
  const std::string_view kind = text.substr(0, text.find(','));
  if (kind == "lookup") {
    expectation.kind = EventKind::kLookup;
  } else if (kind == "assign") {
    expectation.kind = EventKind::kAssign;
  } else if (kind == "update") {
    expectation.kind = EventKind::kUpdate;
  } else {
    return WrongExpectation(fmt::format("'{}' is nothing to expect; use lookup, assign or update", kind));
  }
  std::vector<std::string_view> seen;
  std::string_view rest = text.substr(kind.size());
  while (!rest.empty()) {
    rest.remove_prefix(1);
    const std::string_view word = rest.substr(0, rest.find(','));
    rest.remove_prefix(word.size());
    const std::size_t equals = word.find('=');
    if (equals == std::string_view::npos) return WrongExpectation(fmt::format("'{}' is not key=value", word));
    const std::string_view key = word.substr(0, equals);
    if (std::find(seen.begin(), seen.end(), key) != seen.end())
      return WrongExpectation(fmt::format("{} is given twice", key));
    seen.push_back(key);
    if (absl::Status status = ParseKey(key, word.substr(equals + 1), expectation); !status.ok())
      return status;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Expectation> ParseExpectation(std::string_view text) {
  Expectation expectation;
  expectation.text = text;
  if (const absl::Status status = ParseWords(text, expectation); !status.ok())
    return WrongExpectation(fmt::format("expectation '{}': {}", text, std::string(status.message())));
  return expectation;
}

Verification Verify(const std::vector<CallEvent>& events, const std::vector<Expectation>& expectations,
                    VerifyOptions options, bool dropped) {
  Verification verification;
  for (const Expectation& expectation : expectations) {
    const auto count = static_cast<std::uint64_t>(std::count_if(
        events.begin(), events.end(), [&](const CallEvent& event) { return IsAbout(expectation, event); }));
    verification.findings.push_back(
        {.expected = fmt::format("{}: {}", expectation.text, CountText(expectation.least, expectation.most)),
         .actual = fmt::format("{}", count),
         .holds = count >= expectation.least && count <= expectation.most});
  }
  if (options.in_order) {
    std::string broken = BrokenOrder(events, expectations);
    const bool holds = broken.empty();
    verification.findings.push_back(
        {.expected = "in this order", .actual = holds ? "in this order" : std::move(broken), .holds = holds});
  }
  if (dropped) {
    verification.findings.push_back({.expected = "every call since the start or the last reset",
                                     .actual = "some were dropped: more than the log may hold",
                                     .holds = false});
  }
  if (options.nothing_else) {
    const std::vector<bool> expected = Expected(events, expectations);
    for (std::size_t i = 0; i < events.size(); ++i) {
      if (expected[i] || ++verification.unexpected_count > kMostListed) continue;
      verification.unexpected.push_back(
          fmt::format("{}; {}", Describe(events[i]), Nearest(expectations, events[i])));
    }
  }
  verification.holds = verification.unexpected_count == 0 &&
                       std::all_of(verification.findings.begin(), verification.findings.end(),
                                   [](const Verification::Finding& finding) { return finding.holds; });
  return verification;
}

std::string Verification::Complaints() const {
  std::string text;
  for (const Finding& finding : findings) {
    if (!finding.holds) text += fmt::format("expected {}, got {}\n", finding.expected, finding.actual);
  }
  for (const std::string& each : unexpected) text += fmt::format("unexpected {}\n", each);
  if (unexpected_count > unexpected.size())
    text += fmt::format("and {} more unexpected\n", unexpected_count - unexpected.size());
  return text;
}

}  // namespace dispatchctl::mock
