#include "dispatchctl/service_config.h"

#include <absl/strings/ascii.h>
#include <absl/strings/escaping.h>
#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "contract/text.h"

namespace dispatchctl {
inline namespace DISPATCHCTL_ABI {
namespace {

using internal::Quoted;
using internal::View;
using Json = nlohmann::json;

constexpr std::string_view kLookupService = "dispatchpb.DispatchGateway";
constexpr std::string_view kLookupMethod = "GetCourierStatus";
constexpr int kMostAttempts = 100;
constexpr double kLeastTokens = 0.001;  // further decimals do not count
constexpr double kMostTokens = 1000;

absl::Status InvalidConfig(std::string_view path, std::string_view problem) {
  if (path.empty()) return absl::InvalidArgumentError(View(problem));
  return absl::InvalidArgumentError(absl::StrCat(View(path), ": ", View(problem)));
}

std::string Within(std::string_view path, std::string_view member) {
  return path.empty() ? std::string(member) : absl::StrCat(View(path), ".", View(member));
}

std::string Within(std::string_view path, std::size_t index) {
  return absl::StrCat(View(path), "[", index, "]");
}

// Finds what the parser into values would let pass or cannot say: where broken JSON breaks, and members given
// twice.
class Checker final : public nlohmann::json_sax<Json> {
 public:
  explicit Checker(std::string_view text) : text_(text) {}

  const absl::Status& status() const { return status_; }

  bool null() override { return Value(); }
  bool boolean(bool) override { return Value(); }
  bool number_integer(number_integer_t) override { return Value(); }
  bool number_unsigned(number_unsigned_t) override { return Value(); }
  bool number_float(number_float_t, const string_t&) override { return Value(); }
  bool string(string_t&) override { return Value(); }
  bool binary(binary_t&) override { return Value(); }

  bool start_object(std::size_t) override {
    Value();
    open_.push_back({false, 0, {}, {}});
    return true;
  }
  bool start_array(std::size_t) override {
    Value();
    open_.push_back({true, 0, {}, {}});
    return true;
  }
  bool end_object() override { return Close(); }
  bool end_array() override { return Close(); }

  bool key(string_t& name) override {
    open_.back().member = name;
    if (open_.back().seen.insert(name).second) return true;
    open_.back().member = absl::CHexEscape(name);
    status_ = InvalidConfig(Path(), "is given twice");
    return false;
  }

  bool parse_error(std::size_t position, const std::string&, const Json::exception& error) override {
    // `position` counts the bytes read, the one that does not fit included.
    const std::string_view read = text_.substr(0, position == 0 ? 0 : position - 1);
    const std::size_t line_start = read.rfind('\n') == std::string_view::npos ? 0 : read.rfind('\n') + 1;
    const auto line = std::count(read.begin(), read.end(), '\n') + 1;
    const std::size_t column = read.size() - line_start + 1;
    status_ = absl::InvalidArgumentError(
        absl::StrCat("line ", line, ", column ", column, ": ", Reason(error.what())));
    return false;
  }

 private:
  static constexpr std::size_t kLongestReason = 200;

  struct Open {
    bool is_array;
    std::size_t elements;
    std::string member;
    std::set<std::string> seen;
  };

  bool Value() {
    if (!open_.empty() && open_.back().is_array) ++open_.back().elements;
    return true;
  }

  bool Close() {
    open_.pop_back();
    return true;
  }

  std::string Path() const {
    std::string path;
    for (const Open& open : open_) {
      path = open.is_array ? Within(path, open.elements - 1) : Within(path, open.member);
    }
    return path;
  }

  // The library's words without its own numbering and position, and without bytes that may not be text.
  static std::string Reason(std::string_view what) {
    for (std::string_view start : {"syntax error", "number overflow"}) {
      if (const std::size_t at = what.find(start); at != std::string_view::npos) what.remove_prefix(at);
    }
    std::string reason(what.substr(0, kLongestReason));
    for (char& c : reason) {
      if (c < 0x20 || c > 0x7E) c = '?';
    }
    return reason;
  }

  const std::string_view text_;
  std::vector<Open> open_;
  absl::Status status_;
};

// The member, or null where there is none; the JSON null is none, as protobuf's JSON has it.
const Json* Find(const Json& object, const char* member) {
  const auto found = object.find(member);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

// Numbers and strings of digits alike, as protobuf's JSON has it.
absl::StatusOr<double> ReadNumber(std::string_view path, const Json& value) {
  double number = 0;
  if (value.is_number()) {
    number = value.get<double>();
  } else if (!value.is_string() ||
             !absl::SimpleAtod(View(std::string_view(value.get_ref<const std::string&>())), &number)) {
    return InvalidConfig(path, "is not a number");
  }
  if (!std::isfinite(number)) return InvalidConfig(path, "is not a finite number");
  return number;
}

absl::StatusOr<std::string> ReadText(std::string_view path, const Json& value) {
  if (!value.is_string()) return InvalidConfig(path, "is not a string");
  return value.get<std::string>();
}

bool IsDigits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// As protobuf's JSON writes a Duration: seconds with up to nine decimals and an "s".
absl::StatusOr<std::chrono::nanoseconds> ReadPositiveDuration(std::string_view path, const Json& value) {
  constexpr std::string_view kForm = R"(is not a duration like "1.5s")";
  constexpr std::size_t kDecimals = 9;
  if (!value.is_string()) return InvalidConfig(path, kForm);
  std::string_view text = value.get_ref<const std::string&>();
  if (text.empty() || text.back() != 's') return InvalidConfig(path, kForm);
  text.remove_suffix(1);
  const bool negative = !text.empty() && text.front() == '-';
  if (negative) text.remove_prefix(1);
  const std::size_t point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  std::string decimals(point == std::string_view::npos ? "0" : text.substr(point + 1));
  if (!IsDigits(whole) || !IsDigits(decimals) || decimals.size() > kDecimals)
    return InvalidConfig(path, kForm);
  decimals.append(kDecimals - decimals.size(), '0');
  std::int64_t seconds = 0;
  std::int64_t nanoseconds = 0;
  constexpr std::int64_t kMostSeconds =
      std::chrono::floor<std::chrono::seconds>(std::chrono::nanoseconds::max()).count();
  if (!absl::SimpleAtoi(View(whole), &seconds) || seconds >= kMostSeconds) {
    return InvalidConfig(path, "is more than 292 years");
  }
  if (!absl::SimpleAtoi(decimals, &nanoseconds)) return InvalidConfig(path, kForm);
  if (negative || (seconds == 0 && nanoseconds == 0)) return InvalidConfig(path, "is not greater than zero");
  return std::chrono::seconds(seconds) + std::chrono::nanoseconds(nanoseconds);
}

// By name in any case, or by number.
absl::StatusOr<absl::StatusCode> ReadCode(std::string_view path, const Json& value) {
  constexpr std::string_view kNames[] = {
      "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
      "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
      "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
      "DATA_LOSS", "UNAUTHENTICATED"};
  std::size_t number = std::size(kNames);
  if (value.is_number_unsigned()) {
    number = value.get<std::size_t>();
  } else if (value.is_string()) {
    const std::string& given = value.get_ref<const std::string&>();
    number = 0;
    while (number < std::size(kNames) && !absl::EqualsIgnoreCase(given, View(kNames[number]))) ++number;
  }
  if (number >= std::size(kNames)) {
    return InvalidConfig(path,
                         "is not a status code, which is a name like UNAVAILABLE or a number from 1 to 16");
  }
  if (number == 0) return InvalidConfig(path, "is OK, which is no failure to retry");
  return static_cast<absl::StatusCode>(number);
}

// Reads a mandatory member into `out` by `read`.
template <class Out, class Read>
absl::Status ReadMember(std::string_view path, const Json& object, const char* member, Read read, Out* out) {
  const std::string member_path = Within(path, member);
  const Json* const value = Find(object, member);
  if (value == nullptr) return InvalidConfig(member_path, "is missing");
  auto result = read(member_path, *value);
  if (!result.ok()) return result.status();
  *out = *std::move(result);
  return absl::OkStatus();
}

absl::StatusOr<int> ReadMaxAttempts(std::string_view path, const Json& value) {
  const absl::StatusOr<double> number = ReadNumber(path, value);
  if (!number.ok()) return number.status();
  if (*number != std::floor(*number) || *number < 2)
    return InvalidConfig(path, "is not a whole number greater than 1");
  return static_cast<int>(std::min(*number, static_cast<double>(kMostAttempts)));
}

absl::StatusOr<double> ReadMultiplier(std::string_view path, const Json& value) {
  absl::StatusOr<double> number = ReadNumber(path, value);
  if (number.ok() && *number <= 0) return InvalidConfig(path, "is not greater than zero");
  return number;
}

absl::StatusOr<std::vector<absl::StatusCode>> ReadCodes(std::string_view path, const Json& value) {
  if (!value.is_array()) return InvalidConfig(path, "is not an array");
  if (value.empty()) return InvalidConfig(path, "is empty");
  std::vector<absl::StatusCode> codes;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const absl::StatusOr<absl::StatusCode> code = ReadCode(Within(path, i), value[i]);
    if (!code.ok()) return code.status();
    if (std::find(codes.begin(), codes.end(), *code) == codes.end()) codes.push_back(*code);
  }
  return codes;
}

absl::StatusOr<RetryPolicy> ReadRetryPolicy(std::string_view path, const Json& value) {
  if (!value.is_object()) return InvalidConfig(path, "is not an object");
  RetryPolicy policy;
  absl::Status status = ReadMember(path, value, "maxAttempts", ReadMaxAttempts, &policy.max_attempts);
  if (status.ok())
    status = ReadMember(path, value, "initialBackoff", ReadPositiveDuration, &policy.initial_backoff);
  if (status.ok()) status = ReadMember(path, value, "maxBackoff", ReadPositiveDuration, &policy.max_backoff);
  if (status.ok())
    status = ReadMember(path, value, "backoffMultiplier", ReadMultiplier, &policy.backoff_multiplier);
  if (status.ok())
    status = ReadMember(path, value, "retryableStatusCodes", ReadCodes, &policy.retryable_codes);
  if (!status.ok()) return status;
  return policy;
}

// How well a method config's name fits lookups.
enum class Fit { kNone, kDefault, kService, kMethod };

absl::StatusOr<Fit> ReadName(std::string_view path, const Json& value, std::set<std::string>* names) {
  if (!value.is_object()) return InvalidConfig(path, "is not an object");
  std::string service;
  std::string method;
  for (const auto& [member, text] : {std::pair("service", &service), std::pair("method", &method)}) {
    const Json* const given = Find(value, member);
    if (given == nullptr) continue;
    absl::StatusOr<std::string> read = ReadText(Within(path, member), *given);
    if (!read.ok()) return read.status();
    *text = *std::move(read);
  }
  if (service.empty() && !method.empty()) return InvalidConfig(path, "has a method but no service");
  if (!names->insert(absl::StrCat(service, "/", method)).second) {
    return InvalidConfig(path, absl::StrCat(Quoted(absl::StrCat(service, "/", method)), " is named twice"));
  }
  if (service.empty()) return Fit::kDefault;
  if (service != kLookupService) return Fit::kNone;
  if (method.empty()) return Fit::kService;
  return method == kLookupMethod ? Fit::kMethod : Fit::kNone;
}

absl::StatusOr<Fit> ReadNames(std::string_view path, const Json& value, std::set<std::string>* names) {
  if (!value.is_array()) return InvalidConfig(path, "is not an array");
  Fit best = Fit::kNone;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const absl::StatusOr<Fit> fit = ReadName(Within(path, i), value[i], names);
    if (!fit.ok()) return fit.status();
    best = std::max(best, *fit);
  }
  return best;
}

// What a method config says of a method.
struct MethodConfig {
  std::optional<std::chrono::nanoseconds> timeout;
  std::optional<bool> wait_for_ready;
  std::optional<RetryPolicy> retry;
};

absl::StatusOr<MethodConfig> ReadMethodConfig(std::string_view path, const Json& value) {
  MethodConfig config;
  if (const Json* const timeout = Find(value, "timeout")) {
    const absl::StatusOr<std::chrono::nanoseconds> read =
        ReadPositiveDuration(Within(path, "timeout"), *timeout);
    if (!read.ok()) return read.status();
    config.timeout = *read;
  }
  if (const Json* const wait_for_ready = Find(value, "waitForReady")) {
    if (!wait_for_ready->is_boolean())
      return InvalidConfig(Within(path, "waitForReady"), "is neither true nor false");
    config.wait_for_ready = wait_for_ready->get<bool>();
  }
  if (const Json* const retry = Find(value, "retryPolicy")) {
    absl::StatusOr<RetryPolicy> read = ReadRetryPolicy(Within(path, "retryPolicy"), *retry);
    if (!read.ok()) return read.status();
    config.retry = *std::move(read);
  }
  return config;
}

// Of all entries, also those for other methods, since one that is invalid spoils the whole config.
absl::StatusOr<MethodConfig> ReadMethodConfigs(const Json& value) {
  constexpr std::string_view kPath = "methodConfig";
  if (!value.is_array()) return InvalidConfig(kPath, "is not an array");
  MethodConfig best;
  Fit best_fit = Fit::kNone;
  std::set<std::string> names;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const std::string path = Within(kPath, i);
    if (!value[i].is_object()) return InvalidConfig(path, "is not an object");
    absl::StatusOr<MethodConfig> config = ReadMethodConfig(path, value[i]);
    if (!config.ok()) return config.status();
    const Json* const name = Find(value[i], "name");
    if (name == nullptr) continue;
    const absl::StatusOr<Fit> fit = ReadNames(Within(path, "name"), *name, &names);
    if (!fit.ok()) return fit.status();
    if (*fit <= best_fit) continue;
    best_fit = *fit;
    best = *std::move(config);
  }
  return best;
}

absl::StatusOr<double> ReadTokens(std::string_view path, const Json& value) {
  absl::StatusOr<double> tokens = ReadNumber(path, value);
  if (tokens.ok() && *tokens < kLeastTokens) return InvalidConfig(path, "is less than 0.001");
  return tokens;
}

absl::StatusOr<double> ReadMaxTokens(std::string_view path, const Json& value) {
  absl::StatusOr<double> tokens = ReadTokens(path, value);
  if (tokens.ok() && *tokens > kMostTokens) return InvalidConfig(path, "is more than 1000");
  return tokens;
}

absl::StatusOr<RetryThrottling> ReadThrottling(const Json& value) {
  constexpr std::string_view kPath = "retryThrottling";
  if (!value.is_object()) return InvalidConfig(kPath, "is not an object");
  RetryThrottling throttling;
  absl::Status status = ReadMember(kPath, value, "maxTokens", ReadMaxTokens, &throttling.max_tokens);
  if (status.ok()) status = ReadMember(kPath, value, "tokenRatio", ReadTokens, &throttling.token_ratio);
  if (!status.ok()) return status;
  return throttling;
}

std::optional<LoadBalancing> PolicyNamed(std::string_view name) {
  for (LoadBalancing policy :
       {LoadBalancing::kRoundRobin, LoadBalancing::kPickFirst, LoadBalancing::kLeastRequest,
        LoadBalancing::kWeightedRoundRobin, LoadBalancing::kRingHash}) {
    if (name == LoadBalancingName(policy)) return policy;
  }
  // Names under which gRPC has these still.
  if (name == "least_request_experimental") return LoadBalancing::kLeastRequest;
  if (name == "ring_hash_experimental") return LoadBalancing::kRingHash;
  return std::nullopt;
}

absl::StatusOr<LoadBalancing> ReadLoadBalancingConfig(const Json& value) {
  constexpr std::string_view kPath = "loadBalancingConfig";
  if (!value.is_array()) return InvalidConfig(kPath, "is not an array");
  for (std::size_t i = 0; i < value.size(); ++i) {
    const std::string path = Within(kPath, i);
    if (!value[i].is_object() || value[i].size() != 1)
      return InvalidConfig(path, "is not an object with one member");
    const auto policy = value[i].begin();
    if (!policy.value().is_object())
      return InvalidConfig(Within(path, absl::CHexEscape(policy.key())), "is not an object");
    if (const std::optional<LoadBalancing> known = PolicyNamed(policy.key())) return *known;
  }
  return InvalidConfig(kPath, "names no policy that is known");
}

absl::StatusOr<LoadBalancing> ReadLoadBalancingPolicy(const Json& value) {
  constexpr std::string_view kPath = "loadBalancingPolicy";
  const absl::StatusOr<std::string> name = ReadText(kPath, value);
  if (!name.ok()) return name.status();
  if (const std::optional<LoadBalancing> known = PolicyNamed(absl::AsciiStrToLower(*name))) return *known;
  return InvalidConfig(kPath, absl::StrCat(Quoted(*name), " is not a policy that is known"));
}

}  // namespace

