#include "mock-server/faults/fault_rule.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <utility>
#include <vector>

#include "mock-server/domain/duration.h"

namespace dispatchctl::mock {
namespace {

enum class Argument {
  kNone,
  kDuration,
  kSize,      // from 1
  kPosition,  // a size, from 0
  kRate,
  kCount,
  kOptionalCount,
  kCode,
  kCountAndCode
};

// Which part of a stream of assignments a kind concerns. Either: an update if the rule selects updates, else
// the stream.
enum class StreamPart { kNone, kStream, kUpdate, kEither };

struct KindTraits {
  std::string_view name;
  FaultKind kind;
  Argument argument;
  bool lookup;
  StreamPart stream;
  // For sizes, in bytes.
  std::uint64_t largest = 0;
  bool connection = false;
};

constexpr std::uint64_t kMebibyte = 1024 * 1024;
constexpr std::uint64_t kTebibyte = kMebibyte * kMebibyte;

constexpr KindTraits OfConnections(std::string_view name, FaultKind kind, Argument argument) {
  return {name, kind, argument, false, StreamPart::kNone, kTebibyte, true};
}

constexpr std::array kKinds = {
    KindTraits{"latency", FaultKind::kLatency, Argument::kDuration, true, StreamPart::kUpdate},
    KindTraits{"status", FaultKind::kStatus, Argument::kCode, true, StreamPart::kEither},
    KindTraits{"hang", FaultKind::kHang, Argument::kNone, true, StreamPart::kEither},
    KindTraits{"big-message", FaultKind::kBigMessage, Argument::kSize, true, StreamPart::kUpdate,
               1024 * kMebibyte},
    KindTraits{"bad-utf8", FaultKind::kBadUtf8, Argument::kNone, true, StreamPart::kUpdate},
    KindTraits{"bad-bytes", FaultKind::kBadBytes, Argument::kNone, true, StreamPart::kUpdate},
    KindTraits{"headers", FaultKind::kHeaders, Argument::kSize, true, StreamPart::kStream, kMebibyte},
    KindTraits{"close-after", FaultKind::kCloseAfter, Argument::kCountAndCode, false, StreamPart::kStream},
    KindTraits{"clean-close-after", FaultKind::kCleanCloseAfter, Argument::kCount, false,
               StreamPart::kStream},
    KindTraits{"duplicate", FaultKind::kDuplicate, Argument::kCount, false, StreamPart::kUpdate},
    KindTraits{"drop-result", FaultKind::kDropResult, Argument::kCount, false, StreamPart::kUpdate},
    KindTraits{"unknown-id", FaultKind::kUnknownId, Argument::kCount, false, StreamPart::kUpdate},
    KindTraits{"reorder", FaultKind::kReorder, Argument::kCount, false, StreamPart::kStream},
    KindTraits{"slow-read", FaultKind::kSlowRead, Argument::kOptionalCount, false, StreamPart::kStream},
    OfConnections("goaway-after", FaultKind::kGoawayAfter, Argument::kCount),
    OfConnections("tcp-reset-after", FaultKind::kTcpResetAfter, Argument::kPosition),
    OfConnections("refuse", FaultKind::kRefuse, Argument::kNone),
    OfConnections("drip", FaultKind::kDrip, Argument::kRate),
    OfConnections("bad-bytes-after", FaultKind::kBadBytesAfter, Argument::kPosition),
    OfConnections("blackhole", FaultKind::kBlackhole, Argument::kNone),
    OfConnections("blackhole-after", FaultKind::kBlackhole, Argument::kPosition),
};

constexpr std::array<std::string_view, 14> kKeys = {
    "method", "courier_id", "assignment_id", "zone",  "listen", "nth",     "nth-message",
    "prob",   "every",      "first",         "after", "max",    "message", "pushback"};

constexpr std::array<std::string_view, 16> kCodes = {
    "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",   "NOT_FOUND",
    "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED",
    "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",         "DATA_LOSS",
    "UNAUTHENTICATED"};

const KindTraits& TraitsOf(FaultKind kind) {
  return *std::find_if(kKinds.begin(), kKinds.end(), [kind](const KindTraits& t) { return t.kind == kind; });
}

bool SelectsUpdates(const FaultRule& rule) {
  return !rule.courier_id.empty() || !rule.assignment_id.empty() || !rule.zone.empty() ||
         rule.nth_message != 0;
}

// Whether only a stream of assignments can have what the rule selects.
bool SelectsStreamsOnly(const FaultRule& rule) {
  return !rule.assignment_id.empty() || !rule.zone.empty() || rule.nth_message != 0;
}

absl::Status WrongRule(std::string_view what) {
  return absl::InvalidArgumentError(absl::string_view(what.data(), what.size()));
}

template <typename Number>
bool ParseWhole(std::string_view text, Number& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

absl::Status ParseCount(std::string_view key, std::string_view text, std::uint64_t least,
                        std::uint64_t& value) {
  if (ParseWhole(text, value) && value >= least) return absl::OkStatus();
  return WrongRule(fmt::format("{}: '{}' is not a whole number from {}", key, text, least));
}

absl::Status ParseSize(const KindTraits& traits, std::string_view text, std::uint64_t least,
                       std::uint64_t& bytes) {
  struct Unit {
    std::string_view name;
    std::uint64_t bytes;
  };
  constexpr std::array kUnits = {Unit{"", 1}, Unit{"B", 1}, Unit{"KiB", 1024}, Unit{"MiB", kMebibyte},
                                 Unit{"GiB", 1024 * kMebibyte}};
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view name = text.substr(static_cast<std::size_t>(end - text.data()));
  const auto* const unit =
      std::find_if(kUnits.begin(), kUnits.end(), [name](const Unit& each) { return each.name == name; });
  if (error != std::errc() || unit == kUnits.end()) {
    return WrongRule(fmt::format("{}: '{}' is not a size; use for example 16KiB or 5MiB", traits.name, text));
  }
  if (number < least || number > traits.largest / unit->bytes) {
    return WrongRule(fmt::format("{}: '{}' is not from {}B to {}MiB", traits.name, text, least,
                                 traits.largest / kMebibyte));
  }
  bytes = number * unit->bytes;
  return absl::OkStatus();
}

absl::Status ParseCode(std::string_view name, std::string_view text, absl::StatusCode& code) {
  const auto* const found = std::find(kCodes.begin(), kCodes.end(), text);
  if (found == kCodes.end()) {
    return WrongRule(
        fmt::format("{}: '{}' is not a status to fail with; use {}", name, text, fmt::join(kCodes, ", ")));
  }
  code = static_cast<absl::StatusCode>(found - kCodes.begin() + 1);
  return absl::OkStatus();
}

absl::Status ParseArgument(const KindTraits& traits, std::optional<std::string_view> text, FaultRule& rule) {
  if (traits.argument == Argument::kNone) {
    return text.has_value() ? WrongRule(fmt::format("{} takes no argument", traits.name)) : absl::OkStatus();
  }
  if (traits.argument == Argument::kOptionalCount && !text.has_value()) return absl::OkStatus();
  const auto missing = [&](std::string_view example) {
    return WrongRule(
        fmt::format("{} needs an argument; use for example {}={}", traits.name, traits.name, example));
  };
  switch (traits.argument) {
    case Argument::kNone:
      break;
    case Argument::kDuration: {
      if (!text.has_value()) return missing("50ms");
      const absl::StatusOr<std::chrono::microseconds> duration = ParseDuration(*text);
      if (!duration.ok()) {
        const std::string_view reason(duration.status().message().data(), duration.status().message().size());
        return WrongRule(fmt::format("{}: {}", traits.name, reason));
      }
      rule.latency = *duration;
      break;
    }
    case Argument::kSize:
      if (!text.has_value()) return missing("16KiB");
      return ParseSize(traits, *text, 1, rule.bytes);
    case Argument::kPosition:
      if (!text.has_value()) return missing("1MiB");
      return ParseSize(traits, *text, 0, rule.bytes);
    case Argument::kRate: {
      if (!text.has_value()) return missing("100B/s");
      constexpr std::string_view kPerSecond = "/s";
      if (!text->ends_with(kPerSecond)) {
        return WrongRule(fmt::format("{}: '{}' is not a rate; use for example 100B/s", traits.name, *text));
      }
      return ParseSize(traits, text->substr(0, text->size() - kPerSecond.size()), 1, rule.bytes);
    }
    case Argument::kCount:
      if (!text.has_value()) return missing("10");
      return ParseCount(traits.name, *text, traits.kind == FaultKind::kCleanCloseAfter ? 0 : 1, rule.count);
    case Argument::kOptionalCount:
      return ParseCount(traits.name, *text, 0, rule.count);
    case Argument::kCode:
      if (!text.has_value()) return missing("UNAVAILABLE");
      return ParseCode(traits.name, *text, rule.code);
    case Argument::kCountAndCode: {
      const std::size_t colon = text.has_value() ? text->find(':') : std::string_view::npos;
      if (colon == std::string_view::npos) return missing("100:UNAVAILABLE");
      if (absl::Status status = ParseCount(traits.name, text->substr(0, colon), 0, rule.count); !status.ok())
        return status;
      return ParseCode(traits.name, text->substr(colon + 1), rule.code);
    }
  }
  return absl::OkStatus();
}

absl::Status ParseText(std::string_view key, std::string_view text, std::string& value) {
  if (text.empty()) return WrongRule(fmt::format("{} is empty", key));
  value = text;
  return absl::OkStatus();
}

absl::Status ParseKey(const KindTraits& traits, std::string_view key, std::string_view text,
                      FaultRule& rule) {
  if (key == "method") {
    if (text == "lookup") {
      rule.method = Method::kLookup;
    } else if (text == "assign") {
      rule.method = Method::kAssign;
    } else {
      return WrongRule(fmt::format("method: '{}' is not a method; use lookup or assign", text));
    }
    return absl::OkStatus();
  }
  if (key == "courier_id") return ParseText(key, text, rule.courier_id);
  if (key == "assignment_id") return ParseText(key, text, rule.assignment_id);
  if (key == "zone") return ParseText(key, text, rule.zone);
  if (key == "listen") {
    std::size_t index = 0;
    if (!ParseWhole(text, index)) {
      return WrongRule(fmt::format("listen: '{}' is not the index of a backend, from 0", text));
    }
    rule.listen = index;
    return absl::OkStatus();
  }
  if (key == "nth") return ParseCount(key, text, 1, rule.nth);
  if (key == "nth-message") return ParseCount(key, text, 1, rule.nth_message);
  if (key == "every") return ParseCount(key, text, 1, rule.every);
  if (key == "first") return ParseCount(key, text, 1, rule.first);
  if (key == "after") return ParseCount(key, text, 0, rule.after);
  if (key == "max") return ParseCount(key, text, 1, rule.max);
  if (key == "prob") {
    if (ParseWhole(text, rule.probability) && rule.probability >= 0 && rule.probability <= 1)
      return absl::OkStatus();
    return WrongRule(fmt::format("prob: '{}' is not a number from 0 to 1", text));
  }
  if (key == "message" || key == "pushback") {
    if (traits.argument != Argument::kCode && traits.argument != Argument::kCountAndCode) {
      return WrongRule(
          fmt::format("{}: {} sends no status; only status and close-after do", key, traits.name));
    }
    if (key == "message") return ParseText(key, text, rule.message);
    // Whatever else gRPC would abort on.
    const bool printable = std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
    if (!printable) return WrongRule("pushback: metadata is printable ASCII only");
    const absl::StatusOr<std::chrono::microseconds> duration = ParseDuration(text);
    rule.pushback = duration.ok()
                        ? std::to_string(std::chrono::ceil<std::chrono::milliseconds>(*duration).count())
                        : std::string(text);
    return absl::OkStatus();
  }
  return WrongRule(fmt::format("'{}' is not known; use {}", key, fmt::join(kKeys, ", ")));
}

absl::Status CheckTogether(const KindTraits& traits, const FaultRule& rule) {
  if (traits.connection && (rule.method.has_value() || SelectsUpdates(rule))) {
    return WrongRule(fmt::format(
        "{} concerns a connection; method, courier_id, assignment_id, zone and nth-message do not select one",
        traits.name));
  }
  if (traits.stream == StreamPart::kStream && SelectsUpdates(rule) &&
      (!traits.lookup || rule.method == Method::kAssign || SelectsStreamsOnly(rule))) {
    return WrongRule(fmt::format(
        "{} concerns a stream as a whole; courier_id, assignment_id, zone and nth-message select updates",
        traits.name));
  }
  if (rule.method == Method::kLookup && !traits.lookup) {
    return WrongRule(fmt::format("{} is for streams; method=lookup excludes them", traits.name));
  }
  if (rule.method == Method::kLookup && SelectsStreamsOnly(rule)) {
    return WrongRule("assignment_id, zone and nth-message are for streams; method=lookup excludes them");
  }
  return absl::OkStatus();
}

absl::Status ParseWords(std::string_view spec, FaultRule& rule) {
  std::vector<std::string_view> seen;
  const KindTraits* traits = nullptr;
  for (std::string_view rest = spec;;) {
    const std::size_t comma = rest.find(',');
    const std::string_view word = rest.substr(0, comma);
    const std::size_t equals = word.find('=');
    const std::string_view key = word.substr(0, equals);
    std::optional<std::string_view> value;
    if (equals != std::string_view::npos) value = word.substr(equals + 1);

    if (traits == nullptr) {
      const auto* const found = std::find_if(kKinds.begin(), kKinds.end(),
                                             [key](const KindTraits& each) { return each.name == key; });
      if (found == kKinds.end()) {
        std::vector<std::string_view> names;
        for (const KindTraits& each : kKinds) names.push_back(each.name);
        return WrongRule(fmt::format("'{}' is not a fault; use {}", key, fmt::join(names, ", ")));
      }
      traits = found;
      rule.kind = traits->kind;
      if (absl::Status status = ParseArgument(*traits, value, rule); !status.ok()) return status;
    } else {
      if (std::find(seen.begin(), seen.end(), key) != seen.end()) {
        return WrongRule(fmt::format("{} is given twice", key));
      }
      seen.push_back(key);
      if (!value.has_value() && std::find(kKeys.begin(), kKeys.end(), key) != kKeys.end()) {
        return WrongRule(fmt::format("{0} needs a value; use {0}=...", key));
      }
      if (absl::Status status = ParseKey(*traits, key, value.value_or(""), rule); !status.ok()) return status;
    }
    if (comma == std::string_view::npos) return CheckTogether(*traits, rule);
    rest.remove_prefix(comma + 1);
  }
}

}  // namespace

std::string_view FaultName(FaultKind kind) {
  return TraitsOf(kind).name;
}

bool FaultRule::AppliesTo(FaultScope scope) const {
  const KindTraits& traits = TraitsOf(kind);
  if (traits.connection || scope == FaultScope::kConnection)
    return traits.connection && scope == FaultScope::kConnection;
  if (scope == FaultScope::kLookup)
    return traits.lookup && method != Method::kAssign && !SelectsStreamsOnly(*this);
  if (method == Method::kLookup) return false;
  switch (traits.stream) {
    case StreamPart::kNone:
      return false;
    case StreamPart::kStream:
      return scope == FaultScope::kStream && !SelectsUpdates(*this);
    case StreamPart::kUpdate:
      return scope == FaultScope::kUpdate;
    case StreamPart::kEither:
      return SelectsUpdates(*this) == (scope == FaultScope::kUpdate);
  }
  return false;
}

absl::StatusOr<FaultRule> ParseFault(std::string_view spec) {
  FaultRule rule;
  rule.spec = spec;
  if (const absl::Status status = ParseWords(spec, rule); !status.ok()) {
    return absl::InvalidArgumentError(fmt::format(
        "fault '{}': {}", spec, std::string_view(status.message().data(), status.message().size())));
  }
  return rule;
}

absl::StatusOr<std::vector<FaultRule>> ParseCallFaults(const std::vector<std::string>& specs) {
  std::vector<FaultRule> rules;
  for (const std::string& spec : specs) {
    absl::StatusOr<FaultRule> rule = ParseFault(spec);
    if (!rule.ok()) return rule.status();
    if (rule->AppliesTo(FaultScope::kConnection)) {
      return WrongRule(fmt::format(
          "fault '{}' concerns a connection and all its calls; a call cannot ask for it, --fault can", spec));
    }
    rules.push_back(*std::move(rule));
  }
  return rules;
}

absl::StatusOr<FaultRule> ParseCallSelection(std::string_view words) {
  FaultRule rule;
  const std::string spec = fmt::format("hang,method={}", words);
  if (absl::Status status = ParseWords(spec, rule); !status.ok()) return status;
  if (rule.method == Method::kAssign && SelectsUpdates(rule)) {
    return WrongRule("courier_id, assignment_id, zone and nth-message select updates, not a stream");
  }
  rule.spec = words;
  return rule;
}

}  // namespace dispatchctl::mock
