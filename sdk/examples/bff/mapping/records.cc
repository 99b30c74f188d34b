#include "mapping/records.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace bff {
namespace {

using nlohmann::ordered_json;

absl::StatusOr<ordered_json> ParseObject(std::string_view text) {
  try {
    ordered_json json = ordered_json::parse(text);
    if (json.is_object()) return json;
    return absl::InvalidArgumentError(absl::StrCat("expected a JSON object, got ", json.type_name()));
  } catch (const ordered_json::parse_error& error) {
    return absl::InvalidArgumentError(
        absl::StrCat("not JSON, or not UTF-8: wrong at byte ", error.byte, " of ", text.size()));
  }
}

absl::Status ReadString(const ordered_json& object, const char* name, bool required, std::string* value) {
  const auto found = object.find(name);
  if (found == object.end()) {
    return required ? absl::InvalidArgumentError(absl::StrCat(name, " is missing")) : absl::OkStatus();
  }
  if (!found->is_string()) {
    return absl::InvalidArgumentError(absl::StrCat(name, ": expected a string, got ", found->type_name()));
  }
  *value = found->get<std::string>();
  return absl::OkStatus();
}

}  // namespace

ordered_json CourierRecord(const dispatchctl::CourierStatus& status, const dispatchctl::CallReport& report) {
  ordered_json record;
  dispatchctl::VisitFields(status, [&record](const char* name, const auto& value) { record[name] = value; });
  if (report.stale) {
    record["stale"] = true;
    record["age_ms"] = std::chrono::duration_cast<std::chrono::milliseconds>(report.stale_age).count();
  }
  return record;
}

ordered_json FailedCourierRecord(std::string_view courier_id, const Problem& problem) {
  return {{"courier_id", courier_id}, {"error", ToJson(problem)}};
}

absl::StatusOr<std::vector<std::string>> ParseBatch(std::string_view body) {
  const absl::StatusOr<ordered_json> json = ParseObject(body);
  if (!json.ok()) return json.status();
  const auto ids = json->find("courier_ids");
  if (ids == json->end() || !ids->is_array())
    return absl::InvalidArgumentError("courier_ids: expected an array of strings");
  if (ids->empty() || ids->size() > kMaxBatchIds) {
    return absl::InvalidArgumentError(
        absl::StrCat("courier_ids: expected 1 to ", kMaxBatchIds, " ids, got ", ids->size()));
  }
  std::vector<std::string> out;
  out.reserve(ids->size());
  for (const ordered_json& id : *ids) {
    if (!id.is_string()) {
      return absl::InvalidArgumentError(
          absl::StrCat("courier_ids[", out.size(), "]: expected a string, got ", id.type_name()));
    }
    out.push_back(id.get<std::string>());
  }
  return out;
}

absl::StatusOr<dispatchctl::AssignmentUpdate> ParseAssignment(std::string_view line) {
  const absl::StatusOr<ordered_json> json = ParseObject(line);
  if (!json.ok()) return json.status();
  dispatchctl::AssignmentUpdate update;
  absl::Status status = ReadString(*json, "assignment_id", true, &update.assignment_id);
  if (status.ok()) status = ReadString(*json, "courier_id", true, &update.courier_id);
  if (status.ok()) status = ReadString(*json, "destination_zone", false, &update.destination_zone);
  if (!status.ok()) return status;
  return update;
}

ordered_json ResultRecord(const dispatchctl::AssignmentResult& result) {
  ordered_json record;
  dispatchctl::VisitFields(result, [&record](const char* name, const auto& value) { record[name] = value; });
  return record;
}

ordered_json FailedAssignmentRecord(std::optional<std::string_view> assignment_id, std::uint64_t line,
                                    const Problem& problem) {
  ordered_json record;
  if (assignment_id) record["assignment_id"] = *assignment_id;
  record["line"] = line;
  record["error"] = ToJson(problem);
  return record;
}

ordered_json CutShortRecord(std::uint64_t lines_read, const Problem& problem) {
  return {{"error", ToJson(problem)}, {"lines_read", lines_read}};
}

const Problem* CommonProblem(const std::vector<const Problem*>& errors) {
  const bool common = std::all_of(errors.begin(), errors.end(), [](const Problem* error) {
    return error != nullptr && (error->status == 429 || error->status >= 500);
  });
  return common && !errors.empty() ? errors.front() : nullptr;
}

}  // namespace bff
