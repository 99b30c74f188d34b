#pragma once

#include <absl/status/statusor.h>
#include <dispatchctl/assignment.h>
#include <dispatchctl/call_report.h>
#include <dispatchctl/courier_status.h>

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mapping/problem.h"

namespace bff {

/// Most ids of one batch.
inline constexpr std::size_t kMaxBatchIds = 1000;

/// A courier: the contract's fields, then `stale` and `age_ms` where the report says so.
nlohmann::ordered_json CourierRecord(const dispatchctl::CourierStatus& status,
                                     const dispatchctl::CallReport& report);

/// The place of a courier that could not be looked up: `courier_id` and `error`.
nlohmann::ordered_json FailedCourierRecord(std::string_view courier_id, const Problem& problem);

/// The ids of `{"courier_ids":["courier-1", ...]}`, 1 to kMaxBatchIds of them; members of other names are
/// ignored. What an id holds is for the lookup to judge. Errors: INVALID_ARGUMENT naming the place.
absl::StatusOr<std::vector<std::string>> ParseBatch(std::string_view body);

/// One line of assignments: an object with `assignment_id`, `courier_id` and, if it has one,
/// `destination_zone`; members of other names are ignored. What the ids hold is for the stream to judge.
/// Errors: INVALID_ARGUMENT naming the place.
absl::StatusOr<dispatchctl::AssignmentUpdate> ParseAssignment(std::string_view line);

/// A decided assignment: the contract's fields.
nlohmann::ordered_json ResultRecord(const dispatchctl::AssignmentResult& result);

/// The place of an assignment without a decision: `assignment_id` unless the line could not be read, `line`,
/// `error`.
nlohmann::ordered_json FailedAssignmentRecord(std::optional<std::string_view> assignment_id,
                                              std::uint64_t line, const Problem& problem);

/// The last record of a stream that ended before its input did: `error` and `lines_read`.
nlohmann::ordered_json CutShortRecord(std::uint64_t lines_read, const Problem& problem);

/// What stands for a whole batch, if anything: the first error, when every courier failed for a reason that
/// has nothing to do with the courier (429 or 5xx). `errors` has nullptr for each courier that has an answer.
const Problem* CommonProblem(const std::vector<const Problem*>& errors);

}  // namespace bff
