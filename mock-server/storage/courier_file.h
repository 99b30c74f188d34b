#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "mock-server/domain/courier.h"

namespace dispatchctl::mock {

// Reads couriers from a file whose name ends in .json or .csv. Errors name the file, the line and the field.
//
// JSON: an array of objects; CSV: RFC 4180 with a header row. Fields are those of CourierStatusReply;
// courier_id is required, the others default to "". Unknown fields and repeated ids are errors.
absl::StatusOr<std::vector<Courier>> LoadCouriers(const std::string& path);

// The same for text already read; `name` stands for the file in errors.
absl::StatusOr<std::vector<Courier>> ParseCouriersJson(std::string_view text, std::string_view name);
absl::StatusOr<std::vector<Courier>> ParseCouriersCsv(std::string_view text, std::string_view name);

}  // namespace dispatchctl::mock
