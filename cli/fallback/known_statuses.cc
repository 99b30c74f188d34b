#include "fallback/known_statuses.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "output/record_format.h"

namespace dispatchctl::cli {
namespace {

using std::chrono::system_clock;

constexpr std::uint64_t kFormatVersion = 1;
constexpr std::string_view kVersionName = "dispatchctl_status_cache";
constexpr std::string_view kServiceName = "service";
constexpr std::string_view kTimeName = "at_ms";

std::uint64_t UnixMilliseconds(system_clock::time_point time) {
  const auto count = std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
  return static_cast<std::uint64_t>(std::max<decltype(count)>(count, 0));
}

nlohmann::json ParseLine(std::string_view line) {
  return nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
}

template <class Field>
bool ReadField(const nlohmann::json& object, std::string_view name, Field& field) {
  const auto found = object.find(std::string(name));
  // Fields that the contract has got since are left empty.
  if (found == object.end()) return true;
  if constexpr (std::is_same_v<Field, std::string>) {
    if (!found->is_string()) return false;
  } else if constexpr (std::is_same_v<Field, bool>) {
    if (!found->is_boolean()) return false;
  } else {
    if (!found->is_number_integer()) return false;
  }
  found->get_to(field);
  return true;
}

std::optional<KnownStatus> ReadStatus(const nlohmann::json& object) {
  KnownStatus known;
  std::int64_t at = -1;
  if (!object.is_object() || !ReadField(object, kTimeName, at) || at < 0) return std::nullopt;
  // A clock counts nanoseconds.
  if (at > std::chrono::duration_cast<std::chrono::milliseconds>(system_clock::duration::max()).count()) {
    return std::nullopt;
  }
  known.at = system_clock::time_point(std::chrono::milliseconds(at));
  bool valid = true;
  VisitFields(known.status,
              [&](std::string_view name, auto& field) { valid = valid && ReadField(object, name, field); });
  if (!valid || known.status.courier_id.empty()) return std::nullopt;
  return known;
}

absl::Status ReadHeader(std::string_view service, std::string_view line) {
  const nlohmann::json header = ParseLine(line);
  std::uint64_t version = 0;
  std::string owner;
  if (!header.is_object() || !ReadField(header, kVersionName, version) || version == 0 ||
      !ReadField(header, kServiceName, owner)) {
    return absl::DataLossError("line 1 is damaged");
  }
  if (version != kFormatVersion) return absl::FailedPreconditionError("it is of another version");
  if (owner != service) return absl::FailedPreconditionError("it is another service's");
  return absl::OkStatus();
}

}  // namespace

std::string EncodeStatuses(std::string_view service, const KnownStatuses& statuses) {
  const std::unique_ptr<RecordFormat> format = MakeNdjsonFormat();
  std::string out;
  format->StartRecord(out);
  format->NumberField(out, kVersionName, kFormatVersion);
  format->TextField(out, kServiceName, service);
  format->EndRecord(out);
  for (const auto& [courier_id, known] : statuses) {
    const std::size_t begin = out.size();
    format->StartRecord(out);
    format->NumberField(out, kTimeName, UnixMilliseconds(known.at));
    WriteFields(*format, out, known.status);
    format->EndRecord(out);
    if (out.size() - begin > kMostStatusLineBytes) out.resize(begin);
  }
  return out;
}

absl::StatusOr<KnownStatuses> DecodeStatuses(std::string_view service, std::string_view text) {
  KnownStatuses statuses;
  for (std::size_t number = 1; number == 1 || !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    // A line without its end was cut off.
    if (end == std::string_view::npos) return absl::DataLossError(fmt::format("line {} is damaged", number));
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    if (number == 1) {
      if (absl::Status status = ReadHeader(service, line); !status.ok()) return status;
      continue;
    }
    std::optional<KnownStatus> known = ReadStatus(ParseLine(line));
    if (!known.has_value()) return absl::DataLossError(fmt::format("line {} is damaged", number));
    std::string courier_id = known->status.courier_id;
    statuses.insert_or_assign(std::move(courier_id), *std::move(known));
  }
  return statuses;
}

void KeepNewest(KnownStatuses& statuses, std::size_t most) {
  if (statuses.size() <= most) return;
  std::vector<KnownStatuses::iterator> newest_first;
  newest_first.reserve(statuses.size());
  for (auto known = statuses.begin(); known != statuses.end(); ++known) newest_first.push_back(known);
  const auto surplus = newest_first.begin() + static_cast<std::ptrdiff_t>(most);
  std::nth_element(newest_first.begin(), surplus, newest_first.end(),
                   [](const auto& a, const auto& b) { return a->second.at > b->second.at; });
  for (auto known = surplus; known != newest_first.end(); ++known) statuses.erase(*known);
}

}  // namespace dispatchctl::cli
