#pragma once

namespace dispatchctl::cli {

/// Opens /dev/null in place of standard descriptors that were closed by the caller, so that no socket takes
/// their number. Reading that stdin and writing that stdout fail, as they did before.
void OccupyStandardDescriptors();

/// Ends the process at once, without destructors. With `signal`, ends it by that signal, so that the caller
/// sees it.
[[noreturn]] void EndProcess(int exit_code, int signal);

}  // namespace dispatchctl::cli
