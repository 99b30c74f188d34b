#include "text/escape.h"

#include <dispatchctl/validation.h>

#include <algorithm>
#include <array>

namespace dispatchctl::cli {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
constexpr std::string_view kHexDigits = "0123456789abcdef";

// Bytes of well-formed text that a JSON string cannot hold as they are.
constexpr std::array<bool, 256> MakeSpecial() {
  std::array<bool, 256> special{};
  for (std::size_t c = 0; c < 0x20; ++c) special[c] = true;
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

// Appends `text` by runs of well-formed UTF-8, and a replacement character for each byte between them.
template <class AppendValid>
void AppendRepaired(std::string& out, std::string_view text, AppendValid append_valid) {
  for (;;) {
    const std::size_t valid = std::min(FindInvalidUtf8(text), text.size());
    append_valid(text.substr(0, valid));
    if (valid == text.size()) return;
    out += kReplacement;
    text.remove_prefix(valid + 1);
  }
}

}  // namespace

void AppendJsonString(std::string& out, std::string_view text) {
  out += '"';
  AppendRepaired(out, text, [&out](std::string_view valid) {
    std::size_t clean = 0;
    for (std::size_t i = 0; i < valid.size(); ++i) {
      const unsigned char c = ByteAt(valid, i);
      if (!kSpecial[c]) continue;
      out.append(valid.substr(clean, i - clean));
      AppendEscaped(out, c);
      clean = i + 1;
    }
    out.append(valid.substr(clean));
  });
  out += '"';
}

void AppendPrintable(std::string& out, std::string_view text) {
  AppendRepaired(out, text, [&out](std::string_view valid) {
    for (std::size_t i = 0; i < valid.size(); ++i) {
      const unsigned char c = ByteAt(valid, i);
      if (c < 0x20 || c == 0x7F) {
        AppendHexEscape(out, "\\x", c);
      } else if (c == 0xC2 && ByteAt(valid, i + 1) < 0xA0) {
        // The C1 controls, which some terminals obey.
        AppendHexEscape(out, "\\x", ByteAt(valid, ++i));
      } else {
        out += valid[i];
      }
    }
  });
}

std::string Quoted(std::string_view text) {
  std::string out = "'";
  AppendPrintable(out, text);
  out += '\'';
  return out;
}

std::string QuotedExcerpt(std::string_view text) {
  constexpr std::size_t kMostShown = 64;
  std::string out = "\"";
  AppendPrintable(out, text.substr(0, kMostShown));
  if (text.size() > kMostShown) out += "...";
  out += '"';
  return out;
}

std::size_t DisplayWidth(std::string_view text) {
  std::size_t width = 0;
  for (const char c : text) {
    if ((static_cast<unsigned char>(c) & 0xC0U) != 0x80U) ++width;
  }
  return width;
}

}  // namespace dispatchctl::cli
