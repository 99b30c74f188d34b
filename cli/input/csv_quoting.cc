#include "input/csv_quoting.h"

#include <cstddef>

namespace dispatchctl::cli {
namespace {

// Just past the quote that closes the field that `at` is in; npos when there is none.
std::size_t PastClosingQuote(std::string_view line, std::size_t at) {
  for (;;) {
    at = line.find('"', at);
    if (at == std::string_view::npos) return at;
    ++at;
    // A doubled quote is one that belongs to the field.
    if (at == line.size() || line[at] != '"') return at;
    ++at;
  }
}

}  // namespace

bool EndsInsideQuotes(std::string_view line, bool began_inside) {
  // Most lines have no quotes at all.
  if (!began_inside && line.find('"') == std::string_view::npos) return false;
  std::size_t at = 0;
  for (bool inside = began_inside;; inside = false) {
    if (!inside && at < line.size() && line[at] == '"') {
      inside = true;
      ++at;
    }
    if (inside) {
      at = PastClosingQuote(line, at);
      if (at == std::string_view::npos) return true;
    }
    at = line.find(',', at);
    if (at == std::string_view::npos) return false;
    ++at;
  }
}

}  // namespace dispatchctl::cli
