#pragma once

#include <dispatchctl/courier_status.h>

#include <chrono>
#include <optional>
#include <string_view>
#include <vector>

#include "output/record_format.h"
#include "output/record_stream.h"

namespace dispatchctl::cli {

/// `may_be_stale`: with columns for what only stale records have. `timed`: each record says when it was true.
std::vector<Column> LookupColumns(bool may_be_stale, bool timed);

using RecordTime = std::optional<std::chrono::system_clock::time_point>;

/// `stale_age`: how long ago the status was true, where it is a last known one.
void WriteCourier(RecordStream& records, const CourierStatus& status,
                  std::optional<std::chrono::nanoseconds> stale_age, RecordTime time = {});

/// `courier_id` may be empty when the line it should have come from could not be read; `line` stands in then.
void WriteLookupFailure(RecordStream& records, std::string_view courier_id, std::uint64_t line,
                        const ErrorReport& error, RecordTime time = {});

}  // namespace dispatchctl::cli
