#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "output/error_report.h"
#include "output/record_stream.h"

namespace dispatchctl::cli {

/// "SIGINT" and so on.
std::string_view SignalName(int signal);

/// The error of a run that a signal ended; `rest` says what was left undone, and may be empty.
ErrorReport InterruptedError(int signal, std::string_view rest);

/// What happened to stdout, if anything did. A reader that went away is told by SIGPIPE and not in words.
std::optional<ErrorReport> OutputFailure(const RecordStream& records);

/// The same of a file that --out names: what is in it stays there.
std::optional<ErrorReport> OutputFailure(const RecordStream& records, std::string_view file);

/// Of everything that went wrong in one run, what it ends with.
std::optional<ErrorReport> Gravest(const std::vector<ErrorReport>& errors);

}  // namespace dispatchctl::cli
