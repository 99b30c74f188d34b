#pragma once

#include <dispatchctl/endpoint_status.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "config/options.h"
#include "output/record_format.h"
#include "output/record_stream.h"

namespace dispatchctl::cli {

/// A table leaves out what its readers rarely want. `timed`: each record says when it was true.
std::vector<Column> EndpointColumns(OutputFormat format, bool timed);

/// One record of `format`; with a time where there is one.
void WriteEndpoint(RecordStream& records, OutputFormat format, const EndpointStatus& endpoint,
                   std::optional<std::chrono::system_clock::time_point> time);

}  // namespace dispatchctl::cli
