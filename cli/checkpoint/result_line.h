#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace dispatchctl::cli {

/// What one line of a results file answers.
struct ResultLine {
  bool failed = false;             ///< it has "error": then it answers the line, else the assignment
  std::string_view assignment_id;  ///< into the text that was parsed
  std::uint64_t line = 0;          ///< of a failure
  bool accepted = false;
};

enum class LineKind {
  kResult,  ///< a record as assign writes them in NDJSON; fields it does not know are passed over
  kOther,   ///< whole, but something else: nothing that a crash could have left
  kBroken,  ///< no JSON, or not all of it
};

/// Parses in place: `text` is overwritten, text[size] too. `result` is set for kResult only.
LineKind ParseResultLine(char* text, std::size_t size, ResultLine& result);

/// True when `text` may be what is left of the first record of a results file whose writing was cut short.
bool MayBeTornResult(std::string_view text);

}  // namespace dispatchctl::cli
