#include "mapping/line_splitter.h"

#include <utility>

namespace bff {

bool LineSplitter::Feed(std::string_view piece, const Receiver& receiver) {
  for (;;) {
    const std::size_t end = piece.find('\n');
    Append(piece.substr(0, end));
    if (end == std::string_view::npos) return true;
    piece.remove_prefix(end + 1);
    if (!HandOver(receiver)) return false;
  }
}

bool LineSplitter::Finish(const Receiver& receiver) {
  return (line_.empty() && !too_long_) || HandOver(receiver);
}

void LineSplitter::Append(std::string_view text) {
  if (too_long_) return;
  if (line_.size() + text.size() > longest_line_) {
    too_long_ = true;
    line_.clear();
    return;
  }
  line_.append(text);
}

bool LineSplitter::HandOver(const Receiver& receiver) {
  ++number_;
  std::string_view text = line_;
  if (text.ends_with('\r')) text.remove_suffix(1);
  const bool too_long = std::exchange(too_long_, false);
  const bool blank = !too_long && text.find_first_not_of(" \t") == std::string_view::npos;
  const bool wanted = blank || receiver({.number = number_, .text = text, .too_long = too_long});
  line_.clear();
  return wanted;
}

}  // namespace bff
