#include "config/config_edit.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <utility>

#include "config/config_file.h"

namespace dispatchctl::cli {
namespace {

constexpr std::string_view kLineBlanks = " \t\r";

std::string_view NewlineOf(std::string_view text) {
  return text.find("\r\n") != std::string_view::npos ? "\r\n" : "\n";
}

std::size_t LineBegin(std::string_view text, std::size_t at) {
  const std::size_t newline = at == 0 ? std::string_view::npos : text.rfind('\n', at - 1);
  return newline == std::string_view::npos ? 0 : newline + 1;
}

// Behind the newline, or at the text's end.
std::size_t LineEnd(std::string_view text, std::size_t at) {
  const std::size_t newline = text.find('\n', at);
  return newline == std::string_view::npos ? text.size() : newline + 1;
}

bool IsBlank(std::string_view line) {
  return line.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

bool IsComment(std::string_view line) {
  const std::size_t first = line.find_first_not_of(kLineBlanks);
  return first != std::string_view::npos && line[first] == '#';
}

void Replace(std::string& text, std::size_t begin, std::size_t end, std::string_view by) {
  text.replace(begin, end - begin, by);
}

// Puts a line behind the one that `at` is in.
void InsertLineAfter(std::string& text, std::size_t at, std::string_view line) {
  const std::string newline(NewlineOf(text));
  const std::size_t end = LineEnd(text, at);
  const bool open = end == text.size() && (text.empty() || text.back() != '\n');
  text.insert(end, open ? newline + std::string(line) + newline : std::string(line) + newline);
}

// Takes one of `count` pairs out of braces.
template <class RangeOf>
void EraseFromBraces(std::string& text, std::size_t index, std::size_t count, RangeOf&& range_of) {
  const auto [begin, end] = range_of(index);
  if (index + 1 < count) {
    Replace(text, begin, range_of(index + 1).first, "");
  } else if (index > 0) {
    Replace(text, range_of(index - 1).second, end, "");
  } else {
    Replace(text, begin, end, "");
  }
}

void EraseEntry(std::string& text, const ConfigContext& context, const ConfigEntry& entry) {
  if (context.form == ContextForm::kInline) {
    const auto index = static_cast<std::size_t>(&entry - context.entries.data());
    EraseFromBraces(text, index, context.entries.size(), [&](std::size_t i) {
      return std::pair(context.entries[i].key_range.begin, context.entries[i].value_range.end);
    });
    return;
  }
  Replace(text, LineBegin(text, entry.key_range.begin), LineEnd(text, entry.value_range.end), "");
}

void AddEntry(std::string& text, const ConfigContext& context, const KeyChange& change) {
  const std::string pair = fmt::format("{} = {}", TomlKey(change.key), *change.value);
  if (context.form == ContextForm::kInline) {
    if (context.entries.empty()) {
      Replace(text, context.range.begin, context.range.end, fmt::format("{{ {} }}", pair));
    } else {
      text.insert(context.entries.back().value_range.end, ", " + pair);
    }
  } else if (context.entries.empty()) {
    InsertLineAfter(text, context.range.end, pair);
  } else {
    // Indented as the line above, or beginning with the same dotted name.
    const ConfigEntry& last = context.entries.back();
    const std::size_t begin = LineBegin(text, last.key_range.begin);
    InsertLineAfter(text, last.value_range.end, text.substr(begin, last.key_range.begin - begin) + pair);
  }
}

void AppendContext(std::string& text, std::string_view name) {
  const std::string newline(NewlineOf(text));
  if (!text.empty() && text.back() != '\n') text += newline;
  if (!IsBlank(text)) text += newline;
  text += fmt::format("[contexts.{}]{}", TomlKey(name), newline);
}

// The comment lines right above `begin`, unless the file begins with them.
std::size_t WithCommentAbove(std::string_view text, std::size_t begin) {
  std::size_t top = begin;
  while (top > 0) {
    const std::size_t line = LineBegin(text, top - 1);
    if (!IsComment(text.substr(line, top - line))) return top;
    top = line;
  }
  return begin;
}

// Takes whole lines out, and one of two gaps that would meet.
void EraseLines(std::string& text, std::size_t begin, std::size_t end) {
  const std::string_view view = text;
  const std::size_t above = begin == 0 ? 0 : LineBegin(view, begin - 1);
  const std::size_t next = LineEnd(view, end);
  const bool gap_above = IsBlank(view.substr(above, begin - above));
  if (end < view.size() && gap_above && IsBlank(view.substr(end, next - end))) end = next;
  Replace(text, begin, end, "");
}

void EraseSection(std::string& text, const ConfigContext& context) {
  const std::size_t last =
      context.entries.empty() ? context.range.end : context.entries.back().value_range.end;
  EraseLines(text, WithCommentAbove(text, LineBegin(text, context.range.begin)), LineEnd(text, last));
}

void EraseInline(std::string& text, const ConfigFile& config, const ConfigContext& context) {
  if (config.contexts_inline.has_value()) {
    const auto index = static_cast<std::size_t>(&context - config.contexts.data());
    EraseFromBraces(text, index, config.contexts.size(), [&](std::size_t i) {
      return std::pair(config.contexts[i].key_range.begin, config.contexts[i].range.end);
    });
    return;
  }
  Replace(text, LineBegin(text, context.key_range.begin), LineEnd(text, context.range.end), "");
}

// Where a first key goes: below a comment that heads the file.
std::size_t TopOf(std::string_view text) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  const std::size_t start =
      text.substr(0, kByteOrderMark.size()) == kByteOrderMark ? kByteOrderMark.size() : 0;
  std::size_t at = start;
  while (at < text.size() && IsComment(text.substr(at, LineEnd(text, at) - at))) at = LineEnd(text, at);
  // A comment that goes on with what follows belongs to that.
  if (at == start || at >= text.size()) return at;
  const std::size_t next = LineEnd(text, at);
  return IsBlank(text.substr(at, next - at)) ? next : start;
}

absl::StatusOr<ConfigFile> ParseGood(std::string_view text) {
  ConfigFile config = ParseConfig(text);
  if (!config.syntax_error.has_value()) return config;
  return absl::FailedPreconditionError(config.syntax_error->message);
}

absl::Status ByHand(std::string_view what) {
  return absl::FailedPreconditionError(
      fmt::format("{} stands in the file in a way that cannot be changed here: edit it by hand", what));
}

// An entry as far as edits must leave it alone.
bool SameEntries(const ConfigContext& a, const ConfigContext& b) {
  return std::equal(
      a.entries.begin(), a.entries.end(), b.entries.begin(), b.entries.end(),
      [](const ConfigEntry& x, const ConfigEntry& y) { return x.key == y.key && x.values == y.values; });
}

// True when the contexts but for `name` are the same.
bool OthersAreSame(const ConfigFile& before, const ConfigFile& after, std::string_view name) {
  const auto are_in = [name](const ConfigFile& these, const ConfigFile& those) {
    return std::all_of(these.contexts.begin(), these.contexts.end(), [&](const ConfigContext& context) {
      if (context.name == name) return true;
      const ConfigContext* const other = FindContext(those, context.name);
      return other != nullptr && SameEntries(context, *other);
    });
  };
  return are_in(before, after) && are_in(after, before);
}

bool IsSet(const ConfigFile& config, std::string_view name, const KeyChange& change) {
  const ConfigContext* const context = FindContext(config, name);
  if (context == nullptr) return false;
  return (FindEntry(*context, change.key) != nullptr) == change.value.has_value();
}

}  // namespace

absl::StatusOr<std::string> WithContext(std::string_view text, std::string_view name,
                                        const std::vector<KeyChange>& changes) {
  const std::string what = fmt::format("context {}", name);
  const absl::StatusOr<ConfigFile> before = ParseGood(text);
  if (!before.ok()) return before.status();
  std::string edited(text);
  if (FindContext(*before, name) == nullptr) AppendContext(edited, name);
  // Each change moves what is behind it, so everything is found again.
  for (const KeyChange& change : changes) {
    const ConfigFile config = ParseConfig(edited);
    const ConfigContext* const context = FindContext(config, name);
    if (context == nullptr) return ByHand(what);
    const ConfigEntry* const entry = FindEntry(*context, change.key);
    if (entry != nullptr && change.value.has_value()) {
      Replace(edited, entry->value_range.begin, entry->value_range.end, *change.value);
    } else if (entry != nullptr) {
      EraseEntry(edited, *context, *entry);
    } else if (change.value.has_value()) {
      AddEntry(edited, *context, change);
    }
    // A dotted context goes with its last key.
    const ConfigFile after = ParseConfig(edited);
    if (after.syntax_error.has_value() || !IsSet(after, name, change) ||
        !OthersAreSame(*before, after, name)) {
      return ByHand(what);
    }
  }
  return edited;
}

absl::StatusOr<std::string> WithoutContext(std::string_view text, std::string_view name) {
  const std::string what = fmt::format("context {}", name);
  const absl::StatusOr<ConfigFile> before = ParseGood(text);
  if (!before.ok()) return before.status();
  const ConfigContext* const context = FindContext(*before, name);
  if (context == nullptr) return absl::NotFoundError("there is no such context");
  std::string edited(text);
  switch (context->form) {
    case ContextForm::kSection:
      EraseSection(edited, *context);
      break;
    case ContextForm::kInline:
      EraseInline(edited, *before, *context);
      break;
    case ContextForm::kDotted:
      // From the back, so that what is in front stays where it is.
      for (auto entry = context->entries.rbegin(); entry != context->entries.rend(); ++entry) {
        EraseEntry(edited, *context, *entry);
      }
  }
  ConfigFile after = ParseConfig(edited);
  if (!after.syntax_error.has_value() && after.current.has_value() && after.current->values.front() == name) {
    EraseLines(edited, LineBegin(edited, after.current->key_range.begin),
               LineEnd(edited, after.current->value_range.end));
    after = ParseConfig(edited);
  }
  // What is left of a table within it would become something else.
  const bool gone = !after.syntax_error.has_value() && FindContext(after, name) == nullptr &&
                    after.problems.size() <= before->problems.size();
  if (!gone || !OthersAreSame(*before, after, name)) return ByHand(what);
  return edited;
}

absl::StatusOr<std::string> WithCurrentContext(std::string_view text, std::string_view name) {
  const absl::StatusOr<ConfigFile> before = ParseGood(text);
  if (!before.ok()) return before.status();
  if (FindContext(*before, name) == nullptr) return absl::NotFoundError("there is no such context");
  std::string edited(text);
  const std::string newline(NewlineOf(text));
  const std::string pair = fmt::format("current-context = {}", TomlString(name));
  if (before->current.has_value()) {
    const TextRange& value = before->current->value_range;
    Replace(edited, value.begin, value.end, TomlString(name));
  } else if (before->last_top_level.has_value()) {
    InsertLineAfter(edited, before->last_top_level->end, pair);
  } else {
    const std::size_t top = TopOf(text);
    const bool gap = top < text.size() && text[top] != '\r' && text[top] != '\n';
    edited.insert(top, pair + newline + (gap ? newline : std::string()));
  }
  const ConfigFile after = ParseConfig(edited);
  const bool set =
      !after.syntax_error.has_value() && after.current.has_value() && after.current->values.front() == name;
  if (!set || !OthersAreSame(*before, after, {})) return ByHand("current-context");
  return edited;
}

}  // namespace dispatchctl::cli