absl::StatusOr<ServiceConfig> ParseServiceConfig(std::string_view json) {
  Checker checker(json);
  if (!Json::sax_parse(json, &checker)) return checker.status();
  const Json root = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!root.is_object()) return absl::InvalidArgumentError("a service config is a JSON object");

  ServiceConfig out;
  if (const Json* const methods = Find(root, "methodConfig")) {
    absl::StatusOr<MethodConfig> config = ReadMethodConfigs(*methods);
    if (!config.ok()) return config.status();
    out.timeout = config->timeout;
    out.wait_for_ready = config->wait_for_ready;
    out.retry = std::move(config->retry);
  }
  if (const Json* const throttling = Find(root, "retryThrottling")) {
    const absl::StatusOr<RetryThrottling> read = ReadThrottling(*throttling);
    if (!read.ok()) return read.status();
    out.throttling = *read;
  }
  if (const Json* const config = Find(root, "loadBalancingConfig")) {
    const absl::StatusOr<LoadBalancing> read = ReadLoadBalancingConfig(*config);
    if (!read.ok()) return read.status();
    out.load_balancing = *read;
  } else if (const Json* const policy = Find(root, "loadBalancingPolicy")) {
    const absl::StatusOr<LoadBalancing> read = ReadLoadBalancingPolicy(*policy);
    if (!read.ok()) return read.status();
    out.load_balancing = *read;
  }
  return out;
}

}  // namespace DISPATCHCTL_ABI
}  // namespace dispatchctl
