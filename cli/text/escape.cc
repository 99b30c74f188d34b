#include "text/escape.h"

#include <array>

#include "text/utf8.h"

namespace dispatchctl::cli {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
constexpr std::string_view kHexDigits = "0123456789abcdef";

// Bytes that a JSON string cannot hold as they are, or that need a look at their neighbours.
constexpr std::array<bool, 256> MakeSpecial() {
  std::array<bool, 256> special{};
  for (std::size_t c = 0; c < 0x20; ++c) special[c] = true;
  for (std::size_t c = 0x80; c < 0x100; ++c) special[c] = true;
  special['"'] = true;
  special['\\'] = true;
  return special;
}
constexpr std::array<bool, 256> kSpecial = MakeSpecial();

unsigned char ByteAt(std::string_view text, std::size_t i) {
  return static_cast<unsigned char>(text[i]);
}

void AppendHexEscape(std::string& out, std::string_view prefix, unsigned char c) {
  out += prefix;
  out += kHexDigits[c >> 4U];
  out += kHexDigits[c & 0xFU];
}

void AppendEscaped(std::string& out, unsigned char c) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\b':
      out += "\\b";
      return;
    case '\f':
      out += "\\f";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      AppendHexEscape(out, "\\u00", c);
  }
}

}  // namespace

void AppendJsonString(std::string& out, std::string_view text) {
  out += '"';
  std::size_t clean = 0;
  std::size_t i = 0;
  while (i < text.size()) {
    const unsigned char c = ByteAt(text, i);
    if (!kSpecial[c]) {
      ++i;
      continue;
    }
    const std::size_t length = c < 0x80 ? 0 : Utf8SequenceLength(text, i);
    if (length != 0) {
      i += length;
      continue;
    }
    out.append(text.substr(clean, i - clean));
    if (c < 0x80) {
      AppendEscaped(out, c);
    } else {
      out += kReplacement;
    }
    clean = ++i;
  }
  out.append(text.substr(clean));
  out += '"';
}

void AppendPrintable(std::string& out, std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const unsigned char c = ByteAt(text, i);
    const std::size_t length = Utf8SequenceLength(text, i);
    if (length == 0) {
      out += kReplacement;
      ++i;
    } else if (c < 0x20 || c == 0x7F) {
      AppendHexEscape(out, "\\x", c);
      ++i;
    } else if (c == 0xC2 && ByteAt(text, i + 1) < 0xA0) {
      // The C1 controls, which some terminals obey.
      AppendHexEscape(out, "\\x", ByteAt(text, i + 1));
      i += 2;
    } else {
      out.append(text.substr(i, length));
      i += length;
    }
  }
}

std::size_t DisplayWidth(std::string_view text) {
  std::size_t width = 0;
  for (const char c : text) {
    if ((static_cast<unsigned char>(c) & 0xC0U) != 0x80U) ++width;
  }
  return width;
}

}  // namespace dispatchctl::cli
