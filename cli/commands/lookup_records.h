#pragma once

#include <dispatchctl/courier_status.h>

#include <string_view>
#include <vector>

#include "output/record_format.h"
#include "output/record_stream.h"

namespace dispatchctl::cli {

std::vector<Column> LookupColumns();

void WriteCourier(RecordStream& records, const CourierStatus& status);

/// `courier_id` may be empty when the line it should have come from could not be read; `line` stands in then.
void WriteLookupFailure(RecordStream& records, std::string_view courier_id, std::uint64_t line,
                        const ErrorReport& error);

}  // namespace dispatchctl::cli
